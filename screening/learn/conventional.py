"""The model that topology has to beat: composition, cell and density, from the same store."""

from __future__ import annotations

import numpy as np

from screening.crystals import FloatArray
from screening.elements import NUMBERS, SYMBOLS
from screening.learn.magpie import magpie_features, magpie_names
from screening.store import FeatureTable

CELL = ("a", "b", "c", "alpha", "beta", "gamma")


def atomic_fractions(table: FeatureTable) -> FloatArray:
    """Return atomic fractions (n, 119), rows summing to 1."""
    amounts = table.composition.astype(np.float64)
    return np.asarray(amounts / amounts.sum(axis=1, keepdims=True), dtype=np.float64)


def conventional_features(table: FeatureTable) -> tuple[list[str], FloatArray]:
    """Return names and values (n, k) of the conventional features.

    Atomic fractions of the elements that occur, Magpie statistics of elemental properties, cell lengths (Å) and angles
    (°), volume per atom (Å³) and the number density of the mobile ion (1/Å³).
    """
    fractions = atomic_fractions(table)
    present = np.flatnonzero(fractions.any(axis=0))
    volume = table.facts["volume"].to_numpy(dtype=np.float64)
    mobile = NUMBERS[table.settings.cloud.mobile_ion]
    amounts = table.composition.astype(np.float64)
    values = np.column_stack(
        [
            fractions[:, present],
            magpie_features(table.composition),
            table.facts[list(CELL)].to_numpy(dtype=np.float64),
            volume / amounts.sum(axis=1),
            amounts[:, mobile] / volume,
        ]
    )
    names = [f"fraction/{SYMBOLS[number]}" for number in present]
    return [*names, *magpie_names(), *CELL, "volume_per_atom", "mobile_density"], values
