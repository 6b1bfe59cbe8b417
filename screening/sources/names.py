"""Ids made unique in listing order, in memory that does not grow with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from screening.errors import StoreError
from screening.sources.blocks import Item

AT_ONCE = 64  # ids looked up together, in a third of the time
MOST_BYTES = 2**20  # of the texts that wait for it


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
        with closing(sqlite3.connect("", isolation_level=None)) as seen:
            seen.execute("PRAGMA journal_mode = MEMORY")
            seen.execute("PRAGMA synchronous = OFF")
            seen.execute("PRAGMA cache_size = -16384")  # KiB
            seen.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID")
            for group in _groups(items):
                if _all_new(seen, [item.id for item in group]):
                    yield from group
                else:
                    yield from (_named(seen, item) for item in group)
    except sqlite3.Error as error:
        raise StoreError(f"the ids seen so far cannot be kept in a temporary file: {error}") from error


def _groups(items: Iterator[Item]) -> Iterator[list[Item]]:
    group: list[Item] = []
    size = 0
    for item in items:
        group.append(item)
        size += len(item.text)
        if len(group) == AT_ONCE or size >= MOST_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _all_new(seen: sqlite3.Connection, ids: list[str]) -> bool:
    """Return whether none of the ids was seen before and no two are equal; if so they are seen from now on."""
    seen.execute("BEGIN")
    rows = ", ".join(["(?, 1)"] * len(ids))
    added = seen.execute(f"INSERT OR IGNORE INTO seen VALUES {rows}", ids).rowcount  # noqa: S608 - placeholders alone
    seen.execute("COMMIT" if added == len(ids) else "ROLLBACK")
    return added == len(ids)


def _named(seen: sqlite3.Connection, item: Item) -> Item:
    """Return the item under an id that was not seen before."""
    if _is_new(seen, item.id):
        return item
    (count,) = seen.execute("SELECT count FROM seen WHERE id = ?", (item.id,)).fetchone()
    while not _is_new(seen, name := f"{item.id}~{count + 1}"):
        count += 1
    seen.execute("UPDATE seen SET count = ? WHERE id = ?", (count + 1, item.id))
    return item.renamed(name)


def _is_new(seen: sqlite3.Connection, id: str) -> bool:
    """Return whether an id was not seen before; it is from now on."""
    return seen.execute("INSERT OR IGNORE INTO seen VALUES (?, 1)", (id,)).rowcount == 1
