"""Groups of crystals that belong together, and folds that never cut through one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from screening.crystals import FloatArray, IntArray
from screening.errors import LeakError, ModelError
from screening.learn.space import FeatureSpace

NEAR_DUPLICATE = 0.1  # root mean square distance of standardised columns below which two crystals are one
SAME_COMPOSITION = 3e-3  # largest difference of an atomic fraction between equal compositions: refinement digits
N_STRATA = 5  # quantile bins of the target that folds are balanced over

Pairs = NDArray[np.int64]  # (n_pairs, 2) row indices that must not be parted


def links(
    *,
    fractions: FloatArray,
    features: NDArray[Any],
    names: tuple[NDArray[np.object_] | None, ...] = (),
) -> dict[str, Pairs]:
    """Return the pairs that must not be parted, by reason: composition, near-duplicate, and each column of names.

    Parameters
    ----------
    fractions
        (n, 119) atomic fractions.
    features
        (n, n_columns) features; near-duplicates lie closer than `NEAR_DUPLICATE` in `FeatureSpace`.
    names
        Columns of str (n,), e.g. publication; equal texts are linked, "" links nothing.
    """
    found = {
        "composition": cKDTree(fractions).query_pairs(SAME_COMPOSITION, p=np.inf, output_type="ndarray"),
        "near-duplicate": cKDTree(FeatureSpace.of(features).points).query_pairs(NEAR_DUPLICATE, output_type="ndarray"),
    }
    for index, column in enumerate(names):
        if column is not None:
            found[f"name {index}"] = equal_pairs(column)
    return {reason: np.asarray(pairs, dtype=np.int64).reshape(-1, 2) for reason, pairs in found.items()}


def equal_pairs(column: NDArray[np.object_]) -> Pairs:
    """Return a chain of pairs through each set of equal texts: enough to connect it."""
    order = np.argsort(column.astype(str), kind="stable")
    same = (column[order[1:]] == column[order[:-1]]) & (column[order[1:]] != "")
    chain = np.column_stack([order[:-1], order[1:]])
    return np.asarray(chain[same.astype(bool)], dtype=np.int64)


def connected_groups(n_rows: int, pairs: dict[str, Pairs]) -> IntArray:
    """Return the group (n_rows,) of each crystal: the connected components of all pairs, numbered by first member."""
    edges = np.concatenate([np.empty((0, 2), dtype=np.int64), *pairs.values()])
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n_rows, n_rows))
    _, label = connected_components(graph, directed=False)
    _, first = np.unique(label, return_index=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[label], dtype=np.int64)


def grouped_folds(groups: IntArray, target: FloatArray, *, folds: int, seed: int) -> IntArray:
    """Return the fold (n,) of each crystal: groups whole, sizes and quantiles of the target balanced greedily.

    At most as many folds as there are groups; a fold that stays empty is left out of the numbering.

    Raises
    ------
    ModelError
        Fewer than two folds come out.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # a second, for trainings alone

    n_folds = min(folds, len(np.unique(groups)))
    if n_folds < 2:
        raise ModelError("all labelled crystals belong to one group: no fair split into training and test is possible")
    # Every stratum holds at least n_folds crystals, as stratified folds need.
    n_strata = max(1, min(N_STRATA, len(target) // n_folds))
    order = np.empty(len(target), dtype=np.int64)
    order[np.argsort(target, kind="stable")] = np.arange(len(target))
    strata = order * n_strata // len(target)
    fold = np.full(len(target), -1, dtype=np.int64)
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    for index, (_, test) in enumerate(splitter.split(np.zeros((len(target), 1)), strata, groups)):
        fold[test] = index
    _, numbered = np.unique(fold, return_inverse=True)
    if numbered.max() < 1:
        raise ModelError("the groups of labelled crystals are too uneven to form two folds")
    return np.asarray(numbered, dtype=np.int64)


def check_no_leak(folds: IntArray, groups: IntArray, pairs: dict[str, Pairs]) -> None:
    """Return nothing if no group and no linked pair stands on both sides of a fold.

    Raises
    ------
    ModelError
        Something is parted; the message says by which reason.
    """
    for group in np.unique(groups):
        if len(np.unique(folds[groups == group])) > 1:
            raise LeakError(f"leak: group {group} stands in several folds")
    for reason, rows in pairs.items():
        parted = folds[rows[:, 0]] != folds[rows[:, 1]]
        if parted.any():
            first, second = rows[parted][0]
            raise LeakError(f"leak: {int(parted.sum())} pairs parted ({reason}), e.g. rows {first} and {second}")
