"""Clouds of many shards at once: batches that fill a GPU, put together from whoever waits for curves."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from screening.gpu.cells import Cells, CurveSettings
from screening.gpu.device import Device, Flow

MOST_CLOUDS = 64_000
MOST_BYTES = 256 << 20  # of a batch's cells
WAIT = 0.5  # s after the first cloud of a batch


@dataclass(eq=False)
class _Request:
    cells: Cells
    since: float
    ready: threading.Event = field(default_factory=threading.Event)
    values: NDArray[np.float32] | None = None
    outcomes: NDArray[np.int32] | None = None
    error: BaseException | None = None


@dataclass
class Counts:
    """What a collector has done."""

    batches: int = 0
    clouds: int = 0
    largest: int = 0  # clouds of the largest batch
    busy: float = 0.0  # s in which at least one batch was computed


class Collector:
    """Computes what its callers hand in, batch after batch, on all flows of a device.

    Parameters
    ----------
    device
        Computes.
    settings
        Of every cloud.
    most_clouds, most_bytes, wait
        A batch goes when it has so many clouds or bytes, or so many seconds after its first cloud came.
    """

    def __init__(
        self,
        device: Device,
        settings: CurveSettings,
        *,
        most_clouds: int = MOST_CLOUDS,
        most_bytes: int = MOST_BYTES,
        wait: float = WAIT,
    ) -> None:
        self.device = device
        self.settings = settings
        self.counts = Counts()
        self._most_clouds, self._most_bytes, self._wait = most_clouds, most_bytes, wait
        self._requests: list[_Request] = []
        self._changed = threading.Condition()
        self._running = 0
        self._busy_since = 0.0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, args=(device.flow(),), name=f"gpu-flow-{k}", daemon=True)
            for k in range(device.flows)
        ]
        for thread in self._threads:
            thread.start()

    def compute(self, cells: Cells) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return values and outcomes of the clouds, as `Flow.compute`; waits for them.

        Raises
        ------
        Exception
            Whatever the device raised on the batch.
        RuntimeError
            The collector is closed.
        """
        request = _Request(cells, time.monotonic())
        with self._changed:
            if self._closed:
                raise RuntimeError("the collector is closed")
            self._requests.append(request)
            self._changed.notify_all()
        request.ready.wait()
        if request.error is not None:
            raise request.error
        assert request.values is not None and request.outcomes is not None  # noqa: PT018
        return request.values, request.outcomes

    def close(self) -> None:
        """Compute what was handed in, and end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self, flow: Flow) -> None:
        while batch := self._next_batch():
            self._compute_or_tell(flow, batch)
            with self._changed:
                self._running -= 1
                if self._running == 0:
                    self.counts.busy += time.monotonic() - self._busy_since
            for request in batch:
                request.ready.set()

    def _compute_or_tell(self, flow: Flow, batch: list[_Request]) -> None:
        """Compute a batch; whoever waits learns of what the device raised. What is too large is halved."""
        try:
            self._compute(flow, batch)
        except MemoryError as error:
            if len(batch) == 1:
                self._compute_halves(flow, batch[0], error)
                return
            middle = len(batch) // 2
            self._compute_or_tell(flow, batch[:middle])
            self._compute_or_tell(flow, batch[middle:])
        except BaseException as error:
            for request in batch:
                request.error = error

    def _compute_halves(self, flow: Flow, request: _Request, error: MemoryError) -> None:
        """Compute one request that is too large by itself in two halves."""
        count = len(request.cells)
        if count < 2:
            request.error = error
            return
        parts = np.arange(count // 2), np.arange(count // 2, count)
        halves = [_Request(request.cells.take(part), request.since) for part in parts]
        for half in halves:
            self._compute_or_tell(flow, [half])
            if half.error is not None:
                request.error = half.error
                return
        request.values = np.concatenate([half.values for half in halves if half.values is not None])
        request.outcomes = np.concatenate([half.outcomes for half in halves if half.outcomes is not None])

    def _next_batch(self) -> list[_Request]:
        """Return the requests of the next batch, in the order in which they came; none when closed."""
        with self._changed:
            while True:
                if self._requests:
                    count, size = 0, 0
                    taken = 0
                    for request in self._requests:
                        if taken and (
                            count + len(request.cells) > self._most_clouds
                            or size + request.cells.nbytes > self._most_bytes
                        ):
                            break
                        taken += 1
                        count += len(request.cells)
                        size += request.cells.nbytes
                    full = taken < len(self._requests) or count >= self._most_clouds or size >= self._most_bytes
                    left = self._requests[0].since + self._wait - time.monotonic()
                    if full or left <= 0 or self._closed:
                        batch, self._requests = self._requests[:taken], self._requests[taken:]
                        if self._running == 0:
                            self._busy_since = time.monotonic()
                        self._running += 1
                        self.counts.batches += 1
                        self.counts.clouds += count
                        self.counts.largest = max(self.counts.largest, count)
                        return batch
                    self._changed.wait(left)
                elif self._closed:
                    return []
                else:
                    self._changed.wait()

    def _compute(self, flow: Flow, batch: list[_Request]) -> None:
        cells = Cells.joined([request.cells for request in batch])
        values, outcomes = flow.compute(cells, self.settings)
        offsets = cells.value_offsets(self.settings)
        cloud = 0
        for request in batch:
            end = cloud + len(request.cells)
            request.values = values[offsets[cloud] : offsets[end]]
            request.outcomes = outcomes[cloud:end]
            cloud = end
