#!/usr/bin/env python
"""Whether the model knows which of two crystals of one structure conducts better, publications left out whole.

    scripts/bench_series.py CRYSTALS LABELS [--target-column NAME] [--repeats 6]

A pair is two measured crystals of one stated family and one structure (the same prototype label, or the same stated
space group with cell edges within 6 % and angles within 6 degrees) whose compositions differ by more than 0.003 in an
atomic fraction. It is judged where a fold holds both out, by the models of that fold, and the mean over repeats of the
predicted difference counts. Intervals: 80 % of 1,000 resamples of whole publications.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from benchmarks import record

from screening.cluster.featurize_all import featurize_all
from screening.cluster.progress import Progress
from screening.config import Config
from screening.crystals import UNKNOWN, prototype
from screening.elements import NUMBERS
from screening.generation.isotypes import ANGLES, EDGES
from screening.host import cores
from screening.learn.dataset import Dataset, join
from screening.learn.differences import COMPOSITION, GEOMETRY, PairErrors, pair_errors, scale_of
from screening.learn.evaluate import evaluate, split_groups
from screening.learn.kernels import fit_kernels
from screening.learn.labels import read_labels
from screening.learn.predictor import composition_columns
from screening.learn.splits import SAME_COMPOSITION
from screening.learn.view import View
from screening.sources import iter_items, read_item
from screening.store import read_table

RESAMPLES = 1_000
CLEAR = 0.5  # log units
NEAR = 0.05  # in an atomic fraction
LEAST = 30  # pairs; fewer are told to be too few
MODELS = {
    "curves": "geometry (the default prediction)",
    "composition": "geometry and composition",
    "composition_alone": "composition alone",
    "conventional": "Magpie statistics and lattice (LightGBM)",
    "nearest": "value of the nearest training crystal",
}
ANIONS = [NUMBERS[symbol] for symbol in ("N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I")]


def structures(crystals: str, config: Config) -> dict[str, tuple[str, int, Any]]:
    """Return prototype, stated space group and cell of each crystal by id."""
    found = {}
    for item in iter_items([crystals], config.input):
        if item.rejection is None:
            crystal = read_item(item, config.input)
            found[crystal.id] = prototype(crystal), crystal.spacegroup, np.array(crystal.cell_parameters())
    return found


def isotypic(one: tuple[str, int, Any], other: tuple[str, int, Any]) -> bool:
    if one[0] == other[0] != UNKNOWN:
        return True
    edges = np.abs(one[2][:3] / other[2][:3] - 1.0).max() <= EDGES
    return one[1] == other[1] > 1 and bool(edges and np.abs(one[2][3:] - other[2][3:]).max() <= ANGLES)


def pairs_of(data: Dataset, known: dict[str, tuple[str, int, Any]]) -> Any:
    """Return the rows of each pair (n, 2)."""
    rows = np.flatnonzero(~data.is_bound & (data.family != ""))
    found = [
        (a, b)
        for place, a in enumerate(rows.tolist())
        for b in rows[place + 1 :].tolist()
        if data.family[a] == data.family[b]
        and np.abs(data.fractions[a] - data.fractions[b]).max() > SAME_COMPOSITION
        and data.target[a] != data.target[b]
        and isotypic(known[str(data.ids[a])], known[str(data.ids[b])])
    ]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def differences(folds: pd.DataFrame, data: Dataset, pairs: Any, model: str) -> Any:
    """Return the predicted difference (n_pairs,) of each pair, the mean over repeats that hold both out; NaN: none."""
    place = {str(id): row for row, id in enumerate(data.ids)}
    n_repeats = int(folds["repeat"].max()) + 1
    value, fold = np.full((n_repeats, len(data)), np.nan), np.full((n_repeats, len(data)), -1)
    row = np.array([place[str(id)] for id in folds["id"]])
    value[folds["repeat"], row] = folds[model]
    fold[folds["repeat"], row] = folds["fold"]
    first, second = pairs.T
    together = fold[:, first] == fold[:, second]
    change = np.where(together, value[:, first] - value[:, second], 0.0).sum(axis=0)
    counts = together.sum(axis=0)
    return np.where(counts > 0, change / np.maximum(1, counts), np.nan)


def right(measured: Any, predicted: Any) -> Any:
    """Return 1 where the sign is right, 0 where it is wrong, 1/2 where nothing is said."""
    return np.where(np.abs(predicted) < 1e-9, 0.5, (np.sign(measured) == np.sign(predicted)).astype(float))


def told(hits: Any, chosen: Any, ends: Any, *, seed: int = 0) -> str:
    """Return the share of pairs that are right, with its interval over publications."""
    if chosen.sum() < LEAST:
        return f"too few ({int(chosen.sum())})"
    hits, ends = hits[chosen], ends[chosen]
    names, places = np.unique(ends, return_inverse=True)
    places = places.reshape(-1, 2)
    rng, drawn = np.random.default_rng(seed), []
    inside = places[:, 0] == places[:, 1]
    for _ in range(RESAMPLES):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        weight = np.where(inside, times[places[:, 0]], times[places[:, 0]] * times[places[:, 1]])
        if weight.sum():
            drawn.append(float(hits @ weight / weight.sum()))
    low, high = np.quantile(drawn, [0.1, 0.9])
    return f"{hits.mean():.0%} ({low:.0%}–{high:.0%})"


def coverage(errors: PairErrors, level: float) -> tuple[float, float]:
    """Return the share of pairs, and the mean share over groups, held by the scale of all other groups."""
    held = np.zeros(len(errors.ratio), dtype=np.bool_)
    for one in np.unique(errors.group):
        here = errors.group == one
        others = PairErrors(errors.ratio[~here], errors.group[~here])
        held[here] = errors.ratio[here] <= scale_of(others, level=level).factor
    return float(held.mean()), float(pd.Series(held).groupby(errors.group).mean().mean())


def judged(data: Dataset, folds: pd.DataFrame, pairs: Any) -> list[str]:
    """Return the lines of a table of the share of pairs whose sign is right."""
    n_all, pairs = len(pairs), pairs[np.isfinite(differences(folds, data, pairs, "curves"))]
    first, second = pairs.T
    measured = data.target[first] - data.target[second]
    predicted = {name: differences(folds, data, pairs, model) for model, name in MODELS.items()}
    lithium = data.fractions[:, NUMBERS["Li"]] / np.maximum(1e-9, data.fractions[:, ANIONS].sum(axis=1))
    filled = data.features[:, data.columns.index("Li/mean_occupancy")].astype(np.float64)
    for name, amount in {"less lithium per anion": lithium, "a smaller share of its sites filled": filled}.items():
        fewer = amount[second] - amount[first]
        predicted[f"more lithium vacancies is better: {name}"] = np.where(np.abs(fewer) < 1e-3, 0.0, fewer)
    predicted["the mean (no difference), or a coin"] = np.zeros(len(pairs))
    ends = split_groups(data, "publication")[1][pairs]
    clear, within = np.abs(measured) > CLEAR, ends[:, 0] == ends[:, 1]
    near = np.abs(data.fractions[first] - data.fractions[second]).max(axis=1) <= NEAR
    columns = {
        "all": np.ones(len(pairs), dtype=np.bool_),
        f"> {CLEAR:g} apart": clear,
        "of one publication": within,
        f"of one publication, > {CLEAR:g}": within & clear,
        f"compositions within {NEAR:g}": near,
        f"within {NEAR:g}, > {CLEAR:g}": near & clear,
    }
    correlations = ", ".join(
        f"{MODELS[name]} {spearman(predicted[MODELS[name]], measured):.2f}" for name in list(MODELS)[:3]
    )
    return [
        f"{n_all} pairs, {len(pairs)} of them held out together at least once ({len(np.unique(pairs))} crystals, "
        f"{len(np.unique(ends))} publications). Spearman of predicted and measured difference: {correlations}.",
        "",
        "| said by | " + " | ".join(columns) + " |",
        "|---|" + "---|" * len(columns),
        "| pairs | " + " | ".join(str(int(chosen.sum())) for chosen in columns.values()) + " |",
        *(
            f"| {name} | " + " | ".join(told(right(measured, said), chosen, ends) for chosen in columns.values()) + " |"
            for name, said in predicted.items()
        ),
        "",
    ]


def intervals(data: Dataset, folds: pd.DataFrame, config: Config) -> list[str]:
    """Return what the interval of the difference holds, as `screening series` takes it from a model's grouped folds."""
    bands = View.of(data.columns, band=config.learn.band)(data.features)
    lines = []
    for column, name, seen in (
        (GEOMETRY, "geometry", bands),
        (COMPOSITION, "composition alone", composition_columns(data.fractions)),
    ):
        errors = pair_errors(
            folds,
            fit_kernels(seen, data.target, data.is_bound),
            column=column,
            ids=data.ids,
            group=data.groups,
            formula=data.formula,
            is_bound=data.is_bound,
        )
        scale, held = scale_of(errors, level=config.learn.interval), coverage(errors, config.learn.interval)
        lines.append(
            f"Interval of the difference, {name}: {scale.factor:.2f} units, from {scale.pairs} pairs of {scale.groups} "
            f"groups, grouped folds; taken from all other groups it holds {held[0]:.0%} of the pairs, {held[1]:.0%} in "
            f"the mean over groups, where {scale.level:.0%} is meant."
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crystals")
    parser.add_argument("labels", type=Path)
    parser.add_argument("--target-column")
    parser.add_argument("--repeats", type=int, default=6)
    options = parser.parse_args()
    config = Config()
    labels = read_labels(options.labels, target_column=options.target_column)
    with TemporaryDirectory() as folder:
        store = Path(folder) / "features.zarr"
        featurize_all([options.crystals], config=config, out=store, progress=Progress())
        data = join(read_table(store), labels)
    pairs = pairs_of(data, structures(options.crystals, config))
    folds = {
        split: evaluate(data, config, split=split, repeats=options.repeats, threads=cores()).predictions
        for split in ("publication", "grouped")
    }
    body = "\n".join([
        f"Pairs of measured crystals of one family and structure, {options.repeats} repeats. Share of pairs whose sign "
        "of Δ log σ is right (80 % interval over publications); where a model says nothing it counts half.",
        "",
        "**Publications left out whole.**",
        "",
        *judged(data, folds["publication"], pairs),
        "**Grouped folds** (publication, composition and near-duplicates whole).",
        "",
        *judged(data, folds["grouped"], pairs),
        *intervals(data, folds["grouped"], config),
    ])  # fmt: skip
    print(body)
    record("series", "Which of two crystals of one structure conducts better", body)


def spearman(one: Any, other: Any) -> float:
    return float(pd.Series(one).corr(pd.Series(other), method="spearman"))


if __name__ == "__main__":
    main()
