"""Symmetry operations of a CIF block, checked."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import gemmi
import numpy as np
from numpy.typing import NDArray

from screening.config import InputLimits
from screening.crystals.arrays import FloatArray
from screening.crystals.syntax import find_value, shown
from screening.errors import Code, RejectionError

OPERATION_TAGS = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv.pos_as_xyz",
)
HALL_TAGS = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall", "_space_group.name_Hall")
NAME_TAGS = (
    "_space_group_name_H-M_alt",
    "_symmetry_space_group_name_H-M",
    "_space_group.name_H-M_alt",
    "_symmetry.space_group_name_H-M",
)
NUMBER_TAGS = (
    "_space_group_IT_number",
    "_symmetry_Int_Tables_number",
    "_space_group.IT_number",
    "_symmetry.Int_Tables_number",
)
_SETTING = re.compile(r"(.+?)\s*:?\s*([ZSHR])\Z", re.IGNORECASE)
# The longest name in the tables has 12 characters without its setting; the rest leaves room for spaces and remarks. A
# longer name is no group, and the search for its setting takes time that grows with the cube of its length.
MAX_NAME = 80
# Digits that the parsers of operations and Hall symbols would let run over; a decimal fraction may be longer.
_TOO_MANY_DIGITS = re.compile(r"(?<![\d.])\d{5}")
_TRIPLET = re.compile(r"[xyzXYZ\d\s+\-*/.,]*\Z", re.ASCII)
# Largest entry of a rotation; in the reduced and conventional cells of crystals it is 1.
LARGEST_ROTATION = 8
_SETTINGS = {"Z": "2", "S": "1", "H": "H", "R": "R"}
# Cell lengths and angles are typed with rounding; a metric further from the symmetry than this is a contradiction.
METRIC_TOLERANCE = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Symmetry:
    """The operations x' = R x + t of one cell, centring included."""

    rotations: FloatArray  # (k, 3, 3) integers
    translations: FloatArray  # (k, 3) fractional
    number: int  # international number, 0 = unknown
    flags: set[str]

    def check_cell(self, lattice: FloatArray) -> None:
        """Refuse a cell whose metric the operations do not keep.

        Raises
        ------
        RejectionError
            bad-symmetry.
        """
        metric = lattice @ lattice.T
        moved = self.rotations.transpose(0, 2, 1) @ metric @ self.rotations
        # G_ab is compared on the scale |a||b| of the two vectors.
        lengths = np.sqrt(np.diag(metric))
        off = np.abs(moved - metric) / np.outer(lengths, lengths)
        if off.max(initial=0.0) > 2 * METRIC_TOLERANCE:
            raise RejectionError(
                Code.BAD_SYMMETRY, f"the cell does not have the stated symmetry: its metric is off by {off.max():.1%}"
            )


def read_symmetry(block: gemmi.cif.Block, limits: InputLimits) -> Symmetry:
    """Return the operations that a block states: listed ones, else those of its Hall symbol, name or number, else P 1.

    Listed operations win over a name or number that contradicts them, with a flag.

    Raises
    ------
    RejectionError
        bad-symmetry: unreadable, unknown, or not a group; too-large: more operations than allowed.
    """
    listed = _listed(block, limits)
    if listed:
        rotations, translations, number = _operations(listed)
        contradicted, stated = _contradicted(block, number)
        return Symmetry(
            rotations, translations, number or stated, {"symmetry-contradiction"} if contradicted else set()
        )
    stated = _stated_number(block)
    group = _stated_group(block)
    if group is None:
        return Symmetry(np.eye(3)[None], np.zeros((1, 3)), 1, {"no-symmetry-stated"})
    rotations, translations, number = _operations(tuple(op.triplet() for op in group))
    flags = {"symmetry-contradiction"} if stated and number and stated != number else set()
    return Symmetry(rotations, translations, number, flags)


def _listed(block: gemmi.cif.Block, limits: InputLimits) -> tuple[str, ...]:
    for tag in OPERATION_TAGS:
        column = block.find_values(tag)
        if len(column) > limits.max_operations:
            raise RejectionError(
                Code.TOO_LARGE, f"{len(column)} symmetry operations, more than max_operations = {limits.max_operations}"
            )
        if len(column):
            return tuple(_triplet(gemmi.cif.as_string(value)) for value in column if not gemmi.cif.is_null(value))
    return ()


def _triplet(text: str) -> str:
    if len(text) > MAX_NAME or not _TRIPLET.match(text) or _TOO_MANY_DIGITS.search(text):
        raise RejectionError(Code.BAD_SYMMETRY, f"symmetry operation {shown(text)!r} is not of the form x,y,z")
    return text


def _stated_number(block: gemmi.cif.Block) -> int:
    text = find_value(block, *NUMBER_TAGS)
    if text is None:
        return 0
    value = gemmi.cif.as_number(text)
    if not (1 <= value <= 230 and value == int(value)):
        raise RejectionError(Code.BAD_SYMMETRY, f"space group number {shown(text)!r}")
    return int(value)


def _contradicted(block: gemmi.cif.Block, number: int) -> tuple[bool, int]:
    """Return whether the stated number or name is of another group than the operations, and the number stated (or 0).

    A name or number that cannot be read contradicts nothing but is no help either: the operations decide alone.
    """
    text, name = find_value(block, *NUMBER_TAGS), find_value(block, *NAME_TAGS)
    value = math.nan if text is None else gemmi.cif.as_number(text)
    readable = 1 <= value <= 230 and value == int(value)
    stated = {int(value)} if readable else set()
    group = None if name is None else _named_group(block, name)
    if group is not None:
        stated.add(int(group.number))
    unreadable = text is not None and not readable
    return unreadable or bool(number and stated - {number}), int(value) if readable else 0


def _named_group(block: gemmi.cif.Block, name: str) -> gemmi.SpaceGroup | None:
    """Return the group of a Hermann-Mauguin name in the setting that suffix and cell angles tell, None if unknown."""
    if len(name) > MAX_NAME:
        return None
    # Databases write origin and axes as a last letter: Z for origin 2, S for origin 1, H and R for the axes.
    match = _SETTING.match(name)
    names = [name] if match is None else [name, f"{match[1]} :{_SETTINGS[match[2].upper()]}"]
    alpha, gamma = (
        gemmi.cif.as_number(find_value(block, f"_cell_angle_{n}", f"_cell.angle_{n}") or "?")
        for n in ("alpha", "gamma")
    )
    return next((group for n in names if (group := gemmi.find_spacegroup_by_name(n, alpha, gamma)) is not None), None)


def _stated_group(block: gemmi.cif.Block) -> gemmi.GroupOps | None:
    hall, name, number = find_value(block, *HALL_TAGS), find_value(block, *NAME_TAGS), _stated_number(block)
    if hall is not None and (len(hall) > MAX_NAME or _TOO_MANY_DIGITS.search(hall)):
        raise RejectionError(Code.BAD_SYMMETRY, f"Hall symbol {shown(hall)!r} is not one")
    try:
        if hall is not None:
            return gemmi.symops_from_hall(hall)
    except (ValueError, RuntimeError) as error:
        if name is None and not number:
            raise RejectionError(
                Code.BAD_SYMMETRY, f"Hall symbol {shown(hall)!r}: {shown(str(error), most=200)}"
            ) from error
    if name is not None:
        group = _named_group(block, name)
        if group is not None:
            return group.operations()
        if not number:
            raise RejectionError(
                Code.BAD_SYMMETRY, f"space group {shown(name)!r} is not known, and no operations are listed"
            )
    if number:
        # By its name, so that the cell tells rhombohedral axes from hexagonal ones.
        group = _named_group(block, gemmi.find_spacegroup_by_number(number).hm)
        return None if group is None else group.operations()
    return None


@lru_cache(maxsize=1024)
def _operations(triplets: tuple[str, ...]) -> tuple[FloatArray, FloatArray, int]:
    """Return rotations, translations and the international number (0 where gemmi knows no such setting)."""
    try:
        operations = [gemmi.Op(triplet).wrap() for triplet in dict.fromkeys(triplets)]
    except (ValueError, RuntimeError) as error:
        raise RejectionError(Code.BAD_SYMMETRY, f"symmetry operation: {shown(str(error), most=200)}") from error
    operations = list({op.triplet(): op for op in operations}.values())
    denominator = gemmi.Op.DEN
    rotations = np.array([op.rot for op in operations], dtype=np.int64)
    translations = np.array([op.tran for op in operations], dtype=np.int64)
    if (rotations % denominator).any() or (np.abs(rotations) > LARGEST_ROTATION * denominator).any():
        raise RejectionError(Code.BAD_SYMMETRY, "a rotation with fractions or huge numbers")
    rotations //= denominator
    if not _is_group(rotations, translations):
        raise RejectionError(Code.BAD_SYMMETRY, "the listed operations are not a group")
    # Which group it is only labels the crystal; gemmi's parts of a group are not needed for the atoms.
    found = gemmi.find_spacegroup_by_ops(gemmi.GroupOps(operations))
    return rotations.astype(np.float64), translations / denominator, 0 if found is None else int(found.number)


def _is_group(rotations: NDArray[np.int64], translations: NDArray[np.int64]) -> bool:
    """Return whether the product of any two operations, modulo cell vectors, is one of them.

    A finite set of invertible operations that is closed under products holds the identity and all inverses.
    """
    if (np.abs(np.rint(np.linalg.det(rotations))) != 1).any():
        return False
    products = rotations[:, None] @ rotations
    moved = np.einsum("aij,bj->abi", rotations, translations) + translations[:, None]
    if np.abs(products).max() > LARGEST_ROTATION:
        return False
    return bool(np.isin(_operation_keys(products, moved), _operation_keys(rotations, translations)).all())


def _operation_keys(rotations: NDArray[np.int64], translations: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number per operation, translations modulo the cell: below 17^9 x 24^3 < 2^51."""
    base = 2 * LARGEST_ROTATION + 1
    rotation = (rotations + LARGEST_ROTATION).reshape(*rotations.shape[:-2], 9) @ base ** np.arange(9)
    keys: NDArray[np.int64] = rotation * gemmi.Op.DEN**3 + translations % gemmi.Op.DEN @ gemmi.Op.DEN ** np.arange(3)
    return keys
