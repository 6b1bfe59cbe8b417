"""Files and folders, read one at a time and never beyond the limit."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import zstandard

from screening.config import InputLimits
from screening.errors import Code
from screening.sources.raw import Raw

# Files whose suffix says that they are something else than a crystal are passed over in folders and archives.
OTHER_KINDS = frozenset(
    """.csv .tsv .txt .md .rst .json .jsonl .toml .yaml .yml .xlsx .xls .py .ipynb .pdf .png .svg .jpg .html .bib
    .parquet .log .sh""".split()
)
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


def is_crystal_name(name: str) -> bool:
    """Return whether a file found in a folder or archive is taken for a crystal."""
    base = name.replace("\\", "/").rsplit("/", maxsplit=1)[-1]
    return bool(base) and not base.startswith(".") and Path(base).suffix.lower() not in OTHER_KINDS


def iter_folder(folder: Path) -> Iterator[Path]:
    """Yield the crystal files and archives below a folder, sorted by path; links to folders are not followed."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if is_crystal_name(name):
                yield Path(parent) / name


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
        return zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(file)
    return file


def read_file(path: Path, limits: InputLimits) -> Raw:
    """Return the bytes of one file; nothing is read of a file beyond the limit."""
    source = path.as_posix()
    too_large = f"more than max_file_bytes = {limits.max_file_bytes}"
    try:
        if not path.is_file():
            return Raw(path.name, source, code=Code.UNREADABLE, detail="no such file, or not a regular one")
        size = path.stat().st_size
        if size > limits.max_file_bytes:
            return Raw(path.name, source, code=Code.TOO_LARGE, detail=f"{size} bytes, {too_large}")
        with path.open("rb") as file:
            data = open_packed(file, path.name).read(limits.max_file_bytes + 1)
    except DAMAGED as error:
        return Raw(path.name, source, code=Code.UNREADABLE, detail=f"{type(error).__name__}: {error}")
    if len(data) > limits.max_file_bytes:
        return Raw(path.name, source, code=Code.TOO_LARGE, detail=f"{too_large} once unpacked")
    return Raw(path.name, source, data)
