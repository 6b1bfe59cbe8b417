"""The metadata of a store are those that its ledger keeps: nothing that they say can be changed unseen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zarr
from made_store import filled

from screening.errors import StoreError
from screening.store.backend import LEDGER
from screening.store.metadata import rows_of, with_rows
from screening.store.store import FeatureStore
from screening.store.tables import ARRAYS

Fields = dict[str, Any]


def swapped(key: str) -> Callable[[Fields], None]:
    def change(fields: Fields) -> None:
        names = fields["attributes"][key]
        names[0], names[1] = names[1], names[0]

    return change


def stated(*keys: str, value: Any) -> Callable[[Fields], None]:
    def change(fields: Fields) -> None:
        for key in keys[:-1]:
            fields = fields[key]
        fields[keys[-1]] = value

    return change


def other_bytes(fields: Fields) -> None:
    fields["codecs"][0]["configuration"] = {"endian": "big"}


CHANGES: list[tuple[str, Callable[[Fields], None]]] = [
    ("zarr.json", swapped("columns")),
    ("zarr.json", swapped("numbers")),
    ("zarr.json", swapped("strings")),
    ("zarr.json", stated("attributes", "config", "a", value=2)),
    ("zarr.json", stated("attributes", "versions", "screening", value="9")),
    ("zarr.json", stated("attributes", "features_hash", value="11")),
    ("zarr.json", stated("attributes", "engine", value="supercell")),
    ("features/zarr.json", stated("data_type", value="int32")),
    ("numbers/zarr.json", other_bytes),
    ("composition/zarr.json", stated("fill_value", value=1.0)),
    ("features/zarr.json", stated("shape", value=[10, 2])),
    ("features/zarr.json", stated("shape", value=[10**30, 3])),
    ("features/zarr.json", stated("shape", value=[-1, 3])),
    ("features/zarr.json", stated("chunk_grid", "configuration", "chunk_shape", value=[10**9, 3])),
    ("strings/zarr.json", stated("attributes", value={"x": 1})),
]


@pytest.mark.parametrize(("name", "change"), CHANGES, ids=[f"{number}" for number in range(len(CHANGES))])
def test_a_change_of_metadata_is_seen_before_anything_is_read(
    tmp_path: Path, name: str, change: Callable[[Fields], None]
) -> None:
    filled(tmp_path / "s")
    file = tmp_path / "s" / name
    fields = json.loads(file.read_text())
    change(fields)
    file.write_text(json.dumps(fields, indent=2))
    with pytest.raises(StoreError, match=r"zarr\.json is not what the store was made with"):
        FeatureStore.open(tmp_path / "s")


@pytest.mark.parametrize("n_rows", [0, 1, 255, 10**6])
def test_rows_are_stated_as_zarr_states_them(tmp_path: Path, n_rows: int) -> None:
    filled(tmp_path / "s")
    for name in ARRAYS:
        array = zarr.open_array(tmp_path / "s" / name, mode="r+")
        before = (tmp_path / "s" / name / "zarr.json").read_text()
        array.resize((n_rows, array.shape[1]))
        after = (tmp_path / "s" / name / "zarr.json").read_text()
        assert with_rows(before, n_rows) == after
        assert rows_of(after.encode()) == n_rows


def test_an_older_store_opens_and_is_not_covered(tmp_path: Path) -> None:
    """Its ledger begins with the line of a shard, linked to the hash of the settings."""
    from screening.store.ledger import ledger_text

    store = filled(tmp_path / "s")
    assert store.metadata_covered
    text, _, _ = ledger_text(store.ledger().values(), None, chain="00")
    (tmp_path / "s" / LEDGER).write_text(text)
    older = FeatureStore.open(tmp_path / "s")
    assert not older.metadata_covered
    assert older.ledger() == store.ledger()
    assert len(older.entries()) == 3


def test_a_metadata_line_anywhere_else_is_damage(tmp_path: Path) -> None:
    filled(tmp_path / "s")
    ledger = tmp_path / "s" / LEDGER
    head, *lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join([head, *lines, head]))
    with pytest.raises(StoreError, match="line 5 is not as it was written"):
        FeatureStore.open(tmp_path / "s").ledger()


def test_arrays_of_unlike_length_are_as_long_as_the_shortest(tmp_path: Path) -> None:
    """As a power loss may leave them while room is made."""
    filled(tmp_path / "s")
    file = tmp_path / "s" / "numbers" / "zarr.json"
    file.write_text(with_rows(file.read_text(), 500))
    assert FeatureStore.open(tmp_path / "s").n_rows == 10
