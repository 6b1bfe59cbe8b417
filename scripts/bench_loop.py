#!/usr/bin/env python
"""Times the bare loop from CIF text to rows of features in this tree against an earlier commit, built beside it.

    scripts/bench_loop.py PATH... [--against COMMIT] [--every N] [--rounds N] [--built FOLDER] [--record]

PATH is a folder, archive or CIF file. The two take turns, a shard each, in processes of their own, on one thread:
processor time a crystal, the largest memory of each process, and how many rows have the same features, byte for byte.
`--built` keeps the builds for the next time.
"""

from __future__ import annotations

import hashlib
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

# `-P` and PYTHONSAFEPATH leave out the folder of the script; the modules beside it are needed all the same.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from builds import HERE
from turns import Raw, function, main, serve, take_turns


def work(path: str) -> None:
    """Featurize the crystals of each turn; answer seconds, memory (MiB) and a digest of each row."""
    from screening.config import Config

    featurize: Any = function("featurize", "screening.features.shard", "screening.featurize")
    item: Any = function("Item", "screening.sources.blocks")
    config = Config()

    def timed(items: list[Raw]) -> dict[str, Any]:
        shard = [item(id=id, source=source, text=text) for id, source, text in items]
        begin = time.process_time()
        rows = featurize(shard, config)
        return {
            "count": len(items),
            "seconds": time.process_time() - begin,
            "rows": [hashlib.sha256(row.tobytes()).hexdigest()[:16] for row in rows.features],
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }

    serve(path, timed)


def compare(paths: list[str], *, against: str, every: int, rounds: int, built: Path | None) -> str:
    """Return the report: milliseconds a crystal and memory of both trees, their ratio, and rows that are equal."""
    found = take_turns(__file__, paths, against=against, every=every, rounds=rounds, built=built)
    count = sum(turn["count"] for turn in found[0][HERE])
    lines = [f"{count} crystals", f"{'':18s}{'ms a crystal':>14s}{'peak MiB':>12s}"]
    seconds: dict[str, list[float]] = {}
    for name in (against, HERE):
        seconds[name] = [sum(turn["seconds"] for turn in of_round[name]) for of_round in found]
        peak = max(turn["peak"] for of_round in found for turn in of_round[name])
        lines.append(f"{name:18s}{1e3 * statistics.median(seconds[name]) / count:14.3f}{peak:12.0f}")
    rows = {name: [row for turn in found[0][name] for row in turn["rows"]] for name in (against, HERE)}
    same = sum(one == other for one, other in zip(rows[against], rows[HERE], strict=True))
    ratios = [one / other for one, other in zip(seconds[against], seconds[HERE], strict=True)]
    shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    lines.append(f"processor time of {against} over that of {HERE}: {statistics.median(ratios):.2f} ({shown})")
    lines.append(f"rows with the same features, byte for byte: {same} of {count}")
    return "\n".join(lines)


if __name__ == "__main__":
    main(str(__doc__), compare, work, section=("loop", "From CIF text to features against an earlier commit"), rounds=1)
