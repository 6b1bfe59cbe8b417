"""The atom loop of a CIF block: what each row places, what rows without coordinates amount to, and flags."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import gemmi
import numpy as np

from screening.config import InputLimits
from screening.crystals.arrays import FloatArray, IntArray
from screening.crystals.species import Species, checked_charge, number_of, species_of
from screening.crystals.syntax import lattice_of, shown
from screening.elements import NUMBERS
from screening.errors import Code, RejectionError

COORDINATES = ("fract_x", "fract_y", "fract_z")
# An atom that fills less of its site than this is a slip of the pen: the least of 254 measured conductors is 0.007.
SMALLEST_OCCUPANCY = 1e-6
MOST_OCCUPANCY = 1.5
# A coordinate beyond this many cells is a slip too.
MOST_CELLS = 1e4
# Hydrogen atoms attached to one atom; methane has four.
MOST_ATTACHED = 8
_NULL = frozenset({"?", "."})
# The columns of the loop besides coordinates.
_OPTIONAL = (
    "type_symbol",
    "label",
    "occupancy",
    "symmetry_multiplicity",
    "site_symmetry_multiplicity",
    "calc_flag",
    "attached_hydrogens",
)
# What a name begins with that is a label; no symbol holds one.
NO_SYMBOL = "\n"
_FRACTION = re.compile(r"([+-]?\d{1,4})/(\d{1,4})\Z")
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
    labels: list[str]  # (m,)
    written: list[list[str]]  # x, y, z as the file writes them, each (m,)
    unplaced: dict[int, float]  # atomic number -> atoms per cell without coordinates
    flags: dict[str, str] = field(default_factory=dict)  # name -> detail

    partial: bool = False  # whether any fills less than its site
    counted: bool = False  # whether any multiplicity is stated
    hold_hydrogen: bool = False  # whether any holds hydrogen that is not placed

    def __len__(self) -> int:
        return len(self.numbers)


def read_atoms(
    block: gemmi.cif.Block, cell: list[float], limits: InputLimits, *, stated: frozenset[str] | None
) -> Atoms:
    """Return the atoms of a block.

    Parameters
    ----------
    block
        One data block.
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
    columns, cartesian = _columns(block, limits)
    flags: dict[str, str] = {}
    species = _species(columns, stated, flags)
    if _is_plain(columns, species):
        positions = _placed(columns.coordinates(), columns.label, cartesian=cartesian, cell=cell)
        return _plain(columns, species, positions, _charges(block), flags)
    rows = species.rows()
    bare = [row for row in rows if columns.bare(row.at)] if columns.some_bare() else []
    placed = [row for row in rows if not columns.bare(row.at)] if bare else rows
    if not placed:
        raise RejectionError(Code.NO_ATOMS, "the block places no atom")
    hydrogen = _hydrogen_rule(rows, bare, stated)
    unplaced: dict[int, float] = {}
    for row in bare:
        _count(unplaced, row, columns, hydrogen, flags)
    held = [_held(row, columns, hydrogen) for row in placed]
    if any(held):
        flags["atoms-without-coordinates"] = ""
    texts = columns.coordinates(placed)
    labels = [columns.label[row.at] for row in placed]
    positions = _placed(texts, labels, cartesian=cartesian, cell=cell)
    charges = _charges(block)
    multiplicities = columns.multiplicities([row.at for row in placed])
    atoms = Atoms(
        numbers=np.array([row.kind.parts[0][0] for row in placed], dtype=np.int64),
        charges=np.array([charges.get(columns.symbol[row.at], row.kind.charge) for row in placed]),
        positions=positions,
        occupancies=np.array([row.occupancy for row in placed]),
        multiplicities=np.array(multiplicities),
        hydrogens=np.array(held),
        labels=labels,
        written=texts,
        unplaced=unplaced,
        flags=flags,
        counted=bool(columns.counts),
        hold_hydrogen=any(held),
    )
    atoms = atoms if all(len(row.kind.parts) == 1 for row in placed) else _spread(atoms, placed)
    return replace(atoms, partial=bool((atoms.occupancies < 1.0).any()))


def _is_plain(columns: _Columns, species: _SpeciesOfRows) -> bool:
    """Return whether every row of the loop is one atom with coordinates, as nearly always."""
    return (
        not species.dummies
        and columns.attached is None
        and 0.0 not in species.occupancies
        and not columns.some_bare()
        and all(len(kind.parts) == 1 and not kind.hydrogens for kind in species.kinds.values())
        and bool(species.names)
    )


def _plain(
    columns: _Columns,
    species: _SpeciesOfRows,
    positions: FloatArray,
    charges: dict[str, float],
    flags: dict[str, str],
) -> Atoms:
    numbers = {name: kind.parts[0][0] for name, kind in species.kinds.items()}
    stated = {
        name: charges.get("" if name[0] == NO_SYMBOL else name, kind.charge) for name, kind in species.kinds.items()
    }
    count = len(species.names)
    return Atoms(
        numbers=np.array([numbers[name] for name in species.names], dtype=np.int64),
        charges=np.array([stated[name] for name in species.names]),
        positions=positions,
        occupancies=np.array(species.occupancies),
        multiplicities=np.array(columns.multiplicities(range(count))),
        hydrogens=np.zeros(count),
        labels=columns.label,
        written=columns.coordinates(),
        unplaced={},
        flags=flags,
        partial=min(species.occupancies) < 1.0,
        counted=bool(columns.counts),
    )


def _spread(atoms: Atoms, placed: list[_Row]) -> Atoms:
    """Return atoms with one row for each element of a mixed symbol; hydrogen held stays with the first."""
    parts = [(at, *part) for at, row in enumerate(placed) for part in row.kind.parts]
    at = np.array([index for index, _, _ in parts])
    return replace(
        atoms,
        numbers=np.array([number for _, number, _ in parts], dtype=np.int64),
        charges=atoms.charges[at],
        positions=atoms.positions[at],
        occupancies=atoms.occupancies[at] * np.array([share for *_, share in parts]),
        multiplicities=atoms.multiplicities[at],
        hydrogens=np.where(np.diff(at, prepend=-1) > 0, atoms.hydrogens[at], 0.0),
        labels=[atoms.labels[index] for index in at],
        written=[[axis[index] for index in at] for axis in atoms.written],
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


def _hydrogen_rule(rows: list[_Row], bare: list[_Row], stated: frozenset[str] | None) -> _HydrogenRule:
    listed = any(row.kind.parts[0][0] == 1 for row in rows)
    implied = not listed and (stated is None or "H" in stated)
    return _HydrogenRule(implied, not any(row.kind.parts[0][0] == 1 for row in bare))


class _Columns(NamedTuple):
    """The columns of the loop, unquoted, each as long as the loop; what a file lacks is None."""

    x: list[str]
    y: list[str]
    z: list[str]
    symbol: list[str]
    label: list[str]
    occupancy: list[str] | None
    counts: tuple[list[str], ...]  # multiplicities
    calc: list[str] | None
    attached: list[str] | None

    def coordinates(self, rows: list[_Row] | None = None) -> list[list[str]]:
        """Return x, y, z of the rows as written."""
        axes = [self.x, self.y, self.z]
        return axes if rows is None or len(rows) == len(self.x) else [[axis[row.at] for row in rows] for axis in axes]

    def bare(self, row: int) -> bool:
        return self.x[row] in _NULL and self.y[row] in _NULL and self.z[row] in _NULL

    def some_bare(self) -> bool:
        return "?" in self.x or "." in self.x

    def multiplicities(self, rows: Sequence[int]) -> list[float]:
        """Return how often the file says that atoms stand in the cell, NaN where it does not say."""
        result = [math.nan] * len(rows)
        for column in reversed(self.counts):
            values = {text: _multiplicity(text) for text in set(column)}
            result = [
                earlier if math.isnan(value := values[column[row]]) else value
                for row, earlier in zip(rows, result, strict=True)
            ]
        return result


def _columns(block: gemmi.cif.Block, limits: InputLimits) -> tuple[_Columns, bool]:
    """Return the columns of the atom loop, and whether its coordinates are Cartesian."""
    dot = "." if block.find_values("_atom_site.fract_x") or block.find_values("_atom_site.Cartn_x") else "_"
    prefix = f"_atom_site{dot}"
    cartesian = not block.find_values(f"{prefix}fract_x") and bool(block.find_values(f"{prefix}Cartn_x"))
    names = ("Cartn_x", "Cartn_y", "Cartn_z") if cartesian else COORDINATES
    length, columns = _table(block, prefix, names, most=100 * limits.max_sites)
    x, y, z = (columns[name] or [] for name in names)
    counts = (columns["symmetry_multiplicity"], columns["site_symmetry_multiplicity"])
    return _Columns(
        x,
        y,
        z,
        _unquoted(columns["type_symbol"], length),
        _unquoted(columns["label"], length),
        columns["occupancy"],
        tuple(column for column in counts if column is not None),
        columns["calc_flag"],
        columns["attached_hydrogens"],
    ), cartesian


def _table(
    block: gemmi.cif.Block, prefix: str, names: tuple[str, ...], *, most: int
) -> tuple[int, dict[str, list[str] | None]]:
    """Return the length of the atom loop and its columns by name, None where it has none of that name."""
    loop = block.find_loop(f"{prefix}{names[0]}").get_loop()
    tags = [] if loop is None else [tag.lower() for tag in loop.tags]
    places = {name: f"{prefix}{name}".lower() for name in (*names, *_OPTIONAL)}
    if loop is not None and all(places[name] in tags for name in names):
        _check_length(loop.length(), most)
        values, width = list(loop.values), len(tags)
        return loop.length(), {
            name: values[tags.index(tag) :: width] if tag in tags else None for name, tag in places.items()
        }
    table = block.find(prefix, [*names, *(f"?{name}" for name in _OPTIONAL)])
    _check_length(len(table), most)
    return len(table), {
        name: list(table.column(index)) if len(table) and (index < len(names) or table.has_column(index)) else None
        for index, name in enumerate((*names, *_OPTIONAL))
    }


def _check_length(length: int, most: int) -> None:
    if length > most:
        detail = f"{length} atoms listed, more than 100 times max_sites = {most // 100}"
        raise RejectionError(Code.TOO_LARGE, detail)


def _unquoted(column: list[str] | None, length: int) -> list[str]:
    """Return names without quotes and blanks, empty where the file has none."""
    if column is None:
        return [""] * length
    plain = {text: _name(text) for text in set(column)}
    return [plain[text] for text in column]


def _name(text: str) -> str:
    if text in _NULL:
        return ""
    return text if text[0] not in "'\";" else gemmi.cif.as_string(text).strip()


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


def _species(columns: _Columns, stated: frozenset[str] | None, flags: dict[str, str]) -> _SpeciesOfRows:
    """Return what the rows stand for, with a flag where some are dummies or empty sites."""
    dummies: frozenset[int] = frozenset()
    if columns.calc is not None and "dum" in columns.calc:
        marked = (index for index, calc in enumerate(columns.calc) if calc == "dum")
        dummies = frozenset(index for index in marked if not _bare_hydrogen(columns, index))
        if dummies:
            flags["dummy-atoms"] = ""
    occupancies = [1.0] * len(columns.x) if columns.occupancy is None else _occupancies(columns)
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
    kinds = {
        name: species_of("", name[1:], stated=stated, capitals=capitals)
        if name[0] == NO_SYMBOL
        else species_of(name, "", stated=stated, capitals=capitals)
        for name in read
    }
    return _SpeciesOfRows(names, kinds, occupancies, dummies)


def _bare_hydrogen(columns: _Columns, row: int) -> bool:
    """Return whether a row is hydrogen without coordinates, which is no dummy whatever its flag says."""
    letters = _LETTERS.match(columns.symbol[row] or columns.label[row])
    return columns.bare(row) and letters is not None and number_of(letters[0]) == 1


def _count(
    unplaced: dict[int, float], row: _Row, columns: _Columns, hydrogen: _HydrogenRule, flags: dict[str, str]
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


def _held(row: _Row, columns: _Columns, hydrogen: _HydrogenRule) -> float:
    """Return the hydrogen atoms that a row counts without placing them, its occupancy included."""
    if columns.attached is not None and hydrogen.attached:
        number = gemmi.cif.as_number(columns.attached[row.at])
        if 0 < number <= MOST_ATTACHED:
            return float(number) * row.occupancy
    return row.kind.hydrogens * row.occupancy if hydrogen.implied else 0.0


def _charges(block: gemmi.cif.Block) -> dict[str, float]:
    table = block.find("_atom_type_", ["symbol", "oxidation_number"])
    charges = {gemmi.cif.as_string(row[0]).strip(): gemmi.cif.as_number(row[1]) for row in table}
    return {symbol: checked_charge(charge, symbol) for symbol, charge in charges.items() if not math.isnan(charge)}


def _occupancies(columns: _Columns) -> list[float]:
    column = columns.occupancy or []
    # By the first row of each text, whose label a refusal names.
    first = dict(zip(reversed(column), reversed(columns.label), strict=True))
    values = {text: _occupancy(text, first[text]) for text in dict.fromkeys(column)}
    return [values[text] for text in column]


def _occupancy(text: str, label: str) -> float:
    if text in _NULL:
        return 1.0
    value = gemmi.cif.as_number(text)
    if not (SMALLEST_OCCUPANCY <= value <= MOST_OCCUPANCY or value == 0.0):
        raise RejectionError(Code.BAD_SITE, f"occupancy {shown(text)!r} of atom {shown(label)!r}")
    return float(value)


def _multiplicity(text: str) -> float:
    value = float(gemmi.cif.as_number(text))
    # No group has more than 192 operations in a cell; a multiplicity beyond that says nothing.
    return value if 1 <= value <= 192 and value == int(value) else math.nan


def _placed(axes: list[list[str]], labels: list[str], *, cartesian: bool, cell: list[float]) -> FloatArray:
    """Return (m, 3) fractional coordinates."""
    positions = _positions(axes, labels)
    return positions @ np.linalg.inv(lattice_of(cell)) if cartesian else positions


def _positions(axes: list[list[str]], labels: list[str]) -> FloatArray:
    """Return (m, 3) coordinates."""
    try:
        # Plain numbers, nearly always. An underscore is a digit to Python alone.
        result = np.array([list(map(float, axis)) for axis in axes]).T.copy()
        if np.abs(result).max() < MOST_CELLS and not any("_" in "".join(axis) for axis in axes):
            return result
    except ValueError:
        pass
    return np.array([list(map(_coordinate, axis, labels)) for axis in axes]).T.copy()


def _coordinate(text: str, label: str) -> float:
    value = gemmi.cif.as_number(text)
    if math.isnan(value) and (fraction := _FRACTION.match(text)) and int(fraction[2]):
        value = int(fraction[1]) / int(fraction[2])
    if not abs(value) < MOST_CELLS:
        raise RejectionError(Code.BAD_SITE, f"coordinate {shown(text)!r} of atom {shown(label)!r}")
    return float(value)
