"""Flags: what a person should know of how a crystal was read, each with its class and its sentence.

A *note* tells what was read and how. A *contradiction* says that the file does not agree with itself, or with what
atoms can do: what was read may be a wrong crystal. Names are stable: they stand in stores and tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class FlagClass(StrEnum):
    """How much a flag matters."""

    NOTE = "note"
    CONTRADICTION = "contradiction"


class Flag(NamedTuple):
    """One flag: its stable name, its class, and a sentence for a person."""

    name: str
    kind: FlagClass
    sentence: str


NOTE, CONTRADICTION = FlagClass.NOTE, FlagClass.CONTRADICTION
FLAGS: dict[str, Flag] = {
    flag.name: flag
    for flag in (
        Flag("disordered", NOTE, "Some sites are shared or partly occupied."),
        Flag("zero-occupancy", NOTE, "Atoms with occupancy 0 were left out."),
        Flag("dummy-atoms", NOTE, "Dummy atoms were left out."),
        Flag("no-symmetry-stated", NOTE, "The file states no symmetry; its atoms were taken as the whole cell."),
        Flag(
            "atoms-without-coordinates", NOTE, "Atoms without coordinates count in the composition but are not placed."
        ),
        Flag("near-special-position", NOTE, "Atoms beside a special position, moved onto it or left where they are."),
        Flag("multiplicity-unknown", NOTE, "An atom without coordinates and multiplicity was counted once a cell."),
        Flag("listed-twice", NOTE, "Atoms that the file lists more than once were counted once."),
        Flag("formula-unreadable", NOTE, "The stated formula cannot be read, so the composition was not compared."),
        Flag("formula", CONTRADICTION, "The composition is not that of the stated formula."),
        Flag("multiplicity", CONTRADICTION, "A site has another number of images than the file states."),
        Flag("group", CONTRADICTION, "The listed symmetry operations are not those of the stated space group."),
        Flag("hall", CONTRADICTION, "The Hall symbol is not that of the stated space group."),
        Flag("contact", CONTRADICTION, "Two atoms are closer than atoms can be."),
        Flag("occupancy", CONTRADICTION, "The atoms of a site sum to more than one."),
        # Names of the first version, in stores made by it.
        Flag("symmetry-contradiction", CONTRADICTION, "The stated space group is not that of the operations."),
        Flag("occupancy-above-one", CONTRADICTION, "The atoms of a site sum to more than one."),
    )
}
NOTES = frozenset(name for name, flag in FLAGS.items() if flag.kind is NOTE)
CONTRADICTIONS = frozenset(name for name, flag in FLAGS.items() if flag.kind is CONTRADICTION)


def flag_sentence(name: str, detail: str = "") -> str:
    """Return the sentence of a flag, followed by what is particular to a crystal; a flag unknown here says its name.

    Parameters
    ----------
    name
        Stable name of the flag.
    detail
        A clause without full stop, e.g. "formula states LiI, the atoms are Li3I".
    """
    flag = FLAGS.get(name)
    sentence = f"{name}." if flag is None else flag.sentence
    return sentence if not detail else f"{sentence.removesuffix('.')}: {detail}."


def contradictions_among(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the flags that are contradictions, in the order given."""
    return tuple(name for name in names if name in CONTRADICTIONS)
