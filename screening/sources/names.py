"""Ids made unique in listing order, in memory that does not grow with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from screening.errors import StoreError
from screening.sources.blocks import Item


def named(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the items; an id that was seen before gets ``~2``, ``~3``, ... appended.

    The ids seen are in a temporary database, which SQLite moves from memory to a file that has no name as it grows:
    8-byte hashes would fit in memory, but a collision would rename an innocent crystal.

    Raises
    ------
    StoreError
        There is no room for that file.
    """
    try:
        yield from _named(items)
    except sqlite3.Error as error:
        raise StoreError(f"the ids seen so far cannot be kept in a temporary file: {error}") from error


def _named(items: Iterator[Item]) -> Iterator[Item]:
    with closing(sqlite3.connect("", isolation_level=None)) as seen:
        seen.execute("PRAGMA journal_mode = OFF")
        seen.execute("PRAGMA synchronous = OFF")
        seen.execute("PRAGMA cache_size = -16384")  # KiB
        seen.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID")
        seen.execute("BEGIN")
        for item in items:
            if _is_new(seen, item.id):
                yield item
                continue
            (count,) = seen.execute("SELECT count FROM seen WHERE id = ?", (item.id,)).fetchone()
            while not _is_new(seen, name := f"{item.id}~{count + 1}"):
                count += 1
            seen.execute("UPDATE seen SET count = ? WHERE id = ?", (count + 1, item.id))
            yield item.renamed(name)


def _is_new(seen: sqlite3.Connection, id: str) -> bool:
    """Return whether an id was not seen before; it is from now on."""
    return seen.execute("INSERT OR IGNORE INTO seen VALUES (?, 1)", (id,)).rowcount == 1
