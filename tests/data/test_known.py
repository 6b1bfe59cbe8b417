"""The embedded table: every structure holds its formula, is neutral, and has the bond lengths of its chemistry."""

from __future__ import annotations

import csv
import itertools
import math
import re
from functools import cache
from pathlib import Path

import gemmi
import numpy as np
import pytest
from pymatgen.core import Composition, Lattice

from screening.config import InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal
from screening.data.known import KnownConductor, Site, known_conductors, parse_formula, write_cif, write_known
from screening.elements import SYMBOLS
from screening.errors import InputError

KNOWN = {crystal.id: crystal for crystal in known_conductors()}
EACH = pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
# Written down here and not read from the package.
CHARGES = {
    **dict.fromkeys(("Li",), 1),
    **dict.fromkeys(("Mg", "Ca", "Sr", "Ba", "Mn", "Co", "Zn"), 2),
    **dict.fromkeys(("Al", "Ga", "Sc", "Y", "La", "Ce", "Pr", "Nd", "Sm", "Fe", "B", "In"), 3),
    **dict.fromkeys(("Si", "Ge", "Sn", "Ti", "Zr"), 4),
    **dict.fromkeys(("P", "V", "Nb", "Ta", "Sb", "Bi"), 5),
    **dict.fromkeys(("Mo",), 6),
    **dict.fromkeys(("F", "Cl", "Br", "I"), -1),
    **dict.fromkeys(("O", "S", "Se"), -2),
    **dict.fromkeys(("N",), -3),
}
# Elements in another state than the usual one: P3- in the phosphide, P4+ in the hypodiphosphate.
OTHER_STATE = {"Li3P": {"P": -3}, "Li4P2S6": {"P": 4}}
# Shortest bond of each cation-anion pair, Å: textbook ranges, wide enough for mixed sites.
BONDS = {
    ("P", "S"): (1.98, 2.24),  # up to Ge:0.8 P:0.2 and Sn:0.5 P:0.5
    ("Si", "S"): (2.0, 2.2),
    ("Ge", "S"): (2.1, 2.25),
    ("Sn", "S"): (2.1, 2.42),
    ("Sb", "S"): (2.28, 2.38),
    ("P", "O"): (1.48, 1.58),
    ("V", "O"): (1.62, 1.75),
    ("Mo", "O"): (1.72, 1.8),
    ("B", "N"): (1.3, 1.38),
    ("Si", "N"): (1.7, 1.8),
    ("P", "N"): (1.55, 1.65),
    ("Ge", "O"): (1.72, 1.95),
    ("Ga", "O"): (1.8, 1.9),
    ("Ti", "O"): (1.65, 2.05),
    ("Zr", "O"): (2.0, 2.15),
    ("Ta", "O"): (1.75, 2.15),
    ("Nb", "O"): (1.75, 2.02),
    ("La", "O"): (2.3, 2.8),
    ("Li", "O"): (1.85, 2.8),  # up to the A site of perovskites
    ("Li", "S"): (2.0, 2.7),
    ("Li", "Cl"): (2.3, 2.6),
    ("Li", "N"): (1.9, 2.2),
    ("Li", "P"): (2.4, 2.6),
}


@cache
def crystal_of(known: KnownConductor) -> Crystal:
    return read_cif(known.to_cif().encode(), id=known.id, source="embedded", limits=InputLimits())


@cache
def distances(crystal: Crystal) -> np.ndarray:
    """Shortest distance between rows over all images, (n, n) Å; between a row and its own images on the diagonal."""
    lengths = Lattice(crystal.lattice).get_all_distances(crystal.positions, crystal.positions)
    steps = np.array([step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)])
    np.fill_diagonal(lengths, np.linalg.norm(steps @ crystal.lattice, axis=1).min())
    lengths[lengths < 1e-6] = np.inf  # rows that share a site
    return lengths


def test_the_table_is_broad() -> None:
    assert len(KNOWN) == len(known_conductors()) >= 100
    assert len({known.family for known in KNOWN.values()}) >= 15
    assert len({known.formula for known in KNOWN.values()}) >= 95
    values = [float(known.conductivity) for known in KNOWN.values() if not known.conductivity.startswith("<")]
    assert math.log10(max(values) / min(values)) >= 8
    assert sum(known.conductivity.startswith("<") for known in KNOWN.values()) >= 5


@EACH
def test_every_entry_names_a_measurement(known: KnownConductor) -> None:
    assert re.fullmatch(r"[A-Za-z0-9.-]+", known.id)
    assert re.fullmatch(r"10\.\d{4,5}/\S+", known.doi)
    value = float(known.conductivity.removeprefix("<"))
    assert 1e-18 < value < 0.1
    assert known.source in {"OBELiX", "article"}
    assert "Li" in known.composition()


@EACH
def test_symmetry_makes_z_formula_units(known: KnownConductor) -> None:
    # gemmi's own expansion is the oracle; our reader must agree with it and with the formula.
    small = gemmi.make_small_structure_from_block(gemmi.cif.read_string(known.to_cif()).sole_block())
    amounts: dict[str, float] = {}
    for site in small.get_all_unit_cell_sites():
        amounts[site.element.name] = amounts.get(site.element.name, 0.0) + site.occ
    assert crystal_of(known).composition() == pytest.approx(amounts, abs=1e-3)
    expected = {element: known.z * amount for element, amount in known.composition().items()}
    assert amounts == pytest.approx(expected, abs=0.01 * known.z)


@EACH
def test_every_formula_is_neutral(known: KnownConductor) -> None:
    charges = CHARGES | OTHER_STATE.get(known.id, {})
    net = sum(amount * charges[element] for element, amount in known.composition().items())
    assert net == pytest.approx(0.0, abs=0.021)  # published occupancies are rounded


@EACH
def test_the_cell_fits_the_space_group(known: KnownConductor) -> None:
    group = gemmi.find_spacegroup_by_name(known.spacegroup)
    assert gemmi.UnitCell(*known.cell).is_compatible_with_spacegroup(group)
    crystal = crystal_of(known)
    atoms = crystal.occupancies.sum()
    assert 8.0 < crystal.volume / atoms < 25.0


@EACH
def test_no_site_holds_more_than_one_atom_and_none_is_close_to_another(known: KnownConductor) -> None:
    crystal = crystal_of(known)
    share = np.bincount(crystal.site_idx, weights=crystal.occupancies)
    assert share.max() <= 1.0005
    table = distances(crystal)
    full = share[crystal.site_idx] > 0.95
    assert table[np.ix_(full, full)].min(initial=np.inf) > 1.3
    same_charge = np.sign([CHARGES[SYMBOLS[number]] for number in crystal.numbers])
    positive = full & (same_charge > 0)
    assert table[np.ix_(positive, positive)].min(initial=np.inf) > 2.0  # Li3N


@EACH
def test_bonds_are_as_long_as_they_should_be(known: KnownConductor) -> None:
    crystal = crystal_of(known)
    table = distances(crystal)
    symbols = np.array([SYMBOLS[number] for number in crystal.numbers])
    signs = np.sign([(CHARGES | OTHER_STATE.get(known.id, {}))[symbol] for symbol in symbols])
    checked = 0
    for row in np.flatnonzero(signs > 0):
        nearest = int(np.argmin(np.where(signs < 0, table[row], np.inf)))
        shortest, longest = BONDS.get((symbols[row], symbols[nearest]), (1.3, 3.2))
        assert shortest <= table[row, nearest] <= longest, (symbols[row], symbols[nearest], table[row, nearest])
        checked += 1
    assert checked > 0


def test_tetrahedra_are_regular() -> None:
    crystal = crystal_of(KNOWN["Li6PS5I"])
    table = distances(crystal)
    bonds = np.sort(table[crystal.numbers == 15][:, crystal.numbers == 16], axis=1)[:, :5]
    assert bonds[:, :4] == pytest.approx(2.05, abs=0.01)
    assert (bonds[:, 4] > 3.5).all()


def labels(shared_data: Path) -> list[dict[str, str]]:
    with (shared_data / "obelix-train" / "labels.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_values_and_dois_are_those_of_the_collection(shared_data: Path) -> None:
    rows = {(row["Ionic conductivity (S cm-1)"], doi) for row in labels(shared_data) for doi in row["DOI"].split("|")}
    collected = [known for known in KNOWN.values() if known.source == "OBELiX"]
    assert len(collected) >= 90
    assert [known.id for known in collected if (known.conductivity, known.doi) not in rows] == []


def test_cells_are_those_of_the_collection(shared_data: Path) -> None:
    compared = set()
    rows = labels(shared_data)
    for known in KNOWN.values():
        number = gemmi.find_spacegroup_by_name(known.spacegroup).number
        ours = Composition(known.formula).fractional_composition
        for row in rows:
            theirs = Composition(row["Reduced Composition"].translate(str.maketrans("[]", "()", " ")))
            fractions = theirs.fractional_composition
            if int(row["Space group #"]) != number or not ours.almost_equals(fractions, rtol=0, atol=0.001):
                continue
            cell = [float(row[name]) for name in ("a", "b", "c", "alpha", "beta", "gamma")]
            assert sorted(known.cell[:3]) == pytest.approx(sorted(cell[:3]), rel=0.02), known.id
            # Per atom: the collection writes the same crystal as Li2MgTi3O8 and as LiMg0.5Ti1.5O4.
            atom_volume = gemmi.UnitCell(*cell).volume / (float(row["Z"]) * theirs.num_atoms)
            ours_volume = gemmi.UnitCell(*known.cell).volume / (known.z * Composition(known.formula).num_atoms)
            assert ours_volume == pytest.approx(atom_volume, rel=0.02), known.id
            compared.add(known.id)
    assert len(compared) >= 90


def test_written_files_are_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "known"
    assert write_known(folder) == len(KNOWN)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*(f"{id}.cif" for id in KNOWN), "labels.csv"])
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["id", "conductivity", "doi", "family", "composition"]
    assert {row["id"]: row["conductivity"] for row in rows} == {id: known.conductivity for id, known in KNOWN.items()}
    text = (folder / "Li7La3Zr2O12-cubic.cif").read_bytes()
    crystal = read_cif(text, id="x", source="x", limits=InputLimits())
    assert (crystal.formula, crystal.spacegroup) == ("Li7La3Zr2O12", 230)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_known(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_known(tmp_path / "file" / "known")


@pytest.mark.parametrize("text", ["", "Li2(SO4)", "li2", "Li2 O"])
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="formula"):
        parse_formula(text)


def test_formulas_are_summed_by_element() -> None:
    assert parse_formula("Li0.5Ce0.5MoO4Li") == {"Li": 1.5, "Ce": 0.5, "Mo": 1.0, "O": 4.0}


def test_an_unknown_space_group_is_refused() -> None:
    site = Site(content=(("Li", 1.0),), position=(0.0, 0.0, 0.0))
    with pytest.raises(InputError, match="P 7"):
        write_cif("x", cell=(3, 3, 3, 90, 90, 90), spacegroup="P 7", sites=(site,), formula="Li1")
