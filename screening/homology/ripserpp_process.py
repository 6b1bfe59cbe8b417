"""Keeps the ripser++ process: starts it, gives it work with a time limit, and starts another when it dies or ages.

Clouds go to it ahead of the answers, so that it never waits for this side: what is sent lies in its memory when it has
finished the one before. ripser++ itself takes one matrix a call.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from screening.errors import DeviceUnavailableError
from screening.homology import ripserpp_child
from screening.homology.ripserpp_child import COUNT, HEADER, READY, UNKNOWN
from screening.host import Child

START_LIMIT = 120.0  # s to load the library and make a CUDA context
AHEAD = 32  # most clouds that are sent and not answered
AHEAD_BYTES = 64 * 2**20  # most bytes of these; one that is larger goes alone
GRACE = 1.0  # s to read an answer that may have come while this side was busy
FloatBars = list[NDArray[np.float32]]  # one (bars, 2) array per dimension


class ChildDiedError(Exception):
    """The process ended while it was working; `how` says by what."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


def request(lower: NDArray[np.float32], *, n_points: int, max_dim: int, threshold: float) -> bytes:
    """Return one matrix as `RipserppProcess.answers` takes it.

    Parameters
    ----------
    lower
        Lower triangle of the distances, row by row, (n_points (n_points - 1) / 2,).
    n_points
        At least 10; the library crashes below.
    max_dim
        Highest dimension, at least 1; the library crashes at 0.
    threshold
        Largest distance.
    """
    return HEADER.pack(max_dim, n_points, threshold) + lower.tobytes()


class RipserppProcess:
    """One ripser++ process; several threads may use it, each inside ``with process``, where it is theirs alone.

    Parameters
    ----------
    library
        Path of the shared library.
    calls
        After so many calls the process is replaced: the library keeps a little memory at each.
    """

    def __init__(self, library: str, *, calls: int = 500) -> None:
        self._library = library
        self._calls = calls
        self._sent = 0  # to the process that runs
        self._unanswered = 0  # of these
        self._process: Child | None = None
        self._lock = threading.RLock()
        self._free = UNKNOWN
        self._owner = os.getpid()
        self.started = 0  # processes started so far

    def __enter__(self) -> RipserppProcess:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        if self._unanswered:  # given up in the middle: later answers would be taken for others
            self._end()
        self._lock.release()

    @property
    def pid(self) -> int | None:
        """Process id of the running process, None if there is none."""
        return None if self._process is None else self._process.pid

    def free_memory(self) -> int | None:
        """Return the bytes of GPU memory that were free when the process started; None if the driver does not say.

        Raises
        ------
        DeviceUnavailableError
            A process cannot be started.
        """
        with self._lock:
            self._running()
            return None if self._free == UNKNOWN else self._free

    def answers(
        self, requests: Iterator[bytes], *, time_limit: float
    ) -> Iterator[FloatBars | ChildDiedError | TimeoutError]:
        """Yield the finite bars of each request up to its threshold, or what ended its process, in order.

        Requests are read ahead, up to `AHEAD` and `AHEAD_BYTES`. What dies or hangs costs the one that was worked on;
        those after it are sent again to a new process. To be used inside ``with process``.

        Parameters
        ----------
        requests
            Made by `request`.
        time_limit
            Longest time for one of them, s.

        Raises
        ------
        DeviceUnavailableError
            A process cannot even be started: there is no GPU, or the library does not fit it.
        """
        ahead: deque[bytes] = deque()  # read and not answered
        ended = False
        began = time.monotonic()  # at the latest, of what is worked on
        while True:
            if not ended and _room(ahead):
                read = next(requests, None)
                if read is None:
                    ended = True
                else:
                    ahead.append(read)
            if not ahead:
                return
            if not self._unanswered:
                began = time.monotonic()
            try:
                there = self._send(ahead, time_limit)
                if there and not ended and _room(ahead):
                    continue
                answer = self._child().receive(deadline=max(began + time_limit, time.monotonic() + GRACE))
            except (EOFError, TimeoutError) as error:
                failure = ChildDiedError(self._child().wait()) if isinstance(error, EOFError) else error
                self._end()
                ahead.popleft()
                yield failure
                continue
            began = time.monotonic()
            self._unanswered -= 1
            if self._sent >= self._calls and not self._unanswered:
                self._end()
            yield _parsed(answer, _dimensions(ahead.popleft()))

    def _send(self, ahead: deque[bytes], time_limit: float) -> bool:
        """Send what has not been sent, as far as this process may still be used; return whether it takes more."""
        while self._unanswered < len(ahead):
            process = self._running()
            if self._sent >= self._calls:
                return False
            try:
                process.send(ahead[self._unanswered], deadline=time.monotonic() + time_limit)
            except BrokenPipeError:
                return False  # it died; answers that it gave before may still be read
            self._unanswered += 1
            self._sent += 1
        return True

    def close(self) -> None:
        """End the process, if there is one. A fork of the program that started it leaves it alone."""
        if os.getpid() == self._owner:
            with self._lock:
                self._end()

    def _child(self) -> Child:
        if self._process is None:
            raise RuntimeError("there is no ripser++ process to hear from")
        return self._process

    def _running(self) -> Child:
        if self._process is not None:
            return self._process
        # By its file: as a module it would bring in the whole room, which takes three times as long to start.
        self._process = Child((ripserpp_child.__file__, self._library))
        self.started += 1
        try:
            ready = self._process.receive(deadline=time.monotonic() + START_LIMIT)
        except (EOFError, TimeoutError) as error:
            how = "does not answer" if isinstance(error, TimeoutError) else self._process.wait()
            words = self._process.last_words()
            self._end()
            raise DeviceUnavailableError(
                f"ripser++ cannot be used here: its process {how} on a trial run ({words}); check the GPU with "
                "nvidia-smi, build the library for it with scripts/install_ripserpp, or use another engine"
            ) from error
        (self._free,) = READY.unpack(ready)
        return self._process

    def _end(self) -> None:
        self._sent = self._unanswered = 0
        if self._process is not None:
            self._process.end()
            self._process = None


def _room(ahead: deque[bytes]) -> bool:
    return len(ahead) < AHEAD and sum(map(len, ahead)) < AHEAD_BYTES


def _dimensions(sent: bytes) -> int:
    max_dim, _, _ = HEADER.unpack_from(sent)
    return int(max_dim) + 1


def _parsed(answer: bytes, dimensions: int) -> FloatBars:
    found, place = [], 0
    for _ in range(dimensions):
        (count,) = COUNT.unpack_from(answer, place)
        place += COUNT.size
        found.append(np.frombuffer(answer, dtype=np.float32, count=2 * count, offset=place).reshape(count, 2).copy())
        place += 8 * count
    if place != len(answer):
        raise RuntimeError("an answer of the ripser++ process has the wrong length")
    return found
