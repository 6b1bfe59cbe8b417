"""The files of a feature store, on a disk or on an object store: the same names and bytes, kept safe in two ways.

A disk: chunks are written beside their place, renamed and synced; ledger lines are appended and synced.
An object store: chunks are put whole; each ledger line is an object of its own, ``ledger/<digest>/<number>.json``, put
only if it is not there, and belongs to the ledger.jsonl with that digest (its first 16 digits). When a run ends they
are packed into a new ledger.jsonl, and the store looks as it would on a disk.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import zarr
from zarr.abc.store import Store
from zarr.buffer import cpu
from zarr.storage import MemoryStore

from screening.errors import StoreError
from screening.locations import Place, Remote, read_all, write_all
from screening.store.lease import Lease, held

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

    def create(self, fill: Callable[[Path | Store], object]) -> None:
        """Make the store that `fill` writes, with an empty ledger; it is not seen before it is whole."""

    def group(self) -> zarr.Group:
        """Return the Zarr group; chunks that are read must have been fetched, those written must be kept."""

    def lock(self) -> AbstractContextManager[None]:
        """Hold the store for one run."""

    def publish(self, arrays: Sequence[str]) -> None:
        """Make the shapes of arrays known to others."""

    def keep(self, keys: Sequence[str]) -> list[str]:
        """Make chunks that were just written safe, and return their SHA-256 (hex)."""

    def fetch(self, keys: Sequence[str]) -> list[str | None]:
        """Return the SHA-256 (hex) of chunks about to be read, None for those that are not there."""

    def release(self, keys: Sequence[str]) -> None:
        """Forget what memory holds of chunks."""

    def chunks(self, array: str) -> list[str]:
        """Return the names of the chunks that there are of an array."""

    def ledger(self) -> bytes:
        """Return the ledger."""

    def append(self, line: str, *, number: int) -> None:
        """Add a line, which becomes the ledger's `number`-th, counted from 0; it is safe on return."""

    def replace_ledger(self, text: str) -> None:
        """Replace the ledger whole."""

    def settle(self, arrays: Sequence[str], *, n_chunks: int) -> None:
        """Leave nothing but what a finished store of so many chunks has."""


def storage(path: Place, arrays: Sequence[str]) -> Storage:
    """Return the storage for a store of these arrays at `path`."""
    return Bucket(path, arrays) if isinstance(path, Remote) else Folder(path)


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
        return [_digest((self._path / key).read_bytes()) for key in keys]

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
        """Clear what killed writers left half written."""
        for name in arrays:
            for partial in (self._path / name).rglob("*.partial"):
                partial.unlink(missing_ok=True)


class Bucket:
    """A folder of an object store; Zarr encodes and decodes in memory, and only whole objects come and go.

    The bytes that are checked are therefore the bytes that are decoded, and a shard is one request per array.
    """

    def __init__(self, path: Remote, arrays: Sequence[str]) -> None:
        self._path = path
        self._arrays = tuple(arrays)
        self._memory: dict[str, cpu.Buffer] = {}
        self._lease: Lease | None = None

    def exists(self) -> bool:
        """Return whether there is a store; locks and chunks of one that was never finished being made do not count."""
        return self.is_store()

    def is_store(self) -> bool:
        """Return whether there is the header of a Zarr group."""
        return (self._path / GROUP).is_file()

    def create(self, fill: Callable[[Path | Store], object]) -> None:
        """Make the store that `fill` writes; the header, by which it is seen, is put last."""
        with self.lock():
            fill(MemoryStore(self._memory))  # type: ignore[arg-type]
            contents = {self._path / key: value.to_bytes() for key, value in self._memory.items()}
            header = contents.pop(self._path / GROUP)
            write_all({**contents, self._path / LEDGER: b""})
            (self._path / GROUP).write_bytes(header)

    def group(self) -> zarr.Group:
        """Return the Zarr group, its chunks those that were fetched."""
        keys = [GROUP, *(f"{name}/{GROUP}" for name in self._arrays)]
        missing = [key for key, digest in zip(keys, self.fetch(keys), strict=True) if digest is None]
        if missing:
            raise StoreError(f"{self._path}: there is no {missing[0]} in it")
        return zarr.open_group(
            MemoryStore(self._memory),  # type: ignore[arg-type]
            mode="r+",
            zarr_format=3,
            use_consolidated=False,
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for one run."""
        with held(self._path / LOCK) as lease:
            self._lease = lease
            try:
                yield
            finally:
                self._lease = None

    def publish(self, arrays: Sequence[str]) -> None:
        """Put the shapes of arrays."""
        keys = [f"{name}/{GROUP}" for name in arrays]
        write_all({self._path / key: self._memory[key].to_bytes() for key in keys})

    def keep(self, keys: Sequence[str]) -> list[str]:
        """Put chunks and return their SHA-256 (hex)."""
        contents = [self._memory[key].to_bytes() for key in keys]
        write_all({self._path / key: content for key, content in zip(keys, contents, strict=True)})
        self.release(keys)
        return [_digest(content) for content in contents]

    def fetch(self, keys: Sequence[str]) -> list[str | None]:
        """Load objects, and return their SHA-256 (hex), None for those that are not there."""
        digests: list[str | None] = []
        for key, content in zip(keys, read_all([self._path / key for key in keys]), strict=True):
            if isinstance(content, bytes):
                self._memory[key] = cpu.Buffer.from_bytes(content)
            digests.append(_digest(content) if isinstance(content, bytes) else None)
        return digests

    def release(self, keys: Sequence[str]) -> None:
        """Forget chunks."""
        for key in keys:
            self._memory.pop(key, None)

    def chunks(self, array: str) -> list[str]:
        """Return the names of the chunks that there are of an array."""
        return sorted(entry.place.name for entry in (self._path / array / "c").iterdir())

    def ledger(self) -> bytes:
        """Return the packed ledger and the lines that were put since, in order."""
        packed = self._packed()
        return packed + b"".join(line for line in read_all(self._lines(packed)) if isinstance(line, bytes))

    def append(self, line: str, *, number: int) -> None:
        """Put a line under its number, if no other run did."""
        if self._lease is not None:
            self._lease.check()
        target = self._path / LINES / _digest(self._packed())[:16] / f"{number:08d}.json"
        try:
            target.write_new(line.encode())
        except FileExistsError as error:
            raise StoreError(f"{self._path} was written by another run meanwhile") from error

    def replace_ledger(self, text: str) -> None:
        """Put a new ledger.jsonl; lines that stood beside the old one no longer belong to any."""
        old = self._lines(self._packed())
        (self._path / LEDGER).write_bytes(text.encode())
        for line in old:
            line.unlink()

    def settle(self, arrays: Sequence[str], *, n_chunks: int) -> None:
        """Pack the ledger, and remove lines and chunks that belong to nothing."""
        if self._lines(self._packed()):
            self.replace_ledger(self.ledger().decode())
        for folder in list((self._path / LINES).iterdir()):
            for line in list(folder.place.iterdir()):
                line.place.unlink()
        for name in arrays:
            for chunk in self.chunks(name):
                if not chunk.isdecimal() or int(chunk) >= n_chunks:
                    for entry in list((self._path / name / "c" / chunk).iterdir()):
                        entry.place.unlink()

    def _packed(self) -> bytes:
        try:
            return (self._path / LEDGER).read_bytes()
        except FileNotFoundError as error:
            raise StoreError(f"{self._path / LEDGER} cannot be read: there is none") from error

    def _lines(self, packed: bytes) -> list[Remote]:
        folder = self._path / LINES / _digest(packed)[:16]
        return sorted((entry.place for entry in folder.iterdir()), key=str)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest_of(path: Path) -> str | None:
    try:
        return _digest(path.read_bytes())
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
