"""The workers of one node with GPUs: a process for each core that reads and writes, and one for each GPU.

Readers offer the resource ``READER``, a GPU process ``GPU`` once and ``BATCH`` for every shard that may wait in it for a
batch. Started by jobs and pods as a command::

    python -m screening.cluster.node tcp://scheduler:8786 --readers 15 --gpus 1
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Generator, Sequence
from typing import Any

import dask
from distributed import Nanny
from distributed.security import Security

from screening.host import cores

NODE = "screening.cluster.node"
READER = {"READER": 1}  # what a task on a core asks for where there are GPU processes beside
BATCH = {"BATCH": 1}  # what a task that waits for curves asks for
GPU_THREADS = 384  # shards that wait in one GPU process: three batches of 64,000 clouds


def gpu_resources(threads: int) -> dict[str, float]:
    """Return what the process of one GPU offers."""
    return {"GPU": 1, "BATCH": threads}


def gpu_worker_options(gpu: int, *, threads: int, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the nanny of one GPU's process.

    Parameters
    ----------
    gpu
        Index of the device.
    threads
        Shards that may wait at once.
    options
        Of every nanny of the node: memory limit, host, local directory, security.
    """
    return {
        **options,
        "nthreads": threads,
        "resources": gpu_resources(threads),
        "memory_limit": 0,  # it holds what waits for a batch, which is bounded, and the driver's maps of the GPU's memory
        # Before the process begins, so that no library of it sees another device.
        "env": {**options.get("env", {}), "CUDA_VISIBLE_DEVICES": str(gpu)},
    }


class Node:
    """The worker processes of this node, as one thing that is awaited, finishes and is closed.

    Parameters
    ----------
    scheduler
        Address.
    readers
        Processes that read and write; 0 = one per core, less one per GPU.
    gpus
        Devices, the first so many visible ones.
    options
        Of every nanny.
    """

    def __init__(self, scheduler: str, *, readers: int = 0, gpus: int = 1, **options: Any) -> None:
        name = options.pop("name", None)
        readers = readers or max(1, cores() - gpus)
        self.nannies: list[Any] = [
            Nanny(scheduler, nthreads=1, resources=READER, name=f"{name}-reader-{k}" if name else None, **options)
            for k in range(readers)
        ]
        for gpu in range(gpus):
            own = gpu_worker_options(gpu, threads=GPU_THREADS, options=options)
            self.nannies.append(Nanny(scheduler, name=f"{name}-gpu-{gpu}" if name else None, **own))

    def __await__(self) -> Generator[Any, None, Node]:
        return self._start().__await__()

    async def _start(self) -> Node:
        await asyncio.gather(*self.nannies)
        return self

    async def finished(self) -> None:
        """Wait until every process has ended."""
        await asyncio.gather(*(nanny.finished() for nanny in self.nannies))

    async def close(self, timeout: float = 10) -> None:
        """End every process."""
        await asyncio.gather(*(nanny.close(timeout=timeout) for nanny in self.nannies))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m screening.cluster.node", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("scheduler", nargs="?", default=None, help="address; none = DASK_SCHEDULER_ADDRESS")
    parser.add_argument("--readers", type=int, default=0, help="processes that read and write; 0 = cores less GPUs")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs of this node, one process each")
    parser.add_argument("--name", default=None)
    parser.add_argument("--interface", default=None)
    parser.add_argument("--protocol", default=None)
    parser.add_argument("--local-directory", default=None)
    parser.add_argument("--death-timeout", type=float, default=None, help="s without a scheduler until it ends")
    parser.add_argument("--memory-limit", default="auto", help="of each process")
    for name in ("ca-file", "cert", "key"):
        parser.add_argument(f"--tls-{name}", default=None)
    # What dask-jobqueue passes to any worker and what is decided here.
    for name in ("--nthreads", "--nworkers", "--nanny", "--no-nanny"):
        parser.add_argument(name, nargs="?", default=None, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


async def _run(argv: Sequence[str] | None) -> None:
    given = _arguments(argv)
    scheduler = given.scheduler or dask.config.get("scheduler-address")
    options: dict[str, Any] = {"memory_limit": given.memory_limit}
    for key in ("name", "interface", "protocol", "local_directory", "death_timeout"):
        if getattr(given, key) is not None:
            options[key] = getattr(given, key)
    if given.tls_ca_file:
        options["security"] = Security(
            tls_ca_file=given.tls_ca_file,
            tls_worker_cert=given.tls_cert,
            tls_worker_key=given.tls_key,
            require_encryption=True,
        )
    node = await Node(scheduler, readers=given.readers, gpus=given.gpus, **options)
    await node.finished()


if __name__ == "__main__":
    asyncio.run(_run(None))
