#!/usr/bin/env python
"""Where known conductors stand in the list by default, before and after, and without what was measured of them.

    scripts/known_conductors.py RUN LABELS [--id-column ID] [--target-column NAME] [--threads N] [--record]

RUN is a finished `screening run` over labelled crystals (LABELS) and candidates. The place of a compound is that of its
best entry in the order of all candidates, those held back and folded into others counted. "Before" is the order by
prediction with flagged crystals alone held back. Beside it the same places of a model from whose training all labels of
these compositions were taken, and all others of their publications. Nothing here is fitted to these compounds.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks import record

from screening.cluster import Progress
from screening.config import Config, RankConfig
from screening.crystals import written_amounts
from screening.elements import SYMBOLS
from screening.host import resolve
from screening.learn import Labels, Model, load_model, read_labels
from screening.pipeline import train_model
from screening.ranking import StoredTables, count_reasons, rank
from screening.store import FeatureTable, read_some

KNOWN = """
Li10SiP2S12 Li10GeP2S12 Li10SnP2S12 Li6PS5Cl Li6PS5Br Li6PS5I Li7PS6 Li3YBr6 Li3ScCl6 Li3InCl6 Li3OCl Li3OBr Li3N
Li7La3Zr2O12 LiTi2P3O12 Li7P3S11
""".split()
NEAR = 0.01  # atomic fractions that are one composition
SHARE = 0.03  # of all candidates
BEFORE = RankConfig(objective="mean", require_any_anion=(), charge_balance=False, fold="none")
DEFAULT = RankConfig()
LISTED = RankConfig(fold="none")
FIRST = 50


def fractions(formula: str) -> np.ndarray:
    amounts = np.zeros(len(SYMBOLS))
    for symbol, amount in written_amounts(formula):
        amounts[SYMBOLS.index(symbol)] += amount
    found: np.ndarray = amounts / amounts.sum()
    return found


def of_these(formulas: list[str]) -> np.ndarray:
    """Return which formulas (n,) are one of the known compounds."""
    wanted = np.array([fractions(formula) for formula in KNOWN])
    return np.array([bool((np.abs(wanted - fractions(one)).max(axis=1) <= NEAR).any()) for one in formulas])


def candidates(run: Path, labelled: set[str]) -> list[FeatureTable]:
    """Return the crystals without a label."""
    found = []
    for table in StoredTables(run / "features.zarr"):
        rows = np.array([str(id) not in labelled for id in table.ids])
        found.append(
            dataclasses.replace(
                table,
                ids=table.ids[rows],
                features=table.features[rows],
                facts=table.facts[rows].reset_index(drop=True),
                composition=table.composition[rows],
            )
        )
    return found


def without_them(labels: Labels, crystals: FeatureTable) -> tuple[Labels, int, int]:
    """Return the labels left without these compositions and their publications, and how many each took away."""
    formula = dict(zip(map(str, crystals.ids), map(str, crystals.facts["formula"]), strict=True))
    of_crystal = [formula.get(str(id), "") for id in labels.ids]
    stated = [""] * len(labels) if labels.composition is None else list(map(str, labels.composition))
    same = np.array([bool(text) and bool(of_these([text])[0]) for text in of_crystal])
    same |= np.array([bool(text) and bool(of_these([text])[0]) for text in stated])
    publication = np.full(len(labels), "", dtype=object) if labels.publication is None else labels.publication
    theirs = np.isin(publication, [one for one in publication[same] if one]) & ~same
    kept = ~(same | theirs)
    fields = {}
    for field in dataclasses.fields(labels):
        value = getattr(labels, field.name)
        fields[field.name] = value[kept] if isinstance(value, np.ndarray) else value
    return Labels(**fields), int(same.sum()), int(theirs.sum())


def places(frame: pd.DataFrame) -> dict[str, tuple[int, str] | None]:
    """Return by formula the place of the best entry in the order of all rows, and its id."""
    rows = np.array([fractions(str(formula)) for formula in frame["formula"]], dtype=np.float32)
    found: dict[str, tuple[int, str] | None] = {}
    for formula in KNOWN:
        same = np.flatnonzero(np.abs(rows - fractions(formula).astype(np.float32)).max(axis=1) <= 1e-3)
        found[formula] = (int(same[0]) + 1, str(frame["id"].iloc[same[0]])) if len(same) else None
    return found


def first_rows(frame: pd.DataFrame) -> str:
    """Return what the first rows hold that nobody would make."""
    head = frame.head(FIRST)
    without = [
        not {symbol for symbol, _ in written_amounts(str(one))} & set(DEFAULT.require_any_anion)
        for one in head["formula"]
    ]
    return f"{sum(without)} without a common anion, {int(head['formula'].duplicated().sum())} formulas repeated"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--id-column")
    parser.add_argument("--target-column")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    model = load_model(options.run / "model")
    labels = read_labels(options.labels, id_column=options.id_column, target_column=options.target_column)
    tables = candidates(options.run, set(map(str, labels.ids)))
    left, n_same, n_theirs = without_them(labels, read_some(options.run / "features.zarr", ids=set(labels.ids)))
    with tempfile.TemporaryDirectory() as folder:
        blind, _ = train_model(
            options.run / "features.zarr", left, Path(folder) / "model", config=Config(), device=resolve("cpu"),
            threads=options.threads, progress=Progress(),
        )  # fmt: skip

    def ranked(of: Model, config: RankConfig) -> pd.DataFrame:
        return rank(tables, of, labelled=False, config=config, threads=options.threads)

    frames = {
        "before": ranked(model, BEFORE),
        "default": ranked(model, DEFAULT),
        "listed": ranked(model, LISTED),
        "before, without": ranked(blind, BEFORE),
        "default, without": ranked(blind, DEFAULT),
    }
    total = len(frames["default"])
    limit = int(SHARE * total)
    found = {name: places(frame) for name, frame in frames.items()}

    def cell(name: str, formula: str) -> str:
        one = found[name][formula]
        return "not there" if one is None else str(one[0])

    def within(name: str) -> str:
        count = sum(one is not None and one[0] <= limit for one in found[name].values())
        return f"{count} of {len(KNOWN)}"

    lines = [
        "| compound | entry | before | by default | none folded | before, unseen | by default, unseen |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for formula in KNOWN:
        one = found["default"][formula]
        cells = [formula, "" if one is None else one[1], *(cell(name, formula) for name in frames_in_order())]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append(f"| **in the first {limit}** | | {' | '.join(within(name) for name in frames_in_order())} |")
    held = count_reasons(frames["default"]["held_back"])
    told = ", ".join(f"{name} {count}" for name, count in held.items())
    body = "\n".join(
        [
            textwrap.fill(
                f"Place of the best entry of each compound among all {total} candidates, held-back and folded rows "
                f"counted; the first 3 % are {limit}. Unseen: a model from whose training the {n_same} labels of these "
                f"compositions (within {NEAR} in atomic fractions) and {n_theirs} others of their publications were "
                f"taken; {len(left)} are left.",
                118,
            ),
            "",
            *lines,
            "",
            textwrap.fill(
                f"The first {FIRST} before: {first_rows(frames['before'])}. "
                f"By default: {first_rows(frames['default'])}. Held back by default: {told}; "
                f"{int((frames['default']['held_back'] == '').sum())} are not.",
                118,
            ),
        ]
    )
    print(body)
    if options.record:
        record("known-conductors", "Known conductors in the list", body)


def frames_in_order() -> tuple[str, ...]:
    return ("before", "default", "listed", "before, without", "default, without")


if __name__ == "__main__":
    main()
