"""Imports run one way, down the data flow, and each library has its place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import screening

ROOT = Path(screening.__file__).parent
# One row per stage, in data-flow order; a module imports from its own row or rows above it.
LAYERS = (
    (
        "__init__",
        "errors",
        "crystal",
        "config",
        "chemistry",
        "neighbours",
        "_kernels",
        "machine",
        "device",
        "watchdog",
        "pipes",
    ),
    ("places",),
    ("lease",),
    ("sources",),
    ("symmetry", "cif"),
    ("reread",),
    ("data", "generate"),
    ("cloud",),
    ("homology",),
    ("holes",),
    ("cuda",),
    ("vectorize",),
    ("storage",),
    ("store",),
    ("featurize",),
    ("isolate",),
    ("learn",),
    ("contributions",),
    ("explain",),
    ("stability",),
    ("batches",),
    ("duplicates",),
    ("rank",),
    ("report",),
    ("deploy",),
    ("cluster",),
    ("journal",),
    ("compute",),
    ("fill",),
    ("pipeline",),
    (
        "export",
        "doctor",
        "barcode",
        "bench",
        "verify",
        "status",
        "comparison",
        "notebook",
        "transformer",
        "matminer",
        "listing",
    ),
    ("serve", "shortlist"),
    ("cli", "__main__"),
)
RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}
LIBRARIES = {
    "gemmi": {"cif", "symmetry", "sources", "data", "generate"},
    "pymatgen": {
        "crystal",
        "chemistry",
        "cif",
        "sources",
        "generate",
        "homology",
        "barcode",
        "duplicates",
        "transformer",
        "matminer",
    },
    "matminer": {"matminer"},
    "zarr": {"storage", "store"},
    "fsspec": {"places"},
    "cupy": {"cuda"},
    "lightgbm": {"learn", "explain"},
    "shap": {"contributions"},
    "distributed": {"cluster", "compute"},
    "dask_cuda": {"cluster"},
    "dask_jobqueue": {"cluster"},
    "dask_kubernetes": {"deploy"},
    "dask_cloudprovider": {"deploy"},
    "pynvml": {"bench"},
    "plotly": {"report"},
    "matplotlib": {"report"},
    "polars": {"listing", "serve"},
    "starlette": {"serve"},
    "uvicorn": {"serve"},
    "typer": {"cli"},
    "rich": {"cli"},
}


def modules() -> list[tuple[str, Path]]:
    paths = sorted(ROOT.rglob("*.py"))
    return [(path.relative_to(ROOT).parts[0].removesuffix(".py"), path) for path in paths]


def imports(path: Path) -> set[str]:
    """Dotted names imported anywhere in a file, `from screening import x` counted as screening.x."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def breaches(stage: str, imported: set[str]) -> list[str]:
    found = []
    for name in sorted(imported):
        top, _, rest = name.partition(".")
        if top == "screening":
            target = rest.split(".")[0]
            if target in RANK and target != stage and RANK[target] > RANK[stage]:
                found.append(f"{stage} imports the later stage {target}")
        elif top in LIBRARIES and stage not in LIBRARIES[top]:
            found.append(f"{stage} imports {top}")
    return found


@pytest.mark.parametrize(
    ("stage", "path"), modules(), ids=lambda value: str(value).rsplit("screening/", maxsplit=1)[-1]
)
def test_imports_run_down_the_data_flow(stage: str, path: Path) -> None:
    assert stage in RANK, f"{stage} has no layer: give it one in LAYERS"
    names = imports(path)
    if path == ROOT / "__init__.py":
        names = {name for name in names if not name.startswith("screening.")}
    assert breaches(stage, names) == []


def test_a_breach_is_seen() -> None:
    assert breaches("cif", {"screening.learn.train"}) == ["cif imports the later stage learn"]
    assert breaches("learn", {"zarr"}) == ["learn imports zarr"]
    assert breaches("learn", {"screening.store.store.FeatureTable", "lightgbm"}) == []
