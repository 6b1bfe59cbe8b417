"""How predictions are judged: errors on measured values, one-sided hits on bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from screening.crystals import BoolArray, FloatArray

Score = dict[str, Any]
MIN_FOLD = 10  # measured values that a fold needs to enter the spread over folds: R² of two equal values is anything


def r_squared(measured: FloatArray, predicted: FloatArray) -> float | None:
    """Return 1 - SSE/SST around the mean of `measured`, or None where that is undefined."""
    total = float(((measured - measured.mean()) ** 2).sum()) if len(measured) else 0.0
    return None if total == 0.0 else 1.0 - float(((measured - predicted) ** 2).sum()) / total


def spearman(measured: FloatArray, predicted: FloatArray) -> float | None:
    """Return the rank correlation, ties averaged, or None where one side is constant."""
    from scipy.stats import rankdata

    if len(measured) < 2 or np.ptp(measured) == 0 or np.ptp(predicted) == 0:
        return None
    return float(np.corrcoef(rankdata(measured), rankdata(predicted))[0, 1])


def score(*, measured: FloatArray, predicted: FloatArray, is_bound: BoolArray) -> Score:
    """Return R², MAE and Spearman over measured values, and the share of bounds held.

    Upper bounds enter no R², MAE or Spearman: their value is unknown. A bound is held where the prediction is at or
    below it (`bounds_held`), or at most one log unit above (`bounds_within_1`).
    """
    known = ~is_bound
    over = predicted[is_bound] - measured[is_bound]
    n_known, n_bounds = int(known.sum()), int(is_bound.sum())
    return {
        "n_measured": n_known,
        "n_bounds": n_bounds,
        "r2": r_squared(measured[known], predicted[known]),
        "mae": float(np.abs(measured[known] - predicted[known]).mean()) if n_known else None,
        "spearman": spearman(measured[known], predicted[known]),
        "bounds_held": float((over <= 0).mean()) if n_bounds else None,
        "bounds_within_1": float((over <= 1).mean()) if n_bounds else None,
    }


def summarise(pooled: list[Score], per_fold: list[Score]) -> Score:
    """Return the mean over repeats of each pooled score, its spread over repeats, and the scores of every fold."""
    summary: Score = {}
    for name in pooled[0]:
        values = [one[name] for one in pooled if one[name] is not None]
        summary[name] = float(np.mean(values)) if values else None
        if name in ("r2", "mae", "spearman"):
            summary[f"{name}_repeat_spread"] = float(np.std(values)) if values else None
            folds = [one[name] for one in per_fold if one[name] is not None and one["n_measured"] >= MIN_FOLD]
            summary[f"{name}_fold_spread"] = float(np.std(folds)) if len(folds) > 1 else None
    summary["n_measured"], summary["n_bounds"] = pooled[0]["n_measured"], pooled[0]["n_bounds"]
    summary["folds"] = per_fold
    return summary


def score_lines(scores: Score) -> list[str]:
    """Return the scores of a model as lines of text for a person."""
    lines = [
        f"{scores['n_labelled']} labels, {scores['n_used']} used ({scores['n_bounds']} upper bounds), "
        f"{scores['n_groups']} groups, {scores['folds']} folds x {scores['repeats']} repeats, {scores['trees']} trees"
    ]
    if scores["missing"]:
        first = ", ".join(f"{row['id']} ({row['reason']})" for row in scores["missing"][:10])
        more = len(scores["missing"]) - 10
        lines.append(f"without features: {first}" + (f" and {more} more" if more > 0 else ""))
    for split, models in scores["splits"].items():
        for name, one in models.items():
            cells = [f"{key} {_number(one[key])}" for key in ("r2", "mae", "spearman")]
            held = "" if one["bounds_held"] is None else f"  bounds held {one['bounds_held']:.0%}"
            lines.append(f"{split:<8} {name:<13} {'  '.join(cells)}{held}")
    lines += [f"{split:<8} left out: {reason}" for split, reason in scores["splits_left_out"].items()]
    flagged = scores.get("flagged") or {}
    if flagged.get("crystals"):
        first = ", ".join(f"{row['id']} ({', '.join(row['flags'])})" for row in flagged["crystals"][:10])
        more = len(flagged["crystals"]) - 10
        lines.append(f"flagged as contradictory: {first}" + (f" and {more} more" if more > 0 else ""))
        if (rest := flagged["without"]) is not None:
            cells = [f"{key} {_number(rest['curves'][key])}" for key in ("r2", "mae", "spearman")]
            lines.append(f"grouped  curves, without them  {'  '.join(cells)}")
    interval = scores["interval"]
    widths = ", ".join(
        f"{low:+.2f}..{high:+.2f}" for low, high in zip(interval["lower"], interval["upper"], strict=True)
    )
    lines.append(
        f"{interval['level']:.0%} interval by rising prediction: {widths} log units, "
        f"held in {_number(interval['coverage']).strip()} of measured values left out by {interval['by']}"
    )
    return lines


def family_caution(scores: Score) -> str:
    """Return the sentence that goes with every chance where the model errs no less than the mean on new families.

    Empty where it errs less in all that were left out whole, or where none were.
    """
    apart = (scores.get("headline") or {}).get("family")
    if not apart or apart.get("mae") is None or apart.get("mae_of_mean") is None:
        return ""
    worse = ", ".join(f"{one['family']} ({one['n']})" for one in apart.get("families", []) if not one["beats_mean"])
    if not apart["beats_mean"]:
        return (
            f"On families that it has not seen this model is no better than the mean of the training values (error "
            f"{apart['mae']:.2f} against {apart['mae_of_mean']:.2f}): there, a chance is a rough guess."
        )
    if worse:
        return (
            f"Left out whole, {worse} were predicted no better than by the mean of the training values: in a family "
            "that is new, a chance is a rough guess."
        )
    return ""


def _number(value: float | None) -> str:
    return "   n/a" if value is None else f"{value:6.3f}"
