"""Kernel ridge and the Gaussian process: against scikit-learn, whatever the batch, and bounds as bounds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import truncnorm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, PairwiseKernel
from sklearn.kernel_ridge import KernelRidge

from screening import _kernels
from screening.errors import ModelError
from screening.learn.intervals import Bands
from screening.learn.kernel_file import kernel_header, read_kernels, write_kernels
from screening.learn.kernels import GAMMA, MEASURING, Kernels, _below, fit_kernels, laplacian

NONE = np.zeros(60, dtype=np.bool_)


@pytest.fixture(scope="module")
def columns() -> np.ndarray:
    values = np.random.default_rng(0).normal(size=(90, 25))
    values[:, 3] = 7.0  # varies not
    values[5, 4] = np.nan
    values[:, 6] = np.nan
    return values


@pytest.fixture(scope="module")
def target(columns: np.ndarray) -> np.ndarray:
    return np.asarray(3.0 * np.sin(columns[:60, 0]) - columns[:60, 1] - 5.0)


@pytest.fixture(scope="module")
def fitted(columns: np.ndarray, target: np.ndarray) -> Kernels:
    return fit_kernels(columns[:60], target, NONE)


@pytest.mark.parametrize(("n", "m", "k"), [(0, 3, 2), (3, 1, 1), (1, 8, 5), (5, 7, 4), (4, 17, 30), (2, 3, 0)])
def test_city_block_distances_are_sums_in_the_order_of_the_columns(n: int, m: int, k: int) -> None:
    """Bit for bit the plain sum, which no other row has a part in, and what scipy gives."""
    rng = np.random.default_rng(n + m + k)
    left, right = rng.normal(size=(n, k)), rng.normal(size=(m, k))
    found = _kernels.city_block(left, right)
    plain = np.zeros((n, m))
    for column in range(k):
        plain += np.abs(left[:, column, None] - right[None, :, column])
    assert found.shape == (n, m)
    assert found.tobytes() == plain.tobytes()
    own = np.abs(right[:, None] - right[None]).cumsum(axis=2)[:, :, -1] if k else np.zeros((m, m))
    assert _kernels.city_block(right, right).tobytes() == np.ascontiguousarray(own).tobytes()
    if n and k:
        np.testing.assert_allclose(found, cdist(left, right, "cityblock"), rtol=1e-14)


def test_equals_kernel_ridge_and_process_of_scikit_learn(
    fitted: Kernels, columns: np.ndarray, target: np.ndarray
) -> None:
    """Without bounds both are the same posterior; the deviation is that of a process on the Gram matrix."""
    seen, asked = fitted.project(columns[:60]), fitted.project(columns[60:])
    noise = 0.25 / target.var()  # half a power of ten
    ridge, process, deviation = fitted.predict(columns[60:])
    plain = KernelRidge(alpha=noise, kernel="laplacian", gamma=GAMMA).fit(seen, target - target.mean())
    np.testing.assert_allclose(ridge, plain.predict(asked) + target.mean(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(process, ridge, rtol=0, atol=1e-9)
    gram = laplacian(seen, seen) + noise * np.eye(60)
    crossed = laplacian(asked, seen)
    variance = 1.0 + noise - np.einsum("ij,ij->i", crossed, np.linalg.solve(gram, crossed.T).T)
    np.testing.assert_allclose(deviation, target.std() * np.sqrt(variance), rtol=1e-9)


@pytest.mark.parametrize("spread", [0.2, 3.0])
def test_the_noise_is_half_a_power_of_ten_whatever_the_spread(columns: np.ndarray, spread: float) -> None:
    """Against scikit-learn's Gaussian process, which is told the variance in log units."""
    target = spread * np.sin(columns[:60, 0]) - 5.0
    found = fit_kernels(columns[:60], target, NONE)
    seen, asked = found.project(columns[:60]), found.project(columns[60:])
    kernel = ConstantKernel(target.var()) * PairwiseKernel(gamma=GAMMA, metric="laplacian")
    plain = GaussianProcessRegressor(kernel, alpha=MEASURING**2, optimizer=None).fit(seen, target - target.mean())
    mean, deviation = plain.predict(asked, return_std=True)
    _, process, ours = found.predict(columns[60:])
    np.testing.assert_allclose(process, mean + target.mean(), rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours, np.sqrt(deviation**2 + 0.25), rtol=1e-8)


def test_kernels_that_state_no_noise_have_that_of_format_2(
    fitted: Kernels, columns: np.ndarray, tmp_path: Path
) -> None:
    write_kernels(fitted, tmp_path / "k.parquet")
    header = kernel_header(fitted).model_copy(update={"noise": None})
    old = read_kernels(tmp_path / "k.parquet", header, n_columns=25)
    reached = fitted.factor @ laplacian(fitted.project(columns[60:]), fitted.points).T
    variance = np.maximum(1.1 - np.square(reached).sum(axis=0), 0.1)
    np.testing.assert_allclose(old.predict(columns[60:])[2], fitted.scale * np.sqrt(variance), rtol=1e-12)


def test_columns_that_do_not_vary_or_are_never_known_are_left_out(fitted: Kernels) -> None:
    assert 3 not in fitted.used
    assert 6 not in fitted.used
    assert len(fitted.used) == 23


@pytest.mark.parametrize("size", [1, 7, 30])
def test_no_prediction_depends_on_the_batch(fitted: Kernels, columns: np.ndarray, size: int) -> None:
    whole = np.array(fitted.predict(columns[60:]))
    parts = np.concatenate(
        [np.array(fitted.predict(columns[60 + at : 60 + at + size])) for at in range(0, 30, size)], axis=1
    )
    np.testing.assert_array_equal(parts[:, :30], whole)


def test_deviation_grows_with_distance(fitted: Kernels, columns: np.ndarray) -> None:
    far = columns[60:] * 20.0
    assert (fitted.predict(far)[2] > fitted.predict(columns[60:])[2]).all()
    assert fitted.predict(columns[:60])[2].mean() < fitted.predict(columns[60:])[2].mean()
    assert (fitted.predict(far)[2] <= fitted.scale * np.sqrt(1.0 + fitted.noise)).all()


def test_bounds_pull_the_process_below_them(columns: np.ndarray, target: np.ndarray) -> None:
    """True values lie 3 log units below the stated bounds: the process comes nearer to them than ridge."""
    bound = np.zeros(60, dtype=np.bool_)
    bound[::6] = True
    stated = np.where(bound, target + 3.0, target)
    found = fit_kernels(columns[:60], stated, bound)
    ridge, process, _ = found.predict(columns[:60][bound])
    assert np.abs(process - target[bound]).mean() < np.abs(ridge - target[bound]).mean()
    assert (process < ridge).mean() > 0.8


def test_the_value_expected_below_a_bound_is_that_of_a_truncated_normal() -> None:
    """Crystals infinitely far from each other: nothing but the base is known of a bound from the others."""
    target, bound = np.linspace(-9, -3, 12), np.arange(12) == 4
    values, base = _below(np.eye(12) / 1.1, target, bound, scale=2.0)
    spread = 2.0 * np.sqrt(1.1)
    expected = truncnorm.mean(-np.inf, (target[4] - base) / spread, loc=base, scale=spread)
    assert base == target.mean()
    assert values[4] == pytest.approx(expected, abs=1e-9)
    np.testing.assert_array_equal(values[~bound], target[~bound])


def test_a_file_gives_back_the_same_bits(fitted: Kernels, columns: np.ndarray, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_kernels(fitted, tmp_path / f"{name}.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    header = kernel_header(fitted)
    again = read_kernels(
        tmp_path / "one.parquet", type(header).model_validate_json(header.model_dump_json()), n_columns=25
    )
    for name in ("ridge", "process", "factor", "points", "fill", "mean", "spread"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fitted, name))
    np.testing.assert_array_equal(np.array(again.predict(columns[60:])), np.array(fitted.predict(columns[60:])))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"crystals": 59}, "does not hold the kernels"),
        ({"used": [*range(22), 99]}, "columns that the features do not have"),
        ({"used": [*range(22), 3]}, "columns that the features do not have"),
        ({"fill": [0.0]}, "another number of columns"),
        ({"spread": [0.0] * 23}, "by nothing"),
    ],
)
def test_a_hostile_header_is_refused(fitted: Kernels, changes: dict[str, object], says: str, tmp_path: Path) -> None:
    write_kernels(fitted, tmp_path / "k.parquet")
    header = kernel_header(fitted)
    told = type(header).model_validate_json(json.dumps(header.model_dump(mode="json") | changes))
    with pytest.raises(ModelError, match=says):
        read_kernels(tmp_path / "k.parquet", told, n_columns=25)


def test_a_damaged_file_is_refused(fitted: Kernels, tmp_path: Path) -> None:
    path = tmp_path / "k.parquet"
    header = kernel_header(fitted)
    with pytest.raises(ModelError, match="cannot read"):
        read_kernels(path, header, n_columns=25)
    path.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(ModelError, match="cannot read"):
        read_kernels(path, header, n_columns=25)
    write_kernels(dataclasses.replace(fitted, ridge=np.full(60, np.nan)), path)
    with pytest.raises(ModelError, match="no number"):
        read_kernels(path, header, n_columns=25)
    write_kernels(fitted, path)
    table = pq.read_table(path)
    pq.write_table(table.set_column(0, "ridge", pa.array(np.zeros(60, dtype=np.float32))), path)
    with pytest.raises(ModelError, match="does not hold the kernels"):
        read_kernels(path, header, n_columns=25)


def test_intervals_widen_with_the_deviation() -> None:
    bands = Bands(
        edges=(), lower=(-1.0,), upper=(2.0,), quantiles=((-1.0, 0.0, 1.0) * 16 + (1.0, 1.0),), normalised=True
    )
    low, high = bands.at(np.array([-5.0, -5.0]), np.array([0.5, 3.0]))
    assert low.tolist() == [-0.5, -3.0]
    assert high.tolist() == [1.0, 6.0]
    with pytest.raises(ModelError, match="deviation"):
        bands.at(np.array([-5.0]))


def test_the_average_alone_is_that_of_the_whole_prediction(fitted: Kernels, columns: np.ndarray) -> None:
    """To the bit, and whatever the batch."""
    ridge, process, _ = fitted.predict(columns[60:])
    assert fitted.averaged(columns[60:]).tobytes() == ((ridge + process) / 2.0).tobytes()
    assert fitted.averaged(columns[60:61]).tobytes() == fitted.averaged(columns[60:])[:1].tobytes()
    assert fitted.averaged(columns[:0]).shape == (0,)
