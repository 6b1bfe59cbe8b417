"""A damaged store is put right from what is left of it, and says which shards it lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command import screening
from made_store import files, filled, rows

from screening.errors import StoreError
from screening.store.backend import LEDGER
from screening.store.repair import BEFORE, repair
from screening.store.store import FeatureStore
from screening.store.tables import ARRAYS


@pytest.fixture
def store(tmp_path: Path) -> Path:
    filled(tmp_path / "s")
    return tmp_path / "s"


def lines_of(store: Path) -> list[bytes]:
    return (store / LEDGER).read_bytes().splitlines(keepends=True)


def went_on(store: Path) -> None:
    """Compute what was lost, as the same command would, and compare with a store that was never damaged."""
    found = FeatureStore.open(store)
    found.mend_ledger()
    for index in range(3):
        if index not in found.sound():
            found.reserve(max(found.n_rows, (index + 1) * 4))
            found.commit(found.write_shard(index, rows(index * 4, min(4, 10 - index * 4)), inputs=f"inputs{index}"))
    found.finish(10)
    filled(store.parent / "whole")
    assert {name: data for name, data in files(store).items() if not name.startswith(BEFORE)} == files(
        store.parent / "whole"
    )
    assert sorted(FeatureStore.open(store).ledger()) == [0, 1, 2]


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"zarr_format": 3}'])
@pytest.mark.parametrize("name", ["zarr.json", "features/zarr.json", "strings/zarr.json"])
def test_metadata_come_back_from_the_ledger(store: Path, name: str, content: bytes | None) -> None:
    before = files(store)
    if content is None:
        (store / name).unlink()
    else:
        (store / name).write_bytes(content)
    with pytest.raises(StoreError):
        FeatureStore.open(store).entries()
    found = repair(store)
    assert found.lost == []
    assert found.done == [f"{name} was put back"]
    assert files(store) == before
    assert len(FeatureStore.open(store).entries()) == 3


def test_all_metadata_lost_and_the_command_finds_the_rows_again(store: Path) -> None:
    for file in store.rglob("zarr.json"):
        file.unlink()
    found = repair(store)
    assert found.lost == []
    assert "no array says how many rows there are" in found.done[0]
    with pytest.raises(StoreError, match="unfinished"):
        FeatureStore.open(store).entries()
    went_on(store)


def first_lost(lines: list[bytes]) -> list[bytes]:
    return lines[1:]


def one_lost(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], *lines[3:]]


def last_lost(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def doubled(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[1], *lines[2:]]


def zeros(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], b"\0" * len(lines[2]), *lines[3:]]


def exchanged(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def edited(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[2].replace(b'"features":"', b'"features":"0', 1), *lines[3:]]


def all_lost(_: list[bytes]) -> list[bytes]:
    return []


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        (first_lost, []),
        (one_lost, [1]),
        (last_lost, [2]),
        (doubled, []),
        (zeros, [1, 2]),  # zeros without a line end run into the next line
        (exchanged, []),
        (edited, [1]),
        (all_lost, [0, 1, 2]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_no_more_is_lost_than_is_named(
    store: Path, change: Callable[[list[bytes]], list[bytes]], lost: list[int]
) -> None:
    damaged = b"".join(change(lines_of(store)))
    (store / LEDGER).write_bytes(damaged)
    found = repair(store)
    assert found.lost == lost
    assert change is last_lost or (store / BEFORE).read_bytes() == damaged
    assert sorted(FeatureStore.open(store).sound()) == [shard for shard in range(3) if shard not in lost]
    assert repair(store).lost == lost  # again it finds the same, and keeps what it kept
    assert not (store / f"{BEFORE}-2").exists()
    went_on(store)


def test_a_shard_whose_line_and_chunks_are_gone_is_named(store: Path) -> None:
    lines = lines_of(store)
    (store / LEDGER).write_bytes(b"".join([*lines[:2], b"no line\n", *lines[3:]]))
    for array in ARRAYS:
        shutil.rmtree(store / array / "c" / "1")
    assert repair(store).lost == [1]
    went_on(store)


def test_a_line_that_stands_there_twice_is_told_and_left_out_once(store: Path) -> None:
    whole = lines_of(store)
    (store / LEDGER).write_bytes(b"".join(doubled(whole)))
    assert repair(store).done[0] == "line 3 of the ledger stands there twice and was left out once"
    assert lines_of(store) == whole


def test_a_ledger_that_is_gone_loses_all_shards_and_no_other_file(store: Path) -> None:
    (store / LEDGER).unlink()
    before = files(store)
    assert repair(store).lost == [0, 1, 2]
    assert {name: data for name, data in files(store).items() if name != BEFORE} == before
    went_on(store)


def test_a_damaged_chunk_loses_its_shard_alone(store: Path) -> None:
    chunk = store / "numbers" / "c" / "1" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-1])
    before = (store / LEDGER).read_bytes()
    assert repair(store).lost == [1]
    assert (store / BEFORE).read_bytes() == before
    went_on(store)


def test_nothing_is_changed_where_nothing_is_wrong(store: Path) -> None:
    before = {**files(store), LEDGER: (store / LEDGER).read_bytes()}
    found = repair(store)
    assert (found.done, found.lost) == ([], [])
    assert {**files(store), LEDGER: (store / LEDGER).read_bytes()} == before


def test_neither_metadata_nor_first_line_cannot_be_repaired(store: Path) -> None:
    (store / "features" / "zarr.json").unlink()
    (store / LEDGER).write_bytes(b"".join(lines_of(store)[1:]))
    before = files(store)
    with pytest.raises(StoreError, match="compute it again"):
        repair(store)
    assert files(store) == before


def test_the_command_never_repairs_unasked_and_says_what_was_lost(store: Path) -> None:
    damaged = b"".join(one_lost(lines_of(store)))
    (store / LEDGER).write_bytes(damaged)
    screening("verify", store, check=1)
    assert (store / LEDGER).read_bytes() == damaged
    done = screening("verify", "--repair", store, check=1)
    assert "shard 1 is lost; run the same command again" in done.stdout
    (store / "zarr.json").unlink()
    assert "zarr.json was put back" in screening("verify", "--repair", store, check=1).stdout
    went_on(store)
    assert screening("verify", "--repair", store).stdout == "nothing was damaged\n"
