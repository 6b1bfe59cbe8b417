"""The store: whole shards, a ledger that vouches for bytes, nothing read that was not finished."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from made_store import COLUMNS, HEADER, files, filled, rows
from zarr.codecs import ZstdCodec

from screening.errors import Code, StoreError
from screening.store.backend import LEDGER
from screening.store.decode import decoded
from screening.store.read import differences, iter_tables, read_rejections, read_some, read_table
from screening.store.store import RESERVED_AHEAD, FeatureStore
from screening.store.tables import ARRAYS


def test_what_is_written_is_read(tmp_path: Path) -> None:
    filled(tmp_path / "s")
    table = read_table(tmp_path / "s")
    assert list(table.ids) == [f"id{i}" for i in range(10) if i % 3 != 2]
    assert table.columns == tuple(COLUMNS)
    np.testing.assert_array_equal(table.features[:, 0], [3.0 * i for i in range(10) if i % 3 != 2])
    assert table.facts["source"].tolist()[0] == "päth/0.cif"
    assert table.facts["r_cut/Li"].tolist() == [1.5] * 7
    rejections = read_rejections(tmp_path / "s")
    assert [rejection.id for rejection in rejections] == ["id2", "id5", "id8"]
    assert {rejection.code for rejection in rejections} == {Code.NO_CELL}
    assert sum(len(part) for part in iter_tables(tmp_path / "s")) == 7


def test_bytes_do_not_depend_on_the_order_of_shards_or_on_writing_twice(tmp_path: Path) -> None:
    filled(tmp_path / "a")
    filled(tmp_path / "b", order=(2, 0, 2, 1))
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_an_all_rejected_shard_is_stored_not_absent(tmp_path: Path) -> None:
    store = FeatureStore.create(tmp_path / "s", columns=COLUMNS, channels=["Li"], header=HEADER)
    store.reserve(4)
    one = rows(2, 1)
    store.commit(store.write_shard(0, one, inputs="x"))
    store.finish(1)
    assert len(read_table(tmp_path / "s")) == 0
    assert len(read_rejections(tmp_path / "s")) == 1


def test_an_unfinished_store_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "s", order=(0, 2))
    with pytest.raises(StoreError, match="unfinished: it holds 2 shards, and shard 1 is missing"):
        read_table(tmp_path / "s")


def test_a_store_never_looks_finished_before_it_is(tmp_path: Path) -> None:
    """A run may be killed when every shard handed out so far is done, and further inputs are not yet listed."""
    store = FeatureStore.create(tmp_path / "s", columns=COLUMNS, channels=["Li"], header=HEADER)
    for index in range(2 * RESERVED_AHEAD + 3):
        store.reserve((index + 1) * 4)
        store.commit(store.write_shard(index, rows(4 * index, 4), inputs="x"))
        with pytest.raises(StoreError, match=f"it holds {index + 1} shards, and shard {index + 1} is missing"):
            FeatureStore.open(tmp_path / "s").entries()
    store.finish(4 * index + 4)
    assert len(FeatureStore.open(tmp_path / "s").entries()) == index + 1


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_damage_is_found(tmp_path: Path, array: str, damage: str) -> None:
    store = filled(tmp_path / "s")
    chunk = tmp_path / "s" / array / "c" / "1" / "0"
    data = bytearray(chunk.read_bytes())
    if damage == "delete":
        chunk.unlink()
    else:
        data[len(data) // 2] ^= 1
        chunk.write_bytes(data if damage == "flip" else data[:-3])
    assert [store.is_sound(entry) for entry in store.ledger().values()] == [True, False, True]
    with pytest.raises(StoreError, match="missing or damaged"):
        read_table(tmp_path / "s")


def test_a_torn_ledger_line_counts_as_unwritten_and_is_mended(tmp_path: Path) -> None:
    store = filled(tmp_path / "s")
    ledger = tmp_path / "s" / LEDGER
    whole = ledger.read_bytes()
    ledger.write_bytes(whole[:-20])
    assert sorted(store.ledger()) == [0, 1]
    store.mend_ledger()
    assert ledger.read_bytes() == b"".join(whole.splitlines(keepends=True)[:3])
    ledger.write_bytes(b"{broken}\n" + whole)
    with pytest.raises(StoreError, match="line 1 is damaged"):
        store.ledger()


def test_finish_forgets_shards_beyond_the_end(tmp_path: Path) -> None:
    store = filled(tmp_path / "s")
    store.finish(4)
    assert sorted(store.ledger()) == [0]
    assert len(read_table(tmp_path / "s")) == 3
    for array in ARRAYS:
        assert [chunk.name for chunk in (tmp_path / "s" / array / "c").iterdir()] == ["0"]


def test_finish_clears_what_a_killed_writer_left(tmp_path: Path) -> None:
    store = filled(tmp_path / "s")
    left = tmp_path / "s" / "composition" / "c" / "0" / "0.2747559b04dd.partial"
    left.write_bytes(b"half")
    before = read_table(tmp_path / "s").features.tobytes()
    store.finish(store.n_rows)
    assert not left.exists()
    assert read_table(tmp_path / "s").features.tobytes() == before


def digest(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def test_some_rows_and_a_seeded_draw_of_others(tmp_path: Path) -> None:
    filled(tmp_path / "s")
    whole = read_table(tmp_path / "s")
    wanted = {whole.ids[1], whole.ids[-1], "not there"}
    some = read_some(tmp_path / "s", ids=wanted)
    assert list(some.ids) == [whole.ids[1], whole.ids[-1]]
    np.testing.assert_array_equal(some.features, whole.features[[1, -1]])
    np.testing.assert_array_equal(some.composition, whole.composition[[1, -1]])
    expected = whole[[1, len(whole) - 1]]
    assert some.facts.columns.tolist() == expected.facts.columns.tolist()
    assert some.facts.to_dict("list") == expected.facts.to_dict("list")
    assert len(read_some(tmp_path / "s", ids={"not there"})) == 0
    draws = {seed: set(read_some(tmp_path / "s", ids=wanted, others=2, seed=seed).ids) for seed in range(20)}
    assert all(wanted - {"not there"} <= ids and len(ids) == 4 for ids in draws.values())
    assert draws[0] == set(read_some(tmp_path / "s", ids=wanted, others=2, seed=0).ids)
    assert set().union(*draws.values()) == set(whole.ids)
    for seed, ids in draws.items():  # those of the smallest digests, whatever their order in the store
        others = sorted(set(whole.ids) - wanted, key=partial(digest, seed))
        assert ids == {*others[:2], whole.ids[1], whole.ids[-1]}
    assert list(read_some(tmp_path / "s", ids=(), others=100).ids) == list(whole.ids)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a feature store"):
        FeatureStore.open(tmp_path)
    filled(tmp_path / "s")
    with pytest.raises(StoreError, match="exists"):
        FeatureStore.create(tmp_path / "s", columns=COLUMNS, channels=["Li"], header=HEADER)
    meta = tmp_path / "s" / "zarr.json"
    meta.write_text(meta.read_text().replace('"format_version": 1', '"format_version": 99'))
    (tmp_path / "s" / LEDGER).write_text("")  # which would tell that it was changed
    with pytest.raises(StoreError, match="format version 99"):
        FeatureStore.open(tmp_path / "s")


def test_differences_name_the_key() -> None:
    assert differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2}) == ["a.b: 1 here, 3 in the store"]


def test_a_ledger_line_counts_the_rejections_of_its_shard(tmp_path: Path) -> None:
    """Every third row of the ten is one: of rows 0 to 3, 4 to 7, 8 and 9."""
    store = filled(tmp_path / "s")
    assert [store.ledger()[shard].rejected for shard in range(3)] == [1, 1, 1]
    assert [store.ledger()[shard].rows for shard in range(3)] == [4, 4, 2]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    store = filled(tmp_path / "s")
    with store.locked(), pytest.raises(StoreError, match="another run"), FeatureStore.open(tmp_path / "s").locked():
        pass
    with FeatureStore.open(tmp_path / "s").locked():  # it is free again
        pass


def test_chunks_are_decoded_as_zarr_decodes_them(tmp_path: Path) -> None:
    store = filled(tmp_path / "s")
    group: Any = zarr.open_group(str(tmp_path / "s"), mode="r")
    for entry in store.entries():
        span = slice(entry.shard * store.shard_rows, entry.shard * store.shard_rows + entry.rows)
        found = store.read_shard(entry)
        for name in ARRAYS:
            expected = np.asarray(group[name][span])
            np.testing.assert_array_equal(
                getattr(found, name), expected.astype(object) if name == "strings" else expected
            )
        assert {type(cell) for cell in found.strings.ravel()} == {str}


def test_a_chunk_of_other_codecs_or_another_size_is_refused(tmp_path: Path) -> None:
    group = zarr.open_group(str(tmp_path / "other"), mode="w", zarr_format=3)
    plain = group.create_array("plain", shape=(4, 3), chunks=(2, 3), dtype="float32", compressors=None)
    with pytest.raises(StoreError, match="not encoded as this program does it"):
        decoded(plain, b"")
    own = group.create_array("own", shape=(4, 3), chunks=(2, 3), dtype="float32", compressors=ZstdCodec(level=3))
    with pytest.raises(StoreError, match="cannot be decoded"):
        decoded(own, b"no Zstandard")
    own[:] = 1.0
    assert decoded(own, (tmp_path / "other/own/c/1/0").read_bytes()).tolist() == [[1.0] * 3] * 2
    other = group.create_array("other", shape=(4, 5), chunks=(2, 5), dtype="float32", compressors=ZstdCodec(level=3))
    with pytest.raises(StoreError, match="cannot be decoded"):
        decoded(other, (tmp_path / "other/own/c/1/0").read_bytes())
