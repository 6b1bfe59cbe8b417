"""What the command does before it works: it answers at once, and importing the package brings nothing heavy in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import screening

HEAVY = ("numpy", "pandas", "pymatgen", "sklearn", "dask", "distributed", "gemmi", "zarr", "lightgbm", "fsspec")


def loaded(*arguments: str) -> tuple[int, set[str], str]:
    """Return exit status, which heavy packages were imported, and what was said on standard error."""
    code = (
        "import sys, screening.cli\n"
        f"sys.argv = ['screening', *{arguments!r}]\n"
        "try:\n    screening.cli.main()\nexcept SystemExit as end:\n    status = end.code\n"
        f"print('\\nLOADED', status, *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    status, *names = done.stdout.rsplit("LOADED", 1)[1].split()
    return int(status) if status != "None" else 0, set(names), done.stderr


def test_the_help_imports_nothing_heavy() -> None:
    assert loaded("--help")[:2] == (0, set())


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "nowhere", "--labels", "none.csv", "--out", "RUN"),
        ("featurize", "nowhere", "--out", "F.zarr"),
        ("train", "--features", "nowhere", "--labels", "none.csv", "--out", "M"),
        ("rank", "--features", "nowhere", "--model", "none", "--out", "r.csv"),
        ("explain", "--features", "nowhere", "--model", "none", "--out", "E"),
        ("report", "nowhere"),
        ("serve", "nowhere"),
        ("export", "nowhere", "--out", "x.csv"),
        ("verify", "nowhere"),
        ("status", "nowhere"),
        ("inspect", "nowhere"),
        ("hole", "nowhere"),
        ("bench", "nowhere"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_mistyped_path_is_told_before_anything_heavy_is_imported(arguments: tuple[str, ...]) -> None:
    status, names, said = loaded(*arguments)
    assert (status, names) == (1, set())
    assert "nowhere: no such file or folder" in said


def test_an_unknown_command_is_a_mistake_of_usage() -> None:
    assert loaded("rnu")[0] == 2


def test_the_package_shows_its_public_names_alone() -> None:
    assert dir(screening) == sorted(screening.__all__)
    for name in screening.__all__:
        assert getattr(screening, name) is not None


def test_the_command_is_a_module_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "screening", "--version"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == screening.__version__
