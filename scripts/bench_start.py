#!/usr/bin/env python
"""Times how long the command takes to answer its help, a mistyped path and an unknown command, in processor time.

    scripts/bench_start.py [CRYSTALS]

With a folder, archive or CIF file also: from no worker to two that have each featurized a shard of it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from benchmarks import record

REPEATS = 5
TIMES = ("user", "system", "children_user", "children_system")
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


def first_shards(path: str) -> tuple[float, float]:
    """Return seconds by the clock and of processor time from no worker to the first shard of each of two."""
    from screening.cluster.client import open_client
    from screening.config import read_config
    from screening.features import featurize
    from screening.host import Device
    from screening.sources import iter_items

    config = read_config(None, {"cluster": {"workers": 2}})
    items = [item for item in iter_items([path], config.input) if item.rejection is None][:128]
    before, begin = os.times(), time.perf_counter()
    with open_client(config, Device("cpu", "asked for", ())) as client:
        halves = [client.submit(featurize, items[half::2], config, pure=False) for half in (0, 1)]
        client.gather(halves)  # type: ignore[no-untyped-call]
        taken = time.perf_counter() - begin
    after = os.times()
    spent = sum(getattr(after, name) - getattr(before, name) for name in TIMES)
    return taken, spent


def main() -> None:
    rows = "\n".join(f"| {name} | {seconds(arguments):.2f} |" for name, arguments in CALLS.items())
    body = f"User and system time of a second start, s, median of {REPEATS}.\n\n| call | s |\n|---|---|\n{rows}"
    if len(sys.argv) > 1:
        taken, spent = first_shards(sys.argv[1])
        body += (
            f"\n\nTwo workers up and 64 crystals featurized by each: {taken:.1f} s by the clock, {spent:.1f} s of "
            f"processor time of all processes, with {os.getloadavg()[0]:.1f} processes wanting {os.cpu_count()} cores."
        )
    print(body)
    record("start", "Until the command answers", body)


if __name__ == "__main__":
    main()
