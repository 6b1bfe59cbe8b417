"""The atoms of the cell that the operations make of the asymmetric unit: special positions, copies, sites."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from screening import _kernels
from screening.crystals.arrays import BoolArray, FloatArray, IntArray, wrap
from screening.crystals.atoms import Atoms
from screening.crystals.symmetry import Symmetry

# A partly occupied atom that an operation moves by less than this sits on that operation's element, unless its images
# have room side by side: three decimals of a 20 Å cell leave 0.02 Å. Å.
SPECIAL_TOLERANCE = 0.05
# What the decimals of its coordinates explain puts an atom on the element if its images are closer than this, for no
# two nuclei of a crystal are: H-H in hydrogen is 0.74 Å. Two decimals of a 25 Å cell leave 0.43 Å (1/8 as 0.12). Å.
FULL_TOLERANCE = 0.5
# Occupancies are typed by hand with two to four decimals; a sum over a site that misses 1 by less is rounding.
OCCUPANCY_ROUNDING = 0.011
# Images that fill at most this between them may stand side by side.
MOST_SHARED = 1.02
# A coordinate is off by at most this part of its last decimal: 1/3 as 0.34 and 2/3 as 0.66 by two thirds of one. Less
# than 1, so that no position one step beside a plane at 0 or 1/2 is taken for one on it.
ROUNDING = 0.7
# Decimals that rounding is judged by: 0.5 is a half, not somewhere from 0.45 to 0.55.
FEWEST_DECIMALS, MOST_DECIMALS = 2, 8
# Atoms at equal coordinates share a site; fractional. The offset keeps short decimals away from the edges of the cells.
SITE_KEY = 1e-5
SITE_OFFSET = 0.6180339887498949
# Coordinates that are equal but for float noise and the eighth decimal. Å.
EXACT_TOLERANCE = 1e-4
# The same fully occupied atom listed twice, as given by two programs or two roundings. Å.
COPY_TOLERANCE = 0.05
_DECIMALS = re.compile(r"[+-]?\d*\.(\d+)")


class Reading(StrEnum):
    """How atoms beside an element of symmetry, and atoms listed twice, are taken."""

    USUAL = "usual"  # occupancies, decimals and stated multiplicities decide
    SPLIT = "split"  # side by side, wherever rounding does not explain them
    JOINED = "joined"  # on the element, and once


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """All atoms of the cell, grouped by the atom of the asymmetric unit that they come from."""

    positions: FloatArray  # (n, 3) fractional
    atom_idx: IntArray  # (n,) row of the asymmetric unit
    site_idx: IntArray  # (n,) equal for atoms sharing a site
    images: IntArray  # (m,) images in the cell of each atom of the asymmetric unit, copies among them
    flags: dict[str, str] = field(default_factory=dict)  # name -> detail
    plain: bool = False  # each atom of the asymmetric unit is one site, in order

    def site_positions(self) -> FloatArray:
        """Return fractional coordinates of the sites, (n_sites, 3)."""
        if self.plain or int(self.site_idx.max()) + 1 == len(self.site_idx):
            return self.positions
        return self.positions[self.first_rows()]

    def first_rows(self) -> IntArray:
        """Return the first row of each site, (n_sites,)."""
        rows = np.arange(len(self.site_idx))
        first = np.empty(int(self.site_idx.max()) + 1, dtype=np.int64)
        first[self.site_idx[::-1]] = rows[::-1]  # of several the last is kept
        return first


def expand(atoms: Atoms, symmetry: Symmetry, lattice: FloatArray, *, reading: Reading = Reading.USUAL) -> Expansion:
    """Return the atoms of the cell made by the operations from the asymmetric unit.

    An atom beside a symmetry element is put onto it (the mean of its images under its stabiliser), so that its
    remaining images coincide to rounding and are counted once, where

    - the decimals of its coordinates do not tell it from one on the element (0.33 for 1/3) and its images are closer
      than `FULL_TOLERANCE`; for a fully occupied site decimals that are zero are not counted (0.3300), or
    - its images are closer than `SPECIAL_TOLERANCE` and fill more than one site between them, or the file states the
      multiplicity of the element.

    Parameters
    ----------
    atoms
        The asymmetric unit, m atoms.
    symmetry
        k operations.
    lattice
        (3, 3) Å, row vectors.
    reading
        What to make of doubtful atoms.
    """
    flags: dict[str, str] = {}
    snapped = atoms.positions
    if len(symmetry.rotations) > 1:
        snapped, flags = _snapped(atoms, symmetry, lattice, reading)
    n_sites, positions, rows, site_idx, images = _kernels.expanded(
        symmetry.rotations, symmetry.translations, snapped, SITE_KEY, SITE_OFFSET
    )
    plain = len(symmetry.rotations) == 1 and n_sites == len(atoms)
    return Expansion(positions, rows, site_idx, images, flags, plain=plain)


def _snapped(
    atoms: Atoms, symmetry: Symmetry, lattice: FloatArray, reading: Reading
) -> tuple[FloatArray, dict[str, str]]:
    """Return positions (m, 3) with each atom on the symmetry elements that it sits on."""
    positions = atoms.positions
    shift, squared = _kernels.image_shifts(lattice, symmetry.rotations, symmetry.translations, positions)
    # Seen atom by atom, kept operation by operation: sums over the operations of an atom are taken in that layout.
    shift = shift.reshape(len(symmetry.rotations), len(positions), 3).transpose(1, 0, 2)
    fine = squared < EXACT_TOLERANCE**2
    close = squared < FULL_TOLERANCE**2
    if np.array_equal(close, fine):
        return _settled(positions, [fine], np.zeros(len(positions), dtype=np.int64), shift, symmetry, lattice)
    doubtful = np.flatnonzero((close & ~fine).any(axis=1))
    near = squared < SPECIAL_TOLERANCE**2
    # From the surest to the most lenient: what the decimals explain, what is near, what trailing zeros may hide.
    steps = _steps(atoms, doubtful, bare=False)
    fine[doubtful] |= close[doubtful] & _within(steps, symmetry, shift[doubtful])
    near |= fine
    wide = near.copy()
    bare = _steps(atoms, doubtful, bare=True)
    if (bare != steps).any():
        wide[doubtful] |= close[doubtful] & _within(bare, symmetry, shift[doubtful])
    if (fine == wide).all():
        return _settled(positions, [fine], np.zeros(len(positions), dtype=np.int64), shift, symmetry, lattice)
    choice = _choice(atoms, fine, near, reading, k=len(symmetry.rotations))
    return _settled(positions, [fine, near, wide], choice, shift, symmetry, lattice)


def _steps(atoms: Atoms, rows: IntArray, *, bare: bool) -> FloatArray:
    """Return (len(rows), 3) the last decimal of coordinates as written; `bare`: trailing zeros not counted."""
    return np.array([[decimal_step(axis[row], bare=bare) for axis in atoms.written] for row in rows.tolist()])


def _within(steps: FloatArray, symmetry: Symmetry, shift: FloatArray) -> BoolArray:
    """Return (m, k) whether coordinates rounded to steps (m, 3) may be moved by shift (m, k, 3)."""
    # x' - x = (R - 1) x + t, so that an error of e in x moves x' - x by (R - 1) e.
    spread = np.abs(symmetry.rotations - np.eye(3))
    most = (ROUNDING * steps @ spread.transpose(0, 2, 1)).transpose(1, 0, 2)
    return np.asarray((np.abs(shift) <= most + 1e-9).all(axis=2))


@lru_cache(maxsize=4096)
def decimal_step(text: str, *, bare: bool = False) -> float:
    """Return the last decimal of a coordinate as written: 0.01 for .33; `bare`: trailing zeros are not counted."""
    match = _DECIMALS.match(text)
    decimals = match[1].rstrip("0") if match and bare else match[1] if match else ""
    digits = MOST_DECIMALS if "/" in text else len(decimals)
    return float(10.0 ** -min(max(digits, FEWEST_DECIMALS), MOST_DECIMALS))


def _choice(atoms: Atoms, fine: BoolArray, near: BoolArray, reading: Reading, *, k: int) -> IntArray:
    """Return (m,) which of fine (0), near (1) and wide (2) tells the operations that keep each atom."""
    total = _shared_occupancy(atoms)
    full = total >= 1.0 - 2 * OCCUPANCY_ROUNDING
    if reading is Reading.SPLIT:
        return np.zeros(len(atoms), dtype=np.int64)
    # Side by side if they have room, or if the file says so; else on the element.
    side = near.sum(axis=1) / fine.sum(axis=1)
    room = total * side <= MOST_SHARED
    states = k / near.sum(axis=1) == atoms.multiplicities
    joined = ~room | states | (reading is Reading.JOINED)
    return np.where(full, 2, np.where(joined, 1, 0))


def _shared_occupancy(atoms: Atoms) -> FloatArray:
    """Return (m,) how far the atoms listed at the place of each atom fill it."""
    if (atoms.occupancies >= 1.0).all():
        return atoms.occupancies
    _, place = np.unique(_position_keys(wrap(atoms.positions)), return_inverse=True)
    return np.asarray(np.bincount(place, weights=atoms.occupancies)[place])


def _settled(  # noqa: PLR0913, PLR0917 - the images, and which of them count
    positions: FloatArray,
    masks: list[BoolArray],
    choice: IntArray,
    shift: FloatArray,
    symmetry: Symmetry,
    lattice: FloatArray,
) -> tuple[FloatArray, dict[str, str]]:
    """Return each position as the mean of its images under the operations of its chosen mask.

    Where these do not keep the mean, the mask below is taken, or the position as it is: images within a tolerance of
    each other only in a chain are not those of one site.
    """
    flags: dict[str, str] = {}
    result = positions.copy()
    if len(masks) == 1 and masks[0].sum() == len(positions):
        return result, flags  # every atom is the mean of itself alone
    rows, level = np.arange(len(positions)), choice
    while len(rows):
        every = len(rows) == len(positions)
        fixed = np.stack(masks)[level, rows] if len(masks) > 1 else masks[0] if every else masks[0][rows]
        weights = fixed / fixed.sum(axis=1)[:, None]
        snapped = positions[rows] + (weights[:, None, :] @ (shift if every else shift[rows]))[:, 0, :]
        # The mean is a fixed point of the stabiliser if these operations form a group.
        again, _ = _kernels.image_shifts(lattice, symmetry.rotations, symmetry.translations, snapped)
        sure = (np.abs(again).max(axis=1).reshape(-1, len(rows)).T * fixed).max(axis=1) <= 1e-9
        result[rows[sure]] = snapped[sure]
        if not sure.all() or (len(masks) > 1 and (fixed & ~masks[1][rows])[sure].any()):
            flags["near-special-position"] = ""
        if sure.all():
            break
        lower = ~sure & (level > 0)
        rows, level = rows[lower], level[lower] - 1
    return result, flags


def _position_keys(positions: FloatArray) -> NDArray[np.int64]:
    steps = round(1.0 / SITE_KEY)
    cells = np.floor(positions / SITE_KEY + SITE_OFFSET).astype(np.int64) % steps
    result: NDArray[np.int64] = (cells[:, 0] * steps + cells[:, 1]) * steps + cells[:, 2]
    return result
