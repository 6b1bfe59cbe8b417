"""Composition descriptors of the Magpie set: statistics of elemental properties over the atoms of a crystal.

Source: Ward et al., npj Comput. Mater. 2 (2016) 16028; the property table is that of its authors (screening/data/
elements.csv), the statistics are those of the `magpie` preset of matminer (Ward et al., Comput. Mater. Sci. 152 (2018)
60), whose values these are.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.crystals import FloatArray, IntArray

BLOCK = 1024  # compositions worked out at a time
STATISTICS = ("minimum", "maximum", "range", "mean", "avg_dev", "mode")


@cache
def element_properties() -> tuple[tuple[str, ...], FloatArray]:
    """Return names (22) and values (119, 22) of the properties by atomic number; row 0 is no element.

    A property that is not known of an element stands at its mean over the elements of which it is.
    """
    text = resources.files("screening").joinpath("data/elements.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    values = np.full((len(rows) + 1, len(header) - 1), np.nan)
    for row in rows:
        values[int(row[0])] = [float(cell) if cell else np.nan for cell in row[1:]]
    known = np.isfinite(values)
    mean = np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)
    return tuple(header[1:]), np.where(known, values, mean)


def magpie_names() -> list[str]:
    """Return the names of the columns of `magpie_features`: magpie/property/statistic."""
    names, _ = element_properties()
    return [f"magpie/{name}/{statistic}" for name in names for statistic in STATISTICS]


def magpie_features(composition: NDArray[Any]) -> FloatArray:
    """Return (n, 132) statistics of elemental properties over compositions (n, 119), atoms by atomic number.

    Weighted by the amounts: mean, mean absolute deviation, and mode (the value of the most abundant element, of equally
    abundant ones the lowest); over the elements that occur: minimum, maximum, range.
    """
    _, table = element_properties()
    amounts = np.asarray(composition, dtype=np.float64)
    values = np.empty((len(amounts), table.shape[1], len(STATISTICS)))
    present = amounts > 0
    n_present = present.sum(axis=1)
    for count in np.unique(n_present):
        rows = np.flatnonzero(n_present == count)
        # By the elements that they hold, as many in each.
        elements = np.nonzero(present[rows])[1].reshape(len(rows), count)
        for begin in range(0, len(rows), BLOCK):
            span = slice(begin, begin + BLOCK)
            values[rows[span]] = _statistics(amounts[rows[span]], elements[span], table)
    return values.reshape(len(amounts), table.shape[1] * len(STATISTICS))


def _statistics(amounts: FloatArray, elements: IntArray, table: FloatArray) -> FloatArray:
    """Return the statistics (n, 22, 6) of compositions (n, 119) that hold the `elements` (n, k)."""
    share = np.take_along_axis(amounts, elements, axis=1)
    share /= share.sum(axis=1, keepdims=True)
    held = table[elements]
    mean = np.matmul(share[:, None, :], held)
    low, high = held.min(axis=1), held.max(axis=1)
    # Amounts of one refinement that should be equal differ by rounding of single precision.
    most = np.isclose(share, share.max(axis=1, keepdims=True), rtol=1e-5, atol=0.0)
    mode = np.where(most[:, :, None], held, np.inf).min(axis=1)
    spread = np.matmul(share[:, None, :], np.abs(held - mean))
    return np.stack([low, high, high - low, mean[:, 0], spread[:, 0], mode], axis=2)
