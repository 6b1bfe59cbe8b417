"""Child processes of this program: started, given work with deadlines, and ended, however stuck they are.

A message over a pipe is a length, then bytes. Every child starts with ``-P``, so that no file of the current folder is
taken for a module, and leads a process group of its own, so that what it starts ends with it.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

_LENGTH = struct.Struct("<Q")
# What a library prints stands where it was printed, before the error that ends a child, which is what is repeated.
FLAGS = ("-P", "-u")
LAST_WORDS = 400  # characters of what a child wrote to standard error that an error repeats


class Child:
    """One child process, spoken to by messages.

    Parameters
    ----------
    arguments
        Of the interpreter: ``("-m", module, ...)``.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, *FLAGS, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def send(self, data: bytes, *, deadline: float | None = None) -> None:
        """Write one message; see `send`."""
        send(_pipe(self._process.stdin), data, deadline=deadline)

    def receive(self, *, deadline: float | None = None) -> bytes:
        """Return its next message; see `receive`."""
        return receive(_pipe(self._process.stdout), deadline=deadline)

    def wait(self) -> str:
        """Wait for its end, which must be near, and return how it came: ``was ended by SIGKILL``."""
        status = self._process.wait()
        return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def last_words(self) -> str:
        """Return the end of what it wrote to standard error, on one line."""
        self._words.seek(0)
        return " ".join(self._words.read()[-LAST_WORDS:].decode(errors="replace").split()) or "no message"

    def end(self) -> None:
        """End it and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                _pipe(stream).close()
        self._words.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a child that runs one piece of code left."""

    status: int
    output: bytes
    words: str  # last line on standard error


def answer_of(code: str, *, time_limit: float) -> Answer:
    """Return what a child leaves that runs `code`.

    Raises
    ------
    TimeoutError
        It took longer than `time_limit` seconds, and was ended.
    """
    try:
        child = subprocess.run(  # noqa: S603 - this program itself
            [sys.executable, *FLAGS, "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"took longer than {time_limit:g} s") from error
    last = (child.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
    return Answer(child.returncode, child.stdout, last[:LAST_WORDS])


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("the child was started without pipes")
    return stream


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
