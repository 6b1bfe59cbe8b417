"""Crystals of a store or ranking, read again from where the run found them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from screening.config import InputLimits
from screening.crystals import Crystal
from screening.errors import InputError, RejectionError
from screening.locations import is_url
from screening.sources.blocks import Item, read_item
from screening.sources.listing import iter_sources
from screening.spreadsheet import seen, unseen

COPY = re.compile(r"~\d+$")  # what a listing appends to an id that it has seen before


@dataclass(frozen=True, slots=True)
class Wanted:
    """A crystal to be read again: its id, where it came from, and the formula it had."""

    id: str
    source: str
    formula: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A crystal that cannot be had."""

    reason: str  # one sentence for a person


def find_crystals(wanted: Sequence[Wanted], limits: InputLimits) -> dict[str, Crystal | Missing]:
    """Return by id each crystal, or why it cannot be had.

    Every file or archive that is named is read once, up to the last crystal wanted of it, and of an archive only the
    members that hold one.
    """
    by_container: dict[str, list[Wanted]] = defaultdict(list)
    for one in wanted:
        by_container[_container(one.source)].append(one)
    found: dict[str, Crystal | Missing] = {}
    for container, members in sorted(by_container.items()):
        found |= _of_container(container, members, limits)
    return found


def absent(sources: Iterable[str]) -> list[str]:
    """Return the files of this machine among sources that are not there, each once, sorted; URLs are not asked."""
    containers = {_container(source) for source in sources}
    return sorted(one for one in containers if not is_url(one) and not Path(one).exists())


def _container(source: str) -> str:
    """Return the file of a source; of a name whose characters were replaced by numbers, the one that is there."""
    path = source.partition("::")[0]
    if is_url(path) or Path(path).exists() or not Path(unseen(path)).exists():
        return path
    return unseen(path)


def _of_container(container: str, members: Sequence[Wanted], limits: InputLimits) -> dict[str, Crystal | Missing]:
    waiting: dict[str, list[Wanted]] = defaultdict(list)
    for one in members:
        waiting[seen(one.source)].append(one)
    found: dict[str, Crystal | Missing] = {}
    try:
        for item in iter_sources(container, waiting, limits):
            for one in list(waiting.get(item.source, ())):
                crystal = _read(item, one, limits)
                if crystal is not None:
                    found[one.id] = crystal
                    waiting[item.source].remove(one)
            if not any(waiting.values()):
                break
    except (InputError, OSError) as error:
        reason = f"Its source cannot be read: {error}"
    else:
        reason = "Its source no longer contains it."
    return {**{one.id: Missing(reason) for one in members}, **found}


def _read(item: Item, wanted: Wanted, limits: InputLimits) -> Crystal | Missing | None:
    """Return the crystal in `item`, why it cannot be read, or None if it is another one of the same source."""
    if item.rejection is not None:
        return Missing(f"Its source cannot be read: {item.rejection.detail}")
    # The number after ~ counts over the whole listing, of which only this source is read again.
    if COPY.sub("", wanted.id) not in _ids(item):
        return None
    try:
        crystal = read_item(item, limits, id=wanted.id)
    except RejectionError as error:
        return Missing(f"Its source cannot be read: {error}")
    if crystal.formula != wanted.formula:
        return Missing(f"Its source has changed since: it holds {crystal.formula} now.")
    return crystal


def _ids(item: Item) -> set[str]:
    """Return the ids that a listing gives or gave an item, without the number of a copy.

    The only crystal of a file was named by its block too, where publication blocks stood beside it.
    """
    bare = COPY.sub("", item.id)
    return {bare} if item.block is None or "#" in bare else {bare, f"{bare}#{item.block}"}
