"""CIF text → `Crystal`: every atom of one cell after symmetry, or a rejection with a stable code.

Reading is gemmi's; what the items mean is decided here. There is no second, more lenient reader.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from screening.config import InputLimits
from screening.crystals.arrays import FloatArray, wrap
from screening.crystals.atoms import Atoms, read_atoms
from screening.crystals.consistency import (
    Stated,
    contact_contradiction,
    covalent_radii,
    crowded_pairs,
    formula_contradiction,
    multiplicity_contradiction,
    read_stated,
    site_radii,
)
from screening.crystals.copies import without_copies
from screening.crystals.crystal import Crystal
from screening.crystals.direct import check_size
from screening.crystals.flags import CONTRADICTIONS
from screening.crystals.neighbours import Pairs
from screening.crystals.sites import OCCUPANCY_ROUNDING, Expansion, Reading, expand
from screening.crystals.symmetry import Symmetry, choose_symmetry
from screening.crystals.syntax import cell_of, lattice_of, parse_block
from screening.elements import SYMBOLS
from screening.errors import Code, RejectionError


class _Crowd(NamedTuple):
    """The sites of a cell, and which of them may be too close."""

    radii: FloatArray  # (n_sites,) Å
    occupancies: FloatArray  # (n_sites,) summed
    row_occupancies: FloatArray  # (n,) of each atom of the cell
    pairs: Pairs | None


class _Cell(NamedTuple):
    """One reading of a block: the atoms of its cell, and what the cell holds."""

    expansion: Expansion
    crowd: _Crowd
    unplaced: dict[int, float]
    formula: str | None  # how it contradicts the stated formula


def read_cif(text: bytes, *, id: str, source: str, limits: InputLimits) -> Crystal:
    """Return the crystal of one CIF data block.

    Parameters
    ----------
    text
        CIF text holding one data block, UTF-8 or Latin-1.
    id, source
        Names to carry along.
    limits
        Sizes beyond which the block is refused.

    Raises
    ------
    RejectionError
        With the code that tells why the block cannot be used.
    """
    block = parse_block(text, limits)
    if not any(block.find_values(f"_atom_site{dot}{axis}") for dot in "_." for axis in ("fract_x", "Cartn_x")):
        raise RejectionError(Code.NO_ATOMS, "the block has no atom coordinates")
    cell = cell_of(block)
    stated = read_stated(block)
    atoms = read_atoms(block, cell, limits, stated=stated.symbols)
    lattice = lattice_of(cell)

    def fits(symmetry: Symmetry) -> bool:
        """Return whether the atoms that a symmetry makes agree with what else is stated, and have room."""
        try:
            contents = _contents(atoms, symmetry, lattice, stated, limits)
        except RejectionError:
            return False
        return not CONTRADICTIONS & _checked(contents, atoms, symmetry, stated).keys()

    symmetry = choose_symmetry(
        block, limits, lattice=lattice, positions=atoms.positions, numbers=atoms.numbers, fits=fits
    )
    contents = _contents(atoms, symmetry, lattice, stated, limits)
    flags = atoms.flags | symmetry.flags | contents.expansion.flags
    flags |= _checked(contents, atoms, symmetry, stated)
    rows = contents.expansion.atom_idx
    return Crystal(
        id=id,
        source=source,
        lattice=lattice,
        positions=wrap(contents.expansion.positions),
        numbers=atoms.numbers.astype(np.uint8)[rows],
        occupancies=contents.crowd.row_occupancies,
        site_idx=contents.expansion.site_idx,
        charges=atoms.charges[rows],
        spacegroup=symmetry.number,
        symmetry_source=symmetry.source,
        flags=tuple(sorted(flags)),
        unplaced=contents.unplaced,
        flag_details={name: flags[name] for name in sorted(flags) if flags[name]},
    )


def _contents(atoms: Atoms, symmetry: Symmetry, lattice: FloatArray, stated: Stated, limits: InputLimits) -> _Cell:
    """Return the usual reading of the atoms, or where it contradicts the stated formula another that does not."""
    if len(atoms) * len(symmetry.rotations) > 100 * limits.max_sites:
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


def _read(  # noqa: PLR0913 - the parts of one crystal, put together in one place
    atoms: Atoms, symmetry: Symmetry, lattice: FloatArray, stated: Stated, limits: InputLimits, *, reading: Reading
) -> _Cell:
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
        return _Cell(expansion, crowd, unplaced, None)
    amounts = dict(unplaced)
    counts = np.bincount(atoms.numbers[rows], weights=crowd.row_occupancies).tolist()
    for number, count in enumerate(counts):
        if count:
            amounts[number] = amounts.get(number, 0.0) + count
    composition = {SYMBOLS[number]: amount for number, amount in amounts.items()}
    disordered = atoms.partial or len(rows) > len(crowd.occupancies)
    contradiction = formula_contradiction(composition, stated, disordered=disordered)
    return _Cell(expansion, crowd, unplaced, contradiction)


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


def _checked(contents: _Cell, atoms: Atoms, symmetry: Symmetry, stated: Stated) -> dict[str, str]:
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
        first = rows[contents.expansion.first_rows()]
        return [atoms.labels[row] or SYMBOLS[atoms.numbers[row]] for row in first]

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


def _multiplicity(contents: _Cell, atoms: Atoms, symmetry: Symmetry) -> str | None:
    """Return how the images of an atom contradict its stated multiplicity; copies have none of their own."""
    if not atoms.counted or "listed-twice" in contents.expansion.flags:
        return None
    return multiplicity_contradiction(
        atoms.multiplicities, contents.expansion.images, atoms.labels, operations=len(symmetry.rotations)
    )
