"""Stored crystals in batches: a store whose shards can be read again, and shards joined to a size worth computing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from screening.crystals import IntArray
from screening.learn import Model
from screening.locations import Location
from screening.store import FeatureStore, FeatureTable

BATCH = 2048  # crystals judged at a time: with 2,400 columns, 20 MB


class StoredTables(Sequence[FeatureTable]):
    """The featurized crystals of a store, a shard at a time as `iter_tables` gives them, readable again by number.

    Raises
    ------
    StoreError
        There is no store, or it is unfinished; on reading, that a shard is damaged.
    """

    def __init__(self, path: Location) -> None:
        self.path = path
        self._store = FeatureStore.open(path)
        self._entries = self._store.entries()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def n_rows(self) -> int:
        """Number of rows in all tables, those without features included."""
        return sum(entry.rows for entry in self._entries)

    @overload
    def __getitem__(self, index: int) -> FeatureTable: ...
    @overload
    def __getitem__(self, index: slice) -> list[FeatureTable]: ...
    def __getitem__(self, index: int | slice) -> FeatureTable | list[FeatureTable]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return self._store.table(self._store.read_shard(self._entries[index]))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Crystals of consecutive tables of one store."""

    ids: NDArray[np.object_]  # (n,)
    features: NDArray[np.float32]  # (n, n_columns)
    facts: dict[str, NDArray[Any]]  # by name, (n,)
    composition: NDArray[np.float32]  # (n, 119)
    distances: NDArray[np.float32] | None  # (n, n_distances)
    header: dict[str, Any]
    table: IntArray  # (n,) number of the table
    row: IntArray  # (n,) row in it


def batches(tables: Iterable[FeatureTable], model: Model, *, labelled: bool, first: int = 0) -> Iterator[Batch]:
    """Yield the crystals to rank in batches of about `BATCH`; features are checked against the model's.

    The first of the tables has the number `first`.
    """
    known = frozenset(str(id) for id in model.training.ids)
    header: dict[str, Any] | None = None
    waiting: list[Batch] = []
    for number, table in enumerate(tables, start=first):
        if table.header is not header:
            model.check_features(table.header)
            if waiting:
                yield _joined(waiting)
            waiting, header = [], table.header
        wanted = [labelled or str(id) not in known for id in table.ids]
        waiting += [_part(table, rows, number=number) for rows in _cut(np.flatnonzero(wanted))]
        if sum(len(part.ids) for part in waiting) >= BATCH:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _cut(rows: IntArray) -> list[IntArray]:
    return [rows[begin : begin + BATCH] for begin in range(0, len(rows), BATCH)]


def _part(table: FeatureTable, rows: IntArray, *, number: int) -> Batch:
    names = [
        "source",
        "formula",
        "flags",
        "volume",
        "n_sites",
        "spacegroup",
        *(name for name in map(str, table.facts) if name.startswith("r_cut/")),
    ]
    return Batch(
        ids=table.ids[rows],
        features=table.features[rows],
        facts={name: table.facts[name].to_numpy()[rows] for name in names},
        composition=table.composition[rows],
        distances=None if table.distances is None else table.distances[rows],
        header=table.header,
        table=np.full(len(rows), number, dtype=np.int64),
        row=rows,
    )


def _joined(parts: Sequence[Batch]) -> Batch:
    distances = [part.distances for part in parts if part.distances is not None]
    return Batch(
        ids=np.concatenate([part.ids for part in parts]),
        features=np.concatenate([part.features for part in parts]),
        facts={name: np.concatenate([part.facts[name] for part in parts]) for name in parts[0].facts},
        composition=np.concatenate([part.composition for part in parts]),
        distances=np.concatenate(distances) if distances else None,
        header=parts[0].header,
        table=np.concatenate([part.table for part in parts]),
        row=np.concatenate([part.row for part in parts]),
    )
