"""Which way shards go: when a GPU joins, when it is left, and the workers of a node with GPUs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster
from made_crystals import rocksalt
from paths import SUPPORT

from screening.cluster import node
from screening.cluster.deploy import machines_options
from screening.cluster.featurize_all import featurize_all
from screening.cluster.progress import Progress
from screening.cluster.routes import BUNDLE, GPU_FAILURES, Routes
from screening.config import Config, read_config
from screening.host.gpu import Device, Gpu

ON_GPU = Device("cuda", "cuda, in a test", gpus=(Gpu(0, "none", 8 << 30, (9, 0)),), arrays="cupy")
ON_CPU = Device("cpu", "cpu")


class Opening:
    """The future of a GPU that is being opened."""

    def __init__(self) -> None:
        self.status = "pending"

    def done(self) -> bool:
        return self.status != "pending"

    def exception(self) -> Exception:
        return RuntimeError("no driver")


class FakeCluster:
    """A local cluster that starts nothing."""

    def __init__(self) -> None:
        self.new_spec: dict[str, Any] = {"cls": object, "options": {"nthreads": 1, "resources": node.READER}}
        self.worker_spec: dict[str, Any] = {"0": self.new_spec}
        self.size = 1

    def scale(self, size: int) -> None:
        self.size = size


class FakeClient:
    """A client whose GPU opens when the test says so."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.opening = Opening()
        self.resources: list[dict[str, float]] = []

    def submit(self, _: Any, *__: Any, resources: dict[str, float], **___: Any) -> Opening:
        self.resources.append(resources)
        return self.opening

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        return {"workers": {}}


def routes(here: Device = ON_GPU, *, known: int = 0, **settings: Any) -> tuple[Routes, FakeClient, Progress]:
    client, progress = FakeClient(), Progress()
    config = read_config(None, settings)
    made = Routes(client, "s", config=config, device=here, progress=progress, known=known)  # type: ignore[arg-type]
    return made, client, progress


def test_cores_work_until_the_gpu_is_open() -> None:
    made, client, progress = routes(device="cuda")
    assert client.resources == [node.BATCH]
    assert client.cluster.size == 2
    own = client.cluster.worker_spec["gpu-0"]["options"]
    assert own["env"]["CUDA_VISIBLE_DEVICES"] == "0"
    assert own["resources"]["GPU"] == 1
    assert (made.way(), made.ahead()) == ("core", 0)
    progress.done = 700
    client.opening.status = "finished"
    assert made.way() == "batch"
    assert made.ahead() > 100
    assert progress.gpu == {"used": True, "from_crystal": 700}


def test_with_gpu_from_0_shards_wait_for_the_gpu() -> None:
    made, _, _ = routes(device="cuda", cluster={"gpu_from": 0})
    assert made.way() == "batch"


def test_auto_starts_a_gpu_where_a_long_list_is_known_or_found() -> None:
    made, client, progress = routes(cluster={"gpu_from": 1000})
    assert made.way() == "core"
    assert client.resources == []
    progress.found = 1000
    assert made.way() == "core"
    assert client.resources == [node.BATCH]
    assert routes(known=1000, cluster={"gpu_from": 1000})[1].resources == [node.BATCH]


def test_a_gpu_that_cannot_be_opened_is_told_once() -> None:
    made, client, progress = routes(device="cuda")
    said: list[str] = []
    progress.subscribe(lambda _, event: said.append(event.text))
    client.opening.status = "error"
    assert [made.way() for _ in range(3)] == ["core"] * 3
    assert said == ["no GPU can be opened (no driver); going on on the CPU"]


def test_a_gpu_is_left_after_failures_in_a_row_but_not_for_one() -> None:
    made, client, progress = routes(device="cuda")
    client.opening.status = "finished"
    assert made.way() == "batch"
    begun = time.monotonic()
    for _ in range(20):  # all that was under way when the process ended
        made.failed("a worker ended on it", since=begun)
    assert progress.gpu["failures"] == 1
    assert made.way() == "batch"
    made.returned()
    for _ in range(GPU_FAILURES):
        made.failed("lost", since=time.monotonic())
    assert made.way() == "core"


def test_bundles_only_on_a_long_way_through_a_gpu() -> None:
    made, client, progress = routes(device="cuda", cluster={"gpu_from": 500})
    progress.found = 10_000
    assert made.bundle() == 1
    client.opening.status = "finished"
    assert made.bundle() == BUNDLE
    progress.found = 100
    assert made.bundle() == 1


@pytest.mark.parametrize(
    ("here", "settings", "way"),
    [
        (ON_CPU, {}, "core"),
        (ON_GPU, {"homology": {"engine": "ripserpp"}}, "steps"),
        (ON_GPU, {"curves": {"histogram": True}}, "steps"),
        (ON_GPU, {"cluster": {"scheduler": "tcp://127.0.0.1:1"}}, "steps"),
    ],
)
def test_other_engines_and_clusters_go_their_old_ways(here: Device, settings: dict[str, Any], way: str) -> None:
    assert routes(here, **settings)[0].way() == way


def test_machines_run_a_node_each() -> None:
    machines = read_config(None, {"machines": {"image": "i", "threads": 8}}).machines
    options = machines_options(machines, ON_GPU, node=True)
    assert options["worker_class"] == "screening.cluster.node.Node"
    assert options["worker_options"] == {"readers": 7, "gpus": 1}


def test_a_node_offers_readers_and_a_gpu_and_computes(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__WORKER__PRELOAD", f"['{SUPPORT / 'gpu_preload.py'}']")
    monkeypatch.setenv("SCREENING_HOST_GPU", str(library))
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    monkeypatch.setattr(sys.modules["screening.cluster.featurize_all"], "resolve", lambda wanted, remote: ON_GPU)
    folder = tmp_path / "crystals"
    folder.mkdir()
    for index in range(6):
        (folder / f"c{index}.cif").write_text(rocksalt(anion="Cl", scale=1 + index / 100))
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50) as scheduler,
        Client(scheduler) as client,
    ):
        words = ["-m", node.NODE, scheduler.scheduler_address, "--readers", "1", "--gpus", "1", "--death-timeout", "60"]
        process = subprocess.Popen([sys.executable, *words])
        try:
            client.wait_for_workers(2, timeout=120)
            workers = client.scheduler_info(n_workers=-1)["workers"].values()
            assert sorted(sorted(worker["resources"]) for worker in workers) == [["BATCH", "GPU"], ["READER"]]
            on_node = {"device": "cuda", "cluster": {"scheduler": scheduler.scheduler_address, "gpu_from": 0}}
            progress = Progress()
            featurize_all([str(folder)], config=read_config(None, on_node), out=tmp_path / "s", progress=progress)
            assert progress.gpu["clouds"] == 30
        finally:
            process.terminate()
            process.wait()
    featurize_all(
        [str(folder)],
        config=Config().model_copy(update={"device": "cpu"}),
        out=tmp_path / "t",
        progress=Progress(),
    )
    for path in sorted((tmp_path / "t").rglob("*")):
        if path.is_file() and path.name != "ledger.jsonl":
            assert path.read_bytes() == (tmp_path / "s" / path.relative_to(tmp_path / "t")).read_bytes()
