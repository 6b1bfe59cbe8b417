"""The leaderboard: nested folds that leak nothing, paired differences, the same files from the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from synthetic import labels, table

from screening.commands.compare import write_comparison
from screening.errors import InputError, ModelError
from screening.learn.compare.contenders import CONTENDERS
from screening.learn.compare.feature_sets import feature_sets
from screening.learn.compare.nested import BEST, MEAN_OF_BEST, CompareOptions, _folds, compare, paired_difference
from screening.learn.dataset import Dataset, join
from screening.report.leaderboard import leaderboard_lines, write_leaderboard_plot

optuna = pytest.importorskip("optuna", reason="comparing needs the extra `compare`")
FAST = CompareOptions(
    folds=3, inner_folds=2, repeats=1, trials=2, contenders=("LightGBM", "k nearest", "elastic net", "mean")
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    crystals = table(90, seed=0)
    return join(crystals, labels(crystals, 90, seed=1, n_bounds=8))


@pytest.fixture(scope="module")
def found(data: Dataset):
    return compare({"periodic": data}, FAST, band=1.0)


def test_every_crystal_is_judged_once_by_every_learner_on_every_set(data: Dataset, found) -> None:
    sets = feature_sets({"periodic": data}, band=1.0)
    learners = {*FAST.contenders, BEST, MEAN_OF_BEST}
    counts = found.predictions.groupby(["features", "learner", "id"]).size()
    assert (counts == 1).all()
    assert len(counts) == len(sets) * len(learners) * len(data)
    assert set(found.leaderboard["features"]) == set(sets)
    assert found.leaderboard["mae"].is_monotonic_increasing


def test_scores_are_those_of_the_predictions(found) -> None:
    row = found.leaderboard[(found.leaderboard["learner"] == "LightGBM")].iloc[0]
    part = found.predictions[
        (found.predictions["features"] == row["features"]) & (found.predictions["learner"] == "LightGBM")
    ]
    known = part[~part["is_bound"]]
    error = known["measured"] - known["predicted"]
    assert row["mae"] == pytest.approx(error.abs().mean())
    spread = known["measured"] - known["measured"].mean()
    assert row["r2"] == pytest.approx(1 - (error**2).sum() / (spread**2).sum())


def test_planted_topology_is_found(found) -> None:
    """Synthetic labels follow the curves: topology must win over composition, and the mean must come last."""
    board = found.leaderboard.set_index(["features", "learner"])
    assert board.loc[("topology", BEST), "r2"] > board.loc[("conventional", BEST), "r2"] + 0.2
    assert board.loc[("topology", "mean"), "r2"] < 0.05
    told = found.differences
    row = told[(told["first"] == "conventional") & (told["second"] == "topology") & (told["context"] == BEST)].iloc[0]
    assert row["mae_difference"] > 0


def test_choice_is_that_of_the_inner_folds(found) -> None:
    inner = found.settings
    for (repeat, fold, name), rows in inner.groupby(["repeat", "fold", "features"]):
        chosen = rows.sort_values("inner_mae", kind="stable").iloc[0]["learner"]
        part = found.predictions.set_index(["repeat", "fold", "features", "learner"]).sort_index()
        np.testing.assert_array_equal(
            part.loc[(repeat, fold, name, BEST), "predicted"], part.loc[(repeat, fold, name, chosen), "predicted"]
        )


@pytest.mark.parametrize("split", ["publication", "grouped", "family", "cluster", "random"])
def test_folds_keep_groups_whole_inside_and_outside(data: Dataset, split: str) -> None:
    from screening.learn.evaluate import split_groups

    options = CompareOptions(split=split, folds=3, inner_folds=2, repeats=2)
    groups = split_groups(data, split)[1]
    judged = []
    for fold in _folds(data, options):
        assert ((fold.inner == -1) == fold.held).all()
        for side in (fold.held, *(fold.inner == index for index in range(fold.inner.max() + 1))):
            inside = set(groups[side])
            assert not inside & set(groups[~side])
        judged.append(fold.held)
    assert (np.sum(judged, axis=0) == 2).all()  # once per repeat


def test_learners_never_see_what_they_are_judged_on(data: Dataset) -> None:
    """With labels that are noise, nothing beats the mean: anything that leaked would."""
    noise = Dataset(**{**{name: getattr(data, name) for name in Dataset.__slots__}, "target": _noise(len(data))})
    board = compare({"periodic": noise}, FAST, band=1.0).leaderboard
    assert board["r2"].max() < 0.15


def _noise(n: int) -> np.ndarray:
    return np.random.default_rng(5).normal(-6, 2, n)


def test_same_seed_same_files_whatever_the_workers(data: Dataset, found, tmp_path: Path) -> None:
    from dataclasses import replace

    again = compare({"periodic": data}, replace(FAST, workers=2), band=1.0)
    for name, one in (("a", found), ("b", again)):
        (tmp_path / name).mkdir()
        write_comparison(one, tmp_path / name, about={"n": 1})
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == [
        "compare.json",
        "differences.csv",
        "leaderboard.csv",
        "leaderboard.md",
        "leaderboard.svg",
        "predictions.csv",
        "settings.csv",
    ]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    other = compare({"periodic": data}, replace(FAST, seed=1), band=1.0)
    assert not np.array_equal(other.predictions["predicted"], found.predictions["predicted"])


def test_a_budget_cuts_searches_short_and_says_so(data: Dataset) -> None:
    options = CompareOptions(
        folds=3, inner_folds=2, repeats=1, trials=50, budget=0.001, contenders=("k nearest",), sets=("topology",)
    )
    found = compare({"periodic": data}, options, band=1.0)
    assert found.hurried
    assert (found.settings["trials"] == 1).all()  # the first settings are always tried


def test_unknown_names_and_missing_packages_are_told(data: Dataset, monkeypatch) -> None:
    from dataclasses import replace

    for wrong, told in (
        ({"contenders": ("oracle",)}, "no learner"),
        ({"split": "hope"}, "no split"),
        ({"sets": ("runes",)}, "no feature set"),
    ):
        with pytest.raises(InputError, match=told):
            compare({"periodic": data}, replace(FAST, **wrong), band=1.0)
    monkeypatch.setattr("screening.learn.compare.contenders.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"optuna, xgboost.*screening\[compare\]"):
        compare({"periodic": data}, replace(FAST, contenders=("XGBoost",)), band=1.0)


def test_engines_must_have_the_same_crystals(data: Dataset) -> None:
    fewer = table(90, seed=0)
    other = join(fewer, labels(fewer, 80, seed=1, n_bounds=8))
    with pytest.raises(ModelError, match="other crystals"):
        feature_sets({"periodic": data, "supercell": other}, band=1.0)


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
def test_every_learner_learns_and_repeats_itself(contender) -> None:
    if contender.name == "XGBoost":
        pytest.importorskip("xgboost", reason="XGBoost needs the extra `compare`")
    rng = np.random.default_rng(0)
    features = rng.normal(size=(120, 8))
    features[:5, 2] = np.nan  # a radius that was cut
    features[:, 5] = 1.0  # a column that does not vary
    target = features[:, 0] + 0.5 * features[:, 1] - 6
    learner = contender.build(contender.first, 3)
    learner.fit(features[:90], target[:90])
    predicted = learner.predict(features[90:])
    again = contender.build(contender.first, 3).fit(features[:90], target[:90]).predict(features[90:])
    np.testing.assert_array_equal(predicted, again)
    error = np.abs(predicted - target[90:]).mean()
    mean = np.abs(target[:90].mean() - target[90:]).mean()
    assert error == pytest.approx(mean) if contender.name == "mean" else error < 0.75 * mean
    drawn = contender.draw(optuna.trial.FixedTrial(contender.first))
    assert drawn == contender.first  # the settings tried first lie within what is searched


def test_paired_difference_by_hand() -> None:
    mean, low, high, p = paired_difference(np.array([1.0, 2.0, 3.0, 2.0, 2.0]), share_held=0.2)
    error = np.sqrt((1 / 5 + 0.25) * 0.5)
    assert mean == 2.0
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 4, loc=2.0, scale=error))
    assert p == pytest.approx(2 * stats.t.sf(2.0 / error, 4))
    assert paired_difference(np.zeros(4), share_held=0.2) == (0.0, 0.0, 0.0, 1.0)
    with pytest.raises(ModelError, match="two folds"):
        paired_difference(np.array([1.0]), share_held=0.2)


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=15), st.floats(0.05, 0.5))
@settings(max_examples=60, deadline=None)
def test_paired_difference_laws(values, share_held) -> None:
    difference = np.array(values)
    mean, low, high, p = paired_difference(difference, share_held=share_held)
    assert low <= mean <= high
    assert 0 <= p <= 1
    back = paired_difference(-difference, share_held=share_held)
    np.testing.assert_allclose(back, (-mean, -high, -low, p), atol=1e-12)
    plain = stats.ttest_1samp(difference, 0.0).pvalue if np.ptp(difference) > 1e-9 else p
    assert p >= plain - 1e-9  # the correction only ever widens


def test_page_and_plot(found, tmp_path: Path) -> None:
    lines = leaderboard_lines(found.leaderboard, found.differences)
    assert any(line.startswith("| topology | LightGBM |") for line in lines)
    write_leaderboard_plot(found.leaderboard, tmp_path / "board.svg")
    text = (tmp_path / "board.svg").read_text()
    assert "elastic net" in text
    assert "topology + conventional" in text
    with pytest.raises(InputError, match="svg"):
        write_leaderboard_plot(found.leaderboard, tmp_path / "board.png")
    empty = leaderboard_lines(found.leaderboard, pd.DataFrame())
    assert not any("Paired" in line for line in empty)
