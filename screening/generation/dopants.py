"""The kinds of site of a crystal, and which ions may be put on each: by charge and size.

A kind of site is an element in one charge with one number of neighbours: of a cation, the anions of its first shell; of
an anion, the other cations in whose first shell it stands. So the sulphur of a PS4 group and that which only lithium
surrounds are two kinds, ``S(1)`` and ``S(0)``. No symmetry is looked for: the kinds are those of any cell.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from screening.crystals import ANIONS, Crystal, FloatArray, IntArray, periodic_pairs
from screening.data import hard_elements, ionic_radius, substitutes, usual_charges
from screening.elements import NUMBERS, SYMBOLS
from screening.errors import InputError

CONTACT_RADIUS = 4.5  # bonds are looked for to here, Å; the longest of a first shell, Cs-I, is 4.0 Å
FIRST_SHELL = 1.25  # a bond is at most this much longer than the shortest of its cation
SPLIT_DISTANCE = 0.6  # nearer rows share a site or are halves of a split one, Å
ANION_COORDINATION = 6  # at which radii of anions are taken
# Ions within 15 % in radius replace each other freely, within 30 % in part. Source: Goldschmidt, Naturwissenschaften 14
# (1926) 477, as the rule is commonly stated. It would keep every ion away from P5+ (0.17 Å), where Si4+ (0.26 Å), Ge4+
# and Sn4+ are found, so a bond that changes its length by less than 5 % or 15 % counts as well (ours).
LIKELY, POSSIBLE = (0.15, 0.05), (0.30, 0.15)  # relative difference of radii, of bond lengths
MAX_CHARGE_STEP = 2  # e, of a dopant that is named; 1 of others (Goldschmidt)
PER_STEP = 2  # dopants taken of each kind and difference of charge where none are named


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of site."""

    element: str
    charge: float  # e; broken where an element is between two states
    coordination: int
    rows: IntArray  # (n,) of the crystal
    amount: float  # atoms per cell
    radius: float | None  # Å; None where none is known
    bonded: float  # Å, mean radius of the ions of opposite charge; 0 where none is known
    told_charge: bool  # whether the element has other charges in the crystal

    @property
    def label(self) -> str:
        """Element and number of neighbours, e.g. ``Zr(6)``; of an element in several charges ``Fe2+(6)``."""
        name = ion_label(self.element, self.charge) if self.told_charge else self.element
        return f"{name}({self.coordination})"


@dataclass(frozen=True, slots=True)
class Dopant:
    """An ion that is put on a kind of site."""

    element: str
    charge: int  # e
    radius: float  # Å
    mismatch: float  # relative difference of its radius from that of the ion that it replaces
    strain: float  # relative change of the bond length

    @property
    def label(self) -> str:
        """Element and charge, e.g. ``Ta5+``."""
        return ion_label(self.element, self.charge)


def ion_label(element: str, charge: float) -> str:
    """Return an ion as a CIF names it, e.g. ``Ta5+``, ``S2-``."""
    return f"{element}{abs(charge):g}{'+' if charge > 0 else '-'}"


def kinds_of(crystal: Crystal, charges: FloatArray, ion: str) -> list[Kind]:
    """Return the kinds of site of a crystal, cations by element first, then anions.

    Parameters
    ----------
    crystal
        All of its atoms placed.
    charges
        (n_atoms,) e.
    ion
        Symbol of the mobile ion; its charge does not count among the neighbours of an anion.

    Source: ours.
    """
    counts = _coordination(crystal, charges, mobile=NUMBERS[ion])
    kinds: list[Kind] = []
    keys = sorted(
        {(charge < 0, SYMBOLS[n], charge, k) for n, charge, k in zip(crystal.numbers, charges, counts, strict=True)}
    )
    for anion, element, charge, count in keys:
        chosen = (crystal.numbers == NUMBERS[element]) & (charges == charge) & (counts == count)
        rows = np.flatnonzero(chosen)
        kinds.append(
            Kind(
                element=str(element),
                charge=float(charge),
                coordination=int(count),
                rows=rows,
                amount=float(crystal.occupancies[rows].sum()),
                radius=_radius(str(element), float(charge), int(count)),
                bonded=_mean_radius(crystal, charges, counts, anions=not anion),
                told_charge=len({one[2] for one in keys if one[1] == element}) > 1,
            )
        )
    return kinds


def _radius(element: str, charge: float, count: int) -> float | None:
    """Return the radius of an ion in Å, of one between two states that of the nearer."""
    found = ionic_radius(element, charge=round(charge), coordination=count if charge > 0 else ANION_COORDINATION)
    return None if found is None else max(0.0, found)  # that of a proton is negative


def _mean_radius(crystal: Crystal, charges: FloatArray, counts: IntArray, *, anions: bool) -> float:
    """Return the mean radius (Å) of all anions, or of all cations, by their amounts; 0 where none is known."""
    total = weight = 0.0
    for row in np.flatnonzero((charges < 0) == anions):
        radius = _radius(SYMBOLS[int(crystal.numbers[row])], float(charges[row]), int(counts[row]))
        if radius is not None:
            total += radius * float(crystal.occupancies[row])
            weight += float(crystal.occupancies[row])
    return total / weight if weight else 0.0


def _coordination(crystal: Crystal, charges: FloatArray, *, mobile: int) -> IntArray:
    """Return the number of neighbours (n_atoms,) that makes the kind of each row, to the nearest whole one."""
    pairs = periodic_pairs(crystal.lattice, crystal.positions, CONTACT_RADIUS)
    bonds = (charges[pairs.i] * charges[pairs.j] < 0) & (pairs.distance > SPLIT_DISTANCE)
    i, j, distance = pairs.i[bonds], pairs.j[bonds], pairs.distance[bonds]
    cation, anion = np.where(charges[i] > 0, i, j), np.where(charges[i] > 0, j, i)
    nearest = np.full(crystal.n_atoms, np.inf)
    np.minimum.at(nearest, cation, distance)
    shell = distance <= FIRST_SHELL * nearest[cation] + 1e-6
    cation, anion = cation[shell], anion[shell]
    counts = np.zeros(crystal.n_atoms)
    np.add.at(counts, cation, crystal.occupancies[anion])
    framework = crystal.numbers[cation] != mobile
    np.add.at(counts, anion[framework], crystal.occupancies[cation[framework]])
    return np.floor(counts + 0.5 + 1e-6).astype(np.int64)


def dopants_of(kind: Kind, elements: Sequence[str], *, within: tuple[float, float] = POSSIBLE) -> list[Dopant]:
    """Return which of some elements fit a kind of site, one ion each, the nearest in radius first.

    Of the usual charges of an element the first that fits counts; those that are anions in common (halogens, N, O, S,
    Se, Te) are put on anions alone.

    Parameters
    ----------
    kind
        The kind of site; none fits where its radius is unknown.
    elements
        Symbols.
    within
        Largest relative difference of the radii, and of the bond lengths; one of both must hold.
    """
    found = [fit for element in sorted(set(elements)) if (fit := _fit(kind, element, within)) is not None]
    return sorted(found, key=lambda one: (round(one.mismatch, 9), one.element))


def _fit(kind: Kind, element: str, within: tuple[float, float]) -> Dopant | None:
    if kind.radius is None or element == kind.element:
        return None
    for charge in usual_charges(element):
        radius = _radius(element, charge, kind.coordination)
        if (
            charge * kind.charge <= 0
            or (charge > 0 and element in ANIONS)
            or abs(charge - kind.charge) > MAX_CHARGE_STEP + 1e-9
            or radius is None
        ):
            continue
        change = abs(radius - kind.radius)
        mismatch = change / kind.radius if kind.radius else math.inf
        strain = change / (kind.radius + kind.bonded) if kind.bonded else math.inf
        if mismatch <= within[0] or strain <= within[1]:
            return Dopant(element, charge, radius, mismatch, strain)
    return None


def likely_dopants(kind: Kind, barred: Collection[str]) -> list[Dopant]:
    """Return the dopants of a kind where none are named: for each difference of charge of -1, 0 and 1 the nearest.

    Not taken are the elements `barred`, and toxic or radioactive ones.
    """
    barred = {*barred, *hard_elements("toxic"), *hard_elements("radioactive")}
    chosen: list[Dopant] = []
    for step in (-1, 0, 1):
        charge = round(kind.charge) + step
        offered = [element for element in substitutes(charge) if element not in barred]
        fitting = [one for one in dopants_of(kind, offered, within=LIKELY) if one.charge == charge]
        chosen += fitting[:PER_STEP]
    return chosen


def check_elements(elements: Sequence[str]) -> None:
    """Return nothing if all are ions that can be a dopant.

    Raises
    ------
    InputError
        One is no element, or has no usual charge or no radius here.
    """
    for element in elements:
        if element not in NUMBERS:
            raise InputError(f"--with {element!r:.20}: there is no such element")
        charges = usual_charges(element)
        if not charges:
            raise InputError(f"--with {element}: no usual charge of it is known, so none can be balanced")
        if all(ionic_radius(element, charge=charge, coordination=6) is None for charge in charges):
            raise InputError(f"--with {element}: no ionic radius of it is known")
