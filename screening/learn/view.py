"""What the trees see of the features: curves averaged over bands of radius, so that neighbours do not share one signal.

A curve read every 0.1 Å is hundreds of columns that differ little from the next; which of them a tree splits on is then
chance. Averages over bands of 1 Å are a tenth of the columns; docs/learning.md has the held-out scores of both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.crystals import FloatArray, IntArray
from screening.errors import ModelError
from screening.features import Column, parse_column

BLOCK = 64  # crystals averaged at a time: their columns stay in the cache


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The columns of a store, averaged over bands."""

    names: tuple[str, ...]  # of the bands: channel/curve/from-to, and columns left as they are
    order: IntArray  # (n_columns,) columns of the store, band after band
    starts: IntArray  # (n_bands,) where each band begins in `order`

    @classmethod
    def of(cls, columns: Sequence[str], *, band: float) -> View:
        """Return the view of a store's columns; columns of curves are averaged over bands of `band` Å, 0 = none is.

        Columns without a radius, and bins of a histogram, are left as they are.

        Raises
        ------
        ModelError
            A column is not named channel/curve[/radius].
        """
        return _view(tuple(columns), band)

    @property
    def sizes(self) -> IntArray:
        """Number of columns in each band, (n_bands,)."""
        return np.diff(np.append(self.starts, len(self.order)))

    def __call__(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Return features (n, n_columns) as band means (n, n_bands); NaN where any column of the band is NaN."""
        means = np.empty((len(features), len(self.starts)), dtype=np.float32)
        for begin in range(0, len(features), BLOCK):
            span = slice(begin, begin + BLOCK)
            ordered = np.take(features[span], self.order, axis=1).astype(np.float64)
            means[span] = np.add.reduceat(ordered, self.starts, axis=1) / self.sizes
        return means

    def spread(self, values: FloatArray) -> FloatArray:
        """Return values of bands (n, n_bands) shared equally among their columns, (n, n_columns); sums stay."""
        shared = np.repeat(values / self.sizes, self.sizes, axis=1)
        columns = np.empty((len(values), len(self.order)))
        columns[:, self.order] = shared
        return columns


@lru_cache(maxsize=8)
def _view(columns: tuple[str, ...], band: float) -> View:
    members: dict[str, list[int]] = {}
    for index, column in enumerate(columns):
        members.setdefault(_band_name(column, band), []).append(index)
    sizes = [len(indices) for indices in members.values()]
    return View(
        names=tuple(members),
        order=np.array([index for indices in members.values() for index in indices], dtype=np.int64),
        starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
    )


def band_below(column: Column, width: float) -> float:
    """Return the lower edge of the band that a column with a radius belongs to, Å.

    A curve's radius on an edge belongs to the band below it, so that the last one has no band of its own: (3, 4]. The
    bins of a histogram begin at theirs: [3, 4).
    """
    if column.radius is None:
        raise ValueError("the column has no radius")
    # The small amount puts a radius such as 2.9999999 that means 3 where it belongs.
    place = column.radius / width
    steps = math.floor(place + 1e-6) if column.curve.startswith("hist") else math.ceil(place - 1e-6) - 1
    return steps * width


def _band_name(column: str, band: float) -> str:
    try:
        parts = parse_column(column)
    except ValueError as error:
        raise ModelError(f"column {column!r} is not named channel/curve/radius") from error
    if not band or parts.radius is None or parts.curve.startswith("hist"):
        return column
    low = band_below(parts, band)
    return f"{parts.channel}/{parts.curve}/{low:g}-{low + band:g}"
