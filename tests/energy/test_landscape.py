"""The energies of a grid, held against a sum atom by atom; barriers, held against their own symmetries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sites import crystal
from oracles_energy import site_energy

from screening.crystals import Crystal, wrap
from screening.elements import NUMBERS
from screening.energy import NoBarrierError, landscape
from screening.energy.landscape import CUTOFF, energy_grid, field_of, grid_dims, reduced
from screening.energy.parameters import cation, ions, wells

TABLE = 1e-4  # eV: what the tabulated functions may be off where one atom gives less than 20 eV
STATED = {"Li": 1.0, "Al": 3.0, "Mg": 2.0, "S": -2.0, "O": -2.0, "Cl": -1.0}
ROUNDED = 1e-6  # eV: the same sums in another order, or of positions turned


def drawn(seed: int) -> Crystal:
    """A triclinic cell with four lithium, two cations and five anions that balance them, apart from each other."""
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(4.2, 6.5, 3)) + rng.uniform(-1.2, 1.2, (3, 3))
    places: list[np.ndarray] = []
    while len(places) < 11:
        place = rng.random(3)
        if all(np.linalg.norm((place - one - np.rint(place - one)) @ lattice) > 1.3 for one in places):
            places.append(place)
    symbols = ["Li"] * 4 + ["Al", "Mg"] + ["S", "O", "S", "S", "Cl"]  # 4 + 3 + 2 = 4 x 2 + 1
    made = crystal(lattice, [(symbol, *place, 1.0) for symbol, place in zip(symbols, places, strict=True)])
    return replace(made, charges=np.array([STATED[symbol] for symbol in symbols]))  # however near two anions are


def test_the_grid_is_the_sum_over_all_atoms() -> None:
    made = drawn(0)
    made = replace(made, occupancies=np.where(made.numbers == NUMBERS["Al"], 0.75, made.occupancies))
    charges = np.array(
        [{"Li": 1.0, "Al": 4.0, "Mg": 2.0, "S": -2.0, "O": -2.0, "Cl": -1.0}[name(n)] for n in made.numbers]
    )
    acting = field_of(made, charges, ion="Li", charge=1)
    rng = np.random.default_rng(1)
    for lattice in (made.lattice, made.lattice @ np.diag([1.0, 1.0, 2.5]), np.diag([3.0, 2.2, 9.0])):
        dims = np.array([7, 5, 6])
        energies = energy_grid(lattice, acting, dims).reshape(dims)
        compared = 0
        for point in rng.permutation(np.array(list(np.ndindex(*dims))))[:60]:
            wanted = site_energy(
                point / dims, lattice, acting.positions, acting.kinds, acting.weights, acting.table, CUTOFF
            )
            if abs(wanted) < 20.0:
                assert energies[tuple(point)] == pytest.approx(wanted, abs=TABLE)
                compared += 1
            else:
                assert energies[tuple(point)] == pytest.approx(wanted, rel=1e-3)
        assert compared > 10


def name(number: int) -> str:
    return next(symbol for symbol, one in NUMBERS.items() if one == number)


def test_an_ion_upon_an_atom_has_a_finite_energy() -> None:
    made = crystal(np.eye(3) * 4.0, [("Li", 0.5, 0.5, 0.5, 1.0), ("Cl", 0, 0, 0, 1.0)])
    acting = field_of(made, np.array([1.0, -1.0]), ion="Li", charge=1)
    energies = energy_grid(made.lattice, acting, np.array([2, 2, 2]))
    assert np.isfinite(energies).all()
    assert energies.argmax() == 0


def barriers(made: Crystal, grid: float = 0.35) -> np.ndarray:
    found = landscape(made, ion="Li", grid=grid)
    return np.array([*found.barriers, *found.from_minimum])


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_how_a_crystal_is_written_does_not_matter(seed: int) -> None:
    """Neither its cell, nor its orientation, nor the order of its atoms, nor an origin moved by steps of the grid."""
    made = drawn(seed)
    rng = np.random.default_rng(seed)
    wanted = barriers(made)
    assert (np.diff(wanted[:3]) >= 0).all()
    assert (np.diff(wanted[3:]) >= 0).all()
    assert (wanted[3:] >= wanted[:3]).all()
    order = rng.permutation(made.n_atoms)
    shuffled = replace(made, positions=made.positions[order], numbers=made.numbers[order], charges=made.charges[order])
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turned = replace(made, lattice=made.lattice @ turn)
    rows, to = reduced(made.lattice)
    steps = rng.integers(0, 9, 3) / grid_dims(rows, 0.35) @ to
    moved = replace(made, positions=wrap(made.positions + steps))
    skew = np.array([[1, 1, 0], [0, 1, 0], [2, -1, 1]])  # of determinant 1
    other = replace(made, lattice=skew @ made.lattice, positions=wrap(made.positions @ np.linalg.inv(skew)))
    for again in (shuffled, turned, moved, other):
        np.testing.assert_allclose(barriers(again), wanted, atol=ROUNDED)


def test_a_supercell_has_the_same_barriers() -> None:
    """Its grid is the same where its edge is twice as many steps long."""
    made = drawn(5)
    rows, to = reduced(made.lattice)
    made = replace(made, lattice=rows, positions=wrap(made.positions @ np.linalg.inv(to)))
    lengths = np.linalg.norm(rows, axis=1)
    made = replace(made, lattice=rows / lengths[:, None] * 0.35 * np.ceil(lengths / 0.35)[:, None])
    double = np.concatenate([(made.positions + np.array([k, 0, 0])) / [2, 1, 1] for k in (0, 1)])
    twice = crystal(
        made.lattice * np.array([[2.0], [1.0], [1.0]]),
        [(name(n), *place, 1.0) for n, place in zip(np.tile(made.numbers, 2), double, strict=True)],
    )
    twice = replace(twice, charges=np.tile(made.charges, 2))
    np.testing.assert_allclose(barriers(twice), barriers(made), atol=ROUNDED)


def test_disorder_is_a_weighted_sum_and_lithium_does_not_act() -> None:
    full = crystal(np.eye(3) * 5.1, [("Li", 0.5, 0.5, 0.5, 1.0), ("Li", 0, 0.5, 0, 1.0), ("O", 0, 0, 0, 1.0)])
    split = crystal(
        np.eye(3) * 5.1,
        [
            ("Li", 0.5, 0.5, 0.5, 0.7),
            ("Li", 0.25, 0.5, 0, 0.5),
            ("Li", 0, 0.5, 0, 0.8),
            ("O", 0, 0, 0, 0.4),
            ("O", 0, 0, 0, 0.6),
        ],
    )
    np.testing.assert_allclose(barriers(split), barriers(full), atol=ROUNDED)


def test_the_pathway_of_a_crystal() -> None:
    made = crystal(np.eye(3) * 4.2, [("Li", 0.5, 0.5, 0.5, 1.0), ("Cl", 0, 0, 0, 1.0)])
    skew = np.array([[1, 0, 0], [3, 1, 0], [-2, 1, 1]])
    other = replace(made, lattice=skew @ made.lattice, positions=wrap(made.positions @ np.linalg.inv(skew)))
    for one in (made, other):
        found = landscape(one, ion="Li", grid=0.3, with_pathway=True)
        path = found.pathway
        assert found.charges == {"Cl": -1.0}
        assert set(path.levels.tolist()) == {1}
        assert path.energies.max() == pytest.approx(found.from_minimum[0])
        for way in path.ways:  # none goes through the chloride
            apart = way - np.rint(way)
            assert np.linalg.norm(apart @ one.lattice, axis=1).min() > 1.5


def test_too_many_points_are_refused() -> None:
    made = crystal(np.eye(3) * 60.0, [("Li", 0.5, 0.5, 0.5, 1.0), ("Cl", 0, 0, 0, 1.0)])
    with pytest.raises(NoBarrierError, match="300 x 300 x 300") as caught:
        landscape(made, ion="Li", grid=0.2)
    assert caught.value.code == "too-large"


def test_the_parameters_are_those_published() -> None:
    assert wells()["Li", 1]["O", -2] == (1.940013, 1.937984, 0.98816)
    assert {anion for anion, _ in wells()["Li", 1]} == set("N O F S Cl Se Br Te I".split())
    assert cation("Li") == (2, 1.31)
    assert ions()["S", -2].radius == 1.84
    for element in {symbol for symbol, _ in ions()}:
        states = {ion for (symbol, charge), ion in ions().items() if symbol == element and charge > 0}
        assert len(states) <= 1, f"the radius of {element} would depend on its charge"


@pytest.mark.parametrize(("length", "points"), [(4.0, 20), (4.0000000001, 20), (4.01, 21), (3.99, 20), (0.1, 1)])
def test_points_along_an_edge(length: float, points: int) -> None:
    assert grid_dims(np.eye(3) * length, 0.2).tolist() == [points] * 3
