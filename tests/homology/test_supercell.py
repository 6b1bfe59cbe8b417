"""The torus engines: two programs, one answer; distances against brute force over many images."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from screening.config import CloudConfig, InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.clouds import channel_clouds
from screening.crystals.crystal import CloudBatch
from screening.homology.barcodes import Barcodes, radii_of, ticks
from screening.homology.supercell import barcodes_redzed, barcodes_ripser, reduced_basis, supercell_distances

pytest.importorskip("ripser", reason="ripser.py is not installed")


def batch(lattice: np.ndarray, positions: np.ndarray) -> CloudBatch:
    return CloudBatch.from_clouds([(lattice, positions, np.ones(len(positions)))])


def assert_equal(ours: Barcodes, theirs: Barcodes) -> None:
    for field in ("birth", "death", "dim", "offsets", "n_points", "r_cut"):
        np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field), err_msg=field)


def random_cell(seed: int, n: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lattice = np.eye(3) * 5 + rng.normal(scale=1.0, size=(3, 3))
    skew = np.array([[1, rng.integers(-3, 4), 0], [0, 1, rng.integers(-3, 4)], [0, 0, 1]])
    return skew @ lattice, rng.random((n, 3))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_redzed_equals_ripser_bar_for_bar(seed: int) -> None:
    clouds = batch(*random_cell(seed))
    radius = np.array([4.5])
    assert_equal(barcodes_redzed(clouds, r_max=radius), barcodes_ripser(clouds, r_max=radius))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
@example(92)  # a skewed cell: neighbours lie up to 13 cells away
def test_torus_distances_are_exact_up_to_the_radius(seed: int) -> None:
    lattice, positions = random_cell(seed)
    limit = int(ticks(np.array(3.0)))
    found, reached = supercell_distances(lattice, positions, limit=limit, max_points=2000)
    assert reached == limit
    # Each torus point sees as many others within the radius as a site of the infinite crystal does.
    # A vector of length r spans at most r |dual vector| cells along an axis; two sites differ by less than one more.
    spans = (np.linalg.norm(np.linalg.inv(lattice), axis=0) * 3.01 + 1).astype(int) + 1
    images = np.array(list(itertools.product(*(range(-span, span + 1) for span in spans))))
    far = np.linalg.norm((positions[:, None, None] - positions[None, :, None] + images) @ lattice, axis=-1)
    near = np.sort(ticks(far[(far > 1e-9) & (ticks(far) <= limit)]))
    copies = len(found) // len(positions)
    ours = np.sort(found[(found > 0) & (found <= limit)])
    np.testing.assert_array_equal(ours, np.repeat(near, copies))
    np.testing.assert_array_equal(found, found.T)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_reduction_keeps_the_lattice_and_finds_the_shortest_vector(seed: int) -> None:
    lattice, _ = random_cell(seed)
    basis = reduced_basis(lattice)
    change = basis @ np.linalg.inv(lattice)
    np.testing.assert_allclose(change, np.round(change), atol=1e-9)
    assert abs(round(np.linalg.det(change))) == 1
    images = np.stack(np.meshgrid(*[np.arange(-8, 9)] * 3, indexing="ij"), -1).reshape(-1, 3)
    lengths = np.linalg.norm(images[np.abs(images).sum(axis=1) > 0] @ lattice, axis=1)
    assert np.linalg.norm(basis[0]) <= lengths.min() + 1e-9


def test_reduction_finds_what_rounding_misses() -> None:
    """Above (0.45, 0.45) of a hexagonal net the nearest node is (1, 0) or (0, 1), not the rounded (0, 0)."""
    hexagonal = np.array([[1.0, 0, 0], [0.5, np.sqrt(0.75), 0]])
    lattice = np.concatenate([hexagonal, [0.45 * hexagonal.sum(axis=0) + [0, 0, 2]]])
    basis = reduced_basis(lattice)
    nodes = np.array(list(itertools.product((-1, 0, 1), repeat=2))) @ hexagonal
    assert np.linalg.norm(basis[2]) == pytest.approx(np.linalg.norm(lattice[2] + nodes, axis=1).min())
    assert np.linalg.norm(basis[2]) < np.linalg.norm(lattice[2]) - 0.05


def test_over_the_bound_the_radius_is_cut_and_said() -> None:
    lattice, positions = np.eye(3) * 4.0, np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])
    full = barcodes_redzed(batch(lattice, positions), r_max=np.array([7.0]), max_points=2000)
    assert full.r_cut[0] == radii_of(ticks(np.array(7.0)))
    assert (full.n_points[0], full.r_cut[0]) == (2 * 4**3, pytest.approx(7.0))
    cut = barcodes_redzed(batch(lattice, positions), r_max=np.array([7.0]), max_points=60)
    assert cut.n_points[0] == 2 * 3**3
    assert 5.9 < cut.r_cut[0] < 6.0
    none = barcodes_redzed(batch(lattice, positions), r_max=np.array([7.0]), max_points=1)
    assert (none.r_cut[0], len(none.birth), none.n_points[0]) == (0.0, 0, 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(10, 300))
def test_a_cut_barcode_is_the_largest_that_fits(seed: int, max_points: int) -> None:
    """Complete up to its radius, within the bound, and one tick more would not be."""
    lattice, positions = random_cell(seed)
    distances, limit = supercell_distances(lattice, positions, limit=90_000, max_points=max_points)
    assert len(distances) <= max_points
    if limit:
        again, same = supercell_distances(lattice, positions, limit=limit, max_points=10**6)
        assert (len(again), same) == (len(distances), limit)
    if limit < 90_000:
        # Two ticks of margin against float noise in the widths.
        beyond, _ = supercell_distances(lattice, positions, limit=limit + 3, max_points=4000)
        assert len(beyond) > max_points


def test_bars_of_a_cut_barcode_are_those_of_its_own_radius() -> None:
    clouds = batch(*random_cell(1))
    cut = barcodes_redzed(clouds, r_max=np.array([6.0]), max_points=60)
    assert 0 < cut.r_cut[0] < 6.0
    assert_equal(cut, barcodes_ripser(clouds, r_max=cut.r_cut))


def test_empty_and_single() -> None:
    empty = barcodes_redzed(batch(np.eye(3) * 5, np.empty((0, 3))), r_max=np.array([4.0]))
    assert (len(empty.birth), empty.n_points[0]) == (0, 0)
    lone = barcodes_redzed(batch(np.eye(3) * 30, np.zeros((1, 3))), r_max=np.array([4.0]))
    assert (lone.birth.tolist(), lone.death.tolist(), lone.n_points[0]) == ([0.0], [np.inf], 1)


FCC = 5.64
PRIMITIVE = FCC / 2 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]]), np.zeros((1, 3))
CONVENTIONAL = FCC * np.eye(3), np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


@pytest.mark.parametrize(
    ("cell", "copies", "per_atom"),
    [(PRIMITIVE, 3, 80 / 27), (PRIMITIVE, 4, 66 / 64), (CONVENTIONAL, 2, 34 / 32), (CONVENTIONAL, 3, 215 / 108)],
)
def test_the_torus_is_not_cell_invariant(cell: tuple[np.ndarray, np.ndarray], copies: int, per_atom: float) -> None:
    """fcc, a = 5.64 Å, to 7 Å: cavities per atom depend on the supercell; what the exact engine must not do."""
    import redzed_tda

    lattice, positions = cell
    cells = np.array(list(itertools.product(range(copies), repeat=3)))
    points = (positions[None] + cells[:, None]).reshape(-1, 3) / copies
    images = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    apart: Any = np.linalg.norm((points[:, None, None] - points[None, :, None] + images) @ lattice * copies, axis=-1)
    found: Any = redzed_tda.rips(ticks(apart.min(axis=2)).astype(float), maxdim=2, threshold=70_000.0)
    bars = found[2]
    assert (bars[:, 1] > bars[:, 0]).sum() / len(points) == pytest.approx(per_atom)


def test_the_engine_widens_both_cells_of_fcc_and_still_gets_two_answers() -> None:
    found = [barcodes_redzed(batch(*cell), r_max=np.array([7.0])) for cell in (PRIMITIVE, CONVENTIONAL)]
    assert [bars.n_points[0] for bars in found] == [5**3, 4 * 3**3]
    per_atom = [(bars.dim == 2).sum() / bars.n_points[0] for bars in found]
    assert abs(per_atom[0] - per_atom[1]) > 0.01


@pytest.mark.slow
def test_engines_agree_on_real_clouds(shared_data: Path) -> None:
    paths = sorted((shared_data / "obelix-train" / "cifs").glob("*.cif"))[:40]
    clouds = []
    for path in paths:
        crystal = read_cif(path.read_bytes(), id=path.stem, source=path.name, limits=InputLimits())
        if 3 in crystal.numbers:
            clouds += [channel_clouds(crystal, CloudConfig())[name] for name in ("mobile", "anion")]
    many = CloudBatch.from_clouds(clouds)
    radius = np.full(len(many), 5.0)
    assert_equal(
        barcodes_redzed(many, r_max=radius, max_points=400), barcodes_ripser(many, r_max=radius, max_points=400)
    )
