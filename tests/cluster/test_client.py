"""Where tasks run: steps that ask for a GPU, options of GPU and SLURM clusters, what is refused before work starts."""

from __future__ import annotations

import threading
import time
import warnings
from pathlib import Path
from typing import Any, ClassVar

import pytest
from command import screening
from distributed import Client, LocalCluster
from elsewhere import versions_elsewhere
from made_crystals import rocksalt

from screening.cluster import client as cluster
from screening.cluster import dispatch, routes
from screening.cluster.featurize_all import featurize_all, open_store, settle
from screening.cluster.progress import Progress
from screening.cluster.routes import submit_steps
from screening.config import Config, read_config
from screening.errors import ConfigError, DeviceUnavailableError, InputError
from screening.features.shard import Prepared, assemble, featurize_shard, persist, prepare
from screening.host import versions
from screening.host.gpu import Device, Gpu
from screening.sources import Item, Shard

true_versions = versions
ON_GPU = Device("cuda", "cuda, in a test", gpus=(Gpu(0, "none", 8 << 30, (9, 0)),) * 2, arrays="numpy")
ON_CPU = Device("cpu", "cpu, in a test")
QUICK = read_config(None, {"store": {"shard_rows": 2}, "cloud": {"channels": ["mobile", "anion"]}})


def items(count: int) -> list[list[Item]]:
    texts = [
        rocksalt(anion=("F", "Cl", "Br", "I")[index % 4], scale=1 + index / 100).encode() for index in range(count)
    ]
    found = [Item(f"c{index}", f"c{index}.cif", text, None, None) for index, text in enumerate(texts)]
    return [found[begin : begin + 2] for begin in range(0, count, 2)]


def stored(store: Any) -> dict[str, bytes]:
    kept = [path for path in sorted(store.rglob("*")) if path.is_file() and path.name != "ledger.jsonl"]
    return {str(path.relative_to(store)): path.read_bytes() for path in kept}


def test_steps_on_a_gpu_worker_write_what_one_task_writes(tmp_path: Path) -> None:
    shards = items(6)
    whole, stepped = (open_store(tmp_path / name, QUICK) for name in ("whole", "stepped"))
    for store in (whole, stepped):
        store.reserve(6)
    for index, shard in enumerate(shards):
        whole.commit(featurize_shard(str(whole.path), index, shard, QUICK))
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, resources={"GPU": 1}, dashboard_address="127.0.0.1:0", silence_logs=50
        ) as workers,
        Client(workers) as client,
    ):
        futures = [
            submit_steps(client, str(stepped.path), Shard.of(index, shard), config=QUICK, device=ON_GPU)
            for index, shard in enumerate(shards)
        ]
        for future in futures:
            stepped.commit(*future.result())
    assert stored(whole.path) == stored(stepped.path)
    assert whole.ledger().keys() == stepped.ledger().keys()
    assert all(whole.ledger()[k].inputs == stepped.ledger()[k].inputs for k in range(3))


class Watched:
    """What tasks on a worker thread of this process did; module-level, so that Dask finds the functions by name."""

    busy: ClassVar[list[int]] = []
    most: ClassVar[list[int]] = []
    parsed_beside = threading.Event()


def watched_prepare(shard: list[Item], config: Config) -> Prepared:
    if Watched.busy:
        Watched.parsed_beside.set()
    return prepare(shard, config)


def watched_assemble(*arguments: Any) -> Any:
    Watched.busy.append(1)
    Watched.most.append(len(Watched.busy))
    assert Watched.parsed_beside.wait(30)
    time.sleep(0.02)
    Watched.busy.pop()
    return assemble(*arguments)


def test_one_task_at_a_time_has_the_gpu_while_others_parse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first task on the GPU waits for a later shard to be parsed: it only ends if parsing goes on beside it."""
    monkeypatch.setattr(routes, "prepare", watched_prepare)
    monkeypatch.setattr(routes, "assemble", watched_assemble)
    store = open_store(tmp_path / "s", QUICK)
    store.reserve(24)
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            resources={"GPU": 1},
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as workers,
        Client(workers) as client,
    ):
        first = submit_steps(client, str(store.path), Shard.of(0, items(24)[0]), config=QUICK, device=ON_GPU)
        deadline = time.monotonic() + 30
        while not Watched.busy and time.monotonic() < deadline:
            time.sleep(0.01)
        rest = [
            submit_steps(client, str(store.path), Shard.of(index, shard), config=QUICK, device=ON_GPU)
            for index, shard in enumerate(items(24))
            if index
        ]
        for future in [first, *rest]:
            future.result(timeout=60)
    assert len(Watched.most) == 12
    assert max(Watched.most) == 1


def test_without_a_gpu_worker_only_the_cpu_steps_run(scheduler: str) -> None:
    with Client(scheduler) as client:
        prepared = client.submit(prepare, items(2)[0], QUICK, pure=False)
        held = client.submit(persist, prepared, QUICK, pure=False, resources=routes.GPU)
        assert len(prepared.result(timeout=30).names) == 2
        time.sleep(0.5)
        assert held.status == "pending"


def test_a_scheduler_without_gpu_workers_is_refused(tmp_path: Path, scheduler: str) -> None:
    config = read_config(None, {"device": "cuda", "cluster": {"scheduler": scheduler}})
    (tmp_path / "a.cif").write_text(rocksalt(anion="Cl"))
    with pytest.raises(DeviceUnavailableError, match=r"none of the 1 workers .* offers the resource GPU"):
        featurize_all([str(tmp_path / "a.cif")], config=config, out=tmp_path / "s", progress=Progress())


def test_an_external_scheduler_does_the_work(tmp_path: Path, scheduler: str) -> None:
    (tmp_path / "a.cif").write_text(rocksalt(anion="Cl"))
    config = read_config(None, {"cluster": {"scheduler": scheduler}})
    progress = Progress()
    featurize_all([str(tmp_path / "a.cif")], config=config, out=tmp_path / "there", progress=progress)
    assert progress.done == 1
    with Client(scheduler) as client:  # the user's cluster is left as it was
        assert client.submit(sum, [1, 2]).result(timeout=30) == 3
    config = read_config(None, {"cluster": {"workers": 1}})
    featurize_all([str(tmp_path / "a.cif")], config=config, out=tmp_path / "here", progress=Progress())
    assert stored(tmp_path / "there") == stored(tmp_path / "here")


def test_workers_of_other_versions_are_refused(tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.cif").write_text(rocksalt(anion="Cl"))
    config = read_config(None, {"cluster": {"scheduler": scheduler}})
    monkeypatch.setattr(dispatch, "versions", versions_elsewhere)
    with Client(scheduler) as client, pytest.raises(InputError, match=r"other versions: gemmi \S+, here 0\.0\.1"):
        dispatch._check_versions(client)
    with pytest.raises(InputError, match="other versions"):
        featurize_all([str(tmp_path / "a.cif")], config=config, out=tmp_path / "s", progress=Progress())


def test_jobs_of_the_exact_engine_run_readers_beside_their_gpus() -> None:
    config = read_config(None, {"slurm": {"gpus": 2, "cores": 16, "jobs": 3}}).slurm
    options = cluster.slurm_options(config, ON_GPU, node=True)
    assert options["worker_command"] == "screening.cluster.node"
    assert options["worker_extra_args"] == ["--readers", "14", "--gpus", "2"]
    assert (options["n_workers"], options["processes"]) == (3, 1)


def test_the_exact_engine_wants_no_memory_pool() -> None:
    pooled = read_config(None, {"cluster": {"gpu_pool": 0.5}})
    with pytest.raises(ConfigError, match="plans a GPU's memory itself"), cluster.open_client(pooled, ON_GPU):
        pass


def test_options_of_a_gpu_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "cores", lambda: 32)
    options = cluster.cuda_options(read_config(None, {"cluster": {"gpu_pool": 0.25}}).cluster, ON_GPU)
    assert options == {
        "n_workers": 2,
        "threads_per_worker": 16,
        "resources": {"GPU": 1},
        "device_memory_limit": 0.8,
        "rmm_pool_size": 0.25,
        "rmm_allocator_external_lib_list": "cupy",
    }
    assert "rmm_pool_size" not in cluster.cuda_options(Config().cluster, ON_GPU)
    too_many = read_config(None, {"cluster": {"workers": 3}, "homology": {"engine": "ripserpp"}})
    with pytest.raises(DeviceUnavailableError, match="one worker owns one GPU"), cluster.open_client(too_many, ON_GPU):
        pass


def test_options_fit_dask_cuda() -> None:
    dask_cuda = pytest.importorskip("dask_cuda", reason="dask-cuda is not installed")
    import inspect

    known = set(inspect.signature(dask_cuda.LocalCUDACluster.__init__).parameters)
    known |= set(inspect.signature(LocalCluster.__init__).parameters) | {"resources"}
    options = cluster.cuda_options(read_config(None, {"cluster": {"gpu_pool": 0.25}}).cluster, ON_GPU)
    assert set(options) <= known


def job_script(folder: Path, device: Device, **slurm: object) -> str:
    SLURMCluster = pytest.importorskip("dask_jobqueue.slurm", reason="dask-jobqueue is not installed").SLURMCluster  # noqa: N806
    config = read_config(None, {"slurm": {"tls_folder": str(folder), **slurm}}).slurm
    options = cluster.slurm_options(config, device) | {"n_workers": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the certificates' library
        with SLURMCluster(**options) as workers:
            return str(workers.job_script())


def test_a_slurm_job_with_gpus(tmp_path: Path) -> None:
    wanted = {"gpus": 4, "cores": 32, "queue": "gpu", "account": "acc", "walltime": "08:00:00", "jobs": 3}
    script = job_script(tmp_path, ON_GPU, **wanted, directives=["--constraint=a100"], prologue=["module load cuda"])
    for line in ("#SBATCH -p gpu", "#SBATCH -A acc", "#SBATCH -t 08:00:00", "#SBATCH --gres=gpu:4"):
        assert line in script.splitlines()
    assert "#SBATCH --constraint=a100" in script
    assert script.index("module load cuda") < script.index("-m dask_cuda.cli worker tls://")
    assert "--resources GPU=1" in script
    assert "--nthreads 8" in script
    assert "--tls-key" in script
    config = read_config(None, {"slurm": wanted}).slurm
    assert cluster.slurm_options(config, ON_GPU)["n_workers"] == 12
    with pytest.raises(DeviceUnavailableError, match=r"needs slurm\.gpus"):
        cluster.slurm_options(Config().slurm, ON_GPU)


def test_a_slurm_job_without_gpus(tmp_path: Path) -> None:
    script = job_script(tmp_path, ON_CPU, cores=8, workers=8, memory="32GB")
    assert "distributed.cli.dask_worker tls://" in script
    assert "--nworkers 8" in script
    assert "gres" not in script


def test_settings_that_cannot_be() -> None:
    for over in ({"walltime": "a while"}, {"gpus": -1}, {"jobs": 0}, {"partition": "gpu"}):
        with pytest.raises(ConfigError, match="slurm"):
            read_config(None, {"slurm": over})


def test_the_engine_that_auto_means() -> None:
    said: list[str] = []
    progress = Progress()
    progress.subscribe(lambda _, event: said.append(event.text))
    config, device = settle(read_config(None, {"homology": {"engine": "auto"}, "device": "cpu"}), progress)
    assert config.homology.engine == "periodic"
    assert device.kind == "cpu"
    assert [line.split()[0] for line in said] == ["device", "engine"]
    wanted = read_config(None, {"homology": {"engine": "ripserpp"}, "device": "cpu"})
    with pytest.raises(DeviceUnavailableError, match="engine ripserpp computes on a GPU"):
        settle(wanted, progress)


@pytest.mark.parametrize("command", ["run", "featurize"])
def test_device_cuda_without_a_gpu_stops_before_work(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("screening.host.gpu")
    (tmp_path / "a.cif").write_text(rocksalt(anion="Cl"))
    (tmp_path / "l.csv").write_text("id,conductivity\na,1e-4\n")
    labels = ["--labels", str(tmp_path / "l.csv")] if command == "run" else []
    out = tmp_path / "out"
    arguments = [command, str(tmp_path / "a.cif"), *labels, "--out", str(out), "--device", "cuda"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    done = screening(*arguments, check=1)
    assert done.stderr.count("\n") == 1, done.stderr
    assert "--device cpu" in done.stderr
    assert not out.exists()
