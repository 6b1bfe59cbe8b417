"""The cell of one crystal, looked at closely: what its atoms are in each reading, and what contradicts the file."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from screening.config import InputLimits
from screening.crystals.arrays import FloatArray
from screening.crystals.atoms import Atoms
from screening.crystals.consistency import (
    Stated,
    contact_contradiction,
    covalent_radii,
    crowded_pairs,
    formula_contradiction,
    multiplicity_contradiction,
    site_radii,
)
from screening.crystals.copies import without_copies
from screening.crystals.direct import check_size
from screening.crystals.neighbours import Pairs
from screening.crystals.sites import OCCUPANCY_ROUNDING, Expansion, Reading, expand
from screening.crystals.symmetry import Symmetry
from screening.elements import SYMBOLS
from screening.errors import Code, RejectionError


class _Crowd(NamedTuple):
    """The sites of a cell, and which of them may be too close."""

    radii: FloatArray  # (n_sites,) Å
    occupancies: FloatArray  # (n_sites,) summed
    row_occupancies: FloatArray  # (n,) of each atom of the cell
    pairs: Pairs | None


class Contents(NamedTuple):
    """One reading of a block: the atoms of its cell, and what the cell holds."""

    expansion: Expansion
    crowd: _Crowd
    unplaced: dict[int, float]
    formula: str | None  # how it contradicts the stated formula


def contents_of(atoms: Atoms, symmetry: Symmetry, lattice: FloatArray, stated: Stated, limits: InputLimits) -> Contents:
    """Return the usual reading of the atoms, or where it contradicts the stated formula another that does not."""
    if too_many_images(atoms, symmetry, limits):
        raise RejectionError(Code.TOO_LARGE, f"{len(atoms)} atoms x {len(symmetry.rotations)} operations")
    usual = _read(atoms, symmetry, lattice, stated, limits, reading=Reading.USUAL)
    if usual.formula is None:
        return usual
    for reading in (Reading.JOINED, Reading.SPLIT):
        try:
            other = _read(atoms, symmetry, lattice, stated, limits, reading=reading)
        except RejectionError:
            continue
        if other.formula is None:
            return other
    return usual


def too_many_images(atoms: Atoms, symmetry: Symmetry, limits: InputLimits) -> bool:
    """Return whether the cell may hold so many atoms that it is not made at all."""
    return len(atoms) * len(symmetry.rotations) > 100 * limits.max_sites


def _read(  # noqa: PLR0913 - the parts of one crystal, put together in one place
    atoms: Atoms, symmetry: Symmetry, lattice: FloatArray, stated: Stated, limits: InputLimits, *, reading: Reading
) -> Contents:
    expansion = expand(atoms, symmetry, lattice, reading=reading)
    _check_size(expansion, lattice, limits)
    crowd = _crowd(expansion, atoms, lattice)
    if not (expansion.plain and crowd.pairs is None):
        operations = len(symmetry.rotations)
        single = without_copies(expansion, atoms, crowd.pairs, lattice, operations=operations, reading=reading)
        if single is not expansion:
            expansion, crowd = single, _crowd(single, atoms, lattice)
    rows = expansion.atom_idx
    unplaced = dict(atoms.unplaced)
    held = float(atoms.hydrogens[rows].sum()) if atoms.hold_hydrogen else 0.0
    if held:
        unplaced[1] = unplaced.get(1, 0.0) + held
    if stated.formula is None:
        return Contents(expansion, crowd, unplaced, None)
    amounts = dict(unplaced)
    counts = np.bincount(atoms.numbers[rows], weights=crowd.row_occupancies).tolist()
    for number, count in enumerate(counts):
        if count:
            amounts[number] = amounts.get(number, 0.0) + count
    composition = {SYMBOLS[number]: amount for number, amount in amounts.items()}
    disordered = atoms.partial or len(rows) > len(crowd.occupancies)
    contradiction = formula_contradiction(composition, stated, disordered=disordered)
    return Contents(expansion, crowd, unplaced, contradiction)


def _crowd(expansion: Expansion, atoms: Atoms, lattice: FloatArray) -> _Crowd:
    if expansion.plain:
        radii, rows = covalent_radii()[atoms.numbers], atoms.occupancies
        occupancies = rows
    else:
        rows = atoms.occupancies[expansion.atom_idx]
        radii = site_radii(atoms.numbers[expansion.atom_idx], expansion.site_idx)
        occupancies = np.bincount(expansion.site_idx, weights=rows).astype(np.float64)
    return _Crowd(radii, occupancies, rows, crowded_pairs(lattice, expansion, radii, occupancies))


def _check_size(expansion: Expansion, lattice: FloatArray, limits: InputLimits) -> None:
    n_sites = len(expansion.site_idx) if expansion.plain else int(expansion.site_idx.max()) + 1
    check_size(n_sites, lattice, limits)


def checked(contents: Contents, atoms: Atoms, symmetry: Symmetry, stated: Stated) -> dict[str, str]:
    """Return the flags of what was read, each with its detail."""
    flags: dict[str, str] = {}
    rows, crowd = contents.expansion.atom_idx, contents.crowd
    if atoms.partial or len(rows) > len(crowd.occupancies):
        flags["disordered"] = ""
    if stated.text and stated.formula is None:
        flags["formula-unreadable"] = ""
    if contents.formula is not None:
        flags["formula"] = contents.formula

    def names() -> list[str]:
        first, labels = rows[contents.expansion.first_rows()], atoms.labels
        return [labels[row] or SYMBOLS[atoms.numbers[row]] for row in first]

    most = int(crowd.occupancies.argmax())  # the first of equals
    if crowd.occupancies[most] > 1.0 + OCCUPANCY_ROUNDING:
        flags["occupancy"] = f"{crowd.occupancies[most]:.4g} at {names()[most]}"
    contact = contact_contradiction(crowd.pairs, crowd.radii, crowd.occupancies, names)
    if contact is not None:
        flags["contact"] = contact
    multiplicity = _multiplicity(contents, atoms, symmetry)
    if multiplicity is not None:
        flags["multiplicity"] = multiplicity
    return flags


def _multiplicity(contents: Contents, atoms: Atoms, symmetry: Symmetry) -> str | None:
    """Return how the images of an atom contradict its stated multiplicity; copies have none of their own."""
    if not atoms.counted or "listed-twice" in contents.expansion.flags:
        return None
    return multiplicity_contradiction(
        atoms.multiplicities, contents.expansion.images, atoms.labels, operations=len(symmetry.rotations)
    )
