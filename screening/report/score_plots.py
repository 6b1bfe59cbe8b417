"""Two plots of how far a model is to be believed: calibration, and what more training crystals would give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from screening.report import svg

WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 30, 46
GROUPS = 8  # crystals sorted by prediction are averaged in so many groups
FEWEST = 5  # crystals in a group


def calibration_plot(folds: pd.DataFrame, model: str) -> Markup:
    """Return the mean measured value of crystals predicted alike, with its standard error; the diagonal is calibrated.

    Crystals with a measured value, out of fold, averaged over the repeats, in groups of equal size by prediction.
    Empty where there are too few.
    """
    known = folds[~folds["is_bound"]].groupby("id", sort=True).agg(measured=("measured", "first"), said=(model, "mean"))
    n_groups = min(GROUPS, len(known) // FEWEST)
    if n_groups < 2:
        return Markup()
    ordered = known.sort_values(["said", "measured"], kind="stable")
    groups = np.array_split(ordered.to_numpy(dtype=np.float64), n_groups)
    points = [
        (float(group[:, 1].mean()), float(group[:, 0].mean()), float(group[:, 0].std(ddof=1) / math.sqrt(len(group))))
        for group in groups
    ]
    values = [value for said, mean, error in points for value in (said, mean - error, mean + error)]
    x = svg.scale(values, LEFT, WIDTH - RIGHT)
    y = svg.Scale(x.low, x.high, HEIGHT - BOTTOM, TOP)
    parts = [*_frame(x, y, "predicted log₁₀ σ (S/cm), out of fold", "measured log₁₀ σ (S/cm), mean of group")]
    parts.append(svg.line(x(x.low), y(y.low), x(x.high), y(y.high), css="one"))
    for said, mean, error in points:
        parts.append(svg.line(x(said), y(mean - error), x(said), y(mean + error), css="zero"))
        title = f"predicted {said:.2f}, measured {mean:.2f} ± {error:.2f}"
        parts.append(svg.circle(x(said), y(mean), 4.5, css="dot", title=title))
    told = "; ".join(f"{said:.1f}: {mean:.1f}" for said, mean, _ in points)
    alt = f"{len(known)} measured crystals in {n_groups} groups by prediction; mean predicted: mean measured {told}"
    return svg.figure(parts, width=WIDTH, height=HEIGHT, name="Calibration of the prediction", alt=alt)


def learning_plot(curve: list[dict[str, Any]]) -> Markup:
    """Return the mean absolute error on grouped folds against the number of training crystals; empty for none."""
    rows = [row for row in curve if row.get("mae") is not None]
    if len(rows) < 2:
        return Markup()
    spread = [float(row.get("mae_spread") or 0.0) for row in rows]
    counts, errors = [float(row["n_training"]) for row in rows], [float(row["mae"]) for row in rows]
    x = svg.scale([0.0, *counts], LEFT, WIDTH - RIGHT, margin=0.05)
    edges = [value for error, width in zip(errors, spread, strict=True) for value in (error - width, error + width)]
    y = svg.scale(edges, HEIGHT - BOTTOM, TOP, margin=0.1)
    parts = [*_frame(x, y, "crystals trained on", "mean absolute error, log₁₀ units")]
    for place, (count, error, width) in enumerate(zip(counts, errors, spread, strict=True)):
        if place:
            parts.append(svg.line(x(counts[place - 1]), y(errors[place - 1]), x(count), y(error), css="zero"))
        parts.append(svg.line(x(count), y(error - width), x(count), y(error + width), css="zero"))
        parts.append(svg.circle(x(count), y(error), 4.5, css="dot", title=f"{count:.0f} crystals: {error:.2f}"))
    told = "; ".join(f"{count:.0f}: {error:.2f}" for count, error in zip(counts, errors, strict=True))
    alt = f"Mean absolute error by number of training crystals: {told}; bars: spread"
    return svg.figure(parts, width=WIDTH, height=HEIGHT, name="Learning curve", alt=alt)


def _frame(x: svg.Scale, y: svg.Scale, across: str, up: str) -> list[Markup]:
    parts = []
    for tick in svg.ticks(x.low, x.high):
        parts.append(svg.line(x(tick), TOP, x(tick), HEIGHT - BOTTOM, css="rule"))
        parts.append(svg.text(x(tick), HEIGHT - BOTTOM + 16, svg.label(tick), css="tick", anchor="middle"))
    for tick in svg.ticks(y.low, y.high):
        parts.append(svg.line(LEFT, y(tick), WIDTH - RIGHT, y(tick), css="rule"))
        parts.append(svg.text(LEFT - 6, y(tick) + 4, svg.label(tick), css="tick", anchor="end"))
    parts.append(svg.text((LEFT + WIDTH) / 2, HEIGHT - 8, across, anchor="middle"))
    parts.append(svg.text(16, (TOP + HEIGHT - BOTTOM) / 2, up, anchor="middle", turn=-90))
    return parts
