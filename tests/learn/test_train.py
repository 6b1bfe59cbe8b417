"""Training: the loss, honest folds, intervals, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from synthetic import COLUMNS, QUICK, labels, planted, table

from screening.config import Config
from screening.errors import Code, ModelError, Rejection
from screening.learn.boosting import Rows, fit, loss, loss_gradient, parameters
from screening.learn.conventional import conventional_features
from screening.learn.dataset import join
from screening.learn.evaluate import compare_bounds, evaluate
from screening.learn.intervals import Bands, fit_bands, residual_bounds
from screening.learn.labels import Labels
from screening.learn.model import Model
from screening.learn.scores import r_squared, score, score_lines, spearman
from screening.learn.train import train
from screening.store.tables import FeatureTable


def with_learn(**changes: object) -> Config:
    return QUICK.model_copy(update={"learn": QUICK.learn.model_copy(update=changes)})


# The loss.


def test_gradient_and_curvature_are_the_derivatives_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    prediction, target, is_bound = rng.normal(size=200), rng.normal(size=200), rng.random(200) < 0.5
    gradient, curvature = loss_gradient(prediction, target, is_bound)
    h = 1e-5
    up, down = (loss(prediction + s, target, is_bound) for s in (h, -h))
    np.testing.assert_allclose(gradient, (up - down) / (2 * h), atol=1e-5)
    smooth = np.abs(prediction - target) > 2 * h
    second = (up - 2 * loss(prediction, target, is_bound) + down) / h**2
    np.testing.assert_allclose(curvature[smooth], second[smooth], atol=1e-3)
    held = is_bound & (prediction <= target)
    assert held.any()
    assert not gradient[held].any()
    assert (gradient[is_bound & ~held] > 0).all()


def rows(n: int = 80, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 5)).astype(np.float32)
    return Rows(features, features[:, 0].astype(np.float64) * 2.0 - 5.0, np.zeros(n, dtype=np.bool_), np.arange(n))


def test_predictions_start_at_the_mean_whatever_lightgbm_adds() -> None:
    data = rows()
    booster, base = fit(data, params=parameters(QUICK.learn, seed=0) | {"learning_rate": 1e-9}, trees=1)
    assert base == pytest.approx(data.target.mean())
    assert np.abs(booster.predict(data.features)).max() < 1e-6


def test_a_held_bound_does_not_pull_the_prediction_up() -> None:
    data = rows()
    bound = data.target < np.median(data.target)
    stated = np.where(bound, data.target + 3.0, data.target)  # loose bounds, three units above the truth
    params = parameters(QUICK.learn, seed=0)
    errors = {}
    for bounds in ("censored", "value"):
        booster, base = fit(Rows(data.features, stated, bound, data.groups).under(bounds), params=params, trees=100)
        errors[bounds] = np.abs(np.asarray(booster.predict(data.features[bound])) + base - data.target[bound]).mean()
    assert errors["censored"] < 0.8 * errors["value"]


def test_bounds_under_each_treatment() -> None:
    data = rows(4)
    data = dataclasses.replace(data, is_bound=np.array([False, True, False, True]))
    assert data.under("censored").is_bound.tolist() == [False, True, False, True]
    assert data.under("value").is_bound.tolist() == [False] * 4
    assert data.under("drop").groups.tolist() == [0, 2]


def test_threads_do_not_change_the_trees() -> None:
    data = rows(400)
    texts = {
        fit(data, params=parameters(QUICK.learn, seed=3, threads=threads), trees=20)[0]
        .model_to_string()
        .partition("\nparameters:")[0]
        for threads in (1, 2, 3)
    }
    assert len(texts) == 1


def test_the_number_of_trees_is_the_one_asked_for() -> None:
    booster, _ = fit(rows(), params=parameters(QUICK.learn, seed=0), trees=17)
    assert booster.num_trees() == 17


# Scores.


def test_scores_on_hand_computed_values() -> None:
    measured, predicted = np.array([-4.0, -6.0, -8.0, -9.0, -9.0, -9.0]), np.array([-5.0, -6.0, -7.0, -9.5, -8.5, -7.0])
    is_bound = np.array([False] * 3 + [True] * 3)
    found = score(measured=measured, predicted=predicted, is_bound=is_bound)
    assert found["r2"] == pytest.approx(1 - 2 / 8)
    assert found["mae"] == pytest.approx(2 / 3)
    assert found["spearman"] == pytest.approx(1.0)
    assert found["bounds_held"] == pytest.approx(1 / 3)
    assert found["bounds_within_1"] == pytest.approx(2 / 3)


def test_undefined_scores_are_none() -> None:
    flat = np.ones(4)
    assert r_squared(flat, np.arange(4.0)) is None
    assert spearman(np.arange(4.0), flat) is None
    assert score(measured=flat, predicted=flat, is_bound=np.ones(4, dtype=bool))["mae"] is None


def test_planted_signal_beats_conventional_and_dummy(model: Model) -> None:
    grouped = model.scores["splits"]["grouped"]
    assert grouped["curves"]["r2"] > 0.5
    assert grouped["curves"]["r2"] > grouped["conventional"]["r2"] + 0.3
    assert grouped["dummy"]["r2"] <= 0.01
    assert len(grouped["curves"]["folds"]) == QUICK.learn.folds * QUICK.learn.repeats
    assert set(model.scores["splits"]) == {"grouped", "publication", "random", "family", "cluster"}
    assert any("grouped" in line and "curves" in line for line in score_lines(model.scores))


def test_scrambled_labels_are_not_predicted(crystals: FeatureTable, known: Labels) -> None:
    order = np.random.default_rng(4).permutation(len(known))
    scrambled = dataclasses.replace(known, log_sigma=known.log_sigma[order], is_bound=known.is_bound[order])
    assert evaluate(join(crystals, scrambled), QUICK).scores["curves"]["r2"] < 0.2


def test_out_of_fold_predictions_ignore_the_crystals_own_label(crystals: FeatureTable, known: Labels) -> None:
    """The target of a held-out group must not reach its own prediction: early stopping included."""
    data = join(crystals, known)
    before = evaluate(data, QUICK, repeats=1).predictions
    fold = before["fold"] == 0
    rows_of_fold = np.isin(data.ids, before["id"][fold].to_numpy())
    # Order-preserving, so that the stratified folds stay as they are.
    changed = np.where(rows_of_fold, data.target + 1e-9 * data.target, data.target)
    after = evaluate(dataclasses.replace(data, target=changed), QUICK, repeats=1).predictions
    assert before["id"].tolist() == after["id"].tolist()
    for name in ("curves", "conventional", "dummy", "nearest"):
        np.testing.assert_array_equal(before[name][fold], after[name][fold])
        assert (before[name][~fold].to_numpy() != after[name][~fold].to_numpy()).any()


def test_each_crystal_is_judged_once_per_repeat(model: Model) -> None:
    counts = model.folds.groupby(["repeat", "id"]).size()
    assert (counts == 1).all()
    assert len(counts) == QUICK.learn.repeats * model.scores["n_used"]


def test_the_distance_from_what_was_trained_on_is_that_of_the_nearest_crystal_of_the_other_folds(
    crystals: FeatureTable, known: Labels
) -> None:
    """By the definition: root mean square difference of columns scaled by the other crystals."""
    data = join(crystals, known)
    found = evaluate(data, with_learn(repeats=1, trees=5), repeats=1)
    features = data.features.astype(np.float64)
    fold = found.predictions.set_index("id")["fold"]
    of_crystal = np.array([fold[id] for id in data.ids])
    for id, one in zip(found.predictions["id"].head(20), found.apart[:20], strict=True):
        here = features[data.ids == id][0]
        others = features[of_crystal != fold[id]]
        spread = others.std(axis=0)
        varies = spread > 1e-6
        gaps = (others[:, varies] - here[varies]) / spread[varies]
        assert one == pytest.approx(np.sqrt((gaps**2).mean(axis=1)).min(), rel=1e-6)
    assert "apart" not in found.predictions


def test_compare_bounds_scores_all_three_on_measured_values(crystals: FeatureTable, known: Labels) -> None:
    found = compare_bounds(crystals, known, with_learn(repeats=1))
    assert set(found) == {"censored", "value", "drop"}
    assert len({one["n_measured"] for one in found.values()}) == 1
    assert len({round(one["r2"], 9) for one in found.values()}) == 3


def test_random_split_flatters_when_crystals_come_in_copies(crystals: FeatureTable) -> None:
    half = table(40, seed=7)
    noise = np.random.default_rng(8).normal(size=40).repeat(2)
    twice = dataclasses.replace(
        half,
        ids=np.array([f"d{row}" for row in range(80)], dtype=object),
        features=half.features.repeat(2, axis=0),
        facts=half.facts.loc[half.facts.index.repeat(2)].reset_index(drop=True),
        composition=half.composition.repeat(2, axis=0),
    )
    known = Labels(ids=twice.ids, log_sigma=noise, is_bound=np.zeros(80, dtype=np.bool_))
    data = join(twice, known)
    assert len(np.unique(data.groups)) == 40
    assert evaluate(data, QUICK, split="random", repeats=1).scores["nearest"]["r2"] > 0.3
    assert evaluate(data, QUICK, repeats=1).scores["nearest"]["r2"] < 0.0


def test_conventional_features_are_composition_cell_and_density(crystals: FeatureTable) -> None:
    names, values = conventional_features(crystals)
    amounts = crystals.composition.sum(axis=1)
    fractions = values[:, [name.startswith("fraction/") for name in names]]
    np.testing.assert_allclose(fractions.sum(axis=1), 1.0)
    np.testing.assert_allclose(values[:, names.index("volume_per_atom")], crystals.facts["volume"] / amounts, rtol=1e-6)
    lithium = crystals.composition[:, 3] / crystals.facts["volume"]
    np.testing.assert_allclose(values[:, names.index("mobile_density")], lithium, rtol=1e-6)


# Intervals.


def test_interval_of_known_residuals() -> None:
    residuals = np.arange(1.0, 20.0)  # 19 crystals
    assert residual_bounds(residuals, level=0.8, n_units=19) == (2.0, 18.0)
    # Repeats of the cross-validation are pooled; the rank is still that of the crystals.
    assert residual_bounds(residuals.repeat(3), level=0.8, n_units=19) == (2.0, 18.0)
    with pytest.raises(ModelError, match="too few"):
        residual_bounds(residuals, level=0.99, n_units=19)


def test_interval_of_exchangeable_residuals_covers_a_new_one() -> None:
    """The finite-sample law of conformal prediction, by counting over draws."""
    rng = np.random.default_rng(0)
    draws = rng.exponential(size=(4000, 20))
    held = [
        low <= new <= high
        for *known, new in draws
        for low, high in [residual_bounds(np.array(known), level=0.8, n_units=19)]
    ]
    assert 0.8 - 0.02 < np.mean(held) < 0.8 + 2 / 20 + 0.02


def test_bands_are_wide_where_errors_are() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.uniform(-10, -2, 300)
    residuals = rng.normal(size=300) * np.where(predicted < -6, 2.0, 0.2)
    alone = np.arange(300)
    bands = fit_bands(predicted, residuals, groups=alone, level=0.8, n_crystals=300)
    assert len(bands.edges) == 2
    lower, upper = bands.at(np.array([-9.0, -2.5]))
    assert upper[0] - lower[0] > 5 * (upper[1] - lower[1])
    low, high = bands.at(predicted)
    assert 0.8 <= ((low <= residuals) & (residuals <= high)).mean() < 0.85
    assert fit_bands(predicted[:60], residuals[:60], groups=alone[:60], level=0.8, n_crystals=60).edges == ()
    assert fit_bands(np.full(300, -5.0), residuals, groups=alone, level=0.8, n_crystals=300).edges == ()  # all alike
    assert fit_bands(predicted, residuals, groups=alone, level=0.99, n_crystals=300).edges == ()  # too small a band
    few = alone // 15  # 20 groups: no three bands hold the nine that the level needs
    assert len(fit_bands(np.sort(predicted), residuals, groups=few, level=0.8, n_crystals=300).edges) == 1
    edge = bands.edges[0]
    assert bands.at(np.array([edge]))[1][0] == bands.upper[1]  # half open: an edge belongs to the band above


def test_intervals_are_wider_where_groups_err_together() -> None:
    """80 % intervals hold a crystal of a new group, though the crystals of a group share one error."""
    rng = np.random.default_rng(4)
    held = []
    for _ in range(400):
        shared = rng.normal(size=21).repeat(10)
        bands = fit_bands(np.zeros(200), shared[:200], groups=np.arange(200) // 10, level=0.8, n_crystals=200)
        held.append(bands.lower[0] <= shared[-1] <= bands.upper[0])
        by_crystal = fit_bands(np.zeros(200), shared[:200], groups=np.arange(200), level=0.8, n_crystals=200)
        assert by_crystal.upper[0] <= bands.upper[0]
    assert 0.78 < np.mean(held) < 0.95


def test_chance_is_the_share_of_residuals_that_reach_the_target() -> None:
    rng = np.random.default_rng(1)
    residuals = rng.normal(size=4000)
    bands = fit_bands(np.full(4000, -5.0), residuals, groups=np.arange(4000), level=0.8, n_crystals=4000)
    targets = np.array([-7.0, -5.5, -5.0, -4.0, -3.0])
    chance = np.array([bands.chance(np.array([-5.0]), target)[0] for target in targets])
    oracle = [(residuals >= target + 5.0).mean() for target in targets]
    np.testing.assert_allclose(chance, oracle, atol=0.02)
    assert (np.diff(chance) < 0).all()
    # A sample of residuals never excludes an event, nor makes it certain.
    assert 0 < bands.chance(np.array([-20.0]), -4.0)[0] <= 0.0101
    assert 0.99 <= bands.chance(np.array([20.0]), -4.0)[0] < 1
    rising = bands.chance(np.linspace(-8, -2, 50), -4.0)
    assert (np.diff(rising) >= 0).all()
    assert np.isnan(Bands(edges=(), lower=(-1.0,), upper=(1.0,)).chance(np.zeros(2), -4.0)).all()


def test_intervals_cover_new_crystals(model: Model) -> None:
    fresh = table(400, seed=11)
    truth = planted(fresh.features) + np.random.default_rng(12).normal(0, 0.1, 400)
    prediction = model.predict(fresh.features)
    covered = (prediction.lower <= truth) & (truth <= prediction.upper)
    assert 0.7 < covered.mean() < 0.97
    assert 0.65 < model.scores["interval"]["coverage"] <= 0.95


# What goes in.


def test_labels_without_features_are_counted_with_their_reason(crystals: FeatureTable, known: Labels) -> None:
    more = dataclasses.replace(
        known,
        ids=np.array([*known.ids[:-2], "gone", "refused"], dtype=object),
    )
    refusal = Rejection(id="refused", source="x", stage="featurize", code=Code.NO_MOBILE_ION, detail="none")
    found = train(crystals, more, with_learn(repeats=1), rejections=[refusal])
    assert (found.scores["n_labelled"], found.scores["n_used"]) == (90, 88)
    assert found.scores["missing"] == [
        {"id": "gone", "reason": "not in the features"},
        {"id": "refused", "reason": "rejected: no-mobile-ion"},
    ]
    assert any("gone (not in the features)" in line for line in score_lines(found.scores))


def test_too_few_labels_or_groups_are_refused(crystals: FeatureTable, known: Labels) -> None:
    few = Labels(ids=known.ids[:9], log_sigma=known.log_sigma[:9], is_bound=np.zeros(9, dtype=np.bool_))
    with pytest.raises(ModelError, match="9 measured labels"):
        train(crystals, few, QUICK)
    strangers = dataclasses.replace(known, ids=np.array([f"z{row}" for row in range(90)], dtype=object))
    with pytest.raises(ModelError, match="do the ids match"):
        train(crystals, strangers, QUICK)
    one_paper = dataclasses.replace(known, publication=np.full(90, "10.1/same", dtype=object))
    with pytest.raises(ModelError, match="one group"):
        train(crystals, one_paper, QUICK)


def test_a_repeated_id_and_an_infinite_feature_are_refused(crystals: FeatureTable, known: Labels) -> None:
    twice = dataclasses.replace(crystals, ids=np.array(["c0", *crystals.ids[:-1]], dtype=object))
    with pytest.raises(ModelError, match="'c0' appears twice"):
        train(twice, known, QUICK)
    features = crystals.features.copy()
    features[3, 2] = np.inf
    with pytest.raises(ModelError, match=f"{COLUMNS[2]} of row"):
        train(dataclasses.replace(crystals, features=features), known, QUICK)


def test_ten_labels_are_enough(crystals: FeatureTable) -> None:
    few = labels(crystals, 12, seed=1)
    config = with_learn(folds=5, repeats=1, trees=5, seeds=1)
    assert train(crystals, few, config).scores["n_used"] == 12


def test_without_families_that_split_is_named_as_left_out(crystals: FeatureTable, known: Labels) -> None:
    found = train(crystals, dataclasses.replace(known, family=None), with_learn(repeats=1, trees=10))
    assert "family" not in found.scores["splits"]
    assert found.scores["splits_left_out"] == {"family": "the labels state no chemical family"}
