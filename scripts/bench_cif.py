#!/usr/bin/env python
"""Times the CIF reader against pymatgen's on a folder of CIF files, in one run, and compares compositions.

    scripts/bench_cif.py FOLDER [--against COMMIT]

With an earlier commit, which is built beside this tree, the ratio of processor times of reading is printed too.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

from bench_front import compare
from benchmarks import record
from pymatgen.io.cif import CifParser

from screening.config import InputLimits
from screening.crystals.cif import read_cif


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--against", help="an earlier commit")
    parser.add_argument("--built", type=Path, help="where builds are kept for the next time")
    options = parser.parse_args()
    paths = sorted(options.folder.glob("*.cif"))
    limits = InputLimits()
    begin = time.perf_counter()
    ours = [read_cif(path.read_bytes(), id=path.stem, source=str(path), limits=limits) for path in paths]
    our_seconds = time.perf_counter() - begin
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begin = time.perf_counter()
        theirs = [CifParser(path, occupancy_tolerance=100).parse_structures(primitive=False)[0] for path in paths]
        their_seconds = time.perf_counter() - begin
    differing = [
        crystal.id
        for crystal, structure in zip(ours, theirs, strict=True)
        if any(
            abs(crystal.composition().get(symbol, 0.0) - amount) > 0.01 * amount
            for symbol, amount in structure.composition.get_el_amt_dict().items()
        )
    ]
    n = len(paths)
    body = f"""{n} files, read and expanded by symmetry, first pass (no caches warm).

| reader | ms a file | ratio |
|---|---|---|
| screening | {our_seconds / n * 1e3:.2f} | 1 |
| pymatgen `CifParser` | {their_seconds / n * 1e3:.2f} | {their_seconds / our_seconds:.0f} |

Files whose total composition differs by more than 1 %: {", ".join(differing) or "none"}."""
    if options.against:
        found = compare([str(options.folder)], against=options.against, every=1, rounds=3, built=options.built)
        body += f"\n\n```\n{found}\n```"
    print(body)
    record("cif", "Reading CIF", body)


if __name__ == "__main__":
    main()
