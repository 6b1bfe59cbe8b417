"""Settings of the machines that compute: local processes, SLURM, Kubernetes, clouds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from screening.config.section import PositiveFloat, PositiveInt, Section
from screening.host import cores, memory


class ClusterConfig(Section):
    """Where tasks run."""

    kind: Literal["local", "slurm", "kubernetes", "cloud"] = Field(
        "local",
        description="local: processes here; slurm: jobs, [slurm]; kubernetes: pods, [kubernetes]; cloud: [machines]",
    )
    scheduler: str | None = Field(None, description="address of a running Dask scheduler; none = start one")
    security: Literal["tls", "none"] = Field(
        "tls",
        description="of workers started here: tls, keys made for the run; none: any user of this machine can run code"
        " in them",
    )
    workers: Annotated[int, Field(ge=0)] = Field(
        0, description="worker processes started here; 0 = one per core, with device cuda less one per GPU"
    )
    listing: Literal["auto", "here", "apart"] = Field(
        "auto",
        description="crystals are listed in this process or apart, in one of its own; auto: apart for 8 workers "
        "and more, with a GPU, and with workers elsewhere",
    )
    in_flight: PositiveInt = Field(3, description="shards in flight per worker")
    bytes_in_flight: PositiveInt = Field(
        256, description="most MiB of CIF text listed and in flight; a shard that is larger goes alone"
    )
    memory: Annotated[float, Field(ge=0)] = Field(
        0.0, description="most memory of a worker process, GiB; beyond it the worker is restarted; 0 = its share"
    )
    worker_ttl: PositiveFloat = Field(
        300.0, description="a worker silent for longer is given up, s; must be above input.time_limit"
    )
    gpu_from: Annotated[int, Field(ge=0)] = Field(
        20_000,
        description="crystals from which device auto starts a GPU; until it is open cores do the work, but for 0: then "
        "they wait for it",
    )
    gpu_threads: Annotated[int, Field(ge=0)] = Field(
        0, description="shards that may wait in a GPU's process for one batch; 0 = enough for three batches"
    )
    gpu_pool: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="share of a GPU's memory held as RMM pool for arrays (needs rmm); 0 = no pool"
    )
    gpu_memory_limit: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="most of a GPU's free memory that is used, as a share"
    )
    kernel_cache: Path | None = Field(
        None, description="folder of compiled GPU kernels; none = screening/kernels in the user's cache folder"
    )

    def memory_bytes(self) -> int:
        """Return the most memory of a local worker process, bytes: as set, or its share of the machine's."""
        if self.memory:
            return int(self.memory * 2**30)
        return memory() // (self.workers or cores())


class SlurmConfig(Section):
    """Jobs that hold the workers where cluster.kind is slurm; one job is one node."""

    jobs: PositiveInt = Field(1, description="jobs asked for")
    queue: str | None = Field(None, description="partition (-p)")
    account: str | None = Field(None, description="account (-A)")
    walltime: Annotated[str, Field(pattern=r"^(\d+-)?\d{1,3}:\d{2}(:\d{2})?$")] = Field(
        "12:00:00", description="time limit of a job (-t)"
    )
    cores: PositiveInt = Field(16, description="cores per job")
    memory: str = Field("64GB", description="memory per job")
    gpus: Annotated[int, Field(ge=0)] = Field(0, description="GPUs per job; asked for with --gres=gpu:N")
    workers: PositiveInt = Field(16, description="worker processes per job without GPUs; with GPUs one per GPU")
    interface: str | None = Field(None, description="network interface of scheduler and workers, such as ib0")
    directives: tuple[str, ...] = Field((), description="further #SBATCH lines, such as --constraint=a100")
    prologue: tuple[str, ...] = Field((), description="shell lines before the worker, such as module load cuda")
    tls_folder: Path | None = Field(
        None, description="folder that all nodes see, for the certificates of this run; none = the current folder"
    )


class KubernetesConfig(Section):
    """Pods that hold the workers where cluster.kind is kubernetes; the Dask operator must run in the cluster."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$")] = Field(
        "screening", description="name of the DaskCluster made for the run, and deleted after it"
    )
    namespace: str | None = Field(None, description="namespace; none = the current one")
    image: str | None = Field(None, description="container image with this program in it; needed")
    workers: PositiveInt = Field(4, description="worker pods")
    cores: PositiveInt = Field(4, description="cores of a pod, one worker thread each on CPUs")
    memory: str = Field("16Gi", description="memory of a pod")
    gpus: Annotated[int, Field(ge=0, le=1)] = Field(0, description="GPUs of a worker pod: none or one")
    secrets: tuple[str, ...] = Field(
        (), description="names of Secrets whose keys become environment variables, such as those of an object store"
    )


class MachinesConfig(Section):
    """Virtual machines that hold the workers where cluster.kind is cloud."""

    provider: Literal["ec2", "gcp", "azure"] = Field("ec2", description="whose machines")
    image: str | None = Field(None, description="Docker image with this program in it; needed")
    workers: PositiveInt = Field(2, description="machines, one worker process each")
    threads: PositiveInt = Field(1, description="threads of a worker")
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict,
        description="further settings of dask-cloudprovider's cluster, such as instance_type, zone or vm_size",
    )

    @field_validator("options")
    @classmethod
    def _no_credentials(cls, options: dict[str, Any]) -> dict[str, Any]:
        for name in options:
            if any(word in name.lower() for word in ("key", "secret", "credential", "password", "token")):
                raise ValueError(f"{name}: credentials come from the environment, never from a settings file")
            if name in ("n_workers", "docker_image", "security", "protocol", "worker_class", "worker_options"):
                raise ValueError(f"{name} is set by this program")
        return options
