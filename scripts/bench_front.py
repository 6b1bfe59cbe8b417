#!/usr/bin/env python
"""Times reading CIF text into crystals and clouds in this tree against an earlier commit, built beside it.

    scripts/bench_front.py PATH... [--against COMMIT] [--every N] [--rounds N] [--built FOLDER] [--record]

PATH is a folder, archive or CIF file. The two take turns every few crystals, each in a process of its own, so that a
machine that slows down slows both; a round begins with fresh processes and cold caches. Processor time is printed, a
crystal: of reading alone, of reading with the clouds of all channels, and with what else rows hold of a crystal
(formula, volume, cell, composition). This tree reads a shard at once, as its workers do. `--built` keeps the builds for
the next time.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Crystals that one of the two reads before it is the other's turn: a shard of this tree.
TURN = 128
STEPS = ("reading", "and clouds", "and facts of rows")


def write_items(paths: list[str], every: int, target: Path) -> int:
    """Write id, source and text of the crystals to a file; return how many there are."""
    from screening.config import InputLimits
    from screening.sources import iter_items

    items = [(item.id, item.source, item.text) for item in iter_items(paths, InputLimits()) if item.rejection is None]
    chosen = items[::every]
    target.write_bytes(pickle.dumps(chosen))
    return len(chosen)


def start(package: Path, items: Path) -> subprocess.Popen[str]:
    """Start one reader. Without `site`, so that an editable installation of this tree does not come first."""
    paths = [str(package), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return subprocess.Popen(
        [sys.executable, "-S", __file__, "--work", str(items)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def function(name: str, *modules: str) -> Any:
    """Return a function from the first of the modules that there is: they had other names in earlier commits."""
    found = next(module for module in modules if find_spec(module.rpartition(".")[0]) and find_spec(module))
    return getattr(import_module(found), name)


def one_by_one(config: Any) -> Callable[[list[tuple[str, str, bytes]]], list[float]]:
    """Return what reads crystals as trees without batches do: seconds of reading, clouds, and facts of the rows."""
    from screening.errors import RejectionError

    read_cif: Any = function("read_cif", "screening.crystals.cif", "screening.cif")
    channel_clouds: Any = function("channel_clouds", "screening.crystals.clouds", "screening.cloud")
    shard: Any = import_module("screening.features.shard" if find_spec("screening.features") else "screening.featurize")

    def timed(items: list[tuple[str, str, bytes]]) -> list[float]:
        seconds = [0.0, 0.0, 0.0]
        for id, source, text in items:
            moments = [time.process_time()]
            try:
                crystal = read_cif(text, id=id, source=source, limits=config.input)
                moments.append(time.process_time())
                channel_clouds(crystal, config.cloud)
                moments.append(time.process_time())
                _ = (crystal.formula, ";".join(crystal.flags), shard._facts(crystal), shard._composition(crystal))
            except RejectionError:
                pass
            moments += [time.process_time()] * (4 - len(moments))
            for step, moment in enumerate(moments[1:]):
                seconds[step] += moment - moments[0]
        return seconds

    return timed


def in_batches(config: Any) -> Callable[[list[tuple[str, str, bytes]]], list[float]]:
    """Return what reads a turn at once, as this tree reads a shard."""
    from screening.crystals import channel_batches
    from screening.features import clouds_of, read_items
    from screening.sources import Item

    def timed(items: list[tuple[str, str, bytes]]) -> list[float]:
        batch = [Item(id, source, text) for id, source, text in items]
        moments = [time.process_time()]
        crystals, _ = read_items(batch, config)
        moments.append(time.process_time())
        clouds_of(crystals, config)
        moments.append(time.process_time())
        channel_batches(crystals, config.cloud)
        clouds = time.process_time() - moments[2]
        read, every = (moment - moments[0] for moment in moments[1:])
        return [read, read + clouds, every]

    return timed


def work(path: str) -> None:
    """Read the crystals named on standard input, first and last of a turn; answer the seconds of all steps."""
    from screening.config import Config

    features: Any = import_module("screening.features") if find_spec("screening.features") else None
    timed = (in_batches if hasattr(features, "read_items") else one_by_one)(Config())
    items: list[tuple[str, str, bytes]] = pickle.loads(Path(path).read_bytes())
    for line in sys.stdin:
        begin, end = json.loads(line)
        print(json.dumps(timed(items[begin:end])), flush=True)


def answered(process: subprocess.Popen[str], turn: tuple[int, int]) -> list[float]:
    """Return the seconds that a reader took for its turn."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(turn) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        sys.exit("a reader ended early")
    seconds: list[float] = json.loads(line)
    return seconds


def one_round(packages: dict[str, Path], items: Path, count: int) -> dict[str, list[float]]:
    """Return milliseconds a crystal of all steps for each package."""
    readers = {name: start(package, items) for name, package in packages.items()}
    totals = {name: [0.0] * len(STEPS) for name in packages}
    for number, begin in enumerate(range(0, count, TURN)):
        # Who begins changes, so that neither always finds the caches of the processor as the other left them.
        order = list(readers.items())[:: -1 if number % 2 else 1]
        for name, reader in order:
            seconds = answered(reader, (begin, min(begin + TURN, count)))
            totals[name] = [total + second for total, second in zip(totals[name], seconds, strict=True)]
    for reader in readers.values():
        reader.communicate()
    return {name: [1e3 * total / count for total in all_steps] for name, all_steps in totals.items()}


def report(rounds: list[dict[str, list[float]]]) -> list[str]:
    lines = [f"{'ms a crystal':18s}" + "".join(f"{words:>22s}" for words in STEPS)]
    for name in rounds[0]:
        medians = [statistics.median(found[name][step] for found in rounds) for step in range(len(STEPS))]
        lines.append(f"{name:18s}" + "".join(f"{median:22.3f}" for median in medians))
    first, last = rounds[0]
    for step, words in enumerate(STEPS):
        ratios = [found[first][step] / found[last][step] for found in rounds]
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(
            f"{words}: processor time of {first} over that of {last}: {statistics.median(ratios):.2f} ({shown})"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--against", default="f823789", help="the earlier commit")
    parser.add_argument("--every", type=int, default=1, help="take every N-th crystal")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--built", type=Path, help="where builds of commits are kept")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/benchmarks.md")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return
    from bench_engine import build

    with tempfile.TemporaryDirectory() as folder:
        items = Path(folder) / "items"
        count = write_items(options.paths, options.every, items)
        earlier = (options.built or Path(folder)) / options.against
        if not (earlier / "package").is_dir():
            build(options.against, earlier)
        packages = {options.against: earlier / "package", "this tree": build(None, Path(folder) / "this")}
        rounds: list[dict[str, Any]] = [one_round(packages, items, count) for _ in range(options.rounds)]
    text = "\n".join([f"{count} crystals", *report(rounds)])
    print(text)
    if options.record:
        from benchmarks import record

        record("front", "From CIF text to clouds against an earlier commit", f"```\n{text}\n```")


if __name__ == "__main__":
    main()
