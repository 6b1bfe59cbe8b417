"""The exact engine's CUDA source, compiled for the host once."""

from __future__ import annotations

from pathlib import Path

import gpu_host
import pytest


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One lane a warp."""
    return gpu_host.build(tmp_path_factory.mktemp("gpu-host"))


@pytest.fixture(scope="session")
def fiber_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 lanes a warp, as fibers."""
    gpu_host.require_fibers()
    return gpu_host.build(tmp_path_factory.mktemp("gpu-fibers"), lanes=32)
