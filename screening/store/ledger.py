"""The ledger: what the store was made as, then one line per finished shard, each linked to the line before it.

The first line holds the text of the Zarr metadata as they were at the beginning, when the arrays had no row: columns,
types, chunks, settings and versions can be neither changed unseen nor lost for good. Ledgers of older stores lack it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from screening.errors import StoreError


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One finished shard."""

    shard: int
    rows: int
    rejected: int
    inputs: str  # SHA-256 (hex) of ids, sources and texts of its inputs
    chunks: dict[str, str]  # array name -> SHA-256 (hex) of its chunk as stored
    seconds: float
    codes: dict[str, int]  # rejections by code
    cut: int  # crystals with a channel whose radius was cut back
    fallbacks: tuple[tuple[str, str, str], ...] = ()  # (id, channel, reason) of clouds done by another engine


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a ledger says, once every line was found to be as it was written."""

    entries: dict[int, LedgerEntry]  # by shard; of several lines of one shard the last counts
    end: str  # link that the next line continues
    lines: int
    metadata: dict[str, str] | None  # texts of the Zarr metadata by name, None in older stores


def ledger_line(entry: LedgerEntry, chain: str) -> tuple[str, str]:
    """Return the line of an entry and its link: the SHA-256 of the link before it and the entry.

    The first line links to the hash of the settings, so a line can be neither changed, moved nor taken out unseen.
    """
    return _line({name: getattr(entry, name) for name in LedgerEntry.__slots__}, chain)


def head_line(metadata: dict[str, str]) -> tuple[str, str]:
    """Return the first line, which holds the metadata of the store without rows, and its link."""
    return _line({"metadata": metadata}, "")


def ledger_text(entries: Iterable[LedgerEntry], metadata: dict[str, str] | None, *, chain: str) -> tuple[str, str, int]:
    """Return a ledger of these entries, the link that its next line continues, and how many lines it has.

    Parameters
    ----------
    entries
        In the order of their lines.
    metadata
        Of the first line, None for none.
    chain
        What the first entry links to where there is no such line.
    """
    lines = []
    if metadata is not None:
        line, chain = head_line(metadata)
        lines.append(line)
    for entry in entries:
        line, chain = ledger_line(entry, chain)
        lines.append(line)
    return "".join(lines), chain, len(lines)


def _line(fields: dict[str, Any], chain: str) -> tuple[str, str]:
    link = hashlib.sha256(f"{chain}\n{json.dumps(fields, separators=(',', ':'))}".encode()).hexdigest()
    return json.dumps({**fields, "chain": link}, separators=(",", ":")) + "\n", link


def parsed_line(line: bytes) -> tuple[LedgerEntry | dict[str, str], str]:
    """Return what a line says, an entry or the metadata, and the link that stands in it.

    Raises
    ------
    ValueError
        It is no line of a ledger.
    """
    try:
        fields = json.loads(line)
        stated = fields.pop("chain")
        if fields.keys() == {"metadata"}:
            texts = fields["metadata"]
            if all(isinstance(text, str) for text in texts.values()):
                return dict(texts), stated
            raise ValueError("its metadata are not text")
        fields["fallbacks"] = tuple(tuple(fallback) for fallback in fields["fallbacks"])
        entry = LedgerEntry(**fields)
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    counts = (entry.shard, entry.rows, entry.rejected, entry.cut)
    if not all(type(count) is int and count >= 0 for count in counts) or not isinstance(entry.chunks, dict):
        raise ValueError("a number in it is impossible")
    return entry, stated


def read_ledger(text: bytes, *, chain: str, path: str) -> Ledger:
    """Return what a ledger says; a torn last line counts as not written.

    Parameters
    ----------
    text
        The ledger.
    chain
        What the first entry links to where no metadata stand before it.
    path
        What errors call it.

    Raises
    ------
    StoreError
        A line is damaged, or is not the one that was written after the line before it.
    """
    entries: dict[int, LedgerEntry] = {}
    metadata: dict[str, str] | None = None
    lines = text.split(b"\n")[:-1]
    for number, line in enumerate(lines, start=1):
        try:
            said, stated = parsed_line(line)
        except ValueError as error:
            raise StoreError(f"{path}, line {number} is damaged: {error}") from error
        written, chain = ledger_line(said, chain) if isinstance(said, LedgerEntry) else head_line(said)
        if stated != chain or written.encode() != line + b"\n" or (number > 1 and not isinstance(said, LedgerEntry)):
            raise StoreError(f"{path}, line {number} is not as it was written, or lines are missing")
        if isinstance(said, LedgerEntry):
            entries[said.shard] = said
        else:
            metadata = said
    return Ledger(entries, chain, len(lines), metadata)
