"""Atoms that a file lists more than once: beside the operations that make them, at cell faces, or twice outright."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from screening.crystals.arrays import BoolArray, FloatArray, IntArray, wrap
from screening.crystals.atoms import Atoms
from screening.crystals.columns import FEWEST_DECIMALS, MOST_DECIMALS
from screening.crystals.linkage import chosen, components
from screening.crystals.neighbours import Pairs, periodic_pairs
from screening.crystals.sites import (
    COPY_TOLERANCE,
    EXACT_TOLERANCE,
    FULL_TOLERANCE,
    OCCUPANCY_ROUNDING,
    Expansion,
    Reading,
)


def without_copies(  # noqa: PLR0913 - two atoms may be one for several reasons
    expansion: Expansion,
    atoms: Atoms,
    pairs: Pairs | None,
    lattice: FloatArray,
    *,
    operations: int,
    reading: Reading = Reading.USUAL,
) -> Expansion:
    """Return the expansion with atoms that are listed more than once counted once.

    Two listed atoms are one where they are of one element, charge and occupancy, an image of one is at an image of the
    other, and

    - both are fully occupied (closer than `COPY_TOLERANCE`, or than two steps of their last decimal where the
      operations make one of the other), or
    - the file lists them at different coordinates, so that an operation or a cell vector makes one of the other, or
    - they have one label.

    Half an atom listed twice at one place under two labels stays two halves. Sites of copies that do not coincide are
    put at the mean of them.

    Parameters
    ----------
    expansion
        n atoms of the cell.
    atoms
        The asymmetric unit.
    pairs
        Pairs of sites of the expansion, as `crowded_pairs` tells them: of pairs closer than `FULL_TOLERANCE` that the
        operations make of each other one at least; None if there are none that fill more than one place.
    lattice
        (3, 3) Å.
    operations
        How many operations made the expansion.
    reading
        `Reading.SPLIT` keeps partly occupied copies; `Reading.JOINED` counts equal ones at one place once whatever
        their labels.
    """
    joined = None if pairs is None else _joined_sites(expansion, atoms, pairs, lattice, operations=operations)
    if joined is not None:
        expansion = joined
    kept = _kept_rows(expansion, atoms, lattice, reading)
    if kept.all() and joined is None:
        return expansion
    site = np.unique(expansion.site_idx[kept], return_inverse=True)[1]
    return replace(
        expansion,
        plain=False,
        positions=expansion.positions[kept],
        atom_idx=expansion.atom_idx[kept],
        site_idx=site.astype(np.int64),
        flags=expansion.flags | {"listed-twice": ""},
    )


def _joined_sites(
    expansion: Expansion, atoms: Atoms, pairs: Pairs, lattice: FloatArray, *, operations: int
) -> Expansion | None:
    """Return the expansion with sites that are copies of each other, but not quite at one place, at their mean."""
    near = pairs.distance < FULL_TOLERANCE
    if not near.any() or not _copied(expansion, atoms, chosen(pairs, near), lattice, operations).any():
        return None
    sites = expansion.site_positions()
    pairs = periodic_pairs(lattice, sites, FULL_TOLERANCE)
    mask = _copied(expansion, atoms, pairs, lattice, operations)
    group, shift, _ = components(len(sites), chosen(pairs, mask))
    sites = sites + shift
    count = np.bincount(group)
    mean = np.stack([np.bincount(group, weights=column) for column in sites.T], axis=1) / count[:, None]
    moved = count[group] > 1
    moved_rows = moved[expansion.site_idx]
    positions = np.where(moved_rows[:, None], wrap(mean)[group[expansion.site_idx]], expansion.positions)
    return replace(expansion, plain=False, positions=positions, site_idx=group[expansion.site_idx])


def _copied(expansion: Expansion, atoms: Atoms, pairs: Pairs, lattice: FloatArray, operations: int) -> BoolArray:
    """Return (n_pairs,) whether two sites hold one fully occupied atom listed twice."""
    longest = float(np.sqrt((lattice**2).sum(axis=1)).max())
    mask = np.zeros(len(pairs.i), dtype=bool)
    for pair in np.flatnonzero(pairs.i != pairs.j):
        first, second = (expansion.atom_idx[expansion.site_idx == end[pair]] for end in (pairs.i, pairs.j))
        mask[pair] = any(
            a != b
            and _full_copies(atoms, a, b)
            and pairs.distance[pair] < _reach(atoms, a, b, longest=longest, operations=operations)
            for a in first
            for b in second
        )
    return mask


def _kept_rows(expansion: Expansion, atoms: Atoms, lattice: FloatArray, reading: Reading) -> BoolArray:
    """Return (n,) which rows are not copies of another at the same site; the fullest of copies is kept."""
    kept = np.ones(len(expansion.atom_idx), dtype=bool)
    if int(expansion.site_idx.max()) + 1 == len(kept):
        return kept
    key = expansion.site_idx * 128 + atoms.numbers[expansion.atom_idx]
    if len(set(key.tolist())) == len(kept):
        return kept
    _, group, size = np.unique(key, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(size[group] > 1)
    if len(shared) == 0:
        return kept
    atom_idx = expansion.atom_idx[shared]
    order = (
        shared,
        -_crowd(atoms, atom_idx, group[shared]),
        np.isnan(atoms.charges[atom_idx]),
        -atoms.occupancies[atom_idx],
        group[shared],
    )
    last = -1
    first: list[int] = []  # rows kept so far of one element at one site
    for row in shared[np.lexsort(order)].tolist():
        if group[row] != last:
            last, first = int(group[row]), []
        atom = expansion.atom_idx[row]
        if any(_copies(atoms, expansion.atom_idx[other], atom, lattice, reading) for other in first):
            kept[row] = False
        else:
            first.append(row)
    return kept


def _crowd(atoms: Atoms, atom_idx: IntArray, group: IntArray) -> IntArray:
    """Return (n,) how many labels the file lists at the coordinates of each row; the order of its rows is no matter.

    Of halves listed at two places, the place that lists most of them is the one that is kept.
    """
    places = [(int(one), atoms.positions[atom].tobytes()) for one, atom in zip(group, atom_idx, strict=True)]
    labels: dict[tuple[int, bytes], set[str]] = {}
    for place, atom in zip(places, atom_idx.tolist(), strict=True):
        labels.setdefault(place, set()).add(atoms.labels[atom])
    return np.array([len(labels[place]) for place in places], dtype=np.int64)


def _copies(atoms: Atoms, a: int, b: int, lattice: FloatArray, reading: Reading) -> bool:
    """Return whether two listed atoms with an image at one site are one atom."""
    if _full_copies(atoms, a, b):
        return True
    if a == b:
        return True
    if reading is Reading.SPLIT or not _alike(atoms, a, b):
        return False
    apart = np.linalg.norm((atoms.positions[a] - atoms.positions[b]) @ lattice) > EXACT_TOLERANCE
    first, second = atoms.labels[a], atoms.labels[b]
    named = first == second and any(char.isdigit() for char in first)
    return bool(apart or named or reading is Reading.JOINED)


def _full_copies(atoms: Atoms, a: int, b: int) -> bool:
    return bool(min(atoms.occupancies[a], atoms.occupancies[b]) >= 1.0 - OCCUPANCY_ROUNDING) and _alike(atoms, a, b)


def _alike(atoms: Atoms, a: int, b: int) -> bool:
    """Return whether two listed atoms are of one element, charge and occupancy."""
    charges = atoms.charges[a], atoms.charges[b]
    return bool(
        atoms.numbers[a] == atoms.numbers[b]
        and abs(atoms.occupancies[a] - atoms.occupancies[b]) <= OCCUPANCY_ROUNDING
        and (charges[0] == charges[1] or np.isnan(charges).any())
    )


def _reach(atoms: Atoms, a: int, b: int, *, longest: float, operations: int) -> float:
    """Return how far apart copies of one fully occupied atom may lie, Å."""
    if operations == 1:
        return COPY_TOLERANCE
    decimals = int(min(atoms.decimals[a].min(), atoms.decimals[b].min()))
    step = 10.0 ** -min(max(decimals, FEWEST_DECIMALS), MOST_DECIMALS)
    return min(max(COPY_TOLERANCE, 2 * step * longest), FULL_TOLERANCE)
