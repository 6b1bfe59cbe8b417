"""The first holes of every kind, as a page draws them: the answer of `hole_table` with equal bars as one, at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from screening import _kernels
from screening.config import Config, FeatureSettings
from screening.crystals import Crystal, FloatArray
from screening.homology.holes import AtomAt, channel_entries
from screening.homology.periodic import BarTable
from screening.homology.surfaces import Surfaces

SURFACES = 4  # different cavities of a channel around whose first a surface is looked for


def hole_groups(  # noqa: PLR0913
    crystal: Crystal,
    config: Config | FeatureSettings,
    *,
    max_bars: int,
    groups: int,
    members: int,
    surfaces: bool = True,
) -> list[dict[str, Any]]:
    """Return the channels of `hole_table`, with bars that have the same birth and death as one: what a page draws.

    Of each channel and dimension the first `groups` different bars, and of each of these the simplices of the first
    `members`. ``bars`` = [{dim, birth, death, n, members}, ...]: ``n`` counts equal ones among the `max_bars` longest,
    a member is ``[birth atoms, death atoms, centre]``. The birth of a ring is all its corners, of which the last and
    the first are the birth edge; where no ring was found, that edge alone. Rings are looked for of these members, which
    come before their equals. With `surfaces` the first `SURFACES` cavities that end have ``surface`` = {corners, faces}
    too, a closed surface around their first member, see `Surfaces`: the atoms of its corners, and triangles as places
    among these; null where none was found.

    Raises
    ------
    RejectionError
        no-mobile-ion, or as `periodic_barcodes`.
    """

    def entries(table: BarTable, positions: FloatArray, atoms: list[list[AtomAt]]) -> list[dict[str, Any]]:
        of_dims: list[list[list[Any]]] = _kernels.drawn_holes(
            table.birth,
            table.death,
            table.dim,
            table.vertices,
            table.begins,
            table.rings,
            table.ring_begins,
            np.ascontiguousarray(positions, dtype=np.float64),
            np.array([atom for one in atoms for atom in one], dtype=np.int64),
            np.cumsum([0, *map(len, atoms)], dtype=np.int64),
            max_dim=config.homology.max_dim,
            groups=groups,
            members=members,
            max_bars=max_bars,
        )
        if surfaces and len(of_dims) == 2 and of_dims[1]:
            _add_surfaces(of_dims[1], table, Surfaces(crystal.lattice, positions), atoms)
        return [bar for of_dim in of_dims for bar, _ in of_dim]

    return channel_entries(crystal, config, entries, most=max_bars, rings=(groups, members))


def _add_surfaces(drawn: list[list[Any]], table: BarTable, surfaces: Surfaces, atoms: list[list[AtomAt]]) -> None:
    """Add the surfaces of the first cavities that end to their entries."""
    for bar, first in [one for one in drawn if one[0]["death"] is not None][:SURFACES]:
        end = table.begins[first + 1]
        found = surfaces.around(table.vertices[end - 4 : end], bar["birth"])
        bar["surface"] = found and {
            "corners": [
                [[atom, a + x, b + y, c + z] for atom, a, b, c in atoms[site]]
                for site, x, y, z in found.corners.tolist()
            ],
            "faces": found.faces.tolist(),
        }
