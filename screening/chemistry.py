"""What the chemistry of a crystal says: its formula, which of its atoms are anions, which elements are hard to use."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from screening.crystal import NUMBERS, Crystal
from screening.neighbours import periodic_pairs

# Elements in order of Pauling electronegativity, as in a written formula. Source: Pauling scale as tabulated in pymatgen.
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
    "Tc Pm Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og".split()
)
# Elements whose usual compounds are classed as acutely or chronically toxic. Source: EU RoHS 2011/65/EU (Pb, Hg, Cd) and
# the harmonised classifications of REACH annex VI for As, Be, Tl and Os compounds.
TOXIC = frozenset("Be As Cd Hg Tl Pb Os".split())
# Crustal abundance below about 0.1 ppm. Source: CRC Handbook, 97th ed., abundance of elements in the Earth's crust.
SCARCE = frozenset("Ru Rh Pd Ag Cd In Te Re Os Ir Pt Au Hg Bi Se Sb".split())

ANIONS = frozenset("N O F S Cl Se Br Te I".split())
_ANION_NUMBERS = np.array(sorted(NUMBERS[symbol] for symbol in ANIONS))
# A chalcogen, halogen or nitrogen bonded to oxygen or fluorine (S-O 1.47, Se-O 1.64, Te-O 1.90, N-O 1.24, Cl-O 1.43,
# I-O 1.80 Å) is the centre of an oxo- or fluoroanion; closer contacts are disorder. Å.
CENTRE_BOND = (1.0, 1.95)
_CENTRES = np.array(sorted(NUMBERS[symbol] for symbol in ("N", "S", "Cl", "Se", "Br", "Te", "I")))
_LIGANDS = np.array([NUMBERS["O"], NUMBERS["F"]])
# Hydrogen this close to C, N, O, F, S or Cl is a proton of theirs; elsewhere it is a hydride. Å.
PROTON_BOND = 1.45
_PROTON_HOLDERS = np.array(sorted(NUMBERS[symbol] for symbol in ("C", "N", "O", "F", "S", "Cl")))


def reduced_formula(composition: Mapping[str, float]) -> str:
    """Return the reduced formula, elements in order of electronegativity, e.g. ``Li6PS5Cl``.

    Amounts per cell are divided by the largest divisor of the whole amounts that leaves every amount with at most two
    decimals, or if none does by their greatest common divisor; at most three decimals are written.

    Parameters
    ----------
    composition
        Atoms per cell by element symbol.
    """
    amounts = {symbol: amount for symbol, amount in composition.items() if amount > 1e-6}
    divisor = _divisor(np.array(list(amounts.values())))
    parts = []
    for symbol in sorted(amounts, key=_FORMULA_RANK.__getitem__):
        text = f"{amounts[symbol] / divisor:.3f}".rstrip("0").rstrip(".")
        parts.append(symbol if text == "1" else f"{symbol}{text}")
    return "".join(parts)


def _divisor(amounts: NDArray[np.float64]) -> int:
    whole = np.round(amounts)
    integers = whole[(np.abs(amounts - whole) < 2e-3) & (whole > 0)].astype(np.int64)
    if len(integers) == 0:
        return 1
    common = int(np.gcd.reduce(integers))
    divisors = np.array([d for d in range(common, 0, -1) if common % d == 0])
    hundredths = amounts[None, :] / divisors[:, None] * 100.0
    fits = (np.abs(hundredths - np.round(hundredths)) < 0.11).all(axis=1)
    return int(divisors[fits][0]) if fits.any() else common


def anion_mask(crystal: Crystal) -> NDArray[np.bool_]:
    """Return which atoms are anions, shape (n_atoms,) bool.

    Stated oxidation states decide where the file gives them. Elsewhere N, O, F, S, Cl, Se, Br, Te and I are anions,
    except as the centre of an oxo- or fluoroanion (sulfate, nitrate, iodate ...); hydrogen is one where no proton holder
    is near (hydrides, borohydrides). A crystal without any of these has its most electronegative element as anion
    (Li3P, Li3Bi), if it holds more than one element. Source: ours.
    """
    numbers = crystal.numbers
    mask = np.isin(numbers, _ANION_NUMBERS)
    ligands = np.isin(numbers, _LIGANDS)
    centres = np.isin(numbers, _CENTRES)
    if ligands.any() and centres.any():
        mask &= ~_bonded(crystal, centres, ligands, CENTRE_BOND)
    hydrogen = numbers == 1
    if hydrogen.any():
        holders = np.isin(numbers, _PROTON_HOLDERS)
        mask |= hydrogen & ~_bonded(crystal, hydrogen, holders, (0.0, PROTON_BOND))
    stated = ~np.isnan(crystal.charges)
    mask = np.where(stated, crystal.charges < 0, mask)
    if not mask.any() and not stated.all() and len(np.unique(numbers)) > 1:
        ranks = _ELECTRONEGATIVITY_RANK[numbers]
        mask = ranks == ranks.max()
    return mask


def _bonded(
    crystal: Crystal, atoms: NDArray[np.bool_], partners: NDArray[np.bool_], bond: tuple[float, float]
) -> NDArray[np.bool_]:
    """Return which of `atoms` have one of `partners` at a distance within `bond` (Å)."""
    pairs = periodic_pairs(crystal.lattice, crystal.positions, bond[1])
    close = pairs.distance >= bond[0]
    result = np.zeros(len(atoms), dtype=bool)
    for left, right in ((pairs.i, pairs.j), (pairs.j, pairs.i)):
        result[left[close & atoms[left] & partners[right]]] = True
    return result
