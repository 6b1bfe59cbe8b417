"""Channels and the merging of split sites: laws, and cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.chemistry import anion_mask, reduced_formula
from screening.cloud import channel_clouds, merge_sites
from screening.config import CloudConfig
from screening.crystal import NUMBERS, Crystal
from screening.errors import Code, RejectionError

CUBE = np.eye(3) * 10.0


def crystal(*atoms: tuple[str, tuple[float, float, float], float], lattice: np.ndarray = CUBE, charges: list[float] | None = None) -> Crystal:
    positions = np.array([place for _, place, _ in atoms], dtype=float)
    _, site = np.unique(positions, axis=0, return_inverse=True)
    return Crystal(
        id="x",
        source="x",
        lattice=lattice,
        positions=positions,
        numbers=np.array([NUMBERS[symbol] for symbol, _, _ in atoms], dtype=np.uint8),
        occupancies=np.array([share for _, _, share in atoms]),
        site_idx=site.astype(np.int64),
        charges=np.array(charges if charges else [np.nan] * len(atoms)),
    )


def random_cloud(seed: int, n: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A skew cell of about 6 Å with clusters of split sites."""
    rng = np.random.default_rng(seed)
    lattice = np.eye(3) * 6 + rng.normal(scale=0.8, size=(3, 3))
    centres = rng.random((n, 3))
    split = np.repeat(centres, 2, axis=0)
    split[1::2] += rng.normal(scale=0.06, size=(n, 3))
    return lattice, split - np.floor(split), rng.uniform(0.1, 0.5, 2 * n)


def distances(lattice: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Brute force over 5 x 5 x 5 images, (n_left, n_right) Å."""
    images = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3, indexing="ij"), -1).reshape(-1, 3)
    separation = left[:, None, None] - right[None, :, None] + images
    return np.linalg.norm(separation @ lattice, axis=-1).min(axis=2)


def assert_same_cloud(lattice: np.ndarray, ours: tuple, theirs: tuple) -> None:
    assert len(ours[1]) == len(theirs[1])
    if not len(ours[1]):
        return
    table = distances(lattice, ours[1], theirs[1])
    match = table.argmin(axis=1)
    assert sorted(match) == list(range(len(match)))
    assert table.min(axis=1).max() < 1e-6
    np.testing.assert_allclose(ours[2], theirs[2][match], atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_merging_does_not_depend_on_order_origin_or_basis(seed: int) -> None:
    lattice, positions, occupancies = random_cloud(seed)
    reference = merge_sites(lattice, positions, occupancies, tolerance=1.0)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(positions))
    assert_same_cloud(lattice, merge_sites(lattice, positions[order], occupancies[order], tolerance=1.0), reference)
    origin = rng.random(3)
    _, moved, shares = merge_sites(lattice, (positions + origin) % 1.0, occupancies, tolerance=1.0)
    assert_same_cloud(lattice, (lattice, moved - origin, shares), reference)
    basis = np.array([[1, 2, 0], [0, 1, -1], [0, 0, 1]])
    skew, placed, shares = merge_sites(basis @ lattice, (positions @ np.linalg.inv(basis)) % 1.0, occupancies, tolerance=1.0)
    assert_same_cloud(lattice, (lattice, placed @ basis, shares), reference)
    assert np.isfinite(skew).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_merging_a_supercell_repeats_the_merged_cell(seed: int) -> None:
    lattice, positions, occupancies = random_cloud(seed, n=4)
    reference = merge_sites(lattice, positions, occupancies, tolerance=1.0)
    double = np.diag([2.0, 1.0, 1.0])
    two = np.concatenate([positions, positions + [1, 0, 0]]) / [2, 1, 1]
    found = merge_sites(double @ lattice, two, np.tile(occupancies, 2), tolerance=1.0)
    expected = np.concatenate([reference[1], reference[1] + [1, 0, 0]]) / [2, 1, 1]
    assert_same_cloud(double @ lattice, found, (None, expected, np.tile(reference[2], 2)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 2.5))
def test_no_two_points_stay_closer_than_the_tolerance(seed: int, tolerance: float) -> None:
    lattice, positions, occupancies = random_cloud(seed)
    _, merged, shares = merge_sites(lattice, positions, occupancies, tolerance=tolerance)
    table = distances(lattice, merged, merged) + np.eye(len(merged)) * 100
    assert table.min() >= tolerance - 1e-9
    assert (shares <= 1.0).all()
    assert (shares > 0).all()


def test_the_mean_is_weighted_across_the_cell_boundary() -> None:
    _, merged, shares = merge_sites(CUBE, np.array([[0.98, 0, 0], [0.01, 0, 0]]), np.array([0.25, 0.5]), tolerance=0.5)
    np.testing.assert_allclose(merged, [[0.0, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(shares, [0.75])


def test_tied_pairs_merge_together() -> None:
    ring = np.array([[0.5, 0.54, 0.5], [0.5, 0.46, 0.5], [0.54, 0.5, 0.5], [0.46, 0.5, 0.5]])
    _, merged, shares = merge_sites(CUBE, ring, np.full(4, 0.5), tolerance=1.0)
    np.testing.assert_allclose(merged, [[0.5, 0.5, 0.5]], atol=1e-12)
    assert shares.tolist() == [1.0]  # capped


def test_an_endless_even_chain_is_left_as_it_is() -> None:
    chain = np.column_stack([np.arange(20) / 20, np.zeros(20), np.zeros(20)])
    _, merged, _ = merge_sites(CUBE, chain, np.full(20, 0.2), tolerance=1.0)
    assert len(merged) == 20
    beside = np.concatenate([chain, [[0.5, 0.5, 0.5], [0.5, 0.5, 0.57]]])
    assert len(merge_sites(CUBE, beside, np.full(22, 0.2), tolerance=1.0)[1]) == 21


def test_coincident_points_always_merge() -> None:
    same = np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.6, 0.2, 0.3]])
    assert len(merge_sites(CUBE, same, np.array([0.5, 0.5, 1.0]), tolerance=0.5)[1]) == 2


def test_channels_of_a_mixed_crystal() -> None:
    found = channel_clouds(
        crystal(("Li", (0, 0, 0), 0.5), ("Na", (0, 0, 0), 0.5), ("P", (0.5, 0.5, 0.5), 1), ("S", (0.7, 0.5, 0.5), 1)),
        CloudConfig(),
    )
    assert {name: len(cloud[1]) for name, cloud in found.items()} == {
        "mobile": 1, "anion": 1, "cation": 2, "framework": 3, "all": 3,
    }  # fmt: skip
    assert found["all"][2].tolist() == [1.0, 1.0, 1.0]
    assert found["mobile"][2].tolist() == [0.5]


def test_a_missing_sublattice_is_empty_and_a_missing_ion_is_refused() -> None:
    pair = crystal(("Li", (0, 0, 0), 1), ("Cl", (0.5, 0.5, 0.5), 1))
    assert len(channel_clouds(pair, CloudConfig())["cation"][1]) == 0
    with pytest.raises(RejectionError) as caught:
        channel_clouds(pair, CloudConfig(mobile_ion="Na"))
    assert caught.value.code == Code.NO_MOBILE_ION


@pytest.mark.parametrize(
    ("atoms", "anions"),
    [
        ([("Li", 0.0), ("S", 0.5), ("O", 0.647)], "O"),  # sulfate: S-O 1.47 Å
        ([("Li", 0.0), ("S", 0.5), ("O", 0.8)], "SO"),  # sulfide beside an oxide
        ([("Li", 0.0), ("S", 0.5), ("O", 0.55)], "SO"),  # disorder on one site, not a bond
        ([("Li", 0.0), ("N", 0.5), ("O", 0.624)], "O"),  # nitrate
        ([("Li", 0.0), ("P", 0.5), ("S", 0.705)], "S"),  # thiophosphate
        ([("Li", 0.0), ("O", 0.5), ("H", 0.597)], "O"),  # hydroxide: a proton
        ([("Li", 0.0), ("B", 0.5), ("H", 0.62)], "H"),  # borohydride
        ([("Li", 0.0), ("H", 0.5)], "H"),
        ([("Li", 0.0), ("P", 0.5)], "P"),  # phosphide: no usual anion
        ([("Li", 0.0), ("Al", 0.5)], "Al"),
    ],
)
def test_anions(atoms: list[tuple[str, float]], anions: str) -> None:
    built = crystal(*((symbol, (x, 0.5, 0.5), 1.0) for symbol, x in atoms))
    mask = anion_mask(built)
    assert "".join(symbol for (symbol, _), chosen in zip(atoms, mask, strict=True) if chosen) == anions


def test_stated_charges_decide() -> None:
    built = crystal(("Li", (0, 0, 0), 1), ("S", (0.5, 0.5, 0.5), 1), ("O", (0.7, 0.5, 0.5), 1), charges=[1, 6, -2])
    assert anion_mask(built).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("composition", "formula"),
    [
        ({"Li": 24, "P": 4, "S": 20, "Cl": 4}, "Li6PS5Cl"),
        ({"O": 96, "Li": 52.8, "La": 24, "Zr": 12.8, "Ta": 3.2}, "Li6.6La3Zr1.6Ta0.4O12"),
        ({"Li": 4, "Cl": 4}, "LiCl"),
        ({"Li": 1}, "Li"),
        ({"Li": 2, "O": 2, "H": 2}, "LiHO"),
        ({"Li": 0.5, "Na": 0.5}, "Na0.5Li0.5"),
    ],
)
def test_reduced_formula(composition: dict[str, float], formula: str) -> None:
    assert reduced_formula(composition) == formula
    doubled = {symbol: 2 * amount for symbol, amount in composition.items()}
    if formula != "Na0.5Li0.5":  # no whole amount to divide by
        assert reduced_formula(doubled) == formula
