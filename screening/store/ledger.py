"""The ledger: one line per finished shard, each linked to the line before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass


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


def ledger_line(entry: LedgerEntry, chain: str) -> tuple[str, str]:
    """Return the line of an entry and its link: the SHA-256 of the link before it and the entry.

    The first line links to the hash of the settings, so a line can be neither changed, moved nor taken out unseen.
    """
    fields = {name: getattr(entry, name) for name in LedgerEntry.__slots__}
    link = hashlib.sha256(f"{chain}\n{json.dumps(fields, separators=(',', ':'))}".encode()).hexdigest()
    return json.dumps({**fields, "chain": link}, separators=(",", ":")) + "\n", link
