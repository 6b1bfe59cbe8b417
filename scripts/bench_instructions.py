#!/usr/bin/env python
"""Counts instructions, bytes touched and cache misses of the exact engine in this tree and in an earlier commit.

    scripts/bench_instructions.py PATH... [--against COMMIT] [--every N] [--most N] [--record]

The kernels of both are compiled with g++ and compute bars and percolation ranks of the clouds of at most N crystals
under valgrind's cachegrind, whose caches are a model: first level 32 KiB, last 32 MiB, 64 bytes a line. Counts do not
depend on what else the machine does. Both must return the same.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

ROOT = Path(__file__).resolve().parent.parent
DRIVER = ROOT / "tests" / "support" / "count_instructions.cpp"
FLAGS = ("-std=c++17", "-O3", "-ffp-contract=off", "-DNDEBUG")
CACHES = ("--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=33554432,16,64")


class Counts(NamedTuple):
    """What one run did."""

    digest: str  # of what came back
    instructions: int
    data: int  # reads and writes of data
    first: int  # of which the first level missed
    last: int  # of which the last level missed


def kernels_of(commit: str | None, folder: Path) -> Path:
    """Return the folder of the kernels of a commit, or of this tree."""
    if commit is None:
        return ROOT / "kernels"
    archive = subprocess.run(["git", "archive", commit, "kernels"], cwd=ROOT, check=True, capture_output=True).stdout
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "x"], cwd=folder, input=archive, check=True)
    return folder / "kernels"


def write_clouds(batches: list[tuple[float, tuple[np.ndarray, np.ndarray, np.ndarray]]], target: Path) -> None:
    """Write clouds, each with its radius, (lattices, positions, offsets) by channel, as the driver reads them."""
    ends = np.concatenate([np.diff(offsets) for _, (_, _, offsets) in batches])
    offsets = np.concatenate([[0], np.cumsum(ends)]).astype(np.int64)
    with target.open("wb") as file:
        np.array([len(ends)], dtype=np.int64).tofile(file)
        offsets.tofile(file)
        np.concatenate([lattices for _, (lattices, _, _) in batches]).astype(np.float64).tofile(file)
        np.concatenate([np.full(len(of[2]) - 1, r_max) for r_max, of in batches]).tofile(file)
        np.concatenate([positions for _, (_, positions, _) in batches]).astype(np.float64).tofile(file)


def counted(commit: str | None, clouds: Path, folder: Path, *, caches: bool = True) -> Counts:
    """Return the counts of a commit, or of this tree, on the clouds of a file."""
    program = folder / f"count-{commit or 'here'}"
    kernels = kernels_of(commit, folder / f"source-{commit or 'here'}")
    subprocess.run(["g++", *FLAGS, "-I", str(kernels), str(DRIVER), "-o", str(program)], check=True)
    valgrind = ["valgrind", "--tool=cachegrind", "--cachegrind-out-file=/dev/null"]
    run = subprocess.run(
        [*valgrind, *(CACHES if caches else ("--cache-sim=no",)), str(program), str(clouds)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip

    def number(name: str) -> int:
        found = re.search(rf"{name}:\s+([\d,]+)", run.stderr)
        return int(found[1].replace(",", "")) if found else 0

    return Counts(
        run.stdout.strip(), number(r"I\s+refs"), number(r"D\s+refs"), number(r"D1\s+misses"), number(r"LLd\s+misses")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--against", default="f823789", help="the earlier commit")
    parser.add_argument("--every", type=int, default=1, help="take every N-th crystal")
    parser.add_argument("--most", type=int, default=50, help="crystals at most")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/benchmarks.md")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed")
    from bench_homology import RADII, load

    batches, crystals = load(options.paths, options.every)
    most = min(crystals, options.most)
    parts = []
    for channel, batch in batches.items():
        end = int(batch.offsets[most])
        parts.append((RADII[channel], (batch.lattices[:most], batch.positions[:end], batch.offsets[: most + 1])))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_clouds(parts, folder / "clouds")
        found = {commit: counted(commit, folder / "clouds", folder) for commit in (options.against, None)}
    earlier, here = found.values()
    if earlier.digest != here.digest:
        sys.exit("the two do not return the same")
    rows = [
        f"{'':18s}{'instructions':>16s}{'data accesses':>16s}{'KiB a cloud':>14s}{'D1 misses':>14s}{'LL misses':>12s}"
    ]
    clouds = most * len(parts)
    for label, counts in ((options.against, earlier), ("this tree", here)):
        rows.append(
            f"{label:18s}{counts.instructions:16,d}{counts.data:16,d}{counts.first * 64 / 1024 / clouds:14,.0f}"
            f"{counts.first:14,d}{counts.last:12,d}"
        )
    ratios = ", ".join(
        f"{name} {one / other:.2f}"
        for name, one, other in zip(
            ("instructions", "data accesses", "D1 misses", "LL misses"), earlier[1:], here[1:], strict=True
        )
    )
    text = "\n".join(
        [
            f"{most} crystals, {clouds} clouds; KiB a cloud are the lines of 64 bytes that the first level fetched",
            *rows,
            f"{options.against} over this tree: {ratios}; the same bars and ranks",
        ]
    )
    print(text)
    if options.record:
        from benchmarks import record

        note = "Caches are cachegrind's model, not those of the processor: hardware counters were not to be had."
        record("instructions", "Instructions and memory of the exact engine", f"```\n{text}\n```\n\n{note}")


if __name__ == "__main__":
    main()
