"""The files of a feature store on an object store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from zarr.abc.store import Store

from screening.errors import StoreError
from screening.locations import Remote, read_all, write_all
from screening.store.backend import GROUP, LEDGER, LINES, LOCK, digest_of
from screening.store.encoded import Encoded
from screening.store.lease import Lease, held


class Bucket(Encoded[Remote]):
    """A folder of an object store; only whole objects come and go, a shard is one request per array."""

    def __init__(self, path: Remote, arrays: Sequence[str]) -> None:
        super().__init__(path, arrays)
        self._lease: Lease | None = None

    def exists(self) -> bool:
        """Return whether there is a store; locks and chunks of one that was never finished being made do not count."""
        return self.is_store()

    def is_store(self) -> bool:
        """Return whether there is the header of a Zarr group."""
        return (self._path / GROUP).is_file()

    def create(self, fill: Callable[[Store], object]) -> None:
        """Make the store that `fill` writes; the header, by which it is seen, is put last."""
        with self.lock():
            contents = self._made(fill)
            header = contents.pop(GROUP)
            self.put(contents)
            self.put({GROUP: header})

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for one run."""
        with held(self._path / LOCK) as lease:
            self._lease = lease
            try:
                yield
            finally:
                self._lease = None

    def put(self, contents: dict[str, bytes]) -> None:
        """Put objects, all at once."""
        write_all({self._path / name: data for name, data in contents.items()})

    def _read(self, keys: Sequence[str]) -> list[bytes | None]:
        found = read_all([self._path / key for key in keys])
        return [content if isinstance(content, bytes) else None for content in found]

    def chunks(self, array: str) -> list[str]:
        """Return the names of the chunks that there are of an array."""
        return sorted(entry.location.name for entry in (self._path / array / "c").iterdir())

    def ledger(self) -> bytes:
        """Return the packed ledger and the lines that were put since, in order."""
        packed = self._packed()
        return packed + b"".join(line for line in read_all(self._lines(packed)) if isinstance(line, bytes))

    def head(self) -> bytes:
        """Return the first line of the ledger."""
        packed = self._packed()
        return packed[: packed.find(b"\n") + 1]

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
