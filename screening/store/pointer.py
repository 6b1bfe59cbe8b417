"""A file that stands for a store elsewhere: it holds its URL."""

from __future__ import annotations

from pathlib import Path

from screening.errors import StoreError
from screening.locations import Location, Remote, location

LONGEST_URL = 4096


def point(path: Path, store: Remote) -> None:
    """Write a file that stands for a store elsewhere: it holds the URL, and `FeatureStore.open` follows it."""
    path.write_text(f"{store}\n", encoding="utf-8")


def pointed(path: Location) -> Location:
    """Return the place that a file written by `point` names; any other path as it is."""
    if isinstance(path, Remote) or not path.is_file():
        return path
    with path.open("rb") as file:
        target = location(file.read(LONGEST_URL).decode("utf-8", "replace").strip())
    if not isinstance(target, Remote):
        raise StoreError(f"{path} is a file: neither a feature store nor the URL of one")
    return target
