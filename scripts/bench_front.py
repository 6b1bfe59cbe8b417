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

import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# `-P` and PYTHONSAFEPATH leave out the folder of the script; the modules beside it are needed all the same.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from builds import HERE
from turns import Raw, Rounds, function, main, serve, take_turns

STEPS = ("reading", "and clouds", "and facts of rows")


def one_by_one(config: Any) -> Callable[[list[Raw]], list[float]]:
    """Return what reads crystals as trees without batches do: seconds of reading, clouds, and facts of the rows."""
    from screening.errors import RejectionError

    read_cif: Any = function("read_cif", "screening.crystals.cif", "screening.cif")
    channel_clouds: Any = function("channel_clouds", "screening.crystals.clouds", "screening.cloud")
    shard: Any = import_module("screening.features.shard" if find_spec("screening.features") else "screening.featurize")

    def timed(items: list[Raw]) -> list[float]:
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


def in_batches(config: Any) -> Callable[[list[Raw]], list[float]]:
    """Return what reads a turn at once, as this tree reads a shard."""
    from screening.crystals import channel_batches
    from screening.features import clouds_of, read_items
    from screening.sources import Item

    def timed(items: list[Raw]) -> list[float]:
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
    """Read the crystals of each turn; answer the seconds of all steps."""
    from screening.config import Config

    features: Any = import_module("screening.features") if find_spec("screening.features") else None
    timed = (in_batches if hasattr(features, "read_items") else one_by_one)(Config())
    serve(path, lambda items: {"count": len(items), "seconds": timed(items)})


def milliseconds(rounds: Rounds, name: str) -> list[list[float]]:
    """Return the milliseconds a crystal that a tree took for each step, by round."""
    found = []
    for of_round in rounds:
        count = sum(turn["count"] for turn in of_round[name])
        sums = [sum(turn["seconds"][step] for turn in of_round[name]) for step in range(len(STEPS))]
        found.append([1e3 * seconds / count for seconds in sums])
    return found


def compare(paths: list[str], *, against: str, every: int, rounds: int, built: Path | None) -> str:
    """Return the report: milliseconds a crystal of both trees, and ratios."""
    found = take_turns(__file__, paths, against=against, every=every, rounds=rounds, built=built)
    count = sum(turn["count"] for turn in found[0][HERE])
    lines = [f"{count} crystals", f"{'ms a crystal':18s}" + "".join(f"{words:>22s}" for words in STEPS)]
    taken = {name: milliseconds(found, name) for name in (against, HERE)}
    for name, of_rounds in taken.items():
        medians = [statistics.median(of_round[step] for of_round in of_rounds) for step in range(len(STEPS))]
        lines.append(f"{name:18s}" + "".join(f"{median:22.3f}" for median in medians))
    for step, words in enumerate(STEPS):
        ratios = [one[step] / other[step] for one, other in zip(taken[against], taken[HERE], strict=True)]
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(
            f"{words}: processor time of {against} over that of {HERE}: {statistics.median(ratios):.2f} ({shown})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main(str(__doc__), compare, work, section=("front", "From CIF text to clouds against an earlier commit"), rounds=3)
