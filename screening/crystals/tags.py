"""Which tags of a block say something about its symmetry, and what: both spellings, and those of other dictionaries."""

from __future__ import annotations

import re
from typing import Literal, cast

import gemmi

Kind = Literal[
    "operations",
    "centring",
    "superspace operations",
    "superspace centring",
    "hall",
    "name",
    "reference name",
    "number",
    "schoenflies",
    "code",
    "superspace",
    "magnetic",
    "other",
]
# Tags about symmetry that state no group: a system, a setting or the shape of the asymmetric unit.
_NO_GROUP = re.compile(
    r"(?:_id|_details|_description|_comment|_seq|mxmymz|timereversal)\Z"
    r"|crystal_system|cell_setting|laue_class|bravais|patterson|wyckoff|asym_unit|transform|origin_shift|pp_abc"
)
_AXES = re.compile(r"(?:xyz|algebraic)\Z")


def stated_tags(block: gemmi.cif.Block) -> dict[Kind, list[str]]:
    """Return the tags about symmetry that have a value, by what they state, in the order of the block."""
    found: dict[Kind, list[str]] = {}
    for item in block:
        loop = item.loop
        pair = cast("tuple[str, str] | None", item.pair)
        tags = [pair[0]] if pair is not None else [] if loop is None else list(loop.tags)
        for tag in tags:
            kind = _kind(tag)
            if kind is not None and any(not gemmi.cif.is_null(value) for value in block.find_values(tag)):
                found.setdefault(kind, []).append(tag)
    return found


def _kind(tag: str) -> Kind | None:
    """Return what a tag states about the symmetry, None where nothing."""
    lowered = tag.lower()
    if not lowered.startswith(("_space_group", "_spacegroup", "_symmetry", "_parent_space", "_magnetic_space")):
        return None
    name = re.sub(r"[^a-z0-9]+", "_", lowered).rstrip("_")
    if _NO_GROUP.search(name):
        return None
    if "ssg" in name or "superspace" in name:
        return _listing(name, "superspace operations", "superspace centring") or "superspace"
    if "magn" in name or "parent" in name or "_bns" in name:
        return _listing(name, "operations", "centring") or "magnetic"
    return _listing(name, "operations", "centring") or _symbol(name)


def _listing(name: str, operations: Kind, centring: Kind) -> Kind | None:
    if not _AXES.search(name):
        return None
    return centring if "center" in name or "centr" in name else operations


# In this order: a tag may have the words of several.
_SYMBOLS: tuple[tuple[str, Kind], ...] = (
    (r"hall", "hall"),
    (r"sch(?:oe|o)nfl", "schoenflies"),
    (r"coord\w*system", "code"),
    (r"(?:h_m|hm|hermann).*_ref\Z", "reference name"),
    (r"h_m|hm\Z|_hm_|hermann", "name"),
    (r"number|int_tables|_no\Z", "number"),
    (r"point_group|symop|equiv|generator", "other"),
    (r"name|symbol|space_group\Z|spacegroup\Z", "name"),
)


def _symbol(name: str) -> Kind | None:
    return next((kind for pattern, kind in _SYMBOLS if re.search(pattern, name)), None)
