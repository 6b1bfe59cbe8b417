"""Messages over pipes between this program and its own child processes: a length, then bytes; with deadlines."""

from __future__ import annotations

import os
import select
import struct
import time
from typing import IO

_LENGTH = struct.Struct("<Q")


def send(stream: IO[bytes], data: bytes, *, deadline: float | None = None) -> None:
    """Write one message. The stream must be written by this function alone, since it writes below its buffer.

    Parameters
    ----------
    stream
        A pipe.
    data
        The message.
    deadline
        Value of `time.monotonic` at which to give up; None waits for ever.

    Raises
    ------
    TimeoutError
        The deadline passed first; the stream is of no use then.
    BrokenPipeError
        The other side closed the pipe, or died.
    """
    left = memoryview(_LENGTH.pack(len(data)) + data)
    while left:
        _wait([], [stream], deadline)
        # A pipe that is ready takes so much without blocking.
        piece = left if deadline is None else left[: select.PIPE_BUF]
        left = left[os.write(stream.fileno(), piece) :]


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
        _wait([stream], [], deadline)
        part = os.read(stream.fileno(), min(count - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _wait(readers: list[IO[bytes]], writers: list[IO[bytes]], deadline: float | None) -> None:
    if deadline is None:
        return
    left = deadline - time.monotonic()
    if left <= 0 or not any(select.select(readers, writers, [], left)):
        raise TimeoutError
