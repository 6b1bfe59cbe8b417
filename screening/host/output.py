"""What native code writes to standard output and error, kept from the terminal."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, TextIO

_PAIRS = (("stdout", 1), ("stderr", 2))


@contextmanager
def native_output_held() -> Iterator[IO[bytes]]:
    """Keep from the terminal what native code writes to descriptors 1 and 2; yield the file that holds it instead.

    What this program itself prints goes on to where it went: a progress bar may be drawn meanwhile. Where the block
    raises, what was held is written to standard error. Not for two threads at a time, since descriptors are the
    process's.
    """
    with ExitStack() as stack:
        held = stack.enter_context(tempfile.TemporaryFile())
        _flush()
        for name, descriptor in _PAIRS:
            try:
                kept = os.dup(descriptor)
            except OSError:  # closed: nothing that is written there is seen
                continue
            stack.callback(_put_back, name, descriptor, kept, getattr(sys, name))
            if _writes_to(getattr(sys, name), descriptor):
                ours = os.fdopen(os.dup(kept), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
                setattr(sys, name, ours)
            os.dup2(held.fileno(), descriptor)
        try:
            yield held
        except BaseException:
            _flush()
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            _flush()


def _put_back(name: str, descriptor: int, kept: int, stream: TextIO) -> None:
    """Make a descriptor and Python's stream on it what they were."""
    os.dup2(kept, descriptor)
    os.close(kept)
    ours = getattr(sys, name)
    setattr(sys, name, stream)
    if ours is not stream:
        ours.close()


def _flush() -> None:
    """Write out what Python and the C library still hold, to where it was meant to go."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # none, or closed
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def _writes_to(stream: TextIO | None, descriptor: int) -> bool:
    """Return whether a stream of Python's ends at a descriptor; one that a notebook or a test put there does not."""
    try:
        return stream is not None and stream.fileno() == descriptor
    except (OSError, ValueError, AttributeError):
        return False
