"""Imports run one way, through the rooms' front doors, without a cycle, and each library has its place."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter

import pytest
from paths import ROOT

PACKAGE = ROOT / "screening"
# Lowest first; a room imports rooms of rows above its own. `errors` and `elements` stand below all.
ORDER = """
_kernels errors elements spreadsheet
locations
host
config
store
crystals
sources homology
features data
generation
learn cluster transformer
ranking matminer
runs
report
pipeline serve commands notebook
cli
__main__
"""
ROW = {room: row for row, rooms in enumerate(ORDER.split("\n")) for room in rooms.split()}
# Lists nothing but where its names come from.
ROW["__init__"] = len(ORDER)
# Libraries, and the rooms or modules that may import them.
LIBRARIES = {
    "cupy": "features.cuda",
    "dask": "cluster",
    "dask_cloudprovider": "cluster.deploy",
    "dask_cuda": "cluster.client",
    "dask_jobqueue": "cluster.client",
    "dask_kubernetes": "cluster.deploy",
    "distributed": "cluster",
    "fsspec": "locations",
    "gemmi": "crystals sources data",
    "jinja2": "report",
    "lightgbm": "learn",
    "markupsafe": "report",
    "matminer": "matminer",
    "matplotlib": "report",
    "optuna": "learn.compare",
    "plotly": "",
    "polars": "serve",
    "pymatgen": "crystals homology ranking.duplicates transformer matminer",
    "pynvml": "commands.bench",
    "redzed_tda": "homology.supercell",
    "rich": "cli",
    "ripser": "homology.supercell",
    "shap": "ranking.shap",
    "sklearn": "learn transformer",
    "starlette": "serve",
    "typer": "cli",
    "uvicorn": "serve",
    "xgboost": "learn.compare",
    "xlsxwriter": "report.export",
    "zarr": "store",
}
# Parts of a room that other rooms import by their own name: a room inside the room, too heavy for its front door.
DOORS = ("screening.learn.compare",)
# Cycles that stand for now: none may come to them.
KNOWN_CYCLES = [{"screening.learn.card", "screening.learn.model"}]
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imports(source: str) -> set[str]:
    """Dotted names imported anywhere in a source, lazily, for types alone or by `import_module("…")` too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func) and node.args:
            argument = node.args[0]
            if isinstance(argument, ast.JoinedStr):
                argument = argument.values[0]
            if isinstance(argument, ast.Constant):
                names.add(str(argument.value))  # of f"screening.room.{name}", "screening.room."
    return names


def module_of(name: str, modules: dict[str, str]) -> str:
    """The module that an imported name is, or is in; a room that passes on a function hides the module of its name."""
    room, _, leaf = name.rpartition(".")
    if room != "screening" and f'"{leaf}",' in modules.get(room, ""):
        return room
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def breaches(module: str, source: str) -> list[str]:
    """What a module may not import, one sentence each."""
    within = module.removeprefix("screening").removeprefix(".") or "__init__"
    room = within.split(".")[0]
    found = []
    for name in sorted(imports(source)):
        top, *rest = name.split(".")
        if top == "screening" and rest:
            if rest[0] not in ROW or rest[0] == room:
                continue
            if ROW[rest[0]] > ROW[room] or (ROW[rest[0]] == ROW[room] and ROW[room] != ROW["errors"]):
                found.append(f"{within} imports {rest[0]}, which does not stand below it")
            entered = module_of(name, SOURCES)
            if entered.count(".") > 1 and not name.startswith(DOORS):
                found.append(f"{within} imports {entered} past the front door of {rest[0]}")
        elif top in LIBRARIES and not any(
            within == place or within.startswith(f"{place}.") for place in LIBRARIES[top].split()
        ):
            found.append(f"{within} imports {top}")
    return found


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """For each module, the modules that it imports; those of the package itself are names that it passes on."""
    edges = {}
    for module, source in sources.items():
        if module != "screening":
            names = {name for name in imports(source) if not name.endswith(".")}
            edges[module] = {module_of(name, sources) for name in names} - {module, "screening", ""}
    return edges


def cycles(sources: dict[str, str], known: list[set[str]]) -> list[str]:
    """The modules of a cycle other than those known; empty where there is none."""
    edges = graph(sources)
    for pair in known:
        for module in pair & edges.keys():
            edges[module] -= pair
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("module", SOURCES)
def test_imports_run_down_the_data_flow(module: str) -> None:
    room = module.removeprefix("screening").removeprefix(".").split(".")[0] or "__init__"
    assert room in ROW, f"{room} has no place: give it one in ORDER"
    assert breaches(module, SOURCES[module]) == []


def test_there_is_no_cycle() -> None:
    assert cycles(SOURCES, KNOWN_CYCLES) == []


def test_only_what_the_plan_lists_stands_at_the_top() -> None:
    top = {path.name for path in PACKAGE.glob("*.py*")}
    listed = "__init__ __main__ errors elements spreadsheet config cli pipeline notebook transformer matminer".split()
    assert top == {f"{name}.py" for name in listed} | {"_kernels.pyi"}


@pytest.mark.parametrize(
    ("module", "planted", "seen"),
    [
        ("screening.crystals.cif", "from screening.learn import train", "imports learn, which does not stand below"),
        ("screening.crystals.cif", "def f():\n    import screening.report", "imports report, which does not"),
        ("screening.sources.raw", "from screening.homology import Barcodes", "imports homology, which does not"),
        ("screening.crystals.cif", "if TYPE_CHECKING:\n    from screening import runs", "imports runs, which does"),
        ("screening.store.store", 'import_module("screening.cluster")', "imports cluster, which does not"),
        ("screening.store.store", 'import_module(f"screening.cluster.{name}")', "imports cluster, which does not"),
        ("screening.learn.train", "from screening.store.store import FeatureStore", "past the front door of store"),
        ("screening.learn.train", "import zarr.codecs", "learn.train imports zarr"),
        ("screening.features.curves", "import cupy", "features.curves imports cupy"),
    ],
)
def test_a_breach_is_seen(module: str, planted: str, seen: str) -> None:
    (told,) = breaches(module, planted)
    assert seen in told


def test_what_is_allowed_is_no_breach() -> None:
    allowed = "from screening.store import FeatureStore\nimport lightgbm\nfrom screening.errors import Code"
    assert breaches("screening.learn.train", allowed) == []
    assert breaches("screening.cli", "from screening.learn.compare import CompareOptions") == []


def test_a_cycle_is_seen() -> None:
    planted = dict(SOURCES)
    planted["screening.crystals.formulas"] += "\ndef late():\n    import screening.crystals.cif\n"
    assert set(cycles(planted, KNOWN_CYCLES)) >= {"screening.crystals.formulas", "screening.crystals.cif"}
    assert len(cycles(SOURCES, [])) in (0, 3)
