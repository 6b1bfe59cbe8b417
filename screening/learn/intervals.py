"""Prediction intervals from the errors that crystals of unseen groups showed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from screening.crystals import FloatArray, IntArray
from screening.errors import ModelError

MAX_BANDS = 3
BAND_CRYSTALS = 50  # measured crystals per band of predictions, at least
N_QUANTILES = 50  # of the residuals of a band, kept for probabilities
# log10 S/cm: 1 S/cm. The best solid ion conductors reach a third of it (RbAg4I5, 0.27 S/cm at room temperature), those
# of lithium a thirtieth (3e-2 S/cm). Source: Owens and Argue, Science 157 (1967) 308; Li et al., Science 381 (2023) 50.
HIGHEST = 0.0


@dataclass(frozen=True, slots=True)
class Bands:
    """Intervals by level of the prediction: band k holds predictions in [edges[k-1], edges[k])."""

    edges: tuple[float, ...]  # (n_bands - 1,) log10 S/cm, rising
    lower: tuple[float, ...]  # (n_bands,) added to a prediction, log units
    upper: tuple[float, ...]  # (n_bands,)
    quantiles: tuple[tuple[float, ...], ...] = ()  # (n_bands, N_QUANTILES) of the residuals, log units, rising
    normalised: bool = False  # all of these are in units of a crystal's own deviation, not log units

    def _unit(self, prediction: FloatArray, deviation: FloatArray | None) -> FloatArray:
        if not self.normalised:
            return np.ones(len(prediction))
        if deviation is None:
            raise ModelError("the intervals of this model ask for a deviation of each crystal")
        return deviation

    def at(self, prediction: FloatArray, deviation: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Return (lower, upper), each (n,), to be added to predictions (n,); `deviation` (n,) where normalised."""
        band = np.searchsorted(np.array(self.edges), prediction, side="right")
        unit = self._unit(prediction, deviation)
        return np.array(self.lower)[band] * unit, np.array(self.upper)[band] * unit

    def chance(self, prediction: FloatArray, target: float, deviation: FloatArray | None = None) -> FloatArray:
        """Return the probability (n,) that the value is at or above `target`, NaN where no quantiles are known.

        By the residuals of crystals left out: the share of them that would lift the prediction to the target, between
        1/(2 N_QUANTILES) and 1 minus that, for no sample of residuals excludes an event. Source: Vovk et al., Mach.
        Learn. 108 (2019) 445 (conformal predictive distributions); the quantiles of a band are ours.
        """
        if not self.quantiles:
            return np.full(len(prediction), np.nan)
        band = np.searchsorted(np.array(self.edges), prediction, side="right")
        levels = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
        chance = np.empty(len(prediction))
        gap = (target - prediction) / self._unit(prediction, deviation)
        for index, quantiles in enumerate(self.quantiles):
            here = band == index
            chance[here] = 1.0 - np.interp(gap[here], quantiles, levels)
        return chance


def cut(values: FloatArray) -> FloatArray:
    """Return log10 conductivities (n,), none above `HIGHEST`; NaN stays NaN."""
    return np.minimum(values, HIGHEST)


def residual_bounds(residuals: FloatArray, *, level: float, n_units: int) -> tuple[float, float]:
    """Return (lower, upper), to be added to a prediction, that hold `level` of `residuals` = measured - predicted.

    Cross-conformal: each residual comes from a model that saw neither the crystal nor its group. The two tails are
    taken apart, as errors are skewed. The rank is that of split conformal prediction, ceil((n + 1) q) of n, where n
    counts what is exchangeable: groups, since the crystals of one group err together. With repeats of the
    cross-validation pooled; coverage is marginal, for crystals as like the training ones as one group is like the
    others. Source: Vovk, Ann. Math. Artif. Intell. 74 (2015) 9; groups as units after Dunn, Wasserman and Ramdas,
    J. Am. Stat. Assoc. 118 (2023) 2491; the pooling over repeats is ours.

    Raises
    ------
    ModelError
        Too few units for that level.
    """
    if conformal_rank(n_units, level=level) > n_units:
        raise ModelError(
            f"{n_units} groups of measured labels are too few for {level:.0%} intervals; lower learn.interval"
        )
    ordered = np.sort(residuals)
    # The rank as a share of the units, so that units of several residuals are not rounded up to whole ones.
    share = (n_units + 1) * (1.0 + level) / 2.0 / n_units
    position = min(len(ordered), math.ceil(len(ordered) * share - 1e-9))  # from 1
    return float(ordered[len(ordered) - position]), float(ordered[position - 1])


def conformal_rank(n_units: int, *, level: float) -> int:
    """Return which of `n_units` ordered residuals bounds one tail: ceil((n + 1)(1 + level) / 2)."""
    # The small amount keeps (19 + 1) * 0.9 at 18, where floating point gives a little more.
    return math.ceil((n_units + 1) * (1.0 + level) / 2.0 - 1e-9)


def fit_bands(
    predicted: FloatArray, residuals: FloatArray, *, groups: IntArray, level: float, n_crystals: int
) -> Bands:
    """Return the interval of each band of predictions: equal shares, at least `BAND_CRYSTALS` crystals in each.

    Errors of poor conductors, whose values spread over ten decades, say little about good ones; by bands (Mondrian
    conformal prediction) the interval is wide only where errors are. Source: Vovk et al., Algorithmic Learning in a
    Random World (2005), section 4.5.

    Parameters
    ----------
    predicted, residuals, groups
        (n,) of crystals left out with their whole group, repeats pooled.
    level
        Nominal coverage.
    n_crystals
        Crystals among them.
    """
    n_bands = max(1, min(MAX_BANDS, n_crystals // BAND_CRYSTALS))
    enough = math.ceil((1.0 + level) / (1.0 - level) - 1e-9)  # groups, for the rank to be one of them
    while True:
        edges = np.unique(np.quantile(predicted, np.arange(1, n_bands) / n_bands))
        band = np.searchsorted(edges, predicted, side="right")
        units = [len(np.unique(groups[band == index])) for index in range(len(edges) + 1)]
        if n_bands == 1 or min(units) >= enough:
            break
        n_bands -= 1  # many equal predictions, or few groups: so many levels cannot be told apart
    bounds = [
        residual_bounds(residuals[band == index], level=level, n_units=count) for index, count in enumerate(units)
    ]
    levels = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
    return Bands(
        edges=tuple(float(edge) for edge in edges),
        lower=tuple(low for low, _ in bounds),
        upper=tuple(high for _, high in bounds),
        quantiles=tuple(
            tuple(float(value) for value in np.quantile(residuals[band == index], levels))
            for index in range(len(units))
        ),
    )


def interval_scores(
    predictions: pd.DataFrame, *, level: float, group: dict[str, int], family: dict[str, str]
) -> tuple[Bands, dict[str, Any]]:
    """Return the interval, and its coverage with every fold judged by the residuals of the other folds alone.

    Parameters
    ----------
    predictions
        Of a cross-validation that keeps groups whole: repeat, fold, id, is_bound, measured, curves; where there is a
        deviation of each crystal, errors are taken over it, so that an interval is wide where little was measured
        (normalised conformal prediction: Papadopoulos et al., Neural Networks 24 (2011) 842).
    level
        Nominal coverage.
    group
        What belongs together, by id.
    family
        Stated chemical family by id, "" = unknown; coverage is also told by it.

    Raises
    ------
    ModelError
        Too few groups for that level.
    """
    known = predictions[~predictions["is_bound"]]
    predicted = known["curves"].to_numpy(dtype=np.float64)
    normalised = "deviation" in known
    unit = known["deviation"].to_numpy(dtype=np.float64) if normalised else np.ones(len(known))
    residuals = (known["measured"].to_numpy(dtype=np.float64) - predicted) / unit
    groups = np.array([group[str(id)] for id in known["id"]], dtype=np.int64)
    bands = fit_bands(predicted, residuals, groups=groups, level=level, n_crystals=known["id"].nunique())
    bands = replace(bands, normalised=normalised)
    held, judged = np.zeros(len(known), dtype=np.bool_), np.zeros(len(known), dtype=np.bool_)
    width = np.zeros(len(known))
    repeat, fold = (known[name].to_numpy() for name in ("repeat", "fold"))
    for one_repeat, one_fold in known[["repeat", "fold"]].drop_duplicates().to_numpy():
        here = (repeat == one_repeat) & (fold == one_fold)
        others = (repeat == one_repeat) & ~here
        n_units = len(np.unique(groups[others]))
        if conformal_rank(n_units, level=level) > n_units:
            continue  # too few others to give this level; such folds are not judged
        low, high = fit_bands(
            predicted[others], residuals[others], groups=groups[others], level=level, n_crystals=int(others.sum())
        ).at(predicted[here])
        held[here] = (residuals[here] >= low) & (residuals[here] <= high)
        width[here] = (high - low) * unit[here]
        judged |= here
    scores = {
        "level": level,
        "edges": list(bands.edges),
        "lower": list(bands.lower),
        "upper": list(bands.upper),
        "normalised": normalised,
        "spread_of_widths": float(np.std(width[judged])) if judged.any() else None,
        "coverage": float(held[judged].mean()) if judged.any() else None,
        "median_width": float(np.median(width[judged])) if judged.any() else None,
        "coverage_by_group": float(pd.Series(held[judged]).groupby(groups[judged]).mean().mean())
        if judged.any()
        else None,
    }
    families = np.array([family[str(id)] for id in known["id"]], dtype=object)
    scores["coverage_by_family"] = {
        str(name): {"n": int(known["id"][families == name].nunique()), "coverage": float(held[rows].mean())}
        for name in sorted(set(families) - {""})
        if (rows := judged & (families == name)).any()
    }
    return bands, scores
