"""Feature space: distances between crystals on standardised columns, used for duplicates, neighbours and domain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.crystals import FloatArray, IntArray

BLOCK = 256  # crystals compared at a time


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """Columns scaled to zero mean and unit spread over reference crystals; distance = root mean square difference.

    Columns that do not vary over the reference carry no scale and are left out. A value that was not computed (NaN)
    stands at the mean: it neither attracts nor repels.
    """

    used: NDArray[np.bool_]  # (n_columns,) columns that vary
    mean: FloatArray  # (n_used,)
    spread: FloatArray  # (n_used,)
    points: FloatArray  # (n_reference, n_used) standardised, over sqrt(n_used)

    @classmethod
    def of(cls, features: NDArray[Any]) -> FeatureSpace:
        """Return the space spanned by reference crystals, features (n, n_columns)."""
        values = np.asarray(features, dtype=np.float64)
        known = np.isfinite(values)
        count = known.sum(axis=0)
        total = np.where(known, values, 0.0).sum(axis=0)
        mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
        squares = np.where(known, values - mean, 0.0) ** 2
        spread = np.sqrt(np.divide(squares.sum(axis=0), count, out=np.zeros_like(total), where=count > 0))
        # A relative bound: a constant column keeps a spread of rounding size.
        used = spread > 1e-9 * np.maximum(1.0, np.abs(mean))
        space = cls(used=used, mean=mean[used], spread=spread[used], points=np.empty((0, int(used.sum()))))
        return cls(used=used, mean=space.mean, spread=space.spread, points=space.project(values))

    def project(self, features: NDArray[Any]) -> FloatArray:
        """Return coordinates (n, n_used) in which the Euclidean distance is the root mean square difference."""
        scaled: FloatArray = np.take(features, np.flatnonzero(self.used), axis=1).astype(np.float64)
        scaled -= self.mean
        scaled /= self.spread
        scaled[np.isnan(scaled)] = 0.0
        scaled /= np.sqrt(max(1, int(self.used.sum())))
        return scaled

    def nearest(self, features: NDArray[Any]) -> tuple[IntArray, FloatArray]:
        """Return the nearest reference crystal, index (n,), and its distance (n,); of equally near ones the first.

        A matrix product in single precision rules out references that are surely farther than another; distances to
        those left are taken in double precision. So the answer for a crystal does not depend on the others with it.
        """
        index, distance = np.empty(len(features), dtype=np.int64), np.empty(len(features))
        for begin in range(0, len(features), BLOCK):
            span = slice(begin, begin + BLOCK)
            index[span], distance[span] = self._nearest(self.project(features[span]))
        return index, distance

    def _nearest(self, coordinates: FloatArray) -> tuple[IntArray, FloatArray]:
        rows, references = np.nonzero(self._may_be_nearest(coordinates))
        exact = np.empty(len(rows))
        for begin in range(0, len(rows), BLOCK):  # a bound on memory: far crystals have many candidates
            span = slice(begin, begin + BLOCK)
            gap = coordinates[rows[span]]
            gap -= self.points[references[span]]
            gap *= gap
            exact[span] = np.sqrt(gap.sum(axis=1))
        order = np.lexsort((references, exact, rows))
        first = order[np.searchsorted(rows, np.arange(len(coordinates)))]  # `rows` is sorted and has every row
        return references[first].astype(np.int64), exact[first]

    def _may_be_nearest(self, coordinates: FloatArray) -> NDArray[np.bool_]:
        """Return (n, n_reference) whether a reference crystal can be the nearest one; for each row, one is."""
        unit = 2.0**-24  # rounding of single precision
        width = coordinates.shape[1]
        lengths, (ours, points) = np.linalg.norm(coordinates, axis=1), self._single
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes NaN or inf: ruled out by nothing
            product = coordinates.astype(np.float32) @ points
            squares = lengths[:, None] ** 2 + ours[None, :] ** 2 - 2.0 * product
            # |fl(x.y) - x.y| <= (width + 2) unit |x| |y| (1 + ...), the rounding of x and y included (Higham, Accuracy
            # and Stability of Numerical Algorithms, 2002, eq. 3.5); twice that, and what double precision may round.
            bound = 4.0 * (width + 4) * unit * (lengths[:, None] * ours[None, :])
            bound += 1e-12 * (1.0 + lengths[:, None] ** 2 + ours[None, :] ** 2)
            upper = (squares + bound).min(axis=1, keepdims=True)
            lower = squares - bound
        return np.asarray(~(lower > upper) | ~np.isfinite(upper), dtype=np.bool_)

    @cached_property
    def _single(self) -> tuple[FloatArray, NDArray[np.float32]]:
        """Lengths of the reference crystals (n_reference,), and their coordinates in single precision, by columns."""
        with np.errstate(over="ignore"):
            return np.linalg.norm(self.points, axis=1), self.points.astype(np.float32).T

    def nearest_others(self) -> tuple[IntArray, FloatArray]:
        """Return for each reference crystal the nearest other one, index (n,), and its distance (n,)."""
        squares = (self.points**2).sum(axis=1)
        distance = squares[:, None] + squares[None, :] - 2.0 * self.points @ self.points.T
        np.fill_diagonal(distance, np.inf)
        index = distance.argmin(axis=1).astype(np.int64)
        # The exact difference: the expanded square loses half the digits for near-equal crystals.
        return index, np.linalg.norm(self.points - self.points[index], axis=1)
