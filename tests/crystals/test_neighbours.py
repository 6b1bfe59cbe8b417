"""Periodic pairs against plain enumeration of a generous block of images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from screening.crystals.neighbours import periodic_pairs
from screening.errors import Code, RejectionError

CELLS = {
    "cubic": np.eye(3) * 4.0,
    "triclinic": np.array([[4.1, 0.3, -0.2], [-1.3, 5.2, 0.4], [1.9, 1.1, 3.7]]),
    "needle": np.diag([1.1, 30.0, 31.0]),
    "plate": np.diag([9.0, 9.5, 0.9]),
    "left-handed": np.array([[0.0, 4.0, 0.0], [5.0, 0.0, 0.0], [0.0, 1.0, 6.0]]),
    "skew": np.array([[4.0, 0.0, 0.0], [15.7, 4.2, 0.0], [-22.1, 9.7, 5.0]]),
}


def naive_pairs(lattice, positions, cutoff):
    """All pairs from a block of images as wide as the inverse cell says it must be."""
    spread = np.ptp(positions, axis=0) if len(positions) else np.zeros(3)
    reach = np.ceil(cutoff * np.linalg.norm(np.linalg.inv(lattice), axis=0) + spread + 1e-6).astype(int)
    found = set()
    for shift in itertools.product(*(range(-k, k + 1) for k in reach)):
        vectors = (positions[None, :] + np.array(shift) - positions[:, None]) @ lattice
        distance = np.linalg.norm(vectors, axis=-1)
        for i, j in np.argwhere(distance <= cutoff):
            if i < j or (i == j and shift > (0, 0, 0)):
                found.add((int(i), int(j), *shift))
    return found


@pytest.mark.parametrize("name", CELLS)
def test_pairs_equal_plain_enumeration(name):
    rng = np.random.default_rng(7)
    lattice, positions = CELLS[name], rng.uniform(-1.5, 2.5, (5, 3))
    pairs = periodic_pairs(lattice, positions, 4.5)
    keys = [(int(i), int(j), *map(int, s)) for i, j, s in zip(pairs.i, pairs.j, pairs.shift, strict=True)]
    assert len(keys) == len(set(keys)) > 0
    assert set(keys) == naive_pairs(lattice, positions, 4.5)
    vectors = (positions[pairs.j] + pairs.shift - positions[pairs.i]) @ lattice
    np.testing.assert_allclose(pairs.distance, np.linalg.norm(vectors, axis=1), rtol=0, atol=1e-10)


def test_a_point_and_its_images_come_once_per_pair_of_shifts():
    pairs = periodic_pairs(np.eye(3) * 3.0, [[0.2, 0.4, 0.9]], 3.0)
    assert pairs.i.tolist() == pairs.j.tolist() == [0, 0, 0]
    assert sorted(map(tuple, pairs.shift.tolist())) == [(0, 0, 1), (0, 1, 0), (1, 0, 0)]
    assert pairs.distance.tolist() == [3.0, 3.0, 3.0]  # the cutoff itself is included


def test_empty_cloud_and_small_cutoff_give_no_pairs():
    assert len(periodic_pairs(np.eye(3), np.empty((0, 3)), 5.0).i) == 0
    assert len(periodic_pairs(np.eye(3) * 5, [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]], 1.0).i) == 0
    assert periodic_pairs(np.eye(3) * 5, [[0, 0, 0], [0, 0, 0]], 0.0).distance.tolist() == [0.0]


@pytest.mark.parametrize(
    ("lattice", "positions", "code"),
    [
        (np.zeros((3, 3)), [[0, 0, 0]], Code.BAD_CELL),
        (np.array([[1, 0, 0], [0, 1, 0], [1, 1, 1e-13]]), [[0, 0, 0]], Code.BAD_CELL),
        (np.full((3, 3), np.nan), [[0, 0, 0]], Code.BAD_CELL),
        (np.eye(3), [[0, np.nan, 0]], Code.BAD_SITE),
        (np.eye(3), [[0, np.inf, 0]], Code.BAD_SITE),
        (np.eye(3), [[0, 1e300, 0]], Code.BAD_SITE),
    ],
)
def test_bad_cells_and_sites_are_named(lattice, positions, code):
    with pytest.raises(RejectionError) as caught:
        periodic_pairs(lattice, positions, 3.0)
    assert caught.value.code is code


@pytest.mark.parametrize("cutoff", [-1.0, np.nan, np.inf])
def test_bad_cutoff_is_refused(cutoff):
    with pytest.raises(ValueError, match="cutoff"):
        periodic_pairs(np.eye(3), [[0, 0, 0]], cutoff)
