"""The primitive cell of a point set: supercells come back to the cell they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_homology import images_within, supercell

from screening.crystals.crystal import CloudBatch
from screening.errors import RejectionError
from screening.homology.primitive import primitive_cells


def primitive(lattice, positions, occupancies=None, **options):
    points = np.asarray(positions, float)
    weights = np.ones(len(points)) if occupancies is None else np.asarray(occupancies, float)
    clouds = CloudBatch.from_clouds([(np.asarray(lattice, float), points, weights)])
    return primitive_cells(clouds, **options).cloud(0)


def distances_per_point(lattice, positions, cutoff):
    rows = images_within(lattice, positions, cutoff).values()
    return np.sort([d for row in rows for d in row.values()]), len(positions)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_supercell_of_a_random_cell_comes_back(seed):
    rng = np.random.default_rng(seed)
    lattice = np.eye(3) * 5 + rng.normal(0, 1, (3, 3))
    positions = rng.random((int(rng.integers(1, 5)), 3))
    matrix = np.tril(rng.integers(-2, 3, (3, 3)), -1) + np.diag(rng.integers(1, 4, 3))
    big, points = supercell(lattice, positions, matrix)
    points = points[rng.permutation(len(points))] + rng.uniform(-1, 1, 3)
    found_lattice, found, _ = primitive(big, points)
    assert len(found) == len(positions)
    assert abs(np.linalg.det(found_lattice)) == pytest.approx(abs(np.linalg.det(lattice)), rel=1e-9)
    before, after = distances_per_point(lattice, positions, 5.0)[0], distances_per_point(found_lattice, found, 5.0)[0]
    np.testing.assert_allclose(before, after, rtol=0, atol=1e-9)


def test_centred_cells_shrink_by_their_centring():
    body = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]
    face = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]
    rhombohedral = [[0.0, 0.0, 0.0], [2 / 3, 1 / 3, 1 / 3], [1 / 3, 2 / 3, 2 / 3]]
    hexagonal = np.array([[3.0, 0, 0], [-1.5, 1.5 * 3**0.5, 0], [0, 0, 14.0]])
    for lattice, points in ((np.eye(3) * 4, body), (np.eye(3) * 4, face), (hexagonal, rhombohedral)):
        both = np.concatenate([np.array(points), np.add(points, [0.1, 0.03, 0.2])])
        assert len(primitive(lattice, points)[1]) == 1
        assert len(primitive(lattice, both)[1]) == 2


def test_only_translations_count():
    """A screw axis or an inversion repeats the points, but not by a translation."""
    screw = [[0.1, 0.2, 0.0], [0.9, 0.8, 0.5]]
    assert len(primitive(np.eye(3) * 5, screw)[1]) == 2
    hcp = [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]
    assert len(primitive(np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 1.633]]), hcp)[1]) == 2


def test_occupancies_do_not_matter_and_the_first_point_keeps_its_own():
    _, points, weights = primitive(np.eye(3) * 4, [[0, 0, 0], [0.5, 0.5, 0.5]], [0.3, 0.9])
    assert len(points) == 1
    assert weights.tolist() == [0.3]


def test_points_off_by_more_than_the_tolerance_are_no_repeat():
    """1e-3 Å off is ten ticks: merging them would change features."""
    for off, size in ((1e-8, 1), (1e-3, 2)):
        assert len(primitive(np.eye(3) * 4, [[0, 0, 0], [0.5, 0.5, 0.5 + off / 4]])[1]) == size
    assert len(primitive(np.eye(3) * 4, [[0, 0, 0], [0.5, 0.5, 0.5 + 1e-4]], tolerance=1e-2)[1]) == 1


def test_one_point_and_no_point_stay():
    assert len(primitive(np.eye(3), [[0.2, 0.3, 0.4]])[1]) == 1
    assert len(primitive(np.eye(3), np.empty((0, 3)))[1]) == 0


def test_unusable_input_is_refused():
    with pytest.raises(RejectionError, match="cloud 0"):
        primitive(np.zeros((3, 3)), [[0, 0, 0]])
    with pytest.raises(RejectionError, match="cloud 0"):
        primitive(np.eye(3), [[0, 0, np.nan]])
    with pytest.raises(ValueError, match="tolerance"):
        primitive(np.eye(3), [[0, 0, 0]], tolerance=-1.0)
