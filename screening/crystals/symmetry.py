"""The symmetry that a CIF block states, in every reading that its statements allow, the likeliest first."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import gemmi
import numpy as np

from screening import _kernels
from screening.config import InputLimits
from screening.crystals.arrays import FloatArray, IntArray
from screening.crystals.neighbours import contiguous
from screening.crystals.operations import IDENTITY, Group, Listed, group_of, listed_operations, normal_form
from screening.crystals.statements import Stated, StatedTexts, stated_by, stated_groups, stated_texts
from screening.crystals.syntax import defaulted_angles, shown
from screening.errors import Code, RejectionError

# Cell lengths and angles are typed with rounding; a metric further from the symmetry than this is a contradiction.
METRIC_TOLERANCE = 0.03
# Of a list that is no group, so many operations may be slips of the pen if all others are of the stated group.
MOST_MISTYPED = 2
LEAST_RIGHT = 0.75
# Atoms listed one by one are typed with two decimals at the least: images of each other come this close. Å.
COPY_TOLERANCE = 0.15
# Distances that are looked at to tell whether all atoms of the cell are listed; beyond it they are not compared.
MOST_DISTANCES = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Symmetry:
    """The operations x' = R x + t of one cell, centring included."""

    rotations: FloatArray  # (k, 3, 3) integers
    translations: FloatArray  # (k, 3) fractional
    number: int  # international number, 0 = unknown
    flags: dict[str, str]  # name of the flag -> what is particular here, for a person
    source: str = "operations"  # operations, hall, name, number, superspace or none
    listed: Symmetry | None = None  # what the list alone says, where the stated group has been taken in its place

    def check_cell(self, lattice: FloatArray) -> None:
        """Refuse a cell whose metric the operations do not keep.

        Raises
        ------
        RejectionError
            bad-symmetry.
        """
        if len(self.rotations) == 1:  # the identity keeps every metric
            return
        # G_ab is compared on the scale |a||b| of the two vectors.
        off = _kernels.metric_misfit(contiguous(lattice), self.rotations)
        if off > 2 * METRIC_TOLERANCE:
            raise RejectionError(
                Code.BAD_SYMMETRY, f"the cell does not have the stated symmetry: its metric is off by {off:.1%}"
            )


def read_symmetry(block: gemmi.cif.Block, limits: InputLimits) -> Symmetry:
    """Return the likeliest of the `readings` of a block."""
    return next(readings(block, limits))


def choose_symmetry(  # noqa: PLR0913 - what a block says about its atoms, and the question put to each reading
    block: gemmi.cif.Block,
    limits: InputLimits,
    *,
    lattice: FloatArray,
    positions: FloatArray,
    numbers: IntArray,
    fits: Callable[[Symmetry], bool],
) -> Symmetry:
    """Return the first reading that the cell and the rest of the file allow.

    Parameters
    ----------
    block, limits
        As for `readings`.
    lattice
        (3, 3) Å, row vectors.
    positions, numbers
        (m, 3) fractional and (m,) atomic numbers: the atoms listed.
    fits
        Whether the atoms that a reading makes agree with what is stated of them; asked only where readings differ.

    Raises
    ------
    RejectionError
        As `readings` does, and bad-symmetry where the cell has the metric of none.
    """
    refusals: list[RejectionError] = []
    allowed = _with_the_metric(readings(block, limits), lattice, refusals)
    first = next(allowed, None)
    if first is None:
        missing = defaulted_angles(block)
        remark = f" ({', '.join(missing)} not stated: 90° as the dictionary says)" if missing else ""
        raise RejectionError(refusals[0].code, refusals[0].detail + remark)
    second = next(allowed, None)
    if second is None:
        return first
    if first.listed is not None and _is_closed(first, positions, numbers, lattice):
        return first.listed
    return next((reading for reading in itertools.chain((first, second), allowed) if fits(reading)), first)


def _with_the_metric(
    found: Iterator[Symmetry], lattice: FloatArray, refusals: list[RejectionError]
) -> Iterator[Symmetry]:
    for reading in found:
        try:
            reading.check_cell(lattice)
        except RejectionError as error:
            refusals.append(error)
        else:
            yield reading


def _is_closed(symmetry: Symmetry, positions: FloatArray, numbers: IntArray, lattice: FloatArray) -> bool:
    """Return whether every image of every atom is a listed atom of the same element: the cell is listed in full."""
    k, m = len(symmetry.rotations), len(positions)
    if k * m * m > MOST_DISTANCES:
        return False
    images = np.einsum("kij,mj->kmi", symmetry.rotations, positions) + symmetry.translations[:, None]
    for element in np.unique(numbers):
        of = numbers == element
        shift = images[:, of, None, :] - positions[of]
        shift -= np.round(shift)
        if (((shift @ lattice) ** 2).sum(axis=-1).min(axis=-1) > COPY_TOLERANCE**2).any():
            return False
    return True


def readings(block: gemmi.cif.Block, limits: InputLimits) -> Iterator[Symmetry]:
    """Yield what the block may mean: listed operations, else those of its Hall symbol, name or number, else P 1.

    Where nothing contradicts anything and no origin or axis is left open there is one reading. Flags: `group` where
    the listed operations are not those of the stated group, `hall` where the Hall symbol is of another group than the
    name or number, `no-symmetry-stated`.

    Raises
    ------
    RejectionError
        bad-symmetry: unreadable, unknown, or not a group; too-large: more operations than allowed.
    """
    lists = listed_operations(block, limits)
    if not lists:
        yield from _from_statements(block)
        return
    if len(lists) > 1 and not _same(lists):
        # Two lists of different groups in one block.
        for listed in lists:
            yield _symmetry(_completed(listed, Stated()), {"group": "it lists two sets of operations"}, listed.source)
        return
    yield from _from_list(lists[0], block)


def _same(lists: list[Listed]) -> bool:
    first, *others = (frozenset(map(normal_form, listed.triplets)) for listed in lists)
    return all(other == first for other in others)


def _symmetry(group: Group, flags: dict[str, str], source: str, *, number: int = 0) -> Symmetry:
    return Symmetry(group.rotations, group.translations, group.number or number, flags, source)


def _completed(listed: Listed, stated: Stated) -> Group:
    """Return the group of a list, with the identity where only that is missing and the group is the stated one."""
    try:
        return group_of(listed.triplets)
    except RejectionError as refusal:
        if any(_is_identity(triplet) for triplet in listed.triplets):
            raise
        try:
            group = group_of((IDENTITY, *listed.triplets))
        except RejectionError:
            raise refusal from None
        if group.number in stated.numbers:
            return group
        raise RejectionError(refusal.code, f"{refusal.detail}: the identity x,y,z is not in the list") from None


def _is_identity(triplet: str) -> bool:
    # Blanks and case apart, +x is x; whatever gemmi cannot read is not the identity.
    return re.sub(r"[\s+]", "", triplet.lower()) == IDENTITY


def _from_list(listed: Listed, block: gemmi.cif.Block) -> Iterator[Symmetry]:
    # The names beside magnetic and superspace operations are of other groups: of the parent, or with the spins.
    texts = StatedTexts() if listed.magnetic or listed.source == "superspace" else stated_texts(block)
    agreed = _agreed(listed, texts)
    if agreed is not None:
        yield agreed
        return
    stated = stated_by(texts)
    try:
        group = _completed(listed, stated)
    except RejectionError as refusal:
        if stated.numbers:
            stated = stated_groups(block, all_tags=True)
        yield from _mended(listed, stated, refusal)
        return
    flags = _hall_flag(stated)
    stated = stated_groups(block, all_tags=True)
    flags |= {"group": f"listed are {_named(group)}, stated is {stated.shown}"}
    own = _symmetry(group, flags, listed.source, number=stated.number)
    greater = [
        replace(_symmetry(other, flags, source), listed=own)
        for other, source in stated.settings()
        if len(other.triplets) > len(group.triplets) and other.triplets > group.triplets
    ]
    if greater and _lacks_only_centring(group, greater[0]):
        yield from greater
        yield own
        return
    yield own
    yield from greater
    for other, source in stated.settings():
        if not other.triplets >= group.triplets:
            yield _symmetry(other, flags, source)


@lru_cache(maxsize=1024)
def _agreed(listed: Listed, texts: StatedTexts) -> Symmetry | None:
    """Return the group of a list that agrees with all that is stated beside it, as nearly always; else None."""
    stated = stated_by(texts)
    try:
        group = _completed(listed, stated)
    except RejectionError:
        return None
    agrees = not stated.unreadable and (not group.number or not stated.numbers - {group.number})
    if not agrees or _differs_from_hall(group, stated):
        return None
    return _symmetry(group, _hall_flag(stated), listed.source, number=stated.number)


def _hall_flag(stated: Stated) -> dict[str, str]:
    return {"hall": f"{shown(stated.hall_text)!r} beside {stated.shown}"} if stated.hall_contradicts else {}


def _named(group: Group) -> str:
    """Return what a group is called in a sentence."""
    name = gemmi.find_spacegroup_by_number(group.number).hm if group.number else "of no group in the tables"
    return f"the {len(group.rotations)} operations {'of ' if group.number else ''}{name}"


def _lacks_only_centring(group: Group, stated: Symmetry) -> bool:
    """Return whether a list is the identity alone, or has every rotation of the stated group without its centring."""
    rotations = {rotation.tobytes() for rotation in stated.rotations}
    return len(group.rotations) == 1 or len(group.rotations) == len(rotations)


def _differs_from_hall(group: Group, stated: Stated) -> bool:
    """Return whether a Hall symbol that name and number bear out gives other operations than those listed."""
    if stated.hall is None or stated.hall_contradicts or not stated.others:
        return False
    return stated.hall.triplets != group.triplets


def _mended(listed: Listed, stated: Stated, refusal: RejectionError) -> Iterator[Symmetry]:
    """Yield the stated group where the list lacks some of its operations, or where one or two are mistyped."""
    try:
        triplets = {normal_form(triplet) for triplet in listed.triplets}
    except (ValueError, RuntimeError):
        raise refusal from None
    best: list[tuple[int, Group, str]] = []
    for group, source in stated.settings():
        best.append((len(triplets - group.triplets), group, source))
    if not best:
        raise refusal
    least = min(count for count, _, _ in best)
    odd = sorted(triplets - next(group.triplets for count, group, _ in best if count == least))
    if len(stated.numbers) != 1 or least > min(MOST_MISTYPED, (1 - LEAST_RIGHT) * len(triplets)):
        detail = f"{refusal.detail}; {shown(odd[0])!r} is not of the stated group" if odd else refusal.detail
        raise RejectionError(refusal.code, detail) from None
    clause = f"the list lacks operations of {stated.shown}"
    if odd:
        clause = f"{', '.join(shown(triplet) for triplet in odd)} is not of {stated.shown}, which was taken"
    for count, group, source in best:
        if count == least:
            yield _symmetry(group, {"group": clause}, source)


def _from_statements(block: gemmi.cif.Block) -> Iterator[Symmetry]:
    stated = stated_groups(block, all_tags=True)
    flags = _hall_flag(stated)
    if stated.name_contradicts:
        flags |= {"group": f"names and number are of several groups: {stated.shown}"}
    found = False
    for group, source in stated.settings():
        found = True
        yield _symmetry(group, flags, source, number=stated.number)
    if not found:
        stated.refuse_what_is_not_understood()
        yield Symmetry(np.eye(3)[None], np.zeros((1, 3)), 1, {"no-symmetry-stated": ""}, "none")
