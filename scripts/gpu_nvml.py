"""Occupancy and memory of all GPUs, as NVML tells them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np


class Nvml:
    """What NVML tells of all GPUs."""

    def __enter__(self) -> Nvml:
        import pynvml

        pynvml.nvmlInit()
        self._nvml = pynvml
        self._handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return self

    def used(self) -> list[int]:
        """Return the memory in use on each GPU, bytes, by all processes."""
        return [int(self._nvml.nvmlDeviceGetMemoryInfo(handle).used) for handle in self._handles]

    def busy(self) -> list[int]:
        """Return per GPU in how many percent of the last sampling period a kernel ran."""
        return [int(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu) for handle in self._handles]

    def __exit__(self, *_: object) -> None:
        self._nvml.nvmlShutdown()


class Sampler:
    """Occupancy and memory of all GPUs while the context is open, ten times a second."""

    def __init__(self, nvml: Nvml) -> None:
        self._nvml = nvml
        self._busy: list[list[int]] = []
        self._used: list[list[int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self._busy.append(self._nvml.busy())
            self._used.append(self._nvml.used())

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def figures(self) -> dict[str, Any]:
        """Return mean occupancy, the share of samples in which the GPU did anything, and the most memory, per GPU."""

        def per_gpu(samples: Sequence[Sequence[int]], function: Any) -> list[float]:
            return [float(function(one)) for one in np.array(samples).T] if samples else []

        return {
            "busy %": per_gpu(self._busy, np.mean),
            "share of samples busy": per_gpu(self._busy, lambda one: np.mean(one > 0)),
            "most memory MiB": [value / 2**20 for value in per_gpu(self._used, np.max)],
            "samples": len(self._busy),
        }
