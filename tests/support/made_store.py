"""A small store with rejections in it, its values telling where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from screening.store.backend import LEDGER, LOCK
from screening.store.store import FeatureStore
from screening.store.tables import FEATURIZED, NUMBERS, REJECTED, ShardRows

COLUMNS = ["Li/beta0/0.10", "Li/beta0/0.20", "Li/number_density"]
HEADER = {
    "config": {"a": 1},
    "features_hash": "00",
    "engine": "periodic",
    "shard_rows": 4,
    "versions": {"screening": "0"},
}


def rows(first: int, count: int) -> ShardRows:
    """Rows with values that tell where they belong; every third is a rejection."""
    numbers = np.full((count, len(NUMBERS) + 1), 1.5)
    strings = np.full((count, 6), "", dtype=object)
    features = np.arange(first * 3, (first + count) * 3, dtype=np.float32).reshape(count, 3)
    for row in range(count):
        refused = (first + row) % 3 == 2
        numbers[row, 0] = REJECTED if refused else FEATURIZED
        strings[row, :2] = [f"id{first + row}", f"päth/{first + row}.cif"]
        if refused:
            strings[row, 4:] = ["no-cell", "no cell given"]
            features[row] = np.nan
    composition = np.zeros((count, 119), dtype=np.float32)
    composition[:, 3] = first
    return ShardRows(features=features, composition=composition, numbers=numbers, strings=strings, seconds=0.1)


def filled(path: Path, *, order: tuple[int, ...] = (0, 1, 2), total: int = 10) -> FeatureStore:
    store = FeatureStore.create(path, columns=COLUMNS, channels=["Li"], header=HEADER)
    for index in order:
        store.reserve(max(store.n_rows, (index + 1) * 4))
        count = min(4, total - index * 4)
        store.commit(store.write_shard(index, rows(index * 4, count), inputs=f"inputs{index}"))
    store.finish(total)
    return FeatureStore.open(path)


def files(path: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(path)): p.read_bytes()
        for p in sorted(path.rglob("*"))
        if p.is_file() and p.name not in (LEDGER, LOCK)
    }
