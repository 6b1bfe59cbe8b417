"""What the trees see: band means by a plain loop, SHAP shared among a band's columns, names that can be read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.config import Config, read_config
from screening.errors import ModelError
from screening.features.curves import columns, parse_column
from screening.learn.view import View

DEFAULT = columns(Config())


def test_the_default_columns() -> None:
    view = View.of(DEFAULT, band=1.0)
    assert len(view.names) == 253
    assert len(set(view.names)) == 253
    assert sorted(view.order.tolist()) == list(range(len(DEFAULT)))
    assert "Li/beta1/3-4" in view.names
    assert "Li/number_density" in view.names
    assert parse_column("Li/beta1/3-4").radius == 3.0


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), band=st.sampled_from([0.25, 0.5, 1.0, 2.0]))
def test_means_of_bands(seed: int, band: float) -> None:
    rng = np.random.default_rng(seed)
    some = [DEFAULT[index] for index in np.sort(rng.choice(len(DEFAULT), 60, replace=False))]
    features = rng.normal(size=(4, 60)).astype(np.float32)
    features[1, rng.integers(60)] = np.nan
    view = View.of(some, band=band)
    found = view(features)
    wanted: dict[str, list[int]] = {}
    for index, name in enumerate(some):
        channel, curve, *radius = name.split("/")
        place = f"/{-int(-float(radius[0]) / band + 1e-6)}" if radius else ""
        wanted.setdefault(f"{channel}/{curve}{place}", []).append(index)
    assert len(view.names) == len(wanted)
    for column, indices in enumerate(wanted.values()):
        mean = features[:, indices].astype(np.float64).mean(axis=1)
        np.testing.assert_allclose(found[:, column], mean, rtol=1e-6, atol=1e-7)
        assert (np.isnan(found[:, column]) == np.isnan(features[:, indices]).any(axis=1)).all()


def test_rows_do_not_depend_on_their_company() -> None:
    features = np.random.default_rng(0).normal(size=(50, len(DEFAULT))).astype(np.float32)
    view = View.of(DEFAULT, band=1.0)
    alone = np.concatenate([view(features[index : index + 1]) for index in range(50)])
    np.testing.assert_array_equal(view(features), alone)


def test_no_bands_leaves_the_columns_as_they_are() -> None:
    features = np.random.default_rng(0).normal(size=(3, len(DEFAULT))).astype(np.float32)
    view = View.of(DEFAULT, band=0.0)
    assert view.names == tuple(DEFAULT)
    np.testing.assert_array_equal(view(features), features)


def test_bins_of_a_histogram_stay_apart() -> None:
    config = read_config(None, {"curves": {"histogram": True}})
    names = [name for name in columns(config) if "/hist" in name]
    assert len(names) > 100
    assert View.of(names, band=2.0).names == tuple(names)


def test_shares_of_a_band_add_up_to_it() -> None:
    values = np.random.default_rng(0).normal(size=(5, 253))
    view = View.of(DEFAULT, band=1.0)
    spread = view.spread(values)
    assert spread.shape == (5, len(DEFAULT))
    np.testing.assert_allclose(spread.sum(axis=1), values.sum(axis=1), rtol=1e-12)
    band = [index for index, name in enumerate(DEFAULT) if name.startswith("Li/beta1/3.") and name != "Li/beta1/3.00"]
    band.append(DEFAULT.index("Li/beta1/4.00"))
    assert len(band) == 10
    place = view.names.index("Li/beta1/3-4")
    np.testing.assert_allclose(spread[:, band], values[:, [place]] / 10 * np.ones(10))


def test_other_names_are_refused() -> None:
    with pytest.raises(ModelError, match="is not named channel/curve/radius"):
        View.of(["other"], band=1.0)
