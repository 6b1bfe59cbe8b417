#!/usr/bin/env python
"""Times what follows featurizing (train, explain, rank, report) of a finished RUN against an earlier commit.

    scripts/bench_after.py RUN LABELS [--id-column C] [--target-column C] [--against COMMIT] [--rounds N]
                           [--built FOLDER] [--record]

Each stage of each tree runs in a process of its own on the store of RUN; the two trees take turns stage by stage.
Processor time is that of the process and all that it started, without its imports. All that the stages wrote is
compared, byte for byte. `--built` keeps the builds for the next time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# `-P` and PYTHONSAFEPATH leave out the folder of the script; the modules beside it are needed all the same.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from builds import EARLIER, HERE, both, build, start

STAGES = ("train", "explain", "rank", "report")


def spent() -> float:
    """Return the processor time of this process and of all that it started, s."""
    import psutil

    own = psutil.Process()
    return sum(sum(one.cpu_times()[:4]) for one in (own, *own.children(recursive=True)))


def work(path: str) -> None:
    """Do one stage; print its seconds by processor and by clock, and the peak memory of this process in MiB."""
    import resource

    from screening import pipeline
    from screening.cluster import Progress
    from screening.config import Config
    from screening.host import Device
    from screening.learn import load_model
    from screening.report import write_report

    task: dict[str, Any] = json.loads(Path(path).read_text())
    folder, config, cpu = Path(task["folder"]), Config(), Device("cpu", "asked for", ())
    store, model = folder / "features.zarr", folder / "model"
    labels = pipeline.LabelOptions(Path(task["labels"]), task["id_column"], task["target_column"])

    def train() -> None:
        pipeline.train_model(store, labels.read(), model, config=config, device=cpu, progress=Progress())

    def explain() -> None:
        pipeline.explain_model(store, load_model(model), folder / "explanation", config=config, device=cpu)

    def rank() -> None:
        pipeline.rank_crystals(store, load_model(model), folder / "ranking.csv", config=config, labelled=False)

    def report() -> None:
        write_report(folder, top=config.rank.top)

    before, begin = spent(), time.perf_counter()
    {"train": train, "explain": explain, "rank": rank, "report": report}[task["stage"]]()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": spent() - before, "wall": time.perf_counter() - begin, "peak": peak}))


def one_round(packages: dict[str, Path], options: argparse.Namespace, work_dir: Path) -> dict[str, dict[str, Any]]:
    """Return by tree and stage what each took; what was written stays in a folder of `work_dir` for each tree."""
    found: dict[str, dict[str, Any]] = {name: {} for name in packages}
    run = options.run.resolve()
    for name in packages:
        folder = work_dir / name.replace(" ", "-")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "features.zarr").symlink_to(run / "features.zarr")
        for file in ("run.json", "rejected.csv"):
            shutil.copy(run / file, folder / file)
    for stage in STAGES:
        for name, package in packages.items():
            folder = work_dir / name.replace(" ", "-")
            task = {"stage": stage, "folder": str(folder), "labels": str(options.labels.resolve())}
            task |= {"id_column": options.id_column, "target_column": options.target_column}
            (work_dir / "task").write_text(json.dumps(task))
            out, _ = start(__file__, package, work_dir / "task").communicate()
            if not out:
                sys.exit(f"{stage} of {name} ended early")
            found[name][stage] = json.loads(out)
    return found


def differing(first: Path, second: Path) -> list[str]:
    """Return the files of two folders that are not the same in both, without the store."""
    names = {
        str(file.relative_to(folder))
        for folder in (first, second)
        for file in folder.rglob("*")
        if file.is_file() and "features.zarr" not in file.parts
    }
    return sorted(
        name
        for name in names
        if not ((first / name).is_file() and (second / name).is_file())
        or (first / name).read_bytes() != (second / name).read_bytes()
    )


def table(rounds: list[dict[str, dict[str, Any]]], names: list[str]) -> list[str]:
    """Return the lines that tell what each stage took in both trees, and the ratios."""
    lines = [f"{'':18s}" + "".join(f"{stage:>10s}" for stage in STAGES) + f"{'all':>10s}"]
    for words, key in (("processor s", "cpu"), ("wall s", "wall"), ("peak MiB", "peak")):
        for name in names:
            values = [statistics.median(one[name][stage][key] for one in rounds) for stage in STAGES]
            total = max(values) if key == "peak" else sum(values)
            lines.append(f"{name:18s}" + "".join(f"{value:10.1f}" for value in (*values, total)) + f"  {words}")
    if len(names) == 2:
        ratios = [
            sum(one[names[0]][stage]["cpu"] for stage in STAGES) / sum(one[names[1]][stage]["cpu"] for stage in STAGES)
            for one in rounds
        ]
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(f"processor time of {names[0]} over that of {names[1]}: {statistics.median(ratios):.2f} ({shown})")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", help="a finished RUN")
    parser.add_argument("labels", type=Path, nargs="?")
    parser.add_argument("--id-column")
    parser.add_argument("--target-column")
    parser.add_argument("--against", default=EARLIER, help="the earlier commit, or none")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--built", type=Path, help="where builds of commits are kept")
    parser.add_argument("--keep", type=Path, help="where what the stages wrote is kept")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/benchmarks.md")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return
    with tempfile.TemporaryDirectory() as temporary:
        if options.against != "none":
            packages = both(options.against, Path(temporary), kept=options.built)
        else:
            packages = {HERE: build(None, Path(temporary) / "this")}
        work_dir = options.keep or Path(temporary)
        rounds = [one_round(packages, options, work_dir) for _ in range(options.rounds)]
        counts = json.loads((options.run / "run.json").read_text())["counts"]
        lines = [f"{counts['featurized']:,} crystals, {counts['labelled']:,} of them labelled"]
        lines += table(rounds, list(packages))
        if len(packages) == 2:
            found = differing(*(work_dir / name.replace(" ", "-") for name in packages))
            lines.append(f"files that differ: {', '.join(found) or 'none'}")
    text = "\n".join(lines)
    print(text)
    if options.record:
        from benchmarks import record

        record(f"after-{counts['featurized']}", "After featurizing", f"```\n{text}\n```")


if __name__ == "__main__":
    main()
