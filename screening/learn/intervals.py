"""Prediction intervals from the errors that crystals of unseen groups showed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from screening.crystal import FloatArray
from screening.errors import ModelError

MAX_BANDS = 3
BAND_CRYSTALS = 50  # measured crystals per band of predictions, at least


@dataclass(frozen=True, slots=True)
class Bands:
    """Intervals by level of the prediction: band k holds predictions in [edges[k-1], edges[k])."""

    edges: tuple[float, ...]  # (n_bands - 1,) log10 S/cm, rising
    lower: tuple[float, ...]  # (n_bands,) added to a prediction, log units
    upper: tuple[float, ...]  # (n_bands,)

    def at(self, prediction: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return (lower, upper), each (n,), to be added to predictions (n,)."""
        band = np.searchsorted(np.array(self.edges), prediction, side="right")
        return np.array(self.lower)[band], np.array(self.upper)[band]


def residual_bounds(residuals: FloatArray, *, level: float, n_crystals: int) -> tuple[float, float]:
    """Return (lower, upper), to be added to a prediction, that hold `level` of `residuals` = measured - predicted.

    Cross-conformal: each residual comes from a model that saw neither the crystal nor its group. The two tails are
    taken apart, as errors are skewed. The rank is that of split conformal prediction, ceil((n + 1) q) of n crystals,
    with repeats of the cross-validation pooled; coverage is marginal, for crystals as like the training ones as one
    group is like the others. Source: Vovk, Ann. Math. Artif. Intell. 74 (2015) 9; the pooling over repeats is ours.

    Raises
    ------
    ModelError
        Too few crystals for that level.
    """
    rank = conformal_rank(n_crystals, level=level)
    if rank > n_crystals:
        raise ModelError(f"{n_crystals} measured labels are too few for {level:.0%} intervals; lower learn.interval")
    ordered = np.sort(residuals)
    position = -(-len(ordered) * rank // n_crystals)  # of the pooled repeats, from 1, rounded up
    return float(ordered[len(ordered) - position]), float(ordered[position - 1])


def conformal_rank(n_crystals: int, *, level: float) -> int:
    """Return which of `n_crystals` ordered residuals bounds one tail: ceil((n + 1)(1 + level) / 2)."""
    # The small amount keeps (19 + 1) * 0.9 at 18, where floating point gives a little more.
    return math.ceil((n_crystals + 1) * (1.0 + level) / 2.0 - 1e-9)


def fit_bands(predicted: FloatArray, residuals: FloatArray, *, level: float, n_crystals: int) -> Bands:
    """Return the interval of each band of predictions: equal shares, at least `BAND_CRYSTALS` crystals in each.

    Errors of poor conductors, whose values spread over ten decades, say little about good ones; by bands (Mondrian
    conformal prediction) the interval is wide only where errors are. Source: Vovk et al., Algorithmic Learning in a
    Random World (2005), section 4.5.
    """
    # Twice what the level needs at the least, so that ties of predictions leave no band short.
    enough = max(BAND_CRYSTALS, 2 * math.ceil((1.0 + level) / (1.0 - level)))
    n_bands = max(1, min(MAX_BANDS, n_crystals // enough))
    edges = np.unique(np.quantile(predicted, np.arange(1, n_bands) / n_bands))
    band = np.searchsorted(edges, predicted, side="right")
    shares = np.bincount(band, minlength=len(edges) + 1) * n_crystals // len(predicted)
    if shares.min() < enough / 2:  # many equal predictions: levels cannot be told apart
        edges, band, shares = edges[:0], np.zeros_like(band), np.array([n_crystals])
    bounds = [
        residual_bounds(residuals[band == index], level=level, n_crystals=int(share))
        for index, share in enumerate(shares)
    ]
    return Bands(
        edges=tuple(float(edge) for edge in edges),
        lower=tuple(low for low, _ in bounds),
        upper=tuple(high for _, high in bounds),
    )


def interval_scores(predictions: pd.DataFrame, *, level: float, family: dict[str, str]) -> tuple[Bands, dict[str, Any]]:
    """Return the interval, and its coverage with every fold judged by the residuals of the other folds alone."""
    known = predictions[~predictions["is_bound"]]
    predicted = known["curves"].to_numpy(dtype=np.float64)
    residuals = known["measured"].to_numpy(dtype=np.float64) - predicted
    bands = fit_bands(predicted, residuals, level=level, n_crystals=known["id"].nunique())
    held, judged = np.zeros(len(known), dtype=np.bool_), np.zeros(len(known), dtype=np.bool_)
    repeat, fold = (known[name].to_numpy() for name in ("repeat", "fold"))
    for one_repeat, one_fold in known[["repeat", "fold"]].drop_duplicates().to_numpy():
        here = (repeat == one_repeat) & (fold == one_fold)
        others = (repeat == one_repeat) & ~here
        n_others = int(others.sum())
        if conformal_rank(n_others, level=level) > n_others:
            continue  # too few others to give this level; such folds are not judged
        low, high = fit_bands(predicted[others], residuals[others], level=level, n_crystals=n_others).at(
            predicted[here]
        )
        held[here] = (residuals[here] >= low) & (residuals[here] <= high)
        judged |= here
    families = known["id"].map(family).fillna("").to_numpy(dtype=object)
    scores = {
        "level": level,
        "edges": list(bands.edges),
        "lower": list(bands.lower),
        "upper": list(bands.upper),
        "coverage": float(held[judged].mean()) if judged.any() else None,
        "coverage_by_family": {
            str(name): {"n": int(known["id"][families == name].nunique()), "coverage": float(held[rows].mean())}
            for name in sorted(set(families) - {""})
            if (rows := judged & (families == name)).any()
        },
    }
    return bands, scores
