"""Curves and histograms against plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from device_arrays import Device
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bars import cut_back, random_bars

from screening.config import Config, read_config
from screening.crystals.crystal import CloudBatch
from screening.errors import ConfigError
from screening.features.curves import (
    betti_curves,
    columns,
    densities,
    grid,
    histograms,
    parse_column,
    rank_curves,
    vectorize,
)
from screening.homology.barcodes import Barcodes, radii_of, ticks
from screening.homology.percolation import PercolationRanks


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.25, 0.3]))
def test_betti_curves_count_living_bars(seed: int, step: float) -> None:
    bars = random_bars(seed)
    radii = grid(8.0, step)
    for dim in range(3):
        found = betti_curves(bars, radii, dim=dim)
        for cloud in range(len(bars)):
            for column, radius in enumerate(radii):
                at = round(radius * 1e4)
                alive = sum(
                    round(b * 1e4) <= at and (d == np.inf or at < round(d * 1e4)) for b, d in bars.bars(cloud, dim)
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
    found = histograms(bars, edges, r_max=8.0, max_dim=2, sigma=sigma)

    def share(value: float, low: float, high: float) -> float:
        if sigma:
            return (erf((high - value) / sigma / sqrt(2)) - erf((low - value) / sigma / sqrt(2))) / 2
        return float(round(low * 1e4) <= round(value * 1e4) < round(high * 1e4))

    for cloud in range(len(bars)):
        for dim in range(3):
            expected = np.zeros((8, 8))
            for birth, death in bars.bars(cloud, dim):
                end = min(death, 8.0) if death == np.inf else death
                life = end - birth
                if not sigma and round(end * 1e4) == 80000:
                    life -= 1e-4 * (life > 1e-5)  # bins closed at 8 Å: the end counts as the tick before
                for i in range(8):
                    for j in range(8):
                        expected[i, j] += share(birth, i, i + 1) * share(life, j, j + 1)
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
    assert "Li/hist1/3.0-4.0/0.0-1.0" in names
    assert len(set(names)) == len(names)
    cut = cut_back(random_bars(3, r_max=6.0), np.array([6.0, 3.0, 6.0, 6.0, 6.0]))
    clouds = CloudBatch.from_clouds([(np.eye(3) * 5, np.zeros((1, 3)), np.ones(1))] * 5)
    events = PercolationRanks(np.zeros(5), np.tile([1, 0, 0, 0], (5, 1)), np.arange(6), np.ones(5))
    values = vectorize(config, {"mobile": clouds}, {"mobile": cut}, {"mobile": events})
    assert values.shape == (5, len(names))
    assert values.dtype == np.float32
    nan = np.isnan(values)
    for column, name in enumerate(names):
        parts = parse_column(name)
        beyond = parts.curve.startswith("beta") and parts.radius is not None and parts.radius > 3.0 + 1e-9
        if parts.curve.startswith("hist"):
            upper = [float(edges.split("-")[1]) for edges in name.split("/")[2:]]
            beyond = (upper[1] if parts.curve == "hist0" else sum(upper)) > 3.0
        assert nan[:, column].tolist() == [False, beyond, False, False, False], name


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(0.5, 7.9), min_size=5, max_size=5))
def test_what_is_given_for_a_cut_barcode_is_what_the_whole_one_gives(seed: int, cuts: list[float]) -> None:
    """NaN covers all that a smaller radius could get wrong, and no curve value within the radius."""
    whole = random_bars(seed)
    r_cut = radii_of(ticks(np.array(cuts)))
    cut = cut_back(whole, r_cut)
    radii, edges = grid(8.0, 0.1), np.arange(9.0)
    for dim in range(3):
        left, right = betti_curves(cut, radii, dim=dim), betti_curves(whole, radii, dim=dim)
        given_ = ticks(radii)[None, :] <= ticks(r_cut)[:, None]
        np.testing.assert_array_equal(~np.isnan(left), given_)
        np.testing.assert_array_equal(left[given_], right[given_])
    left = histograms(cut, edges, r_max=8.0, max_dim=2)
    right = histograms(whole, edges, r_max=8.0, max_dim=2)
    given_ = ~np.isnan(left)
    np.testing.assert_array_equal(left[given_], right[given_])
    assert np.isnan(histograms(cut, edges, r_max=8.0, max_dim=2, sigma=0.3)).all()
    assert not np.isnan(right).any()


def test_a_lasting_bar_born_on_an_edge_falls_into_a_bin_that_has_a_column() -> None:
    config = read_config(None, {"cloud": {"channels": ["mobile"]}, "curves": {"histogram": True, "percolation": False}})
    bars = Barcodes(
        birth=np.array([0.0, 7.0, 8.0]), death=np.full(3, np.inf), dim=np.array([0, 1, 2], dtype=np.int8),
        offsets=np.array([0, 3]), n_points=np.array([1.0]), r_cut=np.array([8.0]),
    )  # fmt: skip
    clouds = CloudBatch.from_clouds([(np.eye(3) * 5, np.zeros((1, 3)), np.ones(1))])
    values = vectorize(config, {"mobile": clouds}, {"mobile": bars}, {})
    found = [name for name, value in zip(columns(config), values[0], strict=True) if "/hist" in name and value > 0]
    assert found == ["Li/hist0/0.0-1.0/7.0-8.0", "Li/hist1/7.0-8.0/0.0-1.0", "Li/hist2/7.0-8.0/0.0-1.0"]


def test_column_names_tell_apart_what_the_grid_does() -> None:
    config = read_config(
        None,
        {
            "cloud": {"channels": ["mobile"]},
            "curves": {"step": 0.0125, "histogram": True, "histogram_bin": 0.25},
            "homology": {"r_max": {"mobile": 1.0}},
        },
    )
    names = columns(config)
    assert len(set(names)) == len(names)
    assert "Li/beta0/0.0125" in names
    assert "Li/beta0/0.10" in names
    assert "Li/hist1/0.25-0.5/0.0-0.25" in names
    assert parse_column("Li/beta0/0.0125") == ("Li", "beta0", 0.0125)
    assert parse_column("Li/hist1/0.25-0.5/0.0-0.25") == ("Li", "hist1", 0.25)
    assert parse_column("all/mean_occupancy") == ("all", "mean_occupancy", None)


@pytest.mark.parametrize("curves", [{"step": 0.00001}, {"step": 9.0}, {"histogram": True, "histogram_bin": 0.00001}])
def test_a_step_that_cannot_be_read_is_refused(curves: dict) -> None:
    with pytest.raises(ConfigError, match=r"curves\."):
        columns(read_config(None, {"curves": curves}))


@pytest.mark.parametrize("sigma", [0.0, 0.4])
def test_device_arrays_never_meet_host_arrays(sigma: float) -> None:
    config = read_config(
        None, {"cloud": {"channels": ["mobile"]}, "curves": {"histogram": True, "histogram_sigma": sigma}}
    )
    bars = cut_back(random_bars(7), np.array([8.0, 3.0, 8.0, 8.0, 8.0]))
    clouds = CloudBatch.from_clouds([(np.eye(3) * 5, np.zeros((1, 3)), np.ones(1))] * 5)
    events = PercolationRanks(np.zeros(5), np.tile([1, 0, 0, 0], (5, 1)), np.arange(6), np.ones(5))
    batch = {"mobile": clouds}, {"mobile": bars}, {"mobile": events}
    found = vectorize(config, *batch, xp=Device())
    assert type(found) is np.ndarray
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, vectorize(config, *batch))
    with pytest.raises(TypeError, match="host array"):
        Device().abs(np.zeros(2))


def test_a_batch_of_nothing_but_absent_sublattices() -> None:
    config = read_config(None, {"cloud": {"channels": ["anion"]}, "curves": {"histogram": True}})
    none = np.zeros(2)
    clouds = CloudBatch.from_clouds([(np.eye(3) * 5, np.empty((0, 3)), np.empty(0))] * 2)
    bars = Barcodes(np.empty(0), np.empty(0), np.empty(0, np.int8), np.zeros(3, np.int64), none, np.full(2, 7.0))
    events = PercolationRanks(np.empty(0), np.empty((0, 4), np.int64), np.zeros(3, np.int64), none)
    values = vectorize(config, {"anion": clouds}, {"anion": bars}, {"anion": events})
    names = columns(config)
    for column, name in enumerate(names):
        if name.endswith("_density"):
            assert values[:, column].tolist() == [0.0, 0.0]
        else:
            assert np.isnan(values[:, column]).all(), name


@pytest.mark.slow
def test_coarse_histogram_columns_are_seldom_empty(shared_data: Path) -> None:
    """The study's trouble, too many almost empty columns, shown on real crystals: fine bins have it, ours do not."""
    from screening.features.shard import featurize
    from screening.sources.listing import iter_items

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
