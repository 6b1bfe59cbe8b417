"""What a path on the command line or in a list is, found out once: a file, a folder, an archive, a list, or remote."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from screening.config import InputLimits
from screening.errors import Code, InputError
from screening.locations import Location, Remote, is_url, location
from screening.sources.archives import iter_archive
from screening.sources.containers import crystals_of
from screening.sources.files import read_file
from screening.sources.folders import iter_folder
from screening.sources.kinds import MANY, Kind, is_archive, kind_by_name
from screening.sources.lines import Line, iter_lines
from screening.sources.passed import Passed
from screening.sources.raw import Opened, Raw
from screening.sources.remote import check_remote, iter_remote, iter_remote_list


@dataclass(frozen=True, slots=True)
class File:
    """One file here."""

    path: Path
    asked: bool = True  # whether it was named, not found in a folder

    def files(self, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
        """Yield its crystals."""

        def whole() -> Iterator[Raw]:
            yield read_file(self.path, limits)

        path = self.path
        kind = kind_by_name(path.name)
        size = 0
        if kind in MANY or kind is Kind.OTHER:
            try:
                status = path.stat()
                regular, size = stat.S_ISREG(status.st_mode), status.st_size
            except OSError:
                regular = False
            if not regular:
                yield from whole()  # a row that says so
                return
        opened = Opened(path.name, path.as_posix(), size, lambda: path.open("rb"), path)
        yield from crystals_of(opened, whole, asked=self.asked, limits=limits, passed=passed)


@dataclass(frozen=True, slots=True)
class Archive:
    """One zip or tar archive here."""

    path: Path

    def files(self, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
        """Yield the crystals of its members as they are stored."""
        return iter_archive(self.path, limits, passed)


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder here."""

    path: Path

    def files(self, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
        """Yield the crystals of the files below it and of its archives, sorted by path."""
        for file in iter_folder(self.path, passed):
            yield from _file(file, asked=False).files(limits, passed)


@dataclass(frozen=True, slots=True)
class RemoteInput:
    """A file, archive or folder of an object store."""

    target: Remote

    def files(self, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
        """Yield its crystals, in the order of a local one."""
        return iter_remote(self.target, limits, passed)


@dataclass(frozen=True, slots=True)
class List:
    """A text file with one path a line, relative to its folder."""

    path: Location

    def files(self, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
        """Yield the crystals of every entry, and a refusal for each that cannot be used."""
        if isinstance(self.path, Remote):
            for found in iter_remote_list(self.path):
                yield from iter([found]) if isinstance(found, Raw) else RemoteInput(found).files(limits, passed)
            return
        with self.path.open("rb") as file:
            for line in iter_lines(file, self.path):
                yield from iter([line]) if isinstance(line, Raw) else self._entry(line, limits, passed)

    def _entry(self, line: Line, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
        try:
            path = str(location(line.entry)) if is_url(line.entry) else str(self.path.parent / line.entry)
            found = _found(path)
        except InputError as error:
            yield line.refused(Code.UNSAFE_PATH, str(error))
            return
        yield from found.files(limits, passed)


Input: TypeAlias = File | Archive | Folder | RemoteInput | List


def resolve(path: str) -> Input:
    """Return what a path is; ``@`` before it says a list.

    Raises
    ------
    InputError
        It does not exist, cannot be reached, or is a list that is no file.
    """
    found = _found(path)
    if isinstance(found, RemoteInput):
        check_remote(found.target, is_list=False)
    elif isinstance(found, List) and isinstance(found.path, Remote):
        check_remote(found.path, is_list=True)
    else:
        _check_here(path, found)
    return found


def _check_here(path: str, found: Input) -> None:
    target = found.path if not isinstance(found, RemoteInput) else None
    assert isinstance(target, Path)
    try:
        if not target.exists():
            raise InputError(f"{path:.200}: no such file or folder")
        if isinstance(found, List):
            if not target.is_file():
                raise InputError(f"{path}: a list is a text file with one path a line")
            target.open("rb").close()
    except OSError as error:
        raise InputError(f"{path:.200}: {error.strerror}") from error


def _found(path: str) -> Input:
    """Return what a path is, whether or not it exists: reading it gives the row that tells."""
    target = location(path.removeprefix("@"))
    if isinstance(target, Path):
        target = target.absolute()  # what is found there is found again from any folder
    if path.startswith("@"):
        return List(target)
    if isinstance(target, Remote):
        return RemoteInput(target)
    try:
        if target.is_dir():
            return Folder(target)
    except OSError:  # a name too long, say
        pass
    return _file(target)


def _file(path: Path, *, asked: bool = True) -> File | Archive:
    return Archive(path) if is_archive(path.name) else File(path, asked)
