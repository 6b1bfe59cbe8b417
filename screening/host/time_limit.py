"""Ends the process when a piece of work takes too long, whatever it is stuck in.

`faulthandler` keeps a thread of its own in C, so it acts even where native code holds the interpreter lock. There is
one such timer per process; several pieces of work on several threads share it through the earliest of their ends.
"""

from __future__ import annotations

import faulthandler
import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_ends: dict[int, float] = {}
_numbers = itertools.count()
_sink = None


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Run the body; if it is not done after `seconds`, the process exits with status 1."""
    number = next(_numbers)
    with _lock:
        _ends[number] = time.monotonic() + seconds
        _arm()
    try:
        yield
    finally:
        with _lock:
            del _ends[number]
            _arm()


def _arm() -> None:
    """Set the timer to the earliest end, or stop it; the lock is held."""
    global _sink  # noqa: PLW0603 - opened once, for what faulthandler would print
    if not _ends:
        faulthandler.cancel_dump_traceback_later()
        return
    if _sink is None:
        _sink = open(os.devnull, "w")  # noqa: PTH123, SIM115 - lives as long as the process
    left = max(1e-3, min(_ends.values()) - time.monotonic())
    faulthandler.dump_traceback_later(left, exit=True, file=_sink)
