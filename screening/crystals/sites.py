"""The atoms of the cell that the operations make of the asymmetric unit: special positions, copies, sites."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from screening import _kernels
from screening.crystals.arrays import FloatArray, IntArray
from screening.crystals.atoms import Atoms
from screening.crystals.columns import FEWEST_DECIMALS, MOST_DECIMALS
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
# Atoms at equal coordinates share a site; fractional. The offset keeps short decimals away from the edges of the cells.
SITE_KEY = 1e-5
SITE_OFFSET = 0.6180339887498949
# Coordinates that are equal but for float noise and the eighth decimal. Å.
EXACT_TOLERANCE = 1e-4
# The same fully occupied atom listed twice, as given by two programs or two roundings. Å.
COPY_TOLERANCE = 0.05


class Reading(StrEnum):
    """How atoms beside an element of symmetry, and atoms listed twice, are taken."""

    USUAL = "usual"  # occupancies, decimals and stated multiplicities decide
    SPLIT = "split"  # side by side, wherever rounding does not explain them
    JOINED = "joined"  # on the element, and once


# As the kernel numbers them.
READINGS = {Reading.USUAL: 0, Reading.SPLIT: 1, Reading.JOINED: 2}
RULES = _kernels.SiteRules(
    exact=EXACT_TOLERANCE,
    special=SPECIAL_TOLERANCE,
    full=FULL_TOLERANCE,
    rounding=ROUNDING,
    occupancy_rounding=OCCUPANCY_ROUNDING,
    most_shared=MOST_SHARED,
    part=SITE_KEY,
    offset=SITE_OFFSET,
    few_decimals=FEWEST_DECIMALS,
    most_decimals=MOST_DECIMALS,
)


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
    moved, n_sites, positions, rows, site_idx, images = _kernels.expanded(
        lattice, symmetry.rotations, symmetry.translations, atoms.positions, atoms.occupancies, atoms.multiplicities,
        atoms.decimals, atoms.significant, READINGS[reading], RULES,
    )  # fmt: skip
    plain = len(symmetry.rotations) == 1 and n_sites == len(atoms)
    flags = {"near-special-position": ""} if moved else {}
    return Expansion(positions, rows, site_idx, images, flags, plain=plain)
