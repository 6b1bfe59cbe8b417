"""One batch of crystals → the rows of one shard: the pure body of a Dask task."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.cif import read_cif
from screening.cloud import channel_clouds, channel_label
from screening.config import Config
from screening.crystal import CloudBatch, Crystal, FloatArray
from screening.errors import Code, Rejection, RejectionError
from screening.homology import engine, percolation_ranks
from screening.homology.barcodes import Barcodes
from screening.sources import Item
from screening.store import (
    FEATURIZED,
    N_ELEMENTS,
    NUMBERS,
    REJECTED,
    STRINGS,
    FeatureStore,
    LedgerEntry,
    ShardRows,
)
from screening.vectorize import columns, vectorize

Clouds = dict[str, tuple[FloatArray, FloatArray, FloatArray]]


def inputs_digest(items: Sequence[Item]) -> str:
    """Return the SHA-256 (hex) of everything a shard is computed from: ids, sources, texts, rejections."""
    digest = hashlib.sha256()
    for item in items:
        refusal = f"{item.rejection.code.value}\0{item.rejection.detail}" if item.rejection else ""
        for part in (item.id.encode(), item.source.encode(), item.text, refusal.encode()):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()


def featurize_shard(path: str, index: int, items: Sequence[Item], config: Config) -> LedgerEntry:
    """Compute and write one shard of the store at `path`; return the ledger entry that makes it count."""
    rows = featurize(items, config)
    return FeatureStore.open(Path(path)).write_shard(index, rows, inputs=inputs_digest(items))


def featurize(items: Sequence[Item], config: Config) -> ShardRows:
    """Return the rows of `items`, one each, in order; a crystal that cannot be used is a row that says why.

    Rows depend on their own crystal alone, whatever stands beside it in the batch.
    """
    started = time.perf_counter()
    outcomes = [_prepare(item, config) for item in items]
    used = [index for index, outcome in enumerate(outcomes) if not isinstance(outcome, Rejection)]
    prepared = [outcome for outcome in outcomes if not isinstance(outcome, Rejection)]
    labels = [channel_label(channel, config.cloud) for channel in config.cloud.channels]
    names = [*NUMBERS, *(f"r_cut/{label}" for label in labels)]

    features = np.full((len(items), len(columns(config))), np.nan, dtype=np.float32)
    composition = np.zeros((len(items), N_ELEMENTS), dtype=np.float32)
    numbers = np.full((len(items), len(names)), np.nan)
    strings = np.full((len(items), len(STRINGS)), "", dtype=object)
    for index, (item, outcome) in enumerate(zip(items, outcomes, strict=True)):
        if isinstance(outcome, Rejection):
            numbers[index, 0] = REJECTED
            strings[index] = [item.id, item.source, "", "", outcome.code.value, outcome.detail]
            continue
        crystal, _ = outcome
        numbers[index, : len(NUMBERS)] = [FEATURIZED, *_facts(crystal)]
        strings[index] = [crystal.id, crystal.source, crystal.formula, ";".join(crystal.flags), "", ""]
        composition[index] = _composition(crystal)
    if used:
        values, r_cut = _features([clouds for _, clouds in prepared], config)
        features[used] = values
        numbers[np.ix_(used, range(len(NUMBERS), len(names)))] = r_cut
    return ShardRows(
        features=features,
        composition=composition,
        numbers=numbers,
        strings=strings,
        seconds=time.perf_counter() - started,
    )


def _prepare(item: Item, config: Config) -> tuple[Crystal, Clouds] | Rejection:
    if item.rejection is not None:
        return item.rejection
    try:
        crystal = read_cif(item.text, id=item.id, source=item.source, limits=config.input)
        return crystal, channel_clouds(crystal, config.cloud)
    except RejectionError as error:
        return Rejection(id=item.id, source=item.source, stage="featurize", code=error.code, detail=error.detail)
    except Exception as error:  # one crystal must not end the run; the row says it was our fault
        detail = f"{type(error).__name__}: {error}"
        return Rejection(id=item.id, source=item.source, stage="featurize", code=Code.INTERNAL, detail=detail)


def _features(clouds: list[Clouds], config: Config) -> tuple[NDArray[np.float32], FloatArray]:
    """Return the features (n, n_columns) and the radius per channel to which they are complete (n, n_channels), Å."""
    batches: dict[str, CloudBatch] = {}
    barcodes: dict[str, Barcodes] = {}
    percolation: dict[str, Any] = {}
    settings = config.homology
    compute = engine(settings.engine)
    budgets = {"periodic": {"budget": settings.budget}}.get(settings.engine, {"max_points": settings.max_points})
    for channel in config.cloud.channels:
        batch = CloudBatch.from_clouds([crystal[channel] for crystal in clouds])
        r_max = np.full(len(batch), settings.r_max[channel])
        batches[channel] = batch
        barcodes[channel] = compute(batch, r_max=r_max, max_dim=settings.max_dim, **budgets)
        if config.curves.percolation:
            percolation[channel] = percolation_ranks(batch, r_max=r_max)
    values = vectorize(config, batches, barcodes, percolation)
    return values, np.column_stack([barcodes[channel].r_cut for channel in config.cloud.channels])


def _facts(crystal: Crystal) -> list[float]:
    lengths = np.linalg.norm(crystal.lattice, axis=1)
    a, b, c = crystal.lattice / lengths[:, None]
    angles = np.degrees(np.arccos(np.clip([b @ c, a @ c, a @ b], -1.0, 1.0)))
    return [crystal.n_sites, crystal.volume, crystal.spacegroup, *lengths, *angles]


def _composition(crystal: Crystal) -> FloatArray:
    amounts = np.bincount(crystal.numbers, weights=crystal.occupancies, minlength=N_ELEMENTS).astype(np.float64)
    for number, amount in crystal.unplaced.items():
        amounts[number] += amount
    return amounts
