"""A crystal against its own file: formula, formula units, multiplicities, contacts, occupancies, with tolerances."""

from __future__ import annotations

from typing import Any

import gemmi
import numpy as np
import pytest
from cif_blocks import block, read
from hypothesis import given
from hypothesis import strategies as st

from screening.crystals.consistency import (
    AMOUNT_TOLERANCE,
    CONTACT_FACTOR,
    FRACTION_TOLERANCE,
    Stated,
    covalent_radii,
    formula_contradiction,
    least_height,
    multiplicity_contradiction,
)
from screening.crystals.flags import CONTRADICTIONS, FLAGS, NOTES, contradictions_among, flag_sentence
from screening.crystals.formulas import parsed_formula
from screening.crystals.sites import MOST_SHARED, OCCUPANCY_ROUNDING
from screening.elements import NUMBERS

LICL = "Li1 Li 0 0 0 1\nCl1 Cl .5 .5 .5 1"
BIG = (12, 12, 12, 90, 90, 90)


def stated(formula: str, units: float = float("nan")) -> Stated:
    return Stated(parsed_formula(formula), formula, units)


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("Li6 P S5 Cl", {"Li": 6, "P": 1, "S": 5, "Cl": 1}),
        ("Li2SO4·H2O", {"Li": 2, "S": 1, "O": 5, "H": 2}),
        ("Li2 S O4 . H2 O", {"Li": 2, "S": 1, "O": 5, "H": 2}),
        ("Ca3(P O4)2", {"Ca": 3, "P": 2, "O": 8}),
        ("[Li(NH3)4]2", {"Li": 2, "N": 8, "H": 24}),
        ("Ti0.9(1) O2", {"Ti": 0.9, "O": 2}),
        ("Li1.00(2) Cl1", {"Li": 1, "Cl": 1}),
        ("D2 O", {"H": 2, "O": 1}),
        ("LI2 MN O4", {"Li": 2, "Mn": 1, "O": 4}),
        ("Li Li Cl2", {"Li": 2, "Cl": 2}),
        ("Li.5 Cl", {"Li": 0.5, "Cl": 1}),
    ],
)
def test_formulas_as_they_are_stated(text: str, amounts: dict[str, float]) -> None:
    formula = parsed_formula(text)
    assert formula is not None
    assert formula.amounts == pytest.approx(amounts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Li(1-x)CoO2",
        "LiX",
        "Li) (",
        "(Li",
        "Fe0.5.3",
        "(2)",
        "Li+ Cl-",
        "LI2 CO3",
        "CaSO4.2H2O",
        "see text",
        "C" * 10_000,
        "0",
    ],
)
def test_formulas_that_cannot_be_read(text: str) -> None:
    assert parsed_formula(text) is None


@given(st.text(max_size=60))
def test_any_text_is_a_formula_or_none(text: str) -> None:
    formula = parsed_formula(text)
    assert formula is None or (formula.amounts.keys() <= NUMBERS.keys() and min(formula.amounts.values()) > 0)


@pytest.mark.parametrize("step", [-1, 1])
@pytest.mark.parametrize("disordered", [False, True])
def test_fractions_are_compared_to_the_stated_tolerance(step: int, *, disordered: bool) -> None:
    for part, wrong in ((0.98, False), (1.02, True)):
        moved = step * part * FRACTION_TOLERANCE
        found = formula_contradiction({"Li": 0.3 + moved, "O": 0.7 - moved}, stated("Li3 O7"), disordered=disordered)
        # Of O there is so much that a disordered phase may miss a little more of it, but of Li there is not.
        assert (found is not None) is wrong


def test_disordered_phases_may_miss_a_part_of_the_amount() -> None:
    for part, wrong in ((0.98, False), (1.02, True)):
        moved = part * AMOUNT_TOLERANCE * 0.6
        amounts = {"Li": 0.6 - moved, **dict.fromkeys(("O", "P", "S", "Cl"), 0.1 + moved / 4)}
        said = stated("Li6 O P S Cl")
        assert (formula_contradiction(amounts, said, disordered=True) is not None) is wrong
        assert formula_contradiction(amounts, said, disordered=False) is not None


@pytest.mark.parametrize(
    ("formula", "units", "wrong"),
    [
        ("Li Cl", 4, False), ("LiCl", 4, False), ("Li2 Cl2", 2, False), ("Li8 Cl8", 0.5, False), ("Li Cl", 1, True),
        ("Li Cl", 2, True), ("Li Cl", 8, True), ("Li2 Cl2", 4, True),
        # The sum of all atoms of the cell beside the units of a smaller formula, as programs write it.
        ("Li4 Cl4", 1, False), ("Li4 Cl4", 4, False), ("Li4 Cl4", 2, False), ("Li4 Cl4", 3, True), ("Li4 Cl4", 8, True),
        ("Li2 Cl", 4, True), ("Li Br", 4, True), ("Na Li Cl", 4, True), ("Li Cl O", 4, True), ("Li Cl", "?", False),
    ],
)  # fmt: skip
def test_formula_and_formula_units_of_an_ordered_cell(formula: str, units: object, *, wrong: bool) -> None:
    """Rock salt: four formula units."""
    crystal = read(block(LICL, group="F m -3 m", chemical_formula_sum=formula, cell_formula_units_Z=units))
    assert ("formula" in crystal.flags) is wrong, crystal.flag_details


def test_what_is_flagged_says_both_formulas() -> None:
    crystal = read(block("Li1 Li 0 0 0 1\nMn1 Mn .5 .5 .5 1", chemical_formula_sum="Li2 Mn"))
    assert crystal.flags == ("formula",)
    assert "Li2Mn" in crystal.flag_details["formula"]
    assert "LiMn" in crystal.flag_details["formula"]
    assert crystal.flag_details["formula"] in flag_sentence("formula", crystal.flag_details["formula"])


def test_a_formula_that_cannot_be_read_is_a_note() -> None:
    assert read(block(LICL, chemical_formula_sum="Li(1-x) Cl")).flags == ("formula-unreadable",)
    assert read(block(LICL, chemical_formula_sum="?")).flags == ()


def item(tag: str, text: str) -> dict[str, Any]:
    return {tag: text}


@pytest.mark.parametrize("tag", ["chemical_formula_structural", "chemical_formula_moiety"])
def test_another_formula_counts_only_where_there_is_no_sum(tag: str) -> None:
    assert read(block(LICL, **item(tag, "Na Cl"))).flags == ("formula",)
    assert read(block(LICL, **item(tag, "Li 1+, Cl 1-"))).flags == ()
    assert read(block(LICL, **item(tag, "a salt"))).flags == ()
    assert read(block(LICL, chemical_formula_sum="Li Cl", **item(tag, "Na Cl"))).flags == ()


def test_hydrogen_without_coordinates_is_in_the_composition_that_is_compared() -> None:
    columns = "label type_symbol symmetry_multiplicity fract_x fract_y fract_z"
    rows = "Li1 Li 2 .1 .2 .3\nO1 O 2 .6 .7 .8\nH1 H 2 ? ? ?"
    cell: dict[str, Any] = {"group": "P 1 21 1", "columns": columns}
    assert read(block(rows, chemical_formula_sum="H Li O", cell_formula_units_Z=2, **cell)).flags == (
        "atoms-without-coordinates",
    )
    assert "formula" in read(block(rows, chemical_formula_sum="H2 Li O", **cell)).flags


@pytest.mark.parametrize(
    ("stated_number", "flagged"),
    [(4, False), (48, False), (192, True), (8, True), (1, True), ("?", False), (24, True)],
)
def test_multiplicities_against_images(stated_number: object, *, flagged: bool) -> None:
    """48 is the order of the site symmetry of 4a in F m -3 m, as SHELX-97 wrote it."""
    columns = "label type_symbol fract_x fract_y fract_z symmetry_multiplicity"
    rows = f"Li1 Li 0 0 0 {stated_number}\nCl1 Cl .5 .5 .5 4"
    crystal = read(block(rows, columns=columns, group="F m -3 m"))
    assert crystal.composition() == {"Li": 4, "Cl": 4}
    assert ("multiplicity" in crystal.flags) is flagged
    if flagged:
        assert "Li1" in crystal.flag_details["multiplicity"]


def test_multiplicities_that_are_not_stated_contradict_nothing() -> None:
    assert multiplicity_contradiction(np.array([np.nan]), np.array([3]), ("A",), operations=6) is None


def test_covalent_radii_are_those_of_the_table() -> None:
    radii = covalent_radii()
    assert radii[1] == 0.0
    for symbol, radius in {"Li": 1.28, "O": 0.66, "P": 1.07, "S": 1.05, "La": 2.07, "U": 1.96}.items():
        assert radii[NUMBERS[symbol]] == pytest.approx(radius, abs=0.005)
        assert radii[NUMBERS[symbol]] == pytest.approx(gemmi.Element(symbol).covalent_r)


@pytest.mark.parametrize("pair", [("Li", "Li"), ("P", "S"), ("Li", "O"), ("O", "O"), ("La", "O"), ("C", "C")])
@pytest.mark.parametrize("part", [0.98, 1.02])
def test_contacts_from_both_sides(pair: tuple[str, str], part: float) -> None:
    radii = covalent_radii()
    distance = part * CONTACT_FACTOR * (radii[NUMBERS[pair[0]]] + radii[NUMBERS[pair[1]]])
    for base in (0.1, 0.97):  # also across a face of the cell
        rows = f"A {pair[0]} {base} .2 .3 1\nB {pair[1]} {base + distance / 12:.6f} .2 .3 1"
        crystal = read(block(rows, cell=BIG))
        assert ("contact" in crystal.flags) is (part < 1)


def test_hydrogen_is_left_aside() -> None:
    for rows in ("O1 O .1 .2 .3 1\nH1 H .13 .2 .3 1", "H1 H .1 .2 .3 1\nH2 D .11 .2 .3 1"):
        assert "contact" not in read(block(rows, cell=BIG)).flags


@pytest.mark.parametrize(
    ("first", "second", "flagged"),
    [(0.5, 0.52, False), (0.5, 0.525, True), (0.6, 0.6, True), (1, 0.02, False), (1, 0.03, True)],
)
def test_contacts_of_partly_occupied_atoms(first: float, second: float, *, flagged: bool) -> None:
    """Alternatives for one place may be as close as they like."""
    assert (first + second > MOST_SHARED + 1e-9) is flagged
    rows = f"Li1 Li .1 .2 .3 {first}\nLi2 Li .15 .2 .3 {second}"
    assert ("contact" in read(block(rows, cell=BIG)).flags) is flagged


@pytest.mark.parametrize(("apart", "flagged"), [(0.75, True), (0.9, True), (0.99, True), (1.01, False)])
@pytest.mark.parametrize("symbol", ["O", "F", "N"])
def test_partly_filled_sites_that_cannot_merge_are_too_close(symbol: str, apart: float, *, flagged: bool) -> None:
    """Two of 0.6 each within the merging distance are neither alternatives for one place nor two atoms."""
    rows = f"Li1 Li .6 .6 .6 1\n{symbol}1 {symbol} .1 .2 .3 0.6\n{symbol}2 {symbol} {0.1 + apart / 10} .2 .3 0.6"
    cell = (10, 10, 10, 90, 90, 90)
    assert ("contact" in read(block(rows, cell=cell)).flags) is flagged
    assert "contact" not in read(block(rows.replace("0.6\n", "0.5\n").replace(" 0.6", " 0.5"), cell=cell)).flags


@pytest.mark.parametrize("order", [1, -1])
def test_the_closest_contact_is_named_whatever_the_order(order: int) -> None:
    rows = ["Li0 Li 0 0 0 1", "Li3 Li .05 0 0 1", "O1 O .5 .5 .5 1", "Li2 Li .5 .5 .1 1"][::order]
    crystal = read(block("\n".join(rows), cell=(4, 4, 4, 90, 90, 90)))
    assert crystal.flags == ("contact",)
    assert crystal.flag_details["contact"] == "Li0 and Li3 are 0.20 Å apart"
    assert crystal.n_sites == 4


@pytest.mark.parametrize("group", ["P 1", "P -1", "P m m m", "F m -3 m"])
def test_contacts_of_images_are_found_in_small_and_large_cells(group: str) -> None:
    """In large cells of many images only those of listed atoms are looked at."""
    for length in (4.0, 6.0, 20.0):
        rows = f"P1 P .5 .5 .5 1\nS1 S {0.5 + 0.7 / length:.6f} .5 .5 1\nLi1 Li 0 0 0 1"
        assert "contact" in read(block(rows, cell=(length, length, length, 90, 90, 90), group=group)).flags
        apart = f"P1 P .5 .5 .5 1\nS1 S {0.5 + 1.5 / length:.6f} .5 .5 1\nLi1 Li 0 0 0 1"
        if length > 4:
            assert "contact" not in read(block(apart, cell=(length, length, length, 90, 90, 90), group=group)).flags


@pytest.mark.parametrize(
    ("second", "flagged"), [(0.4 + OCCUPANCY_ROUNDING - 0.001, False), (0.4 + OCCUPANCY_ROUNDING + 0.001, True)]
)
def test_summed_occupancies_from_both_sides(second: float, *, flagged: bool) -> None:
    crystal = read(block(f"Li1 Li 0 0 0 .6\nNa1 Na 0 0 0 {second:.4f}"))
    assert ("occupancy" in crystal.flags) is flagged
    single = read(block(f"Li1 Li 0 0 0 {0.6 + second:.4f}"))
    assert ("occupancy" in single.flags) is flagged


def test_every_flag_has_a_class_and_a_sentence() -> None:
    assert NOTES.isdisjoint(CONTRADICTIONS)
    assert FLAGS.keys() == NOTES | CONTRADICTIONS
    assert {"formula", "multiplicity", "group", "hall", "contact", "occupancy"} <= CONTRADICTIONS
    notes = {
        "disordered", "zero-occupancy", "dummy-atoms", "no-symmetry-stated", "atoms-without-coordinates",
        "near-special-position", "formula-unreadable", "multiplicity-unknown",
    }  # fmt: skip
    assert notes <= NOTES
    for name, flag in FLAGS.items():
        assert flag.name == name
        assert flag_sentence(name).endswith(".")
        assert flag_sentence(name, "so it is").endswith(": so it is.")
    assert contradictions_among(("contact", "disordered", "formula")) == ("contact", "formula")
    assert flag_sentence("of a later version") == "of a later version."


@given(st.integers(0, 2**32 - 1))
def test_the_least_height_is_that_of_the_reciprocal_lattice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lattice = np.tril(rng.normal(0, 3, (3, 3)))
    lattice[np.arange(3), np.arange(3)] = rng.uniform(1, 9, 3)
    assert least_height(lattice) == pytest.approx(1 / np.sqrt((np.linalg.inv(lattice) ** 2).sum(axis=0)).max())
