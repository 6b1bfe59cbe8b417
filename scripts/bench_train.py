#!/usr/bin/env python
"""Times `screening train` on made-up labels of crystals of a store: how training takes to more labels than there are.

    scripts/bench_train.py STORE [--labels 1000] [--seed 0] [--threads 2]

Crystals and values are drawn by the seed; publications and families are neighbours in the order of formulas. Values
mean nothing, and no score is told: what is timed is the work. The store is read only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from benchmarks import record

from screening.host import cores
from screening.locations import location
from screening.store import read_some, tables_by_id

PER_PUBLICATION = 3  # as many of the labelled crystals there are to a publication
FAMILIES = 10
LEVEL, SPREAD = -5.5, 2.5  # log10 S/cm, as of measured ones


def made_up(store: str, *, n: int, seed: int) -> tuple[pd.DataFrame, int]:
    """Return labels of `n` crystals of a store, and how many it holds."""
    ids = sorted(tables_by_id(location(store)))
    rng = np.random.default_rng(seed)
    drawn = read_some(location(store), ids=set(rng.choice(np.array(ids, dtype=object), size=n, replace=False)))
    place = np.argsort(np.argsort(drawn.facts["formula"].to_numpy(dtype=str), kind="stable"))
    values = np.minimum(LEVEL + SPREAD * rng.standard_normal(n), -0.5)
    frame = pd.DataFrame(
        {
            "ID": drawn.ids,
            "Ionic conductivity (S cm-1)": 10.0**values,
            "DOI": [f"10.0/{one // PER_PUBLICATION}" for one in place],
            "Family": [f"family {one * FAMILIES // n}" for one in place],
        }
    )
    return frame, len(ids)


def busy() -> float:
    """Return seconds of processor time that all processes of the machine have had since it started; 0 if not told."""
    table = Path("/proc/stat")
    if not table.exists():
        return 0.0
    user, nice, system, _, _, interrupts, soft = map(int, table.read_text().split()[1:8])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def seconds(store: str, labels: Path, out: Path, threads: int) -> tuple[float, float, float]:
    """Return seconds of one training by the command: by the clock, of processor time, and of others' beside it."""
    command = ["train", "--features", store, "--labels", str(labels), "--out", str(out), "--id-column", "ID",
               "--device", "cpu", "--threads", str(threads), "--quiet"]  # fmt: skip
    before, begin, all_before = os.times(), time.perf_counter(), busy()
    subprocess.run([sys.executable, "-m", "screening", *command], check=True, stdout=subprocess.DEVNULL)
    taken, after, all_after = time.perf_counter() - begin, os.times(), busy()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return taken, spent, max(0.0, all_after - all_before - spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--labels", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=cores())
    options = parser.parse_args()
    frame, crystals = made_up(options.store, n=options.labels, seed=options.seed)
    with TemporaryDirectory() as folder:
        labels = Path(folder) / "labels.csv"
        frame.to_csv(labels, index=False)
        taken, spent, others = seconds(options.store, labels, Path(folder) / "model", options.threads)
    body = (
        f"`screening train` with its defaults on {options.labels:,} made-up labels (seed {options.seed}) of "
        f"{crystals:,} crystals, {options.threads} trainings at a time: {taken:.1f} s by the clock, {spent:.1f} s of "
        f"processor time; other programs had {others:.1f} s of the {os.cpu_count()} cores meanwhile."
    )
    print(body)
    record("train", "How long training takes", body)


if __name__ == "__main__":
    main()
