#!/usr/bin/env python
"""What finding prototypes costs beside computing features: processor time of both on the same crystals.

    scripts/bench_prototypes.py RUN [-n 1000] [--seed 0] [--record]

RUN is a finished `screening run`. Taken are the first N of its list, as a ranking does by default, and N of all
candidates at random. One thread; crystals are read again from where the run found them.
"""

from __future__ import annotations

import argparse
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks import record

from screening.config import Config
from screening.crystals import UNKNOWN, Crystal, prototype
from screening.features import assemble, persist, prepared_of
from screening.host import native_output_held
from screening.runs import ranking_path, read_ranking
from screening.sources import Wanted, find_crystals

BATCH = 64


def features(crystals: list[Crystal], config: Config) -> None:
    for begin in range(0, len(crystals), BATCH):
        prepared = prepared_of(crystals[begin : begin + BATCH], config, stage="bench")
        assemble(prepared, persist(prepared, config), config)


def row(name: str, frame: pd.DataFrame, config: Config) -> tuple[str, float, float]:
    """Return a row of the table, and seconds a crystal of reading with prototypes, and of features."""
    wanted = [Wanted(*map(str, one)) for one in zip(frame["id"], frame["source"], frame["formula"], strict=True)]
    started = time.process_time()
    crystals = [one for one in find_crystals(wanted, config.input).values() if isinstance(one, Crystal)]
    read = time.process_time() - started
    features(crystals[:BATCH], config)  # what is loaded and compiled once is not counted
    with native_output_held():
        prototype(crystals[0])
        started = time.process_time()
        labels = [prototype(one) for one in crystals]
        labelled = time.process_time() - started
    started = time.process_time()
    features(crystals, config)
    computed = time.process_time() - started
    sites = np.array([one.n_sites for one in crystals])
    unknown = sum(label == UNKNOWN for label in labels)
    first = sum(label.split("_")[2] == "1" for label in labels if label != UNKNOWN)
    cells = [name, len(crystals), int(np.median(sites)), f"{read:.1f} s", f"{labelled:.1f} s", f"{computed:.1f} s"]
    cells += [f"{labelled / computed:.2f}", unknown, first, len(set(labels))]
    return f"| {' | '.join(map(str, cells))} |", (read + labelled) / len(crystals), computed / len(crystals)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("-n", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    frame = read_ranking(ranking_path(options.run))
    drawn = np.random.default_rng(options.seed).choice(len(frame), size=min(options.n, len(frame)), replace=False)
    config = Config()
    first, labelled, _ = row("the first", frame.head(options.n), config)
    others, _, computed = row("at random", frame.iloc[np.sort(drawn)], config)
    share = labelled * min(options.n, len(frame)) / (computed * len(frame))
    head = ["crystals", "read", "median sites", "reading", "prototypes", "features", "prototypes / features"]
    head += ["unknown", "P 1 found", "different"]
    body = "\n".join(
        [
            textwrap.fill(
                f"Prototypes are found for the first {config.rank.prototypes} of a list alone (`rank.prototypes`); "
                f"with the reading that is {share:.2f} of what the features of all {len(frame)} candidates cost. "
                "They stand in one archive. Processor time of one thread.",
                118,
            ),
            "",
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            first,
            others,
        ]
    )
    print(body)
    if options.record:
        record("prototypes", "What prototypes cost", body)


if __name__ == "__main__":
    main()
