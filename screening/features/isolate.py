"""One crystal at a time in a child process that may die: for a shard that a worker did not survive.

What each crystal costs (a process of its own, restarted whenever it dies) is paid only here. Rows depend on their own
crystal alone, so the shard comes out as it would have on a worker, except for the crystals that kill or hang: these
are rows with the codes ``worker-killed`` and ``time-limit``.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any

import numpy as np

from screening.config import Config
from screening.errors import Code, Rejection
from screening.features.shard import assemble, featurize, inputs_digest, persist, prepare, write_shard
from screening.host import receive, send
from screening.sources import Item
from screening.store import LedgerEntry, ShardRows


def featurize_apart(path: str, index: int, items: Sequence[Item], config: Config) -> LedgerEntry:
    """Compute one shard crystal by crystal in a child, write it to the store at `path`, and return its ledger entry."""
    return write_shard(path, index, rows_apart(items, config), inputs_digest(items))


def rows_apart(items: Sequence[Item], config: Config) -> ShardRows:
    """Return the rows of `items`, each computed in a child process that may die or hang."""
    parts: list[ShardRows] = []
    with _Child(config) as child:
        for item in items:
            started = time.perf_counter()
            outcome = child.rows(item)
            if isinstance(outcome, Rejection):
                outcome = _refused(item, outcome, config, seconds=time.perf_counter() - started)
            parts.append(outcome)
    return ShardRows(
        features=np.concatenate([part.features for part in parts]),
        composition=np.concatenate([part.composition for part in parts]),
        numbers=np.concatenate([part.numbers for part in parts]),
        strings=np.concatenate([part.strings for part in parts]),
        seconds=sum(part.seconds for part in parts),
        cut=sum(part.cut for part in parts),
        fallbacks=tuple(fallback for part in parts for fallback in part.fallbacks),
    )


def _refused(item: Item, rejection: Rejection, config: Config, *, seconds: float) -> ShardRows:
    """Return the row of a crystal that the child did not survive."""
    refused = Item(id=item.id, source=item.source, text=b"", block=item.block, rejection=rejection)
    prepared = prepare([refused], config)
    rows = assemble(prepared, persist(prepared, config), config)
    return ShardRows(rows.features, rows.composition, rows.numbers, rows.strings, seconds=seconds)


class _Child:
    """A process that featurizes what it is sent; started when needed, again after it died."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def rows(self, item: Item) -> ShardRows | Rejection:
        """Return the row of one crystal, or why there is none."""
        process = self._running()
        limit = self._config.input.time_limit
        try:
            _send(_pipe(process.stdin), item)
            outcome = _receive(_pipe(process.stdout), deadline=time.monotonic() + limit)
        except TimeoutError:
            self._end()
            return self._rejection(item, Code.TIME_LIMIT, f"took longer than {limit:g} s by itself")
        except (EOFError, BrokenPipeError):
            told = _how(process.wait())
            self._end()
            return self._rejection(item, Code.WORKER_KILLED, f"the process that computed it {told}")
        if isinstance(outcome, str):
            return self._rejection(item, Code.INTERNAL, outcome)
        rows: ShardRows = outcome
        return rows

    def _rejection(self, item: Item, code: Code, detail: str) -> Rejection:
        return Rejection(id=item.id, source=item.source, stage="featurize", code=code, detail=detail)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            command = [sys.executable, "-m", "screening.features.isolate"]
            # A group of its own, so that what the child starts ends with it.
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            _send(_pipe(self._process.stdin), self._config)
            # The start itself is not held against the first crystal.
            _receive(_pipe(self._process.stdout), deadline=time.monotonic() + 300)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                _close(_pipe(pipe))
            self._process = None


def _how(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("the child was started without pipes")
    return stream


def _close(stream: IO[bytes]) -> None:
    with suppress(BrokenPipeError):
        stream.close()


def _send(stream: IO[bytes], message: Any) -> None:
    send(stream, pickle.dumps(message))


def _receive(stream: IO[bytes], *, deadline: float | None) -> Any:
    """Return the next message; it comes from this program's own other half, so unpickling it is safe."""
    return pickle.loads(receive(stream, deadline=deadline))  # noqa: S301


def _serve() -> None:
    """Answer every item with its row, or with a sentence where this program failed on it; end with the parent."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand between messages
    requests = sys.stdin.buffer
    config: Config = _receive(requests, deadline=None)
    # A crystal that wants more memory than a worker has ends this process, not the machine.
    resource.setrlimit(resource.RLIMIT_DATA, (config.cluster.memory_bytes(),) * 2)
    _send(replies, "ready")
    while True:
        try:
            item: Item = _receive(requests, deadline=None)
        except EOFError:
            return
        outcome: ShardRows | str
        try:
            outcome = featurize([item], config)
        except MemoryError:
            raise
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        _send(replies, outcome)


if __name__ == "__main__":
    _serve()
