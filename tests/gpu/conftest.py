"""The exact engine's CUDA source, compiled for the host with lanes as fibers."""

from __future__ import annotations

from pathlib import Path

import gpu_host
import pytest
from made_once import made_once


@pytest.fixture(scope="session")
def fiber_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 lanes a warp, as fibers."""
    gpu_host.require_fibers()
    folder = made_once(tmp_path_factory, "gpu-fibers", lambda folder: gpu_host.build(folder, lanes=32))
    return gpu_host.built(folder, lanes=32)
