"""What a block says its space group is: Hall symbol, Hermann-Mauguin names, number, Schoenflies symbol, setting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import gemmi

from screening.crystals.operations import TOO_MANY_DIGITS, Group, group_of
from screening.crystals.settings import (
    MAX_NAME,
    is_superspace,
    number_of_schoenflies,
    settings_for_number,
    settings_of_name,
)
from screening.crystals.syntax import find_value, number, shown
from screening.crystals.tags import Kind, stated_tags
from screening.errors import Code, RejectionError

HALL_TAGS = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall", "_space_group.name_Hall")
NAME_TAGS = (
    "_space_group_name_H-M_alt",
    "_symmetry_space_group_name_H-M",
    "_space_group.name_H-M_alt",
    "_symmetry.space_group_name_H-M",
    "_space_group_name_H-M_full",
    "_space_group.name_H-M_full",
)
REFERENCE_TAGS = ("_space_group_name_H-M_ref", "_space_group.name_H-M_ref")
_ALL_NAME_TAGS = (*NAME_TAGS, *REFERENCE_TAGS)
NUMBER_TAGS = (
    "_space_group_IT_number",
    "_symmetry_Int_Tables_number",
    "_space_group.IT_number",
    "_symmetry.Int_Tables_number",
)
CODE_TAGS = ("_space_group_IT_coordinate_system_code", "_space_group.IT_coordinate_system_code")
RIGHT_ANGLE = 90.0
# Rhombohedral axes have three equal angles, hexagonal ones 90° and 120°: between them, as gemmi draws the line.
HEXAGONAL_RATIO = 1.125


@dataclass(slots=True)
class Stated:
    """The statements about the group, understood as far as they can be."""

    hall: Group | None = None
    hall_text: str = ""
    names: tuple[gemmi.SpaceGroup, ...] = ()  # what the first name that is understood may mean
    name_text: str = ""
    also_named: set[int] = field(default_factory=set)  # numbers of the groups that further names are of
    number: int = 0  # stated, 0 where not or not one
    for_number: tuple[gemmi.SpaceGroup, ...] = ()  # settings that the number may mean
    refusals: list[str] = field(default_factory=list)  # statements that are not understood
    unreadable: bool = False  # the number is none

    @property
    def others(self) -> set[int]:
        """Numbers of the group by its name and by its number."""
        named = {int(self.names[0].number)} if self.names else set()
        return named | self.also_named | ({self.number} if self.number else set())

    @property
    def numbers(self) -> set[int]:
        """Numbers of the group by all that is stated."""
        return self.others | ({self.hall.number} if self.hall is not None and self.hall.number else set())

    @property
    def shown(self) -> str:
        """The name and number, or the Hall symbol, as they stand in the file."""
        words = [repr(shown(self.name_text))] if self.name_text else []
        words += [f"number {self.number}"] if self.number else []
        return ", ".join(words) or f"Hall symbol {shown(self.hall_text)!r}"

    @property
    def hall_contradicts(self) -> bool:
        """Whether the Hall symbol is of another group, or of another origin, than name and number."""
        if self.hall is None or not self.hall.number or not self.others:
            return False
        if self.others != {self.hall.number}:
            return True
        # One setting alone where the origin is stated: Hall symbols of other cells of the same group are let pass.
        return (
            len(self.names) == 1
            and self.names[0].ext in ("1", "2")
            and ":" in self.name_text
            and group_of_setting(self.names[0].xhm()).triplets != self.hall.triplets
        )

    @property
    def name_contradicts(self) -> bool:
        """Whether name and number are of different groups."""
        return len(self.others) > 1

    def settings(self) -> Iterator[tuple[Group, str]]:
        """Yield the groups stated, each with what states it: hall, name or number; the likeliest first.

        A Hall symbol says all, the origin too, and comes first, unless it is that of P 1 beside another group, or name
        and number agree against it.
        """
        hall = self.hall
        outvoted = self.hall_contradicts and (
            hall is None or len(hall.triplets) == 1 or (bool(self.names) and self.others == {self.number})
        )
        if hall is not None and not outvoted:
            yield hall, "hall"
            if not self.hall_contradicts:
                return
        seen: set[str] = set()
        for groups, source in ((self.names, "name"), (self.for_number, "number")):
            for group in groups:
                if group.xhm() not in seen:
                    seen.add(group.xhm())
                    yield group_of_setting(group.xhm()), source
            if groups and not self.name_contradicts:
                break
        if hall is not None and outvoted:
            yield hall, "hall"

    def refuse_what_is_not_understood(self) -> None:
        """Raise where something is stated and nothing of it understood.

        Raises
        ------
        RejectionError
            bad-symmetry, naming the symbol.
        """
        if self.refusals:
            raise RejectionError(Code.BAD_SYMMETRY, self.refusals[0])


class StatedTexts(NamedTuple):
    """What a block says under the tags of the dictionaries, as it is written."""

    hall: str | None = None
    names: tuple[tuple[str, str], ...] = ()  # tag and text
    number: str | None = None


def stated_texts(block: gemmi.cif.Block) -> StatedTexts:
    """Return what a block says of its group under the tags of the dictionaries."""
    return StatedTexts(
        find_value(block, *HALL_TAGS), _named_texts(block, _ALL_NAME_TAGS), find_value(block, *NUMBER_TAGS)
    )


def stated_by(texts: StatedTexts) -> Stated:
    """Return the statements that texts make."""
    stated = Stated()
    # Only numbers are compared here, which are the same on all axes.
    _read_hall(stated, texts.hall)
    _read_names(stated, texts.names)
    _read_number(stated, texts.number)
    return stated


def stated_groups(block: gemmi.cif.Block, *, all_tags: bool = False) -> Stated:
    """Return the statements of a block about its group.

    Parameters
    ----------
    block
        One data block.
    all_tags
        Whether to look beyond the tags of the dictionaries, at every tag that begins like them.
    """
    if not all_tags:
        return stated_by(stated_texts(block))
    stated = Stated()
    tags: dict[Kind, list[str]] = stated_tags(block)
    _read_hall(stated, find_value(block, *HALL_TAGS, *tags.get("hall", ())))
    code = find_value(block, *CODE_TAGS, *tags.get("code", ())) or ""
    hexagonal = _has_hexagonal_axes(block)
    names = (*NAME_TAGS, *tags.get("name", ()), *REFERENCE_TAGS, *tags.get("reference name", ()))
    unknown = _read_names(stated, _named_texts(block, names), code, hexagonal=hexagonal)
    _read_number(stated, find_value(block, *NUMBER_TAGS, *tags.get("number", ())))
    _read_schoenflies(stated, find_value(block, *tags.get("schoenflies", ())))
    _refuse_others(stated, block, tags)
    if stated.number:
        letter = unknown[:1] if _is_symbol(unknown) else ""
        stated.for_number = settings_for_number(stated.number, code, letter, hexagonal=hexagonal)
    return stated


def _has_hexagonal_axes(block: gemmi.cif.Block) -> bool:
    alpha, gamma = (number(find_value(block, f"_cell_angle_{n}", f"_cell.angle_{n}")) for n in ("alpha", "gamma"))
    return gamma >= HEXAGONAL_RATIO * (alpha if alpha > 0.0 else RIGHT_ANGLE)


def _is_symbol(name: str) -> bool:
    """Return whether a name that is in no table begins like one all the same: its centring letter is to be kept."""
    return len(name) > 1 and name[0] in "PABCFIRH" and not name[1:].strip()[:3].isalpha()


def _read_hall(stated: Stated, text: str | None) -> None:
    if text is None:
        return
    stated.hall_text = text
    if len(text) > MAX_NAME or TOO_MANY_DIGITS.search(text):
        stated.refusals.append(f"Hall symbol {shown(text)!r} is not one")
        return
    try:
        stated.hall = _group_of_hall(text)
    except (ValueError, RuntimeError, RejectionError) as error:
        stated.refusals.append(f"Hall symbol {shown(text)!r}: {shown(str(error), most=200)}")


def _named_texts(block: gemmi.cif.Block, tags: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return tag and text of the names that are stated."""
    return tuple([(tag, text) for tag in tags if (text := find_value(block, tag)) is not None])


def _read_names(stated: Stated, named: tuple[tuple[str, str], ...], code: str = "", *, hexagonal: bool = False) -> str:
    """Take the first name that is understood, before those of P 1; return the first that is not, or nothing."""
    unknown = ""
    for tag, text in named:
        reference = tag.lower().endswith("_ref")
        found = settings_of_name(text, code, hexagonal=hexagonal, reference=reference)
        if found:
            stated.also_named.add(int(found[0].number))
            if not stated.names or (stated.names[0].number == 1 and found[0].number != 1):
                stated.names, stated.name_text = found, text
            continue
        unknown = unknown or text
        if is_superspace(text):
            stated.refusals.append(f"modulated: the superspace group {shown(text)!r} is named, its operations are not")
        else:
            stated.refusals.append(f"space group {shown(text)!r} is not known, and no operations are listed")
    return unknown if not stated.names else ""


def _read_number(stated: Stated, text: str | None) -> None:
    if text is None:
        return
    value = gemmi.cif.as_number(text)
    if 1 <= value <= 230 and value == int(value):
        stated.number = int(value)
    else:
        stated.unreadable = True
        stated.refusals.append(f"space group number {shown(text)!r}")


def _read_schoenflies(stated: Stated, text: str | None) -> None:
    if text is None:
        return
    found = number_of_schoenflies(text)
    if not found:
        stated.refusals.append(f"Schoenflies symbol {shown(text)!r} names no space group")
    elif not stated.number:
        stated.number = found


def _refuse_others(stated: Stated, block: gemmi.cif.Block, tags: dict[Kind, list[str]]) -> None:
    """Note what is stated in other terms, each of which says that the group is not P 1 for want of a statement."""
    for tag in tags.get("superspace", ()):
        value = shown(find_value(block, tag))
        stated.refusals.append(f"modulated: {tag} is {value!r}, and no operations are listed")
    for tag in (*tags.get("magnetic", ()), *tags.get("other", ())):
        value = shown(find_value(block, tag))
        stated.refusals.append(f"{tag} is {value!r}, and the operations that the atoms have are not listed")


@lru_cache(maxsize=1024)
def _group_of_hall(symbol: str) -> Group:
    return group_of(tuple(op.triplet() for op in gemmi.symops_from_hall(symbol.replace("_", " "))))


@lru_cache(maxsize=1024)
def group_of_setting(name: str) -> Group:
    """Return the group of a setting by its extended Hermann-Mauguin name."""
    return group_of(tuple(op.triplet() for op in _named(name).operations()))


def _named(name: str) -> gemmi.SpaceGroup:
    found = gemmi.find_spacegroup_by_name(name)
    assert found is not None, name
    return found
