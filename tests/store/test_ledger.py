"""Lines of a ledger: what was written is read, and nothing else is a line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.errors import StoreError
from screening.store.ledger import LedgerEntry, ledger_text, parsed_line, read_ledger

ENTRY = LedgerEntry(
    shard=3, rows=4, rejected=1, inputs="ab", chunks={"features": "cd"}, seconds=0.5, codes={"no-cell": 1}, cut=0
)


def changed(**fields: Any) -> bytes:
    line = json.loads(ledger_text([ENTRY], None, chain="00")[0])
    return json.dumps({**line, **fields}).encode()


def test_a_line_is_read_as_written() -> None:
    text, end, lines = ledger_text([ENTRY], {"zarr.json": "ü\n"}, chain="00")
    found = read_ledger(text.encode(), chain="ignored", path="x")
    assert (
        (found.entries, found.end, found.lines, found.metadata)
        == ({3: ENTRY}, end, 2, {"zarr.json": "ü\n"})
        == (
            {3: ENTRY},
            end,
            lines,
            {"zarr.json": "ü\n"},
        )
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"metadata": 1, "chain": "x"}',
        b'{"metadata": {"zarr.json": 1}, "chain": "x"}',
        changed(shard=-1),
        changed(shard="3"),
        changed(shard=True),
        changed(rows=1.5),
        changed(rejected=None),
        changed(cut=-2),
        changed(chunks=[]),
        changed(more=1),
        changed(fallbacks=1),
    ],
    ids=range(15),
)
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed_line(line)
    with pytest.raises(StoreError, match="line 1"):
        read_ledger(line + b"\n", chain="00", path="x")


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_torn(text: bytes) -> None:
    try:
        found = read_ledger(text, chain="00", path="x")
    except StoreError:
        return
    assert found.entries == {}
