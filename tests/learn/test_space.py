"""Nearest crystals: the first of the exactly nearest ones, whatever else is asked for with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.learn import space as module
from screening.learn.space import FeatureSpace


def plainly(space: FeatureSpace, features: np.ndarray) -> tuple[list[int], list[float]]:
    """Every distance by its definition, one pair at a time."""
    found = []
    for row in space.project(features):
        distances = [float(np.sqrt(((row - point) ** 2).sum())) for point in space.points]
        found.append((int(np.argmin(distances)), min(distances)))
    return [index for index, _ in found], [distance for _, distance in found]


def drawn(seed: int, n: int, width: int) -> np.ndarray:
    """Few levels, so that ties, copies and constant columns occur; some values missing, some columns huge."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 3, size=(n, width)).astype(np.float32)
    values[rng.random((n, width)) < 0.05] = np.nan
    return values * 10.0 ** rng.integers(-3, 4, size=width).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 9), st.sampled_from([0.0, 1e-7, 1e-3, 1.0]))
def test_nearest_is_that_of_the_definition(seed: int, n: int, width: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    reference = drawn(seed, n, width)
    space = FeatureSpace.of(reference)
    asked = np.concatenate([reference, drawn(seed + 1, 7, width), reference[::-1]])
    asked = (asked * (1 + noise * rng.normal(size=asked.shape))).astype(np.float32)
    index, distance = space.nearest(asked)
    expected, least = plainly(space, asked)
    assert index.tolist() == expected
    np.testing.assert_allclose(distance, least, rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_nearest_does_not_depend_on_what_is_asked_with_it(seed: int, size: int) -> None:
    space = FeatureSpace.of(drawn(seed, 30, 300))
    asked = drawn(seed + 1, 41, 300)
    index, distance = space.nearest(asked)
    parts = [space.nearest(asked[begin : begin + size]) for begin in range(0, len(asked), size)]
    assert np.concatenate([part[0] for part in parts]).tolist() == index.tolist()
    assert np.concatenate([part[1] for part in parts]).tolist() == distance.tolist()


def test_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    space = FeatureSpace.of(drawn(3, 30, 200))
    asked = drawn(4, 50, 200)
    whole = space.nearest(asked)
    monkeypatch.setattr(module, "BLOCK", 3)
    again = space.nearest(asked)
    assert again[0].tolist() == whole[0].tolist()
    assert again[1].tolist() == whole[1].tolist()


def test_values_that_single_precision_cannot_hold_or_tell_apart() -> None:
    reference = np.array([[1.0, 0.0], [1.0 + 1e-6, 0.0], [1.0, 1e-6]], dtype=np.float64)
    space = FeatureSpace(
        used=np.ones(2, dtype=np.bool_), mean=np.zeros(2), spread=np.ones(2), points=reference / np.sqrt(2)
    )
    asked = np.array([[1.0, 1e-6], [1.0 + 9e-7, 0.0], [1e60, 0.0], [-1e60, 1e60]])
    index, distance = space.nearest(asked)
    assert index.tolist() == plainly(space, asked)[0]
    np.testing.assert_allclose(distance, plainly(space, asked)[1], rtol=1e-12)


def test_nothing_asked_is_nothing_answered() -> None:
    index, distance = FeatureSpace.of(drawn(0, 5, 3)).nearest(np.empty((0, 3), dtype=np.float32))
    assert (len(index), len(distance)) == (0, 0)
