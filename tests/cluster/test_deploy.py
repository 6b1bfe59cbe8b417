"""Pods and machines: what would be asked for, by the real packages' own signatures where they are installed."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest
from paths import CONFIGS

from screening.cluster.deploy import CLUSTERS, kubernetes_cluster, kubernetes_spec, machines_cluster, machines_options
from screening.config import as_toml, read_config
from screening.errors import ConfigError, DeviceUnavailableError, MissingExtraError
from screening.host.gpu import Device

CPU = Device(kind="cpu", why="asked for")


def cuda() -> Device:
    return Device(kind="cuda", why="asked for")


def kubernetes(**values):
    return read_config(None, {"kubernetes": {"image": "example.org/screening:1", **values}}).kubernetes


def machines(**values):
    return read_config(None, {"machines": {"image": "example.org/screening:1", **values}}).machines


@pytest.mark.parametrize("name", ["kubernetes", "cloud"])
def test_ready_files_are_valid_and_survive_writing(name: str, tmp_path: Path) -> None:
    config = read_config(CONFIGS / f"{name}.toml")
    assert config.cluster.kind == name
    (tmp_path / "again.toml").write_text(as_toml(config))
    assert read_config(tmp_path / "again.toml") == config


def test_pods_ask_for_what_the_settings_say() -> None:
    pytest.importorskip("dask_kubernetes", reason="Kubernetes needs the extra `kubernetes`")
    spec = kubernetes_spec(kubernetes(workers=3, cores=2, memory="8Gi", secrets=["store"]), CPU)
    assert (spec["kind"], spec["metadata"]["name"]) == ("DaskCluster", "screening")
    worker = spec["spec"]["worker"]
    assert worker["replicas"] == 3
    container = worker["spec"]["containers"][0]
    assert container["image"] == "example.org/screening:1"
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "8Gi"} == container["resources"]["requests"]
    assert container["args"][:6] == ["dask", "worker", "--nthreads", "1", "--nworkers", "2"]
    assert container["envFrom"] == [{"secretRef": {"name": "store"}}]
    assert {"name": "OMP_NUM_THREADS", "value": "1"} in container["env"]
    assert spec["spec"]["scheduler"]["service"]["type"] == "ClusterIP"  # nothing listens outside
    assert spec["spec"]["idleTimeout"] > 0


def test_gpu_pods() -> None:
    with pytest.raises(DeviceUnavailableError, match=r"kubernetes\.gpus"):
        kubernetes_spec(kubernetes(), cuda())
    pytest.importorskip("dask_kubernetes", reason="Kubernetes needs the extra `kubernetes`")
    spec = kubernetes_spec(kubernetes(gpus=1, cores=8), cuda())
    container = spec["spec"]["worker"]["spec"]["containers"][0]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert container["args"][:7] == ["dask", "cuda", "worker", "--resources", "GPU=1", "--nthreads", "8"]
    assert "nvidia.com/gpu" not in spec["spec"]["scheduler"]["spec"]["containers"][0]["resources"]["limits"]


def test_the_cluster_takes_these_keywords() -> None:
    operator = pytest.importorskip("dask_kubernetes.operator", reason="Kubernetes needs the extra `kubernetes`")
    signature = inspect.signature(operator.KubeCluster.__init__)
    signature.bind(None, custom_cluster_spec={}, namespace=None, quiet=True)


@pytest.mark.parametrize("provider", sorted(CLUSTERS))
def test_machines_of_every_provider_take_these_keywords(provider: str) -> None:
    vm = pytest.importorskip("dask_cloudprovider.generic.vmcluster", reason="machines need the extra `machines`")
    options = machines_options(machines(provider=provider, options={"region": "x"}), CPU)
    known = inspect.signature(vm.VMCluster.__init__).parameters
    assert set(options) - {"region"} <= set(known)
    assert options["security"] is True


def test_gpu_machines_run_cuda_workers() -> None:
    options = machines_options(machines(threads=4), cuda())
    assert options["worker_class"] == "dask_cuda.CUDAWorker"
    assert options["worker_options"] == {"nthreads": 4, "resources": {"GPU": 1}}


@pytest.mark.parametrize("name", ["aws_secret_access_key", "service_account_credentials", "Password", "api_token"])
def test_credentials_are_no_settings(name: str) -> None:
    with pytest.raises(ConfigError, match="environment"):
        machines(options={name: "x"})


def test_what_this_program_sets_cannot_be_overridden() -> None:
    with pytest.raises(ConfigError, match="set by this program"):
        machines(options={"security": False})


def test_an_image_is_needed() -> None:
    config = read_config(None, {})
    with pytest.raises(ConfigError, match=r"kubernetes\.image"):
        kubernetes_spec(config.kubernetes, CPU)
    with pytest.raises(ConfigError, match=r"machines\.image"):
        machines_options(config.machines, CPU)


def test_without_the_package_the_error_says_what_to_install(monkeypatch) -> None:
    for module in ("dask_kubernetes.operator", *(module for module, _, _ in CLUSTERS.values())):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"screening\[kubernetes\]"):
        kubernetes_cluster(kubernetes(), CPU)
    with pytest.raises(MissingExtraError, match=r"dask-cloudprovider\[aws\].*screening\[machines\]"):
        machines_cluster(machines(), CPU)


@pytest.mark.parametrize("name", ["Upper", "-x", "x-", "a" * 50, "a/b"])
def test_names_that_kubernetes_would_refuse(name: str) -> None:
    with pytest.raises(ConfigError, match=r"kubernetes\.name"):
        kubernetes(name=name)
