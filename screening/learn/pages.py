"""What the pages of a Parquet file unpack to, by their own headers: those are what a reader makes room for.

The footer says it too, but a footer can say anything.

Source: parquet-format 2.11, ``PageHeader``; Thrift's compact protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyarrow.parquet as pq

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _BINARY, _STRUCT = 1, 2, 3, 4, 5, 6, 8, 12
_TYPE, _UNPACKED, _PACKED = 1, 2, 3  # fields of the header
# By type of page: the field of its own header, and the field of the encoding in that.
_ENCODED = {0: (5, 2), 2: (7, 2), 3: (8, 4)}
# Plain values, and runs or dictionaries of them; in others a short page may stand for long texts.
_ENCODINGS = (0, 2, 3, 8)
_DEEPEST = 4  # structures in a header: of a data page, its statistics


class Bytes(Protocol):
    """A file in memory, or mapped to it."""

    def __getitem__(self, place: int, /) -> int: ...
    def __len__(self) -> int: ...


@dataclass(slots=True)
class _Header:
    """A header as it is read."""

    data: Bytes
    at: int

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        value = 0
        for shift in range(0, 63, 7):
            one = self.byte()
            value |= (one & 0x7F) << shift
            if one < 0x80:
                return value
        raise ValueError("a number in a page header is too long")

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def fields(self, depth: int = 0) -> dict[tuple[int, ...], int]:
        """Return the 32-bit numbers of a structure by the way to their field; what else there may be is passed over."""
        found: dict[tuple[int, ...], int] = {}
        field = 0
        while head := self.byte():
            kind = head & 0x0F
            field = field + (head >> 4) if head >> 4 else self.zigzag()
            inner: dict[tuple[int, ...], int] = {}
            if kind == _I32:
                inner = {(field,): self.zigzag()}
            elif kind == _STRUCT and depth < _DEEPEST:
                inner = {(field, *way): value for way, value in self.fields(depth + 1).items()}
            elif kind == _BINARY:
                length = self.varint()  # by itself: reading it moves on too
                self.at += length
            elif kind == _BYTE:
                self.at += 1
            elif kind in (_I16, _I64):
                self.varint()
            elif kind not in (_TRUE, _FALSE):
                raise ValueError("a page header holds what none does")
            if inner.keys() & found.keys():
                raise ValueError("a page header says something twice")
            found |= inner
        return found


def unpacked_bytes(data: Bytes, chunk: pq.ColumnChunkMetaData) -> int:
    """Return how many bytes the pages of one column chunk unpack to.

    Raises
    ------
    ValueError
        They are not where the footer says, or their headers are none.
    """
    at = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < (chunk.dictionary_page_offset or 0) < at:
        at = chunk.dictionary_page_offset
    end = at + chunk.total_compressed_size
    if not 0 < at <= end <= len(data):
        raise ValueError("a column lies outside the file")
    total = 0
    while at < end:
        header = _Header(data, at)
        fields = header.fields()
        unpacked, packed = (fields.get((field,), -1) for field in (_UNPACKED, _PACKED))
        if min(unpacked, packed) < 0:
            raise ValueError("a page header states no sizes")
        if fields.get(_ENCODED.get(fields.get((_TYPE,), -1), ())) not in _ENCODINGS:
            raise ValueError("a page is of a kind or an encoding that a model's file has none of")
        total += unpacked
        at = header.at + packed
    if at != end:
        raise ValueError("a page ends outside its column")
    return total
