#!/usr/bin/env python
"""Writes what a finished RUN took and found into docs/benchmarks.md.

scripts/bench_screening.py RUN
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
from benchmarks import record


def main() -> None:
    run = Path(sys.argv[1])
    told = json.loads((run / "run.json").read_text())
    counts, seconds = told["counts"], told["seconds"]
    total = sum(seconds.values())
    ranking = pd.read_csv(run / "ranking.csv", nrows=20)
    stages = ", ".join(f"{stage} {value:.0f} s" for stage, value in seconds.items())
    rows = [
        f"| {row.rank} | {row.formula} | {row.id} | {row.prediction:.2f} | {row.lower:.2f} to {row.upper:.2f} |"
        f" {row.nearest_formula} | {'yes' if row.in_domain else 'no'} |"
        for row in ranking.itertuples()
    ]
    body = "\n".join(
        [
            f"{counts['found']} crystals found, {counts['featurized']} featurized, {counts['rejected']} rejected "
            f"({told['rejected_by_code']}), {counts['ranked']} ranked, {counts['radius_cut']} with a radius cut back.",
            f"Whole command {total:.0f} s: {stages}.",
            "",
            "| rank | formula | id | log10 σ (S/cm) | 80 % interval | nearest known conductor | in domain |",
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )
    print(body)
    record("screening", "A real screening", body)


if __name__ == "__main__":
    main()
