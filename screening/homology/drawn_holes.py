"""The first holes of every kind, as a page draws them: the answer of `hole_table` with equal bars as one, at once.

Only what is drawn is taken apart. What stands first among equal bars is found by sorting their simplices as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    rows = np.concatenate([order[begin : begin + kind.shown] for begin, kind in zip(begins, kinds, strict=True)])
    rings = zip(table.ring_begins[bars[rows]].tolist(), table.ring_begins[bars[rows] + 1].tolist(), strict=True)
    born = iter(
        _atoms_of_many(
            [
                table.rings[first:last] if closed else opening[row]
                for row, closed, (first, last) in zip(rows.tolist(), ringed[rows].tolist(), rings, strict=True)
            ],
            atoms,
        )
    )
    died = iter(_atoms_of_many(list(closing[rows[ends[rows]]]), atoms))
    centres = np.empty((len(rows), 3))
    for ended, simplices in ((True, closing), (False, opening)):
        centres[ends[rows] == ended] = _centres(positions, simplices[rows[ends[rows] == ended]])
    places = iter(centres.tolist())
    found: list[tuple[dict[str, Any], IntArray]] = []
    at = 0
    for kind in kinds:
        row = rows[at]
        at += kind.shown
        death = float(table.death[bars[row]])
        drawn = [
            [next(born), next(died) if math.isfinite(death) else [], [round(x, 5) for x in next(places)]]
            for _ in range(kind.shown)
        ]
        bar = {
            "dim": dim,
            "birth": round(float(table.birth[bars[row]]), 4),
            "death": round(death, 4) if math.isfinite(death) else None,
            "n": kind.equal,
            "members": drawn,
        }
        found.append((bar, closing[row]))
    return found


def _add_surfaces(drawn: list[tuple[dict[str, Any], IntArray]], surfaces: Surfaces, atoms: list[list[AtomAt]]) -> None:
    """Add the surfaces of the first cavities that end to their entries."""
    for bar, tetrahedron in [one for one in drawn if one[0]["death"] is not None][:SURFACES]:
        found = surfaces.around(tetrahedron, bar["birth"])
        bar["surface"] = found and {
            "corners": _atoms_of_many([found.corners], atoms)[0],
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


def _atoms_of_many(simplices: Sequence[IntArray], atoms: list[list[AtomAt]]) -> list[list[list[list[int]]]]:
    """Return the atoms of the corners of simplices (n_corners, 4), as [simplex][corner][atom]; made in one go."""
    if not simplices:
        return []
    corners = np.concatenate(simplices)
    site = corners[:, 0]
    count = np.array([len(one) for one in atoms], dtype=np.int64)
    flat = np.array([atom for one in atoms for atom in one], dtype=np.int64)
    ends = np.cumsum(count[site])
    first = np.cumsum(count)[site] - ends  # of the atoms of a corner among all, less where they come to stand
    rows = flat[np.repeat(first, count[site]) + np.arange(ends[-1])]
    rows[:, 1:] += np.repeat(corners[:, 1:], count[site], axis=0)
    cells = rows.tolist()
    edges = [0, *ends.tolist()]
    at_corners = [cells[begin:end] for begin, end in pairwise(edges)]
    places = np.cumsum([0, *map(len, simplices)]).tolist()
    return [at_corners[begin:end] for begin, end in pairwise(places)]
