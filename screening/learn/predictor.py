"""The predictor: boosters, kernel ridge and a Gaussian process fitted to the same crystals, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from screening.config import LearnConfig
from screening.crystals import FloatArray
from screening.learn.boosting import Rows, fit, parameters
from screening.learn.kernels import Kernels, fit_kernels
from screening.learn.magpie import magpie_features


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What each learner predicts, log10 S/cm, (n,) each; None where the trees stand alone."""

    trees: FloatArray
    ridge: FloatArray | None = None
    process: FloatArray | None = None
    deviation: FloatArray | None = None  # of the process, log units

    @property
    def mean(self) -> FloatArray:
        """The prediction: the mean of all learners, or that of the trees."""
        if self.ridge is None or self.process is None:
            return self.trees
        return (self.trees + self.ridge + self.process) / 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """Learners fitted to the same crystals and columns."""

    boosters: tuple[lgb.Booster, ...]
    base: float
    kernels: Kernels | None

    def trees(self, features: NDArray[Any], *, threads: int = 1) -> FloatArray:
        """Return the mean (n,) of the boosters."""
        mean = np.full(len(features), self.base)
        if len(features):
            mean += np.mean([one.predict(features, num_threads=threads) for one in self.boosters], axis=0)
        return mean

    def predict(self, features: NDArray[Any], *, threads: int = 1) -> Parts:
        """Return what each learner says of features (n, n_columns); no value depends on `threads` or on the batch."""
        trees = self.trees(features, threads=threads)
        if self.kernels is None:
            return Parts(trees)
        return Parts(trees, *self.kernels.predict(features))


def fit_predictor(
    rows: Rows,
    settings: LearnConfig,
    *,
    seeds: Sequence[int],
    device_type: str = "cpu",
    columns: Sequence[str] | None = None,
) -> Predictor:
    """Return the learners that `settings.model` names, fitted to rows; one booster per seed.

    Those that are to be written are given the names of their columns.
    """
    rows = rows.under(settings.bounds)
    boosters, base = [], 0.0
    for seed in seeds:
        params = parameters(settings, seed=seed, device_type=device_type)
        booster, base = fit(rows, params=params, trees=settings.trees, columns=columns, kept=columns is not None)
        boosters.append(booster)
    kernels = None
    if settings.model == "mean":
        kernels = fit_kernels(rows.features, rows.target, rows.is_bound)
    return Predictor(tuple(boosters), base, kernels)


def with_composition(seen: NDArray[Any], fractions: FloatArray) -> FloatArray:
    """Return columns (n, k) with atomic fractions (n, 119) and Magpie statistics of them beside them."""
    return np.hstack([np.asarray(seen, dtype=np.float64), fractions, magpie_features(fractions)])


def composition_names() -> list[str]:
    """Return the names of the columns that `with_composition` adds."""
    from screening.elements import SYMBOLS
    from screening.learn.magpie import magpie_names

    return [*(f"fraction/{symbol or number}" for number, symbol in enumerate(SYMBOLS)), *magpie_names()]
