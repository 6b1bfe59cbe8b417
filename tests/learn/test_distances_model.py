"""A model that learns from distances between sublattices beside the curves."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from synthetic import QUICK, labels, table

from screening.errors import ModelError
from screening.learn.dataset import join
from screening.learn.evaluate import evaluate
from screening.learn.labels import Labels
from screening.learn.load import load_model
from screening.learn.model import Model
from screening.learn.train import train
from screening.store.tables import FeatureTable

WIDTH = 6


def beside(crystals: FeatureTable, *, seed: int) -> FeatureTable:
    """Return the crystals with distances, one of which is unknown of every tenth."""
    found = np.random.default_rng(seed).uniform(2, 6, (len(crystals), WIDTH)).astype(np.float32)
    found[::10, 2] = np.nan
    return dataclasses.replace(crystals, distances=found)


@pytest.fixture(scope="module")
def crystals() -> FeatureTable:
    return beside(table(60, seed=0), seed=5)


@pytest.fixture(scope="module")
def known(crystals: FeatureTable) -> Labels:
    """Values that follow the first distance alone."""
    found = labels(crystals, 60, seed=1)
    assert crystals.distances is not None
    at = {str(id): row for row, id in enumerate(crystals.ids)}
    law = np.array([-12.0 + 1.5 * float(crystals.distances[at[str(id)], 0]) for id in found.ids])
    return dataclasses.replace(found, log_sigma=law)


@pytest.fixture(scope="module")
def model(crystals: FeatureTable, known: Labels) -> Model:
    return train(crystals, known, QUICK)


@pytest.fixture
def folder(model: Model, tmp_path: Path) -> Path:
    model.save(tmp_path)
    return tmp_path


def test_distances_that_decide_are_learned_from(crystals: FeatureTable, known: Labels) -> None:
    data = join(crystals, known)
    with_them = evaluate(data, QUICK, repeats=1).scores["curves"]["mae"]
    without = evaluate(dataclasses.replace(data, distances=None), QUICK, repeats=1).scores["curves"]["mae"]
    assert with_them < 0.9 * without


def test_the_prediction_is_the_mean_of_curves_and_distances(model: Model) -> None:
    folds = model.folds
    curves = (folds["trees"] + folds["ridge"] + folds["process"]) / 3
    np.testing.assert_allclose(folds["curves"], (curves + folds["distances"]) / 2, rtol=1e-12)


def test_a_model_read_back_says_the_same_of_one_crystal_as_of_many(model: Model, folder: Path) -> None:
    assert model.header.distances == WIDTH
    again = load_model(folder)
    fresh = beside(table(20, seed=4), seed=6)
    assert fresh.distances is not None
    said = model.predict(fresh.features, distances=fresh.distances)
    np.testing.assert_array_equal(again.predict(fresh.features, distances=fresh.distances).mean, said.mean)
    one = model.predict(fresh.features[3:4], distances=fresh.distances[3:4])
    np.testing.assert_array_equal(one.mean, said.mean[3:4])
    moved = model.predict(fresh.features, distances=fresh.distances + np.float32(0.5))
    assert (moved.mean != said.mean).all()
    # What is explained are the trees, which see the curves alone.
    assert model.contributions(fresh.features)[0].shape == fresh.features.shape


def test_a_store_without_distances_is_refused_in_words(model: Model) -> None:
    fresh = table(5, seed=4)
    with pytest.raises(ModelError, match="featurize again"):
        model.predict(fresh.features)
    with pytest.raises(ModelError, match=r"shape \(5, 2\)"):
        model.predict(fresh.features, distances=np.zeros((5, 2)))
    with pytest.raises(ModelError, match="infinite"):
        model.predict(fresh.features, distances=np.full((5, WIDTH), np.inf))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"distances": 0}, "without"),
        ({"distance_kernels": None}, "without"),
        ({"distances": 10**9}, "distances"),
        ({"distances": -1}, "distances"),
        ({"distances": 2}, "columns that the features do not have"),
    ],
)
def test_a_hostile_header_is_refused(folder: Path, changes: dict[str, object], says: str) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ModelError, match=says):
        load_model(folder)
    model_file = folder / "kernels-distances.parquet"
    assert model_file.is_file()


def test_features_of_two_kinds_of_store_do_not_mix(crystals: FeatureTable, known: Labels) -> None:
    """Labels on a store of an earlier version: learned from the curves alone."""
    old = train(dataclasses.replace(crystals, distances=None), known, QUICK)
    assert old.header.distances == 0
    assert "distances" not in old.folds
    assert old.predict(crystals.features, distances=crystals.distances).mean.shape == (60,)
