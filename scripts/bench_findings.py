#!/usr/bin/env python
"""Whether a layered lithium sublattice marks good conductors, and how measured crystals differ from candidates.

    scripts/bench_findings.py RUN LABELS [--id-column ID] [--target-column NAME] [--draws 2000]

RUN is a finished `screening run` over labelled crystals and candidates. Writes the figures into docs/findings.md.

A crystal's layer window is the length of radius, in Å, over which most of its lithium sites lie in components that run
on in exactly two directions (share of sites in layers at least one half); chain and framework windows likewise.
Crystals of one publication, composition or structure form a group; intervals are percentiles of a bootstrap over them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks import ROOT, record
from lightgbm import LGBMClassifier
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from screening.learn.dataset import Dataset, join
from screening.learn.labels import read_labels
from screening.learn.load import load_model
from screening.learn.splits import connected_groups, equal_pairs, grouped_folds
from screening.store.read import iter_tables, read_some
from screening.store.tables import FeatureTable

LAYERED = 0.5  # Å of layer window from which a crystal is called layered
OTHERS = 4_000  # candidates that labelled crystals are told apart from


def windows(features: np.ndarray, columns: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return over how much radius (Å) most lithium is in chains, layers, frameworks, and where frameworks begin."""
    step = 0.1
    found = {}
    for rank, name in ((1, "chain"), (2, "layer"), (3, "framework")):
        picked = [index for index, column in enumerate(columns) if column.startswith(f"Li/rank{rank}/")]
        most = features[:, picked] >= 0.5
        found[name] = most.sum(axis=1) * step
        if rank == 3:
            found["framework from"] = np.where(most.any(axis=1), (most.argmax(axis=1) + 1) * step, 8.0)
    return found


def draws(groups: np.ndarray, n: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    return [np.concatenate([members[k] for k in rng.integers(len(members), size=len(members))]) for _ in range(n)]


def told(statistic: Callable[[np.ndarray], float], rows_drawn: list[np.ndarray], n: int) -> str:
    value = statistic(np.arange(n))
    found = np.array([statistic(rows) for rows in rows_drawn])
    found = found[np.isfinite(found)]
    low, high = np.quantile(found, [0.025, 0.975])
    return f"{value:+.2f} | {low:+.2f} to {high:+.2f}"


def layering(data: Dataset, n_draws: int) -> list[str]:
    """Return the rows of the table of effects."""
    window = windows(data.features, data.columns)
    target = data.target
    layered = window["layer"] >= LAYERED
    column = {name: index for index, name in enumerate(data.columns)}
    density = data.features[:, column["Li/number_density"]].astype(np.float64)
    sulfide = (data.fractions[:, [16, 34, 52]].sum(axis=1) > 0).astype(float)
    halide = (data.fractions[:, [17, 35, 53]].sum(axis=1) > 0).astype(float)
    family = np.array([name or f"alone {row}" for row, name in enumerate(data.family)], dtype=object)

    def difference(rows: np.ndarray) -> float:
        here = layered[rows]
        return (
            float(target[rows][here].mean() - target[rows][~here].mean()) if here.any() and not here.all() else np.nan
        )

    def slope(rows: np.ndarray, *controls: np.ndarray, of: np.ndarray) -> float:
        table = np.column_stack([of[rows], np.ones(len(rows)), *(control[rows] for control in controls)])
        return float(np.linalg.lstsq(table, target[rows], rcond=None)[0][0])

    def within(rows: np.ndarray) -> float:
        frame = pd.DataFrame({"family": family[rows], "y": target[rows], "x": layered[rows].astype(float)})
        centred = frame[["x", "y"]] - frame.groupby("family")[["x", "y"]].transform("mean")
        spread = float((centred["x"] ** 2).sum())
        return float((centred["x"] * centred["y"]).sum() / spread) if spread > 0 else np.nan

    def rank_correlation(rows: np.ndarray, of: np.ndarray) -> float:
        return float(np.corrcoef(rankdata(of[rows]), rankdata(target[rows]))[0, 1])

    drawn = draws(data.groups, n_draws)
    n = len(data)
    flag = layered.astype(float)
    early = -window["framework from"]
    rows = [
        f"| {int(layered.sum())} layered crystals of {n}: difference of mean log10 σ | {told(difference, drawn, n)} |",
        f"| the same, with lithium density, chalcogenide and halide held | "
        f"{told(lambda r: slope(r, density, sulfide, halide, of=flag), drawn, n)} |",
        f"| the same, with the radius where frameworks begin held too | "
        f"{told(lambda r: slope(r, density, sulfide, halide, early, of=flag), drawn, n)} |",
        f"| within chemical families | {told(within, drawn, n)} |",
    ]
    rows += [
        f"| rank correlation of log10 σ with the {name} window | "
        f"{told(partial(rank_correlation, of=window[name]), drawn, n)} |"
        for name in ("chain", "layer", "framework")
    ]
    rows.append(
        f"| rank correlation with how early (at how small a radius) lithium forms a framework | "
        f"{told(lambda r: rank_correlation(r, early), drawn, n)} |"
    )
    return rows


def explained(run: Path) -> list[str]:
    stability = pd.read_csv(run / "explanation" / "stability.csv")
    kinds = pd.read_csv(run / "explanation" / "kinds.csv").set_index("kind")
    rows = []
    for row in stability[stability["scope"] == "kind"].head(10).to_dict("records"):
        arrow = {1: "more is better", -1: "more is worse", 0: ""}[int(kinds.loc[row["name"], "direction"])]
        rows.append(
            f"| {row['name']} | {row['share']:.1%} | {row['share_low']:.1%} to {row['share_high']:.1%} | "
            f"{row['rank_low']:.0f} to {row['rank_high']:.0f} | {arrow} ({row['same_direction']:.0%} of draws) |"
        )
    by_curve = stability[stability["scope"] == "kind"].assign(
        curve=lambda frame: frame["name"].str.split("/").str[:2].str.join("/")
    )
    sums = by_curve.groupby("curve")["share"].sum().sort_values(ascending=False)
    layers = sums.get("Li/rank2", 0.0)
    place = list(sums.index).index("Li/rank2") + 1 if "Li/rank2" in sums.index else None
    rows += [
        "",
        f"Summed over radius, lithium layers (Li/rank2) carry {layers:.1%} of all |SHAP|, place {place} of {len(sums)} "
        f"curves; first are {', '.join(f'{name} {share:.1%}' for name, share in sums.head(5).items())}.",
    ]
    return rows


def candidates(path: Path, known: set[str], seed: int = 0) -> FeatureTable:
    return read_some(path, ids=set(), others=OTHERS, seed=seed) if known else read_some(path, ids=set(), others=OTHERS)


def shift(run: Path, data: Dataset) -> list[str]:
    """Return how well measured crystals are told from candidates, and what the same compound gets as both."""
    model = load_model(run / "model")
    others = candidates(run / "features.zarr", set(data.ids))
    keep = ~np.isin(others.ids, data.ids)
    view = model.view
    features = np.vstack([view(data.features), view(others.features[keep])])
    is_known = np.arange(len(features)) < len(data)
    formula = np.concatenate([data.formula, others.facts["formula"].to_numpy(dtype=object)[keep]])
    groups = connected_groups(len(features), {"formula": equal_pairs(formula.astype(str).astype(object))})
    folds = grouped_folds(groups, is_known.astype(float), folds=5, seed=0)
    chance = np.empty(len(features))
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        classifier = LGBMClassifier(
            n_estimators=150, learning_rate=0.05, verbosity=-1, random_state=0, n_jobs=1, class_weight="balanced"
        )
        classifier.fit(features[~held], is_known[~held])
        chance[held] = np.asarray(classifier.predict_proba(features[held]))[:, 1]
    lines = [
        f"A classifier tells labelled crystals from {int(keep.sum())} candidates, compositions left out whole, with an "
        f"area under the curve of {roc_auc_score(is_known, chance):.2f} (0.5: no shift).",
    ]
    by_formula = {str(name): row for row, name in enumerate(data.formula)}
    pairs: list[tuple[float, float, float, bool]] = []
    for table in iter_tables(run / "features.zarr"):
        names = table.facts["formula"].to_numpy(dtype=object)
        rows = [
            row for row, name in enumerate(names) if str(name) in by_formula and table.ids[row] not in set(data.ids)
        ]
        if rows:
            apart = None if table.distances is None else table.distances[rows]
            predicted = model.predict(table.features[rows], distances=apart).mean
            for row, value in zip(rows, predicted, strict=True):
                other = by_formula[str(names[row])]
                pairs.append(
                    (value, model.out_of_fold[str(data.ids[other])], data.target[other], bool(data.is_bound[other]))
                )
    if pairs:
        figures = np.array([pair[:3] for pair in pairs])
        gap = figures[:, 0] - figures[:, 1]
        measured = ~np.array([pair[3] for pair in pairs])
        lines += [
            "",
            f"{len(pairs)} candidates have the composition of a labelled crystal. Their prediction minus the labelled "
            f"crystal's out-of-fold one: median {np.median(gap):+.2f}, from {np.quantile(gap, 0.1):+.2f} to "
            f"{np.quantile(gap, 0.9):+.2f} (10 and 90 %). Mean absolute error against its measured value: "
            f"{np.abs(figures[measured, 0] - figures[measured, 2]).mean():.2f} for the candidate, "
            f"{np.abs(figures[measured, 1] - figures[measured, 2]).mean():.2f} for the labelled crystal left out.",
        ]
    ranking = pd.read_csv(run / "ranking.csv")
    half = ranking["disordered"].astype(bool)
    lines += [
        "",
        f"Of the labelled crystals {np.mean(chance_disordered(run, data)):.0%} are disordered, of the candidates "
        f"{half.mean():.1%}; {ranking['in_domain'].mean():.0%} of all candidates and "
        f"{ranking.head(100)['in_domain'].mean():.0%} of the first hundred lie in the domain.",
    ]
    return lines


def chance_disordered(run: Path, data: Dataset) -> np.ndarray:
    table = read_some(run / "features.zarr", ids=set(map(str, data.ids)))
    return np.array(["disordered" in str(flags).split(";") for flags in table.facts["flags"]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--id-column")
    parser.add_argument("--target-column")
    parser.add_argument("--draws", type=int, default=2000)
    options = parser.parse_args()
    labels = read_labels(options.labels, id_column=options.id_column, target_column=options.target_column)
    data = join(read_some(options.run / "features.zarr", ids=set(labels.ids)), labels)
    page = ROOT / "docs" / "findings.md"
    effects = [
        "Bounds at their value; 95 % intervals by bootstrap over groups; differences and slopes in log10 units.",
        "",
        "| | effect | 95 % interval |",
        "|---|---|---|",
        *layering(data, options.draws),
    ]
    record("layers", "Layered lithium, measured", "\n".join(effects), page=page)
    shap = [
        "| kind of hole | share of mean absolute SHAP | 5 to 95 % of draws | place, 5 to 95 % | direction |",
        "|---|---|---|---|---|",
        *explained(options.run),
    ]
    record("shap", "What the model looks at, and how stable that is", "\n".join(shap), page=page)
    record("shift", "Measured crystals and candidates", "\n".join(shift(options.run, data)), page=page)
    print(page.read_text())


if __name__ == "__main__":
    main()
