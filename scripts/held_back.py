#!/usr/bin/env python
"""Some of the crystals that a list holds back, drawn at random, to be looked at by hand.

    scripts/held_back.py RUN [-n 50] [--seed 0] [--reason anion]

Crystals folded into a better entry of their compound are left aside. Prints a table of id, formula and reasons.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from screening.ranking import POLYMORPH
from screening.runs import ranking_path, read_ranking


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("-n", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reason", help="of these alone")
    options = parser.parse_args()
    frame = read_ranking(ranking_path(options.run))
    frame = frame[~frame["held_back"].isin(["", POLYMORPH])].sort_values("id", ignore_index=True)
    if options.reason:
        frame = frame[[options.reason in cell.split(";") for cell in frame["held_back"]]].reset_index(drop=True)
    rows = np.random.default_rng(options.seed).choice(len(frame), size=min(options.n, len(frame)), replace=False)
    print(f"{len(rows)} of {len(frame)}, seed {options.seed}\n\n| id | compound | held back for |\n|---|---|---|")
    for row in frame.loc[sorted(rows), ["id", "formula", "held_back"]].itertuples(index=False):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
