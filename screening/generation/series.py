"""Series of doped crystals: a parent whose ions are replaced in steps, the charge balanced by the mobile ion.

Each variant is the average structure of a solid solution: partial occupancies on the parent's own sites, spread evenly
over all sites of a kind. A dopant of higher charge is paid for by vacancies of the mobile ion, spread evenly over its
sites; one of lower charge by more of it, in sites that are partly filled, then in the largest holes between the atoms.
The cell grows as a whole: the volume with the mean of the cubes of the ionic radii of the parent's atoms, a replaced
one counted with its dopant's; vacancies and interstitials count for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from screening.crystals import BoolArray, Crystal, FloatArray, periodic_pairs, written_amounts
from screening.elements import NUMBERS
from screening.errors import InputError
from screening.generation.dopants import Dopant, Kind, ion_label
from screening.generation.exact_cif import plain_name
from screening.generation.filling import TINY, NoRoomError, Rows, add, remove
from screening.generation.interstitials import LEAST_RADIUS, Holes, holes

LEAST_CONTACT = 2.0  # of an interstitial to a cation other than the mobile ion, Å


@dataclass(frozen=True, slots=True, eq=False)
class Parent:
    """A crystal with what is needed to make series of it."""

    crystal: Crystal  # its charges are those of all atoms
    ion: str
    ion_charge: int  # e
    kinds: tuple[Kind, ...]
    units: int  # formula units per cell
    voids: Holes  # that the mobile ion could fill

    @property
    def mobile(self) -> tuple[int, float]:
        """Atomic number and charge (e) of the mobile ion."""
        return NUMBERS[self.ion], float(self.ion_charge)

    @property
    def kinds_of_ion(self) -> frozenset[str]:
        """Labels of the kinds of site that the mobile ion fills."""
        return frozenset(kind.label for kind in self.kinds if kind.element == self.ion)

    @property
    def charge(self) -> float:
        """Net charge per formula unit, e: what refined occupancies leave over; 0 of an ordered crystal."""
        return net_charge(self.crystal) / self.units


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """One crystal of a series."""

    crystal: Crystal
    dopant: str  # such as Ta5+; of mere vacancies and interstitials that of the mobile ion; "" of the parent
    site: str  # kind of site, such as Zr(6)
    x: float  # per formula unit
    balance: str  # what pays for the charge: vacancies, interstitials, pairs or nothing
    added: float  # of the mobile ion, per formula unit, beside what a dopant replaces; negative = vacancies
    in_voids: float  # of these, in holes between the atoms, per formula unit
    scale: float  # of the cell vectors


def net_charge(crystal: Crystal) -> float:
    """Return the charge of a cell, e."""
    return float(crystal.occupancies @ crystal.charges)


def formula_units(crystal: Crystal) -> int:
    """Return how many of its reduced formula a cell holds."""
    written = dict(written_amounts(crystal.formula))
    symbol, amount = max(crystal.composition().items(), key=lambda item: item[1])
    return max(1, round(amount / written[symbol]))


def unit_formula(crystal: Crystal, units: int) -> str:
    """Return the formula of a cell over a number of formula units, elements in the order of a reduced formula.

    A variant is told by its parent's unit, Li6.25Si0.25P0.75S5Cl and not Li25SiP3S20Cl4.
    """
    amounts = crystal.composition()
    texts = ((symbol, f"{amounts[symbol] / units:.4f}") for symbol, _ in written_amounts(crystal.formula))
    plain = ((symbol, text.rstrip("0").rstrip(".")) for symbol, text in texts)
    return "".join(f"{symbol}{'' if text == '1' else text}" for symbol, text in plain)


def parent_of(crystal: Crystal, charges: FloatArray, kinds: Sequence[Kind], *, ion: str, ion_charge: int) -> Parent:
    """Return a crystal with its kinds of site and the holes in which the mobile ion finds room.

    Raises
    ------
    InputError
        Atoms have no coordinates: their charge cannot be kept in the cell.
    """
    if crystal.unplaced:
        raise InputError(f"{crystal.id}: atoms without coordinates, of which no series can be made")
    found = holes(crystal.lattice, crystal.positions)
    wide = found.radius >= LEAST_RADIUS
    blocked = (charges > 0) & (crystal.numbers != NUMBERS[ion])
    if blocked.any() and wide.any():
        wide &= _clearance(crystal, found, blocked) >= LEAST_CONTACT
    return Parent(
        crystal=replace(crystal, charges=charges.astype(np.float64)),
        ion=ion,
        ion_charge=ion_charge,
        kinds=tuple(kinds),
        units=formula_units(crystal),
        voids=Holes(found.positions[wide], found.radius[wide]),
    )


def _clearance(crystal: Crystal, found: Holes, atoms: BoolArray) -> FloatArray:
    """Return the distance (n_holes,) of each hole to the nearest of some atoms, Å; infinite beyond `LEAST_CONTACT`."""
    chosen = crystal.positions[atoms]
    pairs = periodic_pairs(crystal.lattice, np.concatenate([found.positions, chosen]), LEAST_CONTACT)
    n = len(found.positions)
    mixed = (pairs.i < n) & (pairs.j >= n)
    nearest = np.full(n, np.inf)
    np.minimum.at(nearest, pairs.i[mixed], pairs.distance[mixed])
    return nearest


def parent_variant(parent: Parent) -> Variant:
    """Return the parent itself as the first of every series."""
    return Variant(parent.crystal, "", "", 0.0, "nothing", 0.0, 0.0, 1.0)


def substituted_series(parent: Parent, kind: Kind, dopant: Dopant, steps: Sequence[float]) -> tuple[list[Variant], str]:
    """Return the variants of a kind of site with a dopant at each x, rising, and why the series ends before the last.

    Parameters
    ----------
    parent, kind, dopant
        What is replaced by what.
    steps
        Amounts x per formula unit, above 0, rising.
    """
    made: list[Variant] = []
    for x in steps:
        try:
            made.append(_substituted(parent, kind, dopant, x))
        except NoRoomError as error:
            return made, f"{dopant.label} on {kind.label} ends before x = {x:g}: {error}"
    return made, ""


def frenkel_series(parent: Parent, steps: Sequence[float]) -> tuple[list[Variant], str]:
    """Return variants with x of the mobile ion per formula unit moved from its sites into holes, and why they end."""
    made: list[Variant] = []
    label = ion_label(parent.ion, parent.ion_charge)
    for x in steps:
        try:
            rows = Rows(parent.crystal)
            remove(rows, parent.mobile[0], x * parent.units)
            add(rows, parent.voids, parent.mobile, x * parent.units, partly_filled=False)
            crystal = rows.crystal(_id(parent, "pairs", parent.ion, x), 1.0)
        except NoRoomError as error:
            return made, f"vacancies and interstitials end before x = {x:g}: {error}"
        made.append(Variant(crystal, label, "voids", x, "pairs", 0.0, x, 1.0))
    return made, ""


def _substituted(parent: Parent, kind: Kind, dopant: Dopant, x: float) -> Variant:
    amount = x * parent.units
    share = amount / kind.amount
    if share > 1.0 + TINY:
        raise NoRoomError(f"{kind.amount / parent.units:.4g} of it can be replaced")
    rows = Rows(parent.crystal)
    rows.replace(kind.rows, min(1.0, share), NUMBERS[dopant.element], float(dopant.charge))
    owed = amount * (dopant.charge - kind.charge) / parent.ion_charge  # of the mobile ion, to be taken away
    in_voids = 0.0
    if owed > TINY:
        remove(rows, parent.mobile[0], owed)
    elif owed < -TINY:
        in_voids = add(rows, parent.voids, parent.mobile, -owed)
    elif not rows.amount(parent.mobile[0]) > TINY:
        raise NoRoomError(f"no {parent.ion} is left")
    scale = _scale(parent, kind, dopant, amount)
    return Variant(
        crystal=rows.crystal(_id(parent, kind.label, dopant.element, x), scale),
        dopant=dopant.label,
        site=kind.label,
        x=x,
        balance="vacancies" if owed > TINY else "interstitials" if owed < -TINY else "nothing",
        added=-owed / parent.units,
        in_voids=in_voids / parent.units,
        scale=scale,
    )


def _scale(parent: Parent, kind: Kind, dopant: Dopant, amount: float) -> float:
    total = sum(one.amount * one.radius**3 for one in parent.kinds if one.radius is not None)
    assert kind.radius is not None
    growth = 1.0 + amount * (dopant.radius**3 - kind.radius**3) / total
    return float(np.cbrt(growth))


def _id(parent: Parent, site: str, dopant: str, x: float) -> str:
    words = (plain_name(parent.crystal.id), dopant, site.replace("(", "").replace(")", ""), f"{x:g}")
    return "_".join(words)
