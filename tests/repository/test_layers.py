"""Imports run one way, rooms are entered by their door, no two modules need each other, each library has its place."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import screening

ROOT = Path(screening.__file__).parent
# Lowest first; rooms on one level do not import each other.
ORDER = (
    ("errors", "elements", "spreadsheet", "_kernels"),
    ("locations",),
    ("host",),
    ("config",),
    ("store",),
    ("crystals",),
    ("sources", "homology"),
    ("features", "data"),
    ("gpu", "energy"),
    ("generation",),
    ("learn", "cluster", "transformer"),
    ("ranking", "matminer"),
    ("runs",),
    ("report",),
    ("pipeline", "serve", "commands", "notebook"),
    ("cli",),
    ("__main__",),
)
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
# The command line imports what it shows before anything else is needed: its flags, its bar; the rest when it is asked.
OPEN_ROOMS = {("cli", "commands")}
LIBRARIES = {
    "gemmi": {"crystals", "sources", "data", "generation"},
    "ase": {"crystals", "sources"},
    "ijson": {"sources"},
    "optimade": {"commands"},
    "pymatgen": {"crystals", "data", "ranking", "transformer", "matminer", "homology", "commands"},
    "matminer": {"matminer"},
    "zarr": {"store"},
    "numcodecs": {"store"},
    "fsspec": {"locations"},
    "cupy": {"features", "gpu"},
    "cupyx": {"gpu"},
    "cupy_backends": {"gpu"},
    "lightgbm": {"learn"},
    "shap": {"ranking"},
    "distributed": {"cluster"},
    "tornado": {"cluster"},
    "dask": {"cluster"},
    "dask_cuda": {"cluster"},
    "dask_jobqueue": {"cluster"},
    "dask_kubernetes": {"cluster"},
    "dask_cloudprovider": {"cluster"},
    "pynvml": {"commands"},
    "matplotlib": {"report"},
    "polars": {"serve"},
    "starlette": {"serve"},
    "uvicorn": {"serve"},
    "h11": {"serve"},
    "typer": {"cli", "commands"},
    "rich": {"cli", "commands"},
}
DOTTED = re.compile(r"screening(\.\w+)+\Z")


def module_name(path: Path, root: Path = ROOT) -> str:
    """Return ``room.module`` of a file, ``room`` of its __init__, ``""`` of the package's own."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix("__init__").rstrip(".")


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def door(room: str) -> set[str]:
    """Return the names that a room's __init__ exports."""
    if room not in MODULES or MODULES[room].name != "__init__.py":
        return set()
    tree = ast.parse(MODULES[room].read_text(encoding="utf-8"))
    values = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    return {str(name) for value in values for name in ast.literal_eval(value)}


DOORS = {room: door(room) for room in LEVEL}


def imported(text: str) -> Iterator[str]:
    """Yield the dotted names below `screening` that a module imports anywhere, for types, lazily or by name too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            argument = node.args[0]
            if isinstance(argument, ast.Constant):
                yield str(argument.value)
            elif isinstance(argument, ast.JoinedStr):  # f"screening.room.{name}"
                yield str(getattr(argument.values[0], "value", "")).rstrip(".")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and DOTTED.match(node.value):
            yield node.value  # what a table of lazy names or a child's command line holds


def breaches(module: str, text: str) -> list[str]:
    """Return what a module imports against the rules."""
    room, found = module.split(".", maxsplit=1)[0], []
    for name in sorted(set(imported(text))):
        top, _, rest = name.partition(".")
        target, _, inner = rest.partition(".")
        if top == "screening" and target in LEVEL and target != room:
            if LEVEL[target] > LEVEL[room] or (LEVEL[target] == LEVEL[room] > 0):
                found.append(f"{module} imports {target}, which is not below it")
            deep = f"{target}.{inner}" in MODULES or f"{target}.{inner.rpartition('.')[0]}" in MODULES
            subroom = inner.split(".")[0] == "compare" and target == "learn"
            if deep and inner not in {"", *DOORS[target]} and not subroom and (room, target) not in OPEN_ROOMS:
                found.append(f"{module} imports {name} past the door of {target}")
        elif top in LIBRARIES and room not in LIBRARIES[top]:
            found.append(f"{module} imports {top}")
    return found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_run_one_way(module: str) -> None:
    if module == "":  # the package's door names the homes of what it exports
        return
    assert module.split(".", maxsplit=1)[0] in LEVEL, f"{module} has no level: give it one in ORDER"
    assert breaches(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_nothing_but_the_plan_stands_at_the_top() -> None:
    top = {path.name.removesuffix(".py").removesuffix(".pyi") for path in ROOT.iterdir() if path.name[0] != "."}
    assert top - {"__init__", "__pycache__", "py", "py.typed"} <= {*LEVEL, "cuda_source"}


def edges(texts: dict[str, str]) -> dict[str, set[str]]:
    """Return by module the modules that it imports; a name of a package counts as the module it is defined in."""
    graph: dict[str, set[str]] = defaultdict(set)
    for module, text in texts.items():
        for name in imported(text):
            target = name.removeprefix("screening.") if name.startswith("screening.") else ""
            while target and target not in texts:
                target = target.rpartition(".")[0]
            if target and target != module:
                graph[module].add(target)
    return graph


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that need each other, by Tarjan's algorithm."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for following in sorted(graph.get(node, ())):
            if following not in order:
                visit(following)
            if following in stack:
                low[node] = min(low[node], low[following])
        if low[node] == order[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found


def test_no_two_modules_need_each_other() -> None:
    """Lazy imports and those for types count too. A room's door imports its modules, so it is no module here."""
    doors = {module for module, path in MODULES.items() if path.name == "__init__.py"}
    texts = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items() if name not in doors}
    assert cycles(edges(texts)) == []


def test_breaches_are_seen() -> None:
    above = "from screening.learn import Model"
    assert breaches("crystals.cif", above) == ["crystals.cif imports learn, which is not below it"]
    assert breaches("learn.train", "import zarr") == ["learn.train imports zarr"]
    assert breaches("learn.train", "from screening.store import FeatureTable\nimport lightgbm") == []
    lazy = "def f():\n    from importlib import import_module\n    import_module('screening.pipeline')"
    assert breaches("ranking.rank", lazy) == ["ranking.rank imports pipeline, which is not below it"]
    assert breaches("learn.train", "from screening.store.store import FeatureTable") == [
        "learn.train imports screening.store.store.FeatureTable past the door of store"
    ]
    assert breaches("learn.x", "from screening.cluster import Progress") == [
        "learn.x imports cluster, which is not below it"
    ]
    assert breaches("store.x", "X = {'y': 'screening.report'}") == ["store.x imports report, which is not below it"]


def test_a_cycle_is_seen() -> None:
    texts = {
        "a.one": "from screening.a.two import x",
        "a.two": "def f():\n    from screening.a.three import y",
        "a.three": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from screening.a.one import z",
        "b": "from screening.a.one import z",
    }
    assert cycles(edges(texts)) == [["a.one", "a.three", "a.two"]]
