"""Names of atoms: read as what they mean where that is certain, refused by name otherwise."""

from __future__ import annotations

import math
from typing import Any

import pytest
from cif_blocks import block, read

from screening.crystals.species import species_of
from screening.elements import SYMBOLS
from screening.errors import Code, RejectionError

LABELS = "label fract_x fract_y fract_z"


def parts(symbol: str | None, label: str | None = None, *, formula: str | None = None, capitals: bool = False):
    """What a name means: ({symbol: share}, hydrogen atoms)."""
    stated = None if formula is None else frozenset(formula.split())
    found = species_of(symbol, label, stated=stated, capitals=capitals)
    return {SYMBOLS[number]: share for number, share in found.parts}, found.hydrogens


def refusal(*names: str | None, formula: str | None = None) -> str:
    with pytest.raises(RejectionError) as caught:
        parts(*names, formula=formula)
    assert caught.value.code is Code.BAD_ELEMENT
    return caught.value.detail


@pytest.mark.parametrize(
    ("symbol", "meant"),
    [
        ("Li", {"Li": 1}), ("LI", {"Li": 1}), ("Fe3+", {"Fe": 1}), ("D", {"H": 1}), ("T", {"H": 1}),
        ("Og", {"Og": 1}), ("7Li", {"Li": 1}),
        ("6Li1+", {"Li": 1}), ("(7)Li", {"Li": 1}), ("2H", {"H": 1}), ("18O2-", {"O": 1}), ("Cval", {"C": 1}),
        ("Siva", {"Si": 1}), ("Sival", {"Si": 1}), ("0.75Li + 0.25Na", {"Li": 0.75, "Na": 0.25}),
        ("0.75Li+0.25Na", {"Li": 0.75, "Na": 0.25}), ("Li0.75Na0.25", {"Li": 0.75, "Na": 0.25}),
        ("0.5 Li + 0.5 Na", {"Li": 0.5, "Na": 0.5}), ("0.3Li, 0.7Na", {"Li": 0.3, "Na": 0.7}),
        ("0.5Fe2+ + 0.5Fe3+", {"Fe": 1.0}), ("0.9Li + 0.1Va", {"Li": 0.9}),
    ],
)  # fmt: skip
def test_symbols_that_mean_elements(symbol: str, meant: dict[str, float]) -> None:
    assert parts(symbol) == (pytest.approx(meant), 0.0)


@pytest.mark.parametrize(
    ("symbol", "heavy", "hydrogens"),
    [
        ("OH", "O", 1), ("OH-", "O", 1), ("OH1-", "O", 1), ("H2O", "O", 2), ("Wat", "O", 2), ("H3O+", "O", 3),
        ("NH4", "N", 4), ("NH4+", "N", 4), ("NH4(1+)", "N", 4), ("BH4-", "B", 4), ("CH3", "C", 3),
        ("0.5O + 0.5OH", "O", 0.5),
    ],
)  # fmt: skip
def test_groups_of_one_heavy_atom_and_its_hydrogen(symbol: str, heavy: str, hydrogens: float) -> None:
    assert parts(symbol) == ({heavy: 1.0}, hydrogens)


@pytest.mark.parametrize(
    "symbol",
    ["CN", "Cn", "NO3", "No", "Nh", "T1", "ST1", "Va", "Vac", "Du", "Dum", "Kk", "Xx", "L", "Fe/Mg", "(Li,Na)",
     "0.7Li + 0.5Na", "99Li", "1Li", "SO4", "Li.+"],
)  # fmt: skip
def test_symbols_of_groups_and_of_nothing_are_refused_by_name(symbol: str) -> None:
    assert symbol in refusal(symbol, "A1")


@pytest.mark.parametrize(
    "label",
    ["CN1", "Cn2", "NH4", "NO3", "No1", "T1", "ST1", "Va1", "VA2", "Vac", "Dum1", "Du2", "Kk1", "HO1", "CO3", "SO4",
     "PO4", "M1", "X", "Sa", "Valence", "1", ""],
)  # fmt: skip
def test_labels_of_groups_and_of_nothing_are_refused_by_name(label: str) -> None:
    assert label in refusal(None, label)


@pytest.mark.parametrize(
    ("label", "formula", "symbol", "hydrogens"),
    [
        ("Li1A", None, "Li", 0), ("7Li1", None, "Li", 0), ("CL1", None, "Cl", 0), ("Ow2", None, "O", 0),
        ("Obr", None, "O", 0), ("HB2", None, "H", 0), ("SiT", None, "Si", 0), ("Alt", None, "Al", 0),
        ("Siva1", None, "Si", 0), ("Cval2", None, "C", 0), ("OH1", None, "O", 1), ("Wat1", None, "O", 2),
        ("H2O3", None, "O", 2), ("Ho1", None, "Ho", 0), ("W1", None, "W", 0),
        # What the stated formula has decides, and what it lacks is never taken.
        ("HO1", "H Li O", "H", 0), ("Ho1", "H Li O", "H", 0), ("HO1", "Ho O", "Ho", 0), ("CO3", "Co Li O", "Co", 0),
        ("CA1", "C H O", "C", 0), ("OS1", "O Li", "O", 0), ("Ow1", "H O Li", "O", 2), ("NH4", "N H Cl", "N", 4),
        ("Sa", "Li S", "S", 0), ("Cn1", "Cn", "Cn", 0),
    ],
)  # fmt: skip
def test_labels_that_mean_elements(label: str, formula: str | None, symbol: str, hydrogens: float) -> None:
    assert parts(None, label, formula=formula) == ({symbol: 1.0}, hydrogens)


@pytest.mark.parametrize(
    ("label", "formula"),
    [("CN1", "C N Li"), ("NO1", "Li N O"), ("CO3", "Li C O"), ("B1", "Li O"), ("W1", "Li O H"), ("Va1", "V O"),
     ("T1", "H Si O"), ("ST1", "S Li"), ("Cn1", "C N")],
)  # fmt: skip
def test_an_element_that_the_formula_lacks_is_never_taken(label: str, formula: str) -> None:
    assert label in refusal(None, label, formula=formula)


def test_a_file_in_capitals_writes_cobalt_in_capitals() -> None:
    assert parts(None, "CO1", capitals=True) == ({"Co": 1.0}, 0.0)
    assert "CO1" in refusal(None, "CO1")
    rows = "LI1 0 0 0\nCO1 .5 .5 .5\nO1 .25 .25 .25"
    assert read(block(rows, columns=LABELS)).composition() == {"Li": 1, "O": 1, "Co": 1}
    with pytest.raises(RejectionError):
        read(block(rows.replace("LI1", "Li1"), columns=LABELS))


def test_charges_come_from_symbols_also_of_isotopes() -> None:
    assert species_of("7Li+", None, stated=None, capitals=False).charge == 1.0
    assert math.isnan(species_of("0.5Li+ + 0.5Na+", None, stated=None, capitals=False).charge)


def test_hydroxyl_hydrogen_by_its_oxygen() -> None:
    """HO1 beside O1 in a formula with hydrogen and without holmium."""
    text = block("Li1 0 0 0\nO1 .5 .5 .3\nHO1 .5 .5 .4371", columns=LABELS, cell=(5, 6, 7, 90, 90, 90),
                 chemical_formula_sum="H Li O")  # fmt: skip
    crystal = read(text)
    assert (crystal.composition(), crystal.n_sites, crystal.flags) == ({"H": 1, "Li": 1, "O": 1}, 3, ())


@pytest.mark.parametrize("symbol", ["OH", "OH-", "OH1-"])
def test_hydroxyl_symbol_places_oxygen_and_counts_hydrogen(symbol: str) -> None:
    text = block(f"Li1 Li 0 0 0 1\nOH1 {symbol} 0 .5 .194 1", cell=(3.55, 3.55, 4.33, 90, 90, 90), group="P 4/n m m")
    crystal = read(text)
    assert (crystal.composition(), crystal.n_sites) == ({"H": 2, "Li": 2, "O": 2}, 4)
    assert crystal.flags == ("atoms-without-coordinates",)


def test_hydrogen_that_is_listed_is_not_counted_again() -> None:
    rows = "Li1 0 0 0\nOH1 .5 .5 .3\nH1 .5 .5 .43"
    assert read(block(rows, columns=LABELS)).composition() == {"H": 1, "Li": 1, "O": 1}
    water = block("Li1 0 0 0\nWat1 .5 .5 .3", columns=LABELS, chemical_formula_sum="Li O")
    assert read(water).composition() == {"Li": 1, "O": 1}


def test_attached_hydrogen_counts_with_images_and_occupancy() -> None:
    columns = "label type_symbol fract_x fract_y fract_z occupancy attached_hydrogens"
    tetragonal: dict[str, Any] = {"cell": (3.546, 3.546, 4.334, 90, 90, 90), "group": "P 4/n m m", "columns": columns}
    crystal = read(block("Li1 Li1+ 0 0 0 1. 0\nO1 O2- 0 .5 .194 1. 1", chemical_formula_sum="H1 Li1 O1",
                         cell_formula_units_Z=2, **tetragonal))  # fmt: skip
    assert (crystal.composition(), crystal.n_sites) == ({"H": 2, "Li": 2, "O": 2}, 4)
    assert crystal.flags == ("atoms-without-coordinates",)
    half = read(block("Li1 Li 0 0 0 1. 0\nO1 O 0 .5 .194 0.5 2", **tetragonal))
    assert half.composition() == {"H": 2, "Li": 2, "O": 1}
    none = read(block("Li1 Li 0 0 0 1. 0\nO1 O 0 .5 .194 1. ?", **tetragonal))
    assert none.composition() == {"Li": 2, "O": 2}


@pytest.mark.parametrize("calc", ["d", "calc", "dum", "?", "."])
def test_hydrogen_without_coordinates_counts_whatever_its_flag(calc: str) -> None:
    columns = "label type_symbol fract_x fract_y fract_z symmetry_multiplicity calc_flag"
    crystal = read(
        block(f"Li1 Li 0 0 0 2 d\nO1 O .1 .2 .3 2 d\nH1 H ? ? ? 4 {calc}", columns=columns, group="P 1 21 1")
    )
    assert crystal.composition() == {"H": 4, "Li": 2, "O": 2}
    assert crystal.n_sites == 4
    assert "atoms-without-coordinates" in crystal.flags
    assert "dummy-atoms" not in crystal.flags


def test_mixed_symbol_makes_a_mixed_site() -> None:
    crystal = read(block("M1 '0.75Li + 0.25Na' 0 0 0 1\nCl1 Cl .5 .5 .5 1", group="F m -3 m"))
    assert (crystal.composition(), crystal.n_sites) == ({"Li": 3, "Na": 1, "Cl": 4}, 8)
    assert crystal.flags == ("disordered",)
    partly = read(block("M1 Li0.5Na0.5 0 0 0 0.8\nCl1 Cl .5 .5 .5 1", group="F m -3 m"))
    assert partly.composition() == pytest.approx({"Li": 1.6, "Na": 1.6, "Cl": 4})


def test_dummy_rows_need_no_element() -> None:
    columns = "label type_symbol fract_x fract_y fract_z calc_flag"
    crystal = read(block("Li1 Li 0 0 0 d\nCnt Du .5 .5 .5 dum", columns=columns))
    assert (crystal.composition(), crystal.flags) == ({"Li": 1}, ("dummy-atoms",))
