"""Bars of crystals whose bars are known, of thin and skew cells, and of what is no crystal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_points import random_points
from oracles_homology import (
    betti_by_ranks,
    betti_of_bars,
    sorted_bars,
    supercell,
)
from ripser import ripser

from screening.config import Config, InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.clouds import channel_clouds
from screening.crystals.crystal import CloudBatch
from screening.errors import Code, ConfigError, RejectionError
from screening.homology.barcodes import RESOLUTION, radii_of, ticks
from screening.homology.engines import engine
from screening.homology.periodic import barcodes, periodic_barcodes

FCC = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])


BCC = np.array([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]])


ORIGIN = np.zeros((1, 3))


def batch(*crystals):
    return CloudBatch.from_clouds(
        [(np.asarray(cell, float), np.asarray(x, float), np.ones(len(x))) for cell, x in crystals]
    )


def assert_same_bars(first, second, *, repeats=1):
    for a, b in zip(first.bars, second.bars, strict=True):
        np.testing.assert_array_equal(sorted_bars(np.repeat(a, repeats, axis=0)), sorted_bars(b))


def test_components_end_when_they_merge_or_run_to_infinity():
    lattice, positions, _ = random_points(np.random.default_rng(8), n_sites=4)
    found = periodic_barcodes((lattice, positions), r_max=12.0, max_dim=0)
    assert (found.bars[0][:, 0] == 0).all()
    assert len(found.bars[0]) == 4
    assert np.isfinite(found.bars[0]).all()  # no component of positive density is finite in the end
    # A pair 1 Å apart in a cell of 4 Å: one bar ends as the pair joins, the other as the pairs join to the next cell.
    pair = periodic_barcodes((np.eye(3) * 4, [[0.0, 0.0, 0.0], [0.25, 0.0, 0.0]]), r_max=6.0, max_dim=0)
    assert pair.bars[0].tolist() == [[0, 1], [0, 3]]


@pytest.mark.parametrize("seed", range(3))
def test_molecule_in_a_huge_cell_has_its_ordinary_barcode(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 2.0, (24, 3)) if seed else np.array(list(np.ndindex(3, 3, 3)), float) * 1.5
    found = periodic_barcodes((np.eye(3) * 60, points / 60), r_max=9.0)
    distances = ticks(np.linalg.norm(points[:, None] - points[None, :], axis=-1)).astype(float)
    np.fill_diagonal(distances, 0)
    expected = ripser(distances, maxdim=2, thresh=float(ticks(np.array(9.0))), distance_matrix=True)["dgms"]
    assert len(found.bars[1]) > 0
    for dim in range(3):
        bars = expected[dim].astype(float) * RESOLUTION
        bars = bars[bars[:, 1] > bars[:, 0]]
        np.testing.assert_allclose(sorted_bars(found.bars[dim]), sorted_bars(bars), rtol=0, atol=1e-9)


CHAIN = np.diag([2.0, 40.0, 40.0])


SQUARE = np.diag([2.0, 2.0, 40.0])


HCP = np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, (8 / 3) ** 0.5]])


DIAMOND = np.array([[0, 0, 0], [0.25, 0.25, 0.25]])


# Bars by hand, as (count per cell, birth, death) per dimension; docs/periodic-persistence.md derives the first three.
LATTICES: dict[str, Any] = {
    "chain": (CHAIN, ORIGIN, 7.0, [[(1, 0, 2)], [], []]),
    "square": (SQUARE, ORIGIN, 5.0, [[(1, 0, 2)], [(1, 2, 8**0.5)], []]),
    # Edges 3 per site, no triangle: 1 - 3 = -2. The face diagonals fill the squares; a cube of points without its body
    # diagonals is a 3-sphere, with no H1 or H2.
    "sc": (np.eye(3) * 2, ORIGIN, 5.0, [[(1, 0, 2)], [(2, 2, 8**0.5)], []]),
    # 4 edges per site and no triangle; then the complex is the Delaunay tetrahedra of bcc, which fill space.
    "bcc": (BCC * 2, ORIGIN, 3.2, [[(1, 0, 3**0.5)], [(3, 3**0.5, 2)], []]),
    # Tetrahedra filled, octahedra hollow, one octahedron per site; its diagonal is the cell's edge.
    "fcc": (FCC * 4, ORIGIN, 5.0, [[(1, 0, 8**0.5)], [], [(1, 8**0.5, 4)]]),
    "hcp": (HCP * 3, [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]], 5.0, [[(2, 0, 3)], [], [(2, 3, 18**0.5)]]),
    # Two sites, four bonds: 2 - 4 = -2; the second shell fills the hexagons.
    "diamond": (FCC * 4, DIAMOND, 3.5, [[(2, 0, 3**0.5)], [(2, 3**0.5, 8**0.5)], None]),
}


@pytest.mark.parametrize("name", LATTICES)
def test_highly_tied_lattices_have_their_known_bars(name):
    lattice, positions, r_max, expected = LATTICES[name]
    found = periodic_barcodes((lattice, positions), r_max=r_max)
    for dim, bars in enumerate(expected):
        if bars is not None:
            rows = [(birth, death) for count, birth, death in bars for _ in range(count)]
            np.testing.assert_allclose(found.bars[dim], np.reshape(rows, (-1, 2)), atol=RESOLUTION)


def test_fcc_cavities_per_site_are_one_whatever_the_cell():
    """A torus supercell of fcc gives 2.963, 1.031 or 1.062 cavities per site, by its size; the crystal has 1."""
    for matrix in (np.eye(3, dtype=int), np.diag([3, 3, 3]), np.diag([4, 4, 4])):
        found = periodic_barcodes(supercell(FCC * 5.64, ORIGIN, matrix), r_max=7.0, primitive=False)
        assert len(found.bars[2]) == found.n_points
        assert np.isfinite(found.bars[2]).all()


@pytest.mark.parametrize("cell", [np.diag([1.3, 30, 30]), np.diag([9, 9.5, 1.1]), np.diag([-4.0, 5, 6])])
def test_needle_plate_and_left_handed_cells(cell):
    positions = np.array([[0.1, 0.2, 0.3], [0.15, 0.23, 0.8]])
    found = periodic_barcodes((cell, positions), r_max=3.0, primitive=False)
    for tick, betti in betti_by_ranks(cell, positions, 3.0).items():
        assert tuple(betti_of_bars(found.bars[dim], radii_of(tick)) for dim in range(3)) == betti


def test_very_thin_needle_is_a_chain():
    found = periodic_barcodes((np.diag([0.01, 50, 50]), ORIGIN), r_max=5.2)
    assert [bars.tolist() for bars in found.bars] == [[[0, 0.01]], [], []]


def test_below_every_distance_each_site_is_a_component():
    found = periodic_barcodes((np.eye(3) * 5, [[0.0, 0.0, 0.0], [0.5, 0.5, 0.4]]), r_max=1.0)
    assert found.bars[0].tolist() == [[0, np.inf]] * 2
    assert len(found.bars[1]) == len(found.bars[2]) == 0
    assert periodic_barcodes((np.eye(3) * 5, ORIGIN), r_max=0.0).bars[0].tolist() == [[0, np.inf]]


@pytest.mark.parametrize(
    ("lattice", "positions", "code"),
    [
        (np.eye(3) * 5, [[0.1, 0, 0], [1.1, 0, 0]], Code.BAD_SITE),
        (np.eye(3) * 5, [[0.1, 0, 0], [np.nan, 0, 0]], Code.BAD_SITE),
        (np.diag([5.0, 5.0, 0.0]), [[0.1, 0, 0]], Code.BAD_CELL),
        (np.full((3, 3), np.inf), [[0.1, 0, 0]], Code.BAD_CELL),
    ],
)
def test_unusable_clouds_are_refused_by_name(lattice, positions, code):
    with pytest.raises(RejectionError, match="cloud 1") as caught:
        barcodes(batch((np.eye(3), ORIGIN), (lattice, positions)), r_max=3.0)
    assert caught.value.code is code


@pytest.mark.parametrize(
    "wrong",
    [
        {"r_max": -1.0},
        {"r_max": np.nan},
        {"max_dim": 3},
        {"threads": 0},
        {"budget": 0},
        {"prime": 2**31 - 3},
        {"prime": 5},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        barcodes(batch((np.eye(3), ORIGIN)), **{"r_max": 2.0, **wrong})


def test_engine_is_asked_for_by_name():
    assert engine("periodic").function_itself is barcodes
    with pytest.raises(ConfigError, match="periodic, supercell, ripser"):
        engine("alpha")


def test_pymatgen_structure_is_taken_as_it_is():
    from pymatgen.core import Lattice, Structure

    structure = Structure(Lattice.cubic(4.0), ["Li", "Li"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    assert_same_bars(
        periodic_barcodes(structure, r_max=5.0), periodic_barcodes((np.eye(3) * 4, structure.frac_coords), r_max=5.0)
    )


def test_real_crystals_have_the_same_bars_in_any_cell(shared_data):
    """Given cell, primitive cell, and a sheared double cell of one in sixteen labelled crystals: equal to the bit."""
    config, limits = Config(), InputLimits()
    clouds = []
    for path in sorted((shared_data / "obelix-train" / "cifs").glob("*.cif"))[::16]:
        crystal = read_cif(path.read_bytes(), id=path.stem, source=str(path), limits=limits)
        if 3 in crystal.numbers:
            clouds += [cloud for cloud in channel_clouds(crystal, config.cloud).values() if 0 < len(cloud[1]) < 80]
    doubled = [supercell(lattice, positions, [[1, 1, 0], [0, 1, 0], [0, 0, 2]]) for lattice, positions, _ in clouds]
    assert len(clouds) > 50
    primitive = barcodes(CloudBatch.from_clouds(clouds), r_max=5.0)
    as_given = barcodes(CloudBatch.from_clouds(clouds), r_max=5.0, primitive=False)
    from_double = barcodes(batch(*doubled), r_max=5.0)
    np.testing.assert_array_equal(primitive.n_points, from_double.n_points)
    assert (as_given.n_points > primitive.n_points).sum() > 5
    for index in range(len(clouds)):
        copies = int(as_given.n_points[index] / primitive.n_points[index])
        for dim in range(3):
            bars = primitive.bars(index, dim)
            np.testing.assert_array_equal(bars, from_double.bars(index, dim))
            np.testing.assert_array_equal(np.repeat(bars, copies, axis=0), as_given.bars(index, dim))
