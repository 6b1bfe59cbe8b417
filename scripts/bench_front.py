#!/usr/bin/env python
"""Times reading CIF text into crystals and clouds in this tree against an earlier commit, built beside it.

    scripts/bench_front.py PATH... [--against COMMIT] [--every N] [--rounds N] [--built FOLDER] [--record]

PATH is a folder, archive or CIF file. The two take turns every few crystals, each in a process of its own, so that a
machine that slows down slows both; a round begins with fresh processes and cold caches. Processor time is printed, a
crystal: of reading alone, and of reading with the clouds of all channels. `--built` keeps the builds for the next time.
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from builds import EARLIER, build, start

# Crystals that one of the two reads before it is the other's turn.
TURN = 25


def write_items(paths: list[str], every: int, target: Path) -> int:
    """Write id, source and text of the crystals to a file; return how many there are."""
    from screening.config import InputLimits
    from screening.sources import iter_items

    items = [(item.id, item.source, item.text) for item in iter_items(paths, InputLimits()) if item.rejection is None]
    chosen = items[::every]
    target.write_bytes(pickle.dumps(chosen))
    return len(chosen)


def function(name: str, *modules: str) -> Any:
    """Return a function from the first of the modules that there is: they had other names in earlier commits."""
    found = next(module for module in modules if find_spec(module.rpartition(".")[0]) and find_spec(module))
    return getattr(import_module(found), name)


def work(path: str) -> None:
    """Read the crystals named on standard input, first and last of a turn; answer the seconds of both steps."""
    from screening.config import Config
    from screening.errors import RejectionError

    read_cif: Any = function("read_cif", "screening.crystals.cif", "screening.cif")
    channel_clouds: Any = function("channel_clouds", "screening.crystals.clouds", "screening.cloud")
    config = Config()
    items: list[tuple[str, str, bytes]] = pickle.loads(Path(path).read_bytes())
    for line in sys.stdin:
        begin, end = json.loads(line)
        seconds = [0.0, 0.0]
        for id, source, text in items[begin:end]:
            started = time.process_time()
            crystal = None
            try:
                crystal = read_cif(text, id=id, source=source, limits=config.input)
                read = time.process_time()
                channel_clouds(crystal, config.cloud)
            except RejectionError:
                read = read if crystal is not None else time.process_time()
            seconds[0] += read - started
            seconds[1] += time.process_time() - started
        print(json.dumps(seconds), flush=True)


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
    """Return milliseconds a crystal of both steps for each package."""
    readers = {name: start(__file__, package, items) for name, package in packages.items()}
    totals = {name: [0.0, 0.0] for name in packages}
    for number, begin in enumerate(range(0, count, TURN)):
        # Who begins changes, so that neither always finds the caches of the processor as the other left them.
        order = list(readers.items())[:: -1 if number % 2 else 1]
        for name, reader in order:
            seconds = answered(reader, (begin, min(begin + TURN, count)))
            totals[name] = [total + second for total, second in zip(totals[name], seconds, strict=True)]
    for reader in readers.values():
        reader.communicate()
    return {name: [1e3 * total / count for total in both] for name, both in totals.items()}


def report(rounds: list[dict[str, list[float]]]) -> list[str]:
    lines = ["ms a crystal          reading   reading and clouds"]
    for name in rounds[0]:
        both = [statistics.median(found[name][step] for found in rounds) for step in (0, 1)]
        lines.append(f"{name:18s} {both[0]:10.3f} {both[1]:20.3f}")
    first, last = rounds[0]
    for step, words in enumerate(("reading", "reading and clouds")):
        ratios = [found[first][step] / found[last][step] for found in rounds]
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(
            f"{words}: processor time of {first} over that of {last}: {statistics.median(ratios):.2f} ({shown})"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--against", default=EARLIER, help="the earlier commit")
    parser.add_argument("--every", type=int, default=1, help="take every N-th crystal")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--built", type=Path, help="where builds of commits are kept")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/benchmarks.md")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return
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
