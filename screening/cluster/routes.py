"""Which way a shard is computed: on a core, through the exact engine on a GPU, or in steps of which some ask for a GPU.

The exact engine's GPUs may join a run after it has begun, and leave it: whatever a GPU does not return is computed on a
core. Which way a shard goes changes no byte of the store but the reasons in its ledger line.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import distributed

from screening.cluster.node import BATCH, GPU_THREADS, READER, gpu_worker_options
from screening.cluster.progress import Progress
from screening.config import Config
from screening.features import (
    assemble,
    featurize_apart,
    featurize_shard_in_time,
    inputs_digest,
    persist,
    prepare,
    write_shard,
)
from screening.gpu import MOST_CLOUDS, collector_counts, curves_of_shard, finish_shard, read_shard, suits
from screening.homology import ENGINES
from screening.host import Device
from screening.sources import Item
from screening.store import LedgerEntry

GPU = {"GPU": 1}  # what a task that has a GPU to itself asks for
GPU_FAILURES = 6  # shards in a row that a GPU did not return, after which it is not asked again
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

    def __init__(
        self, client: distributed.Client, path: str, *, config: Config, device: Device, progress: Progress, known: int
    ) -> None:
        self._client, self._path, self._config, self._device = client, path, config, device
        self._progress = progress
        self._batches = batches(config, device)
        # Whether workers for cores and for GPUs are told apart: those that are started for a run are.
        own = config.cluster.scheduler is None
        self._marked = self._batches and (own or (_has(client, "READER") and _has(client, "BATCH")))
        self._added = self._marked and (not own or config.cluster.kind != "local")
        self._failures = 0
        self._lost = False
        if self._added:
            progress.gpu |= {"used": True, "from_crystal": 0}
        elif self._marked and (config.device == "cuda" or known >= config.cluster.gpu_from):
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
        return "batch" if self._added and not self._lost else "core"

    def ahead(self) -> int:
        """Return how many shards beside those of the cores may be in flight: what fills the GPUs' batches."""
        if not self._added or self._lost:
            return 0
        clouds = self._config.store.shard_rows * len(self._config.cloud.channels)
        return max(1, len(self._device.gpus)) * BATCHES_AHEAD * math.ceil(MOST_CLOUDS / clouds)

    def submit(self, index: int, shard: list[Item], way: Way) -> distributed.Future[LedgerEntry]:
        """Return the future of a shard's ledger entry."""
        client, path, config = self._client, self._path, self._config
        if way == "batch":
            read = client.submit(read_shard, shard, config, pure=False, resources=READER)
            curves = client.submit(curves_of_shard, read, config, pure=False, resources=BATCH)
            return client.submit(finish_shard, path, index, curves, config, pure=False, resources=READER)
        if way == "steps":
            return submit_steps(client, path, index, shard, config=config, device=self._device)
        return client.submit(featurize_shard_in_time, path, index, shard, config, pure=False, **self._on_core())

    def submit_apart(self, index: int, shard: list[Item]) -> distributed.Future[LedgerEntry]:
        """Return the future of a shard that is computed crystal by crystal."""
        needs = {"resources": GPU} if ENGINES[self._config.homology.engine].needs_gpu else self._on_core()
        return self._client.submit(featurize_apart, self._path, index, shard, self._config, pure=False, **needs)

    def returned(self) -> None:
        """Note that a GPU returned a shard."""
        self._failures = 0

    def failed(self, fault: str) -> None:
        """Note that a GPU did not return a shard; after some in a row it is not asked again."""
        self._failures += 1
        if self._failures >= GPU_FAILURES and not self._lost:
            self._lost = True
            self._progress.gpu["lost"] = fault
            self._progress.say(f"the GPU does not return shards ({fault}); going on on the CPU")

    def tell_counts(self) -> None:
        """Pass on what the GPU processes have done."""
        if not self._added:
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

    def _on_core(self) -> dict[str, Any]:
        return {"resources": READER} if self._marked else {}

    def _add_gpus(self) -> None:
        """Start the GPUs' processes beside the readers, once."""
        self._added = True
        self._progress.gpu |= {"used": True, "from_crystal": self._progress.done}
        cluster: Any = self._client.cluster
        options = cluster.new_spec["options"]
        threads = self._config.cluster.gpu_threads or GPU_THREADS
        for gpu in self._device.gpus:
            own = gpu_worker_options(gpu.index, threads=threads, options=options)
            cluster.worker_spec[f"gpu-{gpu.index}"] = {"cls": cluster.new_spec["cls"], "options": own}
        cluster.scale(len(cluster.worker_spec))


def _has(client: distributed.Client, resource: str) -> bool:
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return any(worker["resources"].get(resource) for worker in workers.values())


def submit_steps(  # noqa: PLR0913
    client: distributed.Client, path: str, index: int, shard: list[Item], *, config: Config, device: Device
) -> distributed.Future[LedgerEntry]:
    """Return the future of a shard whose steps are tasks of their own; only those that use a GPU ask for one.

    While one shard's task has the GPU, the worker's other threads parse the next shards and write the last ones.
    """
    prepared = client.submit(prepare, shard, config, pure=False)
    needs = GPU if ENGINES[config.homology.engine].needs_gpu else {}
    homology = client.submit(persist, prepared, config, pure=False, **({"resources": needs} if needs else {}))
    rows = client.submit(assemble, prepared, homology, config, device.arrays, pure=False, resources=GPU)
    return client.submit(write_shard, path, index, rows, inputs_digest(shard), pure=False)
