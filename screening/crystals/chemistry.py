"""What the chemistry of a crystal says: which of its atoms are anions, and whether usual charges balance."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening import _kernels
from screening.crystals.arrays import FloatArray
from screening.crystals.crystal import Crystal
from screening.crystals.formulas import FORMULA_ORDER
from screening.crystals.neighbours import check_status, contiguous
from screening.elements import NUMBERS, SYMBOLS

ANIONS = frozenset("N O F S Cl Se Br Te I".split())
# A chalcogen, halogen or nitrogen bonded to oxygen or fluorine (N-O 1.24, Cl-O 1.43, S-O 1.47, Se-O 1.64 Å) is the
# centre of an oxo- or fluoroanion; closer contacts are disorder. Å.
CENTRE_BOND = (1.0, 1.95)
# Bonds of the heaviest centres are longer (I-O 1.80 to 1.95, Te-O 1.85 to 2.1 Å); contacts of I- or Te2- with O2- or F-
# begin beyond 3 Å. Å.
HEAVY_CENTRE_BOND = (1.0, 2.15)
# Centre and ligands that fill less than this many sites between them are alternatives for one place, not bonded.
BONDED_OCCUPANCY = 1.05
_CENTRES = frozenset(NUMBERS[symbol] for symbol in ("N", "S", "Cl", "Se", "Br"))
_HEAVY_CENTRES = frozenset({NUMBERS["Te"], NUMBERS["I"]})
_LIGANDS = frozenset({NUMBERS["O"], NUMBERS["F"]})
# Hydrogen this close to C, N, O, F, S or Cl is a proton of theirs; elsewhere it is a hydride. Å.
PROTON_BOND = 1.45
_PROTON_HOLDERS = frozenset(NUMBERS[symbol] for symbol in ("C", "N", "O", "F", "S", "Cl"))

# Charge left over per atom that refined occupancies may add up to, elementary charges.
CHARGE_SLACK = 0.02


# What an element is to the rules of `anion_mask`, one bit each, as the kernel reads them.
_ROLES = (
    (1, frozenset(NUMBERS[symbol] for symbol in ANIONS)),
    (2, _CENTRES),
    (4, _HEAVY_CENTRES),
    (8, _LIGANDS),
    (16, _PROTON_HOLDERS),
)
ANION_RULES = _kernels.AnionRules(
    roles=[sum(bit for bit, numbers in _ROLES if number in numbers) for number in range(len(SYMBOLS))],
    ranks=[0] + [1 + FORMULA_ORDER.index(symbol) for symbol in SYMBOLS[1:]],
    bonds=[*CENTRE_BOND, *HEAVY_CENTRE_BOND, 0.0, PROTON_BOND],
    bonded_occupancy=BONDED_OCCUPANCY,
)


def anion_mask(crystal: Crystal) -> NDArray[np.bool_]:
    """Return which atoms are anions, shape (n_atoms,) bool.

    Oxidation states decide where the file states them (a file that states nothing but zeros states none). Elsewhere:

    - N, O, F, S, Cl, Se, Br, Te and I are anions, except as the centre of an oxo- or fluoroanion (sulfate, nitrate,
      iodate ...): bonded to O or F, with occupancies that do not merely share one place between them.
    - Hydrogen is an anion (hydride, BH4-, AlH4-) where no C, N, O, F, S or Cl holds it as its proton.
    - A crystal without any of these has its most electronegative element as anion (Li3P, Li3Bi; in an alloy such as
      LiAl that is Al), if it holds more than one element.

    Source: ours; bond lengths from the usual tables of ionic and covalent radii.
    """
    status, mask = _kernels.anion_mask(
        contiguous(crystal.lattice), contiguous(crystal.positions), contiguous(crystal.occupancies),
        np.ascontiguousarray(crystal.site_idx), np.ascontiguousarray(crystal.numbers), contiguous(crystal.charges),
        ANION_RULES,
    )  # fmt: skip
    check_status(status)
    return np.asarray(mask).view(np.bool_)


@cache
def oxidation_states() -> tuple[FloatArray, FloatArray]:
    """Return the lowest and the highest usual oxidation state (119,) by atomic number; NaN where none is known.

    Source: pymatgen's element table: the common states and those of at least ten entries of the ICSD.
    """
    from pymatgen.core.periodic_table import Element  # workers that featurize do without it

    low, high = np.full(len(SYMBOLS), np.nan), np.full(len(SYMBOLS), np.nan)
    for number, symbol in enumerate(SYMBOLS):
        if number and Element.is_valid_symbol(symbol):
            element = Element(symbol)
            states = [*element.common_oxidation_states, *element.icsd_oxidation_states]
            if states:
                low[number], high[number] = min(states), max(states)
    return low, high


@cache
def chemical_scale() -> FloatArray:
    """Return places (119,) on the chemical scale by atomic number, 0.01 to 1.03; NaN of elements that stand on none.

    Elements near each other on it form the same structures with the same partners. Source: Pettifor, Solid State
    Communications 51 (1984) 31, as tabulated in pymatgen; over 100.
    """
    from pymatgen.core.periodic_table import Element  # workers that featurize do without it

    places = np.full(len(SYMBOLS), np.nan)
    for number, symbol in enumerate(SYMBOLS):
        if 0 < number <= NUMBERS["Lr"]:
            place = Element(symbol).mendeleev_no
            places[number] = np.nan if place is None else place / 100.0
    return places


def charge_balanced(composition: NDArray[Any]) -> NDArray[np.bool_]:
    """Return (n,) whether usual oxidation states can sum to zero, for compositions (n, 119), atoms by atomic number.

    An element may be in several of its states at once, or between them. An element without any known one makes
    the answer no. So this is a necessary condition that alloys and most Zintl phases fail, not a proof of a salt.

    Source: ours.
    """
    amounts = np.asarray(composition, dtype=np.float64)
    low, high = oxidation_states()
    unknown = (amounts > 0) @ np.isnan(low)
    slack = CHARGE_SLACK * amounts.sum(axis=1)
    least, most = amounts @ np.nan_to_num(low), amounts @ np.nan_to_num(high)
    return np.asarray((unknown == 0) & (least <= slack) & (most >= -slack), dtype=np.bool_)
