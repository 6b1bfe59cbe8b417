"""Variants are neutral, have the composition that they state, and are the parent at x = 0."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_crystals import rocksalt
from made_sites import crystal as made
from pymatgen.core import Composition, Species
from pymatgen.io.cif import CifParser

from screening.config import Config, InputLimits
from screening.crystals import Crystal, read_cif
from screening.data.known import known_conductors
from screening.elements import NUMBERS
from screening.errors import InputError
from screening.features import assemble, distances_in, persist, prepared_of
from screening.generation import Series, exact_cif, net_charge, plain_name, series_of, unit_formula
from screening.generation.series import Variant

KNOWN = {crystal.id: crystal for crystal in known_conductors()}
# Ordered and disordered: oxides, sulfides, halides, nitrides, one of two anions, a garnet of mixed framework sites.
PARENTS = (
    "Li6PS5Cl", "Li10GeP2S12", "Li3PS4-gamma", "Li2MgCl4", "Li3N-alpha", "Li6.4La3Zr1.4Ta0.6O12", "LiTi2P3O12",
    "Li3OBr", "Li2PO2N",
)  # fmt: skip


def read(text: str, id: str = "x") -> Crystal:
    return read_cif(text.encode(), id=id, source="x", limits=InputLimits())


@cache
def parent(name: str) -> Crystal:
    return read(KNOWN[name].to_cif(), id=name)


@cache
def series(name: str) -> Series:
    return series_of(parent(name))


def by_pymatgen(text: str):
    """The structure that pymatgen reads, oxidation states included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CifParser.from_str(
            text, occupancy_tolerance=1.001, site_tolerance=1e-8, frac_tolerance=0
        ).parse_structures(primitive=False)[0]


def features(crystals: list[Crystal]) -> np.ndarray:
    config = Config()
    prepared = prepared_of(crystals, config)
    rows = assemble(prepared, persist(prepared, config), config)
    return np.hstack([rows.features, distances_in(rows, config.cloud)])


@pytest.mark.parametrize("name", PARENTS)
def test_every_variant_is_neutral_and_no_site_is_overfilled(name: str) -> None:
    found = series(name)
    assert len(found.variants) > 5
    assert len({one.crystal.id for one in found.variants}) == len(found.variants)
    own = net_charge(found.parent.crystal)
    for one in found.variants:
        assert net_charge(one.crystal) == pytest.approx(own, abs=1e-6 * found.parent.units), one.crystal.id
        filled = np.bincount(one.crystal.site_idx, weights=one.crystal.occupancies)
        assert filled.max() <= 1.0 + 1e-9
        assert one.crystal.occupancies.min() > 0
        assert (one.crystal.numbers == NUMBERS["Li"]).any()


@pytest.mark.parametrize("name", PARENTS)
def test_pymatgen_reads_the_same_charge_and_composition(name: str) -> None:
    found = series(name)
    chosen = [found.variants[0], *found.variants[1::7]]
    own = net_charge(found.parent.crystal)
    for one in chosen:
        structure = by_pymatgen(exact_cif(one.crystal))
        charge = sum(specie.oxi_state * amount for specie, amount in structure.composition.items())
        assert charge == pytest.approx(own, abs=1e-5), one.crystal.id
        amounts = structure.composition.element_composition
        for symbol, amount in one.crystal.composition().items():
            assert amounts[symbol] == pytest.approx(amount, abs=1e-6)
        assert structure.volume == pytest.approx(one.crystal.volume, rel=1e-9)


@pytest.mark.parametrize("name", PARENTS)
def test_the_composition_is_the_one_stated(name: str) -> None:
    """By arithmetic on the parent's formula: x of the host less, x of the dopant more, the ion as told."""
    found = series(name)
    units = found.parent.units
    before = {symbol: amount / units for symbol, amount in found.parent.crystal.composition().items()}
    for one in found.variants[1:]:
        expected = dict(before)
        if one.site != "voids":
            host, dopant = one.site.split("(")[0], "".join(c for c in one.dopant if c.isalpha())
            expected[host] -= one.x
            expected[dopant] = expected.get(dopant, 0.0) + one.x
        expected["Li"] += one.added
        again = {symbol: amount / units for symbol, amount in read(exact_cif(one.crystal)).composition().items()}
        for symbol, amount in expected.items():
            assert again.get(symbol, 0.0) == pytest.approx(amount, abs=1e-6), (one.crystal.id, symbol)


@pytest.mark.parametrize("name", PARENTS)
def test_the_ion_pays_for_the_charge(name: str) -> None:
    for one in series(name).variants[1:]:
        if one.site == "voids":
            assert (one.balance, one.added, one.in_voids) == ("pairs", 0.0, one.x)
            continue
        charge = float(Species.from_str(one.dopant).oxi_state or 0)
        hosts = [kind.charge for kind in series(name).parent.kinds if kind.label == one.site]
        assert any(one.added == pytest.approx(-one.x * (charge - host)) for host in hosts)
        assert one.balance == ("vacancies" if one.added < 0 else "interstitials" if one.added > 0 else "nothing")
        assert 0.0 <= one.in_voids <= max(0.0, one.added) + 1e-9


@pytest.mark.parametrize("name", PARENTS)
def test_at_x_0_it_is_the_parent_to_the_last_bit_also_read_again(name: str) -> None:
    zero = series(name).variants[0].crystal
    found = features([parent(name), zero, read(exact_cif(zero))])
    assert np.array_equal(found[0], found[1], equal_nan=True)
    assert np.array_equal(found[0], found[2], equal_nan=True)


def test_real_crystals_at_x_0(shared_data) -> None:
    from screening.sources import iter_items, read_item

    items = list(iter_items([str(shared_data / "obelix-train" / "cifs")], InputLimits()))[:254:25]
    for item in items:
        own = read_item(item, InputLimits())
        try:
            zero = series_of(own).variants[0].crystal
        except InputError:
            continue
        found = features([own, zero, read(exact_cif(zero))])
        assert np.array_equal(found[0], found[1], equal_nan=True), own.id
        assert np.array_equal(found[0], found[2], equal_nan=True), own.id


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(PARENTS),
    elements=st.lists(
        st.sampled_from(["Al", "Mg", "Zr", "Si", "Ge", "Sn", "Ta", "Ca", "Cl", "Br", "I", "F", "Se", "O"]),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    step=st.floats(0.001, 0.3),
)
def test_any_named_dopant_and_step_keep_the_laws(name: str, elements: list[str], step: float) -> None:
    try:
        found = series_of(parent(name), dopants=elements, step=step, most=3 * step)
    except InputError:  # an element that fits nowhere, or a step that is too long: said in words, tested below
        return
    backwards = series_of(parent(name), dopants=elements[::-1], step=step, most=3 * step)
    assert [exact_cif(one.crystal) for one in found.variants] == [exact_cif(one.crystal) for one in backwards.variants]
    own = net_charge(found.parent.crystal)
    for one in found.variants:
        assert net_charge(one.crystal) == pytest.approx(own, abs=1e-6 * found.parent.units)
        assert np.bincount(one.crystal.site_idx, weights=one.crystal.occupancies).max() <= 1.0 + 1e-9


def of(found: Series, dopant: str, site: str) -> list[Variant]:
    return [one for one in found.variants if (one.dopant, one.site) == (dopant, site)]


def test_kinds_of_sulphur_in_an_argyrodite() -> None:
    found = series_of(parent("Li6PS5Cl"), dopants=["Br"])
    assert {one.site for one in found.variants[1:]} == {"S(0)", "S(1)", "Cl(0)"}
    labels = {kind.label: kind.amount / found.parent.units for kind in found.parent.kinds}
    assert labels["S(1)"] == pytest.approx(4.0)  # of PS4
    assert labels["S(0)"] == pytest.approx(1.0)


def test_the_cell_grows_with_the_cubes_of_the_radii() -> None:
    """By pymatgen's table of Shannon radii, for bromine on chlorine in rock salt: one lithium and one anion a unit."""
    found = series_of(read(rocksalt(anion="Cl")), dopants=["Br"], step=0.25, most=0.5)
    lithium, chlorine, bromine = (Species(*ion).get_shannon_radius("VI") for ion in (("Li", 1), ("Cl", -1), ("Br", -1)))
    for one in of(found, "Br1-", "Cl(0)"):
        growth = 1.0 + one.x * (bromine**3 - chlorine**3) / (lithium**3 + chlorine**3)
        volume = one.crystal.volume / found.parent.crystal.volume
        assert volume == pytest.approx(growth, rel=1e-9)
        assert one.scale**3 == pytest.approx(growth)


def test_interstitials_of_rock_salt_are_its_small_cubes() -> None:
    """Selenide on chloride asks for lithium; all sites are full, so it goes into the eight tetrahedral holes."""
    found = series_of(read(rocksalt(anion="Cl")), dopants=["Se"], step=0.2, most=0.2)
    (one,) = of(found, "Se2-", "Cl(0)")
    assert one.in_voids == pytest.approx(0.2)
    added = one.crystal.occupancies < 0.15
    lithium = (one.crystal.numbers == NUMBERS["Li"]) & added
    places = np.sort(np.round(one.crystal.positions[lithium] * 4).astype(int) % 4, axis=0)
    assert set(places.ravel()) == {1, 3}
    assert lithium.sum() == 8
    np.testing.assert_allclose(one.crystal.occupancies[lithium], 0.1)


def test_partly_filled_sites_come_before_holes() -> None:
    cell = 12.0 * np.eye(3)
    atoms = [("Li", 0.0, 0.0, 0.0, 1.0), ("Li", 0.5, 0.5, 0.0, 0.5), ("Li", 0.1, 0.1, 0.9, 0.5)]
    atoms += [("Zr", 0.5, 0.0, 0.5, 0.25), ("O", 0.65, 0.0, 0.5, 1.0), ("F", 0.35, 0.0, 0.5, 1.0)]
    own = made(cell, atoms)
    found = series_of(own, dopants=["In"], sites=["Zr"], step=0.1, most=0.2)
    for one in found.variants[1:]:
        assert one.balance == "interstitials"
        assert one.in_voids == 0.0
        lithium = one.crystal.occupancies[one.crystal.numbers == NUMBERS["Li"]]
        assert lithium[0] == 1.0
        assert lithium.sum() == pytest.approx(2.0 + one.x)


def test_x_that_empties_a_site_ends_there() -> None:
    found = series_of(parent("Li6PS5Cl"), dopants=["Br"], sites=["Cl"], step=0.5, most=2.0)
    made_of = of(found, "Br1-", "Cl(0)")
    assert [one.x for one in made_of] == [0.5, 1.0]
    assert not (made_of[-1].crystal.numbers == NUMBERS["Cl"]).any()
    assert Composition(made_of[-1].crystal.formula).reduced_formula == Composition("Li6PS5Br").reduced_formula
    assert any("ends before x = 1.5" in note for note in found.notes)


def test_lithium_never_runs_out() -> None:
    """Magnesium on lithium of LiCl takes two for one: beyond a half none would be left."""
    found = series_of(read(rocksalt(anion="Cl")), dopants=["Mg"], step=0.1, most=1.0)
    assert max(one.x for one in found.variants) == pytest.approx(0.4)
    assert any("no Li would be left" in note for note in found.notes)
    amounts = [one.crystal.composition()["Li"] for one in found.variants]
    assert all(later < earlier for earlier, later in pairwise(amounts))


@pytest.mark.parametrize(
    ("crystal", "options", "says"),
    [
        (rocksalt(), {"dopants": ["Xx"]}, "there is no such element"),
        (rocksalt(), {"dopants": ["Ar"]}, "no usual charge"),
        (rocksalt(), {"dopants": ["Re"], "sites": ["Cl"]}, "fits no site"),
        (rocksalt(), {"dopants": ["Zr"]}, "fits no site"),
        (rocksalt(), {"sites": ["Na"]}, "holds none"),
        (rocksalt(), {"step": 0.0}, "steps of x"),
        (rocksalt(), {"step": float("nan")}, "steps of x"),
        (rocksalt(), {"most": float("inf")}, "steps of x"),
        (rocksalt(), {"step": 1e-6}, "too many"),
        (rocksalt(), {"ion": "Na"}, "places no Na"),
        (rocksalt().replace("X1 Cl", "X1 Al"), {}, "no charges"),
        (rocksalt().replace("X1 Cl", "X1 O"), {}, "no charges"),  # LiO: neither a peroxide nor neutral
    ],
)
def test_what_cannot_be_is_refused_in_words(crystal: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        series_of(read(crystal), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("anion", ["H", "F", "I"])
def test_odd_parents_keep_the_laws(anion: str) -> None:
    found = series_of(read(rocksalt().replace("X1 Cl", f"X1 {anion}")), dopants=["Mg"])
    assert all(net_charge(one.crystal) == pytest.approx(0.0, abs=1e-6) for one in found.variants)


@pytest.mark.parametrize("id", ["a b", "../../x", "..", "", "a/b\\c", "x\ny", "=1+1", "é" * 300, "data_\u202e"])
def test_names_of_files_and_blocks_are_plain_whatever_the_id(id: str) -> None:
    name = plain_name(id)
    assert name
    assert len(name) <= 101
    assert name.isascii()
    assert not set(name) & set("/\\ \n")
    assert not name.startswith(".")
    own = read(rocksalt(), id=id)
    for one in series_of(own, dopants=["Br"]).variants:
        assert read(exact_cif(one.crystal)).formula == one.crystal.formula


def test_a_variant_is_told_by_the_unit_of_its_parent() -> None:
    found = series_of(parent("Li6PS5Cl"), dopants=["Si"], step=0.25)
    assert [unit_formula(one.crystal, found.parent.units) for one in found.variants] == [
        "Li6PS5Cl",
        "Li6.25Si0.25P0.75S5Cl",
    ]


def test_the_ion_itself_may_be_the_dopant() -> None:
    found = series_of(parent("Li2MgCl4"), dopants=["Li"], step=0.1, most=0.2)
    for one in found.variants[1:]:
        assert (one.dopant, one.balance) == ("Li1+", "interstitials")
        amounts = one.crystal.composition()
        assert amounts["Li"] / found.parent.units == pytest.approx(2.0 + 2.0 * one.x)
        assert net_charge(one.crystal) == pytest.approx(net_charge(found.parent.crystal), abs=1e-6)


def test_an_element_in_two_charges_is_two_kinds() -> None:
    """Stated charges: iron of two states with the same neighbours, one id each."""
    cell = 9.0 * np.eye(3)
    atoms = [
        ("Fe", 0.0, 0.0, 0.0, 1.0),
        ("O", 0.22, 0.0, 0.0, 1.0),
        ("Fe", 0.5, 0.5, 0.0, 1.0),
        ("O", 0.72, 0.5, 0.0, 1.0),
    ]
    atoms += [("Li", 0.0, 0.5, 0.5, 1.0), ("Cl", 0.25, 0.5, 0.5, 1.0), ("Cl", 0.0, 0.75, 0.5, 1.0)]
    own = made(cell, atoms)
    own = replace(own, charges=np.array([2.0, -2.0, 3.0, -2.0, 1.0, -1.0, -1.0]))
    found = series_of(own, dopants=["Mn"], sites=["Fe"])
    assert {one.site for one in found.variants[1:]} == {"Fe2+(1)", "Fe3+(1)"}
    ids = [one.crystal.id for one in found.variants]
    assert len(set(ids)) == len(ids)
    for one in found.variants:
        assert net_charge(read(exact_cif(one.crystal))) == pytest.approx(net_charge(own), abs=1e-9)
