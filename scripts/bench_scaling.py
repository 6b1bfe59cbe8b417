#!/usr/bin/env python
"""How the time of the periodic engine grows with sites, simplices and radius, on the channels of real crystals.

    scripts/bench_scaling.py PATH... [--every N] [--record]

One thread. Every cloud is run by itself, best of three; simplices (vertices to tetrahedra, per primitive cell, up to
the channel's radius) are counted here by matrix products, apart from the engine. --record writes the figures into
docs/benchmarks.md and the plot to docs/periodic-scaling.svg.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from bench_homology import RADII, load
from benchmarks import ROOT, record
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from screening.crystals.crystal import CloudBatch
from screening.crystals.neighbours import periodic_pairs
from screening.homology.periodic import barcodes
from screening.homology.primitive import primitive_cells

FACTORS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
COLOURS = {"mobile": "#0072B2", "anion": "#D55E00", "cation": "#009E73", "framework": "#CC79A7", "all": "#555555"}


def count_simplices(lattice: np.ndarray, positions: np.ndarray, r_max: float) -> int:
    """Return vertices, edges, triangles and tetrahedra per cell of the Rips complex at `r_max`."""
    first, second, shifts, distances = periodic_pairs(lattice, positions, r_max)
    kept = distances <= r_max
    first, second, shifts = first[kept], second[kept], shifts[kept]
    total = len(positions) + len(first)
    for site in range(len(positions)):
        out, back = first == site, second == site
        places = np.concatenate([positions[second[out]] + shifts[out], positions[first[back]] - shifts[back]]).astype(
            np.float64
        )
        cartesian = places @ lattice
        gaps = np.linalg.norm(cartesian[:, None] - cartesian[None], axis=2)
        joined = ((gaps <= r_max) & (gaps > 1e-9)).astype(np.float64)
        total += round(joined.sum()) / 2 / 3  # each triangle is met at its three corners
        total += round(float(((joined @ joined) * joined).sum())) / 6 / 4
    return round(total)


def seconds_of(batch: CloudBatch, r_max: float, repeats: int = 3) -> float:
    best = np.inf
    for _ in range(repeats):
        begin = time.perf_counter()
        barcodes(batch, r_max=r_max, primitive=False)
        best = min(best, time.perf_counter() - begin)
    return best


def draw(clouds: list[tuple[str, int, int, float]], growth: dict[str, list[float]]) -> None:
    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    FigureCanvasSVG(figure)
    left, middle, right = figure.subplots(1, 3)
    for channel, colour in COLOURS.items():
        own = np.array([(points, simplices, spent) for name, points, simplices, spent in clouds if name == channel])
        left.loglog(own[:, 0], 1e3 * own[:, 2], ".", color=colour, ms=3, label=f"{channel}, {RADII[channel]:g} Å")
        middle.loglog(own[:, 1], 1e3 * own[:, 2], ".", color=colour, ms=3)
        right.semilogy(np.array(FACTORS) * RADII[channel], growth[channel], ".-", color=colour)
    left.set(xlabel="sites in the primitive cell", ylabel="time of a cloud (ms)")
    middle.set(xlabel="simplices per cell", ylabel="time of a cloud (ms)")
    right.set(xlabel="r_max (Å)", ylabel="time of all clouds (s)")
    left.legend(fontsize=7, frameon=False)
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(ROOT / "docs" / "periodic-scaling.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--every", type=int, default=1, help="take every N-th crystal")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    batches, crystals = load(options.paths, options.every)
    batches = {channel: primitive_cells(batch) for channel, batch in batches.items()}
    clouds = []
    for channel, batch in batches.items():
        for cloud in batch:
            lattice, positions = cloud[0], cloud[1]
            if len(positions) == 0:
                continue
            alone = CloudBatch.from_clouds([cloud])
            spent = seconds_of(alone, RADII[channel])
            clouds.append((channel, len(positions), count_simplices(lattice, positions, RADII[channel]), spent))
    growth = {
        channel: [seconds_of(batch, factor * RADII[channel], repeats=1) for factor in FACTORS]
        for channel, batch in batches.items()
    }
    taken = np.array([cloud[3] for cloud in clouds])
    simplices = sum(cloud[2] for cloud in clouds)
    worst = clouds[int(taken.argmax())]
    at = FACTORS.index(1.0)
    lines = [
        f"{crystals} crystals, {len(clouds)} clouds, primitive cells, one thread, up to the default radii.",
        "",
        f"{simplices:,} simplices in {taken.sum():.2f} s: "
        f"{simplices / taken.sum() / 1e6:.1f} million simplices a second.",
        f"Median cloud {1e3 * np.median(taken):.2f} ms; 99 % below {1e3 * np.quantile(taken, 0.99):.1f} ms; "
        f"worst {1e3 * worst[3]:.0f} ms ({worst[0]}, {worst[1]} sites, {worst[2]:,} simplices).",
        "",
        "| channel | r_max (Å) | clouds | s | s at 0.8 r_max | s at 1.2 r_max | time grows as r_max to the |",
        "|---|---|---|---|---|---|---|",
    ]
    for channel, times in growth.items():
        low, high = times[FACTORS.index(0.8)], times[FACTORS.index(1.2)]
        power = np.log(high / low) / np.log(1.2 / 0.8)
        lines.append(
            f"| {channel} | {RADII[channel]:g} | {len(batches[channel])} | {times[at]:.2f} | {low:.2f} | {high:.2f} "
            f"| {power:.1f} |"
        )
    lines += ["", "![time against sites, simplices and radius](periodic-scaling.svg)"]
    body = "\n".join(lines)
    print(body)
    if options.record:
        draw(clouds, growth)
        record("scaling", "How the periodic engine scales", body)


if __name__ == "__main__":
    main()
