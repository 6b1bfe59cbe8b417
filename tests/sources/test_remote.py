"""Crystals on an object store are those of a folder here, in fsspec's memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest
from object_stores import LIMITS, SECRET, crystals_in, told

from screening.config import InputLimits
from screening.errors import Code, InputError, StoreError
from screening.locations import remote
from screening.locations.remote import Remote
from screening.sources.listing import iter_items


def test_crystals_there_are_those_here_in_the_same_order(memory: Remote, tmp_path: Path) -> None:
    crystals_in(memory)
    crystals_in(tmp_path)
    assert told(memory) == told(tmp_path)
    assert len(told(memory)) == 18  # two rows of files passed over among them


def test_limits_hold_before_anything_is_read(memory: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    (memory / "big.cif").write_bytes(b"x" * 2000)
    (memory / "small.cif").write_bytes(b"x" * 10)
    read: list[str] = []
    filesystem = type(fsspec.filesystem("memory"))
    cat = filesystem.cat_file

    def watched(self: Any, path: str, *span: Any) -> Any:
        read.append(path)
        return cat(self, path, *span)

    monkeypatch.setattr(filesystem, "cat_file", watched)
    items = list(iter_items([str(memory)], InputLimits(max_file_bytes=1000)))
    assert [item.rejection and item.rejection.code for item in items] == [Code.TOO_LARGE, None]
    assert len(read) == 1
    assert read[0].endswith("small.cif")


def test_lists_name_urls_and_lead_nowhere_else(memory: Remote, tmp_path: Path) -> None:
    crystals_in(memory)
    (memory / "list.txt").write_bytes(b"# mine\nb.cif\n../up.cif\n/etc/passwd\nmemory://bucket/folder/a\nnosuch.cif\n")
    items = list(iter_items([f"@{memory}/list.txt"], LIMITS))
    assert [item.rejection and item.rejection.code for item in items] == [
        None,
        Code.UNSAFE_PATH,
        Code.UNSAFE_PATH,
        None,
        None,
        Code.UNREADABLE,
    ]
    (tmp_path / "list.txt").write_text(f"{memory}/b.cif\nmemory://u:{SECRET}@bucket/x\n")
    items = list(iter_items([f"@{tmp_path / 'list.txt'}"], LIMITS))
    assert [item.text for item in items] == [b"data_b", b""]
    assert items[1].rejection is not None
    assert items[1].rejection.code is Code.UNSAFE_PATH
    assert SECRET not in items[1].rejection.detail


def test_what_is_not_there_is_said_at_once(memory: Remote) -> None:
    for path in (f"{memory}/nosuch", f"@{memory}/nosuch.txt"):
        with pytest.raises(InputError, match="no such"):
            iter_items([path], LIMITS)


def test_a_connection_lost_in_an_archive_is_no_damage_of_the_archive(
    memory: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    crystals_in(memory)
    items = iter_items([f"{memory}/n.zip"], LIMITS)
    next(items)

    def lost(self: object, buffer: object) -> int:
        with remote._reaching(str(memory)):
            raise ConnectionResetError

    monkeypatch.setattr(remote._Stream, "readinto", lost)
    with pytest.raises(StoreError, match="the same command goes on"):
        list(iter_items([f"{memory}/n.zip"], LIMITS))
