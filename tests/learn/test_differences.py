"""A predicted difference is that of paired learners; its interval holds what pairs of one group showed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from finished import Finished
from made_crystals import random_crystal, rocksalt

from screening.config import InputLimits
from screening.crystals import Crystal, read_cif
from screening.errors import InputError
from screening.learn import load_model
from screening.learn.differences import (
    COMPOSITION,
    GEOMETRY,
    LEAST_PAIRS,
    PairErrors,
    differences,
    fold_deviations,
    noise,
    pair_errors,
    pair_scale,
    scale_of,
)
from screening.learn.kernels import Kernels, fit_kernels, laplacian
from screening.learn.predict import predict_structures


def read(text: str, id: str) -> Crystal:
    return read_cif(text.encode(), id=id, source=id, limits=InputLimits())


@pytest.fixture(scope="module")
def columns() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(40, 12))


@pytest.fixture(scope="module")
def fitted(columns: np.ndarray) -> Kernels:
    target = columns[:30, 0] * 2.0 - 6.0
    return fit_kernels(columns[:30], target, np.zeros(30, dtype=np.bool_))


def posterior(fitted: Kernels, points: np.ndarray) -> np.ndarray:
    """The covariance of the process at points given all that was measured, by its definition and another solver."""
    known = laplacian(fitted.points, fitted.points) + fitted.noise * np.eye(len(fitted.points))
    across = laplacian(points, fitted.points)
    return fitted.scale**2 * (laplacian(points, points) - across @ np.linalg.solve(known, across.T))


def test_the_deviation_of_a_difference_is_that_of_the_posterior(fitted: Kernels, columns: np.ndarray) -> None:
    points = columns[28:40]
    full = posterior(fitted, fitted.project(points))
    expected = [np.sqrt(full[0, 0] + full[k, k] - 2.0 * full[0, k]) for k in range(1, len(points))]
    np.testing.assert_allclose(fitted.apart(points), expected, rtol=1e-8)


def test_it_is_nothing_from_itself_and_depends_on_no_batch(fitted: Kernels, columns: np.ndarray) -> None:
    assert fitted.apart(columns[[35, 35, 36]])[0] == 0.0
    together = fitted.apart(columns[30:40])
    alone = [fitted.apart(columns[[30, k]])[0] for k in range(31, 40)]
    assert together.tolist() == alone
    assert fitted.apart(columns[[31, 35]])[0] == pytest.approx(fitted.apart(columns[[35, 31]])[0])


def test_deviations_of_a_fold_are_those_of_a_process_without_it(fitted: Kernels) -> None:
    kernel = laplacian(fitted.points, fitted.points)
    held = np.array([2, 5, 7, 11])
    found = fold_deviations(kernel, held, np.array([0, 1]), np.array([2, 3]), noise=0.1)
    others = np.setdiff1d(np.arange(30), held)
    across = kernel[np.ix_(held, others)]
    inner = kernel[np.ix_(others, others)] + 0.1 * np.eye(len(others))
    full = kernel[np.ix_(held, held)] - across @ np.linalg.inv(inner) @ across.T
    expected = [np.sqrt(full[a, a] + full[b, b] - 2 * full[a, b]) for a, b in ((0, 2), (1, 3))]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_each_group_counts_once() -> None:
    """Nine groups with errors of 1 in one pair each, one with errors of 9 in many: 80 % of eleven tenths is at 1."""
    ratio = np.concatenate([np.ones(9), np.full(50, 9.0)])
    group = np.concatenate([np.arange(9), np.full(50, 9)])
    assert scale_of(PairErrors(ratio, group), level=0.8).factor == 1.0
    assert scale_of(PairErrors(ratio, group), level=0.9).factor == 9.0
    found = scale_of(PairErrors(ratio, group), level=0.8)
    assert (found.pairs, found.groups) == (59, 10)


def test_too_few_pairs_give_no_interval() -> None:
    few = PairErrors(np.ones(LEAST_PAIRS - 1), np.arange(LEAST_PAIRS - 1))
    assert np.isnan(scale_of(few, level=0.8).factor)


def test_errors_of_pairs_by_hand(fitted: Kernels) -> None:
    """Two groups; pairs of one formula, of two folds and with a bound are left out."""
    ids = np.array([f"c{k}" for k in range(30)], dtype=object)
    group = np.repeat(np.arange(10), 3)
    formula = np.array([f"F{k}" for k in range(30)], dtype=object)
    formula[1] = formula[0]
    is_bound = np.zeros(30, dtype=np.bool_)
    is_bound[3] = True
    rows = pd.DataFrame({"repeat": 0, "fold": [0] * 6 + [1] * 23 + [2], "id": ids, "measured": np.arange(30.0)})
    rows = rows.assign(curves=0.0, trees=rows["measured"], ridge=-rows["measured"], process=0.0)
    found = pair_errors(rows, fitted, ids=ids, group=group, formula=formula, is_bound=is_bound)
    # Of group 0 the pairs (0, 2) and (1, 2), of group 1 (4, 5), of seven others three each, of the last one.
    assert np.bincount(found.group).tolist() == [2, 1, *[3] * 7, 1]
    kernel = laplacian(fitted.points, fitted.points)
    pair = np.array([4]), np.array([5])
    apart = fitted.scale * fold_deviations(kernel, np.arange(6), *pair, noise=fitted.noise)[0]
    # Two measurements, each off by half a power of ten.
    unit = np.sqrt(np.var([-1.0, 1.0, 0.0]) + apart**2 + 2.0 * 0.5**2)
    assert found.ratio[2] == pytest.approx(1.0 / unit)


def test_a_parent_differs_by_nothing_and_variants_by_what_is_predicted(finished_run: Finished) -> None:
    """On a model as `screening run` wrote it, against the prediction of each crystal by itself."""
    model = load_model(finished_run.run / "model")
    parent, *others = [read(random_crystal(seed), f"r{seed}") for seed in (3, 3, 4, 5)]
    found = differences(model, parent, others)
    assert found.geometry.delta[0] == 0.0
    said = predict_structures(model, [parent, *others])["prediction"].to_numpy(dtype=np.float64)
    np.testing.assert_allclose(found.prediction, said[1:], atol=1e-12)
    np.testing.assert_allclose(found.geometry.delta, said[1:] - said[0], atol=1e-9)
    members = np.array(list(found.geometry.members.values()))
    if model.kernels is not None:
        assert found.geometry.unit[0] == pytest.approx(np.sqrt(noise(model.kernels)))
        assert (found.geometry.unit**2 >= members.var(axis=0) - 1e-12).all()
    alone = differences(model, parent, [others[2]])
    assert alone.geometry.delta[0] == found.geometry.delta[2]
    assert alone.geometry.unit[0] == found.geometry.unit[2]
    scale = pair_scale(model)
    width = found.geometry.upper - found.geometry.lower
    if np.isnan(scale.factor):
        assert np.isnan(width).all()
    else:
        np.testing.assert_allclose(width, 2.0 * scale.factor * found.geometry.unit)
    assert found.composition is not None
    assert found.composition.delta[0] == 0.0
    assert pair_scale(model, COMPOSITION).level == pair_scale(model, GEOMETRY).level


def test_a_crystal_without_the_ion_is_refused_in_words(finished_run: Finished) -> None:
    model = load_model(finished_run.run / "model")
    parent = read(rocksalt(), "r")
    other = read(rocksalt().replace("Li1 Li", "Na1 Na"), "n")
    with pytest.raises(InputError, match="no-mobile-ion"):
        differences(model, parent, [other])


def test_a_model_of_trees_alone_gives_no_interval(finished_run: Finished) -> None:
    model = load_model(finished_run.run / "model")
    trees = dataclasses.replace(model, kernels=None, composition_kernels=None, distance_kernels=None)
    trees = dataclasses.replace(trees, header=trees.header.model_copy(update={"distances": 0}))
    found = differences(trees, read(rocksalt(), "a"), [read(rocksalt(anion="Br"), "b")])
    assert np.isfinite(found.geometry.delta).all()
    assert np.isnan(found.geometry.lower).all()
    assert found.composition is None
