#!/usr/bin/env python
"""A screening of many crystals: rate, overhead, memory over time, two workers against one, time to resume.

    scripts/bench_scale.py CRYSTALS... --labels L.csv [-n 100000] [--work DIR] [--record]

CRYSTALS are candidates and the labelled crystals; further candidates up to -n are made from them by substitution
(kept in DIR between calls). One `screening run` featurizes and ranks them all while its processes' memory is watched.
Overhead is the processor time of all processes while featurizing beyond that of the same crystals computed in one bare
loop in one process, measured on a sample of shards. --record writes the figures to docs/benchmarks.md, and the curve
to docs/scale.svg.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil
from bench_loop import compare
from benchmarks import ROOT, record
from builds import HERE, both, interpreter
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from screening.config import Config
from screening.features.shard import featurize
from screening.sources.listing import iter_items

COMMAND = [sys.executable, "-m", "screening"]


def rows_done(store: Path) -> int:
    ledger = store / "ledger.jsonl"
    return sum(json.loads(line).get("rows", 0) for line in ledger.read_bytes().splitlines()) if ledger.exists() else 0


def watched(command: list[str], store: Path) -> tuple[float, list[tuple[float, int, float, float, float]]]:
    """Return seconds, and over time: seconds, crystals done, MiB of client, MiB of the largest worker, CPU seconds."""
    begin = time.perf_counter()
    process = subprocess.Popen(command)
    watch = psutil.Process(process.pid)
    curve: list[tuple[float, int, float, float, float]] = []
    while process.poll() is None:
        time.sleep(0.1)
        if curve and time.perf_counter() - begin < curve[-1][0] + 2:
            continue
        try:
            own = watch.memory_info().rss / 2**20
            workers = [child for child in watch.children(recursive=True) if "spawn_main" in " ".join(child.cmdline())]
            most = max((child.memory_info().rss / 2**20 for child in workers), default=0.0)
            spent = sum(sum(process.cpu_times()[:2]) for process in (watch, *workers))
            curve.append((time.perf_counter() - begin, rows_done(store), own, most, spent))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            pass
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - begin, curve


def bare_seconds(paths: list[str], config: Config, n_rows: int) -> tuple[float, int]:
    """Return processor seconds of a bare loop over a sample of whole shards spread over the inputs, and its rows."""
    sample, shard, index = [], [], 0
    size = config.store.shard_rows
    step = max(1, n_rows // size // 40)
    for item in iter_items(paths, config.input):
        shard.append(item)
        if len(shard) == size:
            if index % step == 0:
                sample.append(shard)
            shard, index = [], index + 1
    featurize(sample[0], config)  # warm
    begin = time.process_time()
    for one in sample:
        featurize(one, config)
    return time.process_time() - begin, sum(map(len, sample))


def draw(curve: list[tuple[float, int, float, float, float]], path: Path) -> None:
    data = np.array(curve)
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    FigureCanvasSVG(figure)
    left, right = figure.subplots(1, 2)
    left.plot(data[:, 0] / 60, data[:, 1] / 1e3, color="#0072B2")
    left.set(xlabel="minutes", ylabel="thousand crystals done", ylim=(0, None))
    right.plot(data[:, 1] / 1e3, data[:, 2], ".", ms=2, color="#D55E00", label="client and scheduler")
    right.plot(data[:, 1] / 1e3, data[:, 3], ".", ms=2, color="#009E73", label="largest worker")
    right.set(xlabel="thousand crystals done", ylabel="memory (MiB)", ylim=(0, None))
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def featurize_seconds(paths: list[str], workers: int, folder: Path) -> float:
    out = folder / f"workers{workers}.zarr"
    begin = time.perf_counter()
    subprocess.run([*COMMAND, "featurize", *paths, "--out", str(out), "--workers", str(workers), "--quiet"], check=True)
    return time.perf_counter() - begin


def speedup(paths: list[str], config: Config, n: int, folder: Path) -> tuple[float, float]:
    """Return the seconds of one and of two workers on `n` crystals spread over the inputs, with the start."""
    part = folder / "part.zip"
    total = sum(1 for _ in iter_items(paths, config.input))
    step = max(1, total // n)
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, item in enumerate(iter_items(paths, config.input)):
            if index % step == 0:
                archive.writestr(f"{index}.cif", item.text)
    return featurize_seconds([str(part)], 1, folder), featurize_seconds([str(part)], 2, folder)


def memory_rows(curve: list[tuple[float, int, float, float, float]], seconds: float) -> list[str]:
    """Return table rows of memory when a tenth, half and all of the crystals were done, while featurizing."""
    during = [row for row in curve if row[1] and row[0] <= seconds]
    total = during[-1][1]
    lines = []
    for share in (0.1, 0.5, 1.0):
        near = [row for row in during if abs(row[1] / total - share) <= 0.02] or [during[-1]]
        client, worker = (float(np.median([row[k] for row in near])) for k in (2, 3))
        lines.append(
            f"| memory at {share * total:,.0f} crystals | client and scheduler {client:.0f} MiB, largest worker "
            f"{worker:.0f} MiB |"
        )
    return lines


def children_seconds() -> float:
    """Return the processor seconds of all processes that this one started, and they, as far as they have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def beside(against: str, arguments: list[str], work: Path, built: Path | None) -> tuple[float, float, dict[str, float]]:
    """Return processor seconds, seconds and those of the stages of the same command by an earlier commit."""
    package = both(against, work, kept=built)[against]
    run = work / f"RUN-{against}"
    shutil.rmtree(run, ignore_errors=True)
    spent, begin = children_seconds(), time.perf_counter()
    command = [interpreter(package), "-P", "-m", "screening", "run", *arguments, "--out", str(run), "--quiet"]
    subprocess.run(command, check=True)
    took = time.perf_counter() - begin
    return children_seconds() - spent, took, json.loads((run / "run.json").read_text())["seconds"]


def compared(rows: dict[str, tuple[float, float, dict[str, float]]]) -> list[str]:
    """Return the lines that tell how long the command took in two trees, the earlier one first."""
    stages = list(dict.fromkeys(stage for _, _, seconds in rows.values() for stage in seconds))
    lines = [f"{'':12s}{'processor s':>12s}{'wall s':>10s}" + "".join(f"{stage:>11s}" for stage in stages)]
    for name, (spent, took, seconds) in rows.items():
        cells = "".join(f"{seconds[stage]:11.1f}" if stage in seconds else f"{'':11s}" for stage in stages)
        lines.append(f"{name:12s}{spent:12.1f}{took:10.1f}{cells}")
    (one, first, _), (two, second, _) = rows.values()
    ratio = f"{one / two:.2f} by processor time, {first / second:.2f} by the clock"
    return [*lines, f"the whole command of {next(iter(rows))} over that of this tree: {ratio}"]


def main() -> None:  # noqa: PLR0915
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crystals", nargs="+")
    parser.add_argument("--labels", required=True)
    parser.add_argument("--id-column")
    parser.add_argument("--target-column")
    parser.add_argument("-n", type=int, default=100_000)
    parser.add_argument("--part", type=int, default=25_000, help="crystals for one worker against two; 0 = none")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "screening-scale")
    parser.add_argument("--against", help="an earlier commit, built beside: ratios are printed")
    parser.add_argument("--built", type=Path, help="where builds are kept for the next time")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    config = Config()
    picture = "scale.svg" if options.n == 100_000 else f"scale-{options.n}.svg"
    options.work.mkdir(parents=True, exist_ok=True)
    given = sum(1 for _ in iter_items(options.crystals, config.input))
    made = options.work / f"generated-{options.n - given}.zip"
    if not made.exists() and options.n > given:
        sources = [word for path in options.crystals for word in ("--from", path)]
        begin = time.perf_counter()
        wanted = ["-n", str(options.n - given), "--seed", "1", "--out", str(made)]
        subprocess.run([*COMMAND, "generate", *wanted, *sources], check=True)
        print(f"made {options.n - given} candidates in {time.perf_counter() - begin:.0f} s")
    paths = [*options.crystals, *([str(made)] if made.exists() else [])]
    run = options.work / "RUN"
    shutil.rmtree(run, ignore_errors=True)
    columns = [
        word
        for flag, value in (("--id-column", options.id_column), ("--target-column", options.target_column))
        if value
        for word in (flag, value)
    ]
    arguments = [*paths, "--labels", options.labels, *columns]
    before = children_seconds()
    total, curve = watched([*COMMAND, "run", *arguments, "--out", str(run), "--quiet"], run / "features.zarr")
    used = children_seconds() - before
    resumed, _ = watched([*COMMAND, "featurize", *paths, "--out", str(run / "features.zarr"), "--quiet"], run)
    told = json.loads((run / "run.json").read_text())
    counts, seconds = told["counts"], told["seconds"]
    bare, rows = bare_seconds(paths, config, counts["found"])
    workers = []
    if options.part:
        with tempfile.TemporaryDirectory() as folder:
            one, two = speedup(paths, config, options.part, Path(folder))
        workers = [f"| two workers against one ({options.part:,} crystals, start included) | {one / two:.2f} x |"]
    cores = os.cpu_count() or 1
    rate = counts["found"] / seconds["featurize"]
    wanted = bare / rows * counts["found"]  # processor seconds, if there were nothing but the bare loop
    during = [row for row in curve if row[0] <= seconds["featurize"] and row[4] and row[1]]
    if not during:
        raise SystemExit("too few crystals: they were done before memory and time were looked at twice")
    last = max(during, key=lambda row: row[4])  # the last look while the workers were there, a moment before the end
    spent = last[4] * counts["found"] / last[1]
    peak = max(row[2] for row in curve)
    stages = ", ".join(f"{stage} {value:.0f} s" for stage, value in seconds.items())
    lines = [
        f"{counts['found']:,} crystals found, {counts['featurized']:,} featurized, {counts['rejected']:,} rejected, "
        f"{counts['ranked']:,} ranked in one command: {total / 60:.1f} min ({stages}).",
        "",
        "| | |",
        "|---|---|",
        f"| rate of featurizing, {cores} workers | {rate:.0f} crystals/s |",
        f"| bare loop in one process | {1e3 * bare / rows:.2f} ms a crystal of processor time ({rows} crystals) |",
        f"| overhead of listing, Dask and store | {spent / wanted - 1:.0%} of the bare loop's processor time |",
        f"| cores kept busy while featurizing | {spent / seconds['featurize']:.2f} of {cores} |",
        *workers,
        f"| the same command again, all done | {resumed:.1f} s, {resumed / total:.1%} of the run |",
        *memory_rows(curve, seconds["featurize"]),
        f"| peak of the client, ranking and report included | {peak:.0f} MiB |",
        "",
        "Modelled, not measured: at the same rate per core, featurizing 500,000 such crystals takes "
        f"{500_000 / (rate / cores * 16) / 60:.1f} min on 16 cores and {500_000 / (rate / cores * 64) / 60:.1f} min on "
        "64, if storage and the one process that reads keep up.",
        "",
        f"![crystals done over time, and memory against crystals done]({picture})",
    ]
    if options.against:
        every = max(1, counts["found"] // 5_000)
        found = compare(paths, against=options.against, every=every, rounds=1, built=options.built)
        earlier = beside(options.against, arguments, options.work, options.built)
        whole = compared({options.against: earlier, HERE: (used, total, seconds)})
        lines += ["", "Bare loop, and the whole command:", "", "```", found, "", *whole, "```"]
    body = "\n".join(lines)
    print(body)
    if options.record:
        draw(curve, ROOT / "docs" / picture)
        record(picture.removesuffix(".svg"), f"{options.n:,} crystals", body)


if __name__ == "__main__":
    main()
