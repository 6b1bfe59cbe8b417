"""From a bar back to atoms: which atoms open a hole, which close it, and where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from screening.cloud import Cloud, Members, channel_label, channel_members
from screening.config import Config
from screening.crystal import SYMBOLS, CloudBatch, Crystal, FloatArray, IntArray
from screening.errors import InputError
from screening.homology import Vertex, percolation_ranks, periodic_barcodes, ticks
from screening.neighbours import periodic_pairs

NAMES = ("component", "ring", "cavity")
MAX_EDGES = 24  # of a percolation event in the table: edges that symmetry makes equal appear together

Simplex = tuple[Vertex, ...]
AtomAt = tuple[int, int, int, int]  # row of the crystal, and the cell it lies in


@dataclass(frozen=True, slots=True, eq=False)
class Hole:
    """One bar of one sublattice per unit cell of the crystal as read, with the atoms that open and close it.

    A corner of a simplex is a point of the sublattice: the atoms of one site, or of split sites that were merged. Every
    translate of the simplices by whole cells is as good: the hole repeats with the crystal.
    """

    dim: int  # 0 component, 1 ring, 2 cavity
    birth: float  # Å, longest distance between corners of the birth simplex
    death: float  # Å, longest distance between corners of the death simplex; inf = open at the largest radius
    birth_atoms: tuple[tuple[AtomAt, ...], ...]  # [corner][atom]
    death_atoms: tuple[tuple[AtomAt, ...], ...]  # [corner][atom]; () for a bar that never ends
    birth_corners: FloatArray  # (dim + 1, 3) fractional positions of the corners
    death_corners: FloatArray  # (dim + 2, 3), or (0, 3)

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


def hole_atoms(crystal: Crystal, channel: str, config: Config) -> list[Hole]:
    """Return the bars of one channel per unit cell as read, with atoms, the most persistent first within a dimension.

    Bars come by dimension, then by length (open bars first), birth, and simplex. The engine is always `periodic`, in
    the cell as read: its bars are those of the smallest cell, each repeated.

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
    return _holes(cloud, members, channel, config)[0]


def _holes(cloud: Cloud, members: Members, channel: str, config: Config) -> tuple[list[Hole], float]:
    """Return the holes of a cloud, and the radius up to which they are complete."""
    found = periodic_barcodes(
        cloud[:2],
        r_max=config.homology.r_max[channel],
        max_dim=config.homology.max_dim,
        budget=config.homology.budget,
        with_simplices=True,
    )
    atoms = _atoms_of_points(members, len(cloud[1]))
    holes = [
        Hole(
            dim=dim,
            birth=float(bar[0]),
            death=float(bar[1]),
            birth_atoms=_atoms(birth, atoms),
            death_atoms=_atoms(death, atoms),
            birth_corners=corners(cloud[1], birth),
            death_corners=corners(cloud[1], death),
        )
        for dim, bars in enumerate(found.bars)
        for bar, birth, death in zip(bars, found.birth_simplices[dim], found.death_simplices[dim], strict=True)
    ]
    holes.sort(key=lambda hole: (hole.dim, hole.birth - hole.death, hole.birth, hole.birth_atoms, hole.death_atoms))
    return holes, found.r_cut


def corners(positions: FloatArray, simplex: Sequence[Vertex]) -> FloatArray:
    """Return the fractional positions of a simplex's vertices, (n, 3)."""
    return np.array([positions[vertex.site] + vertex.shift for vertex in simplex]).reshape(-1, 3)


def _atoms_of_points(members: Members, n_points: int) -> list[list[AtomAt]]:
    atoms: list[list[AtomAt]] = [[] for _ in range(n_points)]
    for atom, point, (a, b, c) in zip(
        members.atom.tolist(), members.point.tolist(), members.shift.tolist(), strict=True
    ):
        atoms[point].append((atom, a, b, c))
    return atoms


def _atoms(simplex: Sequence[Vertex], atoms: list[list[AtomAt]]) -> tuple[tuple[AtomAt, ...], ...]:
    return tuple(tuple((atom, a + s[0], b + s[1], c + s[2]) for atom, a, b, c in atoms[site]) for site, s in simplex)


def percolation_events(cloud: Cloud, r_max: float) -> list[Percolation]:
    """Return when the first chains, layers and frameworks appear up to `r_max` (Å), and by which edges."""
    lattice, positions, _ = cloud
    ranks = percolation_ranks(CloudBatch.from_clouds([cloud]), r_max=r_max, primitive=False)
    events: list[Percolation] = []
    for rank in (1, 2, 3):
        at = np.flatnonzero(ranks.counts[:, rank])
        if len(at):
            radius = float(ranks.radius[at[0]])
            edges = _edges_of_rank(lattice, positions, radius, rank)
            events.append(Percolation(rank, radius, int(ranks.counts[at[0], rank]), edges))
    return events


def _edges_of_rank(lattice: FloatArray, positions: FloatArray, radius: float, rank: int) -> tuple[Simplex, ...]:
    """Return the edges of exactly this length that lie in components of the rank."""
    pairs = periodic_pairs(lattice, positions, radius + 1e-3)
    tick = ticks(pairs.distance)
    level = int(ticks(np.array(radius)))
    joined = [
        (i, j, shift)
        for i, j, shift, t in zip(pairs.i.tolist(), pairs.j.tolist(), pairs.shift, tick.tolist(), strict=True)
        if t <= level
    ]
    component, of_rank = _component_ranks(len(positions), joined)
    return tuple(
        (Vertex(i, (0, 0, 0)), Vertex(j, (int(shift[0]), int(shift[1]), int(shift[2]))))
        for (i, j, shift), t in zip(joined, tick[tick <= level].tolist(), strict=True)
        if t == level and of_rank[component[i]] == rank
    )


def _component_ranks(n: int, joined: list[tuple[int, int, IntArray]]) -> tuple[list[int], list[int]]:
    """Return the component of each point, and each component's number of independent periods."""
    neighbours: list[list[tuple[int, IntArray]]] = [[] for _ in range(n)]
    for i, j, shift in joined:
        neighbours[i].append((j, shift))
        neighbours[j].append((i, -shift))
    component = [-1] * n
    place = np.zeros((n, 3), dtype=np.int64)
    ranks: list[int] = []
    for seed in range(n):
        if component[seed] >= 0:
            continue
        component[seed], stack, periods = len(ranks), [seed], {(0, 0, 0)}
        while stack:
            point = stack.pop()
            for other, shift in neighbours[point]:
                if component[other] < 0:
                    component[other], place[other] = len(ranks), place[point] + shift
                    stack.append(other)
                else:
                    periods.add(tuple((place[point] + shift - place[other]).tolist()))
        ranks.append(int(np.linalg.matrix_rank(np.array(sorted(periods)))))
    return component, ranks


def hole_table(crystal: Crystal, config: Config, *, max_bars: int = 40) -> dict[str, Any]:
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
    channels = []
    for channel, (cloud, members) in channel_members(crystal, config.cloud).items():
        if len(cloud[1]) == 0:
            continue
        holes, r_cut = _holes(cloud, members, channel, config)
        by_dim = {dim: [hole for hole in holes if hole.dim == dim] for dim in range(1, config.homology.max_dim + 1)}
        atoms = _atoms_of_points(members, len(cloud[1]))
        channels.append(
            {
                "channel": channel,
                "label": channel_label(channel, config.cloud),
                "points": len(cloud[1]),
                "r_cut": round(r_cut, 4),
                "bars": [_entry(hole, crystal.lattice) for found in by_dim.values() for hole in found[:max_bars]],
                "left_out": {str(dim): max(0, len(found) - max_bars) for dim, found in by_dim.items()},
                "percolation": [
                    _event_entry(event, atoms) for event in percolation_events(cloud, config.homology.r_max[channel])
                ],
            }
        )
    return {"lattice": crystal.lattice.tolist(), "channels": channels}


def _entry(hole: Hole, lattice: FloatArray) -> dict[str, Any]:
    points = hole.death_corners @ lattice
    limit = int(ticks(np.array(hole.birth)))
    return {
        "dim": hole.dim,
        "birth": round(hole.birth, 4),
        "death": round(hole.death, 4) if np.isfinite(hole.death) else None,
        "centre": np.round(hole.centre, 5).tolist(),
        "birth_atoms": [[list(atom) for atom in corner] for corner in hole.birth_atoms],
        "death_atoms": [[list(atom) for atom in corner] for corner in hole.death_atoms],
        "death_edges": [
            [a, b]
            for a, b in combinations(range(len(points)), 2)
            if int(ticks(np.array(np.linalg.norm(points[a] - points[b])))) <= limit
        ],
    }


def _event_entry(event: Percolation, atoms: list[list[AtomAt]]) -> dict[str, Any]:
    shown = event.edges[:MAX_EDGES]
    return {
        "rank": event.rank,
        "radius": round(event.radius, 4),
        "sites": event.sites,
        "edges": [[[list(atom) for atom in corner] for corner in _atoms(edge, atoms)] for edge in shown],
        "edges_left_out": len(event.edges) - len(shown),
    }


def hole_lines(crystal: Crystal, holes: Sequence[Hole]) -> list[str]:
    """Return one line per hole for a person: what it is, its radii, and the atoms of the simplices that bound it.

    An atom is its element, its row in the crystal, and (if not the first) the cell it lies in: ``Cl7`` or
    ``Cl7(1,0,-1)``. Atoms of merged split sites stand together: ``Li3/Li4``.
    """
    lines = []
    for hole in holes:
        end = f"{hole.death:.2f}" if np.isfinite(hole.death) else "open"
        told = [f"{NAMES[hole.dim]:<9} {hole.birth:.2f} to {end} Å"]
        told.append(f"opened by {_named(crystal, hole.birth_atoms)}")
        if hole.death_atoms:
            told.append(f"closed by {_named(crystal, hole.death_atoms)}")
        lines.append("; ".join(told))
    return lines


def _named(crystal: Crystal, corners: Sequence[Sequence[AtomAt]]) -> str:
    def one(atom: int, a: int, b: int, c: int) -> str:
        place = f"({a},{b},{c})" if (a, b, c) != (0, 0, 0) else ""
        return f"{SYMBOLS[int(crystal.numbers[atom])]}{atom}{place}"

    return " ".join("/".join(one(*atom) for atom in corner) for corner in corners)
