"""Where crystals come from: files, folders, archives and lists, here or at a URL → a lazy stream of CIF blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from screening.config import InputLimits
from screening.errors import Code, InputError
from screening.locations import Place, Remote, is_url, place
from screening.sources.archives import is_archive, iter_archive
from screening.sources.blocks import Item, items_of
from screening.sources.files import iter_folder, read_file
from screening.sources.names import named
from screening.sources.raw import Raw
from screening.sources.remote import check_remote, iter_remote, iter_remote_list

__all__ = ["Item", "Raw", "iter_items"]


def iter_items(paths: Sequence[str], limits: InputLimits) -> Iterator[Item]:
    """Return a stream of data blocks in a fixed order: arguments as given, folders and archives sorted as they say.

    A file or archive member that cannot be read is an item with a rejection; nothing is left out. An id that was seen
    before gets ``~2``, ``~3``, ... appended, in listing order.

    Parameters
    ----------
    paths
        Files, folders (recursive), archives, or ``@list.txt`` with one path a line, relative to the list's folder;
        each may be a URL (``s3://bucket/folder``).
    limits
        What may be read.

    Raises
    ------
    InputError
        A path does not exist; raised at once, before anything is read.
    """
    for path in paths:
        _checked(path)
    return named(item for path in paths for raw in _iter_path(path, limits) for item in items_of(raw, limits))


def _checked(path: str) -> None:
    target = place(path.removeprefix("@"))
    if isinstance(target, Remote):
        check_remote(target, is_list=path.startswith("@"))
        return
    try:
        if not target.exists():
            raise InputError(f"{path:.200}: no such file or folder")
        if path.startswith("@"):
            if not target.is_file():
                raise InputError(f"{path}: a list is a text file with one path a line")
            target.open("rb").close()
    except OSError as error:
        raise InputError(f"{path:.200}: {error.strerror}") from error


def _iter_path(path: str, limits: InputLimits) -> Iterator[Raw]:
    target = place(path.removeprefix("@"))
    if path.startswith("@"):
        yield from _iter_list(target, limits)
    elif isinstance(target, Remote):
        yield from iter_remote(target, limits)
    elif _is_folder(target):
        for file in iter_folder(target):
            yield from _iter_file(file, limits)
    else:
        yield from _iter_file(target, limits)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long, say: reading it as a file gives the row that tells
        return False


def _iter_file(file: Path, limits: InputLimits) -> Iterator[Raw]:
    if is_archive(file.name):
        yield from iter_archive(file, limits)
    else:
        yield read_file(file, limits)


def _iter_list(list_file: Place, limits: InputLimits) -> Iterator[Raw]:
    if isinstance(list_file, Remote):
        for found in iter_remote_list(list_file):
            if isinstance(found, Raw):
                yield found
            else:
                yield from iter_remote(found, limits)
        return
    with list_file.open(encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            entry = line.strip()
            if entry and not entry.startswith("#"):
                yield from _iter_entry(entry, list_file, limits)


def _iter_entry(entry: str, list_file: Path, limits: InputLimits) -> Iterator[Raw]:
    try:
        path = str(place(entry)) if is_url(entry) else str(list_file.parent / entry)
    except InputError as error:
        yield Raw(entry, f"{list_file}::{entry}", code=Code.UNSAFE_PATH, detail=str(error))
        return
    yield from _iter_path(path, limits)
