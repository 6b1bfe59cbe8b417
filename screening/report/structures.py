"""What the page draws of a crystal: its atoms, the holes of its sublattices, and its text as CIF."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from screening.config import FeatureSettings
from screening.crystals import Crystal, anion_mask
from screening.elements import NUMBERS, SYMBOLS
from screening.errors import RejectionError
from screening.homology import hole_groups
from screening.host import cores, in_parts
from screening.sources import Missing

BARS = 200  # bars looked at, of each channel and dimension, the longest first
GROUPS = 12  # different bars shown, of each channel and dimension
MEMBERS = 4  # bars with the same birth and death that can be lit up one after the other
PLACES = 6  # decimals of fractional positions: 1e-5 Å
PART = 25  # crystals computed at a time, about a second
MOBILE, ANION, OTHER = 0, 1, 2

Given = TypeVar("Given")
Made = TypeVar("Made")


def shown(found: Crystal | Missing, config: FeatureSettings, *, surfaces: bool = True) -> dict[str, Any]:
    """Return the ``structure`` of a crystal, see `drawing`, or ``missing``, which says why there is none."""
    if isinstance(found, Missing):
        return {"missing": found.reason}
    try:
        return {"structure": drawing(found, config, surfaces=surfaces)}
    except RejectionError as error:
        return {"missing": f"Its holes cannot be computed: {error}"}


def all_shown(found: Sequence[Crystal | Missing], config: FeatureSettings) -> list[dict[str, Any]]:
    """Return what `shown` gives for each, in order; many are computed on all cores."""
    return on_all_cores(partial(_part_shown, config=config), found)


def on_all_cores(
    work: Callable[[Sequence[Given]], list[Made]],
    given: Sequence[Given],
    *,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> list[Made]:
    """Return what `work` makes of crystals as `screening.host.in_parts` does.

    `tell` hears how many are done, and of how many.
    """
    done: list[Made] = []
    for part in in_parts(work, given, part=PART, workers=cores()):
        done += part
        tell(len(done), len(given))
    return done


def _part_shown(found: Sequence[Crystal | Missing], config: FeatureSettings) -> list[dict[str, Any]]:
    return [shown(one, config) for one in found]


def drawing(crystal: Crystal, config: FeatureSettings, *, surfaces: bool = True) -> dict[str, Any]:
    """Return what the page draws of a crystal, ready for JSON.

    Its `atoms`, and ``channels``, the holes of each sublattice, see `hole_groups`. Surfaces take twice
    the time of all else.

    Raises
    ------
    RejectionError
        no-mobile-ion, or too large for its persistence.
    """
    channels = hole_groups(crystal, config, max_bars=BARS, groups=GROUPS, members=MEMBERS, surfaces=surfaces)
    return {**atoms(crystal, config), "channels": channels}


def atoms(crystal: Crystal, config: FeatureSettings) -> dict[str, Any]:
    """Return ``lattice`` (rows, Å), ``atoms`` and their ``names`` of a crystal.

    ``atoms`` = [[atomic number, site, role, x, y, z, occupancy], ...] as rows of the crystal (role 0 mobile ion, 1
    anion, 2 other); ``names``, as `Crystal.atom_names` has them.
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
        "names": crystal.atom_names(),
    }


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
