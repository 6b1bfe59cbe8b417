"""The ranking of kinds over resamples: a planted kind stays first, twins are one cluster, one seed, one answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import PLANTED

from screening.learn.model import Model
from screening.ranking.stability import _clusters, stability, write_stability


@pytest.fixture(scope="module")
def found(planted_model: Model) -> pd.DataFrame:
    return stability(planted_model, resamples=8, seed=3)


def test_the_planted_kind_stays_near_the_top(found: pd.DataFrame) -> None:
    """Synthetic labels follow one kind alone."""
    kinds = found[found["scope"] == "kind"].set_index("name")
    planted = kinds.loc[PLANTED]
    assert planted["rank"] == 1
    assert planted["rank_high"] <= 2
    assert planted["same_direction"] == 1.0
    assert found[found["scope"] == "cluster"].iloc[0]["name"] == PLANTED


def test_shares_and_ranks_are_consistent(found: pd.DataFrame) -> None:
    for _, rows in found.groupby("scope"):
        assert rows["share"].sum() == pytest.approx(1.0)
        assert ((rows["share_low"] <= rows["share"] + 1e-12) & (rows["share"] <= rows["share_high"] + 1e-12)).all()
        assert ((rows["rank_low"] <= rows["rank"]) & (rows["rank"] <= rows["rank_high"])).all()
        assert rows["share"].is_monotonic_decreasing
    kinds, clusters = (found[found["scope"] == scope] for scope in ("kind", "cluster"))
    assert kinds.groupby("cluster")["share"].sum().sort_index().to_numpy() == pytest.approx(
        clusters.set_index("cluster")["share"].sort_index().to_numpy()
    )
    assert clusters["kinds"].sum() == len(kinds)


def test_kinds_that_vary_together_are_one_cluster() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 200))
    label = _clusters(np.column_stack([one, np.exp(one), -one + 0.01 * two, two, np.ones(200)]))
    assert label[0] == label[1] == label[2]  # any monotonic relation counts, either way
    assert len({label[0], label[3], label[4]}) == 3


def test_same_seed_same_bytes(planted_model: Model, found: pd.DataFrame, tmp_path: Path) -> None:
    write_stability(found, tmp_path / "a")
    write_stability(stability(planted_model, resamples=8, seed=3), tmp_path / "b")
    write_stability(stability(planted_model, resamples=8, seed=4), tmp_path / "c")
    texts = [(tmp_path / name / "stability.csv").read_bytes() for name in "abc"]
    assert texts[0] == texts[1] != texts[2]
