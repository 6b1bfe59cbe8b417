"""One file, archive member or entry of a table as it was found, before it is split into data blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from screening.errors import Code


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of one file, member or entry, or why there are none."""

    name: str  # file name, for the id
    source: str  # path, archive::member or file::entry
    data: bytes = b""
    code: Code | None = None  # set where it could not be read
    detail: str = ""
    format: str = "cif"  # of the data, as in `screening.crystals.read_entry`
    id: str | None = None  # what the entry calls itself; None = the name says
    properties: Mapping[str, float] = field(default_factory=dict)  # numbers that the entry carries


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that can be read as a stream: on a disk, an object store, or in an archive."""

    name: str
    source: str
    size: int  # bytes as stored; 0 where unknown
    open: Callable[[], AbstractContextManager[IO[bytes]]]  # may be called once only
    path: Path | None = None  # where it is a file of this machine


Whole = Callable[[], Iterator[Raw]]
