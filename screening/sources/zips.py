"""Zip archives read member by member: memory holds a block of the directory and one member, however many there are.

`zipfile` keeps 570 bytes for each member, 0.3 GB for an archive of 500,000, and takes 2.5 times as long for small ones.
Layout: PKWARE's APPNOTE 6.3.10, sections 4.3 to 4.5. What is not as it says is a `zipfile.BadZipFile`.
"""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any
from zipfile import BadZipFile

import zstandard

END = struct.Struct("<4s4H2LH")  # of the directory: its size [5] and offset [6]
END_64 = struct.Struct("<4sQ2H2L4Q")  # the same beyond 4 GiB: size [8], offset [9]
LOCATOR_64 = struct.Struct("<4sLQL")
ENTRY = struct.Struct("<4s6H3L5H2L")  # of the directory
HEADER = struct.Struct("<4s5H3L2H")  # in front of a member
LONGEST_COMMENT = 0xFFFF
BLOCK = 2**20  # bytes of the directory read at a time, about 10,000 members
EXTRA = 64  # bytes between name and content, as a rule; where there are more, the content is read again
UTF8, ENCRYPTED, PATCHED, STRONGLY = 0x800, 0x1, 0x20, 0x40  # flags
IN_EXTRA = 0xFFFFFFFF  # a number that stands in the extra field, in 8 bytes
ZIP_64 = 1  # tag of that extra field
LARGEST_DICTIONARY = 2**27  # of LZMA and zstd, as for files packed by themselves


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of the directory."""

    name: str  # as stored, backslashes and NUL included
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int  # bytes in the archive
    size: int  # bytes once unpacked, as stated
    mode: int  # of the Unix file; 0 where there is none
    offset: int  # of its header

    @property
    def is_encrypted(self) -> bool:
        """Whether it takes a password."""
        return bool(self.flags & ENCRYPTED)


def iter_members(file: IO[bytes], *, passing: Callable[[bytes], bool] | None = None) -> Iterator[Member]:
    """Yield the entries of the directory in order; `file` may be moved between them.

    Those of whose name as stored `passing` is true are left out.

    Raises
    ------
    BadZipFile
        It is no zip archive, or its directory is damaged.
    """
    start, end, shift = _directory(file)
    block, at = b"", 0  # bytes of the directory from `start` on that were read, and how many of them are done

    def take(count: int) -> int:
        """Return where the next `count` bytes begin in the block."""
        nonlocal block, at, start
        if at + count > len(block):
            start += at
            file.seek(start)
            block, at = file.read(min(max(BLOCK, count), end - start)), 0
            if len(block) < count:
                raise BadZipFile("the directory is cut off")
        at += count
        return at - count

    while start + at < end:
        where = take(ENTRY.size)
        fields = ENTRY.unpack_from(block, where)
        if fields[0] != b"PK\1\2":
            raise BadZipFile("the directory is damaged")
        n_name, n_extra, n_comment = fields[10:13]
        where = take(n_name + n_extra + n_comment)
        name = block[where : where + n_name]
        if passing is not None and passing(name):
            continue
        extra = block[where + n_name : where + n_name + n_extra]
        size, packed, offset = _sizes(fields[9], fields[8], fields[16], extra)
        yield Member(
            name=_text(name, fields[3]),
            raw_name=name,
            flags=fields[3],
            method=fields[4],
            crc=fields[7],
            packed=packed,
            size=size,
            mode=fields[15] >> 16,
            offset=offset + shift,
        )


def read_member(file: IO[bytes], member: Member) -> bytes:
    """Return the content of a member; no more is unpacked than it states, so that its size must have been judged.

    Raises
    ------
    BadZipFile
        It is damaged, or not what the directory says.
    NotImplementedError
        It is packed in a way that is not read here.
    zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError
        It does not unpack.
    """
    block, begin = _header(file, member, more=member.packed)
    packed = block[begin : begin + member.packed]
    if len(packed) < member.packed:
        file.seek(member.offset + begin)
        packed = file.read(member.packed)
    data = _unpacked(packed, member)
    if len(packed) != member.packed or len(data) != member.size:
        raise BadZipFile("the member is shorter or longer than the directory says")
    if zlib.crc32(data) != member.crc:
        raise BadZipFile("the member's bytes are damaged: their CRC-32 is another one")
    return data


def open_member(file: IO[bytes], member: Member) -> IO[bytes]:
    """Return a member as a stream that gives no more than it states, and fails at the end where it is damaged.

    Raises
    ------
    BadZipFile
        It is not where the directory says.
    NotImplementedError
        It is packed by another method than deflate, or not at all: such a member is read whole, if it is small enough.
    """
    _, begin = _header(file, member, more=0)
    if member.method not in (0, 8):
        raise NotImplementedError(f"a large member packed by method {member.method}; deflate, for one, can be read")
    return _MemberStream(file, member, member.offset + begin)  # type: ignore[return-value]


def _header(file: IO[bytes], member: Member, *, more: int) -> tuple[bytes, int]:
    """Return bytes from the header of a member on, and where in them its content begins."""
    if member.flags & (ENCRYPTED | PATCHED | STRONGLY):
        raise NotImplementedError("the member is encrypted or a patch")
    file.seek(member.offset)
    block = file.read(HEADER.size + len(member.raw_name) + EXTRA + more)
    if len(block) < HEADER.size:
        raise BadZipFile("the member lies beyond the end of the archive")
    fields = HEADER.unpack_from(block)
    n_name, n_extra = fields[9:11]
    if fields[0] != b"PK\3\4" or block[HEADER.size : HEADER.size + n_name] != member.raw_name:
        raise BadZipFile("the member is not where the directory says")
    return block, HEADER.size + n_name + n_extra


class _MemberStream(io.RawIOBase):
    """The content of a member, read piece by piece from wherever the file has been moved to in between."""

    def __init__(self, file: IO[bytes], member: Member, begin: int) -> None:
        self._file, self._member = file, member
        self._at, self._end = begin, begin + member.packed
        self._unpacker = zlib.decompressobj(-zlib.MAX_WBITS) if member.method == 8 else None
        self._waiting = b""
        self._given, self._crc = 0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1, /) -> bytes:
        wanted = min(size if size > 0 else BLOCK, self._member.size + 1 - self._given)
        data = self._piece(wanted) if wanted > 0 else b""
        self._given += len(data)
        self._crc = zlib.crc32(data, self._crc)
        if not data and (self._given, self._crc) != (self._member.size, self._member.crc):
            raise BadZipFile("the member is damaged, or not as long as the directory says")
        if self._given > self._member.size:
            raise BadZipFile("the member is longer than the directory says")
        return data

    def _piece(self, size: int) -> bytes:
        while True:
            packed = self._waiting or self._packed(size)
            if self._unpacker is None:
                return packed
            data = self._unpacker.decompress(packed, size)
            self._waiting = self._unpacker.unconsumed_tail
            if data or self._unpacker.eof or not packed:
                return data

    def _packed(self, size: int) -> bytes:
        self._file.seek(self._at)
        packed = self._file.read(min(max(size, 2**16), self._end - self._at))
        if self._unpacker is None:
            packed = packed[:size]
        self._at += len(packed)
        return packed


def _directory(file: IO[bytes]) -> tuple[int, int, int]:
    """Return begin and end of the directory in the file, and what to add to the offsets that it states.

    Something may stand before the archive, a program that unpacks it for example; offsets do not count it.
    """
    length = file.seek(0, 2)
    start = max(0, length - END.size - LONGEST_COMMENT - LOCATOR_64.size - END_64.size)
    file.seek(start)
    tail = file.read(length - start)
    at = len(tail)
    while True:
        at = tail.rfind(b"PK\5\6", 0, max(at, 0))
        if at < 0:
            raise BadZipFile("there is no directory of a zip archive")
        if at + END.size <= len(tail):
            break
    fields = END.unpack_from(tail, at)
    size, offset, end = fields[5], fields[6], start + at
    locator = at - LOCATOR_64.size
    if locator >= END_64.size and tail.startswith(b"PK\6\7", locator):
        if LOCATOR_64.unpack_from(tail, locator)[3] > 1:
            raise BadZipFile("the archive is in several parts")
        larger = locator - END_64.size
        if tail.startswith(b"PK\6\6", larger):
            size, offset = END_64.unpack_from(tail, larger)[8:10]
            end = start + larger
    if size > end:
        raise BadZipFile("the directory would begin before the archive")
    return end - size, end, end - size - offset


def _sizes(size: int, packed: int, offset: int, extra: bytes) -> tuple[int, int, int]:
    """Return size, packed size and offset, those of 8 bytes taken from the extra field."""
    if IN_EXTRA not in (size, packed, offset):
        return size, packed, offset
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == ZIP_64:
            try:
                numbers = struct.iter_unpack("<Q", extra[at + 4 : at + 4 + (length & ~7)])
                size = next(numbers)[0] if size == IN_EXTRA else size
                packed = next(numbers)[0] if packed == IN_EXTRA else packed
                offset = next(numbers)[0] if offset == IN_EXTRA else offset
            except (StopIteration, struct.error) as error:
                raise BadZipFile("an extra field of the directory is damaged") from error
            break
        at += 4 + length
    return size, packed, offset


def _text(name: bytes, flags: int) -> str:
    if name.isascii():  # the same in either, and quickly
        return name.decode("ascii")
    return name.decode("utf-8" if flags & UTF8 else "cp437")


def _unpacked(packed: bytes, member: Member) -> bytes:
    """Return the bytes that these unpack to, at most one more than the member states."""
    most = member.size + 1
    if member.method == 0:
        return packed
    if member.method == 8:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most)
    if member.method == 12:
        return bz2.BZ2Decompressor().decompress(packed, most)
    if member.method == 14:
        return _lzma(packed).decompress(packed[9:], most)
    if member.method == 93:
        with zstandard.ZstdDecompressor(max_window_size=LARGEST_DICTIONARY).stream_reader(packed) as stream:
            return stream.read(most)
    raise NotImplementedError(f"the member is packed by method {member.method}; deflate, for one, can be read")


def _lzma(packed: bytes) -> lzma.LZMADecompressor:
    """Return the decompressor that the first 9 bytes of a member packed by LZMA describe (APPNOTE 5.8.8)."""
    if len(packed) < 9 or packed[2:4] != b"\5\0":
        raise BadZipFile("the member does not say how LZMA packed it")
    dictionary = int.from_bytes(packed[5:9], "little")
    if dictionary > LARGEST_DICTIONARY:
        raise NotImplementedError(f"LZMA with a dictionary of {dictionary} bytes")
    pb, rest = divmod(packed[4], 45)
    lp, lc = divmod(rest, 9)
    settings = {"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 4096), "lc": lc, "lp": lp, "pb": pb}
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[settings])
