"""Crystals of a ranking, read again from where the run found them, and what the page draws of each."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from screening.chemistry import anion_mask
from screening.cif import read_cif
from screening.config import Config, InputLimits
from screening.crystal import NUMBERS, SYMBOLS, Crystal
from screening.errors import InputError, RejectionError
from screening.holes import hole_table
from screening.sources import Item, iter_items

BARS = 200  # bars looked at, of each channel and dimension, the longest first
GROUPS = 12  # different bars shown, of each channel and dimension
MEMBERS = 4  # bars with the same birth and death that can be lit up one after the other
PLACES = 6  # decimals of fractional positions: 1e-5 Å
COPY = re.compile(r"~\d+$")  # what a listing appends to an id that it has seen before
MOBILE, ANION, OTHER = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """A crystal of the ranking."""

    id: str
    source: str
    formula: str


def find_crystals(wanted: Sequence[Wanted], limits: InputLimits) -> dict[str, Crystal | str]:
    """Return by id each crystal, or a sentence that says why it cannot be shown.

    Every file or archive that is named is read once, up to the last crystal wanted of it.
    """
    by_container: dict[str, list[Wanted]] = defaultdict(list)
    for one in wanted:
        by_container[one.source.partition("::")[0]].append(one)
    found: dict[str, Crystal | str] = {}
    for container, members in sorted(by_container.items()):
        found |= _of_container(container, members, limits)
    return found


def _of_container(container: str, members: Sequence[Wanted], limits: InputLimits) -> dict[str, Crystal | str]:
    waiting: dict[str, list[Wanted]] = defaultdict(list)
    for one in members:
        waiting[one.source].append(one)
    found: dict[str, Crystal | str] = {}
    try:
        for item in iter_items([container], limits):
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
        reason = "Its source holds it no more."
    return {**{one.id: reason for one in members}, **found}


def _read(item: Item, wanted: Wanted, limits: InputLimits) -> Crystal | str | None:
    """Return the crystal in `item`, why it cannot be read, or None if it is another one of the same source."""
    if item.rejection is not None:
        return f"Its source cannot be read: {item.rejection.detail}"
    # The number after ~ counts over the whole listing, of which only this source is read again.
    if COPY.sub("", item.id) != COPY.sub("", wanted.id):
        return None
    try:
        crystal = read_cif(item.text, id=wanted.id, source=item.source, limits=limits)
    except RejectionError as error:
        return f"Its source cannot be read: {error}"
    if crystal.formula != wanted.formula:
        return f"Its source has changed since: it holds {crystal.formula} now."
    return crystal


def drawing(crystal: Crystal, config: Config) -> dict[str, Any]:
    """Return what the page draws of a crystal, ready for JSON.

    Its `atoms`, and ``channels``, the holes of each sublattice, see `grouped`.

    Raises
    ------
    RejectionError
        no-mobile-ion, or too large for its persistence.
    """
    table = hole_table(crystal, config, max_bars=BARS, rings=(GROUPS, MEMBERS))
    channels = [{**channel, "bars": grouped(channel["bars"])} for channel in table["channels"]]
    return {**atoms(crystal, config), "channels": channels}


def atoms(crystal: Crystal, config: Config) -> dict[str, Any]:
    """Return ``lattice`` (rows, Å) and ``atoms`` of a crystal.

    ``atoms`` = [[atomic number, site, role, x, y, z, occupancy], ...] as rows of the crystal (role 0 mobile ion, 1
    anion, 2 other).
    """
    roles = np.where(anion_mask(crystal), ANION, OTHER)
    roles[crystal.numbers == NUMBERS[config.cloud.mobile_ion]] = MOBILE
    rows = zip(
        crystal.numbers.tolist(),
        crystal.site_idx.tolist(),
        roles.tolist(),
        np.round(crystal.positions, PLACES).tolist(),
        crystal.occupancies.tolist(),
        strict=True,
    )
    return {
        "lattice": np.round(crystal.lattice, PLACES).tolist(),
        "atoms": [[number, site, role, *place, float(f"{share:.6g}")] for number, site, role, place, share in rows],
    }


def grouped(bars: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return bars of one channel with equal dimension, birth and death as one, the longest first in each dimension.

    ``n`` counts them (among the `BARS` longest), ``members`` holds the simplices of the first `MEMBERS`:
    ``[birth atoms, death atoms, centre]``. The birth of a ring is all its corners, of which the last and the first are
    the birth edge; where no ring was found, that edge alone.
    """
    groups: dict[tuple[int, float, float | None], list[dict[str, Any]]] = defaultdict(list)
    for bar in bars:
        groups[bar["dim"], bar["birth"], bar["death"]].append(bar)
    shown: dict[int, int] = defaultdict(int)
    entries = []
    for (dim, birth, death), same in groups.items():  # in the order of the table: the longest first
        shown[dim] += 1
        if shown[dim] > GROUPS:
            continue
        members = [[bar["ring"] or bar["birth_atoms"], bar["death_atoms"], bar["centre"]] for bar in same[:MEMBERS]]
        entries.append({"dim": dim, "birth": birth, "death": death, "n": len(same), "members": members})
    return entries


def p1_cif(crystal: Crystal) -> str:
    """Return the crystal as CIF text in P 1: every atom of the cell, with its occupancy."""
    lengths = np.linalg.norm(crystal.lattice, axis=1)
    a, b, c = crystal.lattice / lengths[:, None]
    angles = [float(np.degrees(np.arccos(np.clip(x @ y, -1.0, 1.0)))) for x, y in ((b, c), (a, c), (a, b))]
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", crystal.id)[:60] or "crystal"
    lines = [f"data_{name}"]
    lines += [f"_cell_length_{axis} {length:.6f}" for axis, length in zip("abc", lengths, strict=True)]
    lines += [f"_cell_angle_{axis} {angle:.6f}" for axis, angle in zip(("alpha", "beta", "gamma"), angles, strict=True)]
    lines += ["_space_group_name_H-M_alt 'P 1'", "_space_group_IT_number 1", "loop_", "_atom_site_label"]
    lines += ["_atom_site_type_symbol", "_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"]
    lines += ["_atom_site_occupancy"]
    atoms = zip(crystal.numbers.tolist(), crystal.positions.tolist(), crystal.occupancies.tolist(), strict=True)
    for row, (number, (x, y, z), share) in enumerate(atoms, start=1):
        lines.append(f"{SYMBOLS[number]}{row} {SYMBOLS[number]} {x:.6f} {y:.6f} {z:.6f} {share:.6g}")
    return "\n".join(lines) + "\n"
