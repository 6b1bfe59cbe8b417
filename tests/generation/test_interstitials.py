"""Holes between atoms are the local maxima of the distance to the nearest atom, in any cell of a crystal."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from screening.crystals import FloatArray, periodic_pairs
from screening.errors import InputError
from screening.generation.interstitials import EXCLUSIVE, LIKE, Holes, holes, levels, shares

CUBE = np.eye(3)
FCC = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
IMAGES = np.array(list(itertools.product((-2, -1, 0, 1, 2), repeat=3)))


def nearest(lattice: FloatArray, atoms: FloatArray, points: FloatArray) -> FloatArray:
    """Distance of each point to the nearest atom, by all images: cells of these tests need no more."""
    apart = points[:, None, None, :] - atoms[None, :, None, :] - IMAGES[None, None, :, :]
    return np.linalg.norm(apart @ lattice, axis=-1).min(axis=(1, 2))


@pytest.mark.parametrize(
    ("lattice", "atoms", "expected"),
    [
        # Face-centred: octahedral holes at a/2, tetrahedral ones at sqrt(3)/4 a.
        (4.0 * FCC, [[0, 0, 0]], [2.0, *[np.sqrt(3.0)] * 2]),
        (4.0 * CUBE, [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], [*[2.0] * 4, *[np.sqrt(3.0)] * 8]),
        # Body-centred: tetrahedral holes at sqrt(5)/4 a alone; the octahedral ones are saddles.
        (4.0 * CUBE, [[0, 0, 0], [0.5, 0.5, 0.5]], [np.sqrt(5.0)] * 12),
        (4.0 * CUBE, [[0, 0, 0]], [2.0 * np.sqrt(3.0)]),  # the body centre
        # Rock salt: the small cubes.
        (4.0 * FCC, [[0, 0, 0], [0.5, 0.5, 0.5]], [np.sqrt(3.0)] * 2),
    ],
)
def test_holes_of_simple_lattices(lattice: FloatArray, atoms: list[list[float]], expected: list[float]) -> None:
    found = holes(lattice, np.array(atoms, dtype=np.float64))
    np.testing.assert_allclose(found.radius, expected, atol=1e-9)


def made(seed: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(4.0, 6.0, 3)) + rng.uniform(-1.0, 1.0, (3, 3))
    return lattice, rng.random((int(rng.integers(2, 7)), 3))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_no_point_is_farther_from_all_atoms_than_the_largest_hole(seed: int) -> None:
    lattice, atoms = made(seed)
    found = holes(lattice, atoms)
    np.testing.assert_allclose(nearest(lattice, atoms, found.positions), found.radius, atol=1e-6)
    # No small step leads away from all atoms.
    steps = np.random.default_rng(seed).normal(size=(100, 3))
    steps *= 1e-4 / np.linalg.norm(steps, axis=1, keepdims=True)
    for place, radius in zip(found.positions, found.radius, strict=True):
        assert nearest(lattice, atoms, place + steps @ np.linalg.inv(lattice)).max() <= radius + 1e-9
    grid = np.array(list(itertools.product(np.arange(12) / 12, repeat=3)))
    height = nearest(lattice, atoms, grid)
    assert height.max() <= found.radius[0] + 1e-9
    # A climb from the highest points ends in a hole: the largest t with |p - atom|² >= t for all atoms near.
    every = (atoms[:, None, :] + IMAGES[None]).reshape(-1, 3) @ lattice
    for start in grid[np.argsort(-height)[:4]] @ lattice:
        near = every[np.argsort(np.linalg.norm(every - start, axis=1))[:40]]
        end = minimize(
            lambda q: -q[3],
            [*start, 0.0],
            method="SLSQP",
            constraints={"type": "ineq", "fun": lambda q, near=near: np.square(near - q[:3]).sum(axis=1) - q[3]},
            options={"maxiter": 500, "ftol": 1e-12},
        )
        if end.success:
            assert np.abs(np.sqrt(-end.fun) - found.radius).min() < 1e-4


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), steps=st.lists(st.integers(-2, 2), min_size=3, max_size=3))
def test_holes_do_not_depend_on_cell_origin_or_order(seed: int, steps: list[int]) -> None:
    lattice, atoms = made(seed)
    own = holes(lattice, atoms)
    skew = np.eye(3)
    skew[0, 1], skew[0, 2], skew[1, 2] = steps
    moved = (atoms @ np.linalg.inv(skew) + 0.3)[::-1]
    other = holes(skew @ lattice, moved)
    np.testing.assert_allclose(np.sort(own.radius), np.sort(other.radius), atol=1e-6)
    doubled = holes(
        np.diag([2.0, 1.0, 1.0]) @ lattice, np.concatenate([atoms, atoms + np.array([1, 0, 0])]) * [0.5, 1, 1]
    )
    np.testing.assert_allclose(np.sort(np.repeat(own.radius, 2)), np.sort(doubled.radius), atol=1e-6)


def test_atoms_far_outside_the_cell_count() -> None:
    """A sparse cube with its atom in the middle: the hole is at a corner, 17 Å from atoms of eight cells."""
    found = holes(20.0 * CUBE, np.array([[0.5, 0.5, 0.5]]))
    np.testing.assert_allclose(found.radius, [10.0 * np.sqrt(3.0)])
    np.testing.assert_allclose(np.abs(found.positions - np.round(found.positions)), 0.0, atol=1e-9)


def test_a_cell_that_is_nearly_empty_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="too sparse"):
        holes(np.diag([2.0, 2.0, 2000.0]), np.zeros((1, 3)))


def test_a_needle_and_atoms_that_share_a_site() -> None:
    needle = np.diag([2.0, 2.0, 40.0])
    found = holes(needle, np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    # On the axis through the faces' centres, half way to the next atom.
    assert found.radius[0] == pytest.approx(np.sqrt(1.0 + 1.0 + 400.0))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_shares_never_fill_neighbours_beyond_their_room(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lattice, places = 4.0 * CUBE, rng.random((int(rng.integers(1, 12)), 3))
    room = rng.uniform(-0.2, 1.2, len(places))
    found = shares(lattice, places, room)
    assert (found >= 0).all()
    pairs = periodic_pairs(lattice, places, EXCLUSIVE)
    around = found.copy()
    np.add.at(around, pairs.i, found[pairs.j])
    np.add.at(around, pairs.j, found[pairs.i])
    assert (around <= np.clip(room, 0.0, 1.0) + 1e-12).all()


def test_places_alone_get_all_their_room_and_a_pair_half() -> None:
    room = shares(10.0 * CUBE, np.array([[0, 0, 0], [0.1, 0, 0], [0.5, 0.5, 0.5]], dtype=np.float64), np.ones(3))
    np.testing.assert_allclose(room, [0.5, 0.5, 1.0])


def test_levels_hold_every_hole_once_the_largest_first() -> None:
    radius = np.array([2.0, 2.0 - LIKE / 2, 1.9, 1.9, 1.7])
    found = [level.tolist() for level in levels(Holes(np.zeros((5, 3)), radius))]
    assert found == [[0, 1], [2, 3], [4]]
