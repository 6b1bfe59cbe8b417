"""Feature space: distances between crystals on standardised columns, used for duplicates, neighbours and domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_argmin_min

from screening.crystal import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
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
        scaled = (np.asarray(features, dtype=np.float64)[:, self.used] - self.mean) / self.spread
        scaled[np.isnan(scaled)] = 0.0
        return np.asarray(scaled / np.sqrt(max(1, int(self.used.sum()))), dtype=np.float64)

    def nearest(self, features: NDArray[Any]) -> tuple[IntArray, FloatArray]:
        """Return the nearest reference crystal, index (n,), and its distance (n,)."""
        index, distance = pairwise_distances_argmin_min(self.project(features), self.points)
        return index.astype(np.int64), np.asarray(distance, dtype=np.float64)

    def nearest_others(self) -> tuple[IntArray, FloatArray]:
        """Return for each reference crystal the nearest other one, index (n,), and its distance (n,)."""
        squares = (self.points**2).sum(axis=1)
        distance = squares[:, None] + squares[None, :] - 2.0 * self.points @ self.points.T
        np.fill_diagonal(distance, np.inf)
        index = distance.argmin(axis=1).astype(np.int64)
        # The exact difference: the expanded square loses half the digits for near-equal crystals.
        return index, np.linalg.norm(self.points - self.points[index], axis=1)
