"""Groups that belong together and folds that never part them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.errors import ModelError
from screening.learn.space import FeatureSpace
from screening.learn.splits import check_no_leak, connected_groups, grouped_folds, links


def union_find(n: int, edges: list[tuple[int, int]]) -> list[int]:
    """The slow oracle: relabel until nothing changes."""
    label = list(range(n))
    changed = True
    while changed:
        changed = False
        for a, b in edges:
            low = min(label[a], label[b])
            changed |= label[a] != low or label[b] != low
            label[a] = label[b] = low
    return label


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=14))
def test_groups_are_the_connected_components(n: int, edges: list[tuple[int, int]]) -> None:
    edges = [(a, b) for a, b in edges if a < n and b < n]
    half = len(edges) // 2
    pairs = {"x": np.array(edges[:half]).reshape(-1, 2), "y": np.array(edges[half:]).reshape(-1, 2)}
    groups = connected_groups(n, pairs)
    oracle = union_find(n, edges)
    assert [[groups[a] == groups[b] for b in range(n)] for a in range(n)] == [
        [oracle[a] == oracle[b] for b in range(n)] for a in range(n)
    ]
    firsts = [int(np.flatnonzero(groups == group)[0]) for group in range(groups.max() + 1)]
    assert firsts == sorted(firsts)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_folds_keep_groups_whole_are_balanced_and_seeded(seed: int, n_folds: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 40, 120)
    target = rng.normal(size=120)
    folds = grouped_folds(groups, target, folds=n_folds, seed=seed)
    check_no_leak(folds, groups, {})
    sizes = np.bincount(folds)
    assert len(sizes) == n_folds
    assert sizes.max() - sizes.min() <= 2 * np.bincount(groups).max()
    np.testing.assert_array_equal(folds, grouped_folds(groups, target, folds=n_folds, seed=seed))


def test_other_seeds_give_other_folds() -> None:
    groups, target = np.arange(60), np.linspace(0, 1, 60)
    assert (grouped_folds(groups, target, folds=5, seed=0) != grouped_folds(groups, target, folds=5, seed=1)).any()


def test_the_target_is_stratified() -> None:
    target = np.sort(np.random.default_rng(0).normal(size=200))
    folds = grouped_folds(np.arange(200), target, folds=5, seed=0)
    means = [target[folds == fold].mean() for fold in range(5)]
    assert np.ptp(means) < 0.2 * target.std()


def test_few_groups_give_few_folds_and_one_group_none() -> None:
    groups = np.repeat([0, 1, 2], 5)
    assert grouped_folds(groups, np.arange(15.0), folds=5, seed=0).max() == 2
    with pytest.raises(ModelError, match="one group"):
        grouped_folds(np.zeros(15, dtype=np.int64), np.arange(15.0), folds=5, seed=0)


def crystals() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    fractions = rng.dirichlet(np.ones(5), size=20)
    return np.pad(fractions, ((0, 0), (0, 114))), rng.normal(size=(20, 30))


def test_links_see_composition_duplicates_and_names() -> None:
    fractions, features = crystals()
    fractions[7] = fractions[3] + 1e-3  # a refinement digit
    features[11] = features[2]
    features[11, 4] += 0.05  # one column moved by a little
    names = np.array([""] * 18 + ["10.1/x", "10.1/x"], dtype=object)
    found = links(fractions=fractions, features=features, names=(names, None))
    assert {reason: rows.tolist() for reason, rows in found.items()} == {
        "composition": [[3, 7]],
        "near-duplicate": [[2, 11]],
        "name 0": [[18, 19]],
    }


@pytest.mark.parametrize(("reason", "rows"), [("composition", (3, 7)), ("near-duplicate", (2, 11))])
def test_a_leak_is_seen(reason: str, rows: tuple[int, int]) -> None:
    fractions, features = crystals()
    fractions[7], features[11] = fractions[3], features[2]
    pairs = links(fractions=fractions, features=features)
    folds = np.zeros(20, dtype=np.int64)
    check_no_leak(folds, np.arange(20), pairs)
    folds[rows[1]] = 1
    with pytest.raises(ModelError, match=rf"parted \({reason}\), e.g. rows {rows[0]} and {rows[1]}"):
        check_no_leak(folds, np.arange(20), pairs)
    with pytest.raises(ModelError, match="group 0 stands in several folds"):
        check_no_leak(folds, np.zeros(20, dtype=np.int64), {})


def test_distances_are_those_of_standardised_columns() -> None:
    rng = np.random.default_rng(5)
    features = rng.normal(size=(12, 6)) * [1, 10, 100, 0.1, 1, 1] + 5
    features[:, 4] = 3.0  # does not vary
    features[2, 1] = np.nan
    space = FeatureSpace.of(features)
    z = (features - np.nanmean(features, axis=0))[:, [0, 1, 2, 3, 5]] / np.nanstd(features, axis=0)[[0, 1, 2, 3, 5]]
    z[np.isnan(z)] = 0.0
    slow = np.array([[np.sqrt(((a - b) ** 2).mean()) for b in z] for a in z])
    index, distance = space.nearest(features + 1e-3)
    np.testing.assert_array_equal(index, np.arange(12))
    assert (distance < 0.02).all()
    np.fill_diagonal(slow, np.inf)
    other, gap = space.nearest_others()
    np.testing.assert_array_equal(other, slow.argmin(axis=1))
    np.testing.assert_allclose(gap, slow.min(axis=1), rtol=1e-12)


def test_equal_crystals_are_at_distance_zero() -> None:
    features = np.random.default_rng(0).normal(size=(4, 9))
    features[3] = features[0]
    other, gap = FeatureSpace.of(features).nearest_others()
    assert (other[0], gap[0]) == (3, 0.0)
