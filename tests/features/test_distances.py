"""Average minimum distances against a plain count of neighbours, and what must not change them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.config import CloudConfig, Config
from screening.crystals import CloudBatch
from screening.features import distance_columns, prepared_of
from screening.features.distances import NEIGHBOURS, PAIRS, average_distances

ATOL = 2e-5  # Å; single precision of distances up to some 100 Å


def plain(lattice: np.ndarray, centres: np.ndarray, points: np.ndarray, *, same: bool, box: int) -> np.ndarray:
    """Return the means (30,) by all images of a box of cells, no bound and no reduced cell."""
    shifts = np.array(list(itertools.product(range(-box, box + 1), repeat=3)))
    rows = []
    for centre in centres:
        images = (points[:, None] + shifts[None] - centre).reshape(-1, 3) @ lattice
        found = np.sort(np.linalg.norm(images, axis=1))
        rows.append(found[int(same) : NEIGHBOURS + int(same)])
    return np.mean(rows, axis=0)


def clouds_of(rng: np.random.Generator, n: int, m: int, skew: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lattice = np.diag(rng.uniform(3, 6, 3)) + rng.uniform(-skew, skew, (3, 3))
    return lattice, rng.uniform(0, 1, (n, 3)), rng.uniform(0, 1, (m, 3))


def distances(lattice: np.ndarray, mobile: np.ndarray, anion: np.ndarray) -> np.ndarray:
    batch = {
        name: CloudBatch.from_clouds([(lattice, points, np.ones(len(points)))])
        for name, points in (("mobile", mobile), ("anion", anion))
    }
    return average_distances(batch, 1)[0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_distances_are_those_of_a_plain_count(seed: int, skew: float) -> None:
    rng = np.random.default_rng(seed)
    lattice, mobile, anion = clouds_of(rng, int(rng.integers(1, 5)), int(rng.integers(1, 5)), skew)
    expected = [
        plain(lattice, one, other, same=one is other, box=6)
        for one, other in ((mobile, mobile), (anion, anion), (mobile, anion))
    ]
    np.testing.assert_allclose(distances(lattice, mobile, anion), np.concatenate(expected), atol=ATOL)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_description_of_a_crystal_does_not_matter(seed: int) -> None:
    """Another cell of the lattice, a supercell, another origin, a turn, and another order of atoms."""
    rng = np.random.default_rng(seed)
    lattice, mobile, anion = clouds_of(rng, 3, 2, 0.5)
    expected = distances(lattice, mobile, anion)
    shear = np.array([[1, int(rng.integers(-3, 4)), 0], [0, 1, int(rng.integers(-3, 4))], [0, 0, 1]])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    repeats = np.array([2, 1, 3])
    shifts = np.array(list(itertools.product(*map(range, repeats))))
    origin = rng.uniform(-1, 1, 3)
    ways = {
        "cell": (shear @ lattice, *(points @ np.linalg.inv(shear) for points in (mobile, anion))),
        "supercell": (
            repeats[:, None] * lattice,
            *(((points[:, None] + shifts[None]) / repeats).reshape(-1, 3) for points in (mobile, anion)),
        ),
        "origin": (lattice, mobile + origin, anion + origin),
        "turn": (lattice @ turn, mobile, anion),
        "order": (lattice, mobile[::-1], anion[::-1]),
    }
    for name, (cell, one, other) in ways.items():
        np.testing.assert_allclose(distances(cell, one, other), expected, atol=ATOL, err_msg=name)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_they_rise_and_scale_with_the_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lattice, mobile, anion = clouds_of(rng, 4, 3, 0.5)
    found = distances(lattice, mobile, anion)
    for part in found.reshape(len(PAIRS), NEIGHBOURS):
        assert (np.diff(part) >= 0).all()
    np.testing.assert_allclose(distances(1.5 * lattice, mobile, anion), 1.5 * found, rtol=1e-6)


def test_a_simple_cubic_lattice_has_6_12_and_8_neighbours() -> None:
    found = distances(np.eye(3), np.zeros((1, 3)), np.full((1, 3), 0.5))
    assert found[:26] == pytest.approx([1.0] * 6 + [2**0.5] * 12 + [3**0.5] * 8)
    assert found[60:68] == pytest.approx([0.75**0.5] * 8)  # the centre of the cube from its corners


def test_a_missing_sublattice_has_no_distances() -> None:
    lattice = 4 * np.eye(3)
    cloud = CloudBatch.from_clouds([(lattice, np.zeros((1, 3)), np.ones(1))] * 2)
    none = CloudBatch.from_clouds(
        [(lattice, np.zeros((0, 3)), np.ones(0)), (lattice, np.full((1, 3), 0.5), np.ones(1))]
    )
    found = average_distances({"mobile": cloud, "anion": none}, 2)
    assert np.isnan(found[0]).tolist() == [False] * 30 + [True] * 60
    assert np.isfinite(found[1]).all()
    assert np.isnan(average_distances({"mobile": cloud}, 2)[:, 30:]).all()
    assert average_distances({}, 3).shape == (3, len(PAIRS) * NEIGHBOURS)


def test_columns_are_named_after_the_ion() -> None:
    names = distance_columns(CloudConfig(mobile_ion="Na"))
    assert len(names) == len(set(names)) == 90
    assert names[0] == "distance/Na-Na/1"
    assert names[-1] == "distance/Na-anion/30"


def test_rows_do_not_depend_on_what_stands_beside_them() -> None:
    rng = np.random.default_rng(0)
    clouds = [clouds_of(rng, 3, 4, 0.5) for _ in range(5)]
    one = np.array([distances(*cloud) for cloud in clouds])
    batch = {
        name: CloudBatch.from_clouds([(cloud[0], cloud[at], np.ones(len(cloud[at]))) for cloud in clouds])
        for name, at in (("mobile", 1), ("anion", 2))
    }
    np.testing.assert_array_equal(average_distances(batch, 5), one)


def test_prepared_crystals_without_any_give_no_rows() -> None:
    prepared = prepared_of([], Config())
    assert average_distances(prepared.clouds, 0).shape == (0, 90)
