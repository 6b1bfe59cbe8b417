"""Two learners beside the trees: kernel ridge and a Gaussian process on scaled columns, with one Laplacian kernel.

Both are linear algebra in float64 on one BLAS thread in a fixed order, so that a fit gives the same numbers whatever
runs beside it. A prediction is worked out crystal by crystal: it depends on no batch.

The kernel is k(x, y) = exp(-GAMMA |x - y|_1) on columns of zero mean and unit spread over the root of their number.
Ridge takes bounds as values. The process takes them as what they are: their values are replaced by what is expected
of them below the bound, given all others (see `_below`), until that stays. Its deviation says how far a crystal is from
all that was measured. Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), algorithm 2.1 and
equation 5.12 for the predictions that leave one out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from screening import _kernels
from screening.crystals import BoolArray, FloatArray, IntArray

GAMMA = 0.1
MEASURING = 0.5  # log units by which a measured value is off; repeats of one composition differ by 0.52 in the median
ROUNDS = 15  # of the expected values of bounds; they change by less than 0.01 log units after ten
BLOCK = 256  # crystals whose kernel is held at a time


@dataclass(frozen=True, slots=True, eq=False)
class Kernels:
    """Kernel ridge and Gaussian process over the same training crystals."""

    used: IntArray  # (n_used,) columns that vary
    fill: FloatArray  # (n_used,) what stands for a value that was not computed: the median
    mean: FloatArray  # (n_used,)
    spread: FloatArray  # (n_used,)
    points: FloatArray  # (n_training, n_used) scaled
    ridge: FloatArray  # (n_training,) dual weights
    process: FloatArray  # (n_training,) dual weights
    factor: FloatArray  # (n_training, n_training) inverse of the lower Cholesky factor of kernel and noise
    ridge_base: float  # log10 S/cm, added to both
    process_base: float
    scale: float  # spread of the values, log units
    noise: float  # variance of a measured value, as a share of the scale's square

    def project(self, features: NDArray[Any]) -> FloatArray:
        """Return scaled columns (n, n_used) of features (n, n_columns)."""
        values = np.asarray(features, dtype=np.float64)[:, self.used]
        return _scaled(np.where(np.isnan(values), self.fill, values), self.mean, self.spread)

    def predict(self, features: NDArray[Any]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return ridge, process and the process' deviation, each (n,), log10 S/cm and log units."""
        ridge, process, deviation = (np.empty(len(features)) for _ in range(3))
        with _threads().limit(limits=1, user_api="blas"):
            for span, kernel in self._kernels(features):
                ridge[span], process[span] = self._weighted(kernel)
                # One product per crystal: of a block, the rounding would depend on the crystals beside it.
                explained = np.array([float(np.square(self.factor @ row).sum()) for row in kernel])
                deviation[span] = self.scale * np.sqrt(np.maximum(1.0 + self.noise - explained, self.noise))
        return ridge, process, deviation

    def averaged(self, features: NDArray[Any]) -> FloatArray:
        """Return the mean (n,) of ridge and process, log10 S/cm, in a fraction of the time of `predict`."""
        found = np.empty(len(features))
        with _threads().limit(limits=1, user_api="blas"):
            for span, kernel in self._kernels(features):
                ridge, process = self._weighted(kernel)
                found[span] = (ridge + process) / 2.0
        return found

    def _kernels(self, features: NDArray[Any]) -> Iterator[tuple[slice, FloatArray]]:
        for begin in range(0, len(features), BLOCK):
            span = slice(begin, begin + BLOCK)
            yield span, laplacian(self.project(features[span]), self.points)

    def _weighted(self, kernel: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ridge and process of rows (n, n_training) of the kernel."""
        ridge: FloatArray = self.ridge_base + (kernel * self.ridge).sum(axis=1)
        process: FloatArray = self.process_base + (kernel * self.process).sum(axis=1)
        return ridge, process

    def apart(self, features: NDArray[Any]) -> FloatArray:
        """Return the deviation (n,) of the process' difference between each row of (n + 1, n_columns) and the first.

        That of f(x) - f(first), given all that was measured, without the noise of measuring: 0 where both are the same.
        Source: Rasmussen and Williams, equation 2.24, of a difference.
        """
        points = self.project(features)
        with _threads().limit(limits=1, user_api="blas"):
            kernel = laplacian(points, self.points)
            prior = 2.0 - 2.0 * laplacian(points[:1], points[1:])[0]
            known = np.array([float(np.square(self.factor @ (row - kernel[0])).sum()) for row in kernel[1:]])
        return np.asarray(self.scale * np.sqrt(np.maximum(0.0, prior - known)), dtype=np.float64)


@cache
def _threads() -> Any:
    """Return what bounds the threads of the libraries that are loaded now, numpy's and scipy's among them."""
    return ThreadpoolController()


def laplacian(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the kernel (n, m) between scaled columns (n, k) and (m, k)."""
    far = _kernels.city_block(np.ascontiguousarray(left), np.ascontiguousarray(right))
    far *= -GAMMA
    return np.exp(far, out=far)


def fit_kernels(features: NDArray[Any], target: FloatArray, is_bound: BoolArray) -> Kernels:
    """Return both learners fitted to crystals.

    Parameters
    ----------
    features
        (n, n_columns); NaN = not computed.
    target
        (n,) log10 S/cm, or the bound.
    is_bound
        (n,) whether the value is an upper bound.
    """
    values = np.asarray(features, dtype=np.float64)
    known = np.isfinite(values)
    some = np.flatnonzero(known.any(axis=0))
    fill = _medians(values[:, some], whole=np.asarray(known[:, some].all(axis=0), dtype=np.bool_))
    filled = np.where(known[:, some], values[:, some], fill)
    mean, spread = filled.mean(axis=0), filled.std(axis=0)
    varies = spread > 1e-9 * np.maximum(1.0, np.abs(mean))  # a constant column keeps a spread of rounding size
    used, fill, mean, spread = some[varies], fill[varies], mean[varies], spread[varies]
    points = np.ascontiguousarray(_scaled(filled[:, varies], mean, spread))
    base = float(target.mean())
    scale = float(target.std()) or 1.0
    noise = (MEASURING / scale) ** 2
    with _threads().limit(limits=1, user_api="blas"):
        lower = cholesky(laplacian(points, points) + noise * np.eye(len(points)), lower=True)
        # By rows, as it is read back from a file: sums are then the same to the last bit.
        factor = np.ascontiguousarray(solve_triangular(lower, np.eye(len(points)), lower=True))
        inverse = factor.T @ factor
        expected, process_base = _below(inverse, target, is_bound, scale=scale)
        ridge = inverse @ (target - base)
        process = inverse @ (expected - process_base)
    return Kernels(
        used=used.astype(np.int64),
        fill=fill,
        mean=mean,
        spread=spread,
        points=points,
        ridge=ridge,
        process=process,
        factor=factor,
        ridge_base=base,
        process_base=process_base,
        scale=scale,
        noise=noise,
    )


def _medians(values: FloatArray, *, whole: BoolArray) -> FloatArray:
    """Return the median (k,) of what is known in each column of (n, k); `whole` (k,) are those that are known in all.

    numpy takes columns with gaps one by one.
    """
    medians = np.empty(values.shape[1])
    medians[whole] = np.median(values[:, whole], axis=0)
    if not whole.all():
        medians[~whole] = np.nanmedian(values[:, ~whole], axis=0)
    return medians


def _scaled(values: FloatArray, mean: FloatArray, spread: FloatArray) -> FloatArray:
    return np.asarray((values - mean) / spread / np.sqrt(max(1, len(mean))), dtype=np.float64)


def _below(inverse: FloatArray, target: FloatArray, is_bound: BoolArray, *, scale: float) -> tuple[FloatArray, float]:
    """Return the values (n,) with bounds replaced by what is expected below them, and the base.

    A bound's value is normal around what all other crystals predict of it, cut off at the bound: its mean stands for
    it. Source: Tobin, Econometrica 26 (1958) 24, by expectation as Dempster, Laird and Rubin, J. R. Stat. Soc. B 39
    (1977) 1; with the leave-one-out predictions of a Gaussian process.
    """
    from scipy.stats import norm  # half a second, for fits alone

    base = float(target.mean())
    values = target.copy()
    if not is_bound.any() or is_bound.all():
        return values, base
    spread = scale / np.sqrt(np.diag(inverse))
    for _ in range(ROUNDS):
        others = values - (inverse @ (values - base)) / np.diag(inverse)
        place = (target - others) / spread
        below = others - spread * np.exp(norm.logpdf(place) - norm.logcdf(place))
        values = np.where(is_bound, below, target)
    return values, base
