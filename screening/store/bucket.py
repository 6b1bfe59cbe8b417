"""The files of a feature store on an object store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import zarr
from zarr.abc.store import Store
from zarr.buffer import cpu
from zarr.storage import MemoryStore

from screening.errors import StoreError
from screening.locations import Remote, read_all, write_all
from screening.store.backend import GROUP, LEDGER, LINES, LOCK, digest_of
from screening.store.lease import Lease, held


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
        return [digest_of(content) for content in contents]

    def fetch(self, keys: Sequence[str]) -> list[str | None]:
        """Load objects, and return their SHA-256 (hex), None for those that are not there."""
        digests: list[str | None] = []
        for key, content in zip(keys, read_all([self._path / key for key in keys]), strict=True):
            if isinstance(content, bytes):
                self._memory[key] = cpu.Buffer.from_bytes(content)
            digests.append(digest_of(content) if isinstance(content, bytes) else None)
        return digests

    def release(self, keys: Sequence[str]) -> None:
        """Forget chunks."""
        for key in keys:
            self._memory.pop(key, None)

    def chunks(self, array: str) -> list[str]:
        """Return the names of the chunks that there are of an array."""
        return sorted(entry.location.name for entry in (self._path / array / "c").iterdir())

    def ledger(self) -> bytes:
        """Return the packed ledger and the lines that were put since, in order."""
        packed = self._packed()
        return packed + b"".join(line for line in read_all(self._lines(packed)) if isinstance(line, bytes))

    def append(self, line: str, *, number: int) -> None:
        """Put a line under its number, if no other run did."""
        if self._lease is not None:
            self._lease.check()
        target = self._path / LINES / digest_of(self._packed())[:16] / f"{number:08d}.json"
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
            for line in list(folder.location.iterdir()):
                line.location.unlink()
        for name in arrays:
            for chunk in self.chunks(name):
                if not chunk.isdecimal() or int(chunk) >= n_chunks:
                    for entry in list((self._path / name / "c" / chunk).iterdir()):
                        entry.location.unlink()

    def _packed(self) -> bytes:
        try:
            return (self._path / LEDGER).read_bytes()
        except FileNotFoundError as error:
            raise StoreError(f"{self._path / LEDGER} cannot be read: there is none") from error

    def _lines(self, packed: bytes) -> list[Remote]:
        folder = self._path / LINES / digest_of(packed)[:16]
        return sorted((entry.location for entry in folder.iterdir()), key=str)
