"""Crystals of a few sites that a test names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from screening.crystals import Crystal, wrap
from screening.elements import NUMBERS


def crystal(lattice: ArrayLike, atoms: Sequence[tuple[str, float, float, float, float]]) -> Crystal:
    """A crystal of (symbol, x, y, z, occupancy)."""
    positions = np.array([atom[1:4] for atom in atoms], dtype=np.float64)
    return Crystal(
        id="made",
        source="made",
        lattice=np.array(lattice, dtype=np.float64),
        positions=wrap(positions),
        numbers=np.array([NUMBERS[atom[0]] for atom in atoms], dtype=np.uint8),
        occupancies=np.array([atom[4] for atom in atoms]),
        site_idx=np.arange(len(atoms)),
        charges=np.full(len(atoms), np.nan),
    )
