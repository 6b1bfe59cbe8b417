"""The picture of one crystal: persistence diagram, Betti curves and percolation ranks of its sublattices."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from screening.crystals import FloatArray
from screening.errors import InputError

# Okabe and Ito's colours, told apart by colour-blind eyes.
HOLES = {0: ("components", "#0072B2"), 1: ("rings", "#D55E00"), 2: ("cavities", "#009E73")}
RANKS = (("finite", "#999999"), ("chains", "#E69F00"), ("layers", "#CC79A7"), ("framework", "#56B4E9"))
SUFFIXES = (".svg", ".png", ".html")


@dataclass(frozen=True, slots=True, eq=False)
class Sublattice:
    """What is drawn of one channel."""

    bars: Mapping[int, FloatArray]  # dimension -> (n, 2) birth and death, Å
    radii: FloatArray  # (n_radii,) Å
    betti: Mapping[int, FloatArray]  # dimension -> (n_radii,) per site
    ranks: FloatArray  # (4, n_radii) share of sites


def draw_barcode(sublattices: Mapping[str, Sublattice], path: Path, *, title: str) -> None:
    """Write the picture as .svg, .png or .html, by suffix; the same input gives the same bytes.

    Raises
    ------
    InputError
        Another suffix.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: a barcode is drawn as {', '.join(SUFFIXES)}")
    figure = Figure(figsize=(12, 3.4 * len(sublattices)), layout="constrained")
    axes = figure.subplots(len(sublattices), 3, squeeze=False)
    for row, (label, sublattice) in zip(axes, sublattices.items(), strict=True):
        _diagram(row[0], sublattice, label)
        _betti(row[1], sublattice)
        _percolation(row[2], sublattice)
    figure.suptitle(title.replace("$", r"\$"), fontsize=13)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        FigureCanvasAgg(figure)
        figure.savefig(path, format="png")
        return
    svg = _svg(figure)
    if path.suffix == ".html":
        head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        svg = f"{head}<body>{svg[svg.index('<svg') :]}</body></html>\n"
    path.write_text(svg, encoding="utf-8")


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "screening", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _diagram(axes: Any, sublattice: Sublattice, label: str) -> None:
    top = float(sublattice.radii[-1])
    axes.plot([0, top], [0, top], color="#bbbbbb", linewidth=1)
    for dim, bars in sublattice.bars.items():
        name, colour = HOLES[dim]
        ends, counts = np.unique(bars, axis=0, return_counts=True)
        endless = ~np.isfinite(ends[:, 1])
        heights = np.where(endless, top, ends[:, 1])
        axes.scatter(
            ends[:, 0], heights, s=14 + 10 * np.log2(counts), color=colour, alpha=0.7, label=name, linewidths=0
        )
    axes.set(xlabel="birth (Å)", ylabel=f"{label}\ndeath (Å)", xlim=(-0.2, top), ylim=(0, top * 1.03))
    axes.set_title("persistence diagram", fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _betti(axes: Any, sublattice: Sublattice) -> None:
    for dim, curve in sublattice.betti.items():
        axes.step(sublattice.radii, curve, where="post", color=HOLES[dim][1], label=HOLES[dim][0])
    axes.set(xlabel="radius (Å)", ylabel="alive per site")
    axes.set_title("Betti curves", fontsize=10)
    axes.legend(fontsize=8, frameon=False)


def _percolation(axes: Any, sublattice: Sublattice) -> None:
    names, colours = zip(*RANKS, strict=True)
    axes.stackplot(sublattice.radii, sublattice.ranks, labels=names, colors=colours, step="post")
    axes.set(xlabel="radius (Å)", ylabel="share of sites", ylim=(0, 1), xlim=(0, float(sublattice.radii[-1])))
    axes.set_title("percolation", fontsize=10)
    axes.legend(fontsize=8, frameon=True, loc="lower left")
