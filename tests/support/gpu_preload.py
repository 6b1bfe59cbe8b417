"""Loaded by Dask workers of tests: the host in the place of their GPU, with faults if asked for.

SCREENING_HOST_GPU: the library. SCREENING_HOST_GPU_FAULT: ``kill:FILE`` ends the process at its first batch, once (FILE
is made then); ``raise`` fails every batch; ``memory:N`` has no room for batches of more than N clouds; ``work``
leaves every third cloud to the host; ``absent``: no device can be opened; ``slow:SECONDS``: opening one takes so long.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from gpu_host import HostDevice, HostFlow

import screening.gpu.pipeline
from screening.errors import DeviceUnavailableError

FAULT, _, DETAIL = os.environ.get("SCREENING_HOST_GPU_FAULT", "").partition(":")


class Faulty:
    """A flow that fails as asked."""

    def __init__(self, flow: HostFlow) -> None:
        self._flow = flow

    def compute(self, cells: Any, settings: Any) -> Any:
        if FAULT == "kill" and not Path(DETAIL).exists():
            Path(DETAIL).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if FAULT == "raise":
            raise RuntimeError("the device is lost")
        if FAULT == "memory" and len(cells) > int(DETAIL):
            raise MemoryError("out of device memory")
        values, outcomes = self._flow.compute(cells, settings)
        if FAULT == "work":
            outcomes[::3] = 6
            for cloud in range(0, len(cells), 3):
                values[slice(*cells.value_offsets(settings)[cloud : cloud + 2])] = -1.0
        return values, outcomes


class FaultyDevice(HostDevice):
    """The host device with flows that fail as asked."""

    def flow(self) -> Any:
        return Faulty(super().flow())


def open_host(config: Any) -> HostDevice:
    if FAULT == "slow":
        time.sleep(float(DETAIL))
    if FAULT == "absent":
        raise DeviceUnavailableError("no GPU answers")
    return FaultyDevice(Path(os.environ["SCREENING_HOST_GPU"]))


screening.gpu.pipeline.open_device = open_host
