#!/usr/bin/env python
"""Scores of the curves under each engine, each treatment of upper bounds, and each split, on labelled crystals.

    scripts/bench_learn.py CRYSTALS LABELS [--id-column ID] [--target-column NAME] [--engines periodic supercell]

The supercell engine is held to --max-points points; beyond, its radius is cut and its curves are NaN, as in a run.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import record

from screening.cluster.featurize_all import featurize_all
from screening.cluster.progress import Progress
from screening.config import Config, read_config
from screening.learn.dataset import join
from screening.learn.evaluate import compare_bounds, evaluate
from screening.learn.labels import Labels, read_labels
from screening.learn.train import train
from screening.store.read import read_table
from screening.store.tables import FeatureTable

SPLITS = {
    "grouped": "grouped: publication, composition and near-duplicates together",
    "publication": "grouped by publication alone",
    "family": "chemical family left out",
    "cluster": "structural cluster left out",
    "random": "random, five repeats (flatters)",
}


def featurized(crystals: str, config: Config, folder: Path) -> FeatureTable:
    store = folder / f"{config.homology.engine}.zarr"
    featurize_all([crystals], config=config, out=store, progress=Progress())
    return read_table(store)


def score_rows(name: str, scores: dict[str, Any], models: tuple[str, ...]) -> list[str]:
    rows = []
    for split, meaning in SPLITS.items():
        for model in models:
            found = scores["splits"].get(split, {}).get(model)
            if found is not None:
                r2, mae, rho = found["r2"], found["mae"], found["spearman"]
                label = name if model == "curves" else model
                spread = "" if found["r2_fold_spread"] is None else f"{found['r2_fold_spread']:.2f}"
                rows.append(f"| {meaning} | {label} | {r2:.2f} | {spread} | {mae:.2f} | {rho:.2f} |")
    return rows


def bound_rows(table: FeatureTable, labels: Labels, config: Config) -> list[str]:
    rows = []
    for treatment, found in compare_bounds(table, labels, config).items():
        held = f"{found['bounds_held']:.0%}"
        rows.append(f"| {treatment} | {found['r2']:.3f} | {found['mae']:.3f} | {found['spearman']:.3f} | {held} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("crystals")
    parser.add_argument("labels", type=Path)
    parser.add_argument("--id-column")
    parser.add_argument("--target-column")
    parser.add_argument("--engines", nargs="+", default=["periodic", "supercell"])
    parser.add_argument("--max-points", type=int, default=500)
    options = parser.parse_args()
    labels = read_labels(options.labels, id_column=options.id_column, target_column=options.target_column)
    rows: list[str] = []
    lines: list[str] = []
    with TemporaryDirectory() as folder:
        for engine in options.engines:
            config = read_config(None, {"homology": {"engine": engine, "max_points": options.max_points}})
            table = featurized(options.crystals, config, Path(folder))
            lines.append(f"`{engine}`: {len(table)} crystals featurized.")
            models = ("curves", "conventional", "nearest", "dummy") if engine == "periodic" else ("curves",)
            scores = train(table, labels, config).scores
            scores["splits"]["random"] = evaluate(join(table, labels), config, split="random", repeats=5).scores
            rows += score_rows(f"curves, {engine}", scores, models)
            if engine == "periodic":
                bounds = bound_rows(table, labels, config)
    rows.sort(key=lambda row: [row.startswith(f"| {meaning} ") for meaning in SPLITS.values()].index(True))
    body = "\n".join(
        [
            "R², MAE (log10 units) and Spearman over measured values alone, mean over repeats; spread over folds.",
            "",
            "| split | model | R² | spread of R² | MAE | Spearman |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            *lines,
            "",
            "Treatment of upper bounds, `periodic`, grouped split, judged on measured values:",
            "",
            "| bounds | R² | MAE | Spearman | bounds held |",
            "|---|---|---|---|---|",
            *bounds,
        ]
    )
    print(body)
    record("learn", "What the curves predict", body)


if __name__ == "__main__":
    main()
