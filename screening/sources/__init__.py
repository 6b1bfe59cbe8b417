"""Where crystals come from: files, folders, archives and lists → a lazy stream of blocks of CIF text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from screening.config import InputLimits
from screening.errors import InputError
from screening.sources.archives import is_archive, iter_archive
from screening.sources.blocks import Item, items_of
from screening.sources.files import iter_folder, read_file
from screening.sources.raw import Raw

__all__ = ["Item", "Raw", "iter_items"]


def iter_items(paths: Sequence[str], limits: InputLimits) -> Iterator[Item]:
    """Return a stream of data blocks in a fixed order: arguments as given, folders and archives sorted as they say.

    A file or archive member that cannot be read is an item with a rejection; nothing is left out. An id that was seen
    before gets ``~2``, ``~3``, ... appended, in listing order.

    Parameters
    ----------
    paths
        Files, folders (recursive), archives, or ``@list.txt`` with one path a line, relative to the list's folder.
    limits
        What may be read.

    Raises
    ------
    InputError
        A path does not exist; raised at once, before anything is read.
    """
    for path in paths:
        _checked(path)
    return _named(item for path in paths for raw in _iter_path(path, limits) for item in items_of(raw, limits))


def _checked(path: str) -> None:
    target = Path(path.removeprefix("@"))
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
    if path.startswith("@"):
        yield from _iter_list(Path(path[1:]), limits)
        return
    target = Path(path)
    if _is_folder(target):
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


def _iter_list(list_file: Path, limits: InputLimits) -> Iterator[Raw]:
    with list_file.open(encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            entry = line.strip()
            if entry and not entry.startswith("#"):
                yield from _iter_path(str(list_file.parent / entry), limits)


def _named(items: Iterator[Item]) -> Iterator[Item]:
    # A count per id that was seen: 8-byte hashes would save memory, but a collision would rename an innocent crystal.
    seen: dict[str, int] = {}
    for item in items:
        count = seen.get(item.id, 0) + 1
        seen[item.id] = count
        if count == 1:
            yield item
            continue
        name = f"{item.id}~{count}"
        while name in seen:
            count += 1
            name = f"{item.id}~{count}"
        seen[item.id] = count
        seen[name] = 1
        yield item.renamed(name)
