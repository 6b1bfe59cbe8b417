"""The atom loop of a CIF block: what each row places, what rows without coordinates amount to, and flags."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import gemmi
import numpy as np

from screening import _kernels
from screening.config import InputLimits
from screening.crystals.arrays import FloatArray, IntArray, SmallArray
from screening.crystals.columns import (
    MOST_CELLS,
    MOST_OCCUPANCY,
    SMALLEST_OCCUPANCY,
    AtomLoop,
    Columns,
    Coordinates,
    Table,
    read_occupancies,
    read_positions,
    read_table,
    unquoted,
)
from screening.crystals.species import PLAIN_SYMBOLS, Species, checked_charge, number_of, species_of
from screening.crystals.syntax import QUOTES_AND_NULLS, lattice_of
from screening.elements import NUMBERS
from screening.errors import Code, RejectionError

# Hydrogen atoms attached to one atom; methane has four.
MOST_ATTACHED = 8
# What a name begins with that is a label; no symbol holds one.
NO_SYMBOL = "\n"
_LETTERS = re.compile(r"[A-Za-z]{1,2}")
_CAPITALS = re.compile(r"([A-Z]{2})(?![A-Za-z])")
# Two capitals that are one element and not also two: a file with such labels writes all its symbols in capitals.
_PLAIN_PAIRS = frozenset(
    symbol.upper() for symbol in NUMBERS if len(symbol) == 2 and not {symbol[0], symbol[1].upper()} <= NUMBERS.keys()
)


@dataclass(frozen=True, slots=True, eq=False)
class Atoms:
    """The atoms of the asymmetric unit that have coordinates, one a row, and what the others amount to."""

    numbers: IntArray  # (m,) atomic number
    charges: FloatArray  # (m,) oxidation state, NaN: not stated
    positions: FloatArray  # (m, 3) fractional
    occupancies: FloatArray  # (m,)
    multiplicities: FloatArray  # (m,) as stated, NaN where not
    hydrogens: FloatArray  # (m,) hydrogen atoms held by the atom and not placed, the share of the row included
    decimals: SmallArray  # (m, 3) of the coordinates as the file writes them
    significant: SmallArray  # (m, 3) the same without trailing zeros
    written: list[str] | None  # (m,) names, None where the file has none
    unplaced: dict[int, float]  # atomic number -> atoms per cell without coordinates
    flags: dict[str, str] = field(default_factory=dict)  # name -> detail

    partial: bool = False  # whether any fills less than its site
    counted: bool = False  # whether any multiplicity is stated
    hold_hydrogen: bool = False  # whether any holds hydrogen that is not placed
    unquoted: bool = True  # whether the names are; where not, they are as they stand in the file

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def labels(self) -> list[str]:
        """Names of the atoms, (m,), empty where the file has none."""
        return self.written if self.unquoted and self.written is not None else unquoted(self.written, len(self))


def read_atoms(
    block: gemmi.cif.Block, loop: AtomLoop, cell: list[float], limits: InputLimits, *, stated: frozenset[str] | None
) -> Atoms:
    """Return the atoms of a block.

    Parameters
    ----------
    block
        One data block.
    loop
        Where its atoms stand.
    cell
        a, b, c, α, β, γ.
    limits
        Sizes beyond which the block is refused.
    stated
        Symbols of the stated formula, None where none can be read.

    Raises
    ------
    RejectionError
        bad-element, bad-site, too-large, no-atoms.
    """
    table = read_table(block, loop, limits)
    plain = _plain(table, block, stated)
    if plain is not None:
        return plain
    columns, cartesian = table.unquoted(), table.cartesian
    flags: dict[str, str] = {}
    species = _species(columns, stated, flags)
    rows = species.rows()
    hydrogen = _hydrogen_rule(rows, columns, stated)
    placed = [row for row in rows if not columns.bare(row.at)]
    if not placed:
        raise RejectionError(Code.NO_ATOMS, "the block places no atom")
    unplaced = _unplaced([row for row in rows if columns.bare(row.at)], columns, hydrogen, flags)
    at, held = [row.at for row in placed], [_held(row, columns, hydrogen) for row in placed]
    if any(held):
        flags["atoms-without-coordinates"] = ""
    texts, labels = columns.coordinates(at), [columns.label[row] for row in at]
    places = _placed(texts, labels, cartesian=cartesian, cell=cell)  # refuses before charges do
    charges = _charges(block)
    atoms = Atoms(
        numbers=np.array([row.kind.parts[0][0] for row in placed], dtype=np.int64),
        charges=np.array([charges.get(columns.symbol[row.at], row.kind.charge) for row in placed]),
        positions=places.positions,
        occupancies=np.array([row.occupancy for row in placed]),
        multiplicities=np.array(columns.multiplicities(at)),
        hydrogens=np.array(held),
        decimals=places.decimals,
        significant=places.significant,
        written=labels,
        unplaced=unplaced,
        flags=flags,
        counted=bool(columns.counts),
        hold_hydrogen=any(held),
    )
    atoms = atoms if all(len(row.kind.parts) == 1 for row in placed) else _spread(atoms, placed)
    return replace(atoms, partial=bool((atoms.occupancies < 1.0).any()))


def _plain(table: Table, block: gemmi.cif.Block, stated: frozenset[str] | None) -> Atoms | None:
    """Return the atoms where every row of the loop is one atom with plain numbers, as nearly always; else None."""
    columns, counts = table.columns, table.counts
    names, calc = columns["type_symbol"], columns["calc_flag"]
    if names is None or table.cartesian or columns["attached_hydrogens"] is not None or len(counts) > 1:
        return None
    if calc is not None and "dum" in calc:
        return None
    try:
        kinds = _plain_kinds(set(names), block, stated)
    except RejectionError:  # with its reason, in its order
        return None
    if kinds is None:
        return None
    x, y, z = table.axes
    found = _kernels.plain_rows(
        x, y, z, names, kinds, columns["occupancy"], counts[0] if counts else None,
        MOST_CELLS, SMALLEST_OCCUPANCY, MOST_OCCUPANCY,
    )  # fmt: skip
    if found is None:
        return None
    (positions, decimals, significant), numbers, charges, occupancies, multiplicities, partial = found
    return Atoms(
        numbers=numbers,
        charges=charges,
        positions=positions,
        occupancies=occupancies,
        multiplicities=multiplicities,
        hydrogens=np.zeros(len(numbers)),
        decimals=decimals,
        significant=significant,
        written=columns["label"],
        unquoted=False,
        unplaced={},
        partial=partial,
        counted=bool(counts),
    )


def _plain_kinds(
    names: set[str], block: gemmi.cif.Block, stated: frozenset[str] | None
) -> dict[str, tuple[int, float]] | None:
    """Return atomic number and charge by symbol, None where a symbol stands for more than one atom or for none."""
    kinds: dict[str, tuple[int, float]] = {}
    for name in names:
        kind = PLAIN_SYMBOLS.get(name)
        if kind is None:
            if name[0] in QUOTES_AND_NULLS:
                return None
            kind = species_of(name, "", stated=stated, capitals=False)
            if len(kind.parts) > 1 or kind.hydrogens:
                return None
        kinds[name] = (kind.parts[0][0], kind.charge)
    charges = _charges(block)
    return {name: (kind[0], charges.get(name, kind[1])) for name, kind in kinds.items()} if charges else kinds


def _spread(atoms: Atoms, placed: list[_Row]) -> Atoms:
    """Return atoms with one row for each element of a mixed symbol; hydrogen held stays with the first."""
    parts = [(at, *part) for at, row in enumerate(placed) for part in row.kind.parts]
    at, labels = np.array([index for index, _, _ in parts]), atoms.labels
    return replace(
        atoms,
        numbers=np.array([number for _, number, _ in parts], dtype=np.int64),
        charges=atoms.charges[at],
        positions=atoms.positions[at],
        occupancies=atoms.occupancies[at] * np.array([share for *_, share in parts]),
        multiplicities=atoms.multiplicities[at],
        hydrogens=np.where(np.diff(at, prepend=-1) > 0, atoms.hydrogens[at], 0.0),
        decimals=atoms.decimals[at],
        significant=atoms.significant[at],
        written=[labels[index] for index in at],
    )


class _Row(NamedTuple):
    """One row of the loop that stands for atoms."""

    at: int
    kind: Species
    occupancy: float


class _HydrogenRule(NamedTuple):
    """Which hydrogen atoms without rows of their own count."""

    implied: bool  # those that names tell of (OH, Wat): where the file lists none and its formula does not exclude them
    attached: bool  # those of _atom_site_attached_hydrogens: where no row lists hydrogen without coordinates


def _hydrogen_rule(rows: list[_Row], columns: Columns, stated: frozenset[str] | None) -> _HydrogenRule:
    listed = [row.at for row in rows if row.kind.parts[0][0] == 1]
    implied = not listed and (stated is None or "H" in stated)
    return _HydrogenRule(implied, not any(map(columns.bare, listed)))


class _SpeciesOfRows(NamedTuple):
    """What the rows of the loop stand for."""

    names: list[str]  # of each row: its symbol, or `NO_SYMBOL` and its label
    kinds: dict[str, Species]  # by name
    occupancies: list[float]
    dummies: frozenset[int]  # rows that stand for no atom

    def rows(self) -> list[_Row]:
        """Return the rows that stand for atoms: dummies and empty sites are left out."""
        return [
            _Row(index, self.kinds[name], occupancy)
            for index, (name, occupancy) in enumerate(zip(self.names, self.occupancies, strict=True))
            if index not in self.dummies and occupancy > 0.0
        ]


def _species(columns: Columns, stated: frozenset[str] | None, flags: dict[str, str]) -> _SpeciesOfRows:
    """Return what the rows stand for, with a flag where some are dummies or empty sites."""
    dummies: frozenset[int] = frozenset()
    if columns.calc is not None and "dum" in columns.calc:
        marked = (index for index, calc in enumerate(columns.calc) if calc == "dum")
        dummies = frozenset(index for index in marked if not _bare_hydrogen(columns, index))
        if dummies:
            flags["dummy-atoms"] = ""
    occupancies = read_occupancies(columns)
    if 0.0 in occupancies:
        flags["zero-occupancy"] = ""
    # The label is looked at only where there is no symbol.
    names, capitals = columns.symbol, False
    if "" in names:
        names = [symbol or f"{NO_SYMBOL}{label}" for symbol, label in zip(names, columns.label, strict=True)]
        capitals = any((pair := _CAPITALS.match(label)) and pair[1] in _PLAIN_PAIRS for label in set(columns.label))
    read = dict.fromkeys(names)
    if dummies:
        read = dict.fromkeys(name for index, name in enumerate(names) if index not in dummies)
    kinds: dict[str, Species] = {}
    for name in read:
        if name[0] == NO_SYMBOL:
            kinds[name] = species_of("", name[1:], stated=stated, capitals=capitals)
        else:
            kinds[name] = PLAIN_SYMBOLS.get(name) or species_of(name, "", stated=stated, capitals=capitals)
    return _SpeciesOfRows(names, kinds, occupancies, dummies)


def _bare_hydrogen(columns: Columns, row: int) -> bool:
    """Return whether a row is hydrogen without coordinates, which is no dummy whatever its flag says."""
    letters = _LETTERS.match(columns.symbol[row] or columns.label[row])
    return columns.bare(row) and letters is not None and number_of(letters[0]) == 1


def _unplaced(bare: list[_Row], columns: Columns, hydrogen: _HydrogenRule, flags: dict[str, str]) -> dict[int, float]:
    """Return the atoms per cell of rows without coordinates, by atomic number."""
    unplaced: dict[int, float] = {}
    for row in bare:
        _count(unplaced, row, columns, hydrogen, flags)
    return unplaced


def _count(
    unplaced: dict[int, float], row: _Row, columns: Columns, hydrogen: _HydrogenRule, flags: dict[str, str]
) -> None:
    """Count a row without coordinates, as often as its multiplicity says."""
    flags["atoms-without-coordinates"] = ""
    multiplicity = columns.multiplicities([row.at])[0]
    if math.isnan(multiplicity):
        flags["multiplicity-unknown"] = ""
        multiplicity = 1.0
    for number, share in row.kind.parts:
        unplaced[number] = unplaced.get(number, 0.0) + row.occupancy * multiplicity * share
    held = _held(row, columns, hydrogen)
    if held:
        unplaced[1] = unplaced.get(1, 0.0) + multiplicity * held


def _held(row: _Row, columns: Columns, hydrogen: _HydrogenRule) -> float:
    """Return the hydrogen atoms that a row counts without placing them, its occupancy included."""
    if columns.attached is not None and hydrogen.attached:
        number = gemmi.cif.as_number(columns.attached[row.at])
        if 0 < number <= MOST_ATTACHED:
            return float(number) * row.occupancy
    return row.kind.hydrogens * row.occupancy if hydrogen.implied else 0.0


def _charges(block: gemmi.cif.Block) -> dict[str, float]:
    if not len(block.find_values("_atom_type_oxidation_number")):
        return {}
    table = block.find("_atom_type_", ["symbol", "oxidation_number"])
    charges = {gemmi.cif.as_string(row[0]).strip(): gemmi.cif.as_number(row[1]) for row in table}
    return {symbol: checked_charge(charge, symbol) for symbol, charge in charges.items() if not math.isnan(charge)}


def _placed(axes: list[list[str]], labels: list[str], *, cartesian: bool, cell: list[float]) -> Coordinates:
    """Return the fractional coordinates of m atoms."""
    found = read_positions(axes, labels)
    return found._replace(positions=found.positions @ np.linalg.inv(lattice_of(cell))) if cartesian else found
