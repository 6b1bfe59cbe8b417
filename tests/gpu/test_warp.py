"""The 32 lanes on the host notice what a GPU would punish: a missing barrier, lanes that part at a collective."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import gpu_host
import numpy as np
from gpu_clouds import random_cells
from paths import SUPPORT

from screening.config import Config
from screening.features import cuda
from screening.gpu.cells import CurveSettings

SETTINGS = CurveSettings.of(Config())


def changed(folder: Path, file: str, before: str, after: str) -> Path:
    """Build the engine from a copy of its source in which one place is changed."""
    source = folder / "source"
    shutil.copytree(cuda.source(), source)
    path = source / "periodic" / file
    text = path.read_text()
    assert text.count(before) >= 1
    path.write_text(text.replace(before, after, 1))
    return gpu_host.build(folder, lanes=32, source=source)


def test_a_missing_barrier_shows(library: Path, tmp_path: Path) -> None:
    gpu_host.require_fibers()
    cleared = "  for (u32 k = lane; k < n_dims * n_radii; k += kLanes) changes[k] = 0;\n"
    planted = changed(tmp_path, "rows.cuh", cleared + "  warp_sync();\n", cleared)
    cells = random_cells(1, count=4, most=4)
    wanted, _ = gpu_host.HostFlow(ctypes.CDLL(str(library))).compute(cells, SETTINGS)
    wrong = False
    for seed in (1, 2, 3):
        flow = gpu_host.HostFlow(ctypes.CDLL(str(planted)), seed=seed, second=None)
        values, outcomes = flow.compute(cells, SETTINGS)
        wrong |= bool(outcomes.any()) or values.tobytes() != wanted.tobytes()
    assert wrong


def test_lanes_that_part_at_a_collective_abort(tmp_path: Path) -> None:
    gpu_host.require_fibers()
    planted = changed(
        tmp_path,
        "neighbours.cuh",
        "  const Outcome outcome = first_trouble(trouble);\n",
        "  if (lane != 3) warp_sync();\n  const Outcome outcome = first_trouble(trouble);\n",
    )
    program = (
        "import ctypes, gpu_host, gpu_clouds\n"
        "from screening.config import Config\n"
        "from screening.gpu.cells import CurveSettings\n"
        f"flow = gpu_host.HostFlow(ctypes.CDLL({str(planted)!r}))\n"
        "flow.compute(gpu_clouds.random_cells(1, count=1), CurveSettings.of(Config()))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=SUPPORT, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode < 0
    assert "lanes diverge at a collective" in ended.stderr


def test_a_nan_is_numpys() -> None:
    assert np.float32(np.nan).tobytes() == np.uint32(0x7FC00000).tobytes()
