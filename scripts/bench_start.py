#!/usr/bin/env python
"""Times how long the command takes to answer its help, a mistyped path and an unknown command, in processor time.

scripts/bench_start.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from benchmarks import record

REPEATS = 5
CALLS = {
    "`screening --help`": ["--help"],
    "a mistyped path": ["run", "no-such-folder", "--labels", "no-such.csv", "--out", "RUN"],
    "an unknown command": ["rnu"],
}


def seconds(arguments: list[str]) -> float:
    """Return user and system time of one call, s: the median of `REPEATS` after one that fills the caches."""
    times = []
    for _ in range(REPEATS + 1):
        before = os.times()
        subprocess.run([sys.executable, "-m", "screening", *arguments], capture_output=True, check=False)
        after = os.times()
        times.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return statistics.median(times[1:])


def main() -> None:
    rows = "\n".join(f"| {name} | {seconds(arguments):.2f} |" for name, arguments in CALLS.items())
    record(
        "start",
        "Until the command answers",
        f"User and system time of a second start, s, median of {REPEATS}.\n\n| call | s |\n|---|---|\n{rows}",
    )


if __name__ == "__main__":
    main()
