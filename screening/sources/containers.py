"""One file of any kind → its crystals: whole, or entry by entry where the file holds many."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from screening.config import InputLimits
from screening.errors import Code, MissingExtraError
from screening.sources.ase_entries import iter_database, iter_extxyz, iter_trajectory
from screening.sources.blocks import name_of
from screening.sources.faults import BoundError, DamagedError, NoStructureError
from screening.sources.files import DAMAGED, FREE_BYTES, PACKED, open_packed
from screening.sources.found import Source
from screening.sources.json_entries import iter_json
from screening.sources.kinds import (
    HEAD,
    MANY,
    SINGLE,
    Kind,
    is_archive,
    is_hidden,
    kind_by_content,
    kind_by_name,
    looks_like_cif,
)
from screening.sources.passed import Passed
from screening.sources.raw import Opened, Raw, Whole
from screening.sources.tables import iter_csv, iter_parquet

STREAMED = {Kind.JSON: iter_json, Kind.TABLE: iter_csv, Kind.EXTXYZ: iter_extxyz}
BY_PATH = {Kind.DB: iter_database, Kind.TRAJECTORY: iter_trajectory}


def crystals_of(opened: Opened, whole: Whole, *, asked: bool, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
    """Yield the crystals of one file.

    Parameters
    ----------
    opened
        The file as a stream; not opened where it is read whole.
    whole
        Returns the file read whole, within the limit of one entry.
    asked
        Whether somebody named this file. One found in a folder or archive that is no crystal is counted instead.
    limits
        What may be read.
    passed
        Counts it.
    """
    if not asked and is_hidden(opened.name):
        passed.add(opened.name, opened.source)
        return
    if is_archive(opened.name):
        detail = "an archive inside an archive is not opened: unpack the outer one first"
        yield Raw(opened.name, opened.source, code=Code.UNREADABLE, detail=detail)
        return
    kind = kind_by_name(opened.name)
    if kind in MANY:
        yield from _entries(kind, opened, asked=asked, limits=limits, passed=passed)
        return
    if kind is Kind.OTHER and not asked and opened.size > limits.max_file_bytes:
        passed.add(opened.name, opened.source)
        return
    for raw in whole():
        if kind is Kind.CIF or raw.code is not None:
            yield raw
        elif kind in SINGLE:
            yield _single(kind, raw, opened)
        else:
            yield from _by_content(kind, raw, asked=asked, limits=limits, passed=passed)


def _single(kind: Kind | None, raw: Raw, opened: Opened) -> Raw:
    """Return a file of one crystal; a POSCAR has the name of its folder."""
    where = opened.path.absolute().as_posix() if opened.path is not None else raw.source.replace("::", "/")
    return replace(raw, format=str(kind), id=name_of(where) if kind is Kind.POSCAR else None)


def _by_content(kind: Kind | None, raw: Raw, *, asked: bool, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
    """Yield the crystals of a file whose name does not say what it is."""
    if kind is Kind.OTHER:
        if asked or looks_like_cif(raw.data):
            yield raw
        else:
            passed.add(raw.name, raw.source)
        return
    found = kind_by_content(raw.data)
    if found in SINGLE:
        yield replace(raw, format=str(found))
    elif found in MANY:
        bare = raw.name.rpartition(".")[0] if raw.name.lower().endswith(PACKED) else raw.name
        opened = Opened(bare, raw.source, len(raw.data), lambda: io.BytesIO(raw.data))
        yield from _entries(found, opened, asked=True, limits=limits, passed=passed)
    elif asked or looks_like_cif(raw.data):
        yield raw
    else:
        passed.add(raw.name, raw.source)


def _entries(kind: Kind | None, opened: Opened, *, asked: bool, limits: InputLimits, passed: Passed) -> Iterator[Raw]:
    """Yield the entries of a file of many, and a row for what ends its reading."""
    refusal: tuple[Code, str] | None = None
    try:
        yield from _read(kind, opened, limits)
    except NoStructureError as error:
        if asked:
            refusal = (Code.NO_STRUCTURE, f"{error}")
        else:
            passed.add(opened.name, opened.source)
    except BoundError as error:
        refusal = (Code.TOO_LARGE, str(error))
    except (DamagedError, MissingExtraError) as error:
        refusal = (Code.UNREADABLE, str(error))
    except DAMAGED as error:
        refusal = (Code.UNREADABLE, f"{type(error).__name__}: {error}")
    if refusal is not None:
        yield Raw(opened.name, opened.source, code=refusal[0], detail=refusal[1])


def _read(kind: Kind | None, opened: Opened, limits: InputLimits) -> Iterator[Raw]:
    if opened.size > limits.max_container_bytes:
        raise BoundError(f"{opened.size} bytes, more than max_container_bytes = {limits.max_container_bytes}")
    source = Source(opened.name, opened.source, limits)
    packed = opened.name.lower().endswith(PACKED)
    if kind in BY_PATH:
        with _on_disk(opened, limits) as path:
            yield from BY_PATH[kind](path, source)
        return
    if kind is Kind.PARQUET and (packed or opened.path is None):
        with _on_disk(opened, limits) as path, path.open("rb") as stream:
            yield from iter_parquet(stream, source)
        return
    with opened.open() as stream:
        if kind is Kind.PARQUET:
            yield from iter_parquet(stream, source)
        else:
            assert kind is not None
            plain = _plain(stream, opened, limits)
            if looks_like_cif(plain.peek(HEAD)[:HEAD]):
                yield _cif(plain, opened, limits)
            else:
                yield from STREAMED[kind](plain, source)


def _cif(plain: io.BufferedReader, opened: Opened, limits: InputLimits) -> Raw:
    """Return CIF text that the name of its file says is something else."""
    data = plain.read(limits.max_file_bytes + 1)
    if len(data) > limits.max_file_bytes:
        detail = f"more than max_file_bytes = {limits.max_file_bytes}"
        return Raw(opened.name, opened.source, code=Code.TOO_LARGE, detail=detail)
    return Raw(opened.name, opened.source, data)


def _plain(stream: IO[bytes], opened: Opened, limits: InputLimits) -> io.BufferedReader:
    """Return the stream unpacked, which gives no more bytes than the limits allow."""
    unpacked = open_packed(stream, opened.name)
    most = limits.max_container_bytes
    if unpacked is not stream and opened.size:
        most = min(most, FREE_BYTES + int(limits.max_ratio * opened.size))
    return io.BufferedReader(Bounded(unpacked, most), 2**18)


@contextmanager
def _on_disk(opened: Opened, limits: InputLimits) -> Iterator[Path]:
    """Yield a path of the file: its own, or that of a temporary copy where it is packed or elsewhere."""
    if opened.path is not None and not opened.name.lower().endswith(PACKED):
        yield opened.path
        return
    with tempfile.TemporaryDirectory(prefix="screening-") as folder, opened.open() as stream:
        path = Path(folder) / "copy"
        with path.open("wb") as target:
            shutil.copyfileobj(_plain(stream, opened, limits), target, 2**20)
        yield path


class Bounded(io.RawIOBase):
    """A stream that refuses to give more than a number of bytes."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._most = most
        self._left = most

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer and return how far."""
        data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise BoundError(f"unpacks to more than {self._most} bytes (max_ratio, max_container_bytes)")
        buffer[: len(data)] = data
        return len(data)
