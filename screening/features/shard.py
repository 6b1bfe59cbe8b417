"""One batch of crystals → the rows of one shard: the pure body of Dask tasks, whole or in four steps.

``prepare`` (parse, clouds) → ``persist`` (barcodes) → ``assemble`` (curves, rows) → ``write_shard``. On CPUs one task
does all four; with GPUs each step is a task, so that parsing and writing go on beside the GPU.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from screening.config import Config
from screening.crystals import (
    CloudBatch,
    Crystal,
    CrystalBatch,
    FloatArray,
    Unit,
    channel_batches,
    channel_label,
    crystals_of,
    read_unit,
)
from screening.errors import Code, Rejection, RejectionError
from screening.features.cuda import array_module
from screening.features.curves import columns, vectorize
from screening.features.distances import NEIGHBOURS, PAIRS, average_distances
from screening.homology import Barcodes, PercolationRanks, engine, ticks
from screening.host import time_limit
from screening.locations import location
from screening.sources import Item, inputs_digest, read_item
from screening.store import FEATURIZED, N_ELEMENTS, NUMBERS, REJECTED, STRINGS, FeatureStore, LedgerEntry, ShardRows


@dataclass(frozen=True, slots=True)
class Prepared:
    """Inputs of one shard, read: what the later steps need of them."""

    inputs: str  # SHA-256 (hex) of the inputs
    names: list[tuple[str, str]]  # id and source of each input
    refused: dict[int, Rejection]  # why inputs cannot be used, by their place
    facts: Facts  # of the others, in order
    clouds: dict[str, CloudBatch]  # by channel, of the same
    seconds: float  # time spent so far


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What the rows of n crystals say of them beside their curves."""

    numbers: FloatArray  # (n, 9) the first columns of `NUMBERS` after the status: sites, volume, group, cell
    composition: FloatArray  # (n, 119) atoms per cell by atomic number
    formulas: list[str]
    flags: list[str]


@dataclass(frozen=True, slots=True)
class Homology:
    """Barcodes and percolation ranks of the clouds of one shard, by channel."""

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
    try:
        refused, facts, clouds = _read(items, config)
    except MemoryError:  # says nothing of the crystals: they are tried again one by one
        raise
    except Exception:  # one crystal must not end the run: which it is, its row says
        refused, facts, clouds = _read([_tried(item, config) for item in items], config)
    return Prepared(
        inputs=inputs_digest(items),
        names=[(item.id, item.source) for item in items],
        refused=refused,
        facts=facts,
        clouds=clouds,
        seconds=time.perf_counter() - started,
    )


def _read(items: Sequence[Item], config: Config) -> tuple[dict[int, Rejection], Facts, dict[str, CloudBatch]]:
    crystals, refused = read_items(items, config)
    facts, clouds, without = clouds_of(crystals, config)
    left = [place for place in range(len(items)) if place not in refused]
    for place, error in without.items():
        refused[left[place]] = _rejection(*crystals.names[place], error)
    return refused, facts, clouds


def _tried(item: Item, config: Config) -> Item:
    """Return an input, refused if the program fails on it alone."""
    try:
        _read([item], config)
    except MemoryError:
        raise
    except Exception as error:
        return replace(item, rejection=_rejection(item.id, item.source, error))
    return item


def read_items(items: Sequence[Item], config: Config) -> tuple[CrystalBatch, dict[int, Rejection]]:
    """Return the crystals of inputs, in order, and why others are none, by their place."""
    refused: dict[int, Rejection] = {}
    units: list[Unit] = []
    places: list[int] = []
    entries: dict[int, CrystalBatch] = {}  # of other formats than CIF
    for place, item in enumerate(items):
        if item.rejection is not None:
            refused[place] = item.rejection
            continue
        try:
            if item.format != "cif":
                entries[place] = CrystalBatch.from_crystals([read_item(item, config.input)])
                continue
            units.append(read_unit(item.text, config.input))
            places.append(place)
        except MemoryError:  # says nothing of the crystal: it is tried again by itself
            raise
        except Exception as error:  # one crystal must not end the run; the row says whether it was our fault
            refused[place] = _rejection(item.id, item.source, error)
    crystals = CrystalBatch.from_crystals([])
    if units:
        names = [(items[place].id, items[place].source) for place in places]
        crystals, raised = crystals_of(units, names, config.input)
        for which, why in raised.items():
            refused[places[which]] = _rejection(*names[which], why)
    if entries:
        of_files = [place for place in places if place not in refused]
        parts = {place: crystals.part(which, which + 1) for which, place in enumerate(of_files)} | entries
        crystals = CrystalBatch.joined([parts[place] for place in sorted(parts)])
    return crystals, refused


def prepared_of(crystals: Sequence[Crystal | Rejection], config: Config, *, stage: str = "featurize") -> Prepared:
    """Return crystals that are there already as inputs of a shard; `stage`: where those without clouds are refused."""
    refused = {place: crystal for place, crystal in enumerate(crystals) if isinstance(crystal, Rejection)}
    places = [place for place in range(len(crystals)) if place not in refused]
    batch = CrystalBatch.from_crystals([crystal for crystal in crystals if isinstance(crystal, Crystal)])
    facts, clouds, without = clouds_of(batch, config)
    for which, error in without.items():
        id, source = batch.names[which]
        refused[places[which]] = Rejection(id=id, source=source, stage=stage, code=error.code, detail=error.detail)
    names = [(crystal.id, crystal.source) for crystal in crystals]
    return Prepared("", names, refused, facts, clouds, seconds=0.0)


def clouds_of(crystals: CrystalBatch, config: Config) -> tuple[Facts, dict[str, CloudBatch], dict[int, RejectionError]]:
    """Return facts and clouds of crystals, and why some have none, by their place: they are not among the others."""
    clouds, without = channel_batches(crystals, config.cloud) if len(crystals) else ({}, {})
    used = crystals.without(list(without))
    cells = [used.n_sites, used.volumes(), np.array(used.spacegroups, dtype=np.float64), *used.cell_parameters().T]
    return (
        Facts(
            numbers=np.column_stack(cells),
            composition=used.compositions(),
            formulas=used.formulas(),
            flags=[";".join(flags) for flags in used.flags],
        ),
        clouds,
        without,
    )


def persist(prepared: Prepared, config: Config) -> Homology:
    """Return barcodes and percolation ranks of every channel; the second step, on a GPU if the engine wants one."""
    started = time.perf_counter()
    barcodes: dict[str, Barcodes] = {}
    percolation: dict[str, PercolationRanks] = {}
    settings = config.homology
    chosen = engine(settings.engine)
    for channel, batch in prepared.clouds.items():
        if not len(batch):
            continue
        r_max = np.full(len(batch), settings.r_max[channel])
        if config.curves.percolation:
            found = chosen.compute_with_ranks(batch, r_max=r_max, settings=settings)
            barcodes[channel], percolation[channel] = found
        else:
            barcodes[channel] = chosen.compute(batch, r_max=r_max, settings=settings)
    return Homology(barcodes, percolation, time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class Described:
    """Rows of a shard without their features: what is known of each crystal before its barcodes are."""

    composition: NDArray[np.float32]  # (n, N_ELEMENTS)
    numbers: FloatArray  # (n, n_numbers), distances at the end; radii of completeness still missing
    strings: NDArray[np.object_]  # (n, n_strings)
    used: list[int]  # rows of the crystals that can be used
    seconds: float  # time spent so far


def describe(prepared: Prepared, config: Config) -> Described:
    """Return the rows of a shard without their features."""
    started = time.perf_counter()
    n_rows = len(prepared.names)
    composition = np.zeros((n_rows, N_ELEMENTS), dtype=np.float32)
    before = len(NUMBERS) + len(config.cloud.channels)
    numbers = np.full((n_rows, before + len(PAIRS) * NEIGHBOURS), np.nan)
    strings = np.full((n_rows, len(STRINGS)), "", dtype=object)
    strings[:, :2] = np.reshape(np.array(prepared.names, dtype=object), (n_rows, 2))
    for place, refusal in prepared.refused.items():
        numbers[place, 0] = REJECTED
        strings[place, 4:] = [refusal.code.value, refusal.detail]
    used = [place for place in range(n_rows) if place not in prepared.refused]
    if used:
        facts = prepared.facts
        numbers[used, 0] = FEATURIZED
        numbers[used, 1 : len(NUMBERS)] = facts.numbers
        numbers[used, before:] = average_distances(prepared.clouds, len(used))
        strings[used, 2], strings[used, 3] = facts.formulas, facts.flags
        composition[used] = facts.composition
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
        numbers[np.ix_(described.used, range(len(NUMBERS), len(NUMBERS) + r_cut.shape[1]))] = r_cut
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
        features = vectorize(config, prepared.clouds, homology.barcodes, homology.percolation, xp=xp)
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


def _rejection(id: str, source: str, error: Exception) -> Rejection:
    if isinstance(error, RejectionError):
        return Rejection(id=id, source=source, stage="featurize", code=error.code, detail=error.detail)
    detail = f"{type(error).__name__}: {error}"
    return Rejection(id=id, source=source, stage="featurize", code=Code.INTERNAL, detail=detail)
