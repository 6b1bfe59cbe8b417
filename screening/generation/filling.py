"""Occupancies that change: ions replaced on their sites, the mobile ion taken away or put where there is room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from screening.crystals import Crystal, FloatArray, IntArray, periodic_pairs
from screening.elements import SYMBOLS
from screening.generation.interstitials import EXCLUSIVE, Holes, levels, shares

TINY = 1e-9  # occupancies and amounts below are none
SITE = 1e-6  # rows nearer than this are on one site, Å


class NoRoomError(Exception):
    """A crystal cannot be made; the message says why."""


class Rows:
    """The rows of a crystal while occupancies change."""

    def __init__(self, crystal: Crystal) -> None:
        self._crystal = crystal
        self.lattice = crystal.lattice
        self.positions = crystal.positions
        self.numbers = crystal.numbers.copy()
        self.occupancies = crystal.occupancies.copy()
        self.sites = crystal.site_idx.copy()
        self.charges = crystal.charges.copy()

    def amount(self, number: int) -> float:
        """Return the atoms of an element."""
        return float(self.occupancies[self.numbers == number].sum())

    def replace(self, chosen: IntArray, share: float, number: int, charge: float) -> None:
        """Put another ion on a share of the atoms of some rows."""
        moved = self.occupancies[chosen] * share
        self.occupancies[chosen] = self.occupancies[chosen] - moved if share < 1.0 else 0.0
        self.extend(chosen, moved, number, charge)

    def extend(self, beside: IntArray, filled: FloatArray, number: int, charge: float) -> None:
        """Add ions on the sites of some rows; where such an ion is there already it becomes more."""
        for row, amount in zip(beside.tolist(), filled.tolist(), strict=True):
            same = (self.sites == self.sites[row]) & (self.numbers == number) & (self.charges == charge)
            if same.any():
                self.occupancies[np.flatnonzero(same)[0]] += amount
                continue
            self.append(self.positions[row], number, amount, int(self.sites[row]), charge)

    def append(self, position: FloatArray, number: int, filled: float, site: int, charge: float) -> None:
        """Add one row."""
        self.positions = np.vstack([self.positions, position])
        self.numbers = np.append(self.numbers, np.uint8(number))
        self.occupancies = np.append(self.occupancies, filled)
        self.sites = np.append(self.sites, site)
        self.charges = np.append(self.charges, charge)

    def crystal(self, id: str, scale: float) -> Crystal:
        """Return the crystal, rows without an atom left out."""
        kept = self.occupancies > TINY
        _, sites = np.unique(self.sites[kept], return_inverse=True)
        return replace(
            self._crystal,
            id=id,
            source=f"made on {self._crystal.id}",
            lattice=self._crystal.lattice * scale,
            positions=self.positions[kept],
            numbers=self.numbers[kept],
            occupancies=np.minimum(self.occupancies[kept], 1.0),
            site_idx=sites.astype(np.int64),
            charges=self.charges[kept],
            spacegroup=0,
            symmetry_source="",
            flags=("disordered",),
            flag_details={},
        )


def remove(rows: Rows, number: int, amount: float) -> None:
    """Take some atoms of the mobile ion away, the same share of every site.

    Raises
    ------
    NoRoomError
        None would be left.
    """
    mobile = rows.numbers == number
    there = float(rows.occupancies[mobile].sum())
    if there - amount <= TINY:
        raise NoRoomError(f"no {SYMBOLS[number]} would be left")
    rows.occupancies[mobile] *= 1.0 - amount / there


def add(rows: Rows, voids: Holes, ion: tuple[int, float], amount: float, *, partly_filled: bool = True) -> float:
    """Add atoms of the mobile ion, and return how many of them went into holes.

    Sites that are partly filled come first, each by what it and its neighbours have room for; then the largest holes,
    those of one size alike.

    Parameters
    ----------
    rows
        Of the crystal.
    voids
        Holes that the ion could fill.
    ion
        Atomic number and charge (e).
    amount
        Atoms per cell.
    partly_filled
        Whether such sites are filled at all.

    Raises
    ------
    NoRoomError
        There is no room for so many.
    """
    left = amount
    if partly_filled:
        mobile = np.flatnonzero(rows.numbers == ion[0])
        room = _room(rows, mobile)
        total = float(room.sum())
        if total > TINY:
            rows.occupancies[mobile] += room * min(1.0, left / total)
            left -= min(left, total)
    in_voids = left
    for level in levels(voids):
        if left <= TINY:
            break
        places = voids.positions[level]
        room = shares(rows.lattice, places, np.ones(len(places)))
        total = float(room.sum())
        for place, filled in zip(places, room * min(1.0, left / total), strict=True):
            rows.append(place, ion[0], float(filled), int(rows.sites.max()) + 1, ion[1])
        left -= min(left, total)
    if left > TINY:
        raise NoRoomError(f"of {amount:.4g} {SYMBOLS[ion[0]]} per cell {left:.4g} find no room")
    return in_voids


def _room(rows: Rows, mobile: IntArray) -> FloatArray:
    """Return what each row (n,) of the mobile ion can still take: nothing, or what no site around it holds."""
    filled = np.bincount(rows.sites, weights=rows.occupancies)
    around = filled[rows.sites[mobile]].copy()
    own = rows.occupancies[mobile]
    pairs = periodic_pairs(rows.lattice, rows.positions[mobile], EXCLUSIVE)
    apart = pairs.distance > SITE
    np.add.at(around, pairs.i[apart], own[pairs.j[apart]])
    np.add.at(around, pairs.j[apart], own[pairs.i[apart]])
    return shares(rows.lattice, rows.positions[mobile], np.maximum(0.0, 1.0 - around))
