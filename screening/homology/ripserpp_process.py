"""Keeps the ripser++ process: starts it, gives it work with a time limit, and starts another when it dies or ages."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
from numpy.typing import NDArray

from screening.errors import DeviceUnavailableError
from screening.homology.ripserpp_child import COUNT, HEADER, READY, UNKNOWN
from screening.host import Child

START_LIMIT = 120.0  # s to load the library and make a CUDA context


class ChildDiedError(Exception):
    """The process ended while it was working; `how` says by what."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class RipserppProcess:
    """One ripser++ process; safe to use from several threads, which wait for each other.

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
        self._done = 0
        self._process: Child | None = None
        self._lock = threading.Lock()
        self._free = UNKNOWN
        self._owner = os.getpid()
        self.started = 0  # processes started so far

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

    def bars(
        self, lower: NDArray[np.float32], *, n_points: int, max_dim: int, threshold: float, time_limit: float
    ) -> list[NDArray[np.float32]]:
        """Return the finite bars up to `threshold`, one (bars, 2) array per dimension.

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
        time_limit
            s.

        Raises
        ------
        TimeoutError
            The time limit passed; the process was ended.
        ChildDiedError
            The process died on it.
        DeviceUnavailableError
            A process cannot even be started: there is no GPU, or the library does not fit it.
        """
        with self._lock:
            process = self._running()
            try:
                deadline = time.monotonic() + time_limit
                request = HEADER.pack(max_dim, n_points, threshold) + lower.tobytes()
                process.send(request, deadline=deadline)
                answer = process.receive(deadline=deadline)
            except (EOFError, BrokenPipeError) as error:
                how = process.wait()
                self._end()
                raise ChildDiedError(how) from error
            except TimeoutError:
                self._end()
                raise
            self._done += 1
            if self._done >= self._calls:
                self._end()
        return _parsed(answer, max_dim + 1)

    def close(self) -> None:
        """End the process, if there is one. A fork of the program that started it leaves it alone."""
        if os.getpid() == self._owner:
            with self._lock:
                self._end()

    def _running(self) -> Child:
        if self._process is not None:
            return self._process
        self._process = Child(("-m", "screening.homology.ripserpp_child", self._library))
        self._done = 0
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
        if self._process is not None:
            self._process.end()
            self._process = None


def _parsed(answer: bytes, dimensions: int) -> list[NDArray[np.float32]]:
    found, place = [], 0
    for _ in range(dimensions):
        (count,) = COUNT.unpack_from(answer, place)
        place += COUNT.size
        found.append(np.frombuffer(answer, dtype=np.float32, count=2 * count, offset=place).reshape(count, 2).copy())
        place += 8 * count
    if place != len(answer):
        raise RuntimeError("an answer of the ripser++ process has the wrong length")
    return found
