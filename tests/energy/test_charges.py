"""Which charge every atom has, and why a crystal has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_sites import crystal

from screening.energy import NoBarrierError, atom_charges, landscape

SPREAD = [(x, y, z) for x in (0.0, 0.25, 0.5, 0.75) for y in (0.0, 0.25, 0.5, 0.75) for z in (0.0, 0.25, 0.5, 0.75)]
CELL = np.eye(3) * 12.0  # 3 Å apart: no bonds but those that a test makes


def of(**amounts: int):
    """A crystal of so many atoms of each, none beside another."""
    symbols = [symbol for symbol, amount in amounts.items() for _ in range(amount)]
    return crystal(CELL, [(symbol, *place, 1.0) for symbol, place in zip(symbols, SPREAD, strict=False)])


def charges(made, ion: str = "Li") -> dict[str, float]:
    from screening.elements import SYMBOLS

    found, mobile = atom_charges(made, ion)
    by_element = {SYMBOLS[n]: float(q) for n, q in zip(made.numbers, found, strict=True)}
    assert by_element.get(ion, mobile) == mobile
    assert made.occupancies @ found == pytest.approx(0.0, abs=0.02 * made.n_atoms)
    return {symbol: charge for symbol, charge in by_element.items() if symbol != ion}


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ({"Li": 6, "P": 1, "S": 5, "Cl": 1}, {"P": 5, "S": -2, "Cl": -1}),
        ({"Li": 1, "Co": 1, "O": 2}, {"Co": 3, "O": -2}),
        ({"Li": 4, "Fe": 4, "P": 4, "O": 16}, {"Fe": 2, "P": 5, "O": -2}),
        ({"Li": 1, "Mn": 2, "O": 4}, {"Mn": 3.5, "O": -2}),  # between two states
        ({"Li": 2, "Sn": 1, "S": 2}, {"Sn": 2, "S": -2}),  # a state of softBV beyond the usual one
        ({"Li": 3, "N": 1}, {"N": -3}),
    ],
)
def test_formal_charges(amounts: dict[str, int], expected: dict[str, float]) -> None:
    assert charges(of(**amounts)) == expected


def test_an_element_may_be_anion_and_cation() -> None:
    """Nitrogen of a nitrate beside that of a nitride."""
    bond = 1.24 / 12
    nitrate = [
        ("N", 0.1, 0.1, 0.1),
        ("O", 0.1 + bond, 0.1, 0.1),
        ("O", 0.1, 0.1 + bond, 0.1),
        ("O", 0.1, 0.1, 0.1 + bond),
    ]
    lithium = [("Li", *place) for place in SPREAD[20:24]]
    made = crystal(CELL, [(*atom, 1.0) for atom in [*nitrate, ("N", 0.6, 0.1, 0.1), *lithium]])
    found, _ = atom_charges(made, "Li")
    assert found.tolist() == [5, -2, -2, -2, -3, 1, 1, 1, 1]


def test_stated_charges_count_where_they_are_all_there_and_neutral() -> None:
    made = of(Li=1, Mn=1, O=2)
    stated = replace(made, charges=np.array([1.0, 3.0, -2.0, -2.0]))
    assert charges(stated) == {"Mn": 3, "O": -2}
    halved = replace(made, charges=np.array([1.0, 2.0, -1.5, -1.5]))
    with pytest.raises(NoBarrierError, match=r"O-1\.5") as caught:
        landscape(halved, ion="Li", grid=0.5)
    assert caught.value.code == "no-parameters"
    for broken in ([1.0, np.nan, -2.0, -2.0], [1.0, 4.0, -2.0, -2.0], [0.0, 4.0, -2.0, -2.0], [0.0, 0.0, 0.0, 0.0]):
        assert charges(replace(made, charges=np.array(broken))) == {"Mn": 3, "O": -2}


@pytest.mark.parametrize(
    ("amounts", "code", "words"),
    [
        ({"Li": 3, "P": 1}, "no-parameters", "Li beside P-3"),
        ({"Li": 1, "H": 1}, "no-parameters", "Li beside H-1"),
        ({"Li": 1, "Ca": 1, "O": 3}, "no-charges", "no allowed charges of LiCaO3"),
        ({"Li": 1, "Au": 3}, "no-charges", "no formal charge is known for Au"),
        ({"Li": 1, "O": 1}, "no-charges", "no allowed charges"),
        ({"Li": 2, "Pu": 1, "O": 4}, "no-charges", "no formal charge is known for Pu"),
        ({"Na": 1, "Cl": 1}, "no-mobile-ion", "no Li"),
        ({"Li": 2}, "no-charges", "no allowed charges"),
    ],
)
def test_why_there_is_no_barrier(amounts: dict[str, int], code: str, words: str) -> None:
    with pytest.raises(NoBarrierError, match=words) as caught:
        landscape(of(**amounts), ion="Li", grid=0.5)
    assert caught.value.code == code


def test_a_peroxide_and_its_alternatives() -> None:
    bond = 1.49 / 12
    oxygen = [("O", 0.1, 0.1, 0.1, 1.0), ("O", 0.1 + bond, 0.1, 0.1, 1.0)]
    lithium = [("Li", *place, 1.0) for place in SPREAD[20:24]]
    with pytest.raises(NoBarrierError, match=r"O is bonded to O at 1\.49") as caught:
        landscape(crystal(CELL, [*oxygen, *lithium[:2]]), ion="Li", grid=0.5)
    assert caught.value.code == "bonded-anions"
    halves = [(*atom[:4], 0.5) for atom in oxygen]  # one oxygen in two places
    assert charges(crystal(CELL, [*halves, *lithium[:2]])) == {"O": -2}


def test_atoms_without_a_place() -> None:
    made = of(Li=2, O=1)
    with pytest.raises(NoBarrierError, match="places of its H") as caught:
        landscape(replace(made, unplaced={1: 2.0}), ion="Li", grid=0.5)
    assert caught.value.code == "unplaced-atoms"
    short = replace(of(Li=1, O=1), unplaced={3: 1.0})  # the lithium that is missing has no place, but a charge
    assert landscape(short, ion="Li", grid=0.5).charges == {"O": -2.0}


def test_another_mobile_ion() -> None:
    made = of(Na=3, P=1, S=4)
    assert charges(made, "Na") == {"P": 5, "S": -2}
    with pytest.raises(NoBarrierError, match="no parameters for mobile P"):
        landscape(made, ion="P", grid=0.5)


@given(st.permutations(range(13)))
def test_the_order_of_atoms_does_not_matter(order: list[int]) -> None:
    made = of(Li=6, P=1, S=5, Cl=1)
    shuffled = replace(made, positions=made.positions[order], numbers=made.numbers[order])
    found, _ = atom_charges(shuffled, "Li")
    wanted, _ = atom_charges(made, "Li")
    np.testing.assert_array_equal(found, wanted[order])
