"""The parameters of softBV: wells of mobile cations beside anions, and what screens their repulsion by cations.

Source: Chen, Wong and Adams, Acta Cryst. B75, 18 (2019); the tables beside this module hold the numbers.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import NamedTuple


class Well(NamedTuple):
    """The Morse potential of a mobile cation beside an anion."""

    r_min: float  # distance of least energy, Å
    alpha: float  # 1/Å
    d0: float  # twice the depth, eV


class Ion(NamedTuple):
    """What softBV knows of an element in one oxidation state."""

    n: int  # principal quantum number
    radius: float  # Å


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


@cache
def wells() -> dict[tuple[str, int], dict[tuple[str, int], Well]]:
    """Return by mobile ion, (symbol, charge in e), the wells beside each anion, (symbol, charge)."""
    found: dict[tuple[str, int], dict[tuple[str, int], Well]] = {}
    for row in _rows("softbv_morse.csv"):
        ion, anion = (row["ion"], int(row["charge"])), (row["anion"], int(row["anion_charge"]))
        found.setdefault(ion, {})[anion] = Well(float(row["r_min"]), float(row["alpha"]), float(row["d0"]))
    return found


@cache
def ions() -> dict[tuple[str, int], Ion]:
    """Return what is known of each element (symbol) in each of its oxidation states (e)."""
    return {
        (row["element"], int(row["charge"])): Ion(int(row["n"]), float(row["radius"]))
        for row in _rows("softbv_ions.csv")
    }


@cache
def cation(element: str) -> Ion | None:
    """Return what is known of an element as a cation, or None; it is the same in all of its positive states."""
    return next((ion for (symbol, charge), ion in ions().items() if symbol == element and charge > 0), None)


@cache
def mobile_charges(element: str) -> tuple[int, ...]:
    """Return the charges (e) with which an element can be the mobile ion, the usual one first; empty if none."""
    return tuple(charge for symbol, charge in wells() if symbol == element)


@cache
def positive_states(element: str) -> tuple[int, ...]:
    """Return the positive oxidation states (e) for which there are parameters, in the order of the table."""
    return tuple(charge for symbol, charge in ions() if symbol == element and charge > 0)
