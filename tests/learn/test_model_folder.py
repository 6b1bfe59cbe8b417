"""A model folder: the same bytes for the same seed, and checked before it is believed."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from paths import DATA
from synthetic import COLUMNS, QUICK, header, table

from screening.config import LearnConfig
from screening.errors import ModelError
from screening.learn.boosting import parameters, read_booster
from screening.learn.labels import Labels
from screening.learn.load import load_model
from screening.learn.model import Model
from screening.learn.train import train
from screening.learn.view import View
from screening.store.tables import FeatureTable

FEW = QUICK.model_copy(update={"learn": QUICK.learn.model_copy(update={"repeats": 1, "trees": 10})})


@pytest.fixture
def folder(model: Model, tmp_path: Path) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_same_seed_same_bytes_in_any_order_of_labels(
    crystals: FeatureTable, known: Labels, folder: Path, tmp_path: Path
) -> None:
    order = np.random.default_rng(1).permutation(90)
    fields: dict[str, Any] = {field.name: getattr(known, field.name) for field in dataclasses.fields(known)}
    changed: dict[str, Any] = {
        name: value[order] if isinstance(value, np.ndarray) else value for name, value in fields.items()
    }
    shuffled = Labels(**changed)
    train(crystals, shuffled, QUICK).save(tmp_path / "again")
    first, second = read_all(folder), read_all(tmp_path / "again")
    assert sorted(first) == [
        "booster-0.txt",
        "booster-1.txt",
        "card.md",
        "folds.csv",
        "kernels-composition.parquet",
        "kernels.parquet",
        "model.json",
        "scores.json",
        "training.parquet",
    ]
    assert first == second
    other = QUICK.model_copy(update={"seed": 1})
    train(crystals, known, other).save(tmp_path / "other")
    assert read_all(tmp_path / "other")["booster-0.txt"] != first["booster-0.txt"]


def test_a_loaded_model_is_the_saved_one(model: Model, folder: Path, crystals: FeatureTable, tmp_path: Path) -> None:
    loaded = load_model(folder)
    for name in ("mean", "lower", "upper"):
        np.testing.assert_array_equal(
            getattr(loaded.predict(crystals.features), name), getattr(model.predict(crystals.features), name)
        )
    assert loaded.out_of_fold == model.out_of_fold
    assert loaded.scores == model.scores
    assert loaded.domain_radius == model.domain_radius
    loaded.save(tmp_path / "again")
    assert read_all(tmp_path / "again") == read_all(folder)


def test_ids_that_look_like_formulas_survive_and_are_guarded(
    crystals: FeatureTable, known: Labels, tmp_path: Path
) -> None:
    ids = np.array(["=cmd()", *crystals.ids[1:]], dtype=object)
    odd = train(
        dataclasses.replace(crystals, ids=ids),
        dataclasses.replace(known, ids=ids[:90]),
        FEW,
    )
    odd.save(tmp_path / "model")
    assert ",'=cmd()," in (tmp_path / "model" / "folds.csv").read_text()
    assert load_model(tmp_path / "model").out_of_fold == odd.out_of_fold


def test_fewer_boosters_leave_no_stale_file(model: Model, folder: Path) -> None:
    smaller = dataclasses.replace(model, header=model.header.model_copy(update={"boosters": 1}), texts=model.texts[:1])
    smaller.save(folder)
    assert not (folder / "booster-1.txt").exists()
    assert len(load_model(folder).texts) == 1


def test_features_of_another_kind_are_refused(model: Model) -> None:
    model.check_features(header())
    more_memory = QUICK.model_copy(update={"store": QUICK.store.model_copy(update={"shard_rows": 7})})
    model.check_features(header(more_memory))  # how rows are stored changes no number
    cloud = QUICK.cloud.model_copy(update={"merge_mobile": 2.0})
    with pytest.raises(ModelError, match=r"cloud\.merge_mobile: 1\.0 here, 2\.0 in the store"):
        model.check_features(header(QUICK.model_copy(update={"cloud": cloud})))
    with pytest.raises(ModelError, match="engine: 'periodic' here, 'ripser' in the store"):
        model.check_features(header() | {"engine": "ripser"})
    with pytest.raises(ModelError, match="columns: 1 missing, 0 unknown"):
        model.check_features(header(columns=COLUMNS[1:]))
    with pytest.raises(ModelError, match="their order"):
        model.check_features(header(columns=COLUMNS[::-1]))


@pytest.mark.parametrize("features", [np.zeros((2, 3)), np.zeros(len(COLUMNS)), np.full((1, len(COLUMNS)), np.inf)])
def test_features_that_do_not_fit_are_not_predicted(model: Model, features: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"fit a model|infinite"):
        model.predict(features)


def test_no_crystals_no_predictions(model: Model) -> None:
    assert model.predict(np.empty((0, len(COLUMNS)), dtype=np.float32)).mean.shape == (0,)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format_version": 4}, "format_version"),
        ({"format_version": 2}, "names its noise"),
        ({"format_version": 1, "kernels": None, "extra": 1}, "extra"),
        ({"kernels": None}, "names no kernels"),
        ({"composition_kernels": None}, "names no kernels"),
        ({"format": "pickle"}, "format"),
        ({"boosters": 10**9}, "boosters"),
        ({"boosters": 3}, "booster-2.txt"),
        ({"boosters": "../../etc/passwd"}, "boosters"),
        ({"booster_files": ["../../x"]}, "booster_files"),
        ({"base": "NaN"}, "base"),
        ({"interval_lower": []}, "interval_lower"),
        ({"interval_edges": [-5.0]}, "one interval per band"),
        ({"columns": []}, "columns"),
        ({"columns": ["a"] * len(COLUMNS)}, "twice"),
        ({"columns": list(COLUMNS[:-1])}, "features"),
        ({"columns": [*COLUMNS[:-1], "Li/mean_occupancy"]}, "training.parquet"),
        ({"columns": [*COLUMNS[:-1], "other"]}, "is not named channel/curve/radius"),
    ],
)
def test_a_hostile_header_is_refused(folder: Path, changes: dict[str, object], says: str) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ModelError, match=says):
        load_model(folder)


def without_noise(folder: Path, version: int) -> None:
    """Change a model's header into one whose kernels state no noise, as before format 3."""
    path = folder / "model.json"
    content = json.loads(path.read_text()) | {"format_version": version}
    for name in ("kernels", "composition_kernels", "distance_kernels"):
        if content[name] is not None:
            del content[name]["noise"]
    path.write_text(json.dumps(content))


def test_a_model_of_format_2_opens_with_the_noise_that_was_fixed_then(
    model: Model, folder: Path, crystals: FeatureTable
) -> None:
    without_noise(folder, 2)
    old = load_model(folder)
    assert old.kernels is not None
    assert old.composition_kernels is not None
    assert old.kernels.noise == old.composition_kernels.noise == 0.1
    np.testing.assert_array_equal(old.predict(crystals.features).mean, model.predict(crystals.features).mean)
    before = json.loads((folder / "model.json").read_text())
    old.save(folder)
    assert json.loads((folder / "model.json").read_text()) == before


def test_a_model_of_format_3_names_its_noise(folder: Path) -> None:
    without_noise(folder, 3)
    with pytest.raises(ModelError, match="names its noise"):
        load_model(folder)


def edit(text: str, name: str, change: str, *, tree: int = 0) -> str:
    """Replace the first value of a field of one tree."""
    head, mark, rest = text.partition(f"Tree={tree}\n")
    before, field, after = rest.partition(f"\n{name}=")
    end = min(after.index(" "), after.index("\n"))
    return head + mark + before + field + change + after[end:]


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("split_feature", "99999", "does not exist"),
        ("split_feature", "-1", "does not exist"),
        ("left_child", "0", "below its parent"),  # a loop: prediction would never end
        ("right_child", "9999", "below its parent"),
        ("right_child", "-9999", "below its parent"),
        ("leaf_value", "nan", "leaf values"),
        ("num_leaves", "400", "leaf values"),
        ("decision_type", "1", "categorical"),
        ("num_cat", "5", "plain numeric"),
        ("threshold", "1 2", "node arrays"),
        ("split_feature", "x", "damaged"),
    ],
)
def test_a_tree_that_reaches_outside_itself_is_refused(model: Model, name: str, change: str, says: str) -> None:
    text = model.texts[0]
    read_booster(text, n_features=len(View.of(COLUMNS, band=QUICK.learn.band).names))
    with pytest.raises(ModelError, match=says):
        read_booster(edit(text, name, change), n_features=len(View.of(COLUMNS, band=QUICK.learn.band).names))


def test_a_booster_of_other_width_or_cut_short_is_refused(model: Model) -> None:
    text = model.texts[0]
    for damaged, says in (
        (text[: len(text) // 2], "not a whole LightGBM model"),
        ("", "not a whole LightGBM model"),
        (text.replace("num_class=1", "num_class=3"), "one output"),
        (re.sub(r"max_feature_idx=\d+", "max_feature_idx=3", text), "does not have 17 features"),
    ):
        with pytest.raises(ModelError, match=says):
            read_booster(damaged, n_features=len(View.of(COLUMNS, band=QUICK.learn.band).names))


@pytest.mark.parametrize("name", ["model.json", "booster-1.txt", "scores.json", "training.parquet", "folds.csv"])
def test_a_missing_or_garbled_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\x80\x04garbage\xff")
    with pytest.raises(ModelError):
        load_model(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError):
        load_model(folder)


def test_a_huge_file_is_refused_unread(folder: Path) -> None:
    os.truncate(folder / "model.json", 1 << 40)  # sparse: costs no disk
    with pytest.raises(ModelError, match="larger than"):
        load_model(folder)


def test_training_crystals_and_folds_must_agree(folder: Path) -> None:
    table = pq.read_table(folder / "training.parquet")
    pq.write_table(table.slice(1), folder / "training.parquet")
    with pytest.raises(ModelError, match="out-of-fold"):
        load_model(folder)
    nan = pa.array([float("nan")] * len(table))
    pq.write_table(table.set_column(1, "log_sigma", nan), folder / "training.parquet")
    with pytest.raises(ModelError, match="target that is no number"):
        load_model(folder)


def test_no_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a model folder"):
        load_model(tmp_path)


def test_a_folder_moved_elsewhere_still_loads(folder: Path, tmp_path: Path, crystals: FeatureTable) -> None:
    shutil.move(folder, tmp_path / "elsewhere")
    assert len(load_model(tmp_path / "elsewhere").predict(crystals.features).mean) == len(crystals)


def test_defaults_are_deterministic_and_bounded() -> None:
    params = parameters(LearnConfig(), seed=1)
    assert params["deterministic"] is True
    assert params["force_row_wise"] is True
    assert params["num_threads"] == 1


def test_a_model_of_the_first_format_is_still_read() -> None:
    """Written before residuals were kept, with 1 Å bands and best thresholds: the same predictions, to the last bit."""
    old = load_model(DATA / "model-format-1")
    fresh = table(5, seed=9)
    prediction = old.predict(fresh.features)
    told = [-5.255242334548324, -5.542352050952049, -5.31023478583125, -5.508395097903037, -5.1318800076091815]
    np.testing.assert_allclose(prediction.mean, told, rtol=1e-12)
    np.testing.assert_allclose(prediction.lower[:2], [-6.407892941093169, -6.695002657496894], rtol=1e-12)
    assert np.isnan(old.chance(prediction.mean, target=-4.0)).all()
    old.check_features({name: value for name, value in fresh.header.items() if name != "features_version"})
    assert len(old.training.ids) == 40
    values, expected = old.contributions(fresh.features)
    np.testing.assert_allclose(values.sum(axis=1) + expected, prediction.mean, atol=1e-6)


def test_a_column_that_stands_twice_is_refused(folder: Path) -> None:
    path = folder / "model.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    said["columns"] = [*said["columns"], said["columns"][0]]
    path.write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(ModelError, match="lists a column twice"):
        load_model(folder)
