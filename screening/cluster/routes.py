"""Which way a shard is computed: on a core, through the exact engine on a GPU, or in steps of which some ask for a GPU.

The exact engine's GPUs may join a run after it has begun, and leave it: whatever a GPU does not return is computed on a
core. Which way a shard goes changes no byte of the store but the reasons in its ledger line.
"""

from __future__ import annotations

import math
import os
import signal
import time
from contextlib import suppress
from typing import Any, Literal

import distributed

from screening.cluster.node import BATCH, GPU_THREADS, READER, gpu_worker_options
from screening.cluster.progress import Progress
from screening.config import Config
from screening.features import (
    Prepared,
    assemble,
    featurize_apart,
    featurize_shard_in_time,
    persist,
    prepare,
    write_shard,
)
from screening.gpu import (
    MOST_CLOUDS,
    ReadShard,
    collector_counts,
    curves_of_shards,
    finish_shards,
    opened,
    read_shards,
    suits,
)
from screening.homology import ENGINES
from screening.host import Device
from screening.sources import Shard, unpacked
from screening.store import LedgerEntry, ShardRows

GPU = {"GPU": 1}  # what a task that has a GPU to itself asks for
GPU_NAME = "gpu-"  # of its process among the workers started here
GPU_FAILURES = 3  # in a row, after which a GPU is not asked again
BUNDLE = 4  # shards
BATCHES_AHEAD = 2  # per GPU, so that one is collected while another is computed

Way = Literal["core", "batch", "steps"]


def batches(config: Config, device: Device) -> bool:
    """Return whether shards of a run may go through the exact engine on a GPU."""
    return device.kind == "cuda" and suits(config)


class Routes:
    """Sends shards their way.

    Parameters
    ----------
    client
        Of the workers.
    path
        Of the store.
    config, device
        Engine, device and sizes.
    progress
        Is told what changes, and counts what has been found.
    known
        Crystals that are known to come before all are listed; decides whether a GPU pays from the start.
    """

    def __init__(  # noqa: PLR0913 - what is sent where, and who is told
        self, client: distributed.Client, path: str, *, config: Config, device: Device, progress: Progress, known: int
    ) -> None:
        self._client, self._path, self._config, self._device = client, path, config, device
        self._progress = progress
        self._batches = batches(config, device)
        # Whether workers for cores and for GPUs are told apart: those that are started for a run are.
        own = config.cluster.scheduler is None
        self._marked = self._batches and (own or (_has(client, "READER") and _has(client, "BATCH")))
        self._own_processes = self._marked and own and config.cluster.kind == "local"
        self._added = self._marked and (not own or config.cluster.kind != "local")
        self._failures = 0
        self._failed_at = -math.inf
        self._lost = False
        self._opening: distributed.Future[str] | None = None
        if self._added or (self._marked and (config.device == "cuda" or known >= config.cluster.gpu_from)):
            self._add_gpus()
        elif self._marked:
            progress.say(f"on the CPU until {config.cluster.gpu_from:,} crystals are listed; then on the GPU as well")

    def way(self) -> Way:
        """Return which way the next shard goes."""
        if not self._batches:
            return "steps" if self._device.kind == "cuda" else "core"
        if not self._marked:
            return "steps"
        if not self._added and self._progress.found >= self._config.cluster.gpu_from:
            self._add_gpus()
        return "batch" if self._is_ready() else "core"

    def ahead(self) -> int:
        """Return how many shards beside those of the cores may be in flight: what fills the GPUs' batches."""
        if not self._is_ready():
            return 0
        clouds = self._config.store.shard_rows * len(self._config.cloud.channels)
        return max(1, len(self._device.gpus)) * BATCHES_AHEAD * math.ceil(MOST_CLOUDS / clouds)

    def bundle(self) -> int:
        """Return how many shards make one piece of work: more on a long way through GPUs, which saves messages."""
        long = self._progress.found >= self._config.cluster.gpu_from
        return BUNDLE if long and self.way() == "batch" else 1

    def submit(self, shards: list[Shard], way: Way) -> distributed.Future[list[LedgerEntry]]:
        """Return the future of the ledger entries of some shards; more than one only on the way ``batch``."""
        client, path, config = self._client, self._path, self._config
        if way == "batch":
            read = client.submit(_read, [shard.packed for shard in shards], config, pure=False, resources=READER)
            curves = client.submit(curves_of_shards, read, config, pure=False, resources=BATCH)
            indices = [shard.index for shard in shards]
            return client.submit(finish_shards, path, indices, curves, config, pure=False, resources=READER)
        (shard,) = shards
        if way == "steps":
            return submit_steps(client, path, shard, config=config, device=self._device)
        return client.submit(_featurized, path, shard.index, shard.packed, config, pure=False, **self._on_core())

    def submit_apart(self, shard: Shard) -> distributed.Future[list[LedgerEntry]]:
        """Return the future of a shard that is computed crystal by crystal."""
        needs = {"resources": GPU} if ENGINES[self._config.homology.engine].needs_gpu else self._on_core()
        return self._client.submit(
            _featurized_apart, self._path, shard.index, shard.packed, self._config, pure=False, **needs
        )

    def returned(self) -> None:
        """Note that a GPU returned what it was given."""
        self._failures = 0

    def failed(self, fault: str, *, since: float) -> None:
        """Note that a GPU did not return what it was given at `since` (time.monotonic()).

        What was under way when it failed before fails with it and is not counted again; after some failures in a row it
        is not asked any more.
        """
        if since < self._failed_at:
            return
        self._failed_at = time.monotonic()
        self._failures += 1
        self._progress.gpu["failures"] = self._progress.gpu.get("failures", 0) + 1
        self._progress.say(f"a GPU did not return its shards ({fault}); they are computed on the CPU")
        if self._failures >= GPU_FAILURES:
            self._lost = True
            self._progress.say("no GPU is asked any more")

    def tell_counts(self) -> None:
        """Pass on what the GPU processes have done."""
        if self._opening is None:
            return
        if "used" not in self._progress.gpu and self._own_processes:
            self._end_gpus()
            return
        try:
            found = [counts for counts in self._client.run(collector_counts).values() if counts is not None]
        except Exception:  # a worker that is gone tells nothing
            return
        self._progress.gpu |= {
            "batches": sum(counts.batches for counts in found),
            "clouds": sum(counts.clouds for counts in found),
            "largest_batch": max((counts.largest for counts in found), default=0),
            "busy_seconds": round(sum(counts.busy for counts in found), 3),
        }

    def _end_gpus(self) -> None:
        """End the GPUs' processes that are still opening a device: in the driver they listen to nobody."""
        cluster: Any = self._client.cluster
        for name, nanny in cluster.workers.items():
            if str(name).startswith(GPU_NAME):
                nanny.auto_restart = False
                with suppress(ProcessLookupError, TypeError):  # it has ended, or has not begun
                    os.kill(nanny.pid, signal.SIGKILL)

    def _on_core(self) -> dict[str, Any]:
        return {"resources": READER} if self._marked else {}

    def _is_ready(self) -> bool:
        """Return whether a GPU can be given shards: it is open, or nothing is to be done before it is (gpu_from 0)."""
        if self._opening is None or self._lost:
            return False
        if "used" not in self._progress.gpu:
            if self._config.cluster.gpu_from > 0 and not self._opening.done():
                return False
            if self._opening.status == "error":
                self._lost = True
                fault = str(self._opening.exception())
                self._progress.gpu["failures"] = 1
                self._progress.say(f"no GPU can be opened ({fault}); going on on the CPU")
                return False
            self._progress.gpu |= {"used": True, "from_crystal": self._progress.done}
            self._progress.say(f"the GPU is there after {self._progress.done:,} crystals")
        return True

    def _add_gpus(self) -> None:
        """Start the GPUs' processes beside the readers, once; until one has opened its device, cores do the work."""
        if not self._added:
            self._start_gpus()
        self._added = True
        self._opening = self._client.submit(opened, self._config, pure=False, resources=BATCH)

    def _start_gpus(self) -> None:
        cluster: Any = self._client.cluster
        options = cluster.new_spec["options"]
        threads = self._config.cluster.gpu_threads or GPU_THREADS
        for gpu in self._device.gpus:
            own = gpu_worker_options(gpu.index, threads=threads, options=options)
            cluster.worker_spec[f"{GPU_NAME}{gpu.index}"] = {"cls": cluster.new_spec["cls"], "options": own}
        cluster.scale(len(cluster.worker_spec))


def _has(client: distributed.Client, resource: str) -> bool:
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return any(worker["resources"].get(resource) for worker in workers.values())


def _featurized(path: str, index: int, packed: bytes, config: Config) -> list[LedgerEntry]:
    return [featurize_shard_in_time(path, index, unpacked(packed), config)]


def _featurized_apart(path: str, index: int, packed: bytes, config: Config) -> list[LedgerEntry]:
    return [featurize_apart(path, index, unpacked(packed), config)]


def _read(packed: list[bytes], config: Config) -> list[ReadShard]:
    return read_shards([unpacked(one) for one in packed], config)


def _prepared(packed: bytes, config: Config) -> Prepared:
    return prepare(unpacked(packed), config)


def _written(path: str, index: int, rows: ShardRows, inputs: str) -> list[LedgerEntry]:
    return [write_shard(path, index, rows, inputs)]


def submit_steps(
    client: distributed.Client, path: str, shard: Shard, *, config: Config, device: Device
) -> distributed.Future[list[LedgerEntry]]:
    """Return the future of the one entry of a shard whose steps are tasks of their own; GPUs are asked for as needed.

    While one shard's task has the GPU, the worker's other threads parse the next shards and write the last ones.
    """
    prepared = client.submit(_prepared, shard.packed, config, pure=False)
    needs = GPU if ENGINES[config.homology.engine].needs_gpu else {}
    homology = client.submit(persist, prepared, config, pure=False, **({"resources": needs} if needs else {}))
    rows = client.submit(assemble, prepared, homology, config, device.arrays, pure=False, resources=GPU)
    return client.submit(_written, path, shard.index, rows, shard.inputs, pure=False)
