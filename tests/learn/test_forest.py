"""Trees as flat arrays: to the last bit what LightGBM predicts and explains, and what walking down by hand gives."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from screening.learn.forest import Forest, read_forest
from screening.learn.trees import read_trees

N_COLUMNS = 7
MOST_TERMS = 2**20  # kept of a tree, as kernels/trees.hpp has it


def trained(features: np.ndarray, target: np.ndarray, params: dict[str, Any], *, trees: int) -> lgb.Booster:
    """A booster by squared errors, stated as a function: the file then names no objective, as those of models."""

    def errors(scores: np.ndarray, _: lgb.Dataset) -> tuple[np.ndarray, np.ndarray]:
        return scores - target, np.ones(len(target))

    data = lgb.Dataset(features, label=target, params=params)
    return lgb.train({**params, "objective": errors}, data, num_boost_round=trees)


def grown(leaves: int, *, missing: bool, rows: int = 300) -> tuple[lgb.Booster, np.ndarray]:
    """A booster of few columns, so that many are split more than once on a way, and rows to ask it of."""
    rng = np.random.default_rng(leaves)
    features = rng.normal(size=(rows, N_COLUMNS)).astype(np.float32)
    features[:, 0] = np.round(features[:, 0])  # ties, and zeros
    if missing:
        features[rng.random(features.shape) < 0.1] = np.nan
    target = np.nan_to_num(features[:, 0] * features[:, 1] + np.abs(features[:, 2]))
    params = {"num_leaves": leaves, "min_data_in_leaf": 2, "extra_trees": leaves == 15, "num_threads": 1, "seed": 3}
    params |= {"verbosity": -1, "deterministic": True, "force_row_wise": True}
    booster = trained(features, target, params, trees=20)
    asked = rng.normal(size=(rows, N_COLUMNS)).astype(np.float32)
    asked[:, 0] = np.round(asked[:, 0])
    asked[rng.random(asked.shape) < 0.1] = np.nan
    asked[0] = 0.0
    asked[1] = np.float32(1e-40)
    return booster, asked


def walked(text: str, row: np.ndarray) -> float:
    """What the trees of a file say of a row with every value, node by node."""
    total = 0.0
    for tree in read_trees(text, n_features=N_COLUMNS).trees:
        node = 0 if len(tree["threshold"]) else -1
        while node >= 0:
            left = float(row[tree["split_feature"][node]]) <= tree["threshold"][node]
            node = int(tree["left_child" if left else "right_child"][node])
        total += float(tree["leaf_value"][-1 - node])
    return total


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("leaves", [2, 7, 15, 32, 60])
def test_predictions_and_shares_are_those_of_lightgbm(leaves: int, missing: bool) -> None:
    booster, asked = grown(leaves, missing=missing)
    forest = read_forest(booster.model_to_string(), n_features=N_COLUMNS)
    assert forest.predict(asked).tobytes() == np.asarray(booster.predict(asked, num_threads=1)).tobytes()
    shares = np.asarray(booster.predict(asked, pred_contrib=True, num_threads=1))
    assert forest.contributions(asked).tobytes() == shares.tobytes()


def test_predictions_are_sums_of_leaves() -> None:
    booster, asked = grown(15, missing=False)
    text = booster.model_to_string()
    known = asked[~np.isnan(asked).any(axis=1)][2:]
    np.testing.assert_array_equal(
        read_forest(text, n_features=N_COLUMNS).predict(known), [walked(text, row) for row in known]
    )


def test_rows_do_not_depend_on_the_rows_beside_them() -> None:
    booster, asked = grown(15, missing=True)
    forest = read_forest(booster.model_to_string(), n_features=N_COLUMNS)
    whole, shares = forest.predict(asked), forest.contributions(asked)
    for rows in (slice(0, 1), slice(5, 70), slice(200, 300)):
        assert forest.predict(asked[rows]).tobytes() == whole[rows].tobytes()
        assert forest.contributions(asked[rows]).tobytes() == shares[rows].tobytes()
    assert forest.predict(asked[:0]).shape == (0,)
    assert forest.contributions(asked[:0]).shape == (0, N_COLUMNS + 1)


def test_more_ways_through_a_tree_than_are_kept() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20_000, 31)).astype(np.float32)
    params = {"num_leaves": 32, "extra_trees": True, "num_threads": 1, "seed": 3, "verbosity": -1}
    booster = trained(features, rng.normal(size=len(features)), params, trees=1)
    text = booster.model_to_string()
    (tree,) = read_trees(text, n_features=31).trees
    ways = np.unique(features[:, tree["split_feature"]] <= tree["threshold"], axis=0)
    terms = 0  # of one way: a number for each leaf and each feature above it
    above: dict[int, frozenset[int]] = {0: frozenset()}
    for node in range(len(tree["threshold"])):
        passed = above[node] | {int(tree["split_feature"][node])}
        for child in (int(tree["left_child"][node]), int(tree["right_child"][node])):
            above[child] = passed
            terms += len(passed) if child < 0 else 0
    assert len(ways) * terms > 1.5 * MOST_TERMS
    shares = np.asarray(booster.predict(features, pred_contrib=True, num_threads=1))
    assert read_forest(text, n_features=31).contributions(features).tobytes() == shares.tobytes()


@pytest.mark.parametrize("leaves", [15, 60])
def test_values_at_a_threshold_tiny_and_missing_ones_go_where_lightgbm_sends_them(leaves: int) -> None:
    """Thresholds are values that are asked for, or zero; a value as good as zero is one."""
    booster, asked = grown(leaves, missing=True)
    trees = read_trees(booster.model_to_string(), n_features=N_COLUMNS)
    rng = np.random.default_rng(leaves)
    asked[:60] = rng.choice(np.array([0.0, 1e-40, -1e-40, 1e-30, -1e-30, np.nan], dtype=np.float32), (60, N_COLUMNS))
    for tree in trees.trees:
        feature = tree["split_feature"]
        at = asked[rng.integers(60, len(asked), len(feature)), feature].astype(np.float64)
        tree["threshold"][:] = np.where(np.isnan(at) | (rng.random(len(feature)) < 0.3), 0.0, at)
        tree["decision_type"][:] = rng.choice([0, 2, 8, 10], len(feature))
    text = trees.text()
    forest, theirs = read_forest(text, n_features=N_COLUMNS), lgb.Booster(model_str=text)
    assert forest.predict(asked).tobytes() == np.asarray(theirs.predict(asked, num_threads=1)).tobytes()
    shares = np.asarray(theirs.predict(asked, pred_contrib=True, num_threads=1))
    assert forest.contributions(asked).tobytes() == shares.tobytes()


def test_no_tree_and_a_tree_of_one_leaf() -> None:
    none = Forest.of([], n_features=2)
    assert none.predict(np.ones((3, 2), np.float32)).tolist() == [0.0] * 3
    assert none.contributions(np.ones((1, 2), np.float32)).tolist() == [[0.0] * 3]
    rng = np.random.default_rng(1)
    features = rng.normal(size=(30, 2)).astype(np.float32)
    booster = trained(features, np.full(30, 2.5), {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 2}, trees=2)
    forest = read_forest(booster.model_to_string(), n_features=2)
    assert forest.predict(features).tobytes() == np.asarray(booster.predict(features)).tobytes()
    shares = np.asarray(booster.predict(features, pred_contrib=True))
    assert forest.contributions(features).tobytes() == shares.tobytes()


def test_rows_of_another_width_are_refused() -> None:
    """The kernels would read beside them."""
    booster, asked = grown(7, missing=False)
    forest = read_forest(booster.model_to_string(), n_features=N_COLUMNS)
    for wrong in (asked[:, :-1], asked[0], asked[:, :, None]):
        for ask in (forest.predict, forest.contributions):
            with pytest.raises(ValueError, match=rf"not \(n, {N_COLUMNS}\)"):
                ask(wrong)
