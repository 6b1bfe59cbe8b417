"""Candidates are neutral, distinct, hold the mobile ion, have sensible volumes, and are the same every time."""

from __future__ import annotations

import itertools
import math
import re
import tarfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.config import InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal
from screening.crystals.formulas import reduced_formula
from screening.data.ions import balanced_charges, ionic_radius, substitutes, usual_charges
from screening.data.known import known_conductors
from screening.data.members import write_members
from screening.data.templates import CONTACT_RADIUS, Template, prototype_templates, template_of
from screening.elements import NUMBERS, SYMBOLS
from screening.errors import InputError
from screening.generation.generate import generate, write_candidates
from screening.generation.substitution import Picks, substituted
from screening.sources.listing import iter_items

LIMITS = InputLimits()
KNOWN = {crystal.id: crystal for crystal in known_conductors()}


def read(text: str) -> Crystal:
    return read_cif(text.encode(), id="x", source="x", limits=LIMITS)


@cache
def known_template(id: str) -> Template:
    template = template_of(read(KNOWN[id].to_cif()))
    assert template is not None
    return template


@cache
def sample() -> tuple[tuple[str, str], ...]:
    return tuple(generate(n=300, seed=0))


def composition(text: str) -> tuple[dict[str, float], dict[str, float]]:
    """Return atoms and charges by element, read with gemmi alone."""
    block = gemmi.cif.read_string(text).sole_block()
    charges = {symbol: float(charge) for symbol, charge in block.find("_atom_type_", ["symbol", "oxidation_number"])}
    atoms: dict[str, float] = {}
    for symbol, occupancy in block.find("_atom_site_", ["type_symbol", "occupancy"]):
        atoms[symbol] = atoms.get(symbol, 0.0) + float(occupancy)
    return atoms, charges


def test_candidates_are_neutral_and_hold_the_mobile_ion() -> None:
    for id, text in sample():
        atoms, charges = composition(text)
        assert atoms.keys() == charges.keys()
        assert abs(sum(atoms[element] * charges[element] for element in atoms)) <= 0.02 * sum(atoms.values()), id
        assert charges["Li"] == 1
        assert all(charges[element] in usual_charges(element) for element in atoms), id


def test_candidates_have_sensible_volumes_and_contacts() -> None:
    images = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    for id, text in sample()[:120]:
        crystal = read(text)
        assert 5.0 < crystal.volume / crystal.occupancies.sum() < 65.0, id
        full = crystal.occupancies > 0.999
        positions = crystal.positions[full]
        difference = positions[:, None] - positions[None]
        vectors = (difference[:, :, None] - np.round(difference)[:, :, None] + images) @ crystal.lattice
        lengths = np.linalg.norm(vectors, axis=-1)
        assert lengths[lengths > 1e-6].min(initial=np.inf) > 1.15, id  # the shortest bond, B-O, is 1.3 Å
        positive = crystal.charges[full] > 0
        cations = lengths[np.ix_(positive, positive)]
        assert cations[cations > 1e-6].min(initial=np.inf) > 1.99, id


def test_candidates_are_distinct_and_new() -> None:
    keys: set[tuple[str, str]] = set()
    for id, text in sample():
        match = re.fullmatch(r"gen-(\d{5})-([A-Za-z0-9.]+)-([A-Za-z0-9._-]+)", id)
        assert match is not None, id
        assert int(match[1]) == len(keys)
        crystal = read(text)
        assert reduced_formula(crystal.composition()) == match[2]
        keys.add((match[2], match[3]))
    assert len(keys) == len(sample())
    assert len({label for _, label in keys}) > 100
    known = {(reduced_formula(crystal.composition()), id) for id, crystal in KNOWN.items()}
    assert not keys & known


def test_the_order_depends_on_the_seed_alone() -> None:
    assert tuple(generate(n=40, seed=0)) == sample()[:40]
    other = {id.split("-")[2] for id, _ in generate(n=40, seed=1)}
    assert other != {id.split("-")[2] for id, _ in sample()[:40]}


def test_thousands_can_be_made_from_embedded_data() -> None:
    ids = [id for id, _ in generate(n=2500, seed=3)]
    assert len(ids) == len(set(ids)) == 2500


@pytest.mark.parametrize(("ion", "charge"), [("Na", 1), ("Mg", 2), ("Ag", 1)])
def test_another_mobile_ion(ion: str, charge: int) -> None:
    for _, text in generate(n=60, seed=0, ion=ion):
        atoms, charges = composition(text)
        assert atoms[ion] > 0
        assert charges[ion] == charge


def length_of(template: Template, elements: dict[str, str]) -> float:
    """Cube root of the volume per cell after substitution, Å."""
    candidate = substituted(template, tuple(elements.get(element, element) for element in template.elements))
    assert candidate is not None
    crystal = read(candidate.to_cif("x"))
    return float(crystal.volume ** (1 / 3))


# Crystals of one prototype that were measured: scaling one by radii must give the cell of the other.
@pytest.mark.parametrize(
    ("before", "after", "swap"),
    [
        ("LiTi2P3O12", "LiGe2P3O12", {"Ti": "Ge"}),
        ("LiTi2P3O12", "LiZr2P3O12", {"Ti": "Zr"}),
        ("LiGe2P3O12", "LiTi2P3O12", {"Ge": "Ti"}),
        ("Li5La3Ta2O12", "Li5La3Nb2O12", {"Ta": "Nb"}),
        ("Li5La3Ta2O12", "Li5La3Bi2O12", {"Ta": "Bi"}),
        ("Li10GeP2S12", "Li10SnP2S12", {"Ge": "Sn"}),
        ("Li4GeS4", "Li4SnS4", {"Ge": "Sn"}),
        ("Li2MgCl4", "Li2MnCl4", {"Mg": "Mn"}),
        ("LiLaTiO4", "LiNdTiO4", {"La": "Nd"}),
        ("LiSrTa2O6F", "LiSrNb2O6F", {"Ta": "Nb"}),
        ("Li2CoTi3O8", "Li2CoGe3O8", {"Ti": "Ge"}),
        ("Li6BaLa2Ta2O12", "Li6CaLa2Ta2O12", {"Ba": "Ca"}),
        ("Li3PS4-gamma", "Li3SbS4", {"P": "Sb"}),
        ("Li3VO4", "Li3PS4-gamma", {"V": "P", "O": "S"}),
    ],
)
def test_scaled_cells_are_those_measured(before: str, after: str, swap: dict[str, str]) -> None:
    measured = gemmi.UnitCell(*KNOWN[after].cell).volume ** (1 / 3)
    assert length_of(known_template(before), swap) == pytest.approx(measured, rel=0.03)


def test_argyrodite_chloride_becomes_the_bromide() -> None:
    chloride = KNOWN["Li6PS5Cl"].cell[0]
    scaled = length_of(known_template("Li6PS5Cl"), {"Cl": "Br"})
    assert chloride * 1.003 < scaled
    assert scaled == pytest.approx(KNOWN["Li6PS5Br"].cell[0], rel=0.02)


@pytest.mark.parametrize("id", ["Li6PS5Cl", "LiTi2P3O12", "Li7La3Zr2O12-tetragonal", "Li3OBr", "Li3N-alpha"])
def test_no_substitution_changes_nothing(id: str) -> None:
    template = known_template(id)
    candidate = substituted(template, template.elements)
    assert candidate is not None
    assert candidate.scale == pytest.approx(1.0, abs=1e-12)
    before, after = read(KNOWN[id].to_cif()), read(candidate.to_cif("x"))
    assert after.formula == before.formula
    assert after.volume == pytest.approx(before.volume, rel=1e-4)
    assert sorted(after.numbers) == sorted(before.numbers)


def test_senseless_substitutions_are_refused() -> None:
    template = known_template("LiTi2P3O12")

    def swapped(**swap: str) -> object:
        return substituted(template, tuple(swap.get(element, element) for element in template.elements))

    assert swapped(Ti="Zr") is not None
    assert swapped(O="S", P="V") is not None
    assert swapped(P="Bi") is None  # the tetrahedron is far too small for it
    assert swapped(Li="Ti") is None  # an element twice
    assert swapped(P="Ta") is None


@pytest.mark.parametrize("id", ["Li6PS5Cl", "LiTi2P3O12", "Li3PO4-gamma", "Li2MgCl4"])
def test_contacts_of_a_template_are_those_of_a_block_of_cells(id: str) -> None:
    template = known_template(id)
    reach = range(-3, 4)
    shifts = np.array(list(itertools.product(reach, repeat=3)))
    count = len(template.charges)
    expected = np.full((count, count), np.inf)
    for i, j in itertools.product(range(len(template.positions)), repeat=2):
        k, m = template.class_idx[i], template.class_idx[j]
        alike = template.charges[k] * template.charges[m] > 0
        if alike and template.occupancies[i] + template.occupancies[j] <= 1.02:
            continue
        vectors = (template.positions[j] - template.positions[i] + shifts) @ template.lattice
        lengths = np.linalg.norm(vectors, axis=1)
        lengths = lengths[(lengths > 0.6) & (lengths <= CONTACT_RADIUS)]
        expected[k, m] = min(expected[k, m], lengths.min(initial=np.inf))
    np.testing.assert_allclose(template.shortest, expected, rtol=1e-9)


def test_bonds_of_the_nasicon_framework() -> None:
    template = known_template("LiTi2P3O12")
    index = {element: k for k, element in enumerate(template.elements)}
    assert template.coordination[index["P"]] == 4
    assert template.coordination[index["Ti"]] == 6
    bonds = {(int(c), int(a)): (weight, length) for c, a, weight, length in template.bonds}
    weight, length = bonds[index["P"], index["O"]]
    assert weight == 72  # 18 P in the cell with 4 O each
    assert length == pytest.approx(0.17 + 1.35)  # Shannon: P5+ IV, O2- II


def test_prototypes_are_charged_like_salts() -> None:
    templates = list(prototype_templates(1))
    rocksalt = [template for template in templates if template.label == "AB_cF8_225_a_b"]
    assert sorted(template.charges for template in rocksalt) == [(-1, 1), (1, -1)]
    for template in templates:
        assert 1 in template.charges
        assert float(template.amounts @ np.array(template.charges)) == 0.0
        signs = np.sign(np.array(template.charges))
        opposite = signs[:, None] != signs[None, :]
        nearest = np.where(opposite, template.shortest, np.inf).min(axis=1)
        assert (nearest < np.where(opposite, np.inf, template.shortest).min(axis=1)).all()


@given(st.sampled_from(["Li6PS5I", "Li3OBr", "LiGaO2", "Li4GeS4"]), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=15)
def test_every_substitution_comes_once(id: str, seed: int) -> None:
    template = known_template(id)
    picks = Picks(template, ion="Li", charge=1, key=(seed, 0))
    seen = {picks.elements(k) for k in range(picks.count)}
    choices = [len(set(substitutes(charge)) - {"Li"}) for charge in template.charges if charge != 1]
    assert len(seen) == picks.count == math.prod(choices)
    lithium = template.elements.index("Li")
    assert {elements[lithium] for elements in seen} == {"Li"}


def test_ions_without_substitutes_stay() -> None:
    template = known_template("LiGaO2")
    assert Picks(template, ion="Mg", charge=2, key=(0, 0)).count == 0


@pytest.mark.parametrize(
    ("amounts", "charges"),
    [
        ({"Li": 1, "Fe": 1, "P": 1, "O": 4}, {"Li": 1, "Fe": 2, "P": 5, "O": -2}),
        ({"Li": 1, "Co": 1, "O": 2}, {"Li": 1, "Co": 3, "O": -2}),
        ({"Li": 3, "P": 1}, {"Li": 1, "P": -3}),
        ({"Li": 2, "S": 1, "O": 4}, {"Li": 1, "S": 6, "O": -2}),
        ({"Li": 1, "Al": 1, "H": 4}, {"Li": 1, "Al": 3, "H": -1}),
        ({"Li": 1, "Mn": 2, "O": 4}, None),  # mixed valence
        ({"Li": 1, "Na": 1}, None),  # no anion
        ({"Li": 1, "Xe": 1}, None),
    ],
)
def test_charges_that_make_a_crystal_neutral(amounts: dict[str, float], charges: dict[str, int] | None) -> None:
    assert balanced_charges(amounts) == charges


def test_radii_of_the_nearest_coordination() -> None:
    assert ionic_radius("Li", charge=1, coordination=4) == 0.59
    assert ionic_radius("Li", charge=1, coordination=5) == 0.59  # halfway: the smaller
    assert ionic_radius("Li", charge=1, coordination=12) == 0.92
    assert ionic_radius("Ti", charge=4, coordination=6) == 0.605
    assert ionic_radius("Ti", charge=7, coordination=6) is None


def test_every_substitute_has_a_radius_and_is_an_element() -> None:
    for charge in (1, 2, 3, 4, 5, 6, -1, -2, -3):
        assert len(substitutes(charge)) >= 2
        for element in substitutes(charge):
            assert element in NUMBERS
            assert charge in usual_charges(element), (element, charge)
            assert ionic_radius(element, charge=charge, coordination=6) is not None, (element, charge)


def seeds(folder: Path, *ids: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    for id in ids:
        (folder / f"{id}.cif").write_text(KNOWN[id].to_cif(), encoding="utf-8")
    return [str(folder)]


def test_crystals_of_the_user(tmp_path: Path) -> None:
    paths = seeds(tmp_path / "seeds", "Li6PS5Cl", "LiTi2P3O12", "Li3N-alpha")
    (tmp_path / "seeds" / "broken.cif").write_text("no crystal")
    made = list(generate(n=40, seed=5, seeds_from=paths))
    assert {id.split("-", 3)[3] for id, _ in made} <= {"Li6PS5Cl", "LiTi2P3O12", "Li3N-alpha"}
    # At most eight of each crystal, then the next, and round again.
    runs = [(label, len(list(run))) for label, run in itertools.groupby(id.split("-", 3)[3] for id, _ in made)]
    assert max(length for _, length in runs) == 8
    assert [label for label, _ in runs].count("Li6PS5Cl") >= 2
    assert list(generate(n=11, seed=5, seeds_from=paths)) == made[:11]
    assert len({id.split("-")[2] for id, _ in made}) == 40


def test_too_few_candidates_is_an_error_that_counts_them(tmp_path: Path) -> None:
    paths = seeds(tmp_path / "seeds", "Li3N-alpha", "Li3OBr")
    with pytest.raises(InputError, match=r"only (\d+) candidates can be made, not 5000: 2 of 2 crystals") as caught:
        write_candidates(tmp_path / "out.zip", n=5000, seed=0, seeds_from=paths)
    possible = int(re.findall(r"only (\d+)", str(caught.value))[0])
    assert possible > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seeds"]
    assert write_candidates(tmp_path / "out.zip", n=possible, seed=0, seeds_from=paths) == possible


def test_crystals_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    (tmp_path / "broken.cif").write_text("no crystal")
    with pytest.raises(InputError, match="only 0 candidates can be made, not 1: 0 of 1 crystals"):
        list(generate(n=1, seed=0, seeds_from=[str(tmp_path)]))


@pytest.mark.parametrize("name", ["made", "made.zip", "made.tar.gz", pytest.param("made.tgz", marks=pytest.mark.slow)])
def test_written_twice_the_bytes_are_the_same(tmp_path: Path, name: str) -> None:
    first, second = tmp_path / "a" / name, tmp_path / "b" / name
    assert write_candidates(first, n=20, seed=0) == write_candidates(second, n=20, seed=0) == 20
    assert list(tmp_path.glob("*/.*")) == []
    if first.is_dir():
        assert {p.name: p.read_bytes() for p in first.iterdir()} == {p.name: p.read_bytes() for p in second.iterdir()}
    else:
        assert first.read_bytes() == second.read_bytes()
    items = list(iter_items([str(first)], LIMITS))
    assert [(item.id, item.text.decode()) for item in items] == list(sample()[:20])


def test_archives_state_fixed_times(tmp_path: Path) -> None:
    write_members(tmp_path / "a.zip", [("x.cif", b"1"), ("y.cif", b"2")])
    write_members(tmp_path / "a.tar.gz", [("x.cif", b"1"), ("y.cif", b"2")])
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert [(info.filename, info.date_time) for info in archive.infolist()] == [
            ("x.cif", (1980, 1, 1, 0, 0, 0)),
            ("y.cif", (1980, 1, 1, 0, 0, 0)),
        ]
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        assert [(info.name, info.mtime, info.uid) for info in archive] == [("x.cif", 0, 0), ("y.cif", 0, 0)]
    assert (tmp_path / "a.tar.gz").read_bytes()[4:8] == b"\0\0\0\0"


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    def members() -> Iterator[tuple[str, bytes]]:
        yield ("x.cif", b"1")
        raise InputError("no more")

    (tmp_path / "old.zip").write_bytes(b"old")
    for name in ("old.zip", "new.tar.gz", "folder"):
        with pytest.raises(InputError, match="no more"):
            write_members(tmp_path / name, members())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("old.zip", b"old")]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is no empty folder"):
        write_candidates(tmp_path / "full", n=1, seed=0)
    with pytest.raises(InputError, match=r"use \.zip, \.tar\.gz or a folder"):
        write_candidates(tmp_path / "a.tar.xz", n=1, seed=0)
    with pytest.raises(InputError, match="cannot be written"):
        write_candidates(tmp_path / "full" / "mine" / "a.zip", n=1, seed=0)
    assert write_candidates(tmp_path / "empty", n=2, seed=0) == 2
    assert len(list((tmp_path / "empty").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be at least 1"),
        ({"seed": -1}, "seed at least 0"),
        ({"ion": "Xe"}, "'Xe' is not an ion"),
        ({"ion": "lithium"}, "is not an ion"),
        ({"seeds_from": ["/nowhere/at/all"]}, "no such file or folder"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        generate(**({"n": 1, "seed": 0} | arguments))  # type: ignore[arg-type]


def test_real_crystals_with_symbols(shared_data: Path) -> None:
    made = list(generate(n=60, seed=0, seeds_from=[str(shared_data / "obelix-train" / "cifs")]))
    assert len({id.split("-", 3)[3] for id, _ in made}) >= 8
    for _, text in made:
        crystal = read(text)
        assert "Li" in {SYMBOLS[number] for number in crystal.numbers}
