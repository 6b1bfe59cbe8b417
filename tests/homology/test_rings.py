"""Rings of bars: shortest by another program, certified by ranks of boundary matrices, the same in any description."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from made_points import random_points
from oracles_homology import P, boundary, orbits, rank, supercell
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from screening.config import Config, InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.clouds import channel_clouds
from screening.homology.barcodes import RESOLUTION, radii_of, ticks
from screening.homology.periodic import Vertex, periodic_barcodes

ZERO = (0, 0, 0)
SHEAR = [[1, 1, 0], [0, 1, 0], [-1, 2, 1]]


def rings_of(lattice, positions, r_max, **keywords):
    return periodic_barcodes((lattice, positions), r_max=r_max, max_dim=1, with_rings=True, **keywords)


def points(lattice, positions, ring):
    return np.array([(positions[v.site] + v.shift) @ lattice for v in ring])


def steps(lattice, positions, ring):
    """Ticks around the ring, the closing edge last."""
    at = points(lattice, positions, ring)
    return ticks(np.linalg.norm(np.roll(at, -1, axis=0) - at, axis=1)).tolist()


def shortest_way(lattice, positions, ring):
    """Ticks of a shortest path between the ends of a ring without its closing edge, by SciPy on a finite piece."""
    *way, closing = steps(lattice, positions, ring)
    ends = points(lattice, positions, [ring[0], ring[-1]])
    # No vertex of a path as short lies farther from the middle of its ends than half its length.
    middle, reach = ends.mean(axis=0), (sum(way) + len(way)) * RESOLUTION / 2 + 1e-6
    # Cells that meet the ball: fractional coordinates within it are bounded by the lengths of the inverse's columns.
    spread = reach * np.linalg.norm(np.linalg.inv(lattice), axis=0) + 1e-9
    within = []
    for i, p in enumerate(positions):
        base = middle @ np.linalg.inv(lattice) - p
        ranges = [range(int(np.ceil(b - s)), int(np.floor(b + s)) + 1) for b, s in zip(base, spread, strict=True)]
        within += [(i, shift) for shift in itertools.product(*ranges)]
    at = np.array([(positions[i] + shift) @ lattice for i, shift in within])
    keep = np.linalg.norm(at - middle, axis=1) <= reach
    within, at = [v for v, kept in zip(within, keep, strict=True) if kept], at[keep]
    first, last = within.index(tuple(ring[0])), within.index(tuple(ring[-1]))
    pairs = cKDTree(at).query_pairs(closing * RESOLUTION + 1e-3, output_type="ndarray")
    length = ticks(np.linalg.norm(at[pairs[:, 0]] - at[pairs[:, 1]], axis=1))
    kept = (length <= closing) & ~((pairs == sorted((first, last))).all(axis=1))
    graph = coo_matrix((length[kept], pairs[kept].T), shape=(len(at), len(at))).tocsr()
    return int(dijkstra(graph, directed=False, indices=first)[last])


def check_ring(lattice, positions, ring, birth):
    """The laws of a ring that need no oracle."""
    assert len(ring) >= 3
    assert len(set(ring)) == len(ring)
    assert ring[0].shift == ZERO
    around = steps(lattice, positions, ring)
    assert around[-1] == max(around) == int(ticks(birth))


@pytest.mark.parametrize("seed", range(24))
def test_rings_of_random_crystals_are_shortest(seed):
    """Without equal distances the closing edge is the birth edge, and the way back the shortest there is."""
    lattice, positions, r_max = random_points(np.random.default_rng(seed), n_sites=3 + seed % 6)
    found = rings_of(lattice, positions, 1.3 * r_max, with_simplices=True)
    assert len(found.rings) == len(found.bars[1])
    for ring, bar, birth in zip(found.rings, found.bars[1], found.birth_simplices[1], strict=True):
        check_ring(lattice, positions, ring, bar[0])
        assert (ring[0], ring[-1]) == birth
        assert sum(steps(lattice, positions, ring)[:-1]) == shortest_way(lattice, positions, ring)


def chain_of(ring, tick_of, first_tick, units):
    """The ring as a chain of orbits, {edge: coefficient mod P}, edges before `first_tick` left out."""
    column: dict[Any, int] = defaultdict(int)
    for v, w in zip(ring, (*ring[1:], ring[0]), strict=True):
        (a, b), sign = ((v, w), 1) if tuple(v) < tuple(w) else ((w, v), -1)
        factor = sign
        for unit, exponent in zip(units, a.shift, strict=True):
            factor = factor * pow(unit, exponent, P) % P
        edge = ((a.site, ZERO), (b.site, tuple(y - x for x, y in zip(a.shift, b.shift, strict=True))))
        if tick_of[edge] >= first_tick:
            column[edge] = (column[edge] + factor) % P
    return {edge: value for edge, value in column.items() if value}


@pytest.mark.parametrize("seed", range(16))
def test_rings_live_as_long_as_their_bars(seed):
    """By ranks: until the death they are independent of boundaries and of all edges before the birth, then no more."""
    lattice, positions, r_max = random_points(np.random.default_rng(seed), n_sites=3, tied=seed % 2 == 1)
    found = rings_of(lattice, positions, r_max, primitive=False)
    levels = orbits(lattice, positions, r_max, top=2)
    units = [int(u) for u in np.random.default_rng(7).integers(2, P - 1, 3)]
    bounded = [(tick, boundary(triangle, units)) for triangle, tick in levels[2].items()]
    alike = defaultdict(list)
    for ring, (birth, death) in zip(found.rings, found.bars[1].tolist(), strict=True):
        check_ring(lattice, positions, ring, birth)
        alike[int(ticks(birth)), int(ticks(death)) if np.isfinite(death) else None].append(ring)
    for (birth, death), rings in alike.items():
        new = [chain_of(ring, levels[1], birth, units) for ring in rings]
        older = lambda column, birth=birth: {e: x for e, x in column.items() if levels[1][e] >= birth}  # noqa: E731
        before = [older(column) for tick, column in bounded if death is None or tick < death]
        assert rank(before + new) == rank(before) + len(new)
        if death is not None:
            after = [older(column) for tick, column in bounded if tick <= death]
            assert rank(after + new) == rank(after)


def lengths(found, lattice, positions):
    """(birth, death, corners, ticks around) of every bar, sorted."""
    return sorted(
        (birth, death, len(ring), sum(steps(lattice, positions, ring)))
        for ring, (birth, death) in zip(found.rings, found.bars[1].tolist(), strict=True)
    )


@pytest.mark.parametrize("seed", range(12))
def test_rings_depend_on_no_description(seed):
    rng = np.random.default_rng(seed)
    lattice, positions, r_max = random_points(rng, n_sites=3 + seed % 4)
    first = lengths(rings_of(lattice, positions, r_max), lattice, positions)
    order = rng.permutation(len(positions))
    moved = (positions[order] + rng.random(3)) @ np.linalg.inv(SHEAR) + rng.integers(-2, 3, (len(positions), 3))
    sheared = np.array(SHEAR) @ lattice
    assert lengths(rings_of(sheared, moved, r_max), sheared, moved) == first
    big = supercell(lattice, positions, (2, 1, 1))
    assert lengths(rings_of(big[0], big[1], r_max), *big) == sorted(first * 2)


def sizes(lattice, positions, r_max: float):
    lattice, positions = np.array(lattice, dtype=float), np.array(positions, dtype=float)
    found = rings_of(lattice, positions, r_max)
    for ring, bar in zip(found.rings, found.bars[1], strict=True):
        check_ring(lattice, positions, ring, bar[0])
    return [len(ring) for ring in found.rings]


def test_squares_of_a_square_layer():
    assert sizes(np.diag([3, 3, 50]), [[0, 0, 0]], 4.5) == [4]
    assert sizes(np.diag([6, 3, 50]), [[0, 0, 0], [0.5, 0, 0]], 4.5) == [4, 4]
    assert sizes(*(supercell(np.diag([3.0, 3.0, 50.0]), [[0, 0, 0]], (3, 3, 1))), r_max=4.5) == [4] * 9


def test_hexagons_of_a_honeycomb():
    cell = [[3, 0, 0], [-1.5, 1.5 * np.sqrt(3), 0], [0, 0, 50]]
    layer = [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0]]
    assert sizes(cell, layer, 3.5) == [6]
    assert sizes(*(supercell(cell, layer, (2, 2, 1))), r_max=3.5) == [6] * 4


def test_chains_joined_to_layers_go_out_and_back_by_translates_of_one_edge():
    cell, site = np.array([[2, 0, 0], [0.3, 3.1, 0], [0, 0, 50]]), np.zeros((1, 3))
    found = rings_of(cell, site, 3.3)
    assert [len(ring) for ring in found.rings] == [4]
    assert np.count_nonzero(np.array(steps(cell, site, found.rings[0])) == int(ticks(found.bars[1][0, 0]))) == 2


def test_crossed_chains_use_four_translates():
    """Chains along x in one plane and along y in the next: no two rungs join the same two chains."""
    cell, sites = np.diag([2.0, 2.0, 30.0]), np.array([[0, 0, 0], [0.25, 0.1, 0.1]])
    along = np.array([[20.0, 0, 0], [0, 20.0, 0], [0, 0, 30.0]])
    chains = [[k / 10, 0, 0] for k in range(10)] + [[0.02, k / 10 + 0.01, 0.1] for k in range(10)]
    found = rings_of(along, np.array(chains), 3.2)
    edge = int(ticks(found.bars[1][0, 0]))
    assert steps(along, np.array(chains), found.rings[0]).count(edge) == 4
    assert sizes(cell, sites, 3.2)[:2] == [4, 4]


def test_a_molecule_in_a_huge_cell():
    turn = np.arange(7) / 7 * 2 * np.pi
    ring = np.stack([3 * np.cos(turn), 3 * np.sin(turn), 0 * turn], axis=1) / 1000
    assert sizes(np.eye(3) * 1000, ring, 6.0) == [7]


def test_so_many_rings_are_looked_for():
    lattice, positions = supercell(np.diag([3.0, 3.0, 3.3]), [[0, 0, 0], [0.4, 0.3, 0.4]], (2, 2, 1))
    whole = rings_of(lattice, positions, 5.0)
    some = periodic_barcodes((lattice, positions), r_max=5.0, max_dim=1, with_rings=(2, 3))
    kinds = sorted({(birth - death, birth) for birth, death in whole.bars[1].tolist()})[:2]
    left: dict[tuple[float, float], int] = dict.fromkeys(kinds, 3)
    for ring, (birth, death) in zip(some.rings, some.bars[1].tolist(), strict=True):
        kind = (birth - death, birth)
        wanted = left.get(kind, 0) > 0
        assert bool(ring) == wanted
        left[kind] = left.get(kind, 0) - wanted
    assert all(ring for ring in whole.rings)
    assert periodic_barcodes((lattice, positions), r_max=5.0).rings == ()


def test_rings_of_real_crystals(shared_data):
    """Every bar has one, never shorter than the shortest way; most are that, others stand for what it does not."""
    config, limits = Config(), InputLimits()
    equal = total = 0
    for path in sorted((shared_data / "obelix-train" / "cifs").glob("*.cif"))[::40]:
        crystal = read_cif(path.read_bytes(), id=path.stem, source=str(path), limits=limits)
        if 3 not in crystal.numbers:
            continue
        for lattice, positions, _ in channel_clouds(crystal, config.cloud).values():
            if not 0 < len(positions) < 60:
                continue
            found = rings_of(lattice, positions, 5.0)
            for ring, bar in list(zip(found.rings, found.bars[1], strict=True))[:40]:
                check_ring(lattice, positions, ring, bar[0])
                way = sum(steps(lattice, positions, ring)[:-1])
                if radii_of(np.array(way)) < 30:
                    least = shortest_way(lattice, positions, ring)
                    assert way >= least
                    equal, total = equal + (way == least), total + 1
    assert total > 200
    assert equal > 0.7 * total


def test_a_ring_is_made_of_vertices():
    found = rings_of(np.diag([3.0, 3.0, 50.0]), np.zeros((1, 3)), 4.5)
    assert all(isinstance(vertex, Vertex) for vertex in found.rings[0])
