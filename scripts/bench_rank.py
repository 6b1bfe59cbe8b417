#!/usr/bin/env python
"""Ranking a large store: memory by number of crystals, crystals per second, and where the time goes.

    scripts/bench_rank.py [-n 100000] [--threads 1] [--work DIR] [--record]

Crystals are made up: smooth curves in the columns of the default settings with noise of their own, one in twenty a copy
of another in another cell. Each measurement is a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import record

import screening.ranking.rank as ranking
from screening.config import Config
from screening.crystals.clouds import channel_label
from screening.elements import NUMBERS
from screening.features.curves import columns
from screening.learn.labels import Labels
from screening.learn.load import load_model
from screening.learn.model import Model
from screening.learn.space import FeatureSpace
from screening.learn.train import train
from screening.ranking import write_ranking
from screening.ranking.batches import StoredTables
from screening.ranking.duplicates import Signed
from screening.store.read import read_some
from screening.store.store import FeatureStore
from screening.store.tables import FEATURIZED, ShardRows

N_LABELLED = 250
N_SHAPES = 1_000
COPIES = 20  # one crystal in so many is a copy
QUICK = {"folds": 3, "repeats": 1}  # the scores are of no interest here; the model's trees are those of the default
READING = "reading shards"
PARTS: dict[str, tuple[Any, str]] = {
    READING: (StoredTables, "__getitem__"),
    "LightGBM": (Model, "predict"),
    "nearest labelled crystal": (FeatureSpace, "nearest"),
    "signatures": (Signed, "of"),
    "duplicates (reading included)": (ranking, "representatives"),
}


def shapes(config: Config) -> np.ndarray:
    """Return (N_SHAPES, n_columns) curves of eight levels each, the lower ones often empty as real ones are."""
    rng = np.random.default_rng(0)
    names = columns(config)
    curve = np.unique([name.rsplit("/", 1)[0] if name.count("/") > 1 else name for name in names], return_inverse=True)[
        1
    ]
    place = np.arange(len(names)) * 8 // len(names)
    levels = rng.gamma(1.0, 2.0, size=(N_SHAPES, int(curve.max()) + 1, 8))
    levels[rng.random(levels.shape) < 0.6] = 0.0
    return levels[:, curve, place].astype(np.float32)


def shard(index: int, base: np.ndarray, config: Config, *, n_rows: int) -> ShardRows:
    rng = np.random.default_rng(index)
    rows = np.arange(n_rows) + index * config.store.shard_rows
    features = base[rng.integers(0, N_SHAPES, n_rows)]
    features = features * (1 + 0.05 * rng.normal(size=features.shape)).astype(np.float32)
    composition = np.zeros((n_rows, 119), dtype=np.float32)
    composition[:, [NUMBERS["Li"], NUMBERS["O"]]] = rng.integers(1, 20, (n_rows, 2))
    composition[np.arange(n_rows), rng.integers(11, 80, n_rows)] += rng.integers(1, 9, n_rows)
    volume = rng.uniform(100, 2000, n_rows)
    copies = np.flatnonzero((rows % COPIES == 0) & (np.arange(n_rows) > 0) & (rows >= N_LABELLED + 1))
    features[copies] = features[copies - 1] + rng.uniform(-1e-6, 1e-6, (len(copies), features.shape[1]))
    composition[copies], volume[copies] = 2 * composition[copies - 1], 2 * volume[copies - 1]
    n_facts = 10 + len(config.cloud.channels)
    numbers = np.ones((n_rows, n_facts))
    numbers[:, 0], numbers[:, 1], numbers[:, 2], numbers[:, 10:] = FEATURIZED, composition.sum(axis=1), volume, 20.0
    strings = np.full((n_rows, 6), "", dtype=object)
    strings[:, 0] = [f"crystal-{row:07d}" for row in rows]
    strings[:, 1] = [f"archives/candidates-2026.tar.xz::folder-{row // 1000}/crystal-{row:07d}.cif" for row in rows]
    strings[:, 2] = [f"Li{li:g}O{o:g}" for li, o in composition[:, [NUMBERS["Li"], NUMBERS["O"]]]]
    return ShardRows(
        features=features.astype(np.float32), composition=composition, numbers=numbers, strings=strings, seconds=0.0
    )


def make(folder: Path, n: int, config: Config) -> None:
    """Write a store of `n` made-up crystals and a model trained on the first of them, unless they are there."""
    labels_of = [channel_label(channel, config.cloud) for channel in config.cloud.channels]
    size = config.store.shard_rows
    header = {
        "config": config.features_config(),
        "features_hash": config.features_hash(),
        "engine": "periodic",
        "shard_rows": size,
        "versions": {},
    }
    store = FeatureStore.create(folder / "features.zarr", columns=columns(config), channels=labels_of, header=header)
    base = shapes(config)
    store.reserve(-(-n // size) * size)
    for index in range(-(-n // size)):
        rows = shard(index, base, config, n_rows=min(size, n - index * size))
        store.commit(store.write_shard(index, rows, inputs=str(index)))
    store.finish(n)
    known = read_some(folder / "features.zarr", ids={f"crystal-{row:07d}" for row in range(N_LABELLED)})
    rng = np.random.default_rng(1)
    target = -6 + np.log1p(known.features[:, ::50].astype(np.float64)).mean(axis=1) + rng.normal(0, 0.5, N_LABELLED)
    made = Labels(
        ids=known.ids,
        log_sigma=target,
        is_bound=np.zeros(N_LABELLED, dtype=np.bool_),
        publication=np.array([f"10.1/{row // 2}" for row in range(N_LABELLED)], dtype=object),
        family=np.array([f"family {row // 2 % 9}" for row in range(N_LABELLED)], dtype=object),
    )
    train(known, made, config.model_copy(update={"learn": config.learn.model_copy(update=QUICK)})).save(
        folder / "model"
    )


def timed(spent: dict[str, float], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        begin, reading = time.perf_counter(), spent[READING]
        result = function(*given, **named)
        spent[READING] = reading  # what it read counts as its own
        spent[name] += time.perf_counter() - begin
        return result

    return call


def memory(name: str) -> float:
    """Return MiB of this process: VmRSS now, VmHWM at its peak."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def measure(folder: Path, n: int, threads: int) -> dict[str, Any]:
    """Return what ranking the first `n` crystals took, in this process."""
    config = Config()
    model = load_model(folder / "model")
    tables = StoredTables(folder / "features.zarr")
    del tables._entries[-(-n // config.store.shard_rows) :]
    spent = dict.fromkeys(PARTS, 0.0)
    for name, (owner, attribute) in PARTS.items():
        setattr(owner, attribute, timed(spent, name, getattr(owner, attribute)))
    before = memory("VmRSS")
    begin = time.perf_counter()
    frame = ranking.rank(tables, model, labelled=False, config=config.rank, threads=threads)
    seconds = time.perf_counter() - begin
    peak = memory("VmHWM")
    write_ranking(frame, folder / "written" / "ranking.csv")
    return {
        "ranked": len(frame),
        "duplicates": int((frame["duplicate_of"] != "").sum()),
        "seconds": seconds,
        "before": before,
        "peak": peak,
        "written": memory("VmHWM"),
        "parts": spent,
    }


def table(found: list[dict[str, Any]], threads: int) -> str:
    """Return the section of the page."""
    last, first = found[-1], found[0]
    slope = (last["written"] - first["written"]) / (last["ranked"] - first["ranked"]) * 1e5
    at_500k = last["written"] + slope * (500_000 - last["ranked"]) / 1e5
    rows = [
        f"| {one['ranked']:,} | {one['duplicates']:,} | {one['seconds']:.1f} | {one['ranked'] / one['seconds']:,.0f} | "
        f"{one['before']:.0f} | {one['peak']:.0f} | {one['written']:.0f} |"
        for one in found
    ]
    rest = last["seconds"] - sum(last["parts"].values())
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in last["parts"].items())
    return "\n".join(
        [
            f"Made-up crystals in the {len(columns(Config())):,} columns of the default settings, one in {COPIES} a "
            f"copy of another in another cell, {N_LABELLED} labelled ones, LightGBM on {threads} "
            f"thread{'s' if threads > 1 else ''}. Memory is that of the whole process (MiB): before ranking, at the "
            "peak of ranking, and of ranking and writing the list.",
            "",
            "| candidates | duplicates found | seconds | candidates/s | before | peak | with writing |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            f"Where the time goes for {last['ranked']:,}: {parts}, all else {rest:.1f} s.",
            "",
            f"The peak grows by {slope:.0f} MiB for every 100,000 candidates. Extrapolated, not measured: "
            f"{at_500k:.0f} MiB for 500,000.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "screening-rank")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.work / str(options.n)
    if options.child is not None:
        print(json.dumps(measure(folder, options.child, options.threads)))
        return
    if not (folder / "model" / "model.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        begin = time.perf_counter()
        make(folder, options.n, Config())
        print(f"made {options.n} crystals and a model in {time.perf_counter() - begin:.0f} s", flush=True)
    found = []
    for share in (4, 2, 1):
        command = [sys.executable, __file__, "-n", str(options.n), "--threads", str(options.threads)]
        command += ["--work", str(options.work), "--child", str(options.n // share)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
        print(found[-1], flush=True)
    body = table(found, options.threads)
    print(body)
    if options.record:
        record("rank", "Ranking many crystals", body)


if __name__ == "__main__":
    main()
