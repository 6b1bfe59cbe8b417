"""The files of a feature store on a disk."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from zarr.abc.store import Store

from screening.errors import StoreError
from screening.locations import DISK, PARTIAL, new_folder, write_whole
from screening.store.backend import GROUP, LEDGER, LOCK
from screening.store.encoded import Encoded


class Folder(Encoded[Path]):
    """A folder of a file system."""

    def exists(self) -> bool:
        """Return whether the folder is there."""
        return self._path.exists()

    def is_store(self) -> bool:
        """Return whether there is the header of a Zarr group."""
        return (self._path / GROUP).is_file()

    def create(self, fill: Callable[[Store], object]) -> None:
        """Make the store that `fill` writes, beside its place, and move it there: it is never seen half made."""
        contents = self._made(fill)
        with new_folder(self._path, disk=DISK) as folder:
            for name in self._arrays:
                DISK.make_folder(folder / name)
                DISK.make_folder(folder / name / "c")
            for name, data in contents.items():
                DISK.write_new(folder / name, data)
                DISK.sync(folder / name)
            for made in (*(folder / name for name in self._arrays), folder):
                DISK.sync(made)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for one run, until its process ends, however it ends."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path / LOCK, flags, 0o666)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise StoreError(f"{self._path / LOCK} is a symbolic link, which this program does not make") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StoreError(f"{self._path} is being written by another run; see `screening status`") from error
            yield
        finally:
            os.close(descriptor)

    def put(self, contents: dict[str, bytes]) -> None:
        """Write files whole and sync them, their folders, and the folders of these."""
        for name, data in contents.items():
            target = self._path / name
            self._make_folder(target.parent)
            write_whole(target, data, disk=DISK)
        # A chunk has a folder of its own, which a writer that was killed may have left there without its name synced.
        for folder in sorted({(self._path / name).parent.parent for name in contents if "/c/" in name}):
            DISK.sync(folder)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if folder != self._path:
            self._make_folder(folder.parent)
        with suppress(FileExistsError):
            DISK.make_folder(folder)
        DISK.sync(folder.parent)

    def chunks(self, array: str) -> list[str]:
        """Return the names of the chunks that there are of an array."""
        found = (self._path / array / "c").glob("*")
        return sorted(path.name for path in found if not path.is_dir() or any(path.iterdir()))

    def ledger(self) -> bytes:
        """Return the ledger."""
        try:
            return (self._path / LEDGER).read_bytes()
        except OSError as error:
            raise StoreError(f"{self._path / LEDGER} cannot be read: {error.strerror}") from error

    def head(self) -> bytes:
        """Return the first line of the ledger."""
        try:
            with (self._path / LEDGER).open("rb") as file:
                return file.readline()
        except OSError as error:
            raise StoreError(f"{self._path / LEDGER} cannot be read: {error.strerror}") from error

    def append(self, line: str, *, number: int) -> None:
        """Append a line and sync it."""
        DISK.append(self._path / LEDGER, line.encode())
        DISK.sync(self._path / LEDGER)

    def replace_ledger(self, text: str) -> None:
        """Replace the ledger whole."""
        write_whole(self._path / LEDGER, text.encode(), disk=DISK)

    def settle(self, arrays: Sequence[str], *, n_chunks: int) -> None:
        """Delete leftovers of killed writers; keep exactly n_chunks chunks per array."""
        for partial in self._path.glob(f"*{PARTIAL}"):
            partial.unlink(missing_ok=True)
        for name in arrays:
            for partial in (self._path / name).rglob(f"*{PARTIAL}"):
                partial.unlink(missing_ok=True)
            for chunk in (self._path / name / "c").glob("*"):
                if not chunk.name.isdecimal() or int(chunk.name) >= n_chunks:
                    (chunk / "0").unlink(missing_ok=True)
                    with suppress(OSError):  # not empty: what is in it is not ours
                        chunk.rmdir()

    def _read(self, keys: Sequence[str]) -> list[bytes | None]:
        return [_content(self._path / key) for key in keys]


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
