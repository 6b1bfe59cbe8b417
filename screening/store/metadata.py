"""The Zarr metadata of a store: held against those that the first line of its ledger keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from screening.errors import StoreError
from screening.store.backend import GROUP

MOST_ROWS = 2**48


def metadata_names(arrays: Sequence[str]) -> list[str]:
    """Return the names of the files of metadata, that of the group first."""
    return [GROUP, *(f"{name}/{GROUP}" for name in arrays)]


def with_rows(text: str, n_rows: int) -> str:
    """Return the metadata of an array with another number of rows, as Zarr writes them."""
    fields: dict[str, Any] = json.loads(text)
    fields["shape"] = [n_rows, *fields["shape"][1:]]
    return json.dumps(fields, indent=2)


def rows_of(text: bytes) -> int:
    """Return the number of rows that the metadata of an array state.

    Raises
    ------
    ValueError
        They cannot be read, or state what no array of a store has.
    """
    try:
        rows = json.loads(text)["shape"][0]
    except (KeyError, IndexError, TypeError, RecursionError) as error:
        raise ValueError(repr(error)) from error
    if type(rows) is not int or not 0 <= rows <= MOST_ROWS:
        raise ValueError(f"{rows!r:.40} rows")
    return rows


def changed(found: dict[str, bytes], kept: dict[str, str]) -> list[str]:
    """Return the names of the files of metadata that are not those kept by the ledger, but for the number of rows.

    Parameters
    ----------
    found
        Files of metadata by name.
    kept
        What they were when the store was made.
    """
    names = []
    for name in sorted(found.keys() | kept.keys()):
        try:
            text = kept[name] if name == GROUP else with_rows(kept[name], rows_of(found[name]))
        except (KeyError, ValueError):
            names.append(name)
            continue
        if text.encode() != found.get(name):
            names.append(name)
    return names


def check(path: object, found: dict[str, bytes], kept: dict[str, str] | None) -> None:
    """Raise StoreError where metadata are not those that the ledger keeps; older stores keep none."""
    names = [] if kept is None else changed(found, kept)
    if names:
        raise StoreError(
            f"{path}: {', '.join(names)} {'is' if len(names) == 1 else 'are'} not what the store was made with; "
            f"`screening verify --repair {path}` puts it back from the ledger"
        )
