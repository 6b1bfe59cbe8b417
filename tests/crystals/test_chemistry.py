"""Formulas against pymatgen, anions of known compounds, element sets against their sources."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Element, Lattice, Structure

from screening.config import InputLimits
from screening.crystals.chemistry import anion_mask, charge_balanced
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal
from screening.crystals.formulas import FORMULA_ORDER, anonymous_formula, reduced_formula
from screening.elements import NUMBERS, SYMBOLS

SOLIDS = [symbol for symbol in SYMBOLS[1:95] if symbol not in {"He", "Ne", "Ar", "Kr", "Xe", "Rn"}]


def crystal(cell, symbols, positions, **changes) -> Crystal:
    """Cartesian positions (Å) in a cube of edge `cell`, every atom on a site of its own unless told otherwise."""
    n = len(symbols)
    values = {
        "id": "x",
        "source": "x",
        "lattice": np.eye(3) * cell,
        "positions": np.array(positions, dtype=float) / cell % 1.0,
        "numbers": np.array([SYMBOLS.index(symbol) for symbol in symbols], dtype=np.uint8),
        "occupancies": np.ones(n),
        "site_idx": np.arange(n),
        "charges": np.full(n, np.nan),
    }
    return Crystal(**(values | changes))


def anions(of: Crystal) -> str:
    return " ".join(SYMBOLS[number] for number, anion in zip(of.numbers, anion_mask(of), strict=True) if anion)


TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)


def group(centre: str, ligand: str, bond: float, **changes) -> Crystal:
    """A tetrahedral XY4 with a lithium well away from it."""
    return crystal(9.0, [centre, *[ligand] * 4, "Li"], [[0, 0, 0], *(TETRAHEDRON * bond), [4.5, 4.5, 4.5]], **changes)


@pytest.mark.parametrize(
    ("composition", "formula"),
    [
        ({"Li": 24, "P": 4, "S": 20, "Cl": 4}, "Li6PS5Cl"),
        ({"O": 96, "Li": 52.8, "La": 24, "Zr": 12.8, "Ta": 3.2}, "Li6.6La3Zr1.6Ta0.4O12"),
        ({"O": 12, "Li": 6.6, "La": 3, "Zr": 1.6, "Ta": 0.4}, "Li6.6La3Zr1.6Ta0.4O12"),
        ({"Li": 52.80001, "La": 24.0, "Zr": 12.79996, "Ta": 3.20004, "O": 96.0}, "Li6.6La3Zr1.6Ta0.4O12"),
        ({"Li": 20, "Ge": 2, "P": 4, "S": 24}, "Li10GeP2S12"),
        ({"Li": 7.8, "Al": 1.8, "Ti": 10.2, "P": 18, "O": 72}, "Li1.3Ti1.7Al0.3P3O12"),
        ({"Li": 2.46, "N": 1}, "Li2.46N"),
        ({"Li": 0.3333333, "C": 2}, "Li0.167C"),
        ({"Li": 2, "O": 2, "H": 2}, "LiHO"),
        ({"Li": 0.5, "Na": 0.5}, "Na0.5Li0.5"),
        ({"Li": 1.0}, "Li"),
        ({"Li": 4, "H": 0.0}, "Li"),
        ({}, ""),
    ],
)
def test_formula_of_known_compounds(composition, formula) -> None:
    assert reduced_formula(composition) == formula


@given(st.dictionaries(st.sampled_from(SOLIDS), st.integers(1, 12), min_size=2, max_size=5), st.integers(1, 30))
@settings(deadline=None, max_examples=150)
def test_whole_formulas_are_those_of_pymatgen_in_every_cell(amounts, copies) -> None:
    written = reduced_formula({symbol: float(copies * n) for symbol, n in amounts.items()})
    # pymatgen writes some peroxides doubled (H2O2); the ratio is what counts, and that no smaller whole one exists.
    found = Composition(written)
    assert found.fractional_composition.almost_equals(Composition(amounts).fractional_composition)
    assert math.gcd(*(round(amount) for amount in found.values())) == 1
    order = sorted(amounts, key=lambda symbol: (Element(symbol).X, symbol))
    assert [s for s in FORMULA_ORDER if s in amounts] == sorted(amounts, key=FORMULA_ORDER.index)
    assert [Element(s).X for s in sorted(amounts, key=FORMULA_ORDER.index)] == [Element(s).X for s in order]


@given(st.dictionaries(st.sampled_from(SOLIDS), st.floats(0.01, 40), min_size=1, max_size=5))
@settings(deadline=None, max_examples=100)
def test_broken_formulas_keep_the_ratios(amounts) -> None:
    written = Composition(reduced_formula(amounts))
    scale = sum(amounts.values()) / written.num_atoms
    for symbol, amount in amounts.items():
        # Three decimals: half a unit in the last place of each amount, and of their sum.
        assert written[symbol] * scale == pytest.approx(amount, abs=scale * 5.1e-4 * (1 + len(amounts)))


def test_order_holds_every_element_once() -> None:
    assert sorted(FORMULA_ORDER) == sorted(SYMBOLS[1:])


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (group("P", "S", 2.05), "S S S S"),
        (group("P", "O", 1.54), "O O O O"),
        (group("S", "O", 1.47), "O O O O"),
        (group("Cl", "O", 1.43), "O O O O"),
        (group("Te", "O", 2.02), "O O O O"),
        (group("B", "F", 1.40), "F F F F"),
        (group("B", "H", 1.21), "H H H H"),
        (group("Al", "H", 1.60), "H H H H"),
        (group("N", "H", 1.02), "N"),
        (group("Ge", "Se", 2.35), "Se Se Se Se"),
        (group("S", "Li", 2.45), "S"),
        (group("P", "Li", 2.45), "P"),
        (group("Bi", "Li", 2.90), "Bi"),
        (group("Al", "Li", 2.80), "Al"),
        (crystal(9.0, ["Li", "S", "O"], [[0, 0, 0], [4, 0, 0], [5.47, 0, 0]]), "O"),
        (crystal(9.0, ["Li", "S", "O"], [[0, 0, 0], [4, 0, 0], [7, 0, 0]]), "S O"),
        (crystal(9.0, ["Li", "S", "O"], [[0, 0, 0], [4, 0, 0], [4.5, 0, 0]]), "S O"),
        (crystal(4.0, ["Li", "Li"], [[0, 0, 0], [2, 2, 2]]), ""),
        (crystal(4.1, ["Li", "H"], [[0, 0, 0], [2.05, 2.05, 2.05]]), "H"),
        (crystal(8.0, ["Li", "O", "H"], [[0, 0, 0], [2, 0, 0], [2.96, 0, 0]]), "O"),
        (crystal(8.0, ["C", "N", "S", "Li"], [[0, 0, 0], [1.16, 0, 0], [-1.64, 0, 0], [3, 0, 0]]), "N S"),
    ],
    ids=lambda value: value.formula if isinstance(value, Crystal) else "",
)
def test_anions_of_known_groups(of, expected) -> None:
    assert anions(of) == expected


def test_nitrate_beside_nitride() -> None:
    angles = np.radians([0, 120, 240])
    ring = 1.25 * np.column_stack([np.cos(angles), np.sin(angles), 0 * angles])
    of = crystal(9.0, ["N", "O", "O", "O", "Li", "N"], [[0, 0, 0], *ring, [4.5, 4.5, 3.0], [4.5, 4.5, 4.5]])
    assert anion_mask(of).tolist() == [False, True, True, True, False, True]


def test_groups_half_there_are_groups_and_split_sites_are_not() -> None:
    half = group("S", "O", 1.47, occupancies=np.full(6, 0.5))
    assert anions(half) == "O O O O"
    split = crystal(6.0, ["S", "O", "Li"], [[0, 0, 0], [1.2, 0, 0], [3, 3, 3]], occupancies=np.array([0.5, 0.5, 1.0]))
    assert anions(split) == "S O"
    shared = crystal(
        6.0,
        ["S", "O", "Li"],
        [[0, 0, 0], [0, 0, 0], [3, 3, 3]],
        occupancies=np.array([0.5, 0.5, 1.0]),
        site_idx=np.array([0, 0, 1]),
    )
    assert anions(shared) == "S O"


def test_stated_charges_decide_and_zeros_state_nothing() -> None:
    stated = group("P", "S", 2.05, charges=np.array([-3.0, 2, 2, 2, 2, 1]))
    assert anions(stated) == "P"
    partly = group("P", "S", 2.05, charges=np.array([np.nan, -2, 0, np.nan, np.nan, 1]))
    assert anion_mask(partly).tolist() == [False, True, False, True, True, False]
    assert anions(group("P", "S", 2.05, charges=np.zeros(6))) == "S S S S"


@given(st.integers(0, 2**31), st.permutations(range(6)))
@settings(deadline=None, max_examples=25)
def test_anions_follow_order_and_origin(seed, order) -> None:
    of = group("S", "O", 1.47)
    shift = np.random.default_rng(seed).random(3)
    moved = crystal(9.0, [SYMBOLS[of.numbers[i]] for i in order], (of.positions[list(order)] + shift) * 9.0)
    assert anion_mask(moved).tolist() == anion_mask(of)[list(order)].tolist()


def test_crystal_formula_is_the_reduced_one() -> None:
    structure = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.14), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert Crystal.from_pymatgen(structure).formula == "LiCl"


def test_conductors_have_the_anions_of_their_family(shared_data) -> None:
    """Every measured conductor has anions; no cation-forming metal is among them where O, S or a halogen is present."""
    usual = {SYMBOLS.index(symbol) for symbol in ("O", "S", "Se", "F", "Cl", "Br", "I", "N")}
    seen = 0
    for path in sorted((shared_data / "obelix-train" / "cifs").glob("*.cif")):
        of = read_cif(path.read_bytes(), id=path.stem, source=path.name, limits=InputLimits())
        found = set(of.numbers[anion_mask(of)].tolist())
        assert found, path.name
        if usual & set(of.numbers.tolist()):
            assert found <= usual | {1}, path.name
        seen += 1
    assert seen == 254


def composition_of(**amounts: float) -> np.ndarray:
    row = np.zeros(len(SYMBOLS))
    for symbol, amount in amounts.items():
        row[NUMBERS[symbol]] = amount
    return row


def test_charge_balance_of_known_compounds() -> None:
    salts = [
        composition_of(Li=6, P=1, S=5, Cl=1),
        composition_of(Li=7, La=3, Zr=2, O=12),
        composition_of(Li=1, Co=1, O=2),
        composition_of(Li=0.5, Co=1, O=2),  # mixed valence
        composition_of(Li=3, N=1),
        composition_of(Li=6.553, La=3, Zr=1.999, Al=0.15, O=12),  # refined occupancies
    ]
    alloys = [composition_of(Li=3, Cu=1), composition_of(Li=3, Rh=1), composition_of(Li=1), composition_of(Li=8, O=1)]
    noble = [composition_of(Li=1, He=1)]
    found = charge_balanced(np.array([*salts, *alloys, *noble]))
    assert found.tolist() == [True] * 6 + [False] * 5


def states(symbol: str) -> set[int]:
    return {*Element(symbol).common_oxidation_states, *Element(symbol).icsd_oxidation_states}


@given(
    st.lists(st.tuples(st.sampled_from(["Li", "O", "S", "Fe", "P", "Cu"]), st.integers(1, 9)), min_size=1, max_size=4)
)
@settings(max_examples=60, deadline=None)
def test_charge_balance_against_every_assignment(parts) -> None:
    """Some mixture of common states balances if and only if the interval of sums holds zero."""
    amounts: dict[str, int] = {}
    for symbol, amount in parts:
        amounts[symbol] = amounts.get(symbol, 0) + amount
    sums = {0}
    for symbol, amount in amounts.items():
        for _ in range(amount):  # each atom has a state of its own
            sums = {total + state for total in sums for state in states(symbol)}
    possible = min(sums) <= 0.02 * sum(amounts.values()) and max(sums) >= -0.02 * sum(amounts.values())
    assert charge_balanced(composition_of(**amounts)[None])[0] == possible
    assert charge_balanced(3 * composition_of(**amounts)[None])[0] == possible


def test_anonymous_formulas() -> None:
    argyrodite = anonymous_formula({"Li": 24, "P": 4, "S": 20, "Cl": 4})
    assert argyrodite == "ABC5D6"
    assert anonymous_formula({"Na": 6, "P": 1, "Se": 5, "Br": 1}) == argyrodite
    assert anonymous_formula({"Li": 8, "S": 4}) == "AB2"
    assert anonymous_formula({"Li": 6.672, "Ge": 0.773, "P": 0.227, "S": 5, "I": 1}) == "A0.227B0.773CD5E6.672"
    assert anonymous_formula({"Li": 3}) == "A"
    assert anonymous_formula(dict.fromkeys(SYMBOLS[1:29], 1)).endswith("YZAaAb")
