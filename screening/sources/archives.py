"""Zip and tar archives, streamed once, never unpacked to disk; every member is untrusted."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
from collections.abc import Iterator
from typing import IO, Self
from zipfile import BadZipFile

from screening.config import InputLimits
from screening.errors import Code
from screening.locations import Location
from screening.sources.files import (
    DAMAGED,
    FREE_MEMBER_BYTES,
    PACKED,
    is_crystal_name,
    most_unpacked,
    open_packed,
    unpacked,
    unpacks_to_more,
)
from screening.sources.raw import Raw
from screening.sources.zips import Member, iter_members, read_member

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
BROKEN = (*DAMAGED, tarfile.TarError, BadZipFile, NotImplementedError, ValueError, struct.error)
# An archive of a few small files may legitimately unpack to much more than its own size.
FREE_BYTES = 50_000_000
# Linux takes no longer path; a name in an archive may be of any length.
LONGEST_NAME = 4096
PASSED = "the archive unpacks to more than max_ratio times its size; the rest was not read"


class _RatioError(Exception):
    """The archive unpacks to more than the limit allows."""


def is_archive(name: str) -> bool:
    """Return whether a file name says zip or tar."""
    return name.lower().endswith((".zip", *TAR_SUFFIXES))


def iter_archive(path: Location, limits: InputLimits) -> Iterator[Raw]:
    """Yield the crystal members of an archive in the order in which they are stored.

    A member with an absolute or ``..`` name, or a link, is refused; an archive that breaks off gives the members up to
    there and one row for the rest.
    """
    members = _iter_zip(path, limits) if path.name.lower().endswith(".zip") else _iter_tar(path, limits)
    try:
        for count, member in enumerate(members, start=1):
            if count > limits.max_members:
                detail = f"more than max_members = {limits.max_members}; the rest was not read"
                yield Raw(path.name, path.as_posix(), code=Code.TOO_LARGE, detail=detail)
                return
            yield member
    except _RatioError as error:
        yield Raw(path.name, path.as_posix(), code=Code.TOO_LARGE, detail=str(error))
    except BROKEN as error:
        detail = f"the archive is damaged: {type(error).__name__}: {error}"
        yield Raw(path.name, path.as_posix(), code=Code.UNREADABLE, detail=detail)


def _iter_tar(path: Location, limits: InputLimits) -> Iterator[Raw]:
    whole = path.as_posix()
    with path.open("rb") as packed:
        stream = _Metered(open_packed(packed, path.name), _allowed(path, limits))
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
            for member in archive:
                if member.isdir() or not is_crystal_name(member.name):
                    continue
                source = f"{whole}::{member.name[:LONGEST_NAME]}"
                refusal = _refusal(member.name, link=not member.isfile(), size=member.size, limits=limits)
                if refusal is not None:
                    yield Raw(member.name, source, code=refusal[0], detail=refusal[1])
                    continue
                inner = archive.extractfile(member)
                yield content(inner.read() if inner else b"", member.name, source, limits)


def _iter_zip(path: Location, limits: InputLimits) -> Iterator[Raw]:
    left, whole = _allowed(path, limits), path.as_posix()
    with path.open("rb") as file:
        for member in iter_members(file):
            name = member.name
            if name.endswith("/") or not is_crystal_name(name):
                continue
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
            yield _zip_member(file, member, source, limits)


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
    if size > limits.max_file_bytes:
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
