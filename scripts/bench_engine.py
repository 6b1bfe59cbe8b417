#!/usr/bin/env python
"""Times the exact engine of this tree against that of an earlier commit, built beside it and run in turn.

    scripts/bench_engine.py PATH... [--against COMMIT] [--every N] [--rounds N] [--record]

PATH is a folder, archive or CIF file. Both kernels are built from source into a temporary folder, a minute each. A run
computes the bars and percolation ranks of all clouds, channel by channel, on one thread of a process of its own. The
two take turns, so that a machine that slows down slows both; processor time is what counts where others share it. Then
two processes at once do the same work each: the speed of two is twice the time of one over that of two, by the clock
and by processor time, which other people's load does not lengthen. Everything that comes back is compared: the script
fails where a byte differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# `-P` and PYTHONSAFEPATH leave out the folder of the script; the modules beside it are needed all the same.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from builds import EARLIER, both, start


def write_clouds(paths: list[str], every: int, target: Path) -> str:
    """Write the clouds of every channel to a file; return how many there are, in words."""
    from bench_homology import RADII, load

    batches, crystals = load(paths, every)
    arrays = {}
    for channel, batch in batches.items():
        for name in ("lattices", "positions", "occupancies", "offsets"):
            arrays[f"{channel}.{name}"] = getattr(batch, name)
        arrays[f"{channel}.r_max"] = np.array(RADII[channel])
    np.savez(target, **arrays)
    return f"{crystals} crystals, {sum(map(len, batches.values()))} clouds"


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate()
    if process.returncode:
        sys.exit(f"a run ended with {process.returncode}")
    found: dict[str, Any] = json.loads(out)
    return found


def work(path: str) -> None:
    """Compute everything once; print seconds, peak memory and a digest of all that came back."""
    from screening import CloudBatch  # exported by earlier commits too
    from screening.homology import percolation_ranks, periodic

    clouds = np.load(path)
    digest = hashlib.sha256()
    cpu = wall = 0.0
    channels = sorted({name.split(".")[0] for name in clouds.files})
    for channel in channels:
        parts = {name: clouds[f"{channel}.{name}"] for name in ("lattices", "positions", "occupancies", "offsets")}
        batch, radius = CloudBatch(**parts), float(clouds[f"{channel}.r_max"])
        began = time.process_time(), time.perf_counter()
        bars = periodic.barcodes(batch, r_max=radius)
        ranks = percolation_ranks(batch, r_max=radius)
        cpu += time.process_time() - began[0]
        wall += time.perf_counter() - began[1]
        for name in ("birth", "death", "dim", "offsets", "n_points", "r_cut"):
            digest.update(getattr(bars, name).tobytes())
        for name in ("radius", "counts", "offsets", "n_points"):
            digest.update(getattr(ranks, name).tobytes())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"cpu": cpu, "wall": wall, "peak": peak, "digest": digest.hexdigest()}))


def compare(packages: dict[str, Path], clouds: Path, rounds: int) -> list[str]:
    """Return the lines of the report; exit where what came back differs."""
    alone: dict[str, list[dict[str, Any]]] = {name: [] for name in packages}
    paired: dict[str, list[dict[str, Any]]] = {name: [] for name in packages}
    for _ in range(rounds):
        for name, package in packages.items():
            alone[name].append(finish(start(__file__, package, clouds)))
        for name, package in packages.items():
            both = [start(__file__, package, clouds) for _ in range(2)]
            paired[name] += [finish(process) for process in both]
    digests = {run["digest"] for runs in (*alone.values(), *paired.values()) for run in runs}
    if len(digests) != 1:
        sys.exit("the two do not return the same bytes")
    lines = ["engine        processor s  two at once   speed of two   wall s  two at once   speed of two   peak MiB"]
    for name in packages:
        one, two = (
            {key: [run[key] for run in runs[name]] for key in ("cpu", "wall", "peak")} for runs in (alone, paired)
        )
        cpu, cpu_two, wall, wall_two = (
            statistics.median(values) for values in (one["cpu"], two["cpu"], one["wall"], two["wall"])
        )
        lines.append(
            f"{name:12s} {cpu:12.2f} {cpu_two:12.2f} {2 * cpu / cpu_two:13.2f}x {wall:8.2f} {wall_two:12.2f}"
            f" {2 * wall / wall_two:13.2f}x {max(one['peak']):10.0f}"
        )
    first, last = alone
    ratios = [a["cpu"] / b["cpu"] for a, b in zip(alone[first], alone[last], strict=True)]
    lines.append(
        f"processor time of {first} over that of {last}: {statistics.median(ratios):.2f}"
        f" (round by round {', '.join(f'{ratio:.2f}' for ratio in ratios)}); the same bytes"
    )
    return lines


def reported(paths: list[str], *, against: str, every: int, rounds: int, built: Path | None = None) -> str:
    """Return the report of both engines on the clouds of some crystals."""
    with tempfile.TemporaryDirectory() as folder:
        clouds = Path(folder) / "clouds.npz"
        lines = [write_clouds(paths, every, clouds)]
        lines += compare(both(against, Path(folder), kept=built), clouds, rounds)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--against", default=EARLIER, help="the earlier commit")
    parser.add_argument("--every", type=int, default=1, help="take every N-th crystal")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turn")
    parser.add_argument("--built", type=Path, help="where builds are kept for the next time")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/benchmarks.md")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return
    report = reported(
        options.paths, against=options.against, every=options.every, rounds=options.rounds, built=options.built
    )
    print(report)
    if options.record:
        from benchmarks import record

        record("engine", "The exact engine against an earlier commit", f"```\n{report}\n```")


if __name__ == "__main__":
    main()
