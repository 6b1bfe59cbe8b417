"""Prediction intervals from the errors that crystals of unseen groups showed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from screening.crystal import FloatArray
from screening.errors import ModelError


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


def interval_scores(predictions: pd.DataFrame, *, level: float, family: dict[str, str]) -> dict[str, Any]:
    """Return the interval and its coverage, the latter with every fold judged by the residuals of the other folds."""
    known = predictions[~predictions["is_bound"]]
    residuals = (known["measured"] - known["curves"]).to_numpy(dtype=np.float64)
    n_crystals = known["id"].nunique()
    lower, upper = residual_bounds(residuals, level=level, n_crystals=n_crystals)
    held = np.zeros(len(known), dtype=np.bool_)
    repeat, fold = (known[name].to_numpy() for name in ("repeat", "fold"))
    judged = np.zeros(len(known), dtype=np.bool_)
    for one_repeat, one_fold in known[["repeat", "fold"]].drop_duplicates().to_numpy():
        here = (repeat == one_repeat) & (fold == one_fold)
        others = (repeat == one_repeat) & ~here
        n_others = int(others.sum())
        if conformal_rank(n_others, level=level) > n_others:
            continue  # too few others to give this level; such folds are not judged
        low, high = residual_bounds(residuals[others], level=level, n_crystals=n_others)
        held[here] = (residuals[here] >= low) & (residuals[here] <= high)
        judged |= here
    families = known["id"].map(family).fillna("").to_numpy(dtype=object)
    return {
        "level": level,
        "lower": lower,
        "upper": upper,
        "coverage": float(held[judged].mean()) if judged.any() else None,
        "coverage_by_family": {
            str(name): {"n": int(known["id"][families == name].nunique()), "coverage": float(held[rows].mean())}
            for name in sorted(set(families) - {""})
            if (rows := judged & (families == name)).any()
        },
    }
