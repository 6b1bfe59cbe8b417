"""The kernels between CIF text and clouds against plain Python, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_front import crowded, expanded, held, metric_misfit
from oracles_merging import merged, sites_of
from oracles_sites import anions, snapped

from screening import _kernels
from screening.crystals.arrays import FloatArray
from screening.crystals.atoms import Atoms
from screening.crystals.chemistry import anion_mask
from screening.crystals.clouds import NOISE, TIE
from screening.crystals.crystal import Crystal
from screening.crystals.operations import Group
from screening.crystals.sites import MOST_SHARED, READINGS, RULES, SITE_KEY, SITE_OFFSET, Reading
from screening.crystals.statements import group_of_setting

SEEDS = st.integers(0, 2**32 - 1)
GROUPS = ("P -1", "P 21/c", "R -3 m:H", "R -3 m:R", "I 41/a m d:2", "P 63/m m c", "F d -3 m:2", "I a -3 d")


def random_crystal(rng: np.random.Generator) -> Crystal:
    """Return atoms in clusters, some on one site, some beyond a face, in a cell that may be skew."""
    n = int(rng.integers(1, 25))
    lattice = np.eye(3) * rng.uniform(2, 9, 3) + np.tril(rng.uniform(-3, 3, (3, 3)), -1)
    positions = rng.random((n, 3)).round(int(rng.integers(1, 5)))
    for row in range(1, n):
        if rng.random() < 0.5:
            step = rng.normal(0, rng.choice([0.1, 0.4, 1.0]), 3) @ np.linalg.inv(lattice)
            positions[row] = positions[int(rng.integers(row))] + step
    site = np.arange(n)
    for row in range(1, n):
        if rng.random() < 0.2:
            site[row] = site[row - 1]
            positions[row] = positions[row - 1]
    _, site = np.unique(site, return_inverse=True)
    return Crystal(
        id="x",
        source="x",
        lattice=lattice,
        positions=positions - np.floor(positions),
        numbers=rng.choice([1, 3, 8, 9, 16, 52], n).astype(np.uint8),
        occupancies=rng.choice([1.0, 0.5, 0.25, 1 / 3, 0.1, 0.6], n),
        site_idx=site.astype(np.int64),
        charges=np.full(n, np.nan),
    )


def same(one: object, other: object) -> None:
    a, b = np.asarray(one), np.asarray(other)
    assert (a.shape, a.tobytes()) == (b.shape, b.astype(a.dtype).tobytes())


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_channel_points_are_those_of_the_plain_rules(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng)
    masks = rng.random((4, crystal.n_atoms)) < np.array([[1.0], [0.6], [0.3], [0.0]])
    tolerances = [1.0, 0.5, float(rng.uniform(0.1, 2.0)), 1.0]
    status, ends, positions, occupancies, atom_ends, point, shift = _kernels.channel_points(
        crystal.lattice, crystal.positions, crystal.occupancies, crystal.site_idx, masks, tolerances,
        MOST_SHARED, TIE, NOISE,
    )  # fmt: skip
    assert status == 0
    for channel, (mask, tolerance) in enumerate(zip(masks, tolerances, strict=True)):
        lattice, places, filled, site = sites_of(crystal, mask)
        places, filled, onto, cell = merged(lattice, places, filled, tolerance)
        of_points, of_atoms = slice(*ends[channel : channel + 2]), slice(*atom_ends[channel : channel + 2])
        same(positions[of_points], places)
        same(occupancies[of_points], filled)
        same(point[of_atoms], onto[site])
        same(shift[of_atoms], cell[site])


def random_orbit(rng: np.random.Generator) -> tuple[Group, FloatArray, FloatArray]:
    """Return a group, a cell of any shape, and positions of which some are special."""
    group = group_of_setting(str(rng.choice(GROUPS)))
    positions = rng.random((int(rng.integers(1, 9)), 3)).round(int(rng.integers(1, 6)))
    special = rng.choice([0.0, 0.25, 0.5, 0.125, 1 / 3, 2 / 3, 0.99999, -0.1], positions.shape)
    positions = np.where(rng.random(positions.shape) < 0.4, special, positions)
    return group, np.diag(rng.uniform(3, 12, 3)) + np.tril(rng.uniform(-3, 3, (3, 3)), -1), positions


def random_atoms(rng: np.random.Generator, positions: FloatArray) -> Atoms:
    """Return atoms at positions, some partly filled, some beside another, with decimals and multiplicities."""
    m = len(positions)
    positions = positions.copy()
    for row in range(1, m):
        if rng.random() < 0.2:
            positions[row] = positions[row - 1]
    decimals = rng.integers(0, 10, (m, 3)).astype(np.int8)
    return Atoms(
        numbers=rng.choice([3, 8, 15], m).astype(np.int64),
        charges=np.full(m, np.nan),
        positions=positions,
        occupancies=rng.choice([1.0, 0.5, 0.25, 1 / 3, 0.1], m),
        multiplicities=rng.choice([np.nan, 1.0, 2.0, 4.0, 8.0], m),
        hydrogens=np.zeros(m),
        decimals=decimals,
        significant=np.minimum(decimals, rng.integers(0, 10, (m, 3))).astype(np.int8),
        written=None,
        unplaced={},
    )


@settings(max_examples=300, deadline=None)
@given(SEEDS, st.sampled_from(Reading))
def test_the_atoms_of_the_cell_are_those_of_the_plain_rules(seed: int, reading: Reading) -> None:
    rng = np.random.default_rng(seed)
    group, lattice, positions = random_orbit(rng)
    atoms = random_atoms(rng, positions + rng.choice([0.0, 1e-6, 1e-3, 4e-3], positions.shape))
    moved, *found = _kernels.expanded(
        lattice, group.rotations, group.translations, atoms.positions, atoms.occupancies, atoms.multiplicities,
        atoms.decimals, atoms.significant, READINGS[reading], RULES,
    )  # fmt: skip
    places, doubted = snapped(atoms, group, lattice, reading)
    assert moved == doubted
    wanted = expanded(group.rotations, group.translations, places, SITE_KEY, SITE_OFFSET)
    for one, other in zip(found, wanted, strict=True):
        same(one, other)


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_anions_are_those_of_the_plain_rules(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng)
    numbers = rng.choice([1, 3, 6, 7, 8, 9, 13, 16, 17, 34, 35, 52, 53], crystal.n_atoms).astype(np.uint8)
    states = [[np.nan], [np.nan, 0.0], [np.nan, 1.0, -2.0], [1.0, -1.0]][int(rng.integers(4))]
    charged = replace(crystal, numbers=numbers, charges=rng.choice(states, crystal.n_atoms))
    assert anion_mask(charged).tolist() == anions(charged).tolist()


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_the_misfit_of_a_cell(seed: int) -> None:
    group, lattice, _ = random_orbit(np.random.default_rng(seed))
    found = _kernels.metric_misfit(lattice, group.rotations)
    assert found == pytest.approx(metric_misfit(lattice, group.rotations), rel=1e-9, abs=1e-12)


def test_a_cell_of_its_group_has_no_misfit() -> None:
    hexagonal = np.array([[5.0, 0, 0], [-2.5, 5 * np.sqrt(0.75), 0], [0, 0, 8]])
    assert _kernels.metric_misfit(hexagonal, group_of_setting("P 63/m m c").rotations) < 1e-12
    assert gemmi.find_spacegroup_by_name("P 63/m m c") is not None


@settings(max_examples=200, deadline=None)
@given(SEEDS)
def test_what_atoms_hold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng)
    atoms, partners = rng.random((2, crystal.n_atoms)) < 0.5
    asked = (crystal.lattice, crystal.positions, crystal.occupancies, atoms, partners, 0.8, 2.15)
    status, found = _kernels.held_occupancies(*asked)
    assert status == 0
    same(found, held(*asked))


@settings(max_examples=200, deadline=None)
@given(SEEDS)
def test_crowded_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng)
    radii = rng.choice([0.0, 0.66, 1.28, 2.44], crystal.n_atoms)
    asked = (crystal.lattice, crystal.positions, radii, crystal.occupancies)
    status, found = _kernels.crowded_pairs(*asked, [], 0.6, 0.5, MOST_SHARED)
    assert status == 0
    wanted = crowded(*asked, 0.6, 0.5, MOST_SHARED)
    if found is None:
        assert len(wanted.i) == 0
        return
    rows = [sorted(zip(i, j, map(tuple, shift.tolist()), d, strict=True)) for i, j, shift, d in (found, wanted)]
    assert rows[0] == rows[1]


def test_what_cannot_be_used_is_answered() -> None:
    flat, one = np.zeros((3, 3)), np.ones(1)
    for lattice, x, status in ((flat, 0.5, 1), (np.eye(3), np.nan, 2)):
        place, mask = np.full((1, 3), x), np.ones(1, dtype=bool)
        assert _kernels.held_occupancies(lattice, place, one, mask, mask, 0.0, 1.0)[0] == status
        assert _kernels.crowded_pairs(lattice, place, one, one, [], 0.6, 0.5, 1.0)[0] == status
        site, masks = np.zeros(1, dtype=np.int64), mask[None]
        assert _kernels.channel_points(lattice, place, one, site, masks, [1.0], 1.0, TIE, NOISE)[0] == status


@settings(max_examples=500, deadline=None)
@given(st.from_regex(r"[+-]?[0-9]{0,9}\.?[0-9]{0,9}", fullmatch=True))
def test_plain_coordinates_are_pythons(text: str) -> None:
    found = _kernels.plain_coordinates([text], ["0"], ["-0.0"], 1e4)
    try:
        value = float(text)
    except ValueError:
        assert found is None
        return
    if found is None:
        assert sum(map(str.isdigit, text)) > 15 or not abs(value) < 1e4
    else:
        positions, decimals, significant = found
        same(positions, [[value, 0.0, -0.0]])
        after = text.partition(".")[2]
        assert (decimals.tolist(), significant.tolist()) == ([[len(after), 0, 1]], [[len(after.rstrip("0")), 0, 0]])


@given(st.from_regex(r"[+-]?[0-9]{1,4}\.[0-9]{0,9}\([0-9]{1,3}\)", fullmatch=True))
def test_an_uncertainty_is_passed_over(text: str) -> None:
    found = _kernels.plain_coordinates([text], ["0"], ["0"], 1e5)
    assert found is not None
    assert found[0][0, 0] == gemmi.cif.as_number(text) == float(text.partition("(")[0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-",
        "?",
        "1e-3",
        "0_1",
        "nan",
        "inf",
        " 1",
        "1/3",
        "1.0.0",
        "0.25(",
        "0.25()",
        "0.25(3",
        "0.25(x)",
        "(3)",
        "²",
    ],
)
def test_other_texts_are_left_to_python(text: str) -> None:
    assert _kernels.plain_coordinates(["0.5"], ["0.5"], [text], 1e4) is None


def test_columns_of_several_lengths_are_left_to_python() -> None:
    assert _kernels.plain_coordinates(["0", "0"], ["0"], ["0", "0"], 1e4) is None
