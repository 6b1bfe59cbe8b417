"""One batch of crystals → the rows of one shard: the pure body of Dask tasks, whole or in four steps.

``prepare`` (parse, clouds) → ``persist`` (barcodes) → ``assemble`` (curves, rows) → ``write_shard``. On CPUs one task
does all four; with GPUs each step is a task, so that parsing and writing go on beside the GPU.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from screening.config import Config
from screening.crystals import CloudBatch, Crystal, FloatArray, channel_clouds, channel_label
from screening.errors import Code, Rejection, RejectionError
from screening.features.cuda import array_module
from screening.features.curves import columns, vectorize
from screening.homology import Barcodes, PercolationRanks, engine, ticks
from screening.host import time_limit
from screening.locations import location
from screening.sources import Item, read_item
from screening.store import FEATURIZED, N_ELEMENTS, NUMBERS, REJECTED, STRINGS, FeatureStore, LedgerEntry, ShardRows

Clouds = dict[str, tuple[FloatArray, FloatArray, FloatArray]]


def inputs_digest(items: Sequence[Item]) -> str:
    """Return the SHA-256 (hex) of everything a shard is computed from: ids, sources, texts, rejections."""
    digest = hashlib.sha256()
    for item in items:
        refusal = f"{item.rejection.code.value}\0{item.rejection.detail}" if item.rejection else ""
        text = item.text if item.format == "cif" else f"{item.format}\0".encode() + item.text
        parts = (item.id.encode(), item.source.encode(), text, refusal.encode())
        digest.update(b"".join([piece for part in parts for piece in (len(part).to_bytes(8, "little"), part)]))
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Prepared:
    """Inputs of one shard, read: what the later steps need of them."""

    inputs: str  # SHA-256 (hex) of the inputs
    outcomes: list[tuple[Crystal, Clouds] | Rejection]  # one per input, in order
    names: list[tuple[str, str]]  # id and source of each input
    seconds: float  # time spent so far

    def clouds(self) -> list[Clouds]:
        """Return the clouds by channel of the crystals that can be used."""
        return [outcome[1] for outcome in self.outcomes if not isinstance(outcome, Rejection)]


@dataclass(frozen=True, slots=True)
class Homology:
    """Clouds of one shard with their barcodes and percolation ranks, by channel."""

    clouds: dict[str, CloudBatch]
    barcodes: dict[str, Barcodes]
    percolation: dict[str, PercolationRanks]
    seconds: float  # time spent on them


def featurize_shard(path: str, index: int, items: Sequence[Item], config: Config) -> LedgerEntry:
    """Compute and write one shard of the store at `path`; return the ledger entry that makes it count."""
    prepared = prepare(items, config)
    rows = assemble(prepared, persist(prepared, config), config)
    return write_shard(path, index, rows, prepared.inputs)


def featurize_shard_in_time(path: str, index: int, items: Sequence[Item], config: Config) -> LedgerEntry:
    """Do what `featurize_shard` does; if it takes longer than one crystal may, end the worker process."""
    with time_limit(config.input.time_limit):
        return featurize_shard(path, index, items, config)


def featurize(items: Sequence[Item], config: Config) -> ShardRows:
    """Return the rows of `items`, one each, in order; a crystal that cannot be used is a row that says why.

    Rows depend on their own crystal alone, whatever stands beside it in the batch.
    """
    prepared = prepare(items, config)
    return assemble(prepared, persist(prepared, config), config)


def prepare(items: Sequence[Item], config: Config) -> Prepared:
    """Return the inputs read and turned into clouds; the first of four steps, on a CPU."""
    started = time.perf_counter()
    return Prepared(
        inputs=inputs_digest(items),
        outcomes=[_prepare(item, config) for item in items],
        names=[(item.id, item.source) for item in items],
        seconds=time.perf_counter() - started,
    )


def persist(prepared: Prepared, config: Config) -> Homology:
    """Return barcodes and percolation ranks of every channel; the second step, on a GPU if the engine wants one."""
    started = time.perf_counter()
    crystals = prepared.clouds()
    batches: dict[str, CloudBatch] = {}
    barcodes: dict[str, Barcodes] = {}
    percolation: dict[str, PercolationRanks] = {}
    settings = config.homology
    chosen = engine(settings.engine)
    for channel in config.cloud.channels if crystals else ():
        batch = CloudBatch.from_clouds([clouds[channel] for clouds in crystals])
        r_max = np.full(len(batch), settings.r_max[channel])
        batches[channel] = batch
        if config.curves.percolation:
            found = chosen.compute_with_ranks(batch, r_max=r_max, settings=settings)
            barcodes[channel], percolation[channel] = found
        else:
            barcodes[channel] = chosen.compute(batch, r_max=r_max, settings=settings)
    return Homology(batches, barcodes, percolation, time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class Described:
    """Rows of a shard without their features: what is known of each crystal before its barcodes are."""

    composition: NDArray[np.float32]  # (n, N_ELEMENTS)
    numbers: FloatArray  # (n, n_numbers), radii of completeness still missing
    strings: NDArray[np.object_]  # (n, n_strings)
    used: list[int]  # rows of the crystals that can be used
    seconds: float  # time spent so far


def describe(prepared: Prepared, config: Config) -> Described:
    """Return the rows of a shard without their features."""
    started = time.perf_counter()
    n_rows = len(prepared.outcomes)
    composition = np.zeros((n_rows, N_ELEMENTS), dtype=np.float32)
    numbers = np.full((n_rows, len(NUMBERS) + len(config.cloud.channels)), np.nan)
    strings = np.full((n_rows, len(STRINGS)), "", dtype=object)
    used: list[int] = []
    for index, ((id, source), outcome) in enumerate(zip(prepared.names, prepared.outcomes, strict=True)):
        if isinstance(outcome, Rejection):
            numbers[index, 0] = REJECTED
            strings[index] = [id, source, "", "", outcome.code.value, outcome.detail]
            continue
        crystal, _ = outcome
        used.append(index)
        numbers[index, : len(NUMBERS)] = [FEATURIZED, *_facts(crystal)]
        strings[index] = [crystal.id, crystal.source, crystal.formula, ";".join(crystal.flags), "", ""]
        composition[index] = _composition(crystal)
    return Described(composition, numbers, strings, used, prepared.seconds + time.perf_counter() - started)


def with_features(
    described: Described,
    features: NDArray[np.float32],
    r_cut: FloatArray,
    *,
    fallbacks: tuple[tuple[str, str, str], ...],
    config: Config,
) -> ShardRows:
    """Return whole rows.

    Parameters
    ----------
    described
        Rows without features.
    features
        (n_used, n_columns) of the crystals that can be used.
    r_cut
        (n_used, n_channels) radius up to which each channel is complete, Å.
    fallbacks
        (crystal id, channel, reason) of clouds that were computed elsewhere than asked for.
    config
        Columns, channels and largest radii.
    """
    rows = np.full((len(described.strings), len(columns(config))), np.nan, dtype=np.float32)
    numbers, cut = described.numbers, 0
    if described.used:
        rows[described.used] = features
        numbers = numbers.copy()
        numbers[np.ix_(described.used, range(len(NUMBERS), numbers.shape[1]))] = r_cut
        asked = np.array([config.homology.r_max[channel] for channel in config.cloud.channels])
        cut = int((ticks(r_cut) < ticks(asked)).any(axis=1).sum())
    return ShardRows(
        features=rows,
        composition=described.composition,
        numbers=numbers,
        strings=described.strings,
        seconds=described.seconds,
        cut=cut,
        fallbacks=fallbacks,
    )


def assemble(
    prepared: Prepared, homology: Homology, config: Config, arrays: Literal["numpy", "cupy"] = "numpy"
) -> ShardRows:
    """Return the rows of a shard; the third step, on a GPU where `arrays` is ``cupy``."""
    started = time.perf_counter()
    described = describe(prepared, config)
    features = np.empty((0, len(columns(config))), dtype=np.float32)
    r_cut = np.empty((0, len(config.cloud.channels)))
    if described.used:
        xp = array_module(arrays)
        features = vectorize(config, homology.clouds, homology.barcodes, homology.percolation, xp=xp)
        r_cut = np.column_stack([homology.barcodes[channel].r_cut for channel in config.cloud.channels])
    fallbacks = _fallbacks([prepared.names[index][0] for index in described.used], homology, config)
    rows = with_features(described, features, r_cut, fallbacks=fallbacks, config=config)
    return replace(rows, seconds=prepared.seconds + homology.seconds + time.perf_counter() - started)


def write_shard(path: str, index: int, rows: ShardRows, inputs: str) -> LedgerEntry:
    """Write one shard of the store at `path` and return its ledger entry; the last step, on a CPU."""
    return FeatureStore.open(location(path)).write_shard(index, rows, inputs=inputs)


def _fallbacks(ids: list[str], homology: Homology, config: Config) -> tuple[tuple[str, str, str], ...]:
    """Return (crystal id, channel, reason) of every cloud that another engine than the one asked for computed."""
    return tuple(
        (ids[fallback.cloud], channel_label(channel, config.cloud), fallback.reason)
        for channel in config.cloud.channels
        if channel in homology.barcodes
        for fallback in homology.barcodes[channel].fallbacks
    )


def _prepare(item: Item, config: Config) -> tuple[Crystal, Clouds] | Rejection:
    if item.rejection is not None:
        return item.rejection
    try:
        crystal = read_item(item, config.input)
        return crystal, channel_clouds(crystal, config.cloud)
    except RejectionError as error:
        return Rejection(id=item.id, source=item.source, stage="featurize", code=error.code, detail=error.detail)
    except MemoryError:  # says nothing of the crystal: it is tried again by itself
        raise
    except Exception as error:  # one crystal must not end the run; the row says it was our fault
        detail = f"{type(error).__name__}: {error}"
        return Rejection(id=item.id, source=item.source, stage="featurize", code=Code.INTERNAL, detail=detail)


def _facts(crystal: Crystal) -> list[float]:
    return [crystal.n_sites, crystal.volume, crystal.spacegroup, *crystal.cell_parameters()]


def _composition(crystal: Crystal) -> FloatArray:
    amounts = np.bincount(crystal.numbers, weights=crystal.occupancies, minlength=N_ELEMENTS).astype(np.float64)
    for number, amount in crystal.unplaced.items():
        amounts[number] += amount
    return amounts
