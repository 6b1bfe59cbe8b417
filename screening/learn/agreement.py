"""Whether a table of labels speaks of the crystals that it is joined to."""

from __future__ import annotations

import numpy as np

from screening.crystals import FloatArray, written_formula
from screening.elements import NUMBERS
from screening.learn.conventional import atomic_fractions
from screening.learn.labels import Labels
from screening.store import FeatureTable

# Atomic fractions of one substance in two places differ by roundings and by what is refined of a partly filled site.
TOLERANCE = 0.02
SHOWN = 3


def composition_notes(labels: Labels, table: FeatureTable) -> list[str]:
    """Return a sentence for a person where labels state other compositions than their crystals have; else nothing."""
    if labels.composition is None:
        return []
    row_of = {str(id): row for row, id in enumerate(table.ids)}
    fractions = atomic_fractions(table)
    formulas = table.facts["formula"].to_numpy(dtype=object)
    compared, different = 0, []
    for id, text in zip(labels.ids, labels.composition, strict=True):
        row = row_of.get(str(id))
        stated = _fractions(str(text).replace(" ", ""))
        if row is None or stated is None:
            continue
        compared += 1
        if np.abs(fractions[row] - stated).max() > TOLERANCE:
            different.append(f"{id}: {text} in the labels, {formulas[row]} in the crystal")
    if not different:
        return []
    shown = "; ".join(different[:SHOWN]) + (f"; and {len(different) - SHOWN} more" if different[SHOWN:] else "")
    return [f"{len(different)} of {compared} labels state another composition than their crystal has: {shown}"]


def _fractions(formula: str) -> FloatArray | None:
    """Return atomic fractions (119,) of a formula, None where it cannot be read."""
    amounts = written_formula(formula)
    if not amounts or not all(symbol in NUMBERS for symbol in amounts):
        return None
    held = np.zeros(119)
    for symbol, amount in amounts.items():
        held[NUMBERS[symbol]] += amount
    total = held.sum()
    return held / total if total > 0 else None
