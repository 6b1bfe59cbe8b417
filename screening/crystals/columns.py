"""The columns of the atom loop of a CIF block, and what its numbers mean."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import gemmi
import numpy as np

from screening import _kernels
from screening.config import InputLimits
from screening.crystals.arrays import FloatArray, SmallArray
from screening.crystals.syntax import shown
from screening.errors import Code, RejectionError

COORDINATES = ("fract_x", "fract_y", "fract_z")
CARTESIAN = ("Cartn_x", "Cartn_y", "Cartn_z")
# An atom that fills less of its site than this is a slip of the pen: the least of 254 measured conductors is 0.007.
SMALLEST_OCCUPANCY = 1e-6
MOST_OCCUPANCY = 1.5
# A coordinate beyond this many cells is a slip too.
MOST_CELLS = 1e4
# Decimals that rounding is judged by: 0.5 is a half, not somewhere from 0.45 to 0.55.
FEWEST_DECIMALS, MOST_DECIMALS = 2, 8
_DECIMALS = re.compile(r"[+-]?\d*\.(\d+)")
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
# In values set off by blanks: one that is quoted or says nothing.
_QUOTED = re.compile(r"['\";]|(?<!\S)[?.](?!\S)")
_FRACTION = re.compile(r"([+-]?\d{1,4})/(\d{1,4})\Z")


class Coordinates(NamedTuple):
    """Coordinates as numbers, and how many decimals they are written with."""

    positions: FloatArray  # (m, 3)
    decimals: SmallArray  # (m, 3) digits after the point; `MOST_DECIMALS` for a fraction
    significant: SmallArray  # (m, 3) the same without trailing zeros


class Columns(NamedTuple):
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

    def coordinates(self, rows: Sequence[int] | None = None) -> list[list[str]]:
        """Return x, y, z of the rows as written."""
        axes = [self.x, self.y, self.z]
        return axes if rows is None or len(rows) == len(self.x) else [[axis[row] for row in rows] for axis in axes]

    def bare(self, row: int) -> bool:
        """Return whether a row has no coordinates."""
        return self.x[row] in _NULL and self.y[row] in _NULL and self.z[row] in _NULL

    def some_bare(self) -> bool:
        """Return whether some row may have no coordinates."""
        return "?" in self.x or "." in self.x

    def multiplicities(self, rows: Sequence[int]) -> list[float]:
        """Return how often the file says that atoms stand in the cell, NaN where it does not say."""
        result = [math.nan] * len(rows)
        for column in reversed(self.counts):
            values = {text: _multiplicity(text) for text in set(column)}
            if len(values) == 1 and len(self.counts) == 1:
                return [*values.values()] * len(rows)
            if len(self.counts) == 1 and len(rows) == len(column):
                return [values[text] for text in column]
            result = [
                earlier if math.isnan(value := values[column[row]]) else value
                for row, earlier in zip(rows, result, strict=True)
            ]
        return result


class Table(NamedTuple):
    """The columns of the atom loop as they are written."""

    length: int
    columns: dict[str, list[str] | None]  # by name, None where the loop has none of that name
    names: tuple[str, ...]  # of the three coordinates

    @property
    def cartesian(self) -> bool:
        """Whether the coordinates are Cartesian."""
        return self.names is CARTESIAN

    @property
    def axes(self) -> list[list[str]]:
        """The three columns of coordinates."""
        return [self.columns[name] or [] for name in self.names]

    @property
    def counts(self) -> tuple[list[str], ...]:
        """The columns of multiplicities."""
        columns = (self.columns["symmetry_multiplicity"], self.columns["site_symmetry_multiplicity"])
        return tuple(column for column in columns if column is not None)

    def unquoted(self) -> Columns:
        """Return the columns without quotes."""
        columns = self.columns
        x, y, z = self.axes
        return Columns(
            x,
            y,
            z,
            unquoted(columns["type_symbol"], self.length),
            unquoted(columns["label"], self.length),
            columns["occupancy"],
            self.counts,
            columns["calc_flag"],
            columns["attached_hydrogens"],
        )


class AtomLoop(NamedTuple):
    """Where the atoms of a block stand."""

    prefix: str  # of the tags
    names: tuple[str, ...]  # of the three coordinates


def atom_loop(block: gemmi.cif.Block) -> AtomLoop:
    """Return where the atoms stand, tags with a dot before others, fractional coordinates before Cartesian ones.

    Raises
    ------
    RejectionError
        no-atoms: there are no coordinates.
    """
    for prefix in ("_atom_site.", "_atom_site_"):
        for names in (COORDINATES, CARTESIAN):
            if block.find_values(f"{prefix}{names[0]}"):
                return AtomLoop(prefix, names)
    raise RejectionError(Code.NO_ATOMS, "the block has no atom coordinates")


def read_table(block: gemmi.cif.Block, loop: AtomLoop, limits: InputLimits) -> Table:
    """Return the columns of the atom loop; too-large: more atoms than allowed."""
    length, columns = _table(block, loop.prefix, loop.names, most=100 * limits.max_sites)
    return Table(length, columns, loop.names)


def _table(
    block: gemmi.cif.Block, prefix: str, names: tuple[str, ...], *, most: int
) -> tuple[int, dict[str, list[str] | None]]:
    """Return the length of the atom loop and its columns by name, None where it has none of that name."""
    loop = block.find_loop(f"{prefix}{names[0]}").get_loop()
    if loop is not None:
        tags = [tag.lower() for tag in loop.tags]
        # The first of a tag that stands twice.
        places = {tag: index for index, tag in reversed(list(enumerate(tags)))}
        columns = {name: places.get(tag) for name, tag in _lowered(prefix, names)}
        if None not in (columns[name] for name in names):
            _check_length(loop.length(), most)
            values, width = list(loop.values), len(tags)
            return loop.length(), {
                name: None if index is None else values[index::width] for name, index in columns.items()
            }
    table = block.find(prefix, [*names, *(f"?{name}" for name in _OPTIONAL)])
    _check_length(len(table), most)
    return len(table), {
        name: list(table.column(index)) if len(table) and (index < len(names) or table.has_column(index)) else None
        for index, name in enumerate((*names, *_OPTIONAL))
    }


@cache
def _lowered(prefix: str, names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, f"{prefix}{name}".lower()) for name in (*names, *_OPTIONAL)]


def _check_length(length: int, most: int) -> None:
    if length > most:
        detail = f"{length} atoms listed, more than 100 times max_sites = {most // 100}"
        raise RejectionError(Code.TOO_LARGE, detail)


def unquoted(column: list[str] | None, length: int) -> list[str]:
    """Return names without quotes and blanks, empty where the file has none."""
    if column is None:
        return [""] * length
    if not _QUOTED.search(" ".join(column)):
        return column
    plain = {text: _name(text) for text in set(column)}
    return [plain[text] for text in column]


def _name(text: str) -> str:
    if text in _NULL:
        return ""
    return text if text[0] not in "'\";" else gemmi.cif.as_string(text).strip()


def read_occupancies(columns: Columns) -> list[float]:
    """Return how far each row fills its site; 1 where the file does not say.

    Raises
    ------
    RejectionError
        bad-site.
    """
    if columns.occupancy is None:
        return [1.0] * len(columns.x)
    column = columns.occupancy
    if len(set(column)) == 1:
        return [_occupancy(column[0], columns.label[0])] * len(column)
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


def read_positions(axes: list[list[str]], labels: list[str]) -> Coordinates:
    """Return the coordinates of m atoms."""
    x, y, z = axes
    plain = _kernels.plain_coordinates(x, y, z, MOST_CELLS)
    if plain is not None and len(plain[0]):
        return Coordinates(*plain)
    decimals, significant = (
        np.array([[_decimals(text, bare=bare) for text in axis] for axis in axes], dtype=np.int8).T.copy()
        for bare in (False, True)
    )
    return Coordinates(_positions(axes, labels), decimals, significant)


def _positions(axes: list[list[str]], labels: list[str]) -> FloatArray:
    try:
        # With exponents, or more digits than are plain. An underscore is a digit to Python alone.
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


def _decimals(text: str, *, bare: bool) -> int:
    """Return the decimals of a coordinate as written: 2 for .33; `bare`: trailing zeros are not counted."""
    match = _DECIMALS.match(text)
    digits = match[1].rstrip("0") if match and bare else match[1] if match else ""
    return MOST_DECIMALS if "/" in text else min(len(digits), MOST_DECIMALS)
