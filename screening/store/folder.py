"""The files of a feature store on a disk."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import zarr
from zarr.abc.store import Store

from screening.errors import StoreError
from screening.store.backend import GROUP, LEDGER, LOCK, digest_of


class Folder:
    """A folder of a file system."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def exists(self) -> bool:
        """Return whether the folder is there."""
        return self._path.exists()

    def is_store(self) -> bool:
        """Return whether there is the header of a Zarr group."""
        return (self._path / GROUP).is_file()

    def create(self, fill: Callable[[Path | Store], object]) -> None:
        """Make the store that `fill` writes."""
        # Made beside its place and moved there, so that a store is never seen half made.
        temporary = self._path.with_name(f"{self._path.name}.new")
        shutil.rmtree(temporary, ignore_errors=True)
        fill(temporary)
        (temporary / LEDGER).touch()
        temporary.rename(self._path)

    def group(self) -> zarr.Group:
        """Return the Zarr group."""
        return zarr.open_group(self._path, mode="r+", zarr_format=3, use_consolidated=False)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for one run, until its process ends, however it ends."""
        with (self._path / LOCK).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StoreError(f"{self._path} is being written by another run; see `screening status`") from error
            yield

    def publish(self, arrays: Sequence[str]) -> None:
        """Do nothing: Zarr wrote the shapes."""

    def keep(self, keys: Sequence[str]) -> list[str]:
        """Sync chunks and return their SHA-256 (hex)."""
        for key in keys:
            _sync(self._path / key)
        return [digest_of((self._path / key).read_bytes()) for key in keys]

    def fetch(self, keys: Sequence[str]) -> list[str | None]:
        """Return the SHA-256 (hex) of chunks, None for those that are not there."""
        return [_digest_of(self._path / key) for key in keys]

    def release(self, keys: Sequence[str]) -> None:
        """Do nothing: memory holds no chunk."""

    def chunks(self, array: str) -> list[str]:
        """Return the names of the chunks that there are of an array."""
        return sorted(path.name for path in (self._path / array / "c").glob("*"))

    def ledger(self) -> bytes:
        """Return the ledger."""
        try:
            return (self._path / LEDGER).read_bytes()
        except OSError as error:
            raise StoreError(f"{self._path / LEDGER} cannot be read: {error.strerror}") from error

    def append(self, line: str, *, number: int) -> None:
        """Append a line and sync it."""
        with (self._path / LEDGER).open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def replace_ledger(self, text: str) -> None:
        """Replace the ledger whole."""
        temporary = self._path / f"{LEDGER}.new"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path / LEDGER)

    def settle(self, arrays: Sequence[str], *, n_chunks: int) -> None:
        """Delete leftovers of killed writers; keep exactly n_chunks chunks per array."""
        for name in arrays:
            for partial in (self._path / name).rglob("*.partial"):
                partial.unlink(missing_ok=True)


def _digest_of(path: Path) -> str | None:
    try:
        return digest_of(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def _sync(path: Path) -> None:
    """Make a renamed file survive a power loss: its bytes and its directory entry."""
    for target in (path, path.parent):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
