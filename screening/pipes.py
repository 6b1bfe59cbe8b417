"""Messages over pipes between this program and its own child processes: a length, then bytes; with deadlines."""

from __future__ import annotations

import os
import select
import struct
import time
from typing import IO

_LENGTH = struct.Struct("<Q")


def send(stream: IO[bytes], data: bytes) -> None:
    """Write one message."""
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes], *, deadline: float | None = None) -> bytes:
    """Return the next message. The stream must be read by this function alone, since it reads below its buffer.

    Parameters
    ----------
    stream
        A pipe.
    deadline
        Value of `time.monotonic` at which to give up; None waits for ever.

    Raises
    ------
    TimeoutError
        The deadline passed first.
    EOFError
        The other side closed the pipe, or died.
    """
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size, deadline))
    return _exactly(stream, length, deadline)


def _exactly(stream: IO[bytes], count: int, deadline: float | None) -> bytes:
    data = bytearray()
    while len(data) < count:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                raise TimeoutError
        part = os.read(stream.fileno(), min(count - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
