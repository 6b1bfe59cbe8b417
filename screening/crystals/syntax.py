"""CIF text → its data block, and the values of single tags in it."""

from __future__ import annotations

import math
import re
from typing import cast

import gemmi
import numpy as np

from screening.config import InputLimits
from screening.crystals.arrays import FloatArray
from screening.crystals.document import parsed, printable
from screening.errors import Code, RejectionError

# A lattice vector is the distance between an atom and its like. The shortest among 14,592 lithium compounds and 254
# conductors is 2.1 Å, and no two nuclei of a crystal are closer than the 0.74 Å of H2. Å.
SHORTEST_PERIOD = 0.7
# What a value begins with that is quoted or, alone, says nothing.
QUOTES_AND_NULLS = frozenset("'\";?.")
# What the dictionary gives an angle that is not stated. Degrees.
DEFAULT_ANGLE = 90.0
# Tags that decide what crystal is read; any other may stand twice.
_NEEDED = re.compile(
    r"_cell[_.](?:length|angle)_|_(?:symmetry|space_group)\w*[_.](?!cell_setting|crystal_system)"
    r"|_atom_site[_.](?:fract|cartn|label|type_symbol|occupancy|calc_flag|symmetry_mult|site_symmetry_mult|attached_hyd)"
    r"|_atom_type[_.](?:symbol|oxidation_number)\Z",
    re.IGNORECASE,
)
_FRACTION = re.compile(r"\s*([+-]?\d{1,4})\s*/\s*(\d{1,4})\s*\Z", re.ASCII)


def find_value(block: gemmi.cif.Block, *tags: str) -> str | None:
    """Return the first stated value among the tags, unquoted, or None."""
    for tag in tags:
        value = block.find_value(tag)
        if value is None:
            continue
        if value[:1] not in QUOTES_AND_NULLS:
            return value
        if not gemmi.cif.is_null(value):
            return str(gemmi.cif.as_string(value)).strip()
    return None


def shown(text: str | None, *, most: int = 40) -> str:
    """Return the beginning of what a file says, fit for one line of a table: foreign text is hostile there too."""
    return "" if text is None else printable(text, most=most)


def number(text: str | None) -> float:
    """Return the number that a value states, be it with an uncertainty or a fraction such as 1/3; else NaN."""
    if text is None:
        return math.nan
    value = float(gemmi.cif.as_number(text))
    if not math.isnan(value):
        return value
    text = str(gemmi.cif.as_string(text))
    fraction = _FRACTION.match(text)
    if fraction is not None and int(fraction[2]):
        return int(fraction[1]) / int(fraction[2])
    return float(gemmi.cif.as_number(text.strip()))


def parse_block(text: bytes, limits: InputLimits) -> gemmi.cif.Block:
    """Return the one data block of a text.

    A tag that stands twice is taken where both say the same or one says nothing, or where no atom depends on it.

    Raises
    ------
    RejectionError
        too-large, empty or not-cif, with the cause.
    """
    if len(text) > limits.max_file_bytes:
        raise RejectionError(Code.TOO_LARGE, f"{len(text)} bytes, more than max_file_bytes = {limits.max_file_bytes}")
    document = parsed(text)
    # Comparing the names of n blocks takes n² steps, so that they are counted first.
    if len(document) != 1:
        _check_values(document)
        raise RejectionError(Code.NOT_CIF, f"{len(document)} data blocks where one is expected")
    block = document[0]
    _check_values(document)
    try:
        document.check_for_duplicates()
    except (ValueError, RuntimeError):
        _settle_duplicates(block)
    return block


def _check_values(document: gemmi.cif.Document) -> None:
    """Refuse a tag without a value: the file is cut short or was edited by a slip."""
    try:
        document.check_for_missing_values()
    except (ValueError, RuntimeError) as error:
        tag = re.search(r"(_\S+) has no value", str(error))
        detail = f"the tag {tag[1]} has no value" if tag is not None else str(error)
        raise RejectionError(Code.NOT_CIF, shown(detail, most=200)) from error


def _settle_duplicates(block: gemmi.cif.Block) -> None:
    """Leave one value for each tag that stands twice, or refuse the block."""
    seen: dict[str, tuple[gemmi.cif.Item, list[str]]] = {}
    for item in block:
        for tag, values in _columns(item):
            earlier = seen.setdefault(tag.lower(), (item, values))
            if earlier[1] is values or not _says_something(values):
                continue
            if not _says_something(earlier[1]):
                # The first of a name is the one that is found: it makes room for the one that says something.
                if len(_columns(earlier[0])) == 1:
                    earlier[0].erase()
                seen[tag.lower()] = (item, values)
            elif _NEEDED.match(tag) and not _equal(earlier[1], values):
                raise RejectionError(Code.NOT_CIF, f"the tag {shown(tag)} is given twice, with different values")


def _pair(item: gemmi.cif.Item) -> tuple[str, str] | None:
    return cast("tuple[str, str] | None", item.pair)


def _columns(item: gemmi.cif.Item) -> list[tuple[str, list[str]]]:
    pair = _pair(item)
    if pair is not None:
        return [(pair[0], [pair[1]])]
    loop = item.loop
    if loop is None:
        return []
    values, width = list(loop.values), loop.width()
    return [(tag, values[place::width]) for place, tag in enumerate(loop.tags)]


def _says_something(values: list[str]) -> bool:
    return any(not gemmi.cif.is_null(value) and str(gemmi.cif.as_string(value)).strip() for value in values)


def _equal(one: list[str], other: list[str]) -> bool:
    return len(one) == len(other) and all(
        a == b or str(gemmi.cif.as_string(a)).split() == str(gemmi.cif.as_string(b)).split() or number(a) == number(b)
        for a, b in zip(one, other, strict=True)
    )


def cell_of(block: gemmi.cif.Block) -> list[float]:
    """Return a, b, c in Å and α, β, γ in degrees; an angle that is not stated is 90°, as the dictionary says.

    Raises
    ------
    RejectionError
        no-cell: a length is missing or an angle is unknown; bad-cell: a value that no cell has.
    """
    values: list[float] = []
    for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"):
        text = find_value(block, f"_cell_{name}", f"_cell.{name}")
        if text is None:
            if not name.startswith("angle"):
                raise RejectionError(Code.NO_CELL, f"_cell_{name} is missing")
            if "?" in (block.find_value(f"_cell_{name}"), block.find_value(f"_cell.{name}")):
                raise RejectionError(Code.NO_CELL, f"_cell_{name} is unknown (?)")
            values.append(DEFAULT_ANGLE)
            continue
        value = gemmi.cif.as_number(text)
        top = 180.0 if name.startswith("angle") else 1e4
        if not 0.0 < value < top:  # also false for NaN
            raise RejectionError(Code.BAD_CELL, f"_cell_{name} is {shown(text)!r}")
        values.append(value)
    return values


def defaulted_angles(block: gemmi.cif.Block) -> list[str]:
    """Return the names of the cell angles that the block does not state."""
    names = ("angle_alpha", "angle_beta", "angle_gamma")
    return [f"_cell_{name}" for name in names if find_value(block, f"_cell_{name}", f"_cell.{name}") is None]


def lattice_of(cell: list[float]) -> FloatArray:
    """Return row vectors: a along x, b in the xy plane."""
    a, b, c = cell[:3]
    # Exact zeros for right angles keep the symmetry of the metric to the last bit.
    cos_a, cos_b, cos_g = (0.0 if angle == 90.0 else math.cos(math.radians(angle)) for angle in cell[3:])
    sin_g = math.sin(math.radians(cell[5]))
    x = cos_b
    y = (cos_a - cos_b * cos_g) / sin_g
    squared = 1.0 - x * x - y * y
    if not squared > 1e-8:
        raise RejectionError(Code.BAD_CELL, f"angles {cell[3]}, {cell[4]}, {cell[5]} enclose no volume")
    lattice = np.array([[a, 0.0, 0.0], [b * cos_g, b * sin_g, 0.0], [c * x, c * y, c * math.sqrt(squared)]])
    heights = (a, b * abs(sin_g), c * math.sqrt(squared))  # of each vector over the plane of those before it
    if math.prod(heights) < 1.0:
        raise RejectionError(Code.BAD_CELL, "the cell is smaller than 1 Å³")
    # No lattice vector is shorter than the least of these.
    if min(heights) > SHORTEST_PERIOD:
        return lattice
    reduced = gemmi.GruberVector(gemmi.UnitCell(*cell), "P")
    # However skew: a lattice vector all the same where the limit is met, so that no good cell is refused.
    reduced.niggli_reduce(iteration_limit=100)
    shortest = min(reduced.cell_parameters()[:3])
    if shortest < SHORTEST_PERIOD:
        raise RejectionError(Code.BAD_CELL, f"the cell repeats every {shortest:.2g} Å, less than any two atoms leave")
    return lattice
