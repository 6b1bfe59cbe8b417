"""Many units at once → their crystals: one call of the kernel, without Python's lock, for all that is in no doubt.

The kernel puts atoms onto symmetry elements, makes those of the cell and looks whether any crowd, sum to more than
their site or contradict what is stated. Where something does, `crystal_of` looks at that crystal by itself: both make
the same crystal of a unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from screening import _kernels
from screening.config import InputLimits
from screening.crystals.arrays import BoolArray, FloatArray, IntArray
from screening.crystals.batch import CrystalBatch
from screening.crystals.cif import Unit, crystal_of
from screening.crystals.consistency import CONTACT_FACTOR, NEAREST, covalent_radii, surely_as_stated
from screening.crystals.contents import too_many_images
from screening.crystals.crystal import Crystal
from screening.crystals.direct import MOST_SITES_PER_VOLUME
from screening.crystals.sites import MOST_SHARED, RULES
from screening.crystals.symmetry import Symmetry


def crystals_of(
    units: Sequence[Unit], names: Sequence[tuple[str, str]], limits: InputLimits
) -> tuple[CrystalBatch, dict[int, Exception]]:
    """Return the crystals of units, in order, and what was raised for those that have none, by their place.

    Parameters
    ----------
    units
        As `read_unit` returns them, at least one.
    names
        Id and source of each.
    limits
        Sizes beyond which a crystal is refused.
    """
    batch, doubtful = _sure(units, names, limits)
    refused: dict[int, Exception] = {}
    parts: list[CrystalBatch] = []
    begin = 0
    for place in np.flatnonzero(doubtful).tolist():
        found = _looked_at(units[place], *names[place], limits)
        parts.append(batch.part(begin, place))
        if isinstance(found, Crystal):
            parts.append(CrystalBatch.from_crystals([found]))
        else:
            refused[place] = found
        begin = place + 1
    return CrystalBatch.joined([*parts, batch.part(begin, len(units))] if parts else [batch]), refused


def _looked_at(unit: Unit, id: str, source: str, limits: InputLimits) -> Crystal | Exception:
    try:
        return crystal_of(unit, id=id, source=source, limits=limits)
    except MemoryError:  # says nothing of the crystal: it is tried again by itself
        raise
    except Exception as error:
        return error


def _sure(
    units: Sequence[Unit], names: Sequence[tuple[str, str]], limits: InputLimits
) -> tuple[CrystalBatch, BoolArray]:
    """Return the crystals of units as the kernel makes them, and (n,) which of them are in doubt and have no atoms."""
    atoms = [unit.atoms for unit in units]
    counts = np.array([len(of) for of in atoms])
    numbers, charges, occupancies = (
        np.concatenate([getattr(of, name) for of in atoms]) for name in ("numbers", "charges", "occupancies")
    )
    left = np.array(
        [of.hold_hydrogen or too_many_images(of, unit.symmetry, limits) for of, unit in zip(atoms, units, strict=True)]
    )
    rotations, translations, first, n_operations = _operations([unit.symmetry for unit in units])
    n_operations[left] = 0
    lattices = np.array([unit.lattice for unit in units])
    doubts, moved, offsets, n_sites, positions, filled, row, site = _kernels.cells(
        lattices,
        np.concatenate([[0], np.cumsum(counts)]),
        np.concatenate([of.positions for of in atoms]),
        numbers,
        occupancies,
        np.concatenate([of.multiplicities for of in atoms]),
        np.concatenate([of.decimals for of in atoms]),
        np.concatenate([of.significant for of in atoms]),
        rotations,
        translations,
        first,
        n_operations,
        covalent_radii(),
        _rules(limits),
    )
    disordered = np.array([of.partial for of in atoms]) | (np.diff(offsets) > n_sites)
    batch = CrystalBatch(
        names=names,
        lattices=lattices,
        offsets=offsets,
        positions=positions,
        numbers=numbers.astype(np.uint8)[row],
        occupancies=filled,
        site_idx=site,
        charges=charges[row],
        n_sites=n_sites,
        spacegroups=[unit.symmetry.number for unit in units],
        flags=[_flags(*each) for each in zip(units, moved.tolist(), disordered.tolist(), strict=True)],
        unplaced=[of.unplaced for of in atoms],
    )
    agree = surely_as_stated(batch.compositions(), [unit.stated for unit in units])
    return batch, left | (doubts != 0) | ~agree


def _flags(unit: Unit, moved: int, disordered: bool) -> tuple[str, ...]:
    flags = {*unit.atoms.flags, *unit.symmetry.flags}
    if moved:
        flags.add("near-special-position")
    if disordered:
        flags.add("disordered")
    if unit.stated.text and unit.stated.formula is None:
        flags.add("formula-unreadable")
    return tuple(sorted(flags))


def _operations(symmetries: Sequence[Symmetry]) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
    """Return the operations of all groups, each once, and where those of each crystal begin and how many they are."""
    begins: dict[int, int] = {}
    groups: list[Symmetry] = []
    total = 0
    first: list[int] = []
    for symmetry in symmetries:
        key = id(symmetry.rotations)
        if key not in begins:
            begins[key] = total
            groups.append(symmetry)
            total += len(symmetry.rotations)
        first.append(begins[key])
    return (
        np.concatenate([group.rotations for group in groups]),
        np.concatenate([group.translations for group in groups]),
        np.array(first),
        np.array([len(symmetry.rotations) for symmetry in symmetries]),
    )


@lru_cache(maxsize=16)
def _rules(limits: InputLimits) -> _kernels.CellRules:
    return _kernels.CellRules(
        RULES,
        contact_factor=CONTACT_FACTOR,
        nearest=NEAREST,
        most_shared=MOST_SHARED,
        most_sites=limits.max_sites,
        most_sites_per_volume=MOST_SITES_PER_VOLUME,
    )
