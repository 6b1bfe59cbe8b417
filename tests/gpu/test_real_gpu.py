"""The exact engine on a real GPU; everything else in this folder runs its source on the host."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gpu_clouds import random_cells
from made_crystals import rocksalt

from screening.cluster.featurize_all import featurize_all
from screening.cluster.progress import Progress
from screening.config import Config, read_config
from screening.gpu.cells import CurveSettings
from screening.gpu.device import CudaDevice
from screening.gpu.host import host_curves, packed_bars

pytestmark = pytest.mark.gpu
SETTINGS = CurveSettings.of(Config())


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for compiled kernels, so that one is compiled once, anew."""
    return tmp_path_factory.mktemp("kernels")


def test_bars_and_curves_are_the_cpu_engines(kernels: Path) -> None:
    cells = random_cells(4, count=400)
    flow = CudaDevice(memory_share=0.5, cache=kernels).flow()
    values, outcomes = flow.compute(cells, SETTINGS, most_bars=4_000_000)
    wanted, _ = host_curves(cells, SETTINGS)
    offsets = cells.value_offsets(SETTINGS)
    done = np.flatnonzero(outcomes == 0)
    assert len(done) > 380
    bars = packed_bars(cells, SETTINGS)
    for cloud in done:
        span = slice(offsets[cloud], offsets[cloud + 1])
        assert np.array_equal(flow.bars[cloud], bars[cloud])
        assert values[span].tobytes() == wanted[span].tobytes()


def test_a_store_made_with_the_gpu_is_that_of_a_cpu_run(tmp_path: Path, kernels: Path) -> None:
    folder = tmp_path / "crystals"
    folder.mkdir()
    for index in range(60):
        (folder / f"c{index:02}.cif").write_text(rocksalt(anion="Cl", scale=1 + index / 100))
    for device in ("cpu", "cuda"):
        cluster = {"workers": 2, "gpu_from": 0, "kernel_cache": kernels}
        config = read_config(None, {"device": device, "store": {"shard_rows": 8}, "cluster": cluster})
        progress = Progress()
        featurize_all([str(folder)], config=config, out=tmp_path / f"{device}.zarr", progress=progress)
    assert progress.gpu["clouds"] == 300
    one, other = (
        {
            str(path.relative_to(tmp_path / name)): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("cpu.zarr", "cuda.zarr")
    )
    assert one.pop("ledger.jsonl") != b""
    assert other.pop("ledger.jsonl") != b""
    assert one == other
