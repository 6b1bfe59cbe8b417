"""Featurized and refused crystals of a store, read shard by shard."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from screening.errors import Code, Rejection, StoreError
from screening.locations import Location
from screening.store.store import FeatureStore
from screening.store.tables import FEATURIZED, REJECTED, STRINGS, FeatureTable, joined_rows, joined_tables

COMPLEMENT = bytes(range(255, -1, -1))


def iter_tables(path: Location) -> Iterator[FeatureTable]:
    """Yield the featurized crystals of a store shard by shard, so that memory does not grow with the store."""
    store = FeatureStore.open(path)
    for rows in store.iter_shards():
        yield store.table(rows)


def read_table(path: Location) -> FeatureTable:
    """Return all featurized crystals of a store as one table."""
    return _joined(iter_tables(path), path)


def read_some(path: Location, *, ids: Collection[str], others: int = 0, seed: int = 0) -> FeatureTable:
    """Return the featurized crystals named in `ids` and a seeded draw of others, in store order.

    Memory holds what is returned and one shard, however large the store is.

    Parameters
    ----------
    path
        The store.
    ids
        Crystals wanted; those that are not in the store are left out.
    others
        How many others to draw; all of them if there are fewer.
    seed
        Of the draw; the draw depends on the ids in the store, not on their order.
    """
    drawn: list[tuple[bytes, str]] = []  # a heap of the `others` smallest hashes, negated by complement
    table_of: dict[str, int] = {}
    for shard, number in _ids(path):
        table_of |= dict.fromkeys((id for id in shard if id in ids), number)
        for id in shard if others else ():
            if id in ids:
                continue
            # Complemented, so that the smallest of the heap is the largest hash, the one to go first.
            place = hashlib.sha256(f"{seed}\0{id}".encode()).digest().translate(COMPLEMENT)
            if len(drawn) < others:
                heapq.heappush(drawn, (place, id))
            elif (place, id) > drawn[0]:
                _, gone = heapq.heapreplace(drawn, (place, id))
                del table_of[gone]
            else:
                continue
            table_of[id] = number
    store = FeatureStore.open(path)
    entries = store.entries()
    # Features are read of shards that hold a crystal wanted; of none of them the first gives the columns.
    holding = sorted(set(table_of.values())) or ([0] if entries else [])

    parts = []
    for number in holding:
        rows = store.read_shard(entries[number])
        parts.append(rows[np.array([id in table_of for id in rows.strings[:, 0]], dtype=np.bool_)])
    if not parts:
        raise StoreError(f"{path} contains no crystal")
    return store.table(joined_rows(parts))  # one table of all: to make one takes a millisecond


def tables_by_id(path: Location) -> dict[str, int]:
    """Return for each featurized crystal the number of the table it is in, counted as `iter_tables` gives them."""
    return {id: number for ids, number in _ids(path) for id in ids}


def count_flags(path: Location) -> dict[str, int]:
    """Return how many featurized crystals carry each flag, by name."""
    store = FeatureStore.open(path)
    counts: Counter[str] = Counter()
    for entry in store.entries():
        status, strings = store.read_names(entry)
        for flags in strings[status == FEATURIZED, STRINGS.index("flags")]:
            counts.update(name for name in str(flags).split(";") if name)
    return dict(sorted(counts.items()))


def _joined(tables: Iterator[FeatureTable], path: Location) -> FeatureTable:
    parts = list(tables)
    if not parts:
        raise StoreError(f"{path} contains no crystal")
    return joined_tables(parts)


def read_rejections(path: Location) -> list[Rejection]:
    """Return the rejected inputs of a store in listing order; their stage is ``featurize``."""
    rejections = []
    store = FeatureStore.open(path)
    for entry in store.entries():
        if not entry.rejected:
            continue
        status, names = store.read_names(entry)
        for strings in names[status == REJECTED]:
            id, source, _, _, code, detail = (str(cell) for cell in strings)
            rejections.append(Rejection(id=id, source=source, stage="featurize", code=Code(code), detail=detail))
    return rejections


def _ids(path: Location) -> Iterator[tuple[list[str], int]]:
    """Yield the ids of the featurized crystals of a shard and the number of its entry, without reading features."""
    store = FeatureStore.open(path)
    for number, entry in enumerate(store.entries()):
        status, strings = store.read_names(entry)
        yield [str(id) for id in strings[status == FEATURIZED, 0]], number


def differences(ours: dict[str, Any], theirs: dict[str, Any], prefix: str = "") -> list[str]:
    """Return what differs between two nested settings, one line each: ``key: ours != theirs``."""
    lines: list[str] = []
    for key in sorted(ours.keys() | theirs.keys()):
        left, right = ours.get(key), theirs.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            lines += differences(left, right, f"{prefix}{key}.")
        elif left != right:
            lines.append(f"{prefix}{key}: {left!r} here, {right!r} in the store")
    return lines
