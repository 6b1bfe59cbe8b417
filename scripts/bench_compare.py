#!/usr/bin/env python
"""The leaderboard of `screening compare`: learners against feature sets, with paired differences.

    scripts/bench_compare.py CRYSTALS... --labels L.csv [--splits publication] [any other flag of `screening compare`]

Writes the tables to docs/benchmarks.md and the plot of the first split to docs/leaderboard.svg.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from benchmarks import ROOT, record

from screening.learn.compare.nested import BEST, MEAN_OF_BEST
from screening.report.leaderboard import leaderboard_lines


def told(differences: pd.DataFrame) -> pd.DataFrame:
    """Keep the differences that answer the study's questions: topology and conventional sets, learners on topology."""
    names = ["topology", "conventional", "atomic fractions", "Betti curves (periodic)", "Betti curves (supercell)"]
    joined = [f"topology + {name}" for name in names[1:3]]
    by_set = (differences["kind"] == "features") & differences["context"].isin([BEST, "LightGBM"])
    by_set &= differences["first"].isin(names + joined) & differences["second"].isin(names + joined)
    by_learner = (differences["kind"] == "learner") & (differences["context"] == "topology")
    return differences[by_set | by_learner]


def gain(board: pd.DataFrame, learner: str) -> list[str]:
    """Say what topology adds to each composition table under one learner."""
    mae = board[board["learner"] == learner].set_index("features")["mae"]
    lines = []
    for name in ("conventional", "atomic fractions"):
        both = f"topology + {name}"
        if {name, both, "topology"} <= set(mae.index):
            lines.append(
                f"{learner}: MAE {mae[both]:.3f} with {both}, {mae[name]:.3f} with {name} alone "
                f"({mae[both] / mae[name] - 1:+.1%}), {mae['topology']:.3f} with topology alone."
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crystals", nargs="+")
    parser.add_argument("--labels", required=True)
    parser.add_argument("--splits", nargs="+", default=["publication"])
    options, flags = parser.parse_known_args()
    lines: list[str] = []
    for index, split in enumerate(options.splits):
        with TemporaryDirectory() as folder:
            command = ["screening", "compare", *options.crystals, "--labels", options.labels, *flags]
            command += ["--split", split, "--out", "LEADERBOARD"]
            begin = time.perf_counter()
            done = [sys.executable, "-m", *command[:-1], folder]
            subprocess.run(done, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - begin
            board = pd.read_csv(Path(folder) / "leaderboard.csv")
            differences = pd.read_csv(Path(folder) / "differences.csv")
            about = json.loads((Path(folder) / "compare.json").read_text())
            if index == 0:
                shutil.copy(Path(folder) / "leaderboard.svg", ROOT / "docs" / "leaderboard.svg")
        lines += [
            f"### Folds by {split}",
            "",
            f"`{shlex.join(command)}`: {about['n_crystals']} crystals, {about['n_bounds']} upper bounds among them, "
            f"{about['options']['repeats']} repeats, {about['options']['trials']} settings tried for each learner, set "
            f"and outer fold; {seconds / 60:.1f} min.",
            "",
            *gain(board, MEAN_OF_BEST),
            *gain(board, "LightGBM"),
            "",
            *leaderboard_lines(board, told(differences)),
            "",
        ]
    body = "\n".join([*lines, "![mean absolute error of every learner on every feature set](leaderboard.svg)"])
    print(body)
    record("compare", "Learners and feature sets", body)


if __name__ == "__main__":
    main()
