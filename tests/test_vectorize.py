"""Curves and histograms against plain loops."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import screening.vectorize
from screening.config import Config, read_config
from screening.crystal import CloudBatch
from screening.homology.barcodes import Barcodes, radii_of, ticks
from screening.homology.percolation import PercolationRanks
from screening.vectorize import (
    betti_curves,
    columns,
    densities,
    grid,
    histograms,
    parse_column,
    rank_curves,
    vectorize,
)


def random_bars(seed: int, n_clouds: int = 5) -> Barcodes:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 30, n_clouds)
    n = int(counts.sum())
    # Ends fall on grid radii often, which is where counting goes wrong.
    birth = radii_of(rng.integers(0, 60, n) * 1000 + rng.choice([0, 0, 1, -1], n) * (rng.random(n) < 0.5)).clip(0)
    death = birth + radii_of(rng.integers(1, 30, n) * 1000)
    death[rng.random(n) < 0.2] = np.inf
    return Barcodes(
        birth=birth,
        death=death,
        dim=rng.integers(0, 3, n).astype(np.int8),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        n_points=rng.integers(1, 9, n_clouds).astype(float),
        r_cut=np.full(n_clouds, 8.0),
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.25, 0.3]))
def test_betti_curves_count_living_bars(seed: int, step: float) -> None:
    bars = random_bars(seed)
    radii = grid(8.0, step)
    for dim in range(3):
        found = betti_curves(bars, radii, dim=dim)
        for cloud in range(len(bars)):
            for column, radius in enumerate(radii):
                alive = sum(
                    int(round(b / 1e-4)) <= int(round(radius / 1e-4)) and (d == np.inf or int(round(radius / 1e-4)) < int(round(d / 1e-4)))
                    for b, d in bars.bars(cloud, dim)
                )
                assert found[cloud, column] == alive / bars.n_points[cloud]


def test_a_bar_end_at_a_grid_radius_counts_as_there() -> None:
    bars = Barcodes(
        birth=radii_of(np.array([32000])), death=radii_of(np.array([33000])), dim=np.array([1], dtype=np.int8),
        offsets=np.array([0, 1]), n_points=np.array([1.0]), r_cut=np.array([8.0]),
    )  # fmt: skip
    curve = betti_curves(bars, grid(8.0, 0.1), dim=1)[0]
    assert [round(radius, 2) for radius, value in zip(grid(8.0, 0.1), curve, strict=True) if value] == [3.2]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 100_000), st.floats(-1e-11, 1e-11))
def test_ticks_forgive_float_noise_at_short_decimals(hundred_thousandths: int, noise: float) -> None:
    distance = hundred_thousandths / 1e5
    assert ticks(np.array(distance)) == ticks(np.array(distance + noise))
    assert ticks(radii_of(ticks(np.array(distance)))) == ticks(np.array(distance))


def test_grid_holds_its_end() -> None:
    assert len(grid(8.0, 0.1)) == 80
    assert grid(8.0, 0.1)[-1] == pytest.approx(8.0)
    assert len(grid(5.0, 0.3)) == 16


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.4]))
def test_histograms_against_loops(seed: int, sigma: float) -> None:
    from math import erf, sqrt

    bars = random_bars(seed)
    edges = np.arange(0.0, 9.0)
    found = histograms(bars, edges, max_dim=2, sigma=sigma)

    def share(value: float, low: float, high: float) -> float:
        if sigma:
            return (erf((high - value) / sigma / sqrt(2)) - erf((low - value) / sigma / sqrt(2))) / 2
        tick, first, last = round(value * 1e4), round(low * 1e4), round(high * 1e4)
        return float(first <= tick < last or (tick >= 80000 and last == 80000))

    for cloud in range(len(bars)):
        for dim in range(3):
            expected = np.zeros((8, 8))
            for birth, death in bars.bars(cloud, dim):
                end = min(death, 8.0) if death == np.inf else death
                for i in range(8):
                    for j in range(8):
                        expected[i, j] += share(birth, i, i + 1) * share(end - birth, j, j + 1)
            np.testing.assert_allclose(found[cloud, dim], expected / bars.n_points[cloud], atol=1e-9)


def test_rank_curves_are_steps() -> None:
    ranks = PercolationRanks(
        radius=radii_of(np.array([0, 30000, 40000, 0])),
        counts=np.array([[4, 0, 0, 0], [2, 2, 0, 0], [0, 0, 0, 4], [0, 0, 0, 0]]),
        offsets=np.array([0, 3, 4]),
        n_points=np.array([4.0, 0.0]),
    )
    curves = rank_curves(ranks, np.array([2.9, 3.0, 3.9, 4.0]))
    assert curves[0][0].tolist() == [1.0, 0.5, 0.5, 0.0]
    assert curves[1][0].tolist() == [0.0, 0.5, 0.5, 0.0]
    assert curves[3][0].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert np.isnan(curves[0][1]).all()


def test_densities() -> None:
    clouds = CloudBatch.from_clouds(
        [
            (np.eye(3) * 2.0, np.zeros((2, 3)), np.array([0.5, 1.0])),
            (np.eye(3) * 2.0, np.empty((0, 3)), np.empty(0)),
        ]
    )
    np.testing.assert_allclose(densities(clouds), [[0.25, 0.1875, 0.75], [0.0, 0.0, np.nan]])


def test_columns_match_the_array_and_beyond_the_cut_is_nan() -> None:
    config = read_config(
        None, {"cloud": {"channels": ["mobile"]}, "homology": {"r_max": {"mobile": 6.0}}, "curves": {"histogram": True}}
    )
    names = columns(config)
    assert names[0] == "Li/beta0/0.10"
    assert "Li/beta1/3.20" in names
    assert "Li/hist1/3-4/0-1" in names
    assert len(set(names)) == len(names)
    bars = random_bars(3)
    cut = Barcodes(bars.birth, bars.death, bars.dim, bars.offsets, bars.n_points, np.array([6.0, 3.0, 6.0, 6.0, 6.0]))
    clouds = CloudBatch.from_clouds([(np.eye(3) * 5, np.zeros((1, 3)), np.ones(1))] * 5)
    events = PercolationRanks(np.zeros(5), np.tile([1, 0, 0, 0], (5, 1)), np.arange(6), np.ones(5))
    values = vectorize(config, {"mobile": clouds}, {"mobile": cut}, {"mobile": events})
    assert values.shape == (5, len(names))
    assert values.dtype == np.float32
    nan = np.isnan(values)
    for column, name in enumerate(names):
        parts = parse_column(name)
        beyond = parts.curve.startswith("beta") and parts.radius is not None and parts.radius > 3.0 + 1e-9
        assert nan[:, column].tolist() == [False, beyond, False, False, False], name


def test_every_array_call_exists_in_cupy() -> None:
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    tree = ast.parse(inspect.getsource(screening.vectorize))
    used = {
        node.attr for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "xp"
    }  # fmt: skip
    assert used
    assert sorted(name for name in used if not hasattr(cupy, name)) == []


@pytest.mark.slow
def test_coarse_histogram_columns_are_seldom_empty(shared_data: Path) -> None:
    """The study's trouble, too many almost empty columns, shown on real crystals: fine bins have it, ours do not."""
    from screening.featurize import featurize
    from screening.sources import iter_items

    config = Config()
    items = list(iter_items([str(shared_data / "obelix-train" / "cifs")], config.input))[:80]
    shares = {}
    for width in (0.25, 1.0):
        chosen = read_config(None, {"curves": {"histogram": True, "histogram_bin": width}})
        rows = featurize(items, chosen)
        columns_of = [i for i, name in enumerate(columns(chosen)) if "/hist" in name]
        values = np.nan_to_num(rows.features[:, columns_of])
        shares[width] = (len(columns_of), float(((values > 0).mean(axis=0) < 0.02).mean()))
    assert shares[0.25][0] > 4000
    assert shares[1.0][0] < 500
    assert shares[1.0][1] < shares[0.25][1] - 0.15
