"""The files of a feature store, on a disk or on an object store: the same names and bytes, kept safe in two ways.

A disk: files are written beside their place, synced, moved there, and their folder synced; ledger lines are appended
and synced.
An object store: files are put whole; each ledger line is an object, ``ledger/<digest>/<number>.json``, put
only if it is not there, and belongs to the ledger.jsonl with that digest (its first 16 digits). When a run ends they
are packed into a new ledger.jsonl, and the store looks as it would on a disk.

On both, Zarr encodes and decodes in memory: the bytes that are checked are the bytes that are decoded, and what is
written is written by this program, in an order that survives a power loss.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import zarr
from zarr.abc.store import Store

LEDGER = "ledger.jsonl"
LINES = "ledger"
LOCK = "lock"
GROUP = "zarr.json"


class Storage(Protocol):
    """Where a store keeps its files."""

    def exists(self) -> bool:
        """Return whether the place is taken."""

    def is_store(self) -> bool:
        """Return whether there is the header of a Zarr group."""

    def create(self, fill: Callable[[Store], object]) -> None:
        """Make the store that `fill` writes, and a ledger whose first line keeps its metadata.

        It is not seen before it is whole.
        """

    def group(self) -> zarr.Group:
        """Return the Zarr group; chunks that are read must have been fetched, those written must be kept."""

    def loaded(self) -> dict[str, bytes]:
        """Return the files of metadata that the group was opened from."""

    def metadata(self) -> dict[str, bytes]:
        """Return the files of metadata that there are, by name, as they stand."""

    def lock(self) -> AbstractContextManager[None]:
        """Hold the store for one run."""

    def put(self, contents: dict[str, bytes]) -> None:
        """Write files whole, one after the other; they are safe on return."""

    def keep(self, keys: Sequence[str]) -> list[str]:
        """Write chunks that were just encoded, and return their SHA-256 (hex); they are safe on return."""

    def fetch(self, keys: Sequence[str]) -> list[str | None]:
        """Return the SHA-256 (hex) of chunks about to be read, None for those that are not there."""

    def held(self, keys: Sequence[str]) -> list[bytes]:
        """Return the bytes of chunks that were fetched."""

    def release(self, keys: Sequence[str]) -> None:
        """Forget what memory holds of chunks."""

    def chunks(self, array: str) -> list[str]:
        """Return the names of the chunks that there are of an array."""

    def ledger(self) -> bytes:
        """Return the ledger."""

    def head(self) -> bytes:
        """Return the first line of the ledger."""

    def append(self, line: str, *, number: int) -> None:
        """Add a line, which becomes the ledger's `number`-th, counted from 0; it is safe on return."""

    def replace_ledger(self, text: str) -> None:
        """Replace the ledger whole."""

    def settle(self, arrays: Sequence[str], *, n_chunks: int) -> None:
        """Leave nothing but what a finished store of so many chunks has."""


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of bytes as hex digits."""
    return hashlib.sha256(data).hexdigest()
