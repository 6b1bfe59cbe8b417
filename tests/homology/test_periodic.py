"""The laws of the periodic engine, each against a way to the same number that shares no code with it."""

from __future__ import annotations

import numpy as np
import pytest
import redzed_tda
from hypothesis import given, settings
from hypothesis import strategies as st
from made_points import random_points
from oracles_homology import (
    betti_by_ranks,
    betti_of_bars,
    images_within,
    orbits,
    sorted_bars,
    supercell,
    torus_distances,
)

from screening import _kernels
from screening.crystals.crystal import CloudBatch
from screening.homology.barcodes import PHASE, RESOLUTION, radii_of, ticks
from screening.homology.periodic import BUDGET, PRIME, SEED, barcodes, flat, periodic_barcodes

FCC = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])


ORIGIN = np.zeros((1, 3))


def batch(*crystals):
    return CloudBatch.from_clouds(
        [(np.asarray(cell, float), np.asarray(x, float), np.ones(len(x))) for cell, x in crystals]
    )


def assert_same_bars(first, second, *, repeats=1):
    for a, b in zip(first.bars, second.bars, strict=True):
        np.testing.assert_array_equal(sorted_bars(np.repeat(a, repeats, axis=0)), sorted_bars(b))


@pytest.mark.parametrize("seed", range(16))
def test_betti_numbers_equal_ranks_of_boundary_matrices(seed):
    lattice, positions, r_max = random_points(np.random.default_rng(seed), tied=seed % 2 == 1)
    found = periodic_barcodes((lattice, positions), r_max=r_max, primitive=False)
    for tick, betti in betti_by_ranks(lattice, positions, r_max).items():
        assert tuple(betti_of_bars(found.bars[dim], radii_of(tick)) for dim in range(3)) == betti


MATRICES = [
    np.diag([2, 1, 1]),
    np.diag([1, 2, 3]),
    np.diag([2, 2, 2]),
    [[1, 1, 0], [-1, 1, 0], [0, 0, 1]],
    [[1, 2, 0], [0, 2, 1], [0, 0, -3]],
]


@pytest.mark.parametrize("matrix", MATRICES, ids=lambda m: str(np.asarray(m).tolist()))
@pytest.mark.parametrize("tied", [False, True])
def test_supercell_repeats_every_bar(matrix, tied):
    copies = abs(round(np.linalg.det(matrix)))
    lattice, positions, r_max = random_points(np.random.default_rng(copies), tied=tied)
    cell = periodic_barcodes((lattice, positions), r_max=r_max, primitive=False)
    big = periodic_barcodes(supercell(lattice, positions, matrix), r_max=r_max, primitive=False)
    assert sum(map(len, cell.bars)) > 0
    assert big.n_points == copies * cell.n_points
    assert_same_bars(cell, big, repeats=copies)


def test_primitive_cell_gives_the_bars_of_the_given_cell_once_each():
    conventional = supercell(FCC * 5.64, ORIGIN, [[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    given_cell = periodic_barcodes(conventional, r_max=7.0, primitive=False)
    smallest = periodic_barcodes(conventional, r_max=7.0)
    assert (given_cell.n_points, smallest.n_points) == (4, 1)
    assert_same_bars(smallest, given_cell, repeats=4)


@pytest.mark.slow
def test_torus_curves_approach_ours_as_one_over_width():
    """Betti curves of L x L x L tori by RedZeD, per cell: the largest difference falls with L, as the theorem says."""
    rng = np.random.default_rng(0)
    lattice = np.eye(3) * 5.0 + rng.normal(0, 0.5, (3, 3))
    positions = rng.random((3, 3))
    radii = np.arange(0.5, 5.5, 0.1)
    ours = periodic_barcodes((lattice, positions), r_max=5.5)
    errors = []
    for repeats in (4, 6):
        distances = radii_of(ticks(torus_distances(lattice, positions, repeats)))
        bars = [np.asarray(b) for b in redzed_tda.rips(distances, maxdim=2, threshold=5.5)]
        errors.append(
            max(
                abs(betti_of_bars(bars[dim], r) / repeats**3 - betti_of_bars(ours.bars[dim], r))
                for dim in range(3)
                for r in radii
            )
        )
    assert errors[1] < errors[0] < 0.5
    assert errors[1] <= 0.85 * errors[0]  # 4/6 = 0.67 in the limit


@pytest.mark.parametrize("seed", range(4))
def test_bars_depend_on_neither_units_nor_prime(seed):
    rng = np.random.default_rng(100 + seed)
    lattice, positions, r_max = random_points(rng, n_sites=6, tied=seed % 2 == 1)
    clouds = batch((lattice, positions))
    first = barcodes(clouds, r_max=r_max)
    for prime, units in [(PRIME, 2), (PRIME, 12345), (2147483629, 1), (1073741789, 7), (1048583, 3)]:
        other = barcodes(clouds, r_max=r_max, prime=prime, seed=units)
        for name in ("birth", "death", "dim"):
            np.testing.assert_array_equal(getattr(first, name), getattr(other, name))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_bars_depend_on_no_description_of_the_crystal(seed):
    rng = np.random.default_rng(seed)
    lattice, positions, r_max = random_points(rng, n_sites=4)
    reference = periodic_barcodes((lattice, positions), r_max=r_max)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))  # left- or right-handed
    shear = np.eye(3, dtype=int)
    for _ in range(4):
        a, b = rng.permutation(3)[:2]
        shear[a] += int(rng.integers(-2, 3)) * shear[b]
    basis = shear[rng.permutation(3)]
    moved = (positions + rng.uniform(-3, 3, 3))[rng.permutation(4)] @ np.linalg.inv(basis)
    assert_same_bars(reference, periodic_barcodes((basis @ lattice @ rotation, moved), r_max=r_max))


def test_scaling_the_crystal_scales_the_bars():
    lattice, positions, r_max = random_points(np.random.default_rng(3), n_sites=4)
    small = periodic_barcodes((lattice, positions), r_max=r_max)
    large = periodic_barcodes((3 * lattice, positions), r_max=3 * r_max)
    for a, b in zip(small.bars, large.bars, strict=True):
        finite = b[np.isfinite(b).all(axis=1)]
        scaled = 3 * a[np.isfinite(a).all(axis=1)]
        # bars shorter than the tick's rounding may come or go
        keep = [x[np.diff(x, axis=1)[:, 0] > 10 * RESOLUTION] for x in (scaled, finite)]
        np.testing.assert_allclose(sorted_bars(keep[0]), sorted_bars(keep[1]), atol=4 * RESOLUTION)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.002, 0.01, 0.05]))
def test_moving_atoms_by_eps_moves_bar_ends_by_two_eps(seed, eps):
    """Of bars longer than twice the slack, as many live from birth + slack to death - slack as from birth to death.

    Half of the crystals are symmetric, so that the jitter multiplies the primitive cell.
    """
    rng = np.random.default_rng(seed)
    if seed % 2:
        lattice, positions, r_max = random_points(rng, n_sites=4)
    else:
        lattice, positions = supercell(FCC * 4, ORIGIN, [[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
        r_max = 4.5
    step = rng.normal(size=positions.shape)
    step *= eps * rng.random((len(step), 1)) / np.linalg.norm(step, axis=1, keepdims=True)
    moved = positions + step @ np.linalg.inv(lattice)
    before, after = (periodic_barcodes((lattice, x), r_max=r_max) for x in (positions, moved))
    slack = 2 * eps + 1.01 * RESOLUTION

    def alive(found, dim, birth, death):  # bars of the whole cell born by `birth` and dead after `death`
        bars = found.bars[dim]
        return ((bars[:, 0] <= birth) & (bars[:, 1] > death)).sum() * (len(positions) // found.n_points)

    assert len(positions) == after.n_points
    for dim in range(3):
        ends = np.unique(np.concatenate([before.bars[dim].ravel(), after.bars[dim].ravel()]))
        ends = ends[np.isfinite(ends)]
        for birth in ends:
            for death in ends[(ends >= birth + 2 * slack) & (ends + slack < r_max)]:
                wide = birth + slack, death - slack
                assert alive(before, dim, birth, death) <= alive(after, dim, *wide)
                assert alive(after, dim, birth, death) <= alive(before, dim, *wide)


def test_threads_and_batches_give_the_same_bytes():
    rng = np.random.default_rng(11)
    crystals = [random_points(rng, n_sites=int(n))[:2] for n in rng.integers(1, 12, 20)] + [
        (np.eye(3), np.empty((0, 3)))
    ]
    clouds = batch(*crystals)
    r_max = rng.uniform(2, 5, len(clouds))
    one, many = barcodes(clouds, r_max=r_max, threads=1), barcodes(clouds, r_max=r_max, threads=3)
    for name in ("birth", "death", "dim", "offsets", "n_points", "r_cut"):
        assert getattr(one, name).tobytes() == getattr(many, name).tobytes()
    for index, (crystal, radius) in enumerate(zip(crystals, r_max, strict=True)):
        alone = periodic_barcodes(crystal, r_max=radius)
        for dim in range(3):
            np.testing.assert_array_equal(alone.bars[dim], one.bars(index, dim))
    assert one.n_points[-1] == 0
    assert one.offsets[-1] == one.offsets[-2]  # the empty cloud has no bars


@pytest.mark.parametrize("budget", [1, 10, 200, 700])
def test_over_budget_the_radius_is_cut_and_says_so(budget):
    lattice, positions, _ = random_points(np.random.default_rng(2), n_sites=4)
    asked = 6.5
    full = periodic_barcodes((lattice, positions), r_max=asked)
    cut = periodic_barcodes((lattice, positions), r_max=asked, budget=budget)
    assert 0 < cut.r_cut < asked == full.r_cut
    for dim in range(3):
        born = full.bars[dim][full.bars[dim][:, 0] <= cut.r_cut].copy()
        born[born[:, 1] > cut.r_cut, 1] = np.inf
        np.testing.assert_array_equal(sorted_bars(born), cut.bars[dim])
    # The next tick at which a simplex enters would pass the budget.
    levels = orbits(lattice, positions, cut.r_cut + 1.0)
    later = min(t for level in levels[2:] for t in level.values() if t > ticks(np.array(cut.r_cut)))
    counts = [
        sum(t <= at for level in levels[2:] for t in level.values()) for at in (ticks(np.array(cut.r_cut)), later)
    ]
    assert counts[0] <= budget < counts[1]


def test_simplices_open_and_close_their_bars():
    lattice, positions, r_max = random_points(np.random.default_rng(26), n_sites=8)
    positions = positions - 2  # shifts count from the points as given
    found = periodic_barcodes((lattice, positions), r_max=r_max, with_simplices=True)
    plain = periodic_barcodes((lattice, positions), r_max=r_max)
    assert_same_bars(plain, found)

    def width(simplex):
        points = np.array([(positions[v.site] + v.shift) @ lattice for v in simplex])
        return radii_of(ticks(np.linalg.norm(points[:, None] - points[None, :], axis=-1).max()))

    for dim in range(3):
        for bar, birth, death in zip(
            found.bars[dim], found.birth_simplices[dim], found.death_simplices[dim], strict=True
        ):
            assert len(set(birth)) == len(birth) == dim + 1
            assert birth[0].shift == (0, 0, 0)
            assert width(birth) == bar[0]
            if np.isfinite(bar[1]):
                assert len(set(death)) == len(death) == dim + 2
                assert width(death) == bar[1]
            else:
                assert death == ()
    assert len(found.bars[2]) > 0


def test_lower_dimensions_do_not_depend_on_the_highest():
    lattice, positions, r_max = random_points(np.random.default_rng(6), n_sites=8)
    top = periodic_barcodes((lattice, positions), r_max=r_max)
    for max_dim in (0, 1):
        low = periodic_barcodes((lattice, positions), r_max=r_max, max_dim=max_dim)
        assert len(low.bars) == max_dim + 1
        for a, b in zip(low.bars, top.bars, strict=False):
            np.testing.assert_array_equal(a, b)


def test_edges_are_those_of_plain_enumeration():
    """Deaths of components are ticks of distances, by the rule of barcodes.py, to the bit."""
    rng = np.random.default_rng(1)
    for _ in range(5):
        lattice, positions, _ = random_points(rng, n_sites=3)
        deaths = periodic_barcodes((lattice, positions), r_max=9.0, max_dim=0).bars[0][:, 1]
        distances = [d for row in images_within(lattice, positions, 9.1).values() for d in row.values()]
        assert set(deaths) <= set(radii_of(ticks(np.array(distances))))


def any_crystal(rng):
    """A skew, a tied or a needle cell, of one site or several."""
    lattice, positions, r_max = random_points(rng, tied=bool(rng.random() < 0.4))
    if rng.random() < 0.3:
        positions = positions[:1]
    if rng.random() < 0.3:
        lattice = (
            np.array([[1, 0, 0], [rng.integers(-3, 4), 1, 0], rng.integers(-3, 4, 3) * [1, 1, 0] + [0, 0, 1]]) @ lattice
        )
    if rng.random() < 0.2:
        lattice = lattice * np.array([[0.25], [1.0], [2.0]])
    return lattice, positions, r_max


def of_kernel(clouds, r_max, *, wide, budget=BUDGET, tolerance=1e-6, shown=False):
    """Everything the kernel returns, with distances numbered in 16 bits or in 32."""
    limit = 2**31 - 1 if shown else 0
    return _kernels.barcodes(
        *flat(clouds),
        np.full(len(clouds), r_max, dtype=np.float64),
        resolution=RESOLUTION,
        phase=PHASE,
        max_dim=2,
        threads=1,
        budget=budget,
        tolerance=tolerance,
        prime=PRIME,
        seed=SEED,
        with_simplices=shown,
        ring_groups=limit,
        ring_members=limit,
        wide=wide,
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([30, 300, BUDGET]), st.booleans())
def test_ranks_of_16_and_of_32_bits_give_the_same_bytes(seed, budget, shown):
    rng = np.random.default_rng(seed)
    lattice, positions, r_max = any_crystal(rng)
    clouds = batch((lattice, positions))
    narrow, wide = (of_kernel(clouds, r_max, wide=w, budget=budget, shown=shown) for w in (False, True))
    assert len(narrow[5]) > 0
    for a, b in zip(narrow, wide, strict=True):
        assert (a.dtype, a.tobytes()) == (b.dtype, b.tobytes())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_betti_numbers_of_skew_and_needle_cells_equal_ranks(seed):
    lattice, positions, r_max = any_crystal(np.random.default_rng(seed))
    r_max = 0.8 * r_max
    found = periodic_barcodes((lattice, positions), r_max=r_max, primitive=False)
    for tick, betti in betti_by_ranks(lattice, positions, r_max, max_dim=1).items():
        assert tuple(betti_of_bars(found.bars[dim], radii_of(tick)) for dim in range(2)) == betti[:2]


def test_storage_of_one_cloud_does_not_reach_the_next():
    """An engine meets large, small, wide and cut clouds in turn; each alone gives the same bars."""
    rng = np.random.default_rng(3)
    crystals = [any_crystal(rng)[:2] for _ in range(12)] + [(FCC * 4, ORIGIN), (np.eye(3) * 40, rng.random((30, 3)))]
    crystals = [crystals[k] for k in rng.permutation(len(crystals))]
    together = barcodes(batch(*crystals), r_max=5.0, budget=5000)
    for index, crystal in enumerate(crystals):
        alone = barcodes(batch(crystal), r_max=5.0, budget=5000)
        assert alone.r_cut[0] == together.r_cut[index]
        for dim in range(3):
            np.testing.assert_array_equal(alone.bars(0, dim), together.bars(index, dim))


def test_thousands_of_neighbours_take_wider_keys():
    """A chain of points 0.01 Å apart: 5,000 neighbours each, more than 12 bits. Its bars are those of a line."""
    found = periodic_barcodes((np.diag([0.01, 80.0, 80.0]), ORIGIN), r_max=25.0, max_dim=1)
    assert found.r_cut == 25.0
    np.testing.assert_allclose(found.bars[0], [[0, 0.01]], atol=1e-9)
    assert len(found.bars[1]) == 0


def test_thousands_of_sites_have_the_bars_of_one():
    """So many sites that edges are searched for instead of indexed by pairs of sites."""
    cell = (FCC * 4, ORIGIN)
    one = periodic_barcodes(cell, r_max=4.1)
    many = periodic_barcodes(supercell(*cell, np.diag([13, 13, 13])), r_max=4.1, primitive=False)
    assert many.n_points == 13**3 > 2048
    assert_same_bars(one, many, repeats=13**3)
