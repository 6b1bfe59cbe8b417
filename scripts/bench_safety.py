#!/usr/bin/env python
"""Times what safety costs a whole `screening featurize`: keys for the workers, and files synced.

    scripts/bench_safety.py PATH... [--every N] [--rounds N] [--workers N] [--record]

Two commands take turns, there and back in each round: as it is, and with `cluster.security = "none"` and every fsync
left out (by a module that Python loads at its start). Processor time counts all processes; wall time is of little use
where others share the machine. One more run counts the syncs of all processes and times them.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

# Read by every Python process of a run.
AT_START = """
import os, time
true, kind, log = os.fsync, os.environ.get("BENCH_SYNC"), os.environ.get("BENCH_LOG")
def left_out(descriptor):
    return None
def timed(descriptor):
    began = time.perf_counter()
    true(descriptor)
    with open(log, "a") as file:
        file.write(f"{time.perf_counter() - began}\\n")
if kind == "none":
    os.fsync = left_out
elif kind == "timed":
    os.fsync = timed
"""


def write_sample(paths: list[str], every: int, target: Path) -> int:
    """Write every so many of the crystals to a zip; return how many there are."""
    from screening.config import InputLimits
    from screening.sources import iter_items

    count = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, item in enumerate(iter_items(paths, InputLimits())):
            if number % every == 0 and item.rejection is None:
                archive.writestr(f"{count:06d}.cif", item.text)
                count += 1
    return count


def run(folder: Path, crystals: Path, *, workers: int, safe: bool, sync: str) -> tuple[float, float]:
    """Return processor and wall time of one command, s."""
    out = folder / "out.zarr"
    shutil.rmtree(out, ignore_errors=True)
    settings = folder / f"{safe}.toml"
    settings.write_text(f'[cluster]\nworkers = {workers}\nsecurity = "{"tls" if safe else "none"}"\n')
    words = ["-m", "screening", "featurize", str(crystals), "--out", str(out), "--config", str(settings), "--quiet"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "start"),
        "BENCH_SYNC": sync,
        "BENCH_LOG": str(folder / "log"),
    }
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, env=environment, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--every", type=int, default=1, help="take every N-th crystal")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--record", action="store_true", help="write the figures into docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "start").mkdir()
        (folder / "start" / "sitecustomize.py").write_text(AT_START)
        crystals = folder / "crystals.zip"
        count = write_sample(options.paths, options.every, crystals)
        kinds = {"as it is": (True, "all"), "neither": (False, "none")}
        times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
        for _ in range(options.rounds):
            spent: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
            # There and back: what slows the machine down in the course of a round falls on both alike.
            for kind in [*kinds, *reversed(kinds)]:
                safe, sync = kinds[kind]
                spent[kind].append(run(folder, crystals, workers=options.workers, safe=safe, sync=sync))
            for kind, (one, other) in spent.items():
                times[kind].append(((one[0] + other[0]) / 2, (one[1] + other[1]) / 2))
        run(folder, crystals, workers=options.workers, safe=True, sync="timed")
        syncs = [float(line) for line in (folder / "log").read_text().split()]
    lines = [f"{count} crystals, {options.workers} workers", "", "command         processor s   wall s"]
    for kind, both in times.items():
        lines.append(
            f"{kind:15s} {statistics.median(t[0] for t in both):11.2f} {statistics.median(t[1] for t in both):8.1f}"
        )
    for place, words in enumerate(("processor", "wall")):
        ratios = [a[place] / b[place] for a, b in zip(times["as it is"], times["neither"], strict=True)]
        shown = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        lines.append(f"{words} time as it is over that of neither: {statistics.median(ratios):.3f} ({shown})")
    lines.append(f"{len(syncs)} syncs, median {1e3 * statistics.median(syncs):.2f} ms, in all {sum(syncs):.2f} s")
    report = "\n".join(lines)
    print(report)
    if options.record:
        from benchmarks import record

        record("safety", "What keys and syncing cost", f"```\n{report}\n```")


if __name__ == "__main__":
    main()
