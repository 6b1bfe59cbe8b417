"""Split sites merge only where there is room for one atom: named cases and the laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from cif_blocks import block, read
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.config import CloudConfig
from screening.crystals.clouds import TIE, channel_clouds, channel_members, merge_sites
from screening.crystals.sites import MOST_SHARED

CUBE = np.eye(3) * 12.0


def merged(points: list[tuple[float, float, float]], filled: list[float], tolerance: float = 1.0) -> list[float]:
    """Occupancies after merging points given in Å, sorted."""
    return sorted(
        merge_sites(CUBE, np.array(points) / 12.0, np.array(filled), tolerance=tolerance)[2].round(6).tolist()
    )


def row(*places: float) -> list[tuple[float, float, float]]:
    return [(place, 0.0, 0.0) for place in places]


@pytest.mark.parametrize(
    ("filled", "points"),
    [((0.5, 0.5), 1), ((0.6, 0.42), 1), ((0.6, 0.43), 2), ((0.6, 0.6), 2), ((1.0, 1.0), 2), ((1.0, 0.02), 1),
     ((1.0, 0.03), 2), ((0.1, 0.1), 1)],
)  # fmt: skip
@pytest.mark.parametrize("distance", [0.05, 0.5, 0.98])
def test_two_points_merge_only_if_they_fill_one_place(
    filled: tuple[float, float], points: int, distance: float
) -> None:
    assert (sum(filled) <= MOST_SHARED) is (points == 1)
    assert len(merged(row(0, distance), list(filled))) == points


def test_full_neighbours_do_not_depend_on_the_tolerance() -> None:
    """O-H at 0.98 Å and at 1.02 Å are two points each, so that no column jumps between them."""
    for distance in (0.98, 1.02):
        rows = f"Li1 Li 0 0 0 1\nO1 O .5 .5 .5 1\nH1 H .5 .5 {0.5 + distance / 12:.6f} 1"
        clouds = channel_clouds(read(block(rows, cell=(12, 12, 12, 90, 90, 90))), CloudConfig())
        assert len(clouds["all"][1]) == 3
        assert len(clouds["framework"][1]) == 2


@pytest.mark.parametrize(("filled", "points"), [(0.5, 1), (0.6, 2)])
def test_split_lithium_of_a_file(filled: float, points: int) -> None:
    text = block(f"Li1 Li .1 .2 .3 {filled}\nLi2 Li .15 .2 .3 {filled}\nO1 O .5 .5 .5 1", cell=(12, 12, 12, 90, 90, 90))
    crystal = read(text)
    assert len(channel_clouds(crystal, CloudConfig())["mobile"][1]) == points
    assert ("contact" in crystal.flags) is (points == 2)


@pytest.mark.parametrize(
    ("points", "filled", "left"),
    [
        (row(0, 0.4, 0.8), [0.3, 0.3, 0.3], 1),  # room for all
        (row(0, 0.4, 0.8), [0.4, 0.4, 0.4], 3),  # which two belong together nobody can tell
        (row(0, 0.3, 0.8), [0.4, 0.4, 0.4], 2),  # here the closest do
        (row(0, 0.4, 0.8), [0.5, 1.0, 0.5], 3),  # not across a full atom
        (row(0, 0.4, 0.8), [0.5, 0.02, 0.5], 1),
        ([(0, 0, 0), (0.6, 0, 0), (0.3, 0.27**0.5, 0)], [0.4, 0.4, 0.4], 3),
        ([(0, 0, 0), (0.6, 0, 0), (0.6, 0.6, 0), (0, 0.6, 0)], [0.5] * 4, 4),  # nor crosswise over each other
        ([(0, 0, 0), (0.6, 0, 0), (0.6, 0.6, 0), (0, 0.6, 0)], [0.25] * 4, 1),
    ],
)  # fmt: skip
def test_groups_that_would_fill_more_than_a_place_are_left(points, filled, left) -> None:
    found = merged(points, filled)
    assert len(found) == left
    assert sum(found) == pytest.approx(sum(filled) if sum(filled) <= 1 or left > 1 else 1.0)


def crowd(seed: int):
    """Clusters of points with occupancies from little to full; every other seed on a lattice of twelfths: many ties."""
    rng = np.random.default_rng(seed)
    lattice = np.eye(3) * rng.uniform(3.5, 6.0)
    if seed % 2:
        positions = np.unique(rng.integers(0, 12, (int(rng.integers(2, 12)), 3)), axis=0) / 12
    else:
        lattice = lattice + rng.normal(0, 0.4, (3, 3))
        places = rng.random((int(rng.integers(1, 4)), 1, 3))
        offsets = rng.normal(0, 0.4, (len(places), int(rng.integers(2, 5)), 3)) @ np.linalg.inv(lattice)
        positions = (places + offsets).reshape(-1, 3)
    return rng, lattice, positions % 1.0, rng.choice([0.2, 0.34, 0.5, 0.52, 1.0], len(positions))


def same(lattice, ours, theirs) -> bool:
    (p, o), (q, v) = ours, theirs
    if len(p) != len(q):
        return False
    shift = p[:, None] - q[None]
    distance = np.linalg.norm((shift - np.round(shift)) @ lattice, axis=2)
    match = distance.argmin(axis=1)
    return sorted(match) == list(range(len(q))) and distance.min(axis=1).max() < 1e-7 and np.allclose(o, v[match])


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=120)
def test_order_origin_and_cell_change_nothing(seed: int) -> None:
    rng, lattice, positions, filled = crowd(seed)
    _, *base = merge_sites(lattice, positions, filled, tolerance=1.0)
    order, origin = rng.permutation(len(positions)), rng.random(3)
    _, moved, others = merge_sites(lattice, (positions[order] + origin) % 1.0, filled[order], tolerance=1.0)
    assert same(lattice, (moved - origin, others), base)
    counts = rng.integers(1, 3, 3)
    cells = np.array(list(itertools.product(*map(range, counts))))
    repeated = ((positions[None] + cells[:, None]) / counts).reshape(-1, 3)
    _, large, many = merge_sites(lattice * counts[:, None], repeated, np.tile(filled, len(cells)), tolerance=1.0)
    copies = ((base[0][None] + cells[:, None]) / counts).reshape(-1, 3)
    assert same(lattice * counts[:, None], (large, many), (copies, np.tile(base[1], len(cells))))


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=120)
def test_no_atom_is_lost_and_none_is_covered(seed: int) -> None:
    """Occupancies add up but for the cap, and no two points come to lie on one place."""
    _, lattice, positions, filled = crowd(seed)
    _, points, sums = merge_sites(lattice, positions, filled, tolerance=1.0)
    assert filled.sum() * 1 / MOST_SHARED - 1e-9 <= sums.sum() <= filled.sum() + 1e-9
    assert sums.max() <= 1.0
    shift = points[:, None] - points[None]
    distance = np.linalg.norm((shift - np.round(shift)) @ lattice, axis=2)
    assert distance[~np.eye(len(points), dtype=bool)].min(initial=1.0) > TIE


def test_members_follow_the_points() -> None:
    rows = "Li1 Li .1 .2 .3 .5\nLi2 Li .14 .2 .3 .5\nLi3 Li .6 .2 .3 .6\nLi4 Li .64 .2 .3 .6\nO1 O .5 .7 .5 1"
    cloud, members = channel_members(read(block(rows, cell=(12, 12, 12, 90, 90, 90))), CloudConfig())["mobile"]
    assert len(cloud[1]) == 3
    assert np.bincount(members.point).tolist().count(2) == 1
