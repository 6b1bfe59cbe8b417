"""How atoms are put onto symmetry elements and which are anions, in plain Python: equal to the kernels bit for bit."""

from __future__ import annotations

import numpy as np
from oracles_front import held, image_shifts

from screening.crystals.arrays import BoolArray, FloatArray, IntArray, SmallArray, wrap
from screening.crystals.atoms import Atoms
from screening.crystals.chemistry import (
    ANIONS,
    BONDED_OCCUPANCY,
    CENTRE_BOND,
    HEAVY_CENTRE_BOND,
    PROTON_BOND,
)
from screening.crystals.columns import FEWEST_DECIMALS, MOST_DECIMALS
from screening.crystals.crystal import Crystal
from screening.crystals.formulas import FORMULA_ORDER
from screening.crystals.operations import Group
from screening.crystals.sites import (
    EXACT_TOLERANCE,
    FULL_TOLERANCE,
    MOST_SHARED,
    OCCUPANCY_ROUNDING,
    ROUNDING,
    SITE_KEY,
    SITE_OFFSET,
    SPECIAL_TOLERANCE,
    Reading,
)
from screening.elements import NUMBERS, SYMBOLS


def snapped(atoms: Atoms, group: Group, lattice: FloatArray, reading: Reading) -> tuple[FloatArray, bool]:
    """Return positions (m, 3) with each atom on the elements that it sits on, and whether any is in doubt."""
    positions = atoms.positions
    if len(group.rotations) == 1:
        return positions, False
    shift, squared = image_shifts(lattice, group.rotations, group.translations, positions)
    shift = shift.transpose(1, 0, 2)
    fine, near, close = (squared < limit**2 for limit in (EXACT_TOLERANCE, SPECIAL_TOLERANCE, FULL_TOLERANCE))
    fine = fine | (close & _within(_steps(atoms.decimals), group, shift))
    near = near | fine
    wide = near | (close & _within(_steps(atoms.significant), group, shift))
    choice = _choice(atoms, fine, near, reading, k=len(group.rotations))
    choice[(fine == wide).all(axis=1)] = 0
    return _settled(positions, np.stack([fine, near, wide]), choice, shift, group, lattice)


def _steps(decimals: SmallArray) -> FloatArray:
    return np.asarray(10.0 ** -np.clip(decimals, FEWEST_DECIMALS, MOST_DECIMALS).astype(np.float64))


def _within(steps: FloatArray, group: Group, shift: FloatArray) -> BoolArray:
    """Return (m, k) whether coordinates rounded to steps (m, 3) may be moved by shift (m, k, 3)."""
    spread = np.abs(group.rotations - np.eye(3))
    most = np.einsum("mj,kcj->mkc", ROUNDING * steps, spread)
    return np.asarray((np.abs(shift) <= most + 1e-9).all(axis=2))


def _choice(atoms: Atoms, fine: BoolArray, near: BoolArray, reading: Reading, *, k: int) -> IntArray:
    """Return (m,) which of fine (0), near (1) and wide (2) tells the operations that keep each atom."""
    if reading is Reading.SPLIT:
        return np.zeros(len(atoms), dtype=np.int64)
    total = _shared_occupancy(atoms)
    full = total >= 1.0 - 2 * OCCUPANCY_ROUNDING
    room = total * (near.sum(axis=1) / fine.sum(axis=1)) <= MOST_SHARED
    states = k / near.sum(axis=1) == atoms.multiplicities
    joined = ~room | states | (reading is Reading.JOINED)
    return np.where(full, 2, np.where(joined, 1, 0))


def _shared_occupancy(atoms: Atoms) -> FloatArray:
    if (atoms.occupancies >= 1.0).all():
        return atoms.occupancies.copy()
    steps = round(1.0 / SITE_KEY)
    keys = [tuple(row) for row in np.floor(wrap(atoms.positions) / SITE_KEY + SITE_OFFSET).astype(np.int64) % steps]
    totals: dict[tuple[int, ...], float] = {}
    for key, occupancy in zip(keys, atoms.occupancies.tolist(), strict=True):
        totals[key] = totals.get(key, 0.0) + occupancy
    return np.array([totals[key] for key in keys])


def _settled(
    positions: FloatArray, masks: BoolArray, choice: IntArray, shift: FloatArray, group: Group, lattice: FloatArray
) -> tuple[FloatArray, bool]:
    result, doubted = positions.copy(), False
    for atom, first in enumerate(choice.tolist()):
        for level in range(first, -1, -1):
            fixed = masks[level, atom]
            weight = 1.0 / int(fixed.sum())
            total = np.zeros(3)
            for operation in np.flatnonzero(fixed):
                total = total + weight * shift[atom, operation]
            mean = positions[atom] + total
            again, _ = image_shifts(lattice, group.rotations, group.translations, mean[None])
            if (np.abs(again[fixed, 0]) <= 1e-9).all():
                result[atom] = mean
                doubted = doubted or bool((fixed & ~masks[1, atom]).any())
                break
            doubted = True
    return result, doubted


def anions(crystal: Crystal) -> BoolArray:
    """Return which atoms are anions, (n,)."""
    symbols = np.array([SYMBOLS[number] for number in crystal.numbers])
    every = np.ones(len(symbols), dtype=bool)

    def holds(of: BoolArray, partners: list[str], bond: tuple[float, float]) -> FloatArray:
        chosen = np.isin(symbols, partners)
        return held(crystal.lattice, crystal.positions, crystal.occupancies, of, chosen, *bond)

    mask = np.isin(symbols, sorted(ANIONS))
    for centres, bond in ((["N", "S", "Cl", "Se", "Br"], CENTRE_BOND), (["Te", "I"], HEAVY_CENTRE_BOND)):
        ligands = holds(every, ["O", "F"], bond)
        bonded = (ligands > 0) & (ligands + crystal.occupancies > BONDED_OCCUPANCY)
        mask &= ~(np.isin(symbols, centres) & bonded)
    protons = holds(every, ["C", "N", "O", "F", "S", "Cl"], (0.0, PROTON_BOND)) > 0
    mask |= (symbols == "H") & ~protons
    stated = ~np.isnan(crystal.charges)
    says = bool((crystal.charges[stated] != 0).any())
    if says:
        mask = np.where(stated, crystal.charges < 0, mask)
    if not (says and stated.all()) and len(set(symbols)) > 1 and not mask.any():
        ranks = np.array([FORMULA_ORDER.index(symbol) for symbol in symbols])
        mask = ranks == ranks.max()
    assert set(symbols) <= NUMBERS.keys()
    return np.asarray(mask)
