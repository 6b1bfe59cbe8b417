"""Shuffled labels are worth nothing, more crystals are worth something, and a leak would show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from synthetic import QUICK, labels, table

from screening.learn.checks import _shuffled, learning_curve, y_randomisation
from screening.learn.dataset import Dataset, join
from screening.learn.parallel import Work, all_done


def done(work: Work[Any]) -> Any:
    return all_done([work], threads=1, size=0)[0]


@pytest.fixture(scope="module")
def data() -> Dataset:
    crystals = table(120, seed=0)
    return join(crystals, labels(crystals, 120, seed=1, n_bounds=8))


def test_shuffled_labels_are_worth_nothing(data: Dataset) -> None:
    found = done(y_randomisation(data, QUICK, split="grouped", repeats=3))
    real = done(learning_curve(data, QUICK, split="grouped", repeats=2))[-1]
    assert found["r2"] <= found["r2_highest"] < 0.25
    assert real["r2"] > found["r2_highest"] + 0.3
    assert found == done(y_randomisation(data, QUICK, split="grouped", repeats=3))


def test_scores_grow_with_the_crystals_learned_from(data: Dataset) -> None:
    rows = done(learning_curve(data, QUICK, split="grouped", repeats=3))
    sizes = [row["n_training"] for row in rows]
    assert sizes == sorted(sizes)
    assert rows[0]["share"] == 0.25
    assert rows[-1]["n_training"] == pytest.approx(len(data) * (1 - 1 / QUICK.learn.folds), rel=0.05)
    assert rows[-1]["mae"] < rows[0]["mae"] - 0.05
    assert rows == done(learning_curve(data, QUICK, split="grouped", repeats=3))


def test_a_leak_would_show(data: Dataset) -> None:
    """Copies of crystals that are parted: shuffling keeps what copies share, so random folds score above zero."""
    rows = np.arange(len(data)).repeat(3)
    many = replace(
        data,
        **{
            name: getattr(data, name)[rows]
            for name in ("ids", "target", "is_bound", "features", "conventional", "fractions", "formula")
        },
        publication=data.publication[rows],
        family=data.family[rows],
        groups=rows,
        pairs={},
    )
    honest = done(y_randomisation(many, QUICK, split="grouped", repeats=2))
    alone = replace(many, groups=np.arange(len(rows)))
    assert honest["r2_highest"] < 0.3
    assert done(learning_curve(alone, QUICK, split="random", repeats=1))[-1]["r2"] > 0.8


def test_shuffling_moves_whole_groups() -> None:
    groups = np.repeat(np.arange(30), 4)
    order = _shuffled(groups, seed=1)
    assert sorted(order) == list(range(120))
    assert (order != np.arange(120)).mean() > 0.8
    for group in range(30):  # of groups of one size, each gets the labels of one other
        assert len(set(groups[order[groups == group]])) == 1
