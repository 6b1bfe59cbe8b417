"""One crystal at a time in a child process that may die: for a shard that a worker did not survive.

What each crystal costs (a process of its own, restarted whenever it dies) is paid only here. Rows depend on their own
crystal alone, so the shard comes out as it would have on a worker, except for the crystals that kill or hang: these
are rows with the codes ``worker-killed`` and ``time-limit``.
"""

from __future__ import annotations

import os
import pickle
import resource
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from screening.config import Config
from screening.errors import Code, Rejection
from screening.features.shard import assemble, featurize, persist, prepare, write_shard
from screening.host import Child, receive, send
from screening.sources import Item, inputs_digest
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
        self._process: Child | None = None

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def rows(self, item: Item) -> ShardRows | Rejection:
        """Return the row of one crystal, or why there is none."""
        process = self._running()
        limit = self._config.input.time_limit
        try:
            process.send(pickle.dumps(item))
            outcome = _loaded(process.receive(deadline=time.monotonic() + limit))
        except TimeoutError:
            self._end()
            return self._rejection(item, Code.TIME_LIMIT, f"took longer than {limit:g} s by itself")
        except (EOFError, BrokenPipeError):
            how = process.wait()
            self._end()
            return self._rejection(item, Code.WORKER_KILLED, f"the process that computed it {how}")
        if isinstance(outcome, str):
            return self._rejection(item, Code.INTERNAL, outcome)
        rows: ShardRows = outcome
        return rows

    def _rejection(self, item: Item, code: Code, detail: str) -> Rejection:
        return Rejection(id=item.id, source=item.source, stage="featurize", code=code, detail=detail)

    def _running(self) -> Child:
        if self._process is None:
            self._process = Child(("-m", "screening.features.isolate"))
            self._process.send(pickle.dumps(self._config))
            # The start itself is not held against the first crystal.
            self._process.receive(deadline=time.monotonic() + 300)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


def _loaded(message: bytes) -> Any:
    """Return what a message holds; it comes from this program's own other half, so unpickling it is safe."""
    return pickle.loads(message)  # noqa: S301


def _serve() -> None:
    """Answer every item with its row, or with a sentence where this program failed on it; end with the parent."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand between messages
    requests = sys.stdin.buffer
    config: Config = _loaded(receive(requests))
    # A crystal that wants more memory than a worker has ends this process, not the machine.
    resource.setrlimit(resource.RLIMIT_DATA, (config.cluster.memory_bytes(),) * 2)
    send(replies, pickle.dumps("ready"))
    while True:
        try:
            item: Item = _loaded(receive(requests))
        except EOFError:
            return
        outcome: ShardRows | str
        try:
            outcome = featurize([item], config)
        except MemoryError:
            raise
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        send(replies, pickle.dumps(outcome))


if __name__ == "__main__":
    _serve()
