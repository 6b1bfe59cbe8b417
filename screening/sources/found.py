"""The structure, the id and the numbers in an entry of a JSON file or a row of a table."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from screening.config import InputLimits
from screening.crystals import STRUCTURE_CLASSES
from screening.errors import Code
from screening.sources.blocks import name_of
from screening.sources.raw import Raw

ID_KEYS = ("material_id", "mat_id", "jid", "entry_id", "id", "immutable_id", "structure_id", "name")
STRUCTURE_KEYS = ("structure", "attributes", "atoms", "final_structure", "optimized_structure", "relaxed_structure")
CIF_KEYS = ("cif", "cif_text", "cif_string")
# Parts of an entry whose numbers are its properties too.
PROPERTY_PARTS = ("data", "attributes", "properties", "key_value_pairs")
# Numbers that say how an entry is kept or counted, not what the material is.
NO_PROPERTIES = frozenset(
    {"nsites", "nelements", "nperiodic_dimensions", "natoms", "charge", "index", "ctime", "mtime", "nextid", ""}
)
MOST_PROPERTIES = 100  # of one entry
LONGEST_NAME = 60
MOST_DEPTH = 100
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')


class Structure(NamedTuple):
    """A structure as it is handed on: the name of its format, and its bytes."""

    format: str
    data: bytes


def canonical(told: Any) -> bytes:
    """Return JSON with sorted keys and the shortest floats, without spaces."""
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode("ascii")


def structure_of(entry: Mapping[str, Any]) -> Structure | None:
    """Return the structure of an entry: the entry itself, or what it holds under a known key; None where none is."""
    found = _structure(entry)
    if found is not None:
        return found
    for key in STRUCTURE_KEYS:
        value = entry.get(key)
        if isinstance(value, str) and value.lstrip()[:1] == "{":
            value = parsed_text(value)
        if isinstance(value, Mapping) and (found := _structure(value)) is not None:
            return found
    for key in CIF_KEYS:
        value = entry.get(key)
        if isinstance(value, str) and value.strip():
            return Structure("cif", value.encode("utf-8", "replace"))
    return None


def parsed_text(text: str) -> Any:
    """Return the value of a JSON text in a cell, None where it is none or nested beyond all use."""
    try:
        return None if too_deep(text) else json.loads(text)
    except (ValueError, RecursionError):
        return None


def too_deep(text: str) -> bool:
    """Return whether the brackets of a JSON text nest beyond the limit; those in strings count only in doubt."""
    if _depth(text) <= MOST_DEPTH:
        return False
    return _depth(_STRING.sub("", text)) > MOST_DEPTH


def _depth(text: str) -> int:
    letters = np.frombuffer(text.encode("utf-8", "replace"), dtype=np.uint8)
    opens = (letters == ord("[")) | (letters == ord("{"))
    closes = (letters == ord("]")) | (letters == ord("}"))
    brackets = opens | closes
    return int(np.cumsum(np.where(opens[brackets], 1, -1)).max(initial=0))


def _structure(told: Mapping[str, Any]) -> Structure | None:
    if told.get("@class") in STRUCTURE_CLASSES or (
        "@class" not in told and isinstance(told.get("lattice"), Mapping) and isinstance(told.get("sites"), list)
    ):
        # What is beside cell and sites (magnetic moments, forces, remarks) is no part of the crystal.
        lattice = told.get("lattice")
        if isinstance(lattice, Mapping):
            lattice = {key: lattice[key] for key in ("matrix", "pbc") if key in lattice}
        sites = [_site(site) for site in told.get("sites") or ()]
        return Structure("mson", canonical({"@class": "Structure", "lattice": lattice, "sites": sites}))
    for format, needed, more in _SHAPES:
        if all(key in told for key in needed):
            return Structure(format, canonical({key: told[key] for key in (*needed, *more) if key in told}))
    return None


def _site(site: Any) -> Any:
    if not isinstance(site, Mapping):
        return site
    return {key: site[key] for key in ("species", "abc", "xyz") if key in site}


_SHAPES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("jarvis", ("lattice_mat", "coords", "elements"), ("cartesian",)),
    (
        "optimade",
        ("lattice_vectors", "cartesian_site_positions", "species_at_sites"),
        ("species", "dimension_types"),
    ),
    ("ase", ("numbers", "positions", "cell"), ("pbc",)),
)


def id_of(entry: Mapping[str, Any]) -> str | None:
    """Return what an entry calls itself, None where it says nothing."""
    parts = [entry, *(entry[name] for name in PROPERTY_PARTS if isinstance(entry.get(name), Mapping))]
    for part in parts:
        for key in ID_KEYS:
            value = part.get(key)
            if isinstance(value, Mapping):  # an id object of emmet
                value = value.get("string")
            if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
                continue
            return str(value).strip()
    return None


def properties_of(entry: Mapping[str, Any]) -> dict[str, float]:
    """Return the finite numbers of an entry by name; true is 1, false 0."""
    parts = [entry, *(entry[name] for name in PROPERTY_PARTS if isinstance(entry.get(name), Mapping))]
    return numbers_in(pair for part in parts for pair in part.items())


def numbers_in(pairs: Iterable[tuple[Any, Any]]) -> dict[str, float]:
    """Return the finite numbers among names and values, the first of a name."""
    found: dict[str, float] = {}
    for name, value in pairs:
        if not isinstance(value, int | float) or not _is_property(name) or name in found:
            continue
        try:
            number = float(value)
        except OverflowError:
            continue
        if math.isfinite(number) and len(found) < MOST_PROPERTIES:
            found[name] = number
    return found


def _is_property(name: Any) -> bool:
    if not isinstance(name, str) or name in NO_PROPERTIES or name in ID_KEYS:
        return False
    return not name.startswith(("@", "Unnamed: ")) and len(name) <= LONGEST_NAME and name.isprintable()


class Source(NamedTuple):
    """The file that entries come from."""

    name: str
    source: str
    limits: InputLimits

    def entry(self, told: Any, *, key: str | None, number: int) -> Raw | None:
        """Return an entry with its structure; None where it holds none.

        Parameters
        ----------
        told
            The entry.
        key
            The name under which it stands, where it has one.
        number
            Its place in the file, from 1; names it where nothing else does.
        """
        found = structure_of(told) if isinstance(told, Mapping) else None
        if found is None:
            return None
        id = id_of(told) or key or self.numbered(number)
        if len(found.data) > self.limits.max_file_bytes:
            detail = f"{len(found.data)} bytes, more than max_file_bytes = {self.limits.max_file_bytes}"
            return self.refused(id, Code.TOO_LARGE, detail)
        return self.read(id, found, properties_of(told))

    def read(self, id: str, structure: Structure, properties: Mapping[str, float]) -> Raw:
        """Return an entry of this file."""
        return Raw(
            self.name, self.place(id), structure.data, format=structure.format, id=id, properties=dict(properties)
        )

    def refused(self, id: str, code: Code, detail: str) -> Raw:
        """Return the row of an entry that cannot be used."""
        return Raw(self.name, self.place(id), code=code, detail=detail, id=id)

    def empty(self, number: int) -> Raw:
        """Return the row of an entry without a structure."""
        return self.refused(self.numbered(number), Code.NO_STRUCTURE, f"entry {number} holds no structure")

    def numbered(self, number: int) -> str:
        """Return the id of an entry that has no name."""
        return f"{self.stem}#{number}"

    def place(self, id: str) -> str:
        """Return the source text of an entry."""
        return f"{self.source}::{id[:200]}"

    @property
    def stem(self) -> str:
        """The name of the file without folder, packing and type."""
        return name_of(self.name)
