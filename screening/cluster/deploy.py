"""Workers in Kubernetes pods and on machines of a cloud: what is asked for, and the Dask cluster that is made of it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from screening.cluster.node import NODE
from screening.config import KubernetesConfig, MachinesConfig
from screening.errors import ConfigError, DeviceUnavailableError, MissingExtraError
from screening.host import Device

# Variables that keep every library to the threads Dask gives it.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
CLUSTERS = {
    "ec2": ("dask_cloudprovider.aws", "EC2Cluster", "aws"),
    "gcp": ("dask_cloudprovider.gcp", "GCPCluster", "gcp"),
    "azure": ("dask_cloudprovider.azure", "AzureVMCluster", "azure"),
}


def kubernetes_spec(config: KubernetesConfig, device: Device, *, node: bool = False) -> dict[str, Any]:
    """Return the DaskCluster resource that the Dask operator makes a scheduler and workers of.

    With `node` each pod runs readers on its cores beside the process of its GPU.
    The service is of type ClusterIP, reached through a forwarded port: nothing listens outside the cluster. The
    operator does not encrypt what pods say to each other; a network policy of the namespace has to keep others out.

    Raises
    ------
    ConfigError
        No image is named.
    DeviceUnavailableError
        The device is ``cuda`` and the pods ask for no GPU.
    MissingExtraError
        dask-kubernetes is not installed.
    """
    if not config.image:
        raise ConfigError("kubernetes.image: name a container image with this program in it (the Dockerfile makes one)")
    on_gpu = device.kind == "cuda"
    if on_gpu and not config.gpus:
        raise DeviceUnavailableError("device cuda on Kubernetes needs kubernetes.gpus = 1, a GPU for each worker pod")
    operator = _imported("dask_kubernetes.operator", "kubernetes", "kubernetes")
    worker = ["dask", "cuda", "worker", "--resources", "GPU=1"] if on_gpu else ["dask", "worker"]
    worker += ["--nthreads", str(config.cores if on_gpu else 1)]
    if not on_gpu:
        worker += ["--nworkers", str(config.cores)]
    if node:
        worker = ["python", "-m", NODE, "--readers", str(max(1, config.cores - 1)), "--gpus", "1"]
    spec: dict[str, Any] = operator.make_cluster_spec(
        name=config.name,
        image=config.image,
        n_workers=config.workers,
        resources=_resources(config, gpus=0),
        env=ONE_THREAD,
        worker_command=worker,
        idle_timeout=3600,  # s; a cluster whose client died goes away by itself
    )
    containers = [
        container for part in ("scheduler", "worker") for container in spec["spec"][part]["spec"]["containers"]
    ]
    for container in containers:
        container["envFrom"] = [{"secretRef": {"name": name}} for name in config.secrets]
        container["securityContext"] = {"allowPrivilegeEscalation": False}
    spec["spec"]["worker"]["spec"]["containers"][0]["resources"] = _resources(config, gpus=config.gpus)
    return spec


def _resources(config: KubernetesConfig, *, gpus: int) -> dict[str, dict[str, str]]:
    asked = {"cpu": str(config.cores), "memory": config.memory}
    if gpus:
        asked["nvidia.com/gpu"] = str(gpus)
    return {"limits": dict(asked), "requests": dict(asked)}


def kubernetes_cluster(config: KubernetesConfig, device: Device, *, node: bool = False) -> Any:
    """Return a running cluster of pods; it is deleted when closed. Raises as `kubernetes_spec`."""
    spec = kubernetes_spec(config, device, node=node)
    operator = _imported("dask_kubernetes.operator", "kubernetes", "kubernetes")
    return operator.KubeCluster(custom_cluster_spec=spec, namespace=config.namespace, quiet=True)


def machines_options(config: MachinesConfig, device: Device, *, node: bool = False) -> dict[str, Any]:
    """Return the keywords of the provider's cluster in dask-cloudprovider; `node` as of `kubernetes_spec`.

    Scheduler and workers talk encrypted, with certificates made for the run.

    Raises
    ------
    ConfigError
        No image is named.
    """
    if not config.image:
        raise ConfigError("machines.image: name a Docker image with this program in it (the Dockerfile makes one)")
    worker: dict[str, Any] = {"nthreads": config.threads}
    if device.kind == "cuda":
        worker["resources"] = {"GPU": 1}
    worker_class = "dask_cuda.CUDAWorker" if device.kind == "cuda" else "dask.distributed.Nanny"
    if node:
        worker_class, worker = f"{NODE}.Node", {"readers": max(1, config.threads - 1), "gpus": 1}
    return {
        **config.options,
        "n_workers": config.workers,
        "docker_image": config.image,
        "worker_class": worker_class,
        "worker_options": worker,
        "env_vars": dict(ONE_THREAD),
        "security": True,
    }


def machines_cluster(config: MachinesConfig, device: Device, *, node: bool = False) -> Any:
    """Return a running cluster of machines, which end when it is closed.

    Raises
    ------
    ConfigError
        No image is named.
    MissingExtraError
        dask-cloudprovider, or the provider's own package, is not installed.
    """
    options = machines_options(config, device, node=node)
    module, name, extra = CLUSTERS[config.provider]
    return getattr(_imported(module, f"dask-cloudprovider[{extra}]", "machines"), name)(**options)


def _imported(module: str, package: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        name = package if package.startswith("dask") else f"dask-{package}"
        raise MissingExtraError(f"this kind of cluster needs {name}: pip install 'screening[{extra}]'") from error
