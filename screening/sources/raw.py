"""One file or archive member as it was found, before it is split into data blocks."""

from __future__ import annotations

from dataclasses import dataclass

from screening.errors import Code


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of one file or member, or why there are none."""

    name: str  # file name, for the id
    source: str  # path, or archive::member
    data: bytes = b""
    code: Code | None = None  # set where it could not be read
    detail: str = ""
