"""Crystals on object stores: folders listed page by page, small files read many at a time, archives streamed."""

from __future__ import annotations

import io
from collections.abc import Iterator

from screening.config import InputLimits
from screening.errors import Code, InputError
from screening.locations import Listed, Remote, is_url, location, read_all
from screening.sources.archives import content, is_archive, iter_archive
from screening.sources.files import is_crystal_name
from screening.sources.lines import iter_lines
from screening.sources.raw import Raw

# Small files are asked for together: each alone would take the time of a request, tens of milliseconds.
GULP_FILES = 64
GULP_BYTES = 32 * 2**20


def check_remote(target: Remote, *, is_list: bool) -> None:
    """Return nothing if the object or folder is there.

    Raises
    ------
    InputError
        It is not, or a list is not an object.
    """
    if not (target.is_file() if is_list else target.exists()):
        raise InputError(f"{target}: no such {'list' if is_list else 'object or folder'}")


def iter_remote(target: Remote, limits: InputLimits) -> Iterator[Raw]:
    """Yield the files of a remote file, archive or folder, in the order of a local one: files first, then folders."""
    try:
        alone = target.stat()
        entries = _below(target) if alone.folder else iter([alone])
    except FileNotFoundError:  # no object of this name: a folder, which is nothing but a beginning of names
        entries = _below(target)
    found = False
    gulp: list[Listed] = []
    for entry in entries:
        found = True
        if is_archive(entry.location.name):
            yield from _read(gulp, limits)
            gulp = []
            yield from iter_archive(entry.location, limits)
            continue
        gulp.append(entry)
        if len(gulp) == GULP_FILES or sum(one.size for one in gulp) > GULP_BYTES:
            yield from _read(gulp, limits)
            gulp = []
    yield from _read(gulp, limits)
    if not found and not target.exists():
        yield Raw(target.name, str(target), code=Code.UNREADABLE, detail="no such object or folder")


def iter_remote_list(list_file: Remote) -> Iterator[Remote | Raw]:
    """Yield the places that a remote list names: URLs, or names relative to its folder, which lead nowhere else."""
    for line in iter_lines(io.BytesIO(list_file.read_bytes()), list_file):
        if isinstance(line, Raw):
            yield line
            continue
        try:
            found = location(line.entry) if is_url(line.entry) else list_file.parent / line.entry
        except InputError as error:
            yield line.refused(Code.UNSAFE_PATH, str(error))
            continue
        if isinstance(found, Remote):
            yield found
        else:
            yield line.refused(Code.UNSAFE_PATH, "a list on an object store names no files of this machine")


def _below(folder: Remote) -> Iterator[Listed]:
    """Yield the crystal files and archives below a folder; a page of names and the names of its folders are held."""
    folders: list[Remote] = []
    for entry in folder.iterdir():
        if entry.folder:
            if not entry.location.name.startswith("."):
                folders.append(entry.location)
        elif is_crystal_name(entry.location.name):
            yield entry
    for below in sorted(folders, key=str):
        yield from _below(below)


def _read(entries: list[Listed], limits: InputLimits) -> Iterator[Raw]:
    """Yield the content of files, asked for together; nothing is read of one beyond the limit."""
    wanted = [entry.location for entry in entries if entry.size <= limits.max_file_bytes]
    answers = iter(read_all(wanted))
    for entry in entries:
        name, source = entry.location.name, str(entry.location)
        if entry.size > limits.max_file_bytes:
            detail = f"{entry.size} bytes, more than max_file_bytes = {limits.max_file_bytes}"
            yield Raw(name, source, code=Code.TOO_LARGE, detail=detail)
            continue
        data = next(answers)
        if isinstance(data, FileNotFoundError):
            yield Raw(name, source, code=Code.UNREADABLE, detail="the object was removed while the folder was read")
        elif len(data) > max(entry.size, 0):
            yield Raw(name, source, code=Code.UNREADABLE, detail="the object grew while the folder was read")
        else:
            yield content(data, name, source, limits)
