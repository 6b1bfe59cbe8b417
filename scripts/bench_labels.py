#!/usr/bin/env python
"""What labels without a crystal, averaged learners and the composition are worth, on the same folds.

    scripts/bench_labels.py CRYSTALS LABELS MORE_LABELS [--target-column NAME] [--repeats 3]

Folds hold crystals with a CIF of their own alone. Intervals: 80 % of 1,000 resamples of whole groups. The last rows let
compounds train whose template is a test crystal's relative, and compositions that all but equal a test crystal's: what
either would seem to gain.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from benchmarks import record

from screening.cluster.featurize_all import featurize_all
from screening.cluster.progress import Progress
from screening.config import Config
from screening.host import cores
from screening.learn import leaks
from screening.learn.dataset import Dataset, join
from screening.learn.evaluate import evaluate, split_groups
from screening.learn.labels import read_labels
from screening.learn.leaks import TOLD_COMPOSITION, Relation
from screening.learn.scores import r_squared
from screening.learn.splits import SAME_COMPOSITION
from screening.pipeline import make_isotypes
from screening.store import read_table

SPLITS = ("publication", "grouped", "random", "family")
RESAMPLES = 1_000
# Settings looked at on the way, each on the grouped, publication and random folds: of them the table shows ten.
TRIED = {
    "templates and rules (labelled crystals or 14,592 of the Materials Project; same space group, same composition, "
    "same anions, ordered or not; limits 0.02 to 0.5), each with two sets of columns and five learners": 20,
    "kernels (Laplacian, Gaussian, Matérn 1/2, 3/2), widths, noise, bands of 0.3 to 1 Å, fractions or Magpie": 81,
    "averages of learners, weights by distance, treatments of bounds": 30,
    "compositions without a structure (nearness 0.003 to 0.05; fractions, Magpie, crystal system; kernel ridge and "
    "process, their width and noise, boosted and random trees; averages with the curves)": 40,
    "distances between sublattices (which pairs, 10 or 30 neighbours, logarithms, all sites or clouds; alone, beside "
    "the bands, averaged with the curves)": 18,
    "what a classifier calls insulators; bond-valence energies and void radii, alone and beside the rest": 37,
    "distances of further pairs, their spread over the atoms, filling of sites, densities; alone, with the distances, "
    "as third mean, and each with the composition": 19,
    "the noise of a measured value fixed at 0.5 log units (kept); sums and products of kernels in one process": 11,
    "weights of composition and of distances chosen on inner grouped folds": 3,
    "weighted alpha complexes and embeddings of a potential; alone, with the distances, as third mean, and each with "
    "the composition": 22,
}


class LeakyRelation(Relation):
    """A relation that forgets templates: what is scored with it is too good."""

    FORGOTTEN = frozenset({"made from", "template"})

    def near(self, held: Any) -> Any:
        """Return what is related to held crystals by itself."""
        pairs = {name: rows for name, rows in self.pairs.items() if name not in self.FORGOTTEN}
        reached = np.zeros(self._n_nodes, dtype=np.bool_)
        reached[: self.n_crystals] = held
        found = dataclasses.replace(self, pairs=pairs)._step(reached)
        return found[self.n_crystals : self.n_crystals + self.n_made]

    def hung_on(self, groups: Any) -> Any:
        """Return that nothing hangs on a group."""
        return np.full(self.n_made, -1)

    def check(self, used: Any, held: Any, *, groups: Any = None) -> None:
        """Return nothing: leaks are asked for here."""


class LooseRelation(LeakyRelation):
    """A relation that knows publications and near-duplicates alone."""

    FORGOTTEN = LeakyRelation.FORGOTTEN | {"composition"}


def with_relation(data: Dataset, kind: type[Relation]) -> Dataset:
    """Return the data with the same related pairs under another rule."""
    assert data.relation is not None
    pairs = {field.name: getattr(data.relation, field.name) for field in dataclasses.fields(data.relation)}
    return dataclasses.replace(data, relation=kind(**pairs))


def spread(predictions: pd.DataFrame, model: str, groups: dict[str, int], *, seed: int = 0) -> tuple[float, ...]:
    """Return R², its interval, MAE, its interval: mean over repeats, groups resampled."""
    known = predictions[~predictions["is_bound"]]
    values = known.groupby("id").agg(measured=("measured", "first"), predicted=(model, list))
    group = np.array([groups[str(id)] for id in values.index])
    members = [np.flatnonzero(group == one) for one in np.unique(group)]
    measured = values["measured"].to_numpy(dtype=np.float64)
    predicted = np.array(values["predicted"].tolist())

    def scores(rows: Any) -> tuple[float, float]:
        r2 = [r_squared(measured[rows], predicted[rows, at]) or 0.0 for at in range(predicted.shape[1])]
        return float(np.mean(r2)), float(np.abs(predicted[rows] - measured[rows, None]).mean())

    rng = np.random.default_rng(seed)
    drawn = np.array([
        scores(np.concatenate([members[at] for at in rng.integers(len(members), size=len(members))]))
        for _ in range(RESAMPLES)
    ])  # fmt: skip
    low, high = np.quantile(drawn, [0.1, 0.9], axis=0)
    r2, mae = scores(np.arange(len(measured)))
    return r2, low[0], high[0], mae, low[1], high[1]


def cells(data: Dataset, config: Config, models: dict[str, str], repeats: int) -> dict[str, list[str]]:
    """Return by name of a row one cell per split."""
    rows: dict[str, list[str]] = {name: [] for name in models.values()}
    for split in SPLITS:
        found = evaluate(data, config, split=split, repeats=repeats, threads=cores())
        named = {str(id): int(group) for id, group in zip(data.ids, split_groups(data, "grouped")[1], strict=True)}
        for model, name in models.items():
            r2, low, high, mae, least, most = spread(found.predictions, model, named)
            rows[name].append(f"{r2:.2f} ({low:.2f}–{high:.2f}) / {mae:.2f} ({least:.2f}–{most:.2f})")
            print(name, split, rows[name][-1], flush=True)
    return rows


def named(learner: str) -> str:
    return learner if learner == "geometry" else f"curves, {learner}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crystals")
    parser.add_argument("labels", type=Path)
    parser.add_argument("more", type=Path)
    parser.add_argument("--target-column")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    config = Config()
    with TemporaryDirectory() as folder:
        compounds = read_labels(options.more)
        labels = read_labels(options.labels, target_column=options.target_column).joined(compounds)
        store = Path(folder) / "features.zarr"
        featurize_all([options.crystals], config=config, out=store, progress=Progress())
        table = read_table(store)
    made, _ = make_isotypes(table, labels, config, progress=Progress())
    alone, beside = dataclasses.replace(join(table, labels), told=None), join(table, labels, made=made)
    if made is None or beside.relation is None:
        raise SystemExit("nothing could be made of these labels")
    kinds = {"curves": "geometry", "trees": "LightGBM", "ridge": "kernel ridge", "process": "Gaussian process"}
    rows: dict[str, list[str]] = {}
    both = {"composition_alone": "composition alone", "composition": "geometry and composition"}
    rows |= cells(alone, config, {k: named(v) for k, v in kinds.items()} | both, options.repeats)
    more = f" + {len(made)} compounds"
    told = f" + {0 if beside.told is None else len(beside.told)} compositions"
    rows |= cells(beside, config, {k: f"{named(v)}{more}" for k, v in kinds.items()}
                  | {k: f"{v}{told}" for k, v in both.items()}, options.repeats)  # fmt: skip
    for kind, what in ((LeakyRelation, "templates"), (LooseRelation, "templates and compositions")):
        rows |= cells(with_relation(beside, kind), config,
                      {k: f"{named(v)}{more}, {what} forgotten (leaks)" for k, v in kinds.items()},
                      options.repeats)  # fmt: skip
    with mock.patch.object(leaks, "TOLD_COMPOSITION", SAME_COMPOSITION):
        nearer = f", those within {TOLD_COMPOSITION:g} too"
        rows |= cells(beside, config, {k: f"{v}{told}{nearer}" for k, v in both.items()}, options.repeats)
    by_rule = ", ".join(f"{count} by {rule}" for rule, count in pd.Series(made.rule).value_counts().items())
    body = "\n".join([
        f"{len(alone)} crystals judged ({int(alone.is_bound.sum())} upper bounds, which no score below counts), "
        f"{len(made)} compounds without a crystal put onto the nearest one ({by_rule}), {len(made.refused)} refused. "
        f"{options.repeats} repeats. R² (80 % interval over groups) / MAE (the same).",
        "",
        "| learned from, by | " + " | ".join(SPLITS) + " |",
        "|---|" + "---|" * len(SPLITS),
        *(f"| {name} | " + " | ".join(found) + " |" for name, found in rows.items()),
        "",
        f"Variants looked at on the way: {sum(TRIED.values())}.",
        "",
        *(f"- {count}: {what}" for what, count in TRIED.items()),
    ])  # fmt: skip
    print(body)
    record("labels", "Labels without a crystal, three learners, and the composition", body)


if __name__ == "__main__":
    main()
