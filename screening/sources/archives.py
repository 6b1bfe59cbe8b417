"""Zip and tar archives, streamed once, never unpacked to disk; every member is untrusted."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
from collections.abc import Callable, Collection, Iterator
from typing import IO, Self
from zipfile import BadZipFile

from screening.config import InputLimits
from screening.errors import Code
from screening.locations import Location
from screening.sources.containers import crystals_of
from screening.sources.files import (
    DAMAGED,
    FREE_BYTES,
    FREE_MEMBER_BYTES,
    PACKED,
    most_unpacked,
    open_packed,
    unpacked,
    unpacks_to_more,
)
from screening.sources.kinds import MANY, Kind, kind_by_name
from screening.sources.passed import Passed
from screening.sources.raw import Opened, Raw
from screening.sources.zips import Member, iter_members, open_member, read_member
from screening.spreadsheet import seen

BROKEN = (*DAMAGED, tarfile.TarError, BadZipFile, NotImplementedError, ValueError, struct.error)
# Linux takes no longer path; a name in an archive may be of any length.
LONGEST_NAME = 4096
PLAIN = bytes(range(0x20, 0x7F))  # what `seen` shows as it is
PASSED = "the archive unpacks to more than max_ratio times its size; the rest was not read"


class _CountError(Exception):
    """The archive has more members than the limit allows."""


class _RatioError(Exception):
    """The archive unpacks to more than the limit allows."""


def iter_archive(
    path: Location, limits: InputLimits, passed: Passed, *, sources: Collection[str] | None = None
) -> Iterator[Raw]:
    """Yield the crystals in the members of an archive, in the order in which they are stored.

    Members that are no crystals are counted in `passed`. A member with an absolute or ``..`` name, or a link, is
    refused; an archive that breaks off gives the members up to there and one row for the rest. Where `sources` are
    given, as `seen` shows them, no other members are read, and of a zip archive no others counted.
    """
    is_zip = path.name.lower().endswith(".zip")
    try:
        yield from (_iter_zip if is_zip else _iter_tar)(path, limits, passed, sources)
    except _CountError as error:
        detail = f"more than max_members = {error.args[0]}; the rest was not read"
        yield Raw(path.name, path.as_posix(), code=Code.TOO_LARGE, detail=detail)
    except _RatioError as error:
        yield Raw(path.name, path.as_posix(), code=Code.TOO_LARGE, detail=str(error))
    except BROKEN as error:
        detail = f"the archive is damaged: {type(error).__name__}: {error}"
        yield Raw(path.name, path.as_posix(), code=Code.UNREADABLE, detail=detail)


def _iter_tar(path: Location, limits: InputLimits, passed: Passed, sources: Collection[str] | None) -> Iterator[Raw]:
    whole = path.as_posix()
    with path.open("rb") as packed:
        stream = _Metered(open_packed(packed, path.name), _allowed(path, limits))
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
            count = 0
            for member in archive:
                if member.isdir():
                    continue
                count = _counted(count, limits)
                source = f"{whole}::{member.name[:LONGEST_NAME]}"
                link = not member.isfile()
                refusal = _refusal(member.name, link=link, size=member.size, limits=limits)
                if refusal is not None:
                    yield Raw(member.name, source, code=refusal[0], detail=refusal[1])
                    continue
                if sources is not None and seen(source) not in sources:
                    continue
                inner = archive.extractfile(member)
                assert inner is not None
                yield from _member(member.name, source, member.size, inner, limits, passed)


def _member(  # noqa: PLR0913, PLR0917
    name: str, source: str, size: int, inner: IO[bytes], limits: InputLimits, passed: Passed
) -> Iterator[Raw]:
    """Yield the crystals of a member of a tar archive."""

    def whole() -> Iterator[Raw]:
        yield content(inner.read(), name, source, limits)

    opened = Opened(name, source, size, lambda: inner)
    yield from crystals_of(opened, whole, asked=False, limits=limits, passed=passed)


def _counted(count: int, limits: InputLimits) -> int:
    """Return one more than `count`, the members so far."""
    if count >= limits.max_members:
        raise _CountError(limits.max_members)
    return count + 1


def _iter_zip(path: Location, limits: InputLimits, passed: Passed, sources: Collection[str] | None) -> Iterator[Raw]:
    left, whole = _allowed(path, limits), path.as_posix()
    with path.open("rb") as file:
        count = 0
        for member in iter_members(file, passing=None if sources is None else _others(whole, sources)):
            name = member.name
            if name.endswith("/"):
                continue
            count = _counted(count, limits)
            source = f"{whole}::{name[:LONGEST_NAME]}"
            size = max(member.size, member.packed)
            refusal = _refusal(name, link=stat.S_ISLNK(member.mode), size=size, limits=limits)
            if refusal is None and member.size > limits.max_ratio * member.packed + FREE_MEMBER_BYTES:
                refusal = (Code.TOO_LARGE, f"unpacks to more than max_ratio = {limits.max_ratio:g} times its size")
            if refusal is not None:
                yield Raw(name, source, code=refusal[0], detail=refusal[1])
                continue
            # Members may overlap, so that no single one shows what all of them unpack to.
            left -= member.size
            if left < 0:
                raise _RatioError(PASSED)
            if sources is not None and seen(source) not in sources:
                continue
            if kind_by_name(name) in MANY:
                yield from _zip_container(file, member, source, limits, passed)
            else:
                yield from _zip_file(file, member, source, limits, passed)


def _others(whole: str, sources: Collection[str]) -> Callable[[bytes], bool]:
    """Return what tells by its stored name that a member is none of the `sources`; of odd names it says nothing.

    Of a hundred thousand members a thousand are wanted: the others cost the look at their name.
    """
    around = f"{seen(whole)}::"
    names = {source[len(around) :].encode() for source in sources if source.startswith(around)}
    return lambda name: name not in names and name.isascii() and not name.translate(None, PLAIN)


def _zip_file(file: IO[bytes], member: Member, source: str, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
    def whole() -> Iterator[Raw]:
        yield _zip_member(file, member, source, limits)

    opened = Opened(member.name, source, member.size, lambda: io.BytesIO(read_member(file, member)))
    yield from crystals_of(opened, whole, asked=False, limits=limits, passed=passed)


def _zip_container(file: IO[bytes], member: Member, source: str, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
    """Yield the entries of a member that holds many; the file moves on in between, so it is read in turns."""
    if member.is_encrypted:
        yield Raw(member.name, source, code=Code.UNREADABLE, detail="the member is encrypted")
        return

    def opened_member() -> IO[bytes]:
        if member.size <= limits.max_file_bytes:
            return io.BytesIO(read_member(file, member))
        return open_member(file, member)

    opened = Opened(member.name, source, member.size, opened_member)
    try:
        yield from crystals_of(opened, lambda: iter(()), asked=False, limits=limits, passed=passed)
    except BROKEN as error:
        yield Raw(member.name, source, code=Code.UNREADABLE, detail=f"{type(error).__name__}: {error}")


def _zip_member(file: IO[bytes], member: Member, source: str, limits: InputLimits) -> Raw:
    if member.is_encrypted:
        return Raw(member.name, source, code=Code.UNREADABLE, detail="the member is encrypted")
    try:
        data = read_member(file, member)
    except BROKEN as error:
        return Raw(member.name, source, code=Code.UNREADABLE, detail=f"{type(error).__name__}: {error}")
    return content(data, member.name, source, limits)


def content(data: bytes, name: str, source: str, limits: InputLimits) -> Raw:
    """Return a member with its content, unpacked where the member itself is packed (``x.cif.gz``)."""
    if name.lower().endswith(PACKED):
        most = most_unpacked(len(data), limits)
        try:
            data = unpacked(data, name, limits)
        except DAMAGED as error:
            return Raw(name, source, code=Code.UNREADABLE, detail=f"{type(error).__name__}: {error}")
        if len(data) > most:
            return Raw(name, source, code=Code.TOO_LARGE, detail=unpacks_to_more(most, limits))
    return Raw(name, source, data)


def _allowed(path: Location, limits: InputLimits) -> int:
    """Return how many bytes an archive may unpack to in all."""
    return FREE_BYTES + int(limits.max_ratio * path.stat().st_size)


def _refusal(name: str, *, link: bool, size: int, limits: InputLimits) -> tuple[Code, str] | None:
    # Compared as text: a path object costs more than reading the member.
    plain = name.replace("\\", "/")
    if plain.startswith("/") or ".." in plain.split("/") or name[1:2] == ":" or "\0" in name:
        return Code.UNSAFE_PATH, "the name of the archive member leads out of the archive"
    if len(name) > LONGEST_NAME:
        return Code.TOO_LARGE, f"the archive member has a name of {len(name)} characters, more than any path"
    if link:
        return Code.UNSAFE_PATH, "the archive member is a link or a device, not a file"
    if size > limits.max_file_bytes and kind_by_name(name) not in {*MANY, Kind.OTHER}:
        return Code.TOO_LARGE, f"{size} bytes, more than max_file_bytes = {limits.max_file_bytes}"
    return None


class _Header(tarfile.TarInfo):
    """A tar header whose damage is an error wherever it stands: tarfile takes it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise  # the block of zeros that ends an archive
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} at byte {archive.offset}") from error


class _Metered(io.RawIOBase):
    """A stream that refuses to give more than a number of bytes."""

    def __init__(self, stream: IO[bytes], allowed: int) -> None:
        self._stream = stream
        self._left = allowed

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _RatioError(PASSED)
        return data
