"""A feature store on an object store, and its lock, in fsspec's memory."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
import zarr
from made_store import COLUMNS, HEADER, files, filled, rows
from object_stores import flipped, objects, torn

import screening.store.lease
from screening.errors import StoreError
from screening.locations.remote import Remote
from screening.runs.verify import verify
from screening.store.read import read_rejections, read_some, read_table
from screening.store.store import FeatureStore
from screening.store.tables import ARRAYS


def test_a_store_there_has_the_bytes_of_a_store_here(memory: Remote, tmp_path: Path) -> None:
    filled(tmp_path / "s", order=(1, 0, 2))
    filled(memory / "s", order=(1, 0, 2))  # type: ignore[arg-type]
    there = objects(memory / "s")
    assert there.pop("ledger.jsonl") == (tmp_path / "s" / "ledger.jsonl").read_bytes()
    assert there == files(tmp_path / "s")


def test_zarr_and_all_readers_read_it(memory: Remote, tmp_path: Path) -> None:
    filled(tmp_path / "s")
    filled(memory / "s")  # type: ignore[arg-type]
    here, there = read_table(tmp_path / "s"), read_table(memory / "s")
    assert here.ids.tolist() == there.ids.tolist() == ["id0", "id1", "id3", "id4", "id6", "id7", "id9"]
    assert here.features.tobytes() == there.features.tobytes()
    assert read_rejections(memory / "s") == read_rejections(tmp_path / "s")
    assert read_some(memory / "s", ids={"id4"}, others=2).ids.tolist() == (
        read_some(tmp_path / "s", ids={"id4"}, others=2).ids.tolist()
    )
    group = zarr.open_group("memory://bucket/folder/s", mode="r")
    assert group["strings"][:, 0].tolist() == [f"id{n}" for n in range(10)]  # type: ignore[index, union-attr]
    assert verify(memory / "s") == []


def test_memory_does_not_grow_with_the_store(memory: Remote) -> None:
    store = filled(memory / "s")  # type: ignore[arg-type]
    for _ in store.iter_shards():
        pass
    store.write_shard(0, rows(0, 4), inputs="inputs0")
    assert sorted(store.sound()) == [0, 1, 2]
    held = store._files._memory  # type: ignore[attr-defined]
    assert sorted(held) == sorted(["zarr.json", *(f"{name}/zarr.json" for name in ARRAYS)])


def test_an_interrupted_store_goes_on(memory: Remote, tmp_path: Path) -> None:
    store = FeatureStore.create(memory / "s", columns=COLUMNS, channels=["Li"], header=HEADER)
    store.reserve(12)
    with store.locked():
        store.commit(store.write_shard(2, rows(8, 2), inputs="inputs2"))
        store.write_shard(0, rows(0, 4), inputs="inputs0")  # a chunk without a line: it does not count
    again = FeatureStore.open(memory / "s")
    again.mend_ledger()
    assert sorted(again.ledger()) == [2]
    with pytest.raises(StoreError, match="unfinished"):
        read_table(memory / "s")
    for index in (0, 1):
        again.commit(again.write_shard(index, rows(index * 4, 4), inputs=f"inputs{index}"))
    again.finish(10)
    assert verify(memory / "s") == []
    filled(tmp_path / "s", order=(2, 0, 1))
    assert objects(memory / "s")["ledger.jsonl"] == (tmp_path / "s" / "ledger.jsonl").read_bytes()


def test_shrinking_forgets_lines_and_chunks(memory: Remote) -> None:
    filled(memory / "s")  # type: ignore[arg-type]
    FeatureStore.open(memory / "s").finish(4)
    assert sorted(FeatureStore.open(memory / "s").ledger()) == [0]
    assert {name for name in objects(memory / "s") if "/c/" in name} == {f"{name}/c/0/0" for name in ARRAYS}
    assert verify(memory / "s") == []


def test_two_writers_never_write_the_same_line(memory: Remote) -> None:
    one = FeatureStore.create(memory / "s", columns=COLUMNS, channels=["Li"], header=HEADER)
    one.reserve(8)
    other = FeatureStore.open(memory / "s")
    ledger = other._ledger()
    one.commit(one.write_shard(0, rows(0, 4), inputs="a"))
    other._end = ledger.end, ledger.lines  # it looked before that line was put
    with pytest.raises(StoreError, match="written by another run meanwhile"):
        other.commit(other.write_shard(1, rows(4, 4), inputs="b"))
    assert sorted(FeatureStore.open(memory / "s").ledger()) == [0]


@pytest.mark.parametrize("change", [torn, flipped, None])
@pytest.mark.parametrize("name", ["features/c/1/0", "strings/c/2/0", "composition/c/0/0", "ledger.jsonl"])
def test_damage_is_found(memory: Remote, name: str, change: Callable[[bytes], bytes] | None) -> None:
    filled(memory / "s")  # type: ignore[arg-type]
    target = memory / "s" / name
    if change is None:
        target.unlink()
    else:
        target.write_bytes(change(target.read_bytes()))
    assert verify(memory / "s") != []


def test_a_line_that_was_taken_out_or_edited_is_found(memory: Remote) -> None:
    def unpacked() -> FeatureStore:
        fsspec.filesystem("memory").store.clear()
        store = FeatureStore.create(memory / "s", columns=COLUMNS, channels=["Li"], header=HEADER)
        store.reserve(12)
        for index in range(3):
            store.commit(store.write_shard(index, rows(index * 4, 4), inputs=f"inputs{index}"))
        return store

    lines = [name for name in objects(unpacked().path) if name.startswith("ledger/")]  # type: ignore[arg-type]
    assert len(lines) == 3
    for damage in ("removed", "edited", "swapped"):
        unpacked()
        first, second = memory / "s" / lines[0], memory / "s" / lines[1]
        if damage == "removed":
            first.unlink()
        elif damage == "edited":
            first.write_bytes(first.read_bytes().replace(b"inputs0", b"inputs9"))
        else:
            before = first.read_bytes()
            first.write_bytes(second.read_bytes())
            second.write_bytes(before)
        with pytest.raises(StoreError, match="is not as it was written"):
            FeatureStore.open(memory / "s").ledger()


def test_a_second_run_is_refused_while_the_first_lives(memory: Remote) -> None:
    store = filled(memory / "s")  # type: ignore[arg-type]
    other = FeatureStore.open(memory / "s")
    with store.locked(), pytest.raises(StoreError, match="being written by another run"), other.locked():
        pass
    with other.locked():
        pass
    assert not (memory / "s" / "lock").exists()


def lock_of(folder: Remote, **changes: object) -> Remote:
    """Leave the lock of another run."""
    state = {
        "pid": 2**22 + 1,  # beyond any pid
        "born": 0.0,
        "host": socket.gethostname(),
        "machine": screening.store.lease._machine(),
        "token": "other",
        "beat": 0,
    }
    lock = folder / "00000007.json"
    lock.write_bytes(json.dumps({**state, **changes}).encode())
    return lock


def test_the_lock_of_a_killed_run_is_taken_over_at_once(memory: Remote) -> None:
    lock_of(memory / "lock")
    with screening.store.lease.held(memory / "lock"):
        assert list(objects(memory / "lock")) == ["00000008.json"]
    assert objects(memory / "lock") == {}


def test_the_lock_of_a_run_elsewhere_is_watched(memory: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening.store.lease, "PATIENCE", 0.5)
    lock_of(memory / "lock", machine="elsewhere")
    begin = time.monotonic()
    with screening.store.lease.held(memory / "lock"):
        assert time.monotonic() - begin >= 0.5  # it stood still, so its holder is dead
    lock_of(memory / "lock", machine="elsewhere")
    waits = []

    def renew(seconds: float) -> None:
        waits.append(seconds)
        lock_of(memory / "lock", machine="elsewhere", beat=len(waits))

    monkeypatch.setattr(time, "sleep", renew)
    with pytest.raises(StoreError, match="being written by another run"), screening.store.lease.held(memory / "lock"):
        pass


def test_a_run_that_lost_its_lock_commits_no_more(memory: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening.store.lease, "BEAT", 0.01)
    store = filled(memory / "s")  # type: ignore[arg-type]
    with store.locked():
        time.sleep(0.1)  # renewed several times
        held = objects(memory / "s" / "lock")
        assert json.loads(held["00000001.json"])["beat"] > 1
        (memory / "s" / "lock" / "00000001.json").unlink()
        deadline = time.monotonic() + 10
        while store._files._lease._lost == "":  # type: ignore[attr-defined]
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(StoreError, match="taken over by another run"):
            store.commit(store.write_shard(0, rows(0, 4), inputs="inputs0"))
