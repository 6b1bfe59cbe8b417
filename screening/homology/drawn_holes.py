"""The first holes of every kind, as a page draws them: the answer of `hole_table` with equal bars as one, at once.

Only what is drawn is taken apart. What stands first among equal bars is found by sorting their simplices as numbers.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from screening.config import Config, FeatureSettings
from screening.crystals import Crystal, FloatArray, IntArray
from screening.homology.holes import AtomAt, channel_entries
from screening.homology.periodic import BarTable
from screening.homology.surfaces import Surfaces

SURFACES = 4  # different cavities of a channel around whose first a surface is looked for
NO_RING = np.iinfo(np.int64).max  # corners of a ring that was not found: it comes last


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
        found: list[dict[str, Any]] = []
        for dim in range(1, config.homology.max_dim + 1):
            kinds = _kinds(table, dim, groups=groups, members=members, max_bars=max_bars)
            drawn = _drawn(table, dim, kinds, positions=positions, atoms=atoms)
            if surfaces and dim == 2 and drawn:
                _add_surfaces(drawn, Surfaces(crystal.lattice, positions), atoms)
            found += [bar for bar, _ in drawn]
        return found

    return channel_entries(crystal, config, entries, most=max_bars, rings=(groups, members))


class _Kind(NamedTuple):
    """Bars of one dimension with the same birth and death."""

    bars: IntArray  # (n,) their places in the table among which the first are looked for
    equal: int  # how many, among the longest bars
    shown: int  # of these


def _kinds(table: BarTable, dim: int, *, groups: int, members: int, max_bars: int) -> list[_Kind]:
    """Return the first kinds of bars of a dimension, the longest first."""
    bars = np.flatnonzero(table.dim == dim)
    length = table.birth - table.death
    bars = bars[np.lexsort((table.birth[bars], length[bars]))]
    values = np.stack([length[bars], table.birth[bars]])
    cuts = np.flatnonzero((values[:, 1:] != values[:, :-1]).any(axis=0))[:groups] + 1
    edges = [0, *cuts.tolist(), len(bars)][: groups + 1] if len(bars) else [0]
    sizes = table.ring_sizes()
    kinds = []
    for begin, end in pairwise(edges):
        count = min(end - begin, max_bars - begin)
        if count <= 0:
            break
        shown = min(members, count)
        same = bars[begin:end]
        ringed = same[sizes[same] > 0]
        kinds.append(_Kind(ringed if len(ringed) >= shown else same, count, shown))
    return kinds


def _drawn(
    table: BarTable, dim: int, kinds: list[_Kind], *, positions: FloatArray, atoms: list[list[AtomAt]]
) -> list[tuple[dict[str, Any], IntArray]]:
    """Return the entries of some kinds of bars of a dimension, each with the simplex (dim + 2, 4) that ends the first.

    `atoms` are those of each point at `positions`.
    """
    if not kinds:
        return []
    bars = np.concatenate([kind.bars for kind in kinds])
    which = np.repeat(np.arange(len(kinds)), [len(kind.bars) for kind in kinds])
    ring = np.diff(table.ring_begins)[bars] if dim == 1 else np.zeros(len(bars), dtype=np.int64)
    opening = _rows(table.vertices, table.begins[bars], dim + 1)
    ringed = ring > 0
    if ringed.any():
        # Of several edges as long as the birth edge, the one that closes the ring is as good and belongs to it.
        first, last = table.ring_begins[bars[ringed]], table.ring_begins[bars[ringed] + 1] - 1
        opening[ringed] = np.stack([table.rings[first], table.rings[last]], axis=1)
    ends = np.isfinite(table.death[bars])
    closing = np.zeros((len(bars), dim + 2, 4), dtype=np.int64)
    closing[ends] = _rows(table.vertices, table.begins[bars[ends]] + dim + 1, dim + 2)
    keys = np.concatenate([_key(opening, atoms), np.where(ends[:, None], _key(closing, atoms), 0)], axis=1)
    order = np.lexsort((*keys.T[::-1], np.where(ringed, ring, NO_RING), which))
    begins = np.searchsorted(which, np.arange(len(kinds)))
    found: list[tuple[dict[str, Any], IntArray]] = []
    for begin, kind in zip(begins.tolist(), kinds, strict=True):
        rows = order[begin : begin + kind.shown]
        open_ended = not ends[rows[0]]
        corners = opening[rows] if open_ended else closing[rows]
        centres = _centres(positions, corners).tolist()
        born, died = opening[rows].tolist(), closing[rows].tolist()
        drawn = [
            [
                _atoms(table.rings[table.ring_begins[bar] : table.ring_begins[bar + 1]].tolist(), atoms)
                if ringed[row]
                else _atoms(born[place], atoms),
                [] if open_ended else _atoms(died[place], atoms),
                [round(x, 5) for x in centres[place]],
            ]
            for place, (row, bar) in enumerate(zip(rows.tolist(), bars[rows].tolist(), strict=True))
        ]
        birth, death = float(table.birth[bars[rows[0]]]), float(table.death[bars[rows[0]]])
        ended = round(death, 4) if math.isfinite(death) else None
        bar = {"dim": dim, "birth": round(birth, 4), "death": ended, "n": kind.equal, "members": drawn}
        found.append((bar, closing[rows[0]]))
    return found


def _add_surfaces(drawn: list[tuple[dict[str, Any], IntArray]], surfaces: Surfaces, atoms: list[list[AtomAt]]) -> None:
    """Add the surfaces of the first cavities that end to their entries."""
    for bar, tetrahedron in [one for one in drawn if one[0]["death"] is not None][:SURFACES]:
        found = surfaces.around(tetrahedron, bar["birth"])
        bar["surface"] = found and {
            "corners": _atoms(found.corners.tolist(), atoms),
            "faces": found.faces.tolist(),
        }


def _rows(vertices: IntArray, begins: IntArray, corners: int) -> IntArray:
    """Return the vertices (n, corners, 4) that begin at some rows."""
    rows: IntArray = vertices[begins[:, None] + np.arange(corners)]
    return rows


def _key(simplices: IntArray, atoms: list[list[AtomAt]]) -> IntArray:
    """Return numbers (n, 4 corners) that order simplices (n, corners, 4) as their atoms do.

    An atom belongs to one point, so the first atoms of two corners, with their cells, decide.
    """
    leading = np.array([one[0] for one in atoms], dtype=np.int64)[simplices[:, :, 0]]
    leading[:, :, 1:] += simplices[:, :, 1:]
    return leading.reshape(len(simplices), -1)


def _centres(positions: FloatArray, simplices: IntArray) -> FloatArray:
    """Return the mean of the corners of simplices (n, corners, 4), fractional (n, 3)."""
    mean: FloatArray = (positions[simplices[:, :, 0]] + simplices[:, :, 1:]).mean(axis=1)
    return mean


def _atoms(corners: list[list[int]], atoms: list[list[AtomAt]]) -> list[list[list[int]]]:
    return [[[atom, a + x, b + y, c + z] for atom, a, b, c in atoms[site]] for site, x, y, z in corners]
