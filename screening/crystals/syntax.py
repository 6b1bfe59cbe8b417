"""CIF text → its data block, and the values of single tags in it."""

from __future__ import annotations

import math

import gemmi
import numpy as np

from screening.config import InputLimits
from screening.crystals.arrays import FloatArray
from screening.errors import Code, RejectionError

# A lattice vector is the distance between an atom and its like. The shortest among 14,592 lithium compounds and 254
# conductors is 2.1 Å, and no two nuclei of a crystal are closer than the 0.74 Å of H2. Å.
SHORTEST_PERIOD = 0.7


def find_value(block: gemmi.cif.Block, *tags: str) -> str | None:
    """Return the first stated value among the tags, unquoted, or None."""
    for tag in tags:
        value = block.find_value(tag)
        if value is not None and not gemmi.cif.is_null(value):
            return str(gemmi.cif.as_string(value)).strip()
    return None


def shown(text: str | None, *, most: int = 40) -> str:
    """Return the beginning of what a file says, fit for one line of a table: foreign text is hostile there too."""
    return "" if text is None else "".join(char if char.isprintable() else "?" for char in text[:most])


def parse_block(text: bytes, limits: InputLimits) -> gemmi.cif.Block:
    """Return the one data block of a text."""
    if len(text) > limits.max_file_bytes:
        raise RejectionError(Code.TOO_LARGE, f"{len(text)} bytes, more than max_file_bytes = {limits.max_file_bytes}")
    if not text.strip():
        raise RejectionError(Code.EMPTY, "the file is empty")
    if b"\0" in text:
        raise RejectionError(Code.NOT_CIF, "not text: it holds NUL bytes")
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError:
        decoded = text.decode("latin-1")
    try:
        document = gemmi.cif.read_string(decoded, check_level=0)
        # Comparing the names of n blocks takes n² steps, so that they are counted first.
        if len(document) == 1:
            document.check_for_missing_values()
            document.check_for_duplicates()
    except (ValueError, RuntimeError) as error:
        raise RejectionError(Code.NOT_CIF, shown(str(error), most=200)) from error
    if len(document) != 1:
        raise RejectionError(Code.NOT_CIF, f"{len(document)} data blocks where one is expected")
    return document[0]


def cell_of(block: gemmi.cif.Block) -> list[float]:
    """Return a, b, c in Å and α, β, γ in degrees."""
    values: list[float] = []
    for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"):
        text = find_value(block, f"_cell_{name}", f"_cell.{name}")
        if text is None:
            raise RejectionError(Code.NO_CELL, f"_cell_{name} is missing")
        value = gemmi.cif.as_number(text)
        top = 180.0 if name.startswith("angle") else 1e4
        if not 0.0 < value < top:  # also false for NaN
            raise RejectionError(Code.BAD_CELL, f"_cell_{name} is {shown(text)!r}")
        values.append(value)
    return values


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
    if abs(np.linalg.det(lattice)) < 1.0:
        raise RejectionError(Code.BAD_CELL, "the cell is smaller than 1 Å³")
    reduced = gemmi.GruberVector(gemmi.UnitCell(*cell), "P")
    # However skew: a lattice vector all the same where the limit is met, so that no good cell is refused.
    reduced.niggli_reduce(iteration_limit=100)
    shortest = min(reduced.cell_parameters()[:3])
    if shortest < SHORTEST_PERIOD:
        raise RejectionError(Code.BAD_CELL, f"the cell repeats every {shortest:.2g} Å, less than any two atoms leave")
    return lattice
