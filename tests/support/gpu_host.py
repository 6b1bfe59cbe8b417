"""A GPU that is none: the exact engine's CUDA source compiled for the host, behind the interface of a device."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from paths import CUDA_HOST

from screening.features import cuda
from screening.gpu.cells import Cells, CurveSettings
from screening.gpu.device import AGAIN, MAX_SHIFT, PENDING, Plan, Tier
from screening.homology import PHASE, PRIME, RESOLUTION, SEED, unit_powers

FIRST = Tier(warps=1, slab_bytes=4 << 20, list_terms=32_768, most_bars=16_384, most_work=100_000)
SECOND = Tier(warps=1, slab_bytes=64 << 20, list_terms=524_288, most_bars=262_144, most_work=1_000_000)


class Launch(ctypes.Structure):
    """As `Launch` of kernels/cuda/periodic/layout.cuh."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("tasks", "points", "radii", "powers", "order", "next", "slabs")),
        *((name, ctypes.c_void_p) for name in ("values", "outcomes", "bars", "bar_count", "bar_at", "bar_n", "clocks")),
        ("slab_size", ctypes.c_uint64),
        *((name, ctypes.c_double) for name in ("resolution", "phase", "budget")),
        *((name, ctypes.c_uint32) for name in ("count", "bar_cap", "most_bars", "list_terms", "most_work")),
        *((name, ctypes.c_int32) for name in ("max_dim", "with_ranks")),
    )


def built(folder: Path, *, lanes: int = 1) -> Path:
    """The library that `build` leaves in a folder."""
    return folder / f"periodic{lanes}.so"


def build(folder: Path, *, lanes: int = 1, source: Path | None = None, flags: tuple[str, ...] = ()) -> Path:
    """Compile the engine for the host into a folder, with one lane or 32 a warp; return the library."""
    library = built(folder, lanes=lanes)
    command = ["c++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", f"-DHOST_LANES={lanes}"]
    command += ["-shared", "-fPIC", "-I", str(source or cuda.source()), "-I", str(CUDA_HOST), *flags]
    libraries = ["-lboost_context"] if lanes > 1 else []
    subprocess.run([*command, str(CUDA_HOST / "periodic_host.cpp"), "-o", str(library), *libraries], check=True)
    return library


def require_fibers() -> None:
    """Skip the test where boost's contexts are not installed."""
    found = subprocess.run(
        ["c++", "-x", "c++", "-E", "-", "-o", "/dev/null"],
        input=b"#include <boost/context/detail/fcontext.hpp>\n",
        capture_output=True,
        check=False,
    )
    if found.returncode:
        pytest.skip("lanes as fibers need boost's contexts: apt install libboost-context-dev")


class HostFlow:
    """Runs launches of one library; `bars` holds those of the last batch, by cloud, if asked for."""

    def __init__(
        self, library: ctypes.CDLL, *, first: Tier = FIRST, second: Tier | None = SECOND, seed: int = 0, n_bars: int = 0
    ) -> None:
        self._library = library
        self._first, self._second, self._seed, self._n_bars = first, second, seed, n_bars
        self._powers = unit_powers(PRIME, SEED, MAX_SHIFT)
        self.bars: list[NDArray[np.uint64]] = []
        self.clocks = np.ones(10, dtype=np.uint64)
        self.seconds = dict.fromkeys(("send", "first", "second", "fetch"), 0.0)

    def compute(
        self, cells: Cells, settings: CurveSettings, *, most_bars: int = 0
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return the values and outcomes of the clouds."""
        self._n_bars = most_bars or self._n_bars
        values = np.full(int(cells.value_offsets(settings)[-1]), -7.0, dtype=np.float32)
        outcomes = np.full(len(cells), PENDING, dtype=np.int32)
        self.bars = [np.empty(0, dtype=np.uint64)] * len(cells)
        order = cells.order(settings)
        begin = time.perf_counter()
        self._launch(cells, settings, order, self._first, values, outcomes)
        self.seconds["first"] += time.perf_counter() - begin
        again = order[np.isin(outcomes[order], AGAIN)]
        if self._second is not None and len(again):
            self._launch(cells, settings, again, self._second, values, outcomes)
        return values, outcomes

    def _launch(
        self,
        cells: Cells,
        settings: CurveSettings,
        order: NDArray[np.uint32],
        tier: Tier,
        values: NDArray[np.float32],
        outcomes: NDArray[np.int32],
    ) -> None:
        size = len(cells) if self._n_bars else 0
        arrays = {
            "tasks": cells.tasks(settings),
            "points": np.append(cells.points.reshape(-1), 0.0),
            "radii": np.concatenate([np.array(radii, dtype=np.int32) for radii in settings.radii]),
            "powers": self._powers,
            "order": np.ascontiguousarray(order),
            "next": np.zeros(1, dtype=np.uint32),
            "slabs": np.empty(tier.slab_bytes, dtype=np.uint8),
            "values": values,
            "outcomes": outcomes,
            "bars": np.zeros(self._n_bars, dtype=np.uint64),
            "bar_count": np.zeros(1, dtype=np.uint32),
            "bar_at": np.zeros(size, dtype=np.uint32),
            "bar_n": np.zeros(size, dtype=np.uint32),
            "clocks": np.zeros(10, dtype=np.uint64),
        }
        launch = Launch(
            **{name: array.ctypes.data for name, array in arrays.items()},
            slab_size=tier.slab_bytes,
            resolution=RESOLUTION,
            phase=PHASE,
            budget=settings.budget,
            count=len(order),
            bar_cap=self._n_bars,
            most_bars=tier.most_bars,
            list_terms=tier.list_terms,
            most_work=tier.most_work,
            max_dim=settings.max_dim,
            with_ranks=settings.with_ranks,
        )
        self._library.host_screening_periodic(ctypes.byref(launch), ctypes.c_uint64(self._seed))
        for cloud in order if self._n_bars else ():
            at, n = int(arrays["bar_at"][cloud]), int(arrays["bar_n"][cloud])
            self.bars[cloud] = np.sort(arrays["bars"][at : at + n])


class HostDevice:
    """The host in the place of a GPU."""

    name = "the host"
    flows = 2
    from_cache = True
    plan = Plan(flows=2, first=FIRST, second=SECOND)

    def __init__(self, library: Path | None = None) -> None:
        path = library or build(Path(tempfile.mkdtemp(prefix="screening-gpu-host-")))
        self._library = ctypes.CDLL(str(path))
        assert self._library.host_launch_bytes() == ctypes.sizeof(Launch)

    def flow(self) -> HostFlow:
        """Return a new flow."""
        return HostFlow(self._library)
