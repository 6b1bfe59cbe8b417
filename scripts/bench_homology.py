#!/usr/bin/env python
"""Times the homology engines on the channels of real crystals.

    scripts/bench_homology.py PATH... [--every N] [--threads 1 2] [--compare] [--max-points 500] [--record]

PATH is a folder, archive or CIF file. --compare adds the torus engines: supercells wider than twice the radius, of at
most --max-points points; the periodic engine is then also timed on the clouds that they can do, persistence alone on
both sides (the torus distances are made beforehand).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import record

from screening.config import CloudConfig, HomologyConfig, InputLimits
from screening.crystals import Cloud
from screening.crystals.cif import read_cif
from screening.crystals.clouds import channel_clouds
from screening.crystals.crystal import CloudBatch
from screening.errors import RejectionError
from screening.homology.barcodes import ticks
from screening.homology.percolation import percolation_ranks
from screening.homology.periodic import barcodes
from screening.homology.primitive import primitive_cells
from screening.homology.supercell import supercell_distances
from screening.sources.listing import iter_items

RADII = HomologyConfig().r_max
PROGRAMS = ("redzed", "ripser")


def load(paths: list[str], every: int) -> tuple[dict[str, CloudBatch], int]:
    """Return the clouds of every channel, and the number of crystals."""
    limits, config = InputLimits(), CloudConfig()
    clouds: dict[str, list[Any]] = {channel: [] for channel in config.channels}
    crystals = 0
    for index, item in enumerate(iter_items(paths, limits)):
        if index % every or item.rejection is not None:
            continue
        try:
            crystal = read_cif(item.text, id=item.id, source=item.source, limits=limits)
            for channel, cloud in channel_clouds(crystal, config).items():
                clouds[channel].append(cloud)
            crystals += 1
        except RejectionError as error:
            print(f"left out: {item.id}: {error}")
    return {channel: CloudBatch.from_clouds(items) for channel, items in clouds.items()}, crystals


def timed(work: Callable[..., Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def bench_periodic(batches: dict[str, CloudBatch], crystals: int, threads: int) -> None:
    print(f"\nperiodic, {threads} thread(s), {crystals} crystals")
    print("channel      clouds  points  primitive      bars   prim. s   bars s   perc. s   cut")
    total, cpu = 0.0, time.process_time()
    for channel, batch in batches.items():
        radius = RADII[channel]
        t_prim, reduced = timed(lambda b=batch: primitive_cells(b, threads=threads))
        t_bars, found = timed(lambda b=batch, r=radius: barcodes(b, r_max=r, threads=threads))
        t_perc, _ = timed(lambda b=batch, r=radius: percolation_ranks(b, r_max=r, threads=threads))
        total += t_bars + t_perc
        print(
            f"{channel:10s} {len(batch):8d} {batch.counts.sum():7d} {reduced.counts.sum():10d} {len(found.dim):9d}"
            f" {t_prim:9.3f} {t_bars:8.3f} {t_perc:9.3f} {int((found.r_cut < radius).sum()):5d}"
        )
    cpu = time.process_time() - cpu
    print(f"total {total:.2f} s, {1e3 * total / crystals:.2f} ms per crystal; {cpu:.2f} s of processor time")


def torus_inputs(batches: dict[str, CloudBatch], max_points: int) -> Iterator[tuple[str, Cloud, np.ndarray, int]]:
    """Yield (channel, cloud, tick distances, limit) of the clouds whose whole radius fits into `max_points`."""
    for channel, batch in batches.items():
        limit = int(ticks(np.array(RADII[channel])))
        for cloud in primitive_cells(batch):
            if len(cloud[1]) == 0:
                continue
            distances, reached = supercell_distances(cloud[0], cloud[1], limit=limit, max_points=max_points)
            if reached == limit:
                yield channel, cloud, distances.astype(np.float64), limit


def bench_torus(batches: dict[str, CloudBatch], max_points: int) -> None:
    import redzed_tda
    from ripser import ripser

    spent = dict.fromkeys(("periodic", *PROGRAMS), 0.0)
    done, left = 0, sum(len(batch) for batch in batches.values())
    for channel, cloud, distances, limit in torus_inputs(batches, max_points):
        done += 1
        alone = CloudBatch.from_clouds([cloud])
        spent["periodic"] += timed(lambda a=alone, c=channel: barcodes(a, r_max=RADII[c]))[0]
        if len(distances) < 2:
            continue
        spent["redzed"] += timed(lambda d=distances, t=limit: redzed_tda.rips(d, maxdim=2, threshold=float(t)))[0]
        spent["ripser"] += timed(
            lambda d=distances, t=limit: ripser(d, maxdim=2, thresh=float(t), distance_matrix=True)
        )[0]
    print(f"\npersistence alone, clouds whose supercell has at most {max_points} points: {done} of {left}")
    for name, seconds in spent.items():
        print(f"{name:10s} {seconds:9.2f} s   {seconds / spent['periodic']:7.1f} x periodic")


def bench_whole(paths: list[str], every: int, max_points: int) -> None:
    """CIF to barcodes on both sides, the clouds that a supercell of `max_points` can do, the four partial channels."""
    from pymatgen.io.cif import CifParser
    from ripser import ripser

    limits, config = InputLimits(), CloudConfig(channels=("mobile", "anion", "cation", "framework"))
    ours, theirs, done = 0.0, 0.0, 0
    for index, item in enumerate(iter_items(paths, limits)):
        if index % every or item.rejection is not None:
            continue
        try:
            seconds, crystal = timed(lambda i=item: read_cif(i.text, id=i.id, source=i.source, limits=limits))
            spent, clouds = timed(lambda c=crystal: channel_clouds(c, config))
        except RejectionError:
            continue
        ours += seconds + spent
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parser = io.StringIO(item.text.decode())
            theirs += timed(lambda p=parser: CifParser(p, occupancy_tolerance=100).parse_structures(primitive=False))[0]
        for channel, cloud in clouds.items():
            limit = int(ticks(np.array(RADII[channel])))
            spent, (distances, reached) = timed(
                lambda c=cloud, t=limit: supercell_distances(c[0], c[1], limit=t, max_points=max_points)
            )
            if reached < limit or len(distances) < 2:
                continue
            done += 1
            alone = CloudBatch.from_clouds([cloud])
            ours += timed(lambda a=alone, c=channel: barcodes(a, r_max=RADII[c]))[0]
            ours += timed(lambda a=alone, c=channel: percolation_ranks(a, r_max=RADII[c]))[0]
            matrix = distances.astype(np.float64)
            theirs += spent
            theirs += timed(lambda d=matrix, t=limit: ripser(d, maxdim=2, thresh=float(t), distance_matrix=True))[0]
    print(f"\nwhole path, CIF to barcodes, {done} clouds as given (no primitive cell for the torus)")
    print(f"screening                         {ours:9.2f} s")
    print(f"pymatgen + supercell + ripser.py  {theirs:9.2f} s   {theirs / ours:7.1f} x screening")


class _Tee(io.StringIO):
    """Keeps what is printed, and shows it."""

    def write(self, text: str) -> int:
        print(text, end="", file=sys.__stdout__)
        return super().write(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--every", type=int, default=1, help="take every N-th crystal")
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--max-points", type=int, default=500)
    parser.add_argument("--against", help="an earlier commit, built beside: the ratio of processor times is printed")
    parser.add_argument("--built", type=Path, help="where builds are kept for the next time")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/benchmarks.md")
    options = parser.parse_args()
    kept = _Tee()
    with contextlib.redirect_stdout(kept):
        run(options)
    if options.record:
        record("homology", "Engines", f"```\n{kept.getvalue().strip()}\n```")


def run(options: argparse.Namespace) -> None:
    seconds, (batches, crystals) = timed(lambda: load(options.paths, options.every))
    print(f"read {crystals} crystals in {seconds:.1f} s")
    for threads in options.threads:
        bench_periodic(batches, crystals, threads)
    if options.compare:
        bench_torus(batches, options.max_points)
        bench_whole(options.paths, options.every, options.max_points)
    if options.against:
        from bench_engine import reported

        print(
            "\n" + reported(options.paths, against=options.against, every=options.every, rounds=2, built=options.built)
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory of this process {peak:.0f} MiB")


if __name__ == "__main__":
    main()
