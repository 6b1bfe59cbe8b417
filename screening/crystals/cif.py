"""CIF text → `Crystal`: every atom of one cell after symmetry, or a rejection with a stable code.

Reading is gemmi's; what the items mean is decided here. There is no second, more lenient reader. `crystals_of` in
`screening.crystals.cells` makes the same crystals of many blocks at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from screening.config import InputLimits
from screening.crystals.arrays import FloatArray, wrap
from screening.crystals.atoms import Atoms, read_atoms
from screening.crystals.columns import atom_loop
from screening.crystals.consistency import Stated, read_stated
from screening.crystals.contents import checked, contents_of
from screening.crystals.crystal import Crystal
from screening.crystals.flags import CONTRADICTIONS
from screening.crystals.symmetry import Symmetry, choose_symmetry
from screening.crystals.syntax import cell_of, lattice_of, parse_block
from screening.errors import RejectionError


class Unit(NamedTuple):
    """What a block says, all decided but for what the atoms of the whole cell tell."""

    lattice: FloatArray  # (3, 3) Å, rows
    atoms: Atoms  # of the asymmetric unit
    symmetry: Symmetry
    stated: Stated  # of the composition


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
    return crystal_of(read_unit(text, limits), id=id, source=source, limits=limits)


def read_unit(text: bytes, limits: InputLimits) -> Unit:
    """Return what one CIF data block says; raises as `read_cif` does."""
    block = parse_block(text, limits)
    loop = atom_loop(block)
    cell = cell_of(block)
    stated = read_stated(block)
    atoms = read_atoms(block, loop, cell, limits, stated=stated.symbols)
    lattice = lattice_of(cell)

    def fits(symmetry: Symmetry) -> bool:
        """Return whether the atoms that a symmetry makes agree with what else is stated, and have room."""
        try:
            contents = contents_of(atoms, symmetry, lattice, stated, limits)
        except RejectionError:
            return False
        return not CONTRADICTIONS & checked(contents, atoms, symmetry, stated).keys()

    symmetry = choose_symmetry(
        block, limits, lattice=lattice, positions=atoms.positions, numbers=atoms.numbers, fits=fits
    )
    return Unit(lattice, atoms, symmetry, stated)


def crystal_of(unit: Unit, *, id: str, source: str, limits: InputLimits) -> Crystal:
    """Return the crystal of a unit, every doubt about its atoms settled; raises as `read_cif` does."""
    lattice, atoms, symmetry, stated = unit
    contents = contents_of(atoms, symmetry, lattice, stated, limits)
    flags = atoms.flags | symmetry.flags | contents.expansion.flags
    flags |= checked(contents, atoms, symmetry, stated)
    rows = contents.expansion.atom_idx
    labels = atoms.labels
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
        labels=tuple([labels[row] for row in rows.tolist()]) if labels else (),
    )
