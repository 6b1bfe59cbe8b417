"""What the chemistry of a crystal says: its formula, which of its atoms are anions, which elements are hard to use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element

from screening.crystal import NUMBERS, SYMBOLS, Crystal, FloatArray
from screening.neighbours import periodic_pairs

# Elements in order of electronegativity, as in a written formula. Source: Pauling scale as tabulated in pymatgen.
FORMULA_ORDER: tuple[str, ...] = tuple(
    """
    Fr Cs K Rb Ba Ra Na Sr Li Ca La Tb Yb Ac Ce Pr Pm Nd Sm Eu Gd Y Dy Ho Er Tm Lu Pu Hf Th Am Cm Bk Cf Es Fm Md No Lr
    Mg Zr Sc Np U Ta Pa Ti Mn Be Nb Al Tl V Zn Cr Cd In Ga Fe Co Si Cu Tc Re Ni Ag Sn Hg Po Ge Bi B Sb Te Mo As P H Ru
    Pd Os Ir At Rn Rh Pt Pb W Au C Se S Xe I Br Kr N Cl O F He Ne Ar Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
    """.split()
)
_FORMULA_RANK = {symbol: rank for rank, symbol in enumerate(FORMULA_ORDER)}
_ELECTRONEGATIVITY_RANK = np.zeros(len(FORMULA_ORDER) + 1, dtype=np.int64)
_ELECTRONEGATIVITY_RANK[[NUMBERS[symbol] for symbol in FORMULA_ORDER]] = np.arange(1, len(FORMULA_ORDER) + 1)

# No isotope that is stable or nearly so. Source: IUPAC, Pure Appl. Chem. 93, 573 (2021): no standard atomic weight,
# and Th, Pa, U, which have one.
RADIOACTIVE = frozenset(
    """
    Tc Pm Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
    """.split()
)
# Elements whose usual compounds are classed as acutely or chronically toxic. Source: EU RoHS 2011/65/EU (Pb, Hg, Cd)
# and the harmonised classifications of CLP 1272/2008 annex VI for As, Be, Tl and Os compounds.
TOXIC = frozenset("Be As Cd Hg Tl Pb Os".split())
# Crustal abundance of at most 0.25 ppm by mass, noble gases aside. Source: CRC Handbook, 97th ed., abundance of
# elements in the Earth's crust (medians of reported values, good to a factor of a few).
SCARCE = frozenset("Ru Rh Pd Ag Cd In Te Re Os Ir Pt Au Hg Bi Se Sb".split())

ANIONS = frozenset("N O F S Cl Se Br Te I".split())
_ANION_NUMBERS = np.array(sorted(NUMBERS[symbol] for symbol in ANIONS))
# A chalcogen, halogen or nitrogen bonded to oxygen or fluorine (N-O 1.24, Cl-O 1.43, S-O 1.47, Se-O 1.64 Å) is the
# centre of an oxo- or fluoroanion; closer contacts are disorder. Å.
CENTRE_BOND = (1.0, 1.95)
# Bonds of the heaviest centres are longer (I-O 1.80 to 1.95, Te-O 1.85 to 2.1 Å); contacts of I- or Te2- with O2- or F-
# begin beyond 3 Å. Å.
HEAVY_CENTRE_BOND = (1.0, 2.15)
# Centre and ligands that fill less than this many sites between them are alternatives for one place, not bonded.
BONDED_OCCUPANCY = 1.05
_CENTRES = np.array(sorted(NUMBERS[symbol] for symbol in ("N", "S", "Cl", "Se", "Br")))
_HEAVY_CENTRES = np.array([NUMBERS["Te"], NUMBERS["I"]])
_LIGANDS = np.array([NUMBERS["O"], NUMBERS["F"]])
# Hydrogen this close to C, N, O, F, S or Cl is a proton of theirs; elsewhere it is a hydride. Å.
PROTON_BOND = 1.45
_PROTON_HOLDERS = np.array(sorted(NUMBERS[symbol] for symbol in ("C", "N", "O", "F", "S", "Cl")))

# Charge left over per atom that refined occupancies may add up to, elementary charges.
CHARGE_SLACK = 0.02


def reduced_formula(composition: Mapping[str, float]) -> str:
    """Return the reduced formula, elements in order of electronegativity, e.g. ``Li6PS5Cl``.

    Amounts per cell are divided by the largest divisor of the whole amounts that leaves every amount with at most two
    decimals, or if none does by their greatest common divisor; at most three decimals are written. Whole amounts give
    the same formula for every cell of a crystal. Broken ones may not: Li0.5CoO2 in a doubled cell is LiCo2O4.

    Parameters
    ----------
    composition
        Atoms per cell by element symbol.

    Source: ours; the order of elements is pymatgen's.
    """
    amounts = {symbol: amount for symbol, amount in composition.items() if amount > 1e-6}
    divisor = _divisor(list(amounts.values()))
    parts = []
    for symbol in sorted(amounts, key=_FORMULA_RANK.__getitem__):
        text = f"{amounts[symbol] / divisor:.3f}".rstrip("0").rstrip(".")
        parts.append(symbol if text == "1" else f"{symbol}{text}")
    return "".join(parts)


def _divisor(amounts: Sequence[float]) -> int:
    """Return what to divide amounts per cell by, an integer of at least 1."""
    whole = [round(amount) for amount in amounts if round(amount) > 0 and abs(amount - round(amount)) < 2e-3]
    if not whole:
        return 1
    common = math.gcd(*whole)
    if len(whole) == len(amounts):
        return common
    below = [divisor for divisor in range(1, math.isqrt(common) + 1) if common % divisor == 0]
    divisors = sorted({*below, *(common // divisor for divisor in below)}, reverse=True)
    for divisor in divisors:
        hundredths = [amount / divisor * 100.0 for amount in amounts]
        if all(abs(value - round(value)) < 0.11 for value in hundredths):
            return divisor
    return common


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
    numbers = crystal.numbers
    mask = np.isin(numbers, _ANION_NUMBERS)
    ligands = np.isin(numbers, _LIGANDS)
    if ligands.any():
        for kind, bond in ((_CENTRES, CENTRE_BOND), (_HEAVY_CENTRES, HEAVY_CENTRE_BOND)):
            centres = np.isin(numbers, kind)
            if centres.any():
                held = _held(crystal, centres, ligands, bond)
                mask &= ~(centres & (held > 0) & (held + crystal.occupancies > BONDED_OCCUPANCY))
    hydrogen = numbers == 1
    if hydrogen.any():
        holders = np.isin(numbers, _PROTON_HOLDERS)
        mask |= hydrogen & (_held(crystal, hydrogen, holders, (0.0, PROTON_BOND)) == 0)
    stated = ~np.isnan(crystal.charges)
    if (crystal.charges[stated] == 0).all():
        stated[:] = False
    mask = np.where(stated, crystal.charges < 0, mask)
    if not mask.any() and not stated.all() and len(np.unique(numbers)) > 1:
        ranks = _ELECTRONEGATIVITY_RANK[numbers]
        mask = ranks == ranks.max()
    return mask


def _held(
    crystal: Crystal, atoms: NDArray[np.bool_], partners: NDArray[np.bool_], bond: tuple[float, float]
) -> FloatArray:
    """Return the summed occupancy of `partners` at a distance within `bond` (Å) of each of `atoms`, (n_atoms,)."""
    pairs = periodic_pairs(crystal.lattice, crystal.positions, bond[1])
    close = pairs.distance >= bond[0]
    result = np.zeros(len(atoms))
    for left, right in ((pairs.i, pairs.j), (pairs.j, pairs.i)):
        chosen = close & atoms[left] & partners[right]
        result += np.bincount(left[chosen], weights=crystal.occupancies[right[chosen]], minlength=len(atoms))
    return result


@cache
def oxidation_states() -> tuple[FloatArray, FloatArray]:
    """Return the lowest and the highest usual oxidation state (119,) by atomic number; NaN where none is known.

    Source: pymatgen's element table: the common states and those of at least ten entries of the ICSD.
    """
    low, high = np.full(len(SYMBOLS), np.nan), np.full(len(SYMBOLS), np.nan)
    for number, symbol in enumerate(SYMBOLS):
        if number and Element.is_valid_symbol(symbol):
            element = Element(symbol)
            states = [*element.common_oxidation_states, *element.icsd_oxidation_states]
            if states:
                low[number], high[number] = min(states), max(states)
    return low, high


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


def anonymous_formula(composition: Mapping[str, float]) -> str:
    """Return the reduced formula without its elements, smallest amount first: ``ABC5D6`` for Li6PS5Cl.

    Parameters
    ----------
    composition
        Atoms per cell by element symbol; reduced as `reduced_formula` does.
    """
    amounts = [amount for amount in composition.values() if amount > 1e-6]
    divisor = _divisor(amounts)
    texts = (f"{amount / divisor:.3f}".rstrip("0").rstrip(".") for amount in sorted(amounts))
    return "".join(f"{_letter(index)}{'' if text == '1' else text}" for index, text in enumerate(texts))


def _letter(index: int) -> str:
    """Return A to Z, then Aa, Ab, ... for the kinds of a formula."""
    first, second = divmod(index, 26)
    return chr(65 + second) if first == 0 else f"{chr(64 + first)}{chr(97 + second)}"
