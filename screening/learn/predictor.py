"""The predictor: boosters, kernel ridge and a Gaussian process fitted to the same crystals, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from screening.config import LearnConfig
from screening.crystals import FloatArray
from screening.learn.boosting import Rows, fit, parameters
from screening.learn.forest import Forest
from screening.learn.kernels import Kernels, fit_kernels
from screening.learn.magpie import magpie_features
from screening.learn.view import View

if TYPE_CHECKING:
    import lightgbm as lgb

Grown = TypeVar("Grown", "lgb.Booster", Forest)  # trees just fitted, or read


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What each learner predicts, log10 S/cm, (n,) each; None where the trees stand alone."""

    trees: FloatArray
    ridge: FloatArray | None = None
    process: FloatArray | None = None
    deviation: FloatArray | None = None  # of the process, log units
    distances: FloatArray | None = None  # ridge and process on the distances between sublattices

    @property
    def mean(self) -> FloatArray:
        """The mean of the curves' three learners, and of that and what the distances say; or what the trees say."""
        if self.ridge is None or self.process is None:
            return self.trees
        curves = (self.trees + self.ridge + self.process) / 3.0
        return curves if self.distances is None else (curves + self.distances) / 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Predictor(Generic[Grown]):
    """Learners fitted to the same crystals: on bands of curves, and on the distances that stand after them."""

    boosters: tuple[Grown, ...]
    base: float
    kernels: Kernels | None
    distances: Kernels | None = None
    n_distances: int = 0  # last columns

    def trees(self, features: NDArray[Any], *, threads: int = 1) -> FloatArray:
        """Return the mean (n,) of the boosters."""
        mean = np.full(len(features), self.base)
        if len(features):
            mean += np.mean([one.predict(features, num_threads=threads) for one in self.boosters], axis=0)
        return mean

    def predict(self, features: NDArray[Any], *, threads: int = 1) -> Parts:
        """Return what each learner says of features (n, n_columns); no value depends on `threads` or on the batch."""
        bands, distances = np.split(features, [features.shape[1] - self.n_distances], axis=1)
        trees = self.trees(bands, threads=threads)
        if self.kernels is None:
            return Parts(trees)
        beside = None if self.distances is None else self.distances.averaged(distances)
        return Parts(trees, *self.kernels.predict(bands), distances=beside)


def fit_predictor(  # noqa: PLR0913
    rows: Rows,
    settings: LearnConfig,
    *,
    seeds: Sequence[int],
    device_type: str = "cpu",
    columns: Sequence[str] | None = None,
    n_distances: int = 0,
) -> Predictor[lgb.Booster]:
    """Return the learners that `settings.model` names, fitted to rows; one booster per seed.

    The last `n_distances` columns are distances between sublattices, which have learners of their own. Boosters that
    are to be written are given the names of their columns.
    """
    rows, beside = rows.under(settings.bounds).split(n_distances)
    boosters, base = [], 0.0
    for seed in seeds:
        params = parameters(settings, seed=seed, device_type=device_type)
        booster, base = fit(rows, params=params, trees=settings.trees, columns=columns, kept=columns is not None)
        boosters.append(booster)
    kernels = distances = None
    if settings.model == "mean":
        kernels = fit_kernels(rows.features, rows.target, rows.is_bound)
        if np.isfinite(beside.features).any():
            distances = fit_kernels(beside.features, rows.target, rows.is_bound)
    return Predictor(tuple(boosters), base, kernels, distances, n_distances)


def composition_columns(fractions: FloatArray) -> FloatArray:
    """Return what is learned from atomic fractions (n, 119): these, and Magpie statistics of them."""
    return np.hstack([fractions, magpie_features(fractions)])


def fit_composition(rows: Rows, settings: LearnConfig) -> Kernels:
    """Return the learners of the composition alone, fitted to rows of `composition_columns`."""
    rows = rows.under(settings.bounds)
    return fit_kernels(rows.features, rows.target, rows.is_bound)


def seen_by(view: View, features: NDArray[Any], distances: NDArray[Any] | None) -> NDArray[Any]:
    """Return the columns that a predictor sees: bands of the features (n, n_columns), then distances (n, k) if any."""
    bands = view(features)
    return bands if distances is None else np.hstack([bands, distances])
