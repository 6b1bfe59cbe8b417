"""Crystals on object stores: folders listed page by page, small files read many at a time, archives streamed."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from functools import partial

from screening.config import InputLimits
from screening.errors import Code, InputError
from screening.locations import Listed, Remote, is_url, location, read_all
from screening.sources.archives import content, iter_archive
from screening.sources.containers import crystals_of
from screening.sources.folders import is_own, is_run, is_store
from screening.sources.kinds import MANY, Kind, is_archive, is_hidden, kind_by_name
from screening.sources.lines import iter_lines
from screening.sources.passed import Passed
from screening.sources.raw import Opened, Raw

# Small files are asked for together: each alone would take the time of a request, tens of milliseconds.
GULP_FILES = 64
GULP_BYTES = 32 * 2**20
PAGE = 1000  # names of a folder that tell whether it is a store or a RUN


def check_remote(target: Remote, *, is_list: bool) -> None:
    """Return nothing if the object or folder is there.

    Raises
    ------
    InputError
        It is not, or a list is not an object.
    """
    if not (target.is_file() if is_list else target.exists()):
        raise InputError(f"{target}: no such {'list' if is_list else 'object or folder'}")


def iter_remote(target: Remote, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
    """Yield the crystals of a remote file, archive or folder, in the order of a local one: files, then folders."""
    asked = False
    try:
        alone = target.stat()
        asked = not alone.folder
        entries = _below(target, passed) if alone.folder else iter([alone])
    except FileNotFoundError:  # no object of this name: a folder, which is nothing but a beginning of names
        entries = _below(target, passed)
    found = False
    gulp: list[Listed] = []

    def read() -> Iterator[Raw]:
        for entry, raw in zip(gulp, _read(gulp, limits), strict=True):
            opened = _opened(entry)
            yield from crystals_of(opened, partial(iter, [raw]), asked=asked, limits=limits, passed=passed)
        gulp.clear()

    for entry in entries:
        found = True
        name = entry.location.name
        if is_archive(name):
            yield from read()
            yield from iter_archive(entry.location, limits, passed)
        elif kind_by_name(name) in MANY:
            yield from read()
            yield from crystals_of(_opened(entry), lambda: iter(()), asked=asked, limits=limits, passed=passed)
        else:
            gulp.append(entry)
            if len(gulp) == GULP_FILES or sum(one.size for one in gulp) > GULP_BYTES:
                yield from read()
    yield from read()
    if not found and not target.exists():
        yield Raw(target.name, str(target), code=Code.UNREADABLE, detail="no such object or folder")


def _opened(entry: Listed) -> Opened:
    target = entry.location
    return Opened(target.name, str(target), entry.size, lambda: target.open("rb"))


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


def _below(folder: Remote, passed: Passed, *, top: bool = True) -> Iterator[Listed]:
    """Yield the files below a folder; a page of names and the names of its folders are held.

    Files that are by their names no crystals are counted, not fetched.
    """
    listing = folder.iterdir()
    page = list(itertools.islice(listing, PAGE))
    inside = {entry.location.name for entry in page}
    if not top and (is_store(folder.name, inside) or is_run(inside)):
        passed.outputs.append(str(folder))
        return
    folders: list[Remote] = []
    in_run = is_run(inside)
    for entry in itertools.chain(page, listing):
        name = entry.location.name
        if is_own(name, in_run=in_run):
            passed.outputs.append(str(entry.location))
        elif is_hidden(name) or (kind_by_name(name) is Kind.OTHER and not name.lower().endswith(".txt")):
            passed.add(name, str(entry.location))
        elif entry.folder:
            folders.append(entry.location)
        else:
            yield entry
    for below in sorted(folders, key=str):
        yield from _below(below, passed, top=False)


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
