"""The sets of columns that `screening compare` sets against each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from screening.crystals import FloatArray
from screening.errors import ModelError
from screening.features import parse_column
from screening.learn.dataset import Dataset
from screening.learn.view import View

CONVENTIONAL = "conventional"  # Magpie statistics of the composition, lattice, density
FRACTIONS = "atomic fractions"  # instead of the Magpie statistics; with lattice and density


def feature_sets(data: Mapping[str, Dataset], *, band: float) -> dict[str, FloatArray]:
    """Return named columns (n, k) of the same crystals, from their features by engine.

    Curves are averaged over bands of `band` Å, as for the trees of the model (`screening.learn.view`).

    Parameters
    ----------
    data
        By engine; the first one's columns are also split into Betti numbers, percolation and histogram (where the store
        has one), and joined with the conventional columns. ``topology`` is all of them but the histogram.
    band
        Å; 0 = the columns themselves.

    Raises
    ------
    ModelError
        The engines do not have the same crystals.
    """
    first = next(iter(data.values()))
    sets: dict[str, FloatArray] = {}
    for engine, one in data.items():
        if list(one.ids) != list(first.ids):
            raise ModelError(f"engine {engine} featurized other crystals than the first engine: no paired comparison")
        view = View.of(one.columns, band=band)
        curves = [parse_column(name).curve for name in view.names]
        values = view(one.features).astype(np.float64)

        def of(*kinds: str, curves: list[str] = curves, values: FloatArray = values) -> FloatArray:
            return values[:, [index for index, curve in enumerate(curves) if curve.startswith(kinds)]]

        sets[f"Betti curves ({engine})"] = of("beta")
        if one is not first:
            continue
        if any(curve.startswith("hist") for curve in curves):
            sets["2-D histogram"] = of("hist")
        if any(curve.startswith("rank") for curve in curves):
            sets["percolation"] = of("rank")
        topology = values[:, [not curve.startswith("hist") for curve in curves]]
        sets["topology"] = topology
        is_fraction = np.array([name.startswith("fraction/") for name in one.conventional_columns])
        is_magpie = np.array([name.startswith("magpie/") for name in one.conventional_columns])
        sets[CONVENTIONAL] = one.conventional[:, ~is_fraction]
        sets[FRACTIONS] = one.conventional[:, ~is_magpie]
        sets[f"topology + {CONVENTIONAL}"] = np.hstack([topology, sets[CONVENTIONAL]])
        sets[f"topology + {FRACTIONS}"] = np.hstack([topology, sets[FRACTIONS]])
    return sets
