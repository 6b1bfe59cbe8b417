"""From a bar back to atoms: which atoms open a hole, which close it, the ring they stand in, and where it lies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from screening import _kernels
from screening.config import Config, FeatureSettings
from screening.crystals import (
    Cloud,
    CloudBatch,
    Crystal,
    FloatArray,
    IntArray,
    Members,
    channel_label,
    channel_members,
    periodic_pairs,
)
from screening.errors import InputError
from screening.homology.barcodes import PHASE, RESOLUTION, ticks
from screening.homology.percolation import percolation_ranks
from screening.homology.periodic import BarTable, Vertex, bar_table

NAMES = ("component", "ring", "cavity")
MAX_EDGES = 24  # of a percolation event in the table: edges that symmetry makes equal appear together

Simplex = tuple[Vertex, ...]
Shift = tuple[int, int, int]
AtomAt = tuple[int, int, int, int]  # row of the crystal, and the cell it lies in


@dataclass(frozen=True, slots=True, eq=False)
class Hole:
    """One bar of one sublattice per unit cell of the crystal as read, with the atoms that open and close it.

    A corner of a simplex is a point of the sublattice: the atoms of one site, or of split sites that were merged. Every
    translate of the simplices by whole cells is as good: the hole repeats with the crystal.

    A ring (dimension 1) comes with a short cycle that stands for it, closed by its birth edge, which joins the last
    corner to the first: no step is longer than the birth, and it is neither filled nor made of older rings as long as
    the bar lives. At the death it is filled, up to rings that come before it in the filtration; the death triangle
    fills it last and need not lie in it. See `periodic_barcodes`. A cavity comes without a surface, which
    `hole_groups` looks for.
    """

    dim: int  # 0 component, 1 ring, 2 cavity
    birth: float  # Å, longest distance between corners of the birth simplex
    death: float  # Å, longest distance between corners of the death simplex; inf = open at the largest radius
    birth_atoms: tuple[tuple[AtomAt, ...], ...]  # [corner][atom]
    death_atoms: tuple[tuple[AtomAt, ...], ...]  # [corner][atom]; () for a bar that never ends
    birth_corners: FloatArray  # (dim + 1, 3) fractional positions of the corners
    death_corners: FloatArray  # (dim + 2, 3), or (0, 3)
    ring: tuple[tuple[AtomAt, ...], ...] = ()  # [corner][atom], in order; () but for rings, or if none was found
    ring_corners: FloatArray = field(default_factory=lambda: np.empty((0, 3)))  # (n, 3) fractional

    @property
    def centre(self) -> FloatArray:
        """Mean of the corners of the death simplex (else the birth simplex), fractional, (3,)."""
        mean: FloatArray = (self.death_corners if len(self.death_corners) else self.birth_corners).mean(axis=0)
        return mean


@dataclass(frozen=True, slots=True)
class Percolation:
    """The radius at which components of one rank first appear, and the edges that make them."""

    rank: int  # 1 chain, 2 layer, 3 framework
    radius: float  # Å
    sites: int  # points per unit cell as read that lie in components of this rank at that radius
    edges: tuple[Simplex, ...]  # of that length in such a component, as points of the cloud


def hole_atoms(crystal: Crystal, channel: str, config: Config | FeatureSettings) -> list[Hole]:
    """Return the bars of one channel per unit cell as read, with atoms, the most persistent first within a dimension.

    Bars come by dimension, then by length (open bars first), birth, corners of the ring, and simplex. The engine is
    always `periodic`, in the cell as read: its bars are those of the smallest cell, each repeated.

    Raises
    ------
    InputError
        The config names no such channel.
    RejectionError
        no-mobile-ion, or as `periodic_barcodes`.
    """
    if channel not in config.cloud.channels:
        raise InputError(f"no channel is named {channel!r}; there are {', '.join(config.cloud.channels)}")
    cloud, members = channel_members(crystal, config.cloud)[channel]
    table = _bars(cloud, channel, config, rings=True)
    makes = _Maker(table, cloud[1], _atoms_of_points(members, len(cloud[1])))
    return [hole for dim in range(config.homology.max_dim + 1) for run in _runs(table, dim) for hole in makes(run.bars)]


def _bars(cloud: Cloud, channel: str, config: Config | FeatureSettings, *, rings: bool | tuple[int, int]) -> BarTable:
    return bar_table(
        *cloud[:2],
        r_max=config.homology.r_max[channel],
        max_dim=config.homology.max_dim,
        budget=config.homology.budget,
        rings=rings,
    )


class _Run(NamedTuple):
    """Bars of one dimension with the same birth and death."""

    bars: IntArray  # (n,) their places in the table, in no order
    before: int  # longer ones of that dimension


def _runs(table: BarTable, dim: int) -> list[_Run]:
    """Return the bars of a dimension, those of equal length and birth together, the longest first."""
    bars = np.flatnonzero(table.dim == dim)
    length = table.birth - table.death
    bars = bars[np.lexsort((table.birth[bars], length[bars]))]
    values = np.stack([length[bars], table.birth[bars]])
    cuts = np.flatnonzero((values[:, 1:] != values[:, :-1]).any(axis=0)) + 1
    begins = [0, *cuts.tolist()] if len(bars) else []
    return [_Run(run, begin) for run, begin in zip(np.split(bars, cuts), begins, strict=False)]


class _Maker:
    """Makes holes of bars: their simplices and rings as atoms of the crystal."""

    def __init__(self, table: BarTable, positions: FloatArray, atoms: list[list[AtomAt]]) -> None:
        self._table = table
        self._positions = positions
        self._atoms = atoms

    def __call__(self, bars: IntArray) -> list[Hole]:
        """Return the holes of some bars of equal length and birth, in order."""
        return sorted((self._hole(bar) for bar in bars.tolist()), key=_order)

    def _hole(self, bar: int) -> Hole:
        table, atoms, positions = self._table, self._atoms, self._positions
        opening, closing = table.simplices(bar)
        ring = table.ring(bar)
        # Of several edges as long as the birth edge, the one that closes the ring is as good and belongs to it.
        first = (ring[0], ring[-1]) if ring else opening
        return Hole(
            dim=int(table.dim[bar]),
            birth=float(table.birth[bar]),
            death=float(table.death[bar]),
            birth_atoms=_atoms(first, atoms),
            death_atoms=_atoms(closing, atoms),
            birth_corners=corners(positions, first),
            death_corners=corners(positions, closing),
            ring=_atoms(ring, atoms),
            ring_corners=corners(positions, ring),
        )


def _order(hole: Hole) -> tuple[Any, ...]:
    corners = len(hole.ring) or math.inf
    return hole.dim, hole.birth - hole.death, hole.birth, corners, hole.birth_atoms, hole.death_atoms


def corners(positions: FloatArray, simplex: Sequence[Vertex]) -> FloatArray:
    """Return the fractional positions of a simplex's vertices, (n, 3)."""
    if not simplex:
        return np.empty((0, 3))
    found: FloatArray = positions[[vertex.site for vertex in simplex]] + [vertex.shift for vertex in simplex]
    return found


def _atoms_of_points(members: Members, n_points: int) -> list[list[AtomAt]]:
    atoms: list[list[AtomAt]] = [[] for _ in range(n_points)]
    for atom, point, (a, b, c) in zip(
        members.atom.tolist(), members.point.tolist(), members.shift.tolist(), strict=True
    ):
        atoms[point].append((atom, a, b, c))
    return atoms


def _atoms(simplex: Sequence[Vertex], atoms: list[list[AtomAt]]) -> tuple[tuple[AtomAt, ...], ...]:
    return tuple(tuple((atom, a + s[0], b + s[1], c + s[2]) for atom, a, b, c in atoms[site]) for site, s in simplex)


class _Event(NamedTuple):
    """A percolation event, its edges as arrays."""

    rank: int
    radius: float
    sites: int
    first: IntArray  # (n,) points of the edges
    second: IntArray  # (n,)
    shift: IntArray  # (n, 3) of the second point


def percolation_events(cloud: Cloud, r_max: float) -> list[Percolation]:
    """Return when the first chains, layers and frameworks appear up to `r_max` (Å), and by which edges."""
    return [
        Percolation(event.rank, event.radius, event.sites, _edges(event, len(event.first)))
        for event in _events(cloud, r_max)
    ]


def _events(cloud: Cloud, r_max: float) -> list[_Event]:
    lattice, positions, _ = cloud
    ranks = percolation_ranks(CloudBatch.from_clouds([cloud]), r_max=r_max, primitive=False)
    begins = [(rank, at[0]) for rank in (1, 2, 3) if len(at := np.flatnonzero(ranks.counts[:, rank]))]
    if not begins:
        return []
    pairs = periodic_pairs(lattice, positions, float(ranks.radius[max(at for _, at in begins)]) + 1e-3)
    tick = ticks(pairs.distance)
    events = []
    for rank, at in begins:
        level = int(ticks(ranks.radius[at]))
        joined = np.flatnonzero(tick <= level)
        first, second, shift = pairs.i[joined], pairs.j[joined], np.ascontiguousarray(pairs.shift[joined])
        of_sites = _kernels.component_ranks(len(positions), first, second, shift)
        chosen = (tick[joined] == level) & (of_sites[first] == rank)
        radius, sites = float(ranks.radius[at]), int(ranks.counts[at, rank])
        events.append(_Event(rank, radius, sites, first[chosen], second[chosen], shift[chosen]))
    return events


def _edges(event: _Event, most: int) -> tuple[Simplex, ...]:
    """Return the first edges of an event."""
    places = zip(event.first[:most].tolist(), event.second[:most].tolist(), event.shift[:most].tolist(), strict=True)
    return tuple((Vertex(i, (0, 0, 0)), Vertex(j, (a, b, c))) for i, j, (a, b, c) in places)


def hole_table(crystal: Crystal, config: Config | FeatureSettings, *, max_bars: int = 40) -> dict[str, Any]:
    """Return the most persistent rings and cavities of each channel, and its percolation, ready for JSON.

    At most `max_bars` bars a channel and dimension, the longest first; `left_out` counts the others. The exact form::

        {"lattice": [[x, y, z] * 3],                       # Å, rows
         "channels": [{
            "channel": "mobile", "label": "Li",
            "points": 24,                                  # points of the sublattice per cell as read
            "r_cut": 8.0,                                  # Å, radius up to which the bars are complete
            "bars": [{
               "dim": 1,                                   # 1 ring, 2 cavity
               "birth": 3.1, "death": 4.2,                 # Å; death null: open at r_cut
               "centre": [x, y, z],                        # fractional
               "birth_atoms": [[[atom, a, b, c], ...]],    # corner -> its atoms: row of the crystal, and cell shift
               "ring": [[[atom, a, b, c], ...]],           # in order, last and first joined by the birth edge; empty
                                                           # for a cavity, or where none was found
               "ring_size": 6,                             # its corners; null where it is empty
               "death_atoms": [[[atom, a, b, c], ...]],    # empty for an open bar
               "death_edges": [[0, 1], ...]}],             # corners of death_atoms at most `birth` apart
            "left_out": {"1": 3, "2": 0},
            "percolation": [{
               "rank": 2, "radius": 3.4, "sites": 12,      # rank 1 chain, 2 layer, 3 framework; sites per cell as read
               "edges": [[[[atom, a, b, c], ...], [[atom, a, b, c], ...]], ...],
               "edges_left_out": 0}]}]}

    An atom [k, a, b, c] stands at ``crystal.positions[k] + (a, b, c)``, fractional; adding one shift to all atoms of an
    entry gives its image in another cell. Lengths are rounded to 1e-4 Å, centres to 1e-5.

    Raises
    ------
    ValueError
        `max_bars` is negative.
    RejectionError
        no-mobile-ion, or as `periodic_barcodes`.
    """
    if max_bars < 0:
        raise ValueError("max_bars must not be negative")

    def entries(table: BarTable, positions: FloatArray, atoms: list[list[AtomAt]]) -> list[dict[str, Any]]:
        makes = _Maker(table, positions, atoms)
        return [
            _entry(hole, crystal.lattice)
            for dim in range(1, config.homology.max_dim + 1)
            for run in _runs(table, dim)
            if run.before < max_bars
            for hole in makes(run.bars)[: max_bars - run.before]
        ]

    return {"lattice": crystal.lattice.tolist(), "channels": channel_entries(crystal, config, entries, most=max_bars)}


def channel_entries(
    crystal: Crystal,
    config: Config | FeatureSettings,
    entries: Callable[[BarTable, FloatArray, list[list[AtomAt]]], list[dict[str, Any]]],
    *,
    most: int,
    rings: bool | tuple[int, int] = True,
) -> list[dict[str, Any]]:
    """Return the channels of `hole_table`; their bars are what `entries` makes of bars, positions and atoms of points.

    At most `most` bars are told of each dimension; `rings` as of `bar_table`.
    """
    channels = []
    for channel, (cloud, members) in channel_members(crystal, config.cloud).items():
        if len(cloud[1]) == 0:
            continue
        table, atoms = _bars(cloud, channel, config, rings=rings), _atoms_of_points(members, len(cloud[1]))
        dims = range(1, config.homology.max_dim + 1)
        channels.append(
            {
                "channel": channel,
                "label": channel_label(channel, config.cloud),
                "points": len(cloud[1]),
                "r_cut": round(table.r_cut, 4),
                "bars": entries(table, cloud[1], atoms),
                "left_out": {str(dim): max(0, int((table.dim == dim).sum()) - most) for dim in dims},
                "percolation": [_event_entry(event, atoms) for event in _events(cloud, config.homology.r_max[channel])],
            }
        )
    return channels


def _entry(hole: Hole, lattice: FloatArray) -> dict[str, Any]:
    points = (hole.death_corners @ lattice).tolist()
    limit = hole.birth + (1 - PHASE) * RESOLUTION  # where the tick of the birth ends
    return {
        "dim": hole.dim,
        "birth": round(hole.birth, 4),
        "death": round(hole.death, 4) if math.isfinite(hole.death) else None,
        "centre": [round(x, 5) for x in hole.centre.tolist()],
        "birth_atoms": [[list(atom) for atom in corner] for corner in hole.birth_atoms],
        "death_atoms": [[list(atom) for atom in corner] for corner in hole.death_atoms],
        "death_edges": [
            [a, b] for a, b in combinations(range(len(points)), 2) if math.dist(points[a], points[b]) < limit
        ],
        "ring": [[list(atom) for atom in corner] for corner in hole.ring],
        "ring_size": len(hole.ring) or None,
    }


def _event_entry(event: _Event, atoms: list[list[AtomAt]]) -> dict[str, Any]:
    shown = _edges(event, MAX_EDGES)
    return {
        "rank": event.rank,
        "radius": round(event.radius, 4),
        "sites": event.sites,
        "edges": [[[list(atom) for atom in corner] for corner in _atoms(edge, atoms)] for edge in shown],
        "edges_left_out": len(event.first) - len(shown),
    }


def hole_lines(crystal: Crystal, holes: Sequence[Hole]) -> list[str]:
    """Return one line per hole for a person: what it is, its radii, the atoms that bound it, and a ring's corners.

    An atom is told by its name, see `Crystal.atom_names`, and (if not the first) the cell it lies in: ``Cl1#3`` or
    ``Cl1#3+(1,0,-1)``. Atoms of merged split sites stand together: ``Li1#2/Li2#2``.
    """
    names = crystal.atom_names()
    lines = []
    for hole in holes:
        end = f"{hole.death:.2f}" if math.isfinite(hole.death) else "open"
        told = [f"{NAMES[hole.dim]:<9} {hole.birth:.2f} to {end} Å"]
        told.append(f"opened by {_named(names, hole.birth_atoms)}")
        if hole.death_atoms:
            told.append(f"closed by {_named(names, hole.death_atoms)}")
        if hole.dim == 1:
            told.append(f"{len(hole.ring)} corners: {_named(names, hole.ring)}" if hole.ring else "ring not found")
        lines.append("; ".join(told))
    return lines


def _named(names: Sequence[str], corners: Sequence[Sequence[AtomAt]]) -> str:
    def one(atom: int, a: int, b: int, c: int) -> str:
        return names[atom] + (f"+({a},{b},{c})" if (a, b, c) != (0, 0, 0) else "")

    return " ".join("/".join(one(*atom) for atom in corner) for corner in corners)
