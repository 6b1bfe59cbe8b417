"""Filling a store: what stops it before work starts, and what a further run computes anew."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path

import pytest
from made_crystals import rocksalt

import screening.features.shard
from screening.cluster.featurize_all import check_program, featurize_all, open_store
from screening.cluster.progress import Progress
from screening.config import FEATURES_VERSION, Config, read_config
from screening.errors import Code, EngineUnavailableError, StoreError
from screening.features.shard import featurize_shard
from screening.sources.blocks import Item
from screening.sources.listing import iter_items
from screening.store.read import read_rejections
from screening.store.store import FeatureStore

module = importlib.import_module("screening.cluster.featurize_all")  # the room passes on a function of that name
QUICK = read_config(None, {"store": {"shard_rows": 2}, "cloud": {"channels": ["mobile"]}, "cluster": {"workers": 1}})


def fail(*_: object, **__: object) -> None:
    raise TypeError("an argument that this build does not know")


@pytest.mark.parametrize("step", ["channel_batches", "assemble"])
def test_a_program_that_cannot_compute_refuses_no_crystal(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.cif").write_text(rocksalt())
    monkeypatch.setattr(screening.features.shard, step, fail)
    monkeypatch.setattr(module, "compute", lambda *_, **__: pytest.fail("work was started"))
    with pytest.raises(EngineUnavailableError, match=r"reinstall.*does not know"):
        featurize_all([str(tmp_path / "x.cif")], config=QUICK, out=tmp_path / "f.zarr", progress=Progress())
    assert not FeatureStore.open(tmp_path / "f.zarr").ledger()


@pytest.mark.parametrize("ion", ["Li", "Na", "O", "Cl"])
def test_the_check_passes_here(ion: str) -> None:
    check_program(Config.model_validate({"cloud": {"mobile_ion": ion}}))


def test_a_shard_that_the_program_failed_on_is_computed_again(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was no fault of the crystal, and may not come again."""
    crystals = tmp_path / "crystals"
    crystals.mkdir()
    for number in range(4):
        (crystals / f"{number}.cif").write_text(rocksalt())
    config = QUICK.model_copy(update={"homology": QUICK.homology.model_copy(update={"engine": "periodic"})})
    store = open_store(tmp_path / "f.zarr", config)
    items = list(iter_items([str(crystals)], config.input))
    store.reserve(4)
    for index in range(2):
        with monkeypatch.context() as patched:
            if index:
                patched.setattr(screening.features.shard, "channel_batches", fail)
            store.commit(featurize_shard(str(store.path), index, items[2 * index : 2 * index + 2], config))
    store.finish(4)
    assert [rejection.code for rejection in read_rejections(store.path)] == [Code.INTERNAL] * 2
    progress = Progress()
    elsewhere = read_config(None, {**QUICK.model_dump(), "cluster": {"scheduler": scheduler}})
    featurize_all([str(crystals)], config=elsewhere, out=store.path, progress=progress)
    assert (progress.found, progress.done, progress.resumed) == (4, 4, 2)
    assert read_rejections(store.path) == []


def test_items_survive_the_way_to_a_worker() -> None:
    item = Item(id="a", source="b::c", text=b"data_", block="d")
    assert pickle.loads(pickle.dumps(item)) == item


def test_a_store_of_another_version_of_the_features_is_not_gone_on_with(tmp_path: Path) -> None:
    """Its rows would mean two things: it is refused with both versions named, whatever else is the same."""
    config = QUICK.model_copy(update={"homology": QUICK.homology.model_copy(update={"engine": "periodic"})})
    open_store(tmp_path / "f.zarr", config)
    open_store(tmp_path / "f.zarr", config)
    header = tmp_path / "f.zarr" / "zarr.json"
    text = header.read_text()
    assert f'"features_version": {FEATURES_VERSION}' in text
    header.write_text(text.replace(f'"features_version": {FEATURES_VERSION}', '"features_version": 1'))
    (tmp_path / "f.zarr" / "ledger.jsonl").write_text("")  # as of a store that was made before metadata were kept
    with pytest.raises(StoreError, match=f"version of the features: {FEATURES_VERSION} here, 1 in the store"):
        open_store(tmp_path / "f.zarr", config)
