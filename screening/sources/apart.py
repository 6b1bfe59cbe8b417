"""Shards of a run listed in a process of its own, beside the one that hands them out.

Listing takes a tenth of a millisecond a crystal, and the process that runs the scheduler has as much to do for each.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from screening.config import InputLimits
from screening.errors import StoreError
from screening.host import Child
from screening.sources.listing import iter_items
from screening.sources.passed import Passed
from screening.sources.shards import ListedHere, Shard


class ListedApart:
    """The same shards as of `ListedHere`, listed in a process that is some of them ahead; the same errors."""

    def __init__(self, crystals: Sequence[str], limits: InputLimits) -> None:
        iter_items(crystals, limits)  # tells what does not exist
        self.passed = Passed()
        self._given = (list(crystals), limits)
        self._child: Child | None = None

    def shards(self, size: int) -> Iterator[Shard]:
        """Yield them in shards of `size`, once.

        Raises
        ------
        StoreError
            The process ended.
        """
        child = self._child = Child(("-m", "screening.sources.lister"))
        child.send(pickle.dumps((*self._given, size)))
        return self._received(child)

    def _received(self, child: Child) -> Iterator[Shard]:
        while True:
            try:
                message = pickle.loads(child.receive())  # noqa: S301 - the child is this program
            except EOFError:
                ended = f"the process that lists crystals {child.wait()}: {child.last_words()}"
                raise StoreError(f"{ended}; the same command goes on from here") from None
            if isinstance(message, Exception):
                raise message
            if isinstance(message, Passed):
                self.passed = message
                return
            yield message

    @property
    def pid(self) -> int:
        """The process id, once shards are asked for."""
        if self._child is None:
            raise RuntimeError("no process lists")
        return self._child.pid

    def close(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.end()
            self._child = None


Listed: TypeAlias = ListedHere | ListedApart
