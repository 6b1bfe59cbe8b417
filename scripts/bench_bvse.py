#!/usr/bin/env python
"""Times the bond-valence barriers of a draw of crystals, and holds them against bvlain's.

    scripts/bench_bvse.py CRYSTALS [-n 1000]

CRYSTALS: archive or folder that holds those of tests/data/bvlain.csv too (scripts/bvlain_reference.py).
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from benchmarks import ROOT, record
from scipy.stats import spearmanr

from screening import _kernels
from screening.config import InputLimits
from screening.crystals import ANIONS, Crystal
from screening.data import write_measured
from screening.energy import BarrierRow, atom_charges, barrier_rows, landscape
from screening.energy.landscape import energy_grid, field_of
from screening.errors import RejectionError
from screening.host import cores
from screening.learn import read_labels
from screening.sources import Wanted, iter_items, read_item

NAMED = ("mp-985592", "mp-676109", "mp-1147619", "mp-1110750", "mp-1190809")
# What bvlain says at 0.2 Å by default (other radii, the nearest 100 neighbours), three directions, eV.
DEFAULT = dict(zip(NAMED, (0.293, 0.430, 0.410, 0.947, 1.416), strict=True))
FINE = 0.1  # Å
HIGH = 0.9  # eV
CLOSE = 0.02  # eV; a barrier of ours that is lower by more closes only after two cells (tests/energy/test_bvlain.py)


def read(path: Path) -> dict[str, Crystal]:
    """Return the crystals that can be read and hold lithium and a common anion, by id."""
    limits, found = InputLimits(), {}
    for item in iter_items([str(path)], limits):
        try:
            crystal = read_item(item, limits, id=item.id)
        except RejectionError:
            continue
        if ANIONS & set(crystal.composition()):
            found[item.id] = crystal
    return found


def on_their_grid(crystal: Crystal, points: str) -> np.ndarray:
    """Return barriers above the minimum on bvlain's grid, whose last points repeat the first."""
    charges, mobile = atom_charges(crystal, "Li")
    dims = np.array(list(map(int, points.split()))) - 1
    energies = energy_grid(crystal.lattice, field_of(crystal, charges, ion="Li", charge=mobile), dims)
    levels, _, minimum, *_ = _kernels.bvse_barriers(energies, dims)
    return levels - minimum


def agreement(crystals: dict[str, Crystal]) -> list[str]:
    """Return the lines that hold barriers against bvlain's."""
    with (ROOT / "tests" / "data" / "bvlain.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["id"] in crystals]
    same, own, named, lower = [], [], {}, 0
    for row in rows:
        crystal = crystals[row["id"]]
        theirs = np.array([float(row[f"E_{n}D"]) for n in (1, 2, 3)])
        ours = on_their_grid(crystal, row["points"])
        default = np.array(landscape(crystal, ion="Li", grid=0.2).from_minimum)
        two_cells = np.isfinite(theirs) & (theirs - ours > CLOSE)  # beyond 10 eV bvlain finds none
        lower += int(two_cells.sum())
        low = (theirs < 5.0) & ~two_cells
        same += (ours - theirs)[low].tolist()
        own += (default - theirs)[low].tolist()
        if row["id"] in NAMED:
            fine = landscape(crystal, ion="Li", grid=FINE).from_minimum[2]
            named[row["id"]] = f"| {row['id']} {crystal.formula} | {DEFAULT[row['id']]:.3f} | {theirs[2]:.3f} | "
            named[row["id"]] += f"{ours[2]:.3f} | {default[2]:.3f} | {fine:.3f} |"
    return [
        f"Against bvlain 0.25.1 (softBV's radii, all neighbours), {len(rows)} crystals, {len(same)} barriers below 5 "
        f"eV from the minimum: on bvlain's own grid ours differ by {np.mean(same):+.4f} eV on average, at most "
        f"{np.abs(same).max():.3f} (bvlain halves an interval down to 0.01 eV); on our default grid by a median of "
        f"{np.median(np.abs(own)):.3f}, at most {np.abs(own).max():.3f}, which is what 0.2 Å between points leaves "
        f"open. {lower} further barriers of ours are lower, of paths that close only after two cells.",
        "",
        "| crystal, E3D from the minimum, eV | bvlain by default | bvlain, softBV's radii | ours, its grid | "
        f"ours, 0.2 Å | ours, {FINE} Å |",
        "|---|---|---|---|---|---|",
        *(named[id] for id in NAMED if id in named),
    ]


def against_measured() -> list[str]:
    """Return the lines that hold barriers against the embedded measured conductivities; bounds are left out."""
    with tempfile.TemporaryDirectory() as folder:
        write_measured(Path(folder))
        crystals = read(Path(folder))
        labels = read_labels(Path(folder) / "labels.csv")
    pairs = [(Wanted(id, "", crystal.formula), crystal) for id, crystal in sorted(crystals.items())]
    rows = {row.id: row for part in barrier_rows(pairs, ion="Li", grid=0.2, workers=cores()) for row in part}
    sigma = {
        str(id): float(value)
        for id, value, bound in zip(labels.ids, labels.log_sigma, labels.is_bound, strict=True)
        if not bound and str(id) in rows and not rows[str(id)].code
    }
    told = [f"{len(sigma)} of the embedded measured crystals with a common anion have a value and a barrier ("]
    told[0] += f"{sum(not row.code for row in rows.values())} of {len(rows)} have a barrier). "
    told[0] += "Spearman's ρ of barrier and log σ, nothing fitted:"
    told += ["", "| barrier | one direction | two | three |", "|---|---|---|---|"]
    for words, name in (("above what runs on", "barriers"), ("above the minimum", "from_minimum")):
        cells = [
            f"{spearmanr([getattr(rows[id], name)[n] for id in sigma], list(sigma.values())).statistic:.2f}"
            for n in range(3)
        ]
        told.append(f"| {words} | {' | '.join(cells)} |")
    high = [value for id, value in sigma.items() if rows[id].barriers[0] > HIGH]
    low = [value for id, value in sigma.items() if rows[id].barriers[0] <= HIGH]
    told += ["", f"E1D above {HIGH} eV: {len(high)}, median log σ {np.median(high):.2f}; others {np.median(low):.2f}."]
    return told


def timed(pairs: list[tuple[Wanted, Crystal]]) -> tuple[list[BarrierRow], list[float]]:
    """Return rows and processor seconds, one crystal at a time, pathway included."""
    rows, seconds = [], []
    for pair in pairs:
        begin = time.process_time()
        rows += next(iter(barrier_rows([pair], ion="Li", grid=0.2, workers=1)))
        seconds.append(time.process_time() - begin)
    return rows, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crystals", type=Path)
    parser.add_argument("-n", type=int, default=1000)
    options = parser.parse_args()
    crystals = read(options.crystals)
    chosen = random.Random(0).sample(sorted(crystals), min(options.n, len(crystals)))
    pairs = [(Wanted(id, "", crystals[id].formula), crystals[id]) for id in chosen]
    rows, seconds = timed(pairs)
    begin = time.perf_counter()
    again = [row for part in barrier_rows(pairs, ion="Li", grid=0.2, workers=cores()) for row in part]
    wall = time.perf_counter() - begin
    if again != rows:
        raise SystemExit("several processes give other rows than one")
    took = np.array([second for row, second in zip(rows, seconds, strict=True) if not row.code])
    volumes = [crystals[row.id].volume for row in rows if not row.code]
    codes = ", ".join(
        f"{code} {count}" for code, count in sorted(Counter(row.code for row in rows if row.code).items())
    )
    marked = sum(row.barriers[0] > HIGH for row in rows if not row.code)
    ways = [len(row.ways) for row in rows if not row.code]
    body = "\n".join(
        [
            f"{len(rows)} of {len(crystals)} crystals with a common anion, drawn with seed 0; grid 0.2 Å, cut-off 10 "
            "Å, pathways included.",
            "",
            "| | |",
            "|---|---|",
            f"| with barriers | {len(took)} ({100 * len(took) / len(rows):.1f} %) |",
            f"| without | {codes or 'none'} |",
            f"| E1D above {HIGH} eV | {marked} |",
            f"| processor seconds a crystal with barriers | mean {took.mean():.3f}, median {np.median(took):.3f}, "
            f"95 % below {np.quantile(took, 0.95):.3f}, most {took.max():.2f} |",
            f"| their cells, Å³ | median {np.median(volumes):.0f}, largest {max(volumes):.0f} |",
            f"| ways of a pathway | median {np.median(ways):.0f}, most {max(ways)} |",
            f"| all of them | {sum(seconds):.0f} s of processor time; {wall:.0f} s by the clock on {cores()} cores "
            "that other work shared, and the same rows |",
            "",
            *agreement(crystals),
            "",
            *against_measured(),
        ]
    )
    print(body)
    record("bvse", "Bond-valence barriers", body)


if __name__ == "__main__":
    main()
