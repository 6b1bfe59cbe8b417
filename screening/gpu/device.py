"""A GPU that computes batches of clouds: its memory planned once, each flow with a stream and buffers of its own."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from screening.errors import DeviceUnavailableError, MissingExtraError
from screening.gpu.cells import Cells, CurveSettings
from screening.gpu.compiled import compile_with_nvrtc, cubin
from screening.homology import PHASE, PRIME, RESOLUTION, SEED, unit_powers

KERNEL = "screening_periodic"
MAX_SHIFT = 255
PENDING = -1
# Outcomes of a cloud, as in kernels/cuda/periodic/layout.cuh; 0 is done.
REASONS = {1: "slab", 2: "degree", 3: "shift", 4: "unit", 5: "coincident", 6: "work", 7: "list"}
AGAIN = (1, 6, 7)  # what a larger slab and more patience may do


@dataclass(frozen=True, slots=True)
class Tier:
    """How much one warp may use for a cloud."""

    warps: int  # in all
    slab_bytes: int  # memory of a warp
    list_terms: int  # of the back of a working column
    most_bars: int
    most_work: int  # steps of the reduction


@dataclass(frozen=True, slots=True)
class Plan:
    """How the memory of a GPU is used."""

    flows: int  # batches that are computed beside one another
    first: Tier  # of each flow
    second: Tier  # one for all flows: the few clouds that the first one does not hold


def plan_memory(budget: int, multiprocessors: int) -> Plan:
    """Return how `budget` bytes are used: less of everything where there is little.

    Raises
    ------
    DeviceUnavailableError
        Not even one warp a multiprocessor fits.
    """
    slab, large = 4 << 20, 64 << 20
    for flows, warps, tail in ((3, 16, 1.0), (2, 16, 0.5), (2, 12, 0.25), (1, 8, 0.125), (1, 4, 0.05), (1, 1, 0.02)):
        first = Tier(warps * multiprocessors, slab, 32_768, 16_384, 100_000)
        second = Tier(max(1, int(tail * multiprocessors)), large, 524_288, 262_144, 1_000_000)
        # Half a gigabyte and a fifth: batches, and what the driver holds.
        if 1.2 * (flows * first.warps * slab + second.warps * large) + (512 << 20) <= budget:
            return Plan(flows, first, second)
    raise DeviceUnavailableError(
        f"{budget / 2**30:.1f} GiB of GPU memory are too few for the exact engine; use --device cpu"
    )


class Flow(Protocol):
    """Computes one batch at a time."""

    def compute(self, cells: Cells, settings: CurveSettings) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return the values of the clouds, flat as `Cells.value_offsets` says, and the outcome of each, 0 = done."""


class Device(Protocol):
    """Something that computes batches of clouds."""

    name: str
    flows: int

    def flow(self) -> Flow:
        """Return a new flow; there are at most `flows`."""


class CudaDevice:
    """The current CUDA device.

    Parameters
    ----------
    memory_share
        Of the memory that is free now, the most that is used.
    cache
        Folder of compiled kernels.

    Raises
    ------
    MissingExtraError, DeviceUnavailableError, EngineUnavailableError
        CuPy is not installed; no GPU answers or its memory is too small; the source does not compile.
    """

    def __init__(self, *, memory_share: float, cache: Path) -> None:
        try:
            import cupy
            from cupy_backends.cuda.libs import nvrtc
        except ImportError as error:
            raise MissingExtraError("the exact engine on a GPU needs CuPy: pip install 'screening[gpu]'") from error
        if not cupy.is_available():
            raise DeviceUnavailableError("no GPU answers; see `screening doctor`")
        self.cupy = cupy
        device = cupy.cuda.Device()
        properties = cupy.cuda.runtime.getDeviceProperties(device.id)
        self.name = properties["name"].decode(errors="replace")
        capability = (int(properties["major"]), int(properties["minor"]))
        version = ".".join(str(part) for part in nvrtc.getVersion())
        program, self.from_cache = cubin(
            capability=capability, nvrtc_version=version, folder=cache, compile_=compile_with_nvrtc
        )
        module = cupy.cuda.function.Module()
        module.load(program)
        self.kernel = module.get_function(KERNEL)
        self.shared_bytes = self._shared_bytes(module)
        free, _ = cupy.cuda.runtime.memGetInfo()
        budget = int(memory_share * free)
        self.plan = plan_memory(budget, int(properties["multiProcessorCount"]))
        cupy.get_default_memory_pool().set_limit(size=budget)  # beyond it MemoryError: the batch is halved
        self.flows = self.plan.flows
        self.powers = cupy.asarray(unit_powers(PRIME, SEED, MAX_SHIFT))
        self.second_turn = threading.Lock()
        self.second_slabs = cupy.empty(self.plan.second.warps * self.plan.second.slab_bytes, dtype=np.uint8)
        device.synchronize()

    def flow(self) -> CudaFlow:
        """Return a new flow."""
        return CudaFlow(self)

    def _shared_bytes(self, module: Any) -> int:
        answer = self.cupy.zeros(1, dtype=np.uint32)
        module.get_function(f"{KERNEL}_shared")((1,), (1,), (answer,))
        return int(answer[0])


class CudaFlow:
    """A stream of a device with slabs and buffers of its own; used by one thread at a time."""

    def __init__(self, device: CudaDevice) -> None:
        self._device = device
        self._cupy = device.cupy
        self._stream = device.cupy.cuda.Stream(non_blocking=True)
        self._urgent = device.cupy.cuda.Stream(non_blocking=True, priority=-1)
        with self._stream:
            self._slabs = device.cupy.empty(device.plan.first.warps * device.plan.first.slab_bytes, dtype=np.uint8)
        self._pinned = np.empty(0, dtype=np.float32)
        self._bars: tuple[Any, ...] | None = None
        self.bars: list[NDArray[np.uint64]] = []  # of the last batch, by cloud: dim << 62 | birth << 31 | death, sorted
        self.clocks = np.zeros(10, dtype=np.uint64)  # spent by stage, of all warps, first tier
        self.seconds = dict.fromkeys(("send", "first", "second", "fetch"), 0.0)

    def compute(
        self, cells: Cells, settings: CurveSettings, *, most_bars: int = 0
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return what `Flow.compute` says; with room for `most_bars` of all clouds `bars` holds them afterwards."""
        cupy, device = self._cupy, self._device
        n_values = int(cells.value_offsets(settings)[-1])
        laps = [time.perf_counter()]
        with self._stream:
            radii = np.concatenate([np.array(radii, dtype=np.int32) for radii in settings.radii])
            arrays = [
                cupy.asarray(cells.tasks(settings).view(np.uint8)),
                cupy.asarray(np.append(cells.points.reshape(-1), 0.0)),
                cupy.asarray(radii),
            ]
            values = cupy.empty(n_values, dtype=np.float32)
            outcomes = cupy.full(len(cells), PENDING, dtype=np.int32)
            clocks = cupy.zeros(10, dtype=np.uint64)
            order = cells.order(settings)
            self._bars = (
                None
                if most_bars == 0
                else tuple(
                    cupy.zeros(size, dtype=kind)
                    for size, kind in (
                        (most_bars, np.uint64),
                        (1, np.uint32),
                        (len(cells), np.uint32),
                        (len(cells), np.uint32),
                    )
                )
            )
            laps.append(time.perf_counter())
            self._launch(arrays, values, outcomes, clocks, order, settings, device.plan.first, self._slabs)
            ended: NDArray[np.int32] = outcomes.get()
            laps.append(time.perf_counter())
        again = np.flatnonzero(np.isin(ended[order], AGAIN))
        if len(again):  # the stream before is done; this one comes before the batches of other flows that wait
            with device.second_turn, self._urgent:
                chosen = order[again]
                self._launch(arrays, values, outcomes, None, chosen, settings, device.plan.second, device.second_slabs)
                ended = outcomes.get()
        with self._stream:
            laps.append(time.perf_counter())
            self.clocks += clocks.get()
            found = self._fetched(values)
            laps.append(time.perf_counter())
        if self._bars:
            bars, _, at, count = (array.get() for array in self._bars)
            self.bars = [np.sort(bars[a : a + n]) for a, n in zip(at, count, strict=True)]
        for name, spent in zip(self.seconds, np.diff(laps), strict=True):
            self.seconds[name] += float(spent)
        return found, ended

    def _launch(  # noqa: PLR0913, PLR0917 - what the kernel takes
        self,
        arrays: list[Any],
        values: Any,
        outcomes: Any,
        clocks: Any,
        order: NDArray[np.uint32],
        settings: CurveSettings,
        tier: Tier,
        slabs: Any,
    ) -> None:
        """Launch the kernel on the current stream for the clouds in `order`."""
        tasks, points, radii = arrays
        nothing = np.uint64(0)
        arguments = (
            tasks, points, radii, self._device.powers, self._cupy.asarray(order),
            self._cupy.zeros(1, dtype=np.uint32), slabs, values, outcomes,
            *(self._bars or (nothing,) * 4),
            nothing if clocks is None else clocks,
            np.uint64(tier.slab_bytes), np.float64(RESOLUTION), np.float64(PHASE), np.float64(settings.budget),
            np.uint32(len(order)), np.uint32(self._bars[0].size if self._bars else 0), np.uint32(tier.most_bars), np.uint32(tier.list_terms),
            np.uint32(tier.most_work), np.int32(settings.max_dim), np.int32(settings.with_ranks),
        )  # fmt: skip
        blocks = min(tier.warps, len(order))
        if blocks:
            self._device.kernel((blocks,), (32,), arguments, shared_mem=self._device.shared_bytes)

    def _fetched(self, values: Any) -> NDArray[np.float32]:
        """Return the values on the host, by way of memory that the device copies to at full speed."""
        if len(self._pinned) < len(values):
            import cupyx

            self._pinned = cupyx.empty_pinned(int(1.25 * len(values)), dtype=np.float32)
        staged = self._pinned[: len(values)]
        values.get(stream=self._stream, out=staged)
        self._stream.synchronize()
        return staged.copy()
