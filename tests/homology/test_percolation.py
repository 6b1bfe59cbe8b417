"""Ranks of components against nets known by hand and against the walks of a finite block of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_homology import images_within, supercell

from screening import _kernels
from screening.crystals.crystal import CloudBatch
from screening.errors import Code, RejectionError
from screening.homology.barcodes import PHASE, RESOLUTION, radii_of, ticks
from screening.homology.percolation import percolation_ranks
from screening.homology.periodic import BUDGET, PRIME, SEED, barcodes, flat, periodic_barcodes

ORIGIN = np.zeros((1, 3))


def ranks_of(lattice, positions, r_max, **options):
    points = np.asarray(positions, float)
    clouds = CloudBatch.from_clouds([(np.asarray(lattice, float), points, np.ones(len(points)))])
    return percolation_ranks(clouds, r_max=r_max, **options)


def counts_by_walks(lattice, positions, radius):
    """Sites by rank of component: breadth-first walks that note every shift at which they come back to a site."""
    near = images_within(lattice, positions, radius + 1e-3)
    limit = int(ticks(radius))
    place: dict[int, np.ndarray] = {}
    counts = [0, 0, 0, 0]
    for start in range(len(positions)):
        if start in place:
            continue
        place[start], queue, loops = np.zeros(3, int), [start], []
        for i in queue:
            for (j, shift), distance in near[i].items():
                if ticks(distance) > limit:
                    continue
                if j not in place:
                    place[j] = place[i] + shift
                    queue.append(j)
                loops.append(place[i] + shift - place[j])
        counts[np.linalg.matrix_rank(np.array(loops)) if loops else 0] += len(queue)
    return counts


NETS: dict[str, Any] = {
    # name: lattice, positions, r_max, [(radius, counts)]
    "chain, then framework": (np.diag([2, 5, 5]), ORIGIN, 6, [(0, [1, 0, 0, 0]), (2, [0, 1, 0, 0]), (5, [0, 0, 0, 1])]),
    "layer": (np.diag([2, 2, 7]), ORIGIN, 5, [(0, [1, 0, 0, 0]), (2, [0, 0, 1, 0])]),
    "one direction at a time": (
        np.diag([2, 3, 4]),
        ORIGIN,
        5,
        [(0, [1, 0, 0, 0]), (2, [0, 1, 0, 0]), (3, [0, 0, 1, 0]), (4, [0, 0, 0, 1])],
    ),
    # Dumbbells of 1 Å stay molecules until they touch across the cell.
    "molecule": (np.eye(3) * 9, [[0, 0, 0], [1 / 9, 0, 0]], 7, [(0, [2, 0, 0, 0])]),
    # Rows 2 Å and 2.5 Å apart in layers 7 Å apart, in a cell none of whose vectors lies in a layer.
    "tilted layer": (
        np.array([[0, 0, 1], [1, 0, -1], [0, 1, 2]]) @ np.diag([2.0, 2.5, 7.0]),
        ORIGIN,
        5,
        [(0, [1, 0, 0, 0]), (2, [0, 1, 0, 0]), (2.5, [0, 0, 1, 0])],
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_known_nets_have_their_ranks(name):
    lattice, positions, r_max, expected = NETS[name]
    found = ranks_of(lattice, positions, r_max)
    assert found.radius.tolist() == pytest.approx([radius for radius, _ in expected])
    assert found.counts.tolist() == [counts for _, counts in expected]


def test_two_interpenetrating_frameworks_are_frameworks_before_they_touch():
    """Two primitive cubic nets through each other, struts of 1 Å steps: 1.5 Å apart, yet all sites percolate at 1 Å."""
    steps = [0, 1 / 3, 2 / 3]
    net = np.unique([np.eye(3)[axis] * step for axis in range(3) for step in steps], axis=0)
    lattice, both = np.eye(3) * 3.0, np.concatenate([net, net + 0.5])
    found = ranks_of(lattice, both, 1.4, primitive=False)
    assert found.radius.tolist() == [0.0, 1.0]
    assert found.counts.tolist() == [[14, 0, 0, 0], [0, 0, 0, 14]]
    between = [d for (j, _), d in images_within(lattice, both, 1.6)[0].items() if j >= 7]
    assert min(between, default=9.0) > 1.4


def test_woven_chains_in_two_directions_are_chains_until_they_touch():
    """Rods along x at z = 0 and along y at z = 1/2: rank 1 each, though together they span a plane."""
    lattice = np.diag([4.0, 4.0, 8.0])
    rods = [[0, 0, 0], [0.5, 0, 0], [0.25, 0, 0.5], [0.25, 0.5, 0.5]]
    found = ranks_of(lattice, rods, 4.2, primitive=False)
    assert found.at(0, [1.9, 2.0, 3.9]).tolist() == [[4, 0, 0, 0], [0, 4, 0, 0], [0, 4, 0, 0]]
    # At 4 Å each rod meets the next of its own kind: layers 4 Å apart, which join each other in the same tick.
    assert found.at(0, 4.0).tolist() == counts_by_walks(lattice, np.array(rods), 4.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_counts_equal_those_of_plain_walks(seed):
    rng = np.random.default_rng(seed)
    n_sites = int(rng.integers(1, 7))
    lattice = np.diag(rng.uniform(2, 9, 3)) + rng.normal(0, 0.8, (3, 3))
    positions = rng.random((n_sites, 3))
    found = ranks_of(lattice, positions, 8.0, primitive=False)
    assert (found.counts.sum(axis=1) == n_sites).all()
    assert (np.diff(found.radius) > 0).all()
    for radius in rng.uniform(0.5, 8.0, 4).round(3):
        tick_radius = radii_of(ticks(radius))
        assert found.at(0, tick_radius).tolist() == counts_by_walks(lattice, positions, tick_radius)


@pytest.mark.parametrize("matrix", [np.diag([2, 1, 3]), [[1, 1, 0], [-1, 1, 0], [0, 1, 2]]], ids=str)
def test_supercell_multiplies_the_counts(matrix):
    rng = np.random.default_rng(4)
    lattice, positions = np.diag([3.0, 5.0, 8.0]), rng.random((3, 3))
    cell = ranks_of(lattice, positions, 9.0, primitive=False)
    big = ranks_of(*supercell(lattice, positions, matrix), r_max=9.0, primitive=False)
    copies = abs(round(np.linalg.det(matrix)))
    np.testing.assert_array_equal(cell.radius, big.radius)
    np.testing.assert_array_equal(cell.counts * copies, big.counts)
    assert len(cell.radius) > 2
    reduced = ranks_of(*supercell(lattice, positions, matrix), r_max=9.0)
    np.testing.assert_array_equal(reduced.counts, cell.counts)
    assert reduced.n_points.tolist() == [3.0]


def test_first_rank_above_zero_ends_the_last_finite_component():
    """The death of H0 bars and the finite sites tell one story: no finite sites left, no bar left."""
    rng = np.random.default_rng(9)
    lattice, positions = np.eye(3) * 6, rng.random((5, 3))
    found = ranks_of(lattice, positions, 8.0)
    bars = periodic_barcodes((lattice, positions), r_max=8.0, max_dim=0).bars[0]
    assert bars[:, 1].max() == found.radius[np.flatnonzero(found.counts[:, 0] == 0)[0]]


def test_below_every_distance_all_sites_are_finite_and_empty_clouds_have_no_sites():
    found = ranks_of(np.eye(3) * 5, [[0, 0, 0], [0.5, 0.5, 0.4]], 1.0)
    assert (found.radius.tolist(), found.counts.tolist()) == ([0.0], [[2, 0, 0, 0]])
    empty = ranks_of(np.eye(3) * 5, np.empty((0, 3)), 3.0)
    assert empty.at(0, [0.0, 3.0]).tolist() == [[0, 0, 0, 0]] * 2


def test_threads_give_the_same_bytes():
    rng = np.random.default_rng(5)
    clouds = CloudBatch.from_clouds(
        [(np.diag(rng.uniform(3, 8, 3)), rng.random((n, 3)), np.ones(n)) for n in rng.integers(0, 9, 30)]
    )
    one, many = (percolation_ranks(clouds, r_max=7.0, threads=threads) for threads in (1, 4))
    for name in ("radius", "counts", "offsets", "n_points"):
        assert getattr(one, name).tobytes() == getattr(many, name).tobytes()


def test_unusable_input_is_refused():
    with pytest.raises(RejectionError) as caught:
        ranks_of(np.eye(3) * 5, [[0, 0, 0], [1, 1, 1]], 2.0, primitive=False)
    assert caught.value.code is Code.BAD_SITE
    with pytest.raises(RejectionError) as caught:
        ranks_of(np.zeros((3, 3)), ORIGIN, 2.0)
    assert caught.value.code is Code.BAD_CELL
    with pytest.raises(ValueError, match="r_max"):
        ranks_of(np.eye(3), ORIGIN, np.nan)
    with pytest.raises(ValueError, match="threads"):
        ranks_of(np.eye(3), ORIGIN, 1.0, threads=0)


def in_one_pass(clouds, r_max, *, budget=BUDGET, max_dim=2, threads=1):
    """Bars and ranks of the kernel that finds both: status, points, cuts, (bars), (events)."""
    status, points, cuts, *rest = _kernels.barcodes_and_percolation(
        *flat(clouds),
        np.broadcast_to(np.asarray(r_max, dtype=np.float64), (len(clouds),)).copy(),
        resolution=RESOLUTION,
        phase=PHASE,
        max_dim=max_dim,
        threads=threads,
        budget=budget,
        tolerance=1e-6,
        prime=PRIME,
        seed=SEED,
    )
    return status, points, cuts, rest[:4], rest[4:]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(2, BUDGET), (2, 20), (2, 400), (1, 50), (0, BUDGET)]))
def test_one_pass_gives_the_bars_and_ranks_of_two(seed, limits):
    """Also where the budget cuts the bars at a smaller radius than that of the ranks."""
    max_dim, budget = limits
    rng = np.random.default_rng(seed)
    clouds = CloudBatch.from_clouds(
        [
            (np.diag(rng.uniform(3, 9, 3)) + rng.normal(0, 0.7, (3, 3)), rng.random((n, 3)), np.ones(n))
            for n in rng.integers(0, 6, 4)
        ]
    )
    r_max = rng.uniform(1.0, 7.0, 4)
    bars = barcodes(clouds, r_max=r_max, budget=budget, max_dim=max_dim)
    ranks = percolation_ranks(clouds, r_max=r_max)
    status, points, _, (offsets, dims, births, deaths), (event_offsets, event_ticks, counts) = in_one_pass(
        clouds, r_max, budget=budget, max_dim=max_dim, threads=2
    )
    assert not status.any()
    assert points.tolist() == ranks.n_points.tolist()
    np.testing.assert_array_equal(offsets, bars.offsets)
    np.testing.assert_array_equal(dims, bars.dim)
    np.testing.assert_array_equal(radii_of(births), bars.birth)
    np.testing.assert_array_equal(np.where(deaths == 2**31 - 1, np.inf, radii_of(deaths)), bars.death)
    np.testing.assert_array_equal(event_offsets, ranks.offsets)
    np.testing.assert_array_equal(radii_of(event_ticks), ranks.radius)
    np.testing.assert_array_equal(counts, ranks.counts)


def test_one_pass_refuses_what_two_refuse():
    good = (np.eye(3) * 5, ORIGIN, np.ones(1))
    flatland = (np.zeros((3, 3)), ORIGIN, np.ones(1))
    # A point and itself once more, which no cell makes one of
    twice = (np.diag([5.0, 6.0, 7.0]), np.array([[0, 0, 0], [0, 0, 0], [0.3, 0.1, 0.2]]), np.ones(3))
    nowhere = (np.eye(3) * 5, np.full((1, 3), np.nan), np.ones(1))
    status, _, _, (offsets, *_), (event_offsets, *_) = in_one_pass(
        CloudBatch.from_clouds([good, flatland, twice, nowhere]), 3.0
    )
    assert status.tolist() == [0, 1, 3, 2]
    assert np.diff(offsets).tolist() == [1, 0, 0, 0]
    assert (np.diff(event_offsets) > 0).tolist() == [True, False, False, False]
