"""Where tasks run: one context manager around a Dask client, for local CPUs or GPUs, jobs, pods, machines, an address.

A worker that owns a GPU offers the resource ``GPU`` once, whatever its number of threads: a task that asks for it has
the GPU to itself, while the other threads parse the next crystals and write the last ones.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster
from distributed.security import Security

from screening.cluster.deploy import kubernetes_cluster, machines_cluster
from screening.cluster.host_check import check_host
from screening.cluster.node import NODE, READER
from screening.cluster.routes import GPU, batches
from screening.cluster.scratch import scratch_folder
from screening.config import ClusterConfig, Config, SlurmConfig
from screening.errors import ConfigError, DeviceUnavailableError, EngineUnavailableError, InputError, MissingExtraError
from screening.host import Device, cores

# A task carries the texts of its shard; how many bytes are in flight is bounded by the caller, so nothing is warned of.
WITH_TEXTS = {"distributed.admin.large-graph-warning-threshold": "1TiB"}


def is_remote(config: ClusterConfig) -> bool:
    """Return whether the workers are on other machines."""
    return config.scheduler is not None or config.kind != "local"


@contextmanager
def open_client(config: Config, device: Device) -> Iterator[Client]:
    """Yield a client of the scheduler named in the config, or of workers started for it.

    Raises
    ------
    InputError
        The scheduler does not answer.
    DeviceUnavailableError
        The device is ``cuda`` and no worker of the scheduler offers a GPU.
    EngineUnavailableError
        The package for this kind of cluster is not installed.
    """
    if config.cluster.scheduler is not None:
        try:
            client = Client(config.cluster.scheduler, timeout=20)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(f"no Dask scheduler answers at {config.cluster.scheduler}: {error}") from error
        with client, dask.config.set(WITH_TEXTS):
            _check_gpus(client, config.cluster.scheduler, device)
            yield client
        return
    with (
        dask.config.set(scheduler_settings(config.cluster) | WITH_TEXTS),
        scratch_folder() as scratch,
        _started(config, device, scratch) as cluster,
        Client(cluster) as client,
    ):
        if config.cluster.kind == "local":
            check_host(cluster.scheduler.http_server)
        yield client


def scheduler_settings(config: ClusterConfig) -> dict[str, Any]:
    """Return Dask's settings for a scheduler started here."""
    return {
        # A shard that was on a worker when it died is not tried again with others: it is taken apart.
        "distributed.scheduler.allowed-failures": 0,
        "distributed.scheduler.worker-ttl": f"{config.worker_ttl:g}s",
        # What takes time from the thread that computes: looking at every thread's stack a hundred times a second,
        # watching the event loop and the machine, giving each freed block back to the system to ask for it again.
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "500ms",
        "distributed.admin.system-monitor.interval": "5s",
        "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
        # Workers serve no web pages: nobody asks them for any.
        "distributed.worker.http.routes": [],
        # What is kept of tasks that have ended: with Dask's own bounds memory grows for the first 100,000 crystals.
        "distributed.admin.low-level-log-length": 100,
        "distributed.admin.log-length": 100,
    }


def _started(config: Config, device: Device, scratch: str) -> Any:
    """Return a cluster of workers started for this run."""
    if config.cluster.kind == "slurm":
        return _slurm_cluster(config.slurm, device, node=batches(config, device))
    if config.cluster.kind == "kubernetes":
        return kubernetes_cluster(config.kubernetes, device, node=batches(config, device))
    if config.cluster.kind == "cloud":
        return machines_cluster(config.machines, device, node=batches(config, device))
    common: dict[str, Any] = {
        "processes": True,
        "host": "127.0.0.1",
        "dashboard_address": "127.0.0.1:0",
        "local_directory": scratch,
        # Loopback keeps other machines out, not other users of this one: whoever reaches a scheduler can run code.
        "security": Security.temporary() if config.cluster.security == "tls" else None,
        "memory_limit": config.cluster.memory_bytes(),
        # A worker whose heartbeat meets the closing scheduler logs an error with a traceback; what is wrong with a
        # task or a worker reaches the client as an exception.
        "silence_logs": logging.CRITICAL,
    }
    if batches(config, device):  # the GPUs' processes come when they pay
        if config.cluster.gpu_pool:
            raise ConfigError("cluster.gpu_pool: the exact engine plans a GPU's memory itself; see gpu_memory_limit")
        readers = config.cluster.workers or max(1, cores() - len(device.gpus))
        return LocalCluster(n_workers=readers, threads_per_worker=1, resources=READER, **common)
    if device.kind == "cuda":
        return _cuda_cluster(config.cluster, device, common)
    return LocalCluster(n_workers=config.cluster.workers or cores(), threads_per_worker=1, **common)


def cuda_options(config: ClusterConfig, device: Device) -> dict[str, Any]:
    """Return the keywords of `dask_cuda.LocalCUDACluster` beside the common ones."""
    n_workers = config.workers or len(device.gpus)
    options: dict[str, Any] = {
        "n_workers": n_workers,
        "threads_per_worker": config.gpu_threads or max(2, cores() // n_workers),
        "resources": GPU,
        "device_memory_limit": config.gpu_memory_limit,
    }
    if config.gpu_pool:
        options |= {"rmm_pool_size": config.gpu_pool, "rmm_allocator_external_lib_list": "cupy"}
    return options


def _cuda_cluster(config: ClusterConfig, device: Device, common: dict[str, Any]) -> Any:
    if config.workers > len(device.gpus):
        raise DeviceUnavailableError(
            f"cluster.workers is {config.workers}, but {len(device.gpus)} GPU(s) answer: one worker owns one GPU"
        )
    from dask_cuda import LocalCUDACluster

    try:
        return LocalCUDACluster(**cuda_options(config, device), **common)
    except ValueError as error:  # a pool without rmm
        raise EngineUnavailableError(str(error)) from error


def slurm_options(config: SlurmConfig, device: Device, *, node: bool = False) -> dict[str, Any]:
    """Return the keywords of `dask_jobqueue.SLURMCluster`; with `node` each job runs readers beside its GPUs.

    Raises
    ------
    DeviceUnavailableError
        The device is ``cuda`` and the jobs ask for no GPU.
    """
    directives = list(config.directives)
    command: dict[str, Any] = {}
    processes = config.workers
    if config.gpus:
        directives.append(f"--gres=gpu:{config.gpus}")
    if device.kind == "cuda":
        if not config.gpus:
            raise DeviceUnavailableError("device cuda on SLURM needs slurm.gpus, the GPUs of one job")
        processes = config.gpus
        command = {"worker_command": "dask_cuda.cli worker", "worker_extra_args": ["--resources", "GPU=1"]}
    if node:
        readers = max(1, config.cores - config.gpus)
        processes = 1  # the node starts its own
        command = {
            "worker_command": NODE,
            "worker_extra_args": ["--readers", str(readers), "--gpus", str(config.gpus)],
        }
    return {
        "n_workers": processes * config.jobs,  # counted in processes
        "queue": config.queue,
        "account": config.account,
        "walltime": config.walltime,
        "cores": config.cores,
        "memory": config.memory,
        "processes": processes,
        "interface": config.interface,
        "job_name": "screening",
        "job_extra_directives": directives,
        "job_script_prologue": list(config.prologue),
        # Scheduler and workers talk over the cluster's network: encrypted, with certificates made for this run.
        "security": True,
        "shared_temp_directory": str(config.tls_folder or Path.cwd()),
        "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
        **command,
    }


def _slurm_cluster(config: SlurmConfig, device: Device, *, node: bool) -> Any:
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError as error:
        raise MissingExtraError("cluster.kind slurm needs dask-jobqueue: pip install 'screening[slurm]'") from error
    return SLURMCluster(**slurm_options(config, device, node=node))


def _check_gpus(client: Client, address: str, device: Device) -> None:
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if device.kind == "cuda" and not any(worker["resources"].get("GPU") for worker in workers.values()):
        raise DeviceUnavailableError(
            f"none of the {len(workers)} workers of {address} offers the resource GPU: start them with "
            "`dask cuda worker ADDRESS --resources GPU=1`, or use --device cpu"
        )
