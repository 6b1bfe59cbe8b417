"""CIF text → `Crystal`: every atom of one cell after symmetry, or a rejection with a stable code.

Reading is gemmi's; what the items mean is decided here. There is no second, more lenient reader.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import gemmi
import numpy as np

from screening.config import InputLimits
from screening.crystals.arrays import FloatArray, wrap
from screening.crystals.crystal import Crystal
from screening.crystals.sites import Expansion, expand
from screening.crystals.symmetry import Symmetry, read_symmetry
from screening.crystals.syntax import cell_of, lattice_of, parse_block, shown
from screening.elements import NUMBERS
from screening.errors import Code, RejectionError

COORDINATES = ("fract_x", "fract_y", "fract_z")
# Occupancies are typed by hand with two to four decimals; a sum over a site that misses 1 by less is rounding.
OCCUPANCY_ROUNDING = 0.011
# An atom that fills less of its site than this is a slip of the pen: the least of 254 measured conductors is 0.007.
SMALLEST_OCCUPANCY = 1e-6
# Sites per Å³, split sites counted singly; the most among the same crystals is 0.18.
MOST_SITES_PER_VOLUME = 1.0
# No ion carries more; a larger number is a slip that chemistry would take at its word.
LARGEST_CHARGE = 20.0
# The longest symbol with a charge, such as Fe2.6666667+, leaves room to spare.
LONGEST_SYMBOL = 40
_AMOUNT = r"(\d+\.?\d*|\.\d+)?"
_TYPE_SYMBOL = re.compile(rf"([A-Za-z]{{1,2}})(?:{_AMOUNT}([+-]){_AMOUNT}|\d*)\Z")
_LABEL = re.compile(r"[A-Za-z]{1,2}")
# Labels of what is no atom, each of which begins with the symbol of an element (D, V, W, L is none).
_NO_ATOM = re.compile(r"(?:dum|vac|wat)", re.IGNORECASE)
_HYDROGEN = {"D": 1, "T": 1}


class _Atoms(NamedTuple):
    """The rows of the atom loop that have coordinates, and what the others amount to."""

    numbers: list[int]
    charges: list[float]
    positions: FloatArray  # (m, 3) fractional
    occupancies: FloatArray  # (m,)
    multiplicities: FloatArray  # (m,) as stated, NaN where not
    unplaced: dict[int, float]  # atomic number -> atoms per cell
    flags: set[str]


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
    atoms = _atoms(block, cell, limits)
    if not atoms.numbers:
        raise RejectionError(Code.NO_ATOMS, "the block places no atom")
    symmetry = read_symmetry(block, limits)
    lattice = lattice_of(cell)
    symmetry.check_cell(lattice)
    if len(atoms.numbers) * len(symmetry.rotations) > 100 * limits.max_sites:
        raise RejectionError(Code.TOO_LARGE, f"{len(atoms.numbers)} atoms x {len(symmetry.rotations)} operations")
    expansion = expand(atoms.positions, symmetry, lattice, multiplicities=atoms.multiplicities)
    return _crystal(atoms, symmetry, expansion, lattice, names=(id, source), limits=limits)


def _crystal(  # noqa: PLR0913, PLR0917 - the parts of one crystal, assembled in one place
    atoms: _Atoms,
    symmetry: Symmetry,
    expansion: Expansion,
    lattice: FloatArray,
    names: tuple[str, str],
    limits: InputLimits,
) -> Crystal:
    rows = expansion.atom_idx
    n_sites = int(expansion.site_idx.max()) + 1
    if n_sites > limits.max_sites:
        raise RejectionError(Code.TOO_LARGE, f"{n_sites} sites, more than max_sites = {limits.max_sites}")
    volume = float(np.linalg.det(lattice))
    if n_sites > 1 + MOST_SITES_PER_VOLUME * volume:
        raise RejectionError(Code.BAD_CELL, f"{n_sites} sites in {volume:.4g} Å³ are more than atoms have room for")
    occupancies = atoms.occupancies[rows]
    per_site = np.bincount(expansion.site_idx, weights=occupancies)
    flags = atoms.flags | symmetry.flags | expansion.flags
    if (per_site > 1.0 + OCCUPANCY_ROUNDING).any():
        flags.add("occupancy-above-one")
    if (occupancies < 1.0).any() or len(rows) > n_sites:
        flags.add("disordered")
    return Crystal(
        id=names[0],
        source=names[1],
        lattice=lattice,
        positions=wrap(expansion.positions),
        numbers=np.array(atoms.numbers, dtype=np.uint8)[rows],
        occupancies=occupancies,
        site_idx=expansion.site_idx,
        charges=np.array(atoms.charges, dtype=np.float64)[rows],
        spacegroup=symmetry.number,
        flags=tuple(sorted(flags)),
        unplaced=atoms.unplaced,
    )


def _atoms(block: gemmi.cif.Block, cell: list[float], limits: InputLimits) -> _Atoms:
    dot = "." if block.find_values("_atom_site.fract_x") or block.find_values("_atom_site.Cartn_x") else "_"
    prefix = f"_atom_site{dot}"
    cartesian = not block.find_values(f"{prefix}fract_x") and bool(block.find_values(f"{prefix}Cartn_x"))
    names = ("Cartn_x", "Cartn_y", "Cartn_z") if cartesian else COORDINATES
    optional = (
        "?type_symbol",
        "?label",
        "?occupancy",
        "?symmetry_multiplicity",
        "?calc_flag",
        "?site_symmetry_multiplicity",
    )
    table = block.find(prefix, [*names, *optional])
    if len(table) > 100 * limits.max_sites:
        detail = f"{len(table)} atoms listed, more than 100 times max_sites = {limits.max_sites}"
        raise RejectionError(Code.TOO_LARGE, detail)
    charges = _charges(block)
    numbers: list[int] = []
    oxidation: list[float] = []
    positions: list[list[float]] = []
    occupancies: list[float] = []
    multiplicities: list[float] = []
    unplaced: dict[int, float] = {}
    flags: set[str] = set()
    for row in table:
        cells = [row.get(column) for column in range(3 + len(optional))]
        symbol, label, occupancy_text, multiplicity, calc, multiplicity_too = cells[3:]
        if calc == "dum":
            flags.add("dummy-atoms")
            continue
        number, charge = _element(symbol, label)
        occupancy = _occupancy(occupancy_text, label)
        if occupancy == 0.0:
            flags.add("zero-occupancy")
            continue
        if occupancy > 1.0:
            flags.add("occupancy-above-one")
        coordinates = cells[:3]
        if all(text is None or gemmi.cif.is_null(text) for text in coordinates):
            flags.add("atoms-without-coordinates")
            stated = _multiplicity(multiplicity or multiplicity_too)
            if math.isnan(stated):
                flags.add("multiplicity-unknown")  # then counted once
            unplaced[number] = unplaced.get(number, 0.0) + occupancy * (1.0 if math.isnan(stated) else stated)
            continue
        numbers.append(number)
        oxidation.append(charges.get(str(symbol), charge) if symbol is not None else charge)
        positions.append([_coordinate(text, label) for text in coordinates])
        occupancies.append(occupancy)
        multiplicities.append(_multiplicity(multiplicity or multiplicity_too))
    placed = np.array(positions, dtype=np.float64).reshape(-1, 3)
    if cartesian and len(placed):
        placed = placed @ np.linalg.inv(lattice_of(cell))
    return _Atoms(numbers, oxidation, placed, np.array(occupancies), np.array(multiplicities), unplaced, flags)


def _element(symbol: str | None, label: str | None) -> tuple[int, float]:
    """Return atomic number and oxidation state (NaN: not stated) of a type symbol (O2-), else of a label (O1A)."""
    if symbol is not None and not gemmi.cif.is_null(symbol):
        text = gemmi.cif.as_string(symbol).strip()
        match = _TYPE_SYMBOL.match(text) if len(text) <= LONGEST_SYMBOL else None
        number = _number(match[1]) if match else None
        if match is None or number is None:
            raise RejectionError(Code.BAD_ELEMENT, f"{shown(text)!r} names no element")
        if match[3] is None:
            return number, math.nan
        return number, _charge(float(match[3] + (match[2] or match[4] or "1")), text)
    text = "" if label is None or gemmi.cif.is_null(label) else gemmi.cif.as_string(label).strip()
    match = _LABEL.match(text)
    number = None
    if match and not _NO_ATOM.match(text):
        number = _number(match[0]) or _number(match[0][0])
    if number is None:
        raise RejectionError(Code.BAD_ELEMENT, f"the label {shown(text)!r} names no element")
    return number, math.nan


def _number(symbol: str) -> int | None:
    name = symbol.capitalize()
    return NUMBERS.get(name) or _HYDROGEN.get(name)


def _charges(block: gemmi.cif.Block) -> dict[str, float]:
    table = block.find("_atom_type_", ["symbol", "oxidation_number"])
    charges = {row[0]: gemmi.cif.as_number(row[1]) for row in table}
    return {symbol: _charge(charge, symbol) for symbol, charge in charges.items() if not math.isnan(charge)}


def _charge(charge: float, symbol: str) -> float:
    if not abs(charge) <= LARGEST_CHARGE:
        raise RejectionError(Code.BAD_ELEMENT, f"{shown(symbol)!r} with charge {charge:g}: no ion has that")
    return charge


def _occupancy(text: str | None, label: str | None) -> float:
    if text is None or gemmi.cif.is_null(text):
        return 1.0
    value = gemmi.cif.as_number(text)
    if not (SMALLEST_OCCUPANCY <= value <= 1.5 or value == 0.0):
        raise RejectionError(Code.BAD_SITE, f"occupancy {shown(text)!r} of atom {shown(label)!r}")
    return float(value)


def _coordinate(text: str | None, label: str | None) -> float:
    value = math.nan if text is None else gemmi.cif.as_number(text)
    if not abs(value) < 1e4:
        raise RejectionError(Code.BAD_SITE, f"coordinate {shown(text)!r} of atom {shown(label)!r}")
    return float(value)


def _multiplicity(text: str | None) -> float:
    """Return how often the file says that an atom stands in the cell, NaN where it does not say."""
    value = math.nan if text is None else float(gemmi.cif.as_number(text))
    # No group has more than 192 operations in a cell; a multiplicity beyond that says nothing.
    return value if 1 <= value <= 192 and value == int(value) else math.nan
