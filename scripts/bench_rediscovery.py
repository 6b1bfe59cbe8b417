#!/usr/bin/env python
"""Leave each known family of conductors out of training and look where its members land among all candidates.

    scripts/bench_rediscovery.py RUN LABELS [--id-column ID] [--target-column NAME]

RUN is a finished `screening run` over labelled crystals and candidates. A family is told by composition, the same rule
for labelled crystals and candidates; labelled crystals that the label table puts into it are left out too, and so is
whatever is grouped with one of them (publication, composition, near-duplicate).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks import record

from screening.config import Config
from screening.elements import NUMBERS
from screening.learn.boosting import Rows, fit, parameters
from screening.learn.conventional import conventional_features
from screening.learn.dataset import Dataset, join
from screening.learn.evaluate import seeded
from screening.learn.labels import read_labels
from screening.learn.view import View
from screening.store.read import read_table

SEEDS = 5
Amounts = Callable[[str], np.ndarray]


def per(composition: np.ndarray, anions: str, count: float) -> Amounts:
    """Return amounts of elements (summed over those named) in a formula with `count` of the anions."""
    total = composition[:, [NUMBERS[symbol] for symbol in anions.split()]].sum(axis=1)
    scale = np.divide(count, total, out=np.zeros_like(total), where=total > 0)

    def amounts(symbols: str) -> np.ndarray:
        found: np.ndarray = composition[:, [NUMBERS[symbol] for symbol in symbols.split()]].sum(axis=1) * scale
        return found

    return amounts


def near(values: np.ndarray, wanted: float, slack: float = 0.15) -> np.ndarray:
    return np.abs(values - wanted) <= slack


def only(composition: np.ndarray, symbols: str) -> np.ndarray:
    others = np.ones(composition.shape[1], dtype=bool)
    others[[NUMBERS[symbol] for symbol in symbols.split()]] = False
    return np.asarray(~(composition[:, others] > 0).any(axis=1))


LARGE = "La Ba Sr Ca Nd Pr Ce Sm Eu Gd Y Tb Dy Ho Er Tm Yb Lu K Na Mg"
SMALL = "Zr Hf Sn Ti Ta Nb Sb Te W Bi Mo"


def families(composition: np.ndarray) -> dict[str, np.ndarray]:
    """Return which rows (n,) belong to each family."""
    sulfide, oxide = per(composition, "S Se Cl Br I", 6), per(composition, "O", 12)
    lgps, halide = per(composition, "S Se O Cl", 12), per(composition, "F Cl Br I", 6)
    oxyhalide, nitride = per(composition, "F Cl Br I", 1), per(composition, "N", 1)
    centre = "P As Sb Si Ge Sn"
    return {
        "argyrodites": only(composition, f"Li S Se Cl Br I {centre}")
        & near(sulfide(centre), 1)
        & ((sulfide("Li") > 5.2) & (sulfide("Li") < 7.2))
        & (sulfide("S Se") < 6.01)
        | (
            only(composition, f"Li S Se {centre}")
            & near(per(composition, "S Se", 6)(centre), 1)
            & near(sulfide("Li"), 7, 0.3)
        ),
        "garnets": near(oxide(LARGE), 3, 0.2) & near(oxide(SMALL), 2, 0.2) & (oxide("Li") > 2.8) & (oxide("Li") < 7.3),
        "NASICON": near(oxide("P Si"), 3, 0.1)
        & near(oxide("Ti Zr Ge Sn Hf Al Sc Cr Ga In Y Fe Nb Ta V"), 2, 0.1)
        & (oxide("Li") > 0.4)
        & (oxide("Li") < 4.1),
        "LGPS": near(lgps("Ge Si Sn P"), 3, 0.15) & (lgps("P") > 1.0) & (lgps("Li") > 8.5) & (lgps("Li") < 11.5),
        "halides Li3MX6": only(
            composition, "Li F Cl Br I Sc Y In Er Yb Ho Tm Lu Dy Tb Gd Zr Hf Ga Al Sb Bi La Ce Nd Sm Fe Cr V Ti"
        )
        & near(halide("Li"), 3, 0.6)
        & (composition[:, NUMBERS["F"]] == 0)
        & near(halide("Sc Y In Er Yb Ho Tm Lu Dy Tb Gd Zr Hf Ga Al Sb Bi La Ce Nd Sm Fe Cr V Ti"), 1, 0.3),
        "antiperovskites": only(composition, "Li O H S F Cl Br I")
        & near(oxyhalide("O"), 1, 0.1)
        & (oxyhalide("Li") > 1.9)
        & (oxyhalide("Li") < 3.1),
        "lithium nitride": only(composition, "Li N H") & near(nitride("Li"), 3, 0.1),
    }


# What the label tables call these families.
NAMES = {
    "argyrodites": ("argyrodite",),
    "garnets": ("garnet",),
    "NASICON": ("nasicon",),
    "LGPS": ("lgps",),
    "halides Li3MX6": ("halides", "chlorides", "cholorides"),
    "antiperovskites": ("antiperovskite",),
    "lithium nitride": ("nitride",),
}


def predicted(
    data: Dataset, kept: np.ndarray, features: np.ndarray, candidates: np.ndarray, config: Config
) -> np.ndarray:
    """Return the mean prediction for candidates of models trained on the labelled crystals that are kept."""
    rows = Rows(features, data.target, data.is_bound, data.groups)[kept].under(config.learn.bounds)
    total = np.zeros(len(candidates))
    for seed in range(SEEDS):
        params = parameters(config.learn, seed=seeded(config.seed, 10, seed))
        booster, base = fit(rows, params=params, trees=config.learn.trees)
        total += np.asarray(booster.predict(candidates)) + base
    return total / SEEDS


def landed(score: np.ndarray, member: np.ndarray) -> str:
    """Return where members stand: median percentile from the top, best place, enrichment at 5 and 10 %."""
    places = np.empty(len(score))
    places[np.argsort(-score, kind="stable")] = np.arange(1, len(score) + 1)
    share = places[member] / len(score)
    cells = [f"{100 * np.median(share):.0f} %", f"{int(places[member].min())}"]
    cells += [f"{(share <= part).mean() / part:.1f}" for part in (0.05, 0.10)]
    return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--id-column")
    parser.add_argument("--target-column")
    options = parser.parse_args()
    config = Config()
    labels = read_labels(options.labels, id_column=options.id_column, target_column=options.target_column)
    table = read_table(options.run / "features.zarr")
    data = join(table, labels)
    view = View.of(table.columns, band=config.learn.band)
    seen, conventional = view(table.features), conventional_features(table)[1]
    row_of = {str(id): row for row, id in enumerate(table.ids)}
    known = np.array([row_of[str(id)] for id in data.ids])
    is_candidate = np.ones(len(table), dtype=bool)
    is_candidate[known] = False
    composition = table.composition.astype(np.float64)
    member_of = families(composition)
    lines = [
        f"{int(is_candidate.sum()):,} candidates; places counted from the best. Median: of the members' percentiles "
        "from the top, 50 % by chance; enrichment: share of members in the first 5 and 10 % over chance.",
        "",
        "| family | labelled left out (its median log10 σ) | members among candidates | features | median "
        "| best place | enrichment 5 % | 10 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for family, rule in member_of.items():
        named = np.array([any(name in str(text).lower() for name in NAMES[family]) for text in data.family])
        left_out = rule[known] | named
        left_out = np.isin(data.groups, data.groups[left_out])
        own = rule[known] | named
        member = rule & is_candidate
        if not member.any() or not own.any():
            lines.append(f"| {family} | {int(own.sum())} | {int(member.sum())} | not judged: no members | | | | |")
            continue
        level = np.median(data.target[own])
        for name, features in (("topology", seen), ("conventional", conventional)):
            score = predicted(data, ~left_out, features[known], features[is_candidate], config)
            first = (
                f"| {family} | {int(own.sum())} and {int(left_out.sum() - own.sum())} of their groups ({level:.1f}) | "
                f"{int(member.sum())} "
                if name == "topology"
                else "| | | "
            )
            lines.append(f"{first}| {name} | {landed(score, member[is_candidate])} |")
    body = "\n".join(lines)
    print(body)
    record("rediscovery", "Rediscovery of families left out", body)


if __name__ == "__main__":
    main()
