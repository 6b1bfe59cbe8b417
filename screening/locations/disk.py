"""Files here: whole or not there, also after a power loss, and never written over what this program did not make.

What is new is written beside its place under a name that nobody can guess, made for it alone, and moved there. A file
survives a power loss once it was synced, its name once its folder was.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTIAL = ".partial"
LONGEST_NAME = 255  # bytes, of most file systems
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Disk:
    """What is asked of the file system where the order of changes matters."""

    def write_new(self, path: Path, data: bytes) -> None:
        """Make a file. Raises FileExistsError where anything, a link too, has its name."""
        _write(os.open(path, NEW, 0o666), data)

    def append(self, path: Path, data: bytes) -> None:
        """Add to a file, made where there is none; a symbolic link is not followed."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        _write(os.open(path, flags, 0o666), data)

    def make_folder(self, path: Path) -> None:
        """Make a folder. Raises FileExistsError where anything has its name."""
        path.mkdir()

    def move(self, source: Path, target: Path) -> None:
        """Rename a file or folder; a file there is replaced, a folder that holds something is not."""
        source.rename(target)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def sync(self, path: Path) -> None:
        """Return once the bytes of a file, or the names in a folder, would survive a power loss."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


DISK = Disk()


def _write(descriptor: int, data: bytes) -> None:
    with open(descriptor, "wb", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) or 0 :]


def beside(target: Path) -> Path:
    """Return a name in the folder of the target that nobody can guess, for what will take its place."""
    token = f".{secrets.token_hex(8)}{PARTIAL}"
    stem = os.fsencode(target.name)[: LONGEST_NAME - len(token)]
    return target.with_name(os.fsdecode(stem) + token)


def write_whole(target: Path, data: bytes, *, disk: Disk | None = None, safe: bool = True) -> None:
    """Write a file whole or not at all; on return it would survive a power loss, unless it need not be `safe`."""
    disk = disk or DISK
    temporary = beside(target)
    try:
        disk.write_new(temporary, data)
        if safe:
            disk.sync(temporary)
        disk.move(temporary, target)
    except FileExistsError:  # what has that name is not ours
        raise
    except OSError:
        with suppress(OSError):
            disk.remove(temporary)
        raise
    if safe:
        disk.sync(target.parent)


@contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """Yield a new, empty file beside the target to write to by its path; moved there at the end, removed on an error.

    Its name ends as the target's does, since writers go by the suffix.
    """
    temporary = beside(target)
    temporary = temporary.with_name(f"{temporary.name}{target.suffix}"[-LONGEST_NAME:])
    DISK.write_new(temporary, b"")
    try:
        yield temporary
        DISK.sync(temporary)
        DISK.move(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    DISK.sync(target.parent)


@contextmanager
def new_folder(target: Path, *, disk: Disk | None = None) -> Iterator[Path]:
    """Yield a new folder beside the target, moved there at the end, removed on an error.

    Nothing may be at the target but an empty folder. The new one survives a power loss if what was written into it was
    synced.
    """
    disk = disk or DISK
    temporary = beside(target)
    disk.make_folder(temporary)
    try:
        yield temporary
        disk.move(temporary, target)
    except Exception:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    disk.sync(target.parent)
