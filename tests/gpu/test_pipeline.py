"""Shards through the exact engine on a GPU: on a stand-in for one the store is that of a CPU run, whatever fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import psutil
import pytest
from made_crystals import rocksalt
from paths import SUPPORT

from screening.cluster.featurize_all import featurize_all
from screening.cluster.progress import Progress
from screening.config import Config, read_config
from screening.host.gpu import Device, Gpu

ON_GPU = Device("cuda", "cuda, in a test", gpus=(Gpu(0, "stand-in", 8 << 30, (9, 0)),), arrays="cupy")
N_CRYSTALS = 30


@pytest.fixture(scope="session")
def crystals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of crystals, one of which cannot be used."""
    folder = tmp_path_factory.mktemp("crystals")
    for index in range(N_CRYSTALS):
        text = rocksalt(anion=("F", "Cl", "Br", "I")[index % 4], scale=1 + index / 100)
        (folder / f"c{index:02}.cif").write_text(text)
    (folder / "c07.cif").write_text("data_none\n")
    return folder


def config(**cluster: Any) -> Config:
    return read_config(
        None, {"device": "cuda", "store": {"shard_rows": 4}, "cluster": {"workers": 1, "gpu_from": 0, **cluster}}
    )


def stored(store: Path) -> dict[str, bytes]:
    kept = [path for path in sorted(store.rglob("*")) if path.is_file() and path.name != "ledger.jsonl"]
    return {str(path.relative_to(store)): path.read_bytes() for path in kept}


@pytest.fixture(scope="session")
def on_cpu(crystals: Path, scheduler: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the store of a CPU run."""
    out = tmp_path_factory.mktemp("cpu") / "s.zarr"
    plain = config(scheduler=scheduler).model_copy(update={"device": "cpu"})
    featurize_all([str(crystals)], config=plain, out=out, progress=Progress())
    return stored(out)


@pytest.fixture
def stand_in(library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Workers find a GPU that is the host; faults are set by environment."""
    monkeypatch.setenv("SCREENING_HOST_GPU", str(library))
    monkeypatch.setattr(sys.modules["screening.cluster.featurize_all"], "resolve", lambda wanted, remote: ON_GPU)
    with dask.config.set({"distributed.worker.preload": [str(SUPPORT / "gpu_preload.py")]}):
        yield monkeypatch


def run(crystals: Path, out: Path, settings: Config | None = None) -> Progress:
    progress = Progress()
    featurize_all([str(crystals)], config=settings or config(), out=out, progress=progress)
    return progress


def test_the_store_is_that_of_a_cpu_run(
    stand_in: pytest.MonkeyPatch, crystals: Path, on_cpu: dict[str, bytes], tmp_path: Path
) -> None:
    """Over shard boundaries, and every third cloud left by the GPU, computed beside it and counted."""
    stand_in.setenv("SCREENING_HOST_GPU_FAULT", "work")
    progress = run(crystals, tmp_path / "s.zarr", config(workers=2))
    assert stored(tmp_path / "s.zarr") == on_cpu
    assert progress.gpu["used"]
    assert progress.fallbacks["work"] > N_CRYSTALS
    assert progress.gpu["clouds"] == 5 * (N_CRYSTALS - 1)
    assert progress.gpu["largest_batch"] > 5 * 4  # over shard boundaries
    assert run(crystals, tmp_path / "s.zarr").resumed == N_CRYSTALS


@pytest.mark.slow
def test_a_gpu_that_is_still_opening_at_the_end_is_not_waited_for(
    stand_in: pytest.MonkeyPatch, crystals: Path, on_cpu: dict[str, bytes], tmp_path: Path
) -> None:
    stand_in.setenv("SCREENING_HOST_GPU_FAULT", "slow:60")
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    begin = time.monotonic()
    progress = run(crystals, tmp_path / "s.zarr", config(gpu_from=20_000))
    assert time.monotonic() - begin < 60
    assert stored(tmp_path / "s.zarr") == on_cpu
    assert "used" not in progress.gpu
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    assert [child for child in left if "spawn_main" in " ".join(child.cmdline())] == []


def test_a_killed_gpu_process_costs_nothing(
    stand_in: pytest.MonkeyPatch, crystals: Path, on_cpu: dict[str, bytes], tmp_path: Path
) -> None:
    stand_in.setenv("SCREENING_HOST_GPU_FAULT", f"kill:{tmp_path / 'killed'}")
    progress = run(crystals, tmp_path / "s.zarr")
    assert (tmp_path / "killed").exists()
    assert stored(tmp_path / "s.zarr") == on_cpu
    assert progress.done == N_CRYSTALS


@pytest.mark.parametrize("fault", [pytest.param("raise", marks=pytest.mark.slow), "absent"])
def test_a_gpu_that_does_not_return_shards_is_left(
    stand_in: pytest.MonkeyPatch, crystals: Path, on_cpu: dict[str, bytes], tmp_path: Path, fault: str
) -> None:
    stand_in.setenv("SCREENING_HOST_GPU_FAULT", fault)
    progress = run(crystals, tmp_path / "s.zarr")
    assert stored(tmp_path / "s.zarr") == on_cpu
    assert progress.gpu["failures"] >= 1


@pytest.mark.slow
def test_batches_that_do_not_fit_are_halved(
    stand_in: pytest.MonkeyPatch, crystals: Path, on_cpu: dict[str, bytes], tmp_path: Path
) -> None:
    stand_in.setenv("SCREENING_HOST_GPU_FAULT", "memory:25")
    progress = run(crystals, tmp_path / "s.zarr")
    assert stored(tmp_path / "s.zarr") == on_cpu
    assert "failures" not in progress.gpu


def test_auto_takes_the_gpu_once_enough_crystals_are_listed(
    stand_in: pytest.MonkeyPatch, crystals: Path, on_cpu: dict[str, bytes], tmp_path: Path
) -> None:
    enough = config(gpu_from=N_CRYSTALS).model_copy(update={"device": "auto"})
    progress = Progress()
    said: list[str] = []
    progress.subscribe(lambda _, event: said.append(event.text))
    featurize_all([str(crystals)], config=enough, out=tmp_path / "enough.zarr", progress=progress)
    assert progress.workers <= 3  # it may be done before the GPU is there
    assert not any("on the CPU until" in text for text in said)
    assert stored(tmp_path / "enough.zarr") == on_cpu


@pytest.mark.slow
def test_auto_leaves_the_gpu_alone_for_few_crystals(
    stand_in: pytest.MonkeyPatch, crystals: Path, on_cpu: dict[str, bytes], tmp_path: Path
) -> None:
    few = config(gpu_from=N_CRYSTALS + 1).model_copy(update={"device": "auto"})
    assert "used" not in run(crystals, tmp_path / "few.zarr", few).gpu
    assert stored(tmp_path / "few.zarr") == on_cpu
