"""The prototype of a crystal: the space group that its atoms have, and the Wyckoff positions that they fill.

Crystals that differ in their elements alone share a label; it says nothing of free coordinates or the shape of the
cell (they are isopointal). Written as AFLOW does, with the species in order of amount, not of name:
``ABC3_cP5_221_a_b_c`` is perovskite, by amounts, Pearson symbol, number of the space group, and the letters of each
species. Among the ways of choosing origin and axes the first by (sum of letters, text) stands for all.

Source of the notation: Mehl et al., Comput. Mater. Sci. 136 (2017) S1. Source of the letters that an origin or a
setting exchanges: the tables of aviary as bundled with pymatgen (Goodall et al., Sci. Adv. 8 (2022) eabn4117).
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import warnings
from collections import Counter, defaultdict
from functools import cache
from math import gcd
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import numpy as np

from screening.crystals.arrays import FloatArray, IntArray
from screening.crystals.crystal import Crystal

UNKNOWN = "unknown"  # no space group was found: never P 1
SYMPREC = (0.01, 0.1)  # Å: as computed structures are written; as measured or rounded ones are
ANGLE_TOLERANCE = 5.0  # degrees
MOST_SITES = 1_000  # of a cell; spglib's time grows with the square, and beyond this is told unknown
OCCUPANCY_DECIMALS = 2  # sites whose occupants fill them alike may be images of each other

_TABLE = "analysis/prototypes/wyckoff-position-relabelings.json.gz"
_FAMILIES = ((2, "a"), (15, "m"), (74, "o"), (142, "t"), (194, "h"), (230, "c"))  # last group and letter of each family
_SIDES = "ABC"  # one centred face, whichever it is


def prototype(crystal: Crystal) -> str:
    """Return the prototype label of a crystal, or `UNKNOWN` where no space group is found.

    The space group is looked for within 0.01 Å; where that finds none, or translations alone, again within 0.1 Å. P 1
    is an answer where both find it, never what a failure is called.

    A disordered crystal is taken by its average: sites are equal where they hold the same elements to the same shares,
    and the species of a site is the set of elements that it holds, so that what counts in the label are sites, not
    atoms: Li7-xLa3Zr2-xTaxO12 is one prototype for all x.
    """
    if not 0 < crystal.n_sites <= MOST_SITES:
        return UNKNOWN
    positions, kinds, species = _sites(crystal)
    found = None
    for symprec in SYMPREC:
        again = _dataset(crystal.lattice, positions, kinds, symprec)
        found = again if again is not None else found
        if found is not None and int(found.number) > 1:
            break
    return UNKNOWN if found is None else _label(found, species)


def _sites(crystal: Crystal) -> tuple[FloatArray, IntArray, list[tuple[int, ...]]]:
    """Return positions (n, 3), the kind of each site (n,), equal for equal occupants, and its elements."""
    occupants: dict[int, list[tuple[int, float]]] = defaultdict(list)
    positions = np.empty((crystal.n_sites, 3))
    for row, site in enumerate(crystal.site_idx.tolist()):
        positions[site] = crystal.positions[row]
        share = round(float(crystal.occupancies[row]), OCCUPANCY_DECIMALS)
        occupants[site].append((int(crystal.numbers[row]), share))
    told = [tuple(sorted(occupants[site])) for site in range(crystal.n_sites)]
    number = {one: place for place, one in enumerate(sorted(set(told)))}
    species = [tuple(sorted({element for element, _ in one})) for one in told]
    return positions, np.array([number[one] for one in told], dtype=np.int64), species


def _dataset(lattice: FloatArray, positions: FloatArray, kinds: IntArray, symprec: float) -> Any:
    """Return what spglib finds, None where it finds nothing."""
    import spglib

    failed = getattr(spglib, "SpglibError", ()) or ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it announces another way to tell errors, which is taken too
        try:
            cell: Any = (lattice, positions, kinds + 1)
            return spglib.get_symmetry_dataset(cell, symprec=symprec, angle_tolerance=ANGLE_TOLERANCE)
        except failed:
            return None


def _label(found: Any, species: list[tuple[int, ...]]) -> str:
    number = int(found.number)
    orbits: dict[tuple[int, ...], Counter[str]] = defaultdict(Counter)
    seen: set[int] = set()
    for site, orbit in enumerate(np.asarray(found.crystallographic_orbits).tolist()):
        if orbit not in seen:
            seen.add(orbit)
            orbits[species[site]][found.wyckoffs[site]] += 1
    count = Counter(species)
    divisor = gcd(*count.values())
    kinds = sorted(count)
    amounts = [count[one] // divisor for one in kinds]
    letters = [orbits[one] for one in kinds]
    _, rows = min(_lettered(amounts, letters, exchanged) for exchanged in _exchanges()[number])
    formula = "".join(f"{_name(place)}{amount if amount > 1 else ''}" for place, (amount, _) in enumerate(rows))
    return "_".join((formula, _pearson(found), str(number), *(text for _, text in rows)))


def _lettered(
    amounts: list[int], letters: list[Counter[str]], exchanged: dict[str, str]
) -> tuple[tuple[int, str], list[tuple[int, str]]]:
    """Return a key to order by, and amount and letters of each species, with some letters exchanged for others."""
    rows, total = [], 0
    for amount, held in zip(amounts, letters, strict=True):
        renamed = sorted((exchanged[letter], times) for letter, times in held.items())
        total += sum(ascii_lowercase.find(letter) + 1 for letter, _ in renamed)  # A, the 27th, counts 0
        rows.append((amount, "".join(f"{times if times > 1 else ''}{letter}" for letter, times in renamed)))
    rows.sort()
    return (total, "_".join(text for _, text in rows)), rows


def _pearson(found: Any) -> str:
    """Return the Pearson symbol; one centred face is C, and a rhombohedral cell is counted as primitive."""
    number, sites = int(found.number), len(found.std_types)
    family = next(letter for last, letter in _FAMILIES if number <= last)
    centring = str(found.international)[0]
    if centring == "R":
        sites //= 3
    return f"{family}{'C' if centring in _SIDES else centring}{sites}"


def _name(place: int) -> str:
    """Return A, B, ... Z, then Aa, Ab, ..."""
    more, letter = divmod(place, len(ascii_uppercase))
    return ascii_uppercase[letter] if not more else f"{ascii_uppercase[more - 1]}{ascii_lowercase[letter]}"


@cache
def _exchanges() -> dict[int, list[dict[str, str]]]:
    """Return by number of the space group the ways in which its letters are renamed by another origin or setting."""
    spec = importlib.util.find_spec("pymatgen")  # found but not imported: that takes seconds, and nothing of it is run
    folders = [Path(one) for one in (spec.submodule_search_locations or ())] if spec else []
    file = next(folder / _TABLE for folder in folders if (folder / _TABLE).is_file())
    told: dict[str, list[dict[str, str]]] = json.loads(gzip.decompress(file.read_bytes()))
    return {
        int(number): [{chr(int(code)): letter for code, letter in one.items()} for one in renamings]
        for number, renamings in told.items()
    }
