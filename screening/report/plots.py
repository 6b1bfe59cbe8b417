"""The plots of a report: predicted against measured, kinds of hole, beeswarm."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from screening.report import svg
from screening.runs import read_beeswarm, read_kinds

KINDS_SHOWN = 12
COLOURS = 5  # steps of the ramp from low to high feature values
ROW = 26  # height of one kind, px
LEFT = 250  # room for the names of the kinds, px


def write_explanation_plots(explanation_dir: Path) -> None:
    """Write kinds.svg and beeswarm.svg beside the tables of an explanation.

    Raises
    ------
    InputError
        kinds.csv or beeswarm.csv is missing or lacks a column.
    """
    kinds = read_kinds(explanation_dir)
    plots = {"kinds.svg": kinds_plot(kinds), "beeswarm.svg": beeswarm_plot(kinds, read_beeswarm(explanation_dir))}
    for name, plot in plots.items():
        (explanation_dir / name).write_text(svg.standalone(plot), encoding="utf-8")


def kinds_plot(kinds: pd.DataFrame) -> Markup:
    """Return bars of mean |SHAP| of the strongest kinds of hole, coloured by the sign of their effect."""
    shown = kinds.head(KINDS_SHOWN)
    width, top = 720, 26
    height = top + ROW * len(shown) + 40
    x = svg.Scale(0.0, max(float(shown["mean_abs_shap"].max()), 1e-12) * 1.02, LEFT, width - 60)
    parts = [_rules(x, top, height - 40), svg.text((LEFT + width - 60) / 2, height - 6, AXIS_BARS, anchor="middle")]
    parts.append(_legend([("up", "more of it, higher σ"), ("down", "more of it, lower σ"), ("mixed", "neither")]))
    for row, kind in enumerate(shown.to_dict("records")):
        y = top + ROW * row
        css = direction_class(float(kind["direction"]))
        title = f"{kind['kind']}: {kind['mean_abs_shap']:.3f} log units, {kind['share']:.1%} of all"
        parts.append(svg.text(LEFT - 8, y + 17, str(kind["words"]), anchor="end"))
        parts.append(
            Markup('<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" rx="2" class="{}">{}</rect>').format(
                LEFT, y + 5, x(float(kind["mean_abs_shap"])) - LEFT, ROW - 10, css, svg.tooltip(title)
            )
        )
        parts.append(svg.text(x(float(kind["mean_abs_shap"])) + 5, y + 17, f"{kind['share']:.0%}", css="tick"))
    alt = "; ".join(f"{kind} {share:.0%}" for kind, share in zip(shown["words"], shown["share"], strict=True))
    return svg.figure(parts, width=width, height=height, name="Kinds of hole by mean absolute SHAP value", alt=alt)


AXIS_BARS = "mean |SHAP|, log₁₀ units of σ; % = share of all kinds"


def direction_class(direction: float) -> str:
    """Return the colour class of an effect by its sign."""
    return "up" if direction > 0 else "down" if direction < 0 else "mixed"


def beeswarm_plot(kinds: pd.DataFrame, swarm: pd.DataFrame) -> Markup:
    """Return one dot per crystal and kind of hole at its SHAP value, coloured by the rank of its feature value."""
    words = dict(zip(kinds["kind"], kinds["words"], strict=True))
    names = [name for name in kinds["kind"].head(KINDS_SHOWN) if name in set(swarm["kind"])]
    groups = {name: swarm[swarm["kind"] == name] for name in names}
    width, top = 720, 26
    height = top + ROW * len(names) + 40
    shown = swarm[swarm["kind"].isin(names)]["shap"].tolist()
    x = svg.scale([0.0, *shown], LEFT, width - 20)
    parts = [_rules(x, top, height - 40), svg.line(x(0), top, x(0), height - 40, css="zero")]
    parts.append(svg.text((LEFT + width - 20) / 2, height - 6, "SHAP value, log₁₀ units of σ", anchor="middle"))
    parts.append(_legend([("q0", "low value"), ("q2", "middle"), ("q4", "high value")]))
    for row, name in enumerate(names):
        y = top + ROW * (row + 0.5)
        parts.append(svg.text(LEFT - 8, y + 4, words[name], anchor="end"))
        group = groups[name].sort_values(["shap", "id"], kind="stable")
        shaps = group["shap"].to_numpy(dtype=np.float64)
        colours = quantile_steps(group["value"].to_numpy(dtype=np.float64))
        lifts = swarm_lifts(np.array([x(value) for value in shaps]), room=ROW / 2 - 3)
        for id, shap, lift, colour in zip(group["id"], shaps, lifts, colours, strict=True):
            title = f"{id}: {svg.label(round(float(shap), 3))}"
            parts.append(svg.circle(x(float(shap)), y + lift, 2.2, css=f"q{colour}", title=title))
    named = ", ".join(words[name] for name in names)
    alt = f"Each dot is one crystal; {len(names)} kinds of hole from the strongest down: {named}"
    return svg.figure(parts, width=width, height=height, name="SHAP values of single crystals by kind of hole", alt=alt)


def quantile_steps(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the fifth (0 to 4) of all values that each value lies in; equal values share one, NaN is in the middle."""
    steps = np.full(len(values), COLOURS // 2)
    finite = np.isfinite(values)
    ordered = np.sort(values[finite])
    if len(ordered) and ordered[0] < ordered[-1]:
        below = np.searchsorted(ordered, values[finite], side="left")
        upto = np.searchsorted(ordered, values[finite], side="right")
        steps[finite] = np.minimum((below + upto) * COLOURS // (2 * len(ordered)), COLOURS - 1)
    return steps


def swarm_lifts(pixels: NDArray[np.float64], room: float) -> NDArray[np.float64]:
    """Return how far each dot of one row is moved off the middle, px, so that dots of a 3 px bin stay visible.

    Dots of a bin go alternately above and below the middle, closer together where the bin is full.
    """
    bins: dict[int, list[int]] = defaultdict(list)
    for index, pixel in enumerate(pixels):
        bins[int(pixel // 3)].append(index)
    lifts = np.zeros(len(pixels))
    for members in bins.values():
        step = min(2.6, room / max(1, len(members) // 2))
        for place, index in enumerate(members):
            lifts[index] = step * ((place + 1) // 2) * (1 if place % 2 else -1)
    return lifts


def scatter_plot(folds: pd.DataFrame, model: str) -> Markup:
    """Return predicted against measured log10 conductivity of crystals the model had not seen; bounds are triangles."""
    points = folds.groupby("id", sort=True).agg(
        formula=("formula", "first"),
        is_bound=("is_bound", "first"),
        measured=("measured", "first"),
        predicted=(model, "mean"),
    )
    size, left, bottom = 440, 56, 46
    values = [*points["measured"], *points["predicted"]]
    x, y = svg.scale(values, left, size - 12), svg.scale(values, size - bottom, 30)
    parts = []
    for tick in svg.ticks(x.low, x.high):
        parts += [
            svg.line(x(tick), 30, x(tick), size - bottom, css="rule"),
            svg.line(left, y(tick), size - 12, y(tick), css="rule"),
        ]
        parts.append(svg.text(x(tick), size - bottom + 16, svg.label(tick), css="tick", anchor="middle"))
        parts.append(svg.text(left - 6, y(tick) + 4, svg.label(tick), css="tick", anchor="end"))
    parts.append(svg.line(x(x.low), y(y.low), x(x.high), y(y.high), css="one"))
    parts.append(svg.text((left + size) / 2, size - 8, "measured log₁₀ σ (S/cm)", anchor="middle"))
    parts.append(svg.text(16, (30 + size - bottom) / 2, "predicted, out of fold", anchor="middle", turn=-90))
    parts.append(_legend([("dot", "measured"), ("bound", "upper bound (true value lies left)")], x=left))
    for id, point in points.iterrows():
        px, py = x(float(point["measured"])), y(float(point["predicted"]))
        title = f"{id} {point['formula']}: measured {point['measured']:.2f}, predicted {point['predicted']:.2f}"
        if point["is_bound"]:
            parts.append(_triangle(px, py, title=title))
        else:
            parts.append(svg.circle(px, py, 3.4, css="dot", title=title))
    bounds = int(points["is_bound"].sum())
    alt = (
        f"{len(points)} labelled crystals, {bounds} of them upper bounds; a perfect model would put all on the diagonal"
    )
    return svg.figure(parts, width=size, height=size, name="Predicted against measured conductivity", alt=alt)


def _rules(x: svg.Scale, top: float, bottom: float) -> Markup:
    parts = []
    for tick in svg.ticks(x.low, x.high):
        parts.append(svg.line(x(tick), top, x(tick), bottom, css="rule"))
        parts.append(svg.text(x(tick), bottom + 15, svg.label(tick), css="tick", anchor="middle"))
    return Markup("").join(parts)


def _legend(entries: list[tuple[str, str]], x: float = LEFT) -> Markup:
    parts = []
    for css, words in entries:
        mark = _triangle(x + 5, 12, title="") if css == "bound" else svg.circle(x + 5, 12, 4.5, css=css, title="")
        parts.append(mark)
        parts.append(svg.text(x + 14, 16, words, css="tick"))
        x += 30 + 6.2 * len(words)
    return Markup("").join(parts)


def _triangle(x: float, y: float, *, title: str) -> Markup:
    """Return a triangle that points left, to where the true value of an upper bound lies."""
    path = f"M{x - 5:.1f} {y:.1f}l8 -4.5v9z"
    return Markup('<path d="{}" class="bound">{}</path>').format(path, svg.tooltip(title))
