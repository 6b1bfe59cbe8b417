"""A small picture of a crystal, with the cell, the colours and the direction in which the page first shows it."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch, PathPatch, Wedge
from matplotlib.path import Path

from screening.config import FeatureSettings
from screening.crystals import Crystal, FloatArray, covalent_radii
from screening.report.structures import atoms

SIDE = 240  # pixels
DPI = 96
SITES_DRAWN = 1500  # more are no picture at this size
BORDER = 1e-4  # of a cell: atoms on its border appear on all its sides
HYDROGEN = 0.31  # Å, covalent: B. Cordero et al., Dalton Trans. 2832 (2008)
INK, EMPTY = "#1c2430", "#ffffff"
UNKNOWN = "#b0b0b0"  # of elements without a colour of their own


@cache
def _colours() -> tuple[str, ...]:
    """Return the colours of hydrogen and on, those that the page draws: there is one table."""
    script = resources.files("screening.report").joinpath("templates/colours.js").read_text(encoding="utf-8")
    table = script.partition("const jmol")[2].partition(";")[0]
    return tuple(f"#{colour}" for colour in re.findall(r"\b[0-9a-f]{6}\b", table))


def picture(crystal: Crystal, config: FeatureSettings) -> bytes | None:
    """Return a PNG of `SIDE` by `SIDE` pixels, or None for a crystal of more than `SITES_DRAWN` sites in the cell.

    The same crystal gives the same bytes. A site that several species share is a pie of their occupancies.
    """
    drawn = atoms(crystal, config)
    sites = _sites(drawn["atoms"])
    if len(sites) > SITES_DRAWN:
        return None
    lattice = np.array(drawn["lattice"], dtype=np.float64)
    colours = species_colours(drawn["atoms"])
    view = first_view()
    corners = np.array(list(itertools.product((0, 1), repeat=3)), dtype=np.float64)
    centre = lattice.sum(axis=0) / 2
    reach = max(4.0, float(np.linalg.norm(corners @ lattice - centre, axis=1).max())) + 1
    jobs: list[tuple[float, Patch]] = []
    for begin, end in itertools.combinations(corners, 2):
        if np.abs(end - begin).sum() == 1:
            ends = (np.array([begin, end]) @ lattice - centre) @ view
            line = Path(ends[:, :2])
            jobs.append((float(ends[:, 2].mean()), PathPatch(line, fill=False, edgecolor=INK, linewidth=0.8)))
    for at, parts in sites:
        for place in _on_all_sides(at):
            x, y, depth = (place @ lattice - centre) @ view
            jobs += [(float(depth), patch) for patch in _ball((x, y), parts, colours)]
    jobs.sort(key=lambda job: job[0])
    figure = Figure(figsize=(SIDE / DPI, SIDE / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.add_collection(PatchCollection([patch for _, patch in jobs], match_original=True))
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def first_view() -> FloatArray:
    """Return the (3, 3) rotation that the page begins with, for rows of positions: x right, y up, z to the reader."""
    (c, s), (d, t) = ((np.cos(angle), np.sin(angle)) for angle in (0.5, 0.3))
    about_y = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    about_x = np.array([[1, 0, 0], [0, d, t], [0, -t, d]])
    return np.asarray(about_y @ about_x, dtype=np.float64)


def species_colours(rows: Sequence[Sequence[Any]]) -> dict[int, str]:
    """Return a colour for each atomic number of rows as `atoms` gives them."""
    known = _colours()
    return {int(row[0]): known[int(row[0]) - 1] if int(row[0]) <= len(known) else UNKNOWN for row in rows}


def _sites(rows: Sequence[Sequence[Any]]) -> list[tuple[FloatArray, list[tuple[int, float]]]]:
    """Return [(fractional position, [(atomic number, share), the largest first])] by site."""
    by_site: dict[int, tuple[FloatArray, list[tuple[int, float]]]] = {}
    for number, site, _, *place, share in rows:
        by_site.setdefault(site, (np.array(place), []))[1].append((number, share))
    for _, parts in by_site.values():
        parts.sort(key=lambda part: (-part[1], part[0]))
    return list(by_site.values())


def _on_all_sides(at: FloatArray) -> list[FloatArray]:
    ranges = [[t for t in (-1, 0, 1) if -BORDER <= x + t <= 1 + BORDER] for x in at]
    return [at + np.array(shift) for shift in itertools.product(*ranges)]


def _ball(centre: tuple[float, float], parts: Sequence[tuple[int, float]], colours: dict[int, str]) -> list[Patch]:
    size = 0.18 + 0.3 * _radius(parts[0][0])
    total = max(1.0, sum(share for _, share in parts))
    if len(parts) == 1 and parts[0][1] >= total:
        return [Circle(centre, size, facecolor=colours[parts[0][0]], edgecolor=INK, linewidth=0.6)]
    pieces: list[Patch] = [Circle(centre, size, facecolor=EMPTY, edgecolor=INK, linewidth=0.6)]
    angle = 90.0
    for number, share in parts:  # clockwise from the top
        next_angle = angle - 360 * share / total
        pieces.append(Wedge(centre, size, next_angle, angle, facecolor=colours[number], edgecolor="none"))
        angle = next_angle
    return pieces


def _radius(number: int) -> float:
    """Return the covalent radius in Å of Cordero et al., as the page has it; 1.5 where there is none."""
    return HYDROGEN if number == 1 else float(covalent_radii()[number]) or 1.5
