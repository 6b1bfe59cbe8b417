"""The operations that a block lists, be they magnetic or of superspace → operations of space, and their group."""

from __future__ import annotations

import re
from collections.abc import KeysView
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import gemmi
import numpy as np
from numpy.typing import NDArray

from screening.config import InputLimits
from screening.crystals.arrays import FloatArray
from screening.crystals.syntax import shown
from screening.crystals.tags import Kind, stated_tags
from screening.errors import Code, RejectionError

IDENTITY = "x,y,z"
OPERATION_TAGS = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv.pos_as_xyz",
)
# The tags of the magnetic dictionary, and those that it had before; the centring has the same name but for this word.
MAGNETIC_TAGS = ("_space_group_symop_magn_operation.xyz", "_space_group_symop.magn_operation_xyz")
# Longer than any operation; what is longer is no operation, and would be read in time that grows with its length.
LONGEST_OPERATION = 80
# Digits that the parser of operations would let run over; a decimal fraction may be longer.
TOO_MANY_DIGITS = re.compile(r"(?<![\d.])\d{5}")
_TRIPLET = re.compile(r"[xyzXYZ\d\s+\-*/.,]*\Z", re.ASCII)
_SUPERSPACE = re.compile(r"[xX]_?\s?([1-9])")
_INNER = re.compile(r"[\s+\-*/.\d]*(?:(?:[xX]_?\s?[1-9]|[tuvTUV])[\s+\-*/.\d]*)+\Z", re.ASCII)
# After the coordinates, the sign of time or what becomes of the moment: -1, "+1 mx", -mx+my.
_TIME_REVERSAL = re.compile(r"\s*[+-]?\s*1?(?:[\s+-]*m[xyz])*\s*\Z", re.IGNORECASE)
# Largest entry of a rotation; in the reduced and conventional cells of crystals it is 1.
LARGEST_ROTATION = 8


class Listed(NamedTuple):
    """A list of operations as x,y,z, without time reversal or inner coordinates."""

    triplets: tuple[str, ...]
    source: str  # operations or superspace
    magnetic: bool


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The operations x' = R x + t of a group, modulo cell vectors."""

    rotations: FloatArray  # (k, 3, 3) integers
    translations: FloatArray  # (k, 3) fractional
    number: int  # international number, 0 where the setting is in no table
    triplets: frozenset[str]


def listed_operations(block: gemmi.cif.Block, limits: InputLimits) -> list[Listed]:
    """Return the lists of operations of a block, the one that its atoms are meant for first.

    Raises
    ------
    RejectionError
        bad-symmetry: no operation; too-large: more operations than allowed.
    """
    found = [
        _family(block, tag, re.sub("operation", "centering", tag), limits)
        for tag in MAGNETIC_TAGS
        if block.find_values(tag) and _values(block, tag)
    ][:1]
    for tag in OPERATION_TAGS:
        texts = _values(block, tag, most=limits.max_operations)
        if texts:
            found.append(_plain_list(texts))
            break
    return found or _elsewhere(block, limits)


@lru_cache(maxsize=1024)
def _plain_list(texts: tuple[str, ...]) -> Listed:
    read = [_in_space(text) for text in texts]
    source = "superspace" if any(superspace for _, superspace in read) else "operations"
    return Listed(tuple(triplet for triplet, _ in read), source, magnetic=False)


def _elsewhere(block: gemmi.cif.Block, limits: InputLimits) -> list[Listed]:
    """Return the list under any other tag that names operations."""
    tags = stated_tags(block)
    kinds: tuple[tuple[Kind, Kind], ...] = (
        ("operations", "centring"),
        ("superspace operations", "superspace centring"),
    )
    for operations, centring in kinds:
        if operations in tags:
            return [_family(block, tags[operations][0], tags.get(centring, [""])[0], limits)]
    return []


def _family(block: gemmi.cif.Block, tag: str, centring: str, limits: InputLimits) -> Listed:
    """Return the operations under a tag times those of the centring, each once: the group that the atoms have."""
    # A grey group lists each operation of space twice.
    read = [_in_space(text) for text in _values(block, tag, most=2 * limits.max_operations)]
    centres = [_in_space(text)[0] for text in _values(block, centring, most=limits.max_operations)] if centring else []
    triplets = dict.fromkeys(triplet for triplet, _ in read)
    source = "superspace" if "ssg" in tag.lower() or any(superspace for _, superspace in read) else "operations"
    if len(triplets) * max(len(centres), 1) > 2 * limits.max_operations:
        raise _too_many(len(triplets) * len(centres), limits.max_operations)
    if centres:
        try:
            products = [(gemmi.Op(c) * gemmi.Op(t)).wrap().triplet() for c in centres for t in triplets]
        except (ValueError, RuntimeError) as error:
            raise RejectionError(Code.BAD_SYMMETRY, f"symmetry operation: {shown(str(error), most=200)}") from error
        triplets = dict.fromkeys(products)
    if len(triplets) > limits.max_operations:
        raise _too_many(len(triplets), limits.max_operations)
    return Listed(tuple(triplets), source, magnetic="magn" in tag.lower())


def _values(block: gemmi.cif.Block, tag: str, *, most: int | None = None) -> tuple[str, ...]:
    column = block.find_values(tag)
    length = len(column)
    if not length:
        return ()
    if most is not None and length > most:
        raise _too_many(length, most)
    loop = column.get_loop()
    if loop is None:
        return _unquoted(tuple(column))
    # All values of the loop at once: gemmi's columns are slow to walk.
    tags = [name.lower() for name in loop.tags]
    return _unquoted(tuple(list(loop.values)[tags.index(tag.lower()) :: len(tags)]))


@lru_cache(maxsize=1024)
def _unquoted(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(gemmi.cif.as_string(value) for value in values if not gemmi.cif.is_null(value))


def _too_many(number: int, most: int) -> RejectionError:
    return RejectionError(Code.TOO_LARGE, f"{number} symmetry operations, more than max_operations = {most}")


@lru_cache(maxsize=8192)
def _in_space(text: str) -> tuple[str, bool]:
    """Return the operation on the three coordinates of space, and whether it has more than three of them."""
    if len(text) > LONGEST_OPERATION:
        raise _no_operation(text)
    triplet, superspace = text, False
    parts = text.split(",")
    if len(parts) > 3:
        triplet = ",".join(parts[:3])
        superspace = any(_INNER.match(part) for part in parts[3:])
        if not all(_INNER.match(part) or _TIME_REVERSAL.match(part) for part in parts[3:]):
            raise _no_operation(text)
    if _SUPERSPACE.search(triplet):
        superspace = True
        if re.search(r"[xX]_?\s?[4-9]", triplet):
            detail = f"modulated: the operation {shown(text)!r} mixes coordinates of space with inner ones"
            raise RejectionError(Code.BAD_SYMMETRY, detail)
        triplet = _SUPERSPACE.sub(lambda match: "xyz"[int(match[1]) - 1], triplet)
    if not _TRIPLET.match(triplet) or TOO_MANY_DIGITS.search(triplet):
        raise _no_operation(text)
    return triplet, superspace


def _no_operation(text: str) -> RejectionError:
    return RejectionError(Code.BAD_SYMMETRY, f"symmetry operation {shown(text)!r} is not of the form x,y,z")


@lru_cache(maxsize=4096)
def normal_form(triplet: str) -> str:
    """Return the one way to write an operation modulo cell vectors; raises as gemmi does."""
    return gemmi.Op(triplet).wrap().triplet()


@lru_cache(maxsize=1024)
def group_of(triplets: tuple[str, ...]) -> Group:
    """Return the group that the operations are.

    Raises
    ------
    RejectionError
        bad-symmetry: an operation that cannot be read or is none, or a set that is not closed.
    """
    try:
        operations = [gemmi.Op(triplet).wrap() for triplet in dict.fromkeys(triplets)]
    except (ValueError, RuntimeError) as error:
        raise RejectionError(Code.BAD_SYMMETRY, f"symmetry operation: {shown(str(error), most=200)}") from error
    by_triplet = {op.triplet(): op for op in operations}
    operations = list(by_triplet.values())
    denominator = gemmi.Op.DEN
    rotations = np.array([op.rot for op in operations], dtype=np.int64)
    translations = np.array([op.tran for op in operations], dtype=np.int64)
    odd = (rotations % denominator).any(axis=(1, 2)) | (np.abs(rotations) > LARGEST_ROTATION * denominator).any(
        axis=(1, 2)
    )
    if odd.any():
        name = operations[int(odd.argmax())].triplet()
        raise RejectionError(Code.BAD_SYMMETRY, f"a rotation with fractions or huge numbers: {shown(name)!r}")
    rotations //= denominator
    number = _number_in_tables(operations, by_triplet.keys())
    # What is in the tables is a group.
    missing = None if number else _missing_product(rotations, translations)
    if missing is not None:
        names = [operations[place].triplet() for place in missing]
        detail = f"the listed operations are not a group: {shown(names[0])!r}"
        detail += " moves atoms onto each other" if len(names) == 1 else f" after {shown(names[1])!r} is not listed"
        raise RejectionError(Code.BAD_SYMMETRY, detail)
    if not number:
        # Which group it is only labels the crystal; gemmi's parts of a group are not needed for the atoms.
        found = gemmi.find_spacegroup_by_ops(gemmi.GroupOps(operations))
        number = 0 if found is None else int(found.number)
    return Group(rotations.astype(np.float64), translations / denominator, number, frozenset(by_triplet))


def _number_in_tables(operations: list[gemmi.Op], triplets: KeysView[str]) -> int:
    """Return the number of the group whose operations in the tables are exactly these, 0 where there is none."""
    try:
        found = gemmi.find_spacegroup_by_ops(gemmi.GroupOps(operations))
    except (ValueError, RuntimeError):
        return 0
    same = found is not None and {op.wrap().triplet() for op in found.operations()} == triplets
    return int(found.number) if found is not None and same else 0


def _missing_product(rotations: NDArray[np.int64], translations: NDArray[np.int64]) -> list[int] | None:
    """Return two operations whose product, modulo cell vectors, is none of them, or one that has no inverse, or None.

    A finite set of invertible operations that is closed under products holds the identity and all inverses.
    """
    flat = np.abs(np.rint(np.linalg.det(rotations))) != 1
    if flat.any():
        return [int(flat.argmax())]
    products = rotations[:, None] @ rotations
    moved = np.einsum("aij,bj->abi", rotations, translations) + translations[:, None]
    huge = np.abs(products).max(axis=(2, 3)) > LARGEST_ROTATION
    products[huge] = LARGEST_ROTATION
    there = np.isin(_operation_keys(products, moved), _operation_keys(rotations, translations)) & ~huge
    if there.all():
        return None
    return [int(place) for place in np.unravel_index(int(there.argmin()), there.shape)]


def _operation_keys(rotations: NDArray[np.int64], translations: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number per operation, translations modulo the cell: below 17^9 x 24^3 < 2^51."""
    base = 2 * LARGEST_ROTATION + 1
    rotation = (rotations + LARGEST_ROTATION).reshape(*rotations.shape[:-2], 9) @ base ** np.arange(9)
    keys: NDArray[np.int64] = rotation * gemmi.Op.DEN**3 + translations % gemmi.Op.DEN @ gemmi.Op.DEN ** np.arange(3)
    return keys
