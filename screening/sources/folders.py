"""The files below a folder, but for what this program wrote there itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from screening.sources.kinds import is_hidden
from screening.sources.passed import Passed

STORE = "features.zarr"
# What a RUN holds, beside its store.
OF_A_RUN = frozenset(
    """run.json run.log progress.json ranking.csv ranking.parquet duplicates.csv duplicates.parquet rejected.csv
    report.html model explanation known""".split()
)
MARKS_OF_A_RUN = frozenset({"run.json", "run.log"})
MARKS_OF_A_STORE = frozenset({"zarr.json", ".zgroup", ".zarray"})
REJECTED = "rejected.csv"


def is_store(name: str, inside: Iterable[str] = ()) -> bool:
    """Return whether a folder is a Zarr store, by its name or by the names in it."""
    return name.lower().endswith(".zarr") or not MARKS_OF_A_STORE.isdisjoint(inside)


def is_run(inside: Iterable[str]) -> bool:
    """Return whether a folder is a RUN, by the names in it."""
    names = set(inside)
    return STORE in names and not MARKS_OF_A_RUN.isdisjoint(names)


def is_own(name: str, *, in_run: bool) -> bool:
    """Return whether a name in a folder is that of something this program wrote."""
    return name == REJECTED or name.endswith(f"-{REJECTED}") or (in_run and name in OF_A_RUN)


def iter_folder(folder: Path, passed: Passed) -> Iterator[Path]:
    """Yield the files below a folder, sorted by path; links to folders are not followed.

    Hidden folders are counted in `passed`; stores and RUNs are noted there, and never walked into. Folders that cannot
    be listed come last, as they are, so that reading them gives a row that says so.
    """
    unlisted: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=lambda error: unlisted.append(Path(error.filename))):
        here = Path(parent)
        inside = {*folders, *files}
        if here != folder and (is_store(here.name, inside) or is_run(inside)):
            passed.outputs.append(here.as_posix())
            folders[:] = []
            continue
        in_run = is_run(inside)
        own = {name for name in inside if is_own(name, in_run=in_run)}
        passed.outputs.extend((here / name).as_posix() for name in sorted(own))
        for name in sorted(folders):
            if is_hidden(name):
                passed.add(name, (here / name).as_posix())
        folders[:] = sorted(name for name in folders if not is_hidden(name) and name not in own)
        for name in sorted(files):
            if name not in own:
                yield here / name
    yield from sorted(unlisted)
