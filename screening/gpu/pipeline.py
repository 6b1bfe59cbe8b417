"""Shards on a node with GPUs, in three tasks: read on a core, curves on a GPU, the rest and the writing on a core.

``read_shards`` (parse, cells) → ``curves_of_shards`` (one batch with other shards) → ``finish_shards`` (clouds that the
GPU left, rows, store). What travels between them are flat arrays. Rows are those of the CPU path, bit for bit.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from screening.config import Config
from screening.crystals import CloudBatch, FloatArray, IntArray, channel_label
from screening.features import Described, densities, describe, prepare, with_features, write_shard
from screening.gpu.cells import Cells, CurveSettings
from screening.gpu.collector import Collector, Counts
from screening.gpu.compiled import default_cache
from screening.gpu.device import REASONS, CudaDevice, Device
from screening.gpu.host import host_curves
from screening.host import time_limit
from screening.sources import Item
from screening.store import STRINGS, LedgerEntry, ShardRows

Values: TypeAlias = NDArray[np.float32] | NDArray[np.uint16] | NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ReadShard:
    """One shard, read."""

    inputs: str  # SHA-256 (hex) of the inputs
    rest: bytes  # what only the last step needs, see `_unpacked`: the GPU's process passes it on as it is
    cells: Cells  # (n_channels x n_used) clouds, channel after channel


@dataclass(frozen=True, slots=True)
class ShardCurves:
    """One shard with its curves, but for the clouds that the GPU left."""

    inputs: str
    rest: bytes
    values: Values  # of all clouds, as `Cells.value_offsets`
    outcomes: NDArray[np.int32]  # (n_clouds,) 0 = done, otherwise a key of `REASONS`
    left: Cells  # the clouds whose outcome is not 0


def suits(config: Config) -> bool:
    """Return whether the features of a run are those that this path computes."""
    return config.homology.engine == "periodic" and not config.curves.histogram


def read_shard(items: Sequence[Item], config: Config) -> ReadShard:
    """Return the shard read; if a crystal takes longer than it may, end the worker process."""
    with time_limit(config.input.time_limit):
        prepared = prepare(items, config)
        started = time.perf_counter()
        nothing = CloudBatch.from_clouds([])
        batches = [prepared.clouds.get(channel, nothing) for channel in config.cloud.channels]
        cells = Cells.of(batches)
        described = describe(prepared, config)
        parts = np.stack([densities(batch) for batch in batches])
        spent = described.seconds + time.perf_counter() - started
        rest = pickle.dumps((replace(described, seconds=spent), parts), pickle.HIGHEST_PROTOCOL)
        return ReadShard(prepared.inputs, rest, cells)


def read_shards(shards: Sequence[Sequence[Item]], config: Config) -> list[ReadShard]:
    """Return some shards read, one after the other."""
    return [read_shard(items, config) for items in shards]


def curves_of_shards(read: Sequence[ReadShard], config: Config) -> list[ShardCurves]:
    """Return the shards with their curves; waits until a batch that they are part of has been computed.

    Raises
    ------
    MissingExtraError, DeviceUnavailableError, EngineUnavailableError
        There is no GPU that computes here.
    """
    cells = Cells.joined([one.cells for one in read])
    values, outcomes = collector(config).compute(cells)
    offsets = cells.value_offsets(CurveSettings.of(config))
    curves: list[ShardCurves] = []
    begin = 0
    for one in read:
        end = begin + len(one.cells)
        own = outcomes[begin:end]
        curves.append(
            ShardCurves(
                inputs=one.inputs,
                rest=one.rest,
                values=compact(values[offsets[begin] : offsets[end]]),
                outcomes=own,
                left=one.cells.take(np.flatnonzero(own)),
            )
        )
        begin = end
    return curves


def finish_shards(
    path: str, indices: Sequence[int], curves: Sequence[ShardCurves], config: Config
) -> list[LedgerEntry]:
    """Compute what is left, write the shards to the store at `path`, and return the entries that make them count.

    If a crystal takes longer than it may, the worker process is ended.
    """
    entries: list[LedgerEntry] = []
    for index, one in zip(indices, curves, strict=True):
        with time_limit(config.input.time_limit):
            entries.append(write_shard(path, index, shard_rows(one, config), one.inputs))
    return entries


def shard_rows(curves: ShardCurves, config: Config) -> ShardRows:
    """Return the rows of a shard, the clouds that the GPU left computed here."""
    settings = CurveSettings.of(config)
    described, densities_of = _unpacked(curves.rest)
    channels = config.cloud.channels
    n_used = len(described.used)
    started = time.perf_counter()
    left = np.flatnonzero(curves.outcomes)
    values = curves.values.astype(np.float32)
    r_cut = np.repeat(np.array(settings.r_max), n_used)
    if len(left):
        found, r_cut[left] = host_curves(curves.left, settings)
        into, out_of = _value_offsets(settings, n_used), curves.left.value_offsets(settings)
        for place, cloud in enumerate(left):
            values[into[cloud] : into[cloud + 1]] = found[out_of[place] : out_of[place + 1]]
    parts: list[NDArray[np.float32]] = []
    begin = 0
    for channel, width in enumerate(settings.widths()):
        end = begin + n_used * width
        parts += [values[begin:end].reshape(n_used, width), densities_of[channel].astype(np.float32)]
        begin = end
    ids = described.strings[described.used, STRINGS.index("id")]
    fallbacks = tuple(
        (
            str(ids[cloud % n_used]),
            channel_label(channels[cloud // n_used], config.cloud),
            REASONS[int(curves.outcomes[cloud])],
        )
        for cloud in left
    )
    features, complete = np.concatenate(parts, axis=1), r_cut.reshape(len(channels), n_used).T
    described = replace(described, seconds=described.seconds + time.perf_counter() - started)
    return with_features(described, features, complete, fallbacks=fallbacks, config=config)


def compact(values: NDArray[np.float32]) -> Values:
    """Return the same numbers in the smallest type that holds each of them exactly.

    Curves count holes: a quarter of the bytes goes from the GPU's process to those that write.
    """
    if not np.signbit(values).any():  # negative zero equals zero, and its bytes are others
        most = values.max(initial=0.0)
        if most <= np.iinfo(np.uint8).max and np.array_equal(bytes_ := values.astype(np.uint8), values):
            return bytes_
        if most <= np.iinfo(np.uint16).max and np.array_equal(words := values.astype(np.uint16), values):
            return words
    return values


def _unpacked(rest: bytes) -> tuple[Described, FloatArray]:
    """Return what `read_shard` packed in this run: the crystals described, and densities (n_channels, n_used, 3)."""
    unpacked: tuple[Described, FloatArray] = pickle.loads(rest)  # noqa: S301 - this program's own
    return unpacked


def _value_offsets(settings: CurveSettings, n_used: int) -> IntArray:
    return np.concatenate([[0], np.cumsum(np.repeat(settings.widths(), n_used))]).astype(np.int64)


def open_cuda(config: Config) -> Device:
    """Return the GPU of this process, as `CudaDevice` raises."""
    folder = config.cluster.kernel_cache
    return CudaDevice(
        memory_share=config.cluster.gpu_memory_limit, cache=Path(folder).expanduser() if folder else default_cache()[0]
    )


# Opens the device of a process; tests put one in its place that needs no GPU.
open_device: Callable[[Config], Device] = open_cuda
_opening = threading.Lock()
_open: list[Collector] = []  # one or none


def collector(config: Config) -> Collector:
    """Return the collector of this process for the settings of a run; the device is opened for the first.

    A process serves one run at a time: for other settings the collector before is closed, its memory given back.
    """
    settings = CurveSettings.of(config)
    with _opening:
        if _open and _open[0].settings == settings:
            return _open[0]
        before = _open.pop() if _open else None
        if before is not None:
            before.close()
        _open.append(Collector(before.device if before else open_device(config), settings))
        return _open[0]


def opened(config: Config) -> str:
    """Return the name of the GPU of this process once it is ready to compute, as `curves_of_shards` raises."""
    return collector(config).device.name


def collector_counts() -> Counts | None:
    """Return what the collector of this process has done, None if it has none; the client asks at the end of a run."""
    return _open[0].counts if _open else None
