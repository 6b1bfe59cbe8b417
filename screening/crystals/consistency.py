"""A crystal against what its own file says of it, and against what atoms can do. Cheap: every crystal is checked.

A check returns None where all is well, else a clause for a person; `screening.crystals.flags` has the sentences.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import gemmi
import numpy as np

from screening import _kernels
from screening.crystals.arrays import BoolArray, FloatArray, IntArray
from screening.crystals.formulas import StatedFormula, parsed_formula, reduced_formula
from screening.crystals.neighbours import Pairs, check_status, contiguous
from screening.crystals.sites import FULL_TOLERANCE, MOST_SHARED, Expansion
from screening.crystals.syntax import find_value, shown
from screening.elements import NUMBERS, SYMBOLS

# Largest difference of atomic fractions that is no contradiction.
FRACTION_TOLERANCE = 0.01
# In a phase with shared or partly occupied sites, the difference of an element's amount, as a part of it.
AMOUNT_TOLERANCE = 0.02
# Atoms that fill more than one place between them are not closer than this times the sum of their covalent radii. The
# shortest of ordinary bonds are at 0.79 (C-C in alkynes) and 0.77 (N-N in nitrogen).
CONTACT_FACTOR = 0.6
# Partly filled sites this close are meant as alternatives for one place, as split sites are merged up to here; no two
# atoms heavier than hydrogen bond so closely (C-O in carbon monoxide: 1.13). Å.
SHARED_DISTANCE = 1.0
# Sites closer than this are looked at, whatever their elements. Å.
NEAREST = max(SHARED_DISTANCE, FULL_TOLERANCE)
# A site that fills less than this is partly filled.
FULL = 0.99
FORMULA_TAGS = ("_chemical_formula_sum", "_chemical_formula.sum")
OTHER_FORMULA_TAGS = ("_chemical_formula_structural", "_chemical_formula_moiety")
UNITS_TAGS = ("_cell_formula_units_Z", "_cell.formula_units_Z")


class Stated(NamedTuple):
    """What a block states of the composition."""

    formula: StatedFormula | None  # None where none is stated or it cannot be read
    text: str  # as stated, empty where none is
    units: float  # formula units a cell, NaN where not stated

    @property
    def symbols(self) -> frozenset[str] | None:
        """Symbols of the formula, None where there is none."""
        return None if self.formula is None else self.formula.symbols


def read_stated(block: gemmi.cif.Block) -> Stated:
    """Return the formula that a block states: the sum, or where it has none another that is plain."""
    units = find_value(block, *UNITS_TAGS)
    number = math.nan if units is None else gemmi.cif.as_number(units)
    number = float(number) if 0 < number < 1e6 else math.nan
    text = find_value(block, *FORMULA_TAGS)
    if text is not None and text not in {"?", "."}:
        return Stated(parsed_formula(text), text, number)
    for tag in OTHER_FORMULA_TAGS:
        text = find_value(block, tag)
        formula = None if text is None else parsed_formula(_uncharged(text))
        if text is not None and formula is not None:
            return Stated(formula, text, number)
    return Stated(None, "", number)


def _uncharged(text: str) -> str:
    """Return a moiety formula (``Li 1+, Cl 1-``) without the charges of its parts."""
    return re.sub(r"\s+\d*[+-](?=\s*(?:,|\Z))", "", text)


def formula_contradiction(composition: dict[str, float], stated: Stated, *, disordered: bool) -> str | None:
    """Return how a composition differs from the stated formula or the number of formula units.

    Atomic fractions may differ by `FRACTION_TOLERANCE`, in a disordered phase also by `AMOUNT_TOLERANCE` of the
    stated one. Where the formula is of all atoms of the cell, as programs write it, the number of formula units may be
    that of a smaller formula (Li2O2 or LiO for Li4 O4).

    Parameters
    ----------
    composition
        Atoms per cell by symbol.
    stated
        What the block states.
    disordered
        Whether sites are shared or partly occupied.
    """
    if stated.formula is None:
        return None
    amounts = stated.formula.amounts
    total, whole = sum(composition.values()), sum(amounts.values())
    for symbol in {**amounts, **composition}:
        said, read = amounts.get(symbol, 0.0) / whole, composition.get(symbol, 0.0) / total
        most = max(FRACTION_TOLERANCE, AMOUNT_TOLERANCE * said if disordered else 0.0)
        if abs(said - read) > most + 1e-12:
            return f"it is stated as {reduced_formula(amounts)}, the atoms are {reduced_formula(composition)}"
    if math.isnan(stated.units):
        return None
    units = total / whole
    whole_cell = abs(units - 1.0) <= AMOUNT_TOLERANCE and _common_divisor(amounts) % stated.units == 0
    if whole_cell or abs(units - stated.units) <= AMOUNT_TOLERANCE * stated.units:
        return None
    return f"Z = {stated.units:g} of {shown(stated.text)}, the cell holds {units:.4g}"


def _common_divisor(amounts: dict[str, float]) -> int:
    if any(amount != int(amount) for amount in amounts.values()):
        return 1
    return math.gcd(*(int(amount) for amount in amounts.values()))


def surely_as_stated(amounts: FloatArray, stated: Sequence[Stated]) -> BoolArray:
    """Return (n,) of which crystals `formula_contradiction` says nothing; of a few of those, near its limits, not.

    Parameters
    ----------
    amounts
        (n, 119) atoms per cell by atomic number.
    stated
        (n,) what their blocks state.
    """
    wanted = np.zeros_like(amounts)
    read = [of.formula.amounts if of.formula is not None else {} for of in stated]
    rows = np.repeat(np.arange(len(read)), [len(of) for of in read])
    columns = [NUMBERS[symbol] for of in read for symbol in of]
    wanted[rows, columns] = [amount for of in read for amount in of.values()]
    units = np.array([of.units for of in stated])
    total, whole = amounts.sum(axis=1), wanted.sum(axis=1)
    safe = 1.0 - 1e-6
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(wanted / whole[:, None] - amounts / total[:, None]).max(axis=1)
        found = total / whole
        counted = np.isnan(units) | (np.abs(found - units) <= safe * AMOUNT_TOLERANCE * units)
        one = np.abs(found - 1.0) <= safe * AMOUNT_TOLERANCE
    for place in np.flatnonzero(one & ~counted).tolist():  # the formula is of the whole cell
        counted[place] = _common_divisor(read[place]) % stated[place].units == 0
    none = np.array([of.formula is None for of in stated])
    return np.asarray(none | ((off <= safe * FRACTION_TOLERANCE) & counted))


def multiplicity_contradiction(
    stated: FloatArray, images: IntArray, labels: Sequence[str], *, operations: int
) -> str | None:
    """Return the first site whose number of images is not the stated multiplicity.

    SHELX-97 wrote the order of the site symmetry as multiplicity: images times order are the operations.

    Parameters
    ----------
    stated
        (m,) multiplicities, NaN where none is stated.
    images
        (m,) images in the cell.
    labels
        (m,) names of the atoms.
    operations
        How many operations the cell has.
    """
    if (stated == images).all():
        return None
    wrong = ~np.isnan(stated) & (stated != images) & (stated * images != operations)
    if not wrong.any():
        return None
    at = int(np.flatnonzero(wrong)[0])
    return f"{shown(labels[at])} is stated {stated[at]:g} times a cell, its images are {images[at]}"


@cache
def covalent_radii() -> FloatArray:
    """Return the covalent radius of each element by atomic number, (119,) Å; 0 for hydrogen, which is left aside.

    Source: Cordero et al., Dalton Trans. 2832 (2008), as tabulated in gemmi; 0 where it has none.
    """
    radii = np.array([0.0, *(gemmi.Element(symbol).covalent_r for symbol in SYMBOLS[1:])])
    radii[1] = 0.0
    radii[97:] = np.minimum(radii[97:], 1.0)
    return radii


def crowded_pairs(
    lattice: FloatArray, expansion: Expansion, radii: FloatArray, occupancies: FloatArray
) -> Pairs | None:
    """Return pairs of sites that may be too close, or None where no two are that fill more than one place.

    Of pairs that the operations make of each other, one is enough: in a cell of many images the others are left out.

    Parameters
    ----------
    lattice
        (3, 3) Å.
    expansion
        The atoms of the cell.
    radii, occupancies
        (n_sites,) covalent radii as `site_radii`, and occupancies summed over the atoms of each site.
    """
    positions = expansion.site_positions()
    cutoff = max(2 * CONTACT_FACTOR * max(radii.tolist(), default=0.0), NEAREST)
    asked: list[int] = []
    if not expansion.plain:
        first = np.flatnonzero(expansion.atom_idx[1:] != expansion.atom_idx[:-1]) + 1
        # What is closer than half of each height is the nearest image, and every site is an image of a first one.
        if 4 * len(first) < len(positions) and least_height(lattice) > 2 * cutoff:
            asked = expansion.site_idx[[0, *first.tolist()]].tolist()
    status, found = _kernels.crowded_pairs(
        lattice, contiguous(positions), radii, occupancies, asked, CONTACT_FACTOR, NEAREST, MOST_SHARED
    )
    check_status(status)
    return None if found is None else Pairs(*found)


def least_height(lattice: FloatArray) -> float:
    """Return the least distance of opposite faces of a cell with a along x and b in the xy plane, Å."""
    (a, _, _), (bx, by, _), (cx, cy, cz) = lattice.tolist()
    first = math.hypot(1.0, bx / by, (bx * cy - by * cx) / (by * cz)) / a
    return float(1.0 / max(first, math.hypot(1.0, cy / cz) / by, 1.0 / cz))


def site_radii(numbers: IntArray, site_idx: IntArray) -> FloatArray:
    """Return the smallest covalent radius among the atoms of each site, (n_sites,) Å, 0 where hydrogen is one."""
    radii = covalent_radii()[numbers]
    n_sites = int(site_idx.max()) + 1
    if n_sites == len(site_idx):
        return radii
    least = np.full(n_sites, np.inf)
    np.minimum.at(least, site_idx, radii)
    return least


def contact_contradiction(
    pairs: Pairs | None, radii: FloatArray, occupancies: FloatArray, names: Callable[[], list[str]]
) -> str | None:
    """Return the closest contact of sites that fill more than one place between them and are too close for that.

    Parameters
    ----------
    pairs
        Pairs of sites, None where none are close.
    radii
        (n,) Å, 0 for sites of hydrogen.
    occupancies
        (n,) summed over the atoms of each site.
    names
        Returns (n,) what sits there; asked only where there is a contact to name.
    """
    if pairs is None:
        return None
    limit = CONTACT_FACTOR * (radii[pairs.i] + radii[pairs.j])
    partly = (occupancies[pairs.i] < FULL) & (occupancies[pairs.j] < FULL)
    limit[partly] = np.maximum(limit[partly], SHARED_DISTANCE)
    close = (pairs.distance < limit) & (radii[pairs.i] > 0) & (radii[pairs.j] > 0)
    if not close.any():
        return None
    close &= occupancies[pairs.i] + occupancies[pairs.j] > MOST_SHARED
    if not close.any():
        return None
    rows = np.flatnonzero(close)
    # The shortest; among equals the first by name, so that the order of sites does not matter.
    least = rows[pairs.distance[rows] <= pairs.distance[rows].min() + 1e-6]
    sites = names()
    ends = min(tuple(sorted((sites[pairs.i[row]], sites[pairs.j[row]]))) for row in least)
    return f"{shown(ends[0])} and {shown(ends[1])} are {pairs.distance[rows].min():.2f} Å apart"
