#!/usr/bin/env python
"""Times what safety costs a whole `screening featurize`: keys for the workers, and files synced.

    scripts/bench_safety.py PATH... [--every N] [--rounds N] [--record]

Two commands run at once, each on a core of its own, and change places in each round: as it is, and with
`cluster.security = "none"` and every fsync left out (by a module that Python loads at its start). So what slows the
machine down falls on both alike. Processor time counts all processes of a command. One more run counts the syncs of
all processes and times them.
"""

from __future__ import annotations

import argparse
import os
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


def started(folder: Path, crystals: Path, *, safe: bool, sync: str, core: int) -> subprocess.Popen[bytes]:
    """Start one command with one worker on one core."""
    out, settings = folder / f"{safe}.zarr", folder / f"{safe}.toml"
    shutil.rmtree(out, ignore_errors=True)
    settings.write_text(f'[cluster]\nworkers = 1\nsecurity = "{"tls" if safe else "none"}"\n')
    words = ["-m", "screening", "featurize", str(crystals), "--out", str(out), "--config", str(settings), "--quiet"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "start"),
        "BENCH_SYNC": sync,
        "BENCH_LOG": str(folder / "log"),
    }
    return subprocess.Popen(
        ["taskset", "-c", str(core), sys.executable, *words], env=environment, stdout=subprocess.DEVNULL
    )


def ended(processes: dict[str, subprocess.Popen[bytes]], began: float) -> dict[str, tuple[float, float]]:
    """Wait for commands; return processor time, of all their processes, and wall time of each, s."""
    names = {process.pid: name for name, process in processes.items()}
    spent: dict[str, tuple[float, float]] = {}
    while names:
        pid, status, used = os.wait4(-1, 0)
        if pid in names:
            if status:
                raise SystemExit(f"{names[pid]} failed")
            spent[names.pop(pid)] = used.ru_utime + used.ru_stime, time.perf_counter() - began
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--every", type=int, default=1, help="take every N-th crystal")
    parser.add_argument("--rounds", type=int, default=5)
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
            halves = []
            for cores in ((0, 1), (1, 0)):
                began = time.perf_counter()
                processes = {
                    kind: started(folder, crystals, safe=safe, sync=sync, core=core)
                    for core, (kind, (safe, sync)) in zip(cores, kinds.items(), strict=True)
                }
                halves.append(ended(processes, began))
            for kind in kinds:
                (one, other) = (half[kind] for half in halves)
                times[kind].append(((one[0] + other[0]) / 2, (one[1] + other[1]) / 2))
                print(kind, *(f"{value:.2f}" for value in times[kind][-1]), flush=True)
        ended({"timed": started(folder, crystals, safe=True, sync="timed", core=0)}, time.perf_counter())
        syncs = [float(line) for line in (folder / "log").read_text().split()]
    lines = [
        f"{count} crystals, one worker and one core each, at the same time",
        "",
        "command         processor s   wall s",
    ]
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
