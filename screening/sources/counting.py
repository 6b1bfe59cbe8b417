"""How many crystals there are at least, where that is cheap to see."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path


def count_up_to(crystals: Sequence[str], most: int) -> int:
    """Return a lower bound of the number of crystals in the given paths, at most `most`; nothing is read but names.

    Files of folders and entries of zip archives are counted, lines of lists too. What would have to be read or fetched
    counts as one.
    """
    found = 0
    for path in crystals:
        for _ in _names(path):
            found += 1
            if found >= most:
                return found
    return found


def _names(path: str) -> Iterator[str]:
    if "://" in path or not Path(path).exists():
        yield path
    elif Path(path).is_dir():
        for _, _, files in os.walk(path):
            yield from (name for name in files if ".cif" in name.lower())
    elif zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except (OSError, zipfile.BadZipFile):
            names = [path]
        yield from (name for name in names if ".cif" in name.lower())
    elif path.endswith((".txt", ".lst", ".list")):
        with Path(path).open(encoding="utf-8", errors="replace") as lines:
            yield from lines
    else:
        yield path
