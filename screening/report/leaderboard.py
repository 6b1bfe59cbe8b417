"""The leaderboard of `screening compare` as a plot and a page of Markdown."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from screening.errors import InputError

SHOWN_P = 0.001  # smaller ones are told as "< 0.001"
# Okabe and Ito's colours, told apart by colour-blind readers; markers differ too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "h", "p")


def write_leaderboard_plot(leaderboard: pd.DataFrame, path: Path) -> None:
    """Write MAE of every learner on every feature set as SVG: sets by their best learner, a bar for the fold spread.

    Raises
    ------
    InputError
        Another suffix than .svg.
    """
    if path.suffix != ".svg":
        raise InputError(f"{path}: the leaderboard is drawn as .svg")
    sets = list(dict.fromkeys(leaderboard["features"]))
    learners = sorted(set(leaderboard["learner"]))
    with mpl.rc_context({"svg.hashsalt": "screening", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8.5, 1.4 + 0.62 * len(sets)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        for index, learner in enumerate(learners):
            rows = leaderboard[leaderboard["learner"] == learner]
            places = [sets.index(name) + 0.7 * ((index + 0.5) / len(learners) - 0.5) for name in rows["features"]]
            axes.errorbar(
                rows["mae"],
                places,
                xerr=rows["mae_spread"],
                fmt=MARKERS[index % len(MARKERS)],
                ms=4.5,
                lw=0.6,
                color=COLOURS[index % len(COLOURS)],
                label=learner,
            )
        axes.set_yticks(np.arange(len(sets)), sets)
        axes.invert_yaxis()
        axes.set_xlabel("mean absolute error, log10 units; bars: spread over folds")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", lw=0.4, color="#dddddd")
        figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8)
        figure.savefig(path, metadata={"Date": None})


def leaderboard_lines(leaderboard: pd.DataFrame, differences: pd.DataFrame, *, most: int = 3) -> list[str]:
    """Return Markdown: the best `most` learners of each feature set, LightGBM and the chosen ones; then differences."""
    lines = ["| features | learner | R² | spread | MAE | spread | Spearman |", "|---|---|---|---|---|---|---|"]
    for name in dict.fromkeys(leaderboard["features"]):
        rows = leaderboard[leaderboard["features"] == name]
        always = rows["learner"].str.contains("inner folds") | (rows["learner"] == "LightGBM")
        top = rows["learner"].isin(rows[~always]["learner"].head(most))
        for row in rows[always | top].to_dict("records"):
            cells = [_cell(row[key]) for key in ("r2", "r2_spread", "mae", "mae_spread", "spearman")]
            lines.append(f"| {name} | {row['learner']} | {' | '.join(cells)} |")
    if len(differences):
        lines += [
            "",
            "Paired differences of MAE over the same folds (95 % interval and p of the corrected resampled t-test):",
            "",
            "| | first - second | difference | interval | p |",
            "|---|---|---|---|---|",
        ]
    for row in differences.to_dict("records"):
        p = f"< {SHOWN_P}" if row["p"] < SHOWN_P else f"{row['p']:.3f}"
        lines.append(
            f"| {row['context']} | {row['first']} - {row['second']} | {row['mae_difference']:+.2f} | "
            f"{row['lower']:+.2f} to {row['upper']:+.2f} | {p} |"
        )
    return lines


def _cell(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.2f}"
