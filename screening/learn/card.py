"""A model card: what a model was trained on, how it was judged, what it says of itself, and where it ends.

Source of the form: Mitchell et al., FAT* 2019, 220.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from screening.learn.header import ModelHeader, Training
from screening.spreadsheet import plain_text

SPLIT_WORDS = {
    "grouped": "publication, composition and near-duplicates together",
    "publication": "publication alone",
    "family": "chemical families left out",
    "cluster": "structural clusters left out",
    "random": "random: flatters, near-duplicates stand on both sides",
}
LIMITS = (
    "The prediction is geometry's: phonons, grain boundaries, electronic conduction, stability and synthesis are not "
    "in it. Alloys and Zintl phases with dense lithium can rank high and conduct electrons.",
    "It was trained on measured crystals, mostly disordered, as published; ordered calculated cells differ from them.",
    "Families far from those below are extrapolated to; distance and domain in the ranking say how far.",
    "A folder like this one is data: its trees are checked before they are used, and nothing in it is run.",
)


def card(header: ModelHeader, training: Training, scores: dict[str, Any]) -> str:
    """Return the model card as Markdown; the same model gives the same text."""
    measured = training.log_sigma[~training.is_bound]
    low, middle, high = np.quantile(measured, [0.0, 0.5, 1.0])
    publications = len(set(training.publication.tolist()) - {""})
    interval = scores["interval"]
    lines = [
        "# Model card",
        "",
        "Predicts log10 of the room-temperature ionic conductivity (S/cm) of a crystal from the topology of its "
        "sublattices.",
        "",
        "## Data",
        "",
        f"- {len(training.ids)} crystals with a label: {len(measured)} measured values from {low:.1f} to {high:.1f} "
        f"(median {middle:.1f}) and {int(training.is_bound.sum())} upper bounds, treatment: {header.learn['bounds']}.",
        f"- {publications} publications stated; {len(np.unique(training.group))} groups that are never parted.",
        f"- Elements that occur: {', '.join(header.elements)}.",
        *_families(interval.get("coverage_by_family", {})),
        "",
        "## Features and learner",
        "",
        f"- {len(header.columns)} columns of engine {header.engine}, curves averaged over bands of {header.band:g} Å; "
        f"settings {header.features_hash[:12]}.",
        f"- {header.boosters} LightGBM models of {header.learn['trees']} trees, averaged; seed {header.seed}"
        + (f"; LightGBM {header.learner.lightgbm} on {header.learner.device_type}." if header.learner else "."),
        *_kernels(header),
        "",
        "## Scores on crystals left out",
        "",
        *_headline(scores),
        "Over measured values; R², mean absolute error (log10 units), Spearman rank correlation.",
        "",
        "| left out by | model | R² | MAE | Spearman |",
        "|---|---|---|---|---|",
        *_scores(scores),
        "",
        *_checks(scores),
        "## Uncertainty",
        "",
        f"- {interval['level']:.0%} intervals from the errors on crystals left out by {interval.get('by', 'group')}; "
        f"measured coverage {_cell(interval.get('coverage'))}, median width {_cell(interval.get('median_width'))} "
        "log10 units.",
        "",
        "## Limits",
        "",
        *(f"- {text}" for text in LIMITS),
    ]
    return "\n".join(lines) + "\n"


def _kernels(header: ModelHeader) -> list[str]:
    """Return what stands beside the trees, and what was trained on without a crystal of its own."""
    lines: list[str] = []
    if header.kernels is not None:
        lines.append(
            "- The prediction is the mean of these, kernel ridge and a Gaussian process (Laplacian kernel); LightGBM "
            "is the one that is explained. Beside it stands its mean with what the composition alone says (kernel "
            f"ridge and Gaussian process on atomic fractions and Magpie statistics; {header.told} of what it learned "
            "from are labels without a crystal)."
        )
    if header.made:
        lines.append(
            f"- {header.made} labels without a crystal trained too, put onto the nearest labelled crystal; none "
            "judges, and none trains for a fold that it or its template is related to."
        )
    return lines


def _headline(scores: dict[str, Any]) -> list[str]:
    """Return one line for each split that leads: the error beside that of the mean, and families that are not met."""
    lines: list[str] = []
    for split, one in (scores.get("headline") or {}).items():
        beaten = "" if one["beats_mean"] else " **It does not beat the mean.**"
        worse = [
            f"{plain_text(row['family'])} ({row['n']})" for row in one.get("families", []) if not row["beats_mean"]
        ]
        among = f" In {', '.join(worse)} it does not beat the mean." if worse else ""
        lines.append(
            f"- Left out by {SPLIT_WORDS[split]}: error {_cell(one['mae'])}, of the mean {_cell(one['mae_of_mean'])}."
            f"{beaten}{among}"
        )
    return [*lines, ""] if lines else []


def _families(found: dict[str, dict[str, Any]]) -> list[str]:
    if not found:
        return []
    named = sorted(found.items(), key=lambda item: (-item[1]["n"], item[0]))
    told = ", ".join(f"{plain_text(name)} {one['n']}" for name, one in named)
    return [f"- Families (measured crystals): {told}."]


def _scores(scores: dict[str, Any]) -> Sequence[str]:
    return [
        f"| {SPLIT_WORDS.get(split, split)} | {name} | {_cell(one['r2'])} | {_cell(one['mae'])} | "
        f"{_cell(one['spearman'])} |"
        for split, models in scores["splits"].items()
        for name, one in models.items()
    ]


def _checks(scores: dict[str, Any]) -> list[str]:
    """Return what shuffled labels give, how scores grow with data, and how early good conductors stand."""
    lines: list[str] = []
    if shuffled := scores.get("y_randomisation"):
        lines.append(f"- With shuffled labels R² is {_cell(shuffled['r2'])} (highest {_cell(shuffled['r2_highest'])}).")
    if curve := scores.get("learning_curve"):
        told = ", ".join(f"{row['n_training']:.0f}: {_cell(row['mae'])}" for row in curve)
        lines.append(f"- MAE by crystals learned from: {told}.")
    for row in scores["splits"].get("grouped", {}).get("curves", {}).get("screening", []):
        enriched = ", ".join(f"{_cell(row[f'ef_{percent}'])} in {percent} %" for percent in (1, 5, 10))
        lines.append(
            f"- Good means 10^{row['threshold']:g} S/cm or more ({row['n_good']:.0f} of {row['n']:.0f}): enrichment "
            f"{enriched}; BEDROC {_cell(row['bedroc'])}; of those predicted good {_cell(row['hit_rate'])} are."
        )
    return [*lines, ""] if lines else []


def _cell(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"
