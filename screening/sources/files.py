"""Files and folders, read one at a time and never beyond the limit."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import zlib
from pathlib import Path
from typing import IO

import zstandard

from screening.config import InputLimits
from screening.errors import Code
from screening.sources.raw import Raw

PACKED = (".gz", ".bz2", ".xz", ".zst")
# Bytes of zstd unpacked at a time: a block takes at least 4 and gives at most 128 KiB, so a step gives at most 8 MiB.
ZSTD_STEP = 256
# A packed file may unpack to this much whatever its ratio: text of one line a million times over packs well.
FREE_MEMBER_BYTES = 1_000_000
# An archive of a few small files may legitimately unpack to much more than its own size.
FREE_BYTES = 50_000_000
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


def open_packed(file: IO[bytes], name: str) -> IO[bytes]:
    """Return the stream unpacked as its name says: .gz, .bz2, .xz, .zst, or as it is."""
    suffix = Path(name).suffix.lower()
    if suffix in (".gz", ".tgz"):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if suffix in (".bz2", ".tbz2"):
        return bz2.BZ2File(file)
    if suffix in (".xz", ".txz"):
        return lzma.LZMAFile(file)
    if suffix in (".zst", ".tzst"):
        return _ZstdStream(file)  # type: ignore[return-value]
    return file


def unpacked(data: bytes, name: str, limits: InputLimits) -> bytes:
    """Return the content of a member that its name says is packed, at most one byte more than `most_unpacked`."""
    return open_packed(io.BytesIO(data), name).read(most_unpacked(len(data), limits) + 1)


def unpacks_to_more(most: int, limits: InputLimits) -> str:
    """Return the sentence for a file that unpacks to more than `most` bytes."""
    if most == limits.max_file_bytes:
        return f"more than max_file_bytes = {most} once unpacked"
    return f"unpacks to more than max_ratio = {limits.max_ratio:g} times its size"


def most_unpacked(size: int, limits: InputLimits) -> int:
    """Return how many bytes a packed file of `size` bytes may give; a small one may unpack to much more than itself."""
    return min(limits.max_file_bytes, FREE_MEMBER_BYTES + int(limits.max_ratio * size))


class _ZstdStream(io.RawIOBase):
    """All frames of a zstd file; unlike zstandard's own reader it tells a file that was cut off from one that ends."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=2**27)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._packed = b""
        self._plain = bytearray()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while size < 0 or len(self._plain) < size:
            packed = self._packed or self._file.read(ZSTD_STEP)
            self._packed = b""
            if not packed:
                if self._frame is not None:
                    raise EOFError("the zstd file ends before the end of its frame")
                break
            frame = self._frame or self._decompressor.decompressobj()
            self._plain += frame.decompress(packed)
            self._packed = frame.unused_data if frame.eof else b""
            self._frame = None if frame.eof else frame
        cut = len(self._plain) if size < 0 else size
        data = bytes(self._plain[:cut])
        del self._plain[:cut]
        return data


def read_file(path: Path, limits: InputLimits) -> Raw:
    """Return the bytes of one file; nothing is read of a file beyond the limit."""
    source = path.as_posix()
    too_large = f"more than max_file_bytes = {limits.max_file_bytes}"
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            detail = "the folder cannot be listed" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            return Raw(path.name, source, code=Code.UNREADABLE, detail=detail)
        size = status.st_size
        if size > limits.max_file_bytes:
            return Raw(path.name, source, code=Code.TOO_LARGE, detail=f"{size} bytes, {too_large}")
        packed = path.name.lower().endswith(PACKED)
        # A plain file is asked for its own size: memory for the limit costs more than reading it.
        most = most_unpacked(size, limits) if packed else size
        with path.open("rb") as file:
            data = open_packed(file, path.name).read(most + 1)
    except DAMAGED as error:
        return Raw(path.name, source, code=Code.UNREADABLE, detail=f"{type(error).__name__}: {error}")
    if not packed and len(data) > size:
        return Raw(path.name, source, code=Code.UNREADABLE, detail="the file grew while it was read")
    if len(data) > most:
        return Raw(path.name, source, code=Code.TOO_LARGE, detail=unpacks_to_more(most, limits))
    return Raw(path.name, source, data)
