"""The atoms of the cell that the operations make of the asymmetric unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.crystals.arrays import FloatArray, IntArray
from screening.crystals.symmetry import Symmetry

# An atom that an operation moves by less than this sits on that operation's element: three decimals of a 20 Å cell
# leave 0.02 Å, while the two halves of a split site are at least 0.1 Å apart. Å.
SPECIAL_TOLERANCE = 0.05
# Atoms at equal coordinates share a site; fractional. The offset keeps short decimals away from the edges of the cells.
SITE_KEY = 1e-5
SITE_OFFSET = 0.6180339887498949
# Coordinates that are equal but for float noise and the eighth decimal. Å.
EXACT_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """All atoms of the cell, grouped by the atom of the asymmetric unit that they come from."""

    positions: FloatArray  # (n, 3) fractional
    atom_idx: IntArray  # (n,) row of the asymmetric unit
    site_idx: IntArray  # (n,) equal for atoms sharing a site
    flags: set[str]


def expand(positions: FloatArray, symmetry: Symmetry, lattice: FloatArray, *, multiplicities: FloatArray) -> Expansion:
    """Return the atoms of the cell made by the operations from the asymmetric unit.

    An atom within `SPECIAL_TOLERANCE` of a symmetry element is put onto it (the mean of its images under its
    stabiliser), so that its remaining images coincide to rounding and are counted once.

    Parameters
    ----------
    positions
        (m, 3) fractional, the asymmetric unit.
    symmetry
        k operations.
    lattice
        (3, 3) Å, row vectors.
    multiplicities
        (m,) how often the file says that the atom stands in the cell, NaN where it does not say. A stated multiplicity
        decides between a site on an element of symmetry and a split site close beside it.
    """
    k = len(symmetry.rotations)
    if k == 1:
        images = positions[:, None, :] + symmetry.translations
        flags: set[str] = set()
    else:
        snapped, flags = _snapped(positions, multiplicities, symmetry, lattice)
        images = (snapped @ symmetry.rotations.transpose(0, 2, 1)).transpose(1, 0, 2) + symmetry.translations
    images -= np.floor(images)
    keys = _position_keys(images.reshape(-1, 3))
    atom = np.repeat(np.arange(len(positions)), images.shape[1])
    # First image of each (atom, place), in order of atom and operation.
    _, place = np.unique(keys, return_inverse=True)
    pair = atom * (int(place.max()) + 1) + place
    _, first = np.unique(pair, return_index=True)
    first.sort()
    _, earliest, inverse = np.unique(place[first], return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(earliest))
    return Expansion(images.reshape(-1, 3)[first], atom[first], order[inverse].astype(np.int64), flags)


def _snapped(
    positions: FloatArray, multiplicities: FloatArray, symmetry: Symmetry, lattice: FloatArray
) -> tuple[FloatArray, set[str]]:
    k = len(symmetry.rotations)
    images = (positions @ symmetry.rotations.transpose(0, 2, 1)).transpose(1, 0, 2) + symmetry.translations
    shift = images - positions[:, None, :]
    shift -= np.round(shift)
    squared = ((shift @ lattice) ** 2).sum(axis=2)
    fixed = squared < SPECIAL_TOLERANCE**2
    # A site that the file counts as more general than the tolerance says is a split site beside the element.
    exact = squared < EXACT_TOLERANCE**2
    split = (k / fixed.sum(axis=1) != multiplicities) & (k / exact.sum(axis=1) == multiplicities)
    fixed[split] = exact[split]
    weights = fixed / fixed.sum(axis=1)[:, None]
    snapped = positions + (weights[:, None, :] @ shift)[:, 0, :]
    # The mean is a fixed point of the stabiliser if these operations form a group.
    again = (snapped @ symmetry.rotations.transpose(0, 2, 1)).transpose(1, 0, 2) + symmetry.translations
    again -= snapped[:, None, :]
    again -= np.round(again)
    unsure = (np.abs(again).max(axis=2) * fixed).max(axis=1) > 1e-9
    if not unsure.any():
        return snapped, set()
    # Images within the tolerance of each other only in a chain: the atom is left where the file puts it.
    return np.where(unsure[:, None], positions, snapped), {"near-special-position"}


def _position_keys(positions: FloatArray) -> NDArray[np.int64]:
    steps = round(1.0 / SITE_KEY)
    cells = np.floor(positions / SITE_KEY + SITE_OFFSET).astype(np.int64) % steps
    result: NDArray[np.int64] = (cells[:, 0] * steps + cells[:, 1]) * steps + cells[:, 2]
    return result
