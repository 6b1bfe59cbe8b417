"""Channels of a crystal, and merging of split sites: a slow oracle, then the laws."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from screening.config import CloudConfig, InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.clouds import NOISE, TIE, channel_clouds, channel_label, merge_sites
from screening.crystals.crystal import Crystal
from screening.crystals.linkage import chosen, components
from screening.crystals.neighbours import periodic_pairs
from screening.crystals.sites import MOST_SHARED
from screening.elements import NUMBERS
from screening.errors import Code, RejectionError

SEEDS = st.integers(0, 2**32 - 1)
SAME = 1e-7  # Å, positions of one crystal computed in two cells


def split_cloud(seed: int, *, symmetric: bool):
    """A cloud of a few places, each split into up to four sites; `symmetric` puts sites on twelfths: many ties."""
    rng = np.random.default_rng(seed)
    lattice = np.eye(3) * rng.uniform(3.0, 6.0) + (0 if symmetric else rng.normal(0, 0.6, (3, 3)))
    assume(abs(np.linalg.det(lattice)) > 15)
    if symmetric:
        positions = np.unique(rng.integers(0, 12, (int(rng.integers(1, 14)), 3)), axis=0) / 12
    else:
        places = rng.random((int(rng.integers(1, 5)), 1, 3))
        offsets = rng.normal(0, 0.4, (len(places), int(rng.integers(1, 5)), 3)) @ np.linalg.inv(lattice)
        positions = (places + offsets).reshape(-1, 3)
    return lattice, positions % 1.0, rng.uniform(0.05, 0.6, len(positions))


def merge_by_hand(lattice, positions, occupancies, tolerance):  # noqa: PLR0912 - one algorithm, read in one piece
    """Merge on explicit images, with loops alone: closest first, ties together; what has no room is left."""
    points = [(tuple(p), float(o)) for p, o in zip(positions, occupancies, strict=True)]
    images = list(itertools.product(range(-3, 4), repeat=3))
    left = -1.0
    while True:
        near = []
        for (i, (p, _)), (j, (q, _)) in itertools.product(enumerate(points), repeat=2):
            for s in images:
                d = float(np.linalg.norm((np.array(q) + s - np.array(p)) @ lattice))
                room = points[i][1] + points[j][1] <= MOST_SHARED
                if d < tolerance + TIE and (i, s) != (j, (0, 0, 0)) and room:
                    near.append((d, i, j, s))
        open_ = [d for d, *_ in near if left < d < tolerance - NOISE]
        if not open_:
            return points
        level = min(open_) + TIE
        links: dict[int, list[Any]] = {}
        for d, i, j, s in near:
            if left < d <= min(level, tolerance):
                links.setdefault(i, []).append((j, s))
        done, groups = set(), []
        for i in range(len(points)):
            if i not in done and i in links:
                members, frontier, finite = {i: (0, 0, 0)}, [i], True
                while frontier:
                    a = frontier.pop()
                    for b, s in links[a]:
                        place: Any = tuple(int(x + y) for x, y in zip(members[a], s, strict=True))
                        if b not in members:
                            members[b] = place
                            frontier.append(b)
                        finite &= members[b] == place
                done |= set(members)
                spots = np.array([np.array(points[m][0]) + s for m, s in members.items()])
                shares = np.array([points[m][1] for m in members])
                mean = shares @ spots / shares.sum()
                reach = np.linalg.norm((spots - mean) @ lattice, axis=1).max()
                across = any(
                    np.linalg.norm((np.array(q) + s - mean) @ lattice) <= reach + TIE
                    and members.get(j) != s
                    and shares.sum() + o > MOST_SHARED
                    for j, (q, o) in enumerate(points)
                    for s in images
                )
                if finite and reach <= tolerance and shares.sum() <= MOST_SHARED and not across:
                    groups.append((set(members), tuple(mean), float(shares.sum())))
        if not groups:
            left = level
            continue
        gone = set().union(*(members for members, *_ in groups))
        points = [p for i, p in enumerate(points) if i not in gone] + [(mean, total) for _, mean, total in groups]
        left = -1.0


def assert_same(lattice, ours, theirs) -> None:
    """Two clouds of one lattice hold the same points with the same occupancies."""
    (p, o), (q, v) = ours, theirs
    assert len(p) == len(q)
    if len(p) == 0:
        return
    shift = p[:, None] - q[None]
    distance = np.linalg.norm((shift - np.round(shift)) @ lattice, axis=2)
    match = distance.argmin(axis=1)
    assert sorted(match) == list(range(len(q)))
    assert distance.min(axis=1).max() < SAME
    np.testing.assert_allclose(o, v[match], atol=1e-12)


@given(SEEDS, st.booleans())
@settings(deadline=None, max_examples=40)
def test_merging_is_that_of_the_oracle(seed, symmetric) -> None:
    lattice, positions, occupancies = split_cloud(seed, symmetric=symmetric)
    positions, occupancies = positions[:6], occupancies[:6]
    _, ours, filled = merge_sites(lattice, positions, occupancies, tolerance=1.0)
    theirs = merge_by_hand(lattice, positions, occupancies, 1.0)
    expected = np.array([p for p, _ in theirs]).reshape(-1, 3), np.minimum([o for _, o in theirs], 1.0)
    assert_same(lattice, (ours, filled), expected)


@given(SEEDS, st.booleans())
@settings(deadline=None, max_examples=60)
def test_order_origin_and_rotation_change_nothing(seed, symmetric) -> None:
    lattice, positions, occupancies = split_cloud(seed, symmetric=symmetric)
    rng = np.random.default_rng(seed)
    _, *base = merge_sites(lattice, positions, occupancies, tolerance=1.0)
    order, origin = rng.permutation(len(positions)), rng.random(3)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned, moved, filled = merge_sites(
        lattice @ rotation, (positions[order] + origin) % 1.0, occupancies[order], tolerance=1.0
    )
    np.testing.assert_array_equal(turned, lattice @ rotation)
    assert_same(lattice, (moved - origin, filled), base)


@given(SEEDS, st.booleans())
@settings(deadline=None, max_examples=60)
@example(seed=3_168_585_603, symmetric=True)  # a position of exactly 1.0
def test_another_basis_and_a_supercell_change_nothing(seed, symmetric) -> None:
    lattice, positions, occupancies = split_cloud(seed, symmetric=symmetric)
    rng = np.random.default_rng(seed)
    _, *base = merge_sites(lattice, positions, occupancies, tolerance=1.0)

    basis = np.eye(3, dtype=int)
    for _ in range(4):
        i, j = rng.permutation(3)[:2]
        basis[i] += rng.integers(-2, 3) * basis[j]
    _, skewed, filled = merge_sites(basis @ lattice, positions @ np.linalg.inv(basis) % 1.0, occupancies, tolerance=1.0)
    assert_same(lattice, (skewed @ basis, filled), base)

    counts = rng.integers(1, 4, 3)
    cells = np.array(list(itertools.product(*map(range, counts))))
    repeated = ((positions[None] + cells[:, None]) / counts).reshape(-1, 3)
    _, big, filled = merge_sites(lattice * counts[:, None], repeated, np.tile(occupancies, len(cells)), tolerance=1.0)
    copies = ((base[0][None] + cells[:, None]) / counts).reshape(-1, 3)
    assert_same(lattice * counts[:, None], (big, filled), (copies, np.tile(base[1], len(cells))))


def image_distances(lattice, positions):
    """Distances to all images within two cells either way, by brute force, a point's own place left out."""
    images = np.array(list(itertools.product(range(-2, 3), repeat=3)))
    separation = positions[:, None, None] - positions[None, :, None] + images
    distances = np.linalg.norm(separation @ lattice, axis=-1)
    distances[np.arange(len(positions)), np.arange(len(positions)), len(images) // 2] = np.inf
    return distances


@given(SEEDS, st.floats(0.3, 2.5))
@settings(deadline=None, max_examples=60)
def test_merged_points_keep_their_distance(seed, tolerance) -> None:
    rng = np.random.default_rng(seed)
    lattice = np.eye(3) * 6 + rng.normal(scale=0.8, size=(3, 3))
    positions = np.repeat(rng.random((6, 3)), 2, axis=0)
    positions[1::2] += rng.normal(scale=0.06, size=(6, 3))
    occupancies = rng.uniform(0.01, 0.08, 12)  # all of them have room on one place
    _, merged, filled = merge_sites(lattice, positions % 1.0, occupancies, tolerance=tolerance)
    assert image_distances(lattice, merged).min() >= tolerance - NOISE
    assert ((merged >= 0) & (merged < 1)).all()
    assert ((filled > 0) & (filled <= 1)).all()
    assert filled.sum() <= occupancies.sum() + 1e-12


def test_split_site_across_the_cell_edge_becomes_its_weighted_mean() -> None:
    lattice = np.eye(3) * 10.0
    positions = np.array([[0.99, 0.5, 0.5], [0.03, 0.5, 0.5], [0.5, 0.5, 0.5]])
    _, merged, filled = merge_sites(lattice, positions, np.array([0.25, 0.5, 1.0]), tolerance=1.0)
    assert_same(
        lattice,
        (merged, filled),
        (np.array([[0.99 + 0.04 * 2 / 3, 0.5, 0.5], [0.5, 0.5, 0.5]]), np.array([0.75, 1.0])),
    )


def test_closest_merge_first() -> None:
    """0 and 0.5 join at 0.25, from where 1.3 is farther than 1 Å; merging 0.5 with 1.3 first would leave 0 alone."""
    positions = np.array([[0, 0, 0], [0.5, 0, 0], [1.3, 0, 0]]) / 10
    _, merged, _ = merge_sites(np.eye(3) * 10.0, positions, np.full(3, 0.3), tolerance=1.0)
    np.testing.assert_allclose(np.sort(merged[:, 0]) * 10, [0.25, 1.3], atol=1e-12)


def test_tied_pairs_merge_together() -> None:
    ring = np.array([[0.5, 0.54, 0.5], [0.5, 0.46, 0.5], [0.54, 0.5, 0.5], [0.46, 0.5, 0.5]])
    _, merged, filled = merge_sites(np.eye(3) * 10.0, ring, np.full(4, 0.2), tolerance=1.0)
    np.testing.assert_allclose(merged, [[0.5, 0.5, 0.5]], atol=1e-12)
    np.testing.assert_allclose(filled, [0.8])


def test_sites_at_the_tolerance_stay_apart_whatever_the_noise() -> None:
    for origin in np.linspace(0, 1, 50):
        positions = (np.array([[0, 0, 0], [0.1, 0, 0]]) + origin) % 1.0
        _, merged, _ = merge_sites(np.eye(3) * 10.0, positions, np.ones(2), tolerance=1.0)
        assert len(merged) == 2


def test_occupancies_add_up_to_one_at_most() -> None:
    _, _, filled = merge_sites(
        np.eye(3) * 9.0, np.array([[0, 0, 0], [0.05, 0, 0]]), np.array([0.61, 0.4]), tolerance=1.0
    )
    assert filled.tolist() == [1.0]


def test_endless_chain_and_long_row_are_left_alone_and_coincident_points_are_not() -> None:
    chain = np.column_stack([np.arange(10) / 10, np.zeros(10), np.zeros(10)])
    cell = np.diag([8.0, 9.0, 9.0])
    _, merged, _ = merge_sites(cell, chain, np.full(10, 0.1), tolerance=1.0)
    assert_same(cell, (merged, np.full(10, 0.1)), (chain, np.full(10, 0.1)))
    short = np.array([[0.0, 0, 0], [0.5, 0, 0]])  # endless within half an Å of its mean
    _, merged, _ = merge_sites(np.diag([1.6, 9.0, 9.0]), short, np.full(2, 0.1), tolerance=1.0)
    assert len(merged) == 2
    beside = np.concatenate([chain, [[0.5, 0.5, 0.5], [0.5, 0.5, 0.59]]])
    assert len(merge_sites(cell, beside, np.full(12, 0.2), tolerance=1.0)[1]) == 11
    row = np.column_stack([np.arange(5) * 0.8, np.zeros(5), np.zeros(5)]) / 20
    _, merged, _ = merge_sites(np.eye(3) * 20.0, row, np.full(5, 0.2), tolerance=1.0)
    assert len(merged) == 5
    doubled = np.concatenate([chain, chain])
    _, merged, filled = merge_sites(cell, doubled, np.full(20, 0.1), tolerance=1.0)
    assert_same(cell, (merged, filled), (chain, np.full(10, 0.2)))


def argyrodite() -> Crystal:
    """A made-up cube with mixed, split and plain sites: rows are (symbol, x Å, occupancy, site)."""
    rows = [
        ("Li", 0.0, 0.5, 0), ("Li", 0.8, 0.4, 1), ("Li", 4.0, 0.7, 2), ("Na", 4.0, 0.3, 2),
        ("S", 6.0, 0.6, 3), ("Cl", 6.0, 0.4, 3), ("P", 8.0, 1.0, 4), ("S", 6.3, 0.0001, 5),
    ]  # fmt: skip
    return Crystal(
        id="x",
        source="x",
        lattice=np.eye(3) * 10.0,
        positions=np.array([[x / 10, 0.5, 0.5] for _, x, _, _ in rows]),
        numbers=np.array([NUMBERS[symbol] for symbol, *_ in rows], dtype=np.uint8),
        occupancies=np.array([o for *_, o, _ in rows]),
        site_idx=np.array([s for *_, s in rows]),
        charges=np.full(len(rows), np.nan),
    )


def test_channels_hold_their_sites_once_with_occupancies_added() -> None:
    clouds = channel_clouds(argyrodite(), CloudConfig())
    assert list(clouds) == list(CloudConfig().channels)
    found = {
        name: [(round(x * 10, 2), round(float(o), 4)) for x, o in sorted(zip(p[:, 0], q, strict=True))]
        for name, (_, p, q) in clouds.items()
    }
    split = round(0.8 * 0.4 / 0.9, 2)
    assert found["mobile"] == [(split, 0.9), (4.0, 0.7)]
    assert found["anion"] == [(6.0, 1.0)]  # 1.0001 capped
    assert found["cation"] == [(4.0, 0.3), (8.0, 1.0)]
    assert found["framework"] == [(4.0, 0.3), (6.0, 1.0), (8.0, 1.0)]
    assert found["all"] == [(split, 0.9), (4.0, 1.0), (6.0, 1.0), (8.0, 1.0)]


def test_channels_follow_the_config() -> None:
    config = CloudConfig(mobile_ion="Na", channels=("framework", "mobile"))
    clouds = channel_clouds(argyrodite(), config)
    assert list(clouds) == ["framework", "mobile"]
    assert len(clouds["mobile"][1]) == 1
    assert len(clouds["framework"][1]) == 5  # 0.0 and 0.8 Å stay apart at 0.5 Å; 6.0 and 6.3 Å merge
    assert channel_label("mobile", config) == "Na"
    assert channel_label("anion", config) == "anion"


def test_a_crystal_without_the_ion_is_rejected_and_an_absent_sublattice_is_empty() -> None:
    with pytest.raises(RejectionError) as refused:
        channel_clouds(argyrodite(), CloudConfig(mobile_ion="K"))
    assert refused.value.code is Code.NO_MOBILE_ION
    lithium = Crystal(
        id="x",
        source="x",
        lattice=np.eye(3) * 3.5,
        positions=np.zeros((1, 3)),
        numbers=np.array([3], dtype=np.uint8),
        occupancies=np.ones(1),
        site_idx=np.zeros(1, dtype=int),
        charges=np.full(1, np.nan),
    )
    clouds = channel_clouds(lithium, CloudConfig())
    assert {name: len(p) for name, (_, p, _) in clouds.items()} == {
        "mobile": 1, "anion": 0, "cation": 0, "framework": 0, "all": 1,
    }  # fmt: skip
    assert clouds["anion"][1].shape == (0, 3)


def test_real_conductors_keep_their_distance_and_their_density_in_a_supercell(shared_data) -> None:
    config = CloudConfig()
    seen = 0
    for path in sorted((shared_data / "obelix-train" / "cifs").glob("*.cif"))[::4]:
        crystal = read_cif(path.read_bytes(), id=path.stem, source=path.name, limits=InputLimits())
        if not (crystal.numbers == 3).any():
            continue
        clouds = channel_clouds(crystal, config)
        for name, (lattice, positions, occupancies) in clouds.items():
            tolerance = config.merge_mobile if name in ("mobile", "all") else config.merge_other
            pairs = periodic_pairs(lattice, positions, tolerance)
            group, _, _ = components(len(positions), chosen(pairs, pairs.distance < tolerance - NOISE))
            size, filled = np.bincount(group), np.bincount(group, weights=occupancies)
            # What stays closer than the tolerance would fill more than one place between it.
            assert (filled[size > 1] > MOST_SHARED).all(), (path.name, name)
            assert ((occupancies > 0) & (occupancies <= 1)).all()
        n = crystal.n_atoms
        double = Crystal(
            id="x",
            source="x",
            lattice=crystal.lattice * np.array([[2.0], [1], [1]]),
            positions=np.concatenate([crystal.positions, crystal.positions + np.array([1, 0, 0])]) / [2, 1, 1],
            numbers=np.tile(crystal.numbers, 2),
            occupancies=np.tile(crystal.occupancies, 2),
            site_idx=np.concatenate([crystal.site_idx, crystal.site_idx + crystal.n_sites]),
            charges=np.full(2 * n, np.nan),
        )
        for name, (_, positions, _) in channel_clouds(double, config).items():
            if np.isnan(crystal.charges).all():
                assert len(positions) == 2 * len(clouds[name][1]), (path.name, name)
        seen += 1
    assert seen > 50
