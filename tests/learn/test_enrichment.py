"""Early recognition against counting by hand, every order of ties, and published limits."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.errors import ModelError
from screening.learn.enrichment import bedroc, enrichment_factor, screening_scores

CASES = st.integers(5, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 6), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda good: any(good) and not all(good)),
    )
)


def plain_bedroc(order: list[bool], alpha: float = 20.0) -> float:
    """Truchon and Bayly's equation 36, places counted from 1, no ties."""
    n, n_good = len(order), sum(order)
    ratio = n_good / n
    total = sum(math.exp(-alpha * place / n) for place, good in enumerate(order, 1) if good)
    rie = total / n_good / ((1 / n) * (1 - math.exp(-alpha)) / (math.exp(alpha / n) - 1))
    factor = ratio * math.sinh(alpha / 2) / (math.cosh(alpha / 2) - math.cosh(alpha / 2 - alpha * ratio))
    return rie * factor + 1 / (1 - math.exp(alpha * (1 - ratio)))


def test_enrichment_by_hand() -> None:
    good = np.array([True, True, False, False, True] + [False] * 15)
    score = -np.arange(20.0)
    assert enrichment_factor(score, good, fraction=0.10) == pytest.approx(1.0 / (3 / 20))
    assert enrichment_factor(score, good, fraction=0.25) == pytest.approx(3 / 5 / (3 / 20))
    assert enrichment_factor(score, good, fraction=1.0) == pytest.approx(1.0)
    assert enrichment_factor(-score, good, fraction=0.10) == 0.0
    assert enrichment_factor(score, good, fraction=0.01) == pytest.approx(1.0 / (3 / 20))  # a fifth of the first


@given(CASES)
@settings(max_examples=80, deadline=None)
def test_bedroc_is_the_published_formula(case) -> None:
    scores, good = case
    distinct = np.array(scores) + np.linspace(0.4, 0, len(scores))
    order = [good[index] for index in np.argsort(-distinct, kind="stable")]
    assert bedroc(distinct, np.array(good)) == pytest.approx(plain_bedroc(order), abs=1e-9)


@pytest.mark.parametrize("scores", [[3, 3, 2, 1, 1, 1], [1, 1, 1, 1, 1, 1], [2, 1, 1, 1, 0, 0]])
def test_ties_stand_in_every_order(scores: list[int]) -> None:
    good = np.array([True, False, True, False, True, False])
    places = range(len(scores))
    orders = [
        order
        for order in itertools.permutations(places)
        if all(scores[one] >= scores[two] for one, two in itertools.pairwise(order))
    ]
    mean = np.mean([plain_bedroc([bool(good[index]) for index in order]) for order in orders])
    assert bedroc(np.array(scores, dtype=float), good) == pytest.approx(mean)
    for first in (1, 2, 3, 5):
        hits = np.mean([sum(good[index] for index in order[:first]) for order in orders])
        factor = enrichment_factor(np.array(scores, dtype=float), good, fraction=first / 6)
        assert factor == pytest.approx(hits / (first / 6 * 3))


@given(CASES, st.sampled_from([0.05, 0.1, 0.3, 1.0]))
@settings(max_examples=80, deadline=None)
def test_laws(case, fraction) -> None:
    scores, good = np.array(case[0], dtype=float), np.array(case[1])
    value = bedroc(scores, good)
    assert -1e-9 <= value <= 1 + 1e-9
    factor = enrichment_factor(scores, good, fraction=fraction)
    assert 0 <= factor <= 1 / good.mean() + 1e-9
    assert bedroc(3 * scores + 1, good) == pytest.approx(value)  # order alone counts
    turn = np.random.default_rng(0).permutation(len(good))
    assert bedroc(scores[turn], good[turn]) == pytest.approx(value)
    assert enrichment_factor(scores[turn], good[turn], fraction=fraction) == pytest.approx(factor)
    assert bedroc(good.astype(float), good) == pytest.approx(1.0)
    assert bedroc(-good.astype(float), good) == pytest.approx(0.0, abs=1e-9)


def test_bounds_are_misses_or_left_out() -> None:
    measured = np.array([-3.0, -5.0, -8.0, -2.0])
    found = screening_scores(
        measured=measured,
        predicted=np.array([-3.5, -6.0, -9.0, -3.9]),
        is_bound=np.array([False, False, True, True]),
        threshold=-4.0,
    )
    assert (found["n"], found["n_good"]) == (3, 1)  # the bound of -2 says nothing about -4
    assert found["hit_rate"] == 1.0
    assert found["ef_10"] == pytest.approx(3.0)
    none = screening_scores(
        measured=measured[:2] - 4, predicted=measured[:2] - 4, is_bound=np.zeros(2, dtype=bool), threshold=-4.0
    )
    assert none == {"threshold": -4.0, "n": 2, "n_good": 0, "hit_rate": None} | dict.fromkeys(
        ("ef_1", "ef_5", "ef_10", "bedroc")
    )


@pytest.mark.parametrize("good", [np.ones(4, dtype=bool), np.zeros(4, dtype=bool)])
def test_one_kind_alone_is_refused(good: np.ndarray) -> None:
    with pytest.raises(ModelError, match="good conductors and others"):
        bedroc(np.arange(4.0), good)
    with pytest.raises(ModelError, match="good conductors and others"):
        enrichment_factor(np.arange(4.0), good, fraction=0.5)
