"""How well an order finds the good conductors early: enrichment, hit rate, BEDROC."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from screening.crystals import BoolArray, FloatArray
from screening.errors import ModelError

FRACTIONS = (0.01, 0.05, 0.10)
ALPHA = 20.0  # of BEDROC: 80 % of the score comes from the first 8 %


def expected_hits(score: FloatArray, good: BoolArray, *, first: float) -> float:
    """Return how many good ones stand among the first `first` (not necessarily whole) of falling score, in expectation.

    Equal scores stand in random order, so each of a tied block counts by the share of the block that is looked at.
    """
    order = np.argsort(-score, kind="stable")
    _, starts, sizes = np.unique(-score[order], return_index=True, return_counts=True)
    hits = np.add.reduceat(good[order].astype(np.float64), starts)
    looked = np.clip(first - starts, 0.0, sizes) / sizes
    return float(hits @ looked)


def enrichment_factor(score: FloatArray, good: BoolArray, *, fraction: float) -> float:
    """Return the share of good ones among the first `fraction` of the list over their share in all of it.

    At most 1 / prevalence. Of a list too short for a whole crystal in that fraction, the fraction of the first counts.

    Raises
    ------
    ModelError
        No good one, or none that is not: no order can be told from another.
    """
    _check(good)
    n = len(good)
    return expected_hits(score, good, first=fraction * n) / (fraction * int(good.sum()))


def bedroc(score: FloatArray, good: BoolArray, *, alpha: float = ALPHA) -> float:
    """Return the Boltzmann-enhanced discrimination, 0 (all good ones last) to 1 (all first).

    Equal scores stand in random order: a block's places are averaged. Source: Truchon and Bayly, J. Chem. Inf. Model.
    47 (2007) 488, eq. 36.

    Raises
    ------
    ModelError
        No good one, or none that is not.
    """
    _check(good)
    n, n_good = len(good), int(good.sum())
    order = np.argsort(-score, kind="stable")
    weight = np.exp(-alpha * np.arange(1, n + 1) / n)
    _, starts, sizes = np.unique(-score[order], return_index=True, return_counts=True)
    shared = np.add.reduceat(weight, starts) / sizes
    hits = np.add.reduceat(good[order].astype(np.float64), starts)
    share = n_good / n
    random = share * (1.0 - math.exp(-alpha)) / (math.exp(alpha / n) - 1.0)
    rie = float(hits @ shared) / random
    low = (1.0 - math.exp(alpha * share)) / (share * (1.0 - math.exp(alpha)))
    high = (1.0 - math.exp(-alpha * share)) / (share * (1.0 - math.exp(-alpha)))
    return (rie - low) / (high - low)


def screening_scores(
    *, measured: FloatArray, predicted: FloatArray, is_bound: BoolArray, threshold: float
) -> dict[str, Any]:
    """Return how early good conductors (log10 σ at or above `threshold`) stand in the order of prediction.

    An upper bound at or below the threshold is surely no good conductor; one above it may be either and is left out.
    `hit_rate` is the share of good ones among those predicted to be, None where none is. All are None where every
    crystal is good, or none is.
    """
    kept = ~(is_bound & (measured > threshold))
    good = (measured >= threshold)[kept] & ~is_bound[kept]
    score = predicted[kept]
    scores: dict[str, Any] = {"threshold": threshold, "n": len(good), "n_good": int(good.sum())}
    told = score >= threshold
    scores["hit_rate"] = float(good[told].mean()) if told.any() else None
    one_kind = good.all() or not good.any()
    for fraction in FRACTIONS:
        name = f"ef_{round(100 * fraction)}"
        scores[name] = None if one_kind else enrichment_factor(score, good, fraction=fraction)
    scores["bedroc"] = None if one_kind else bedroc(score, good)
    return scores


def _check(good: BoolArray) -> None:
    if not good.any() or good.all():
        raise ModelError("enrichment needs good conductors and others")
