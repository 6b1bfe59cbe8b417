"""Structures of compounds without one: composition, sites and cell of what is made, and the template it is made on."""

from __future__ import annotations

import numpy as np
import pytest
from paths import SHARED

from screening.config import InputLimits
from screening.crystals import Crystal, read_cif
from screening.data import known_conductors
from screening.elements import NUMBERS
from screening.generation import NoTemplateError, Templates, Unplaced, crystal_cif, share_vector
from screening.generation.exchange import LOST

OBELIX = SHARED / "obelix-train"
LIMITS = InputLimits()


def crystals() -> dict[str, Crystal]:
    found = {}
    for known in known_conductors():
        found[known.id] = read_cif(known.to_cif().encode(), id=known.id, source="embedded", limits=LIMITS)
    return found


@pytest.fixture(scope="module")
def known() -> dict[str, Crystal]:
    return crystals()


@pytest.fixture(scope="module")
def templates(known: dict[str, Crystal]) -> Templates:
    return Templates(known.values())


def of_formula(known: dict[str, Crystal], formula: str) -> Crystal:
    return next(one for one in known.values() if one.formula == formula)


def test_a_compound_of_a_template_is_that_template(known: dict[str, Crystal], templates: Templates) -> None:
    """Its own composition, space group and cell give back every crystal's sites, or those of an equal one."""
    refused = []
    for one in list(known.values())[:40]:
        if one.spacegroup < 2 or not (one.numbers == NUMBERS["Li"]).any():
            continue
        stated = Unplaced("x", one.composition(), one.spacegroup, one.cell_parameters())
        try:
            made = templates.made(stated)
        except NoTemplateError:
            refused.append(one.id)
            continue
        assert made.distance < 1e-3
        assert made.rule == "cell"
        np.testing.assert_allclose(made.crystal.cell_parameters(), one.cell_parameters(), rtol=1e-6)
    assert len(refused) < 5


def test_composition_cell_and_species_of_a_substituted_argyrodite(
    known: dict[str, Crystal], templates: Templates
) -> None:
    base = of_formula(known, "Li6PS5Cl")
    wanted = {"Li": 5.4, "P": 1.0, "S": 4.4, "Cl": 0.8, "Br": 0.8}
    cell = (9.85, 9.85, 9.85, 90.0, 90.0, 90.0)
    made = templates.made(Unplaced("x", wanted, base.spacegroup, cell))
    assert made.rule == "cell"
    np.testing.assert_allclose(made.crystal.cell_parameters(), cell, rtol=1e-9)
    assert np.abs(share_vector(made.crystal.composition()) - share_vector(wanted)).max() <= LOST
    filled = np.zeros(made.crystal.n_sites)
    np.add.at(filled, made.crystal.site_idx, made.crystal.occupancies)
    assert filled.max() <= 1.0 + 1e-9
    phosphorus = made.crystal.numbers == NUMBERS["P"]
    np.testing.assert_allclose(made.crystal.occupancies[phosphorus], 1.0)


def test_what_is_written_is_read_back(known: dict[str, Crystal], templates: Templates) -> None:
    base = of_formula(known, "Li6PS5Cl")
    wanted = {"Li": 5.7, "P": 1.0, "S": 4.7, "Cl": 1.3}
    made = templates.made(Unplaced("x", wanted, base.spacegroup, None)).crystal
    again = read_cif(crystal_cif(made).encode(), id="x", source="x", limits=LIMITS)
    assert again.n_sites == made.n_sites
    assert again.volume == pytest.approx(made.volume, rel=1e-6)
    for symbol, amount in made.composition().items():
        assert again.composition()[symbol] == pytest.approx(amount, rel=1e-4)


def test_rules_in_their_order(known: dict[str, Crystal], templates: Templates) -> None:
    base = of_formula(known, "Li6PS5Cl")
    same = base.composition()
    edges = np.array(base.cell_parameters())
    a, b, c, *angles = (float(edge) for edge in edges)
    wide = (1.2 * a, 1.2 * b, 1.2 * c, angles[0], angles[1], angles[2])
    assert templates.made(Unplaced("x", same, base.spacegroup, base.cell_parameters())).rule == "cell"
    assert templates.made(Unplaced("x", same, base.spacegroup, wide)).rule == "spacegroup"
    assert templates.made(Unplaced("x", same, base.spacegroup)).rule == "spacegroup"
    with pytest.raises(NoTemplateError, match="space group or anions"):
        templates.made(Unplaced("x", same, 229), rules=("cell", "spacegroup"))


@pytest.mark.parametrize(
    ("composition", "says"),
    [
        ({"Na": 3.0, "P": 1.0, "S": 4.0}, "holds no Li"),
        ({"Li": 7.0, "S": 1.0}, "usual oxidation states"),
        ({"Li": 1.0, "U": 5.0, "F": 31.0}, "no template"),
    ],
)
def test_what_cannot_be_made_says_why(composition: dict[str, float], says: str, templates: Templates) -> None:
    with pytest.raises(NoTemplateError, match=says):
        templates.made(Unplaced("x", composition, 216))


def test_distance_is_zero_for_the_same_and_grows_with_substitution(templates: Templates) -> None:
    steps = [{"Li": 6.0, "P": 1 - x, "Si": x, "S": 5.0, "Cl": 1.0} for x in (0.0, 0.2, 0.5, 1.0)]
    nearest = [float(templates.distances(one).min()) for one in steps]
    assert nearest[0] == pytest.approx(0.0, abs=1e-9)
    assert nearest == sorted(nearest)
    times = [templates.distances({symbol: 7.0 * amount for symbol, amount in steps[2].items()})]
    np.testing.assert_allclose(times[0], templates.distances(steps[2]), atol=1e-12)


def test_the_order_of_templates_does_not_matter(known: dict[str, Crystal], templates: Templates) -> None:
    turned = Templates(list(known.values())[::-1])
    stated = Unplaced("x", {"Li": 1.3, "Al": 0.3, "Ti": 1.7, "P": 3.0, "O": 12.0}, 167)
    one, two = templates.made(stated), turned.made(stated)
    assert (one.template, one.distance) == (two.template, two.distance)
    np.testing.assert_array_equal(one.crystal.occupancies, two.crystal.occupancies)


@pytest.mark.skipif(not OBELIX.is_dir(), reason=f"no data at {OBELIX}")
def test_real_crystals_made_on_others_are_nearer_to_the_truth_than_chance() -> None:
    """Each labelled crystal is made on another one: its volume per atom, with no cell stated, is nearly right."""
    found = [
        read_cif(path.read_bytes(), id=path.stem, source=str(path), limits=LIMITS)
        for path in sorted((OBELIX / "cifs").glob("*.cif"))[:120]
    ]
    errors = []
    for one in found:
        try:
            made = Templates([other for other in found if other is not one]).made(
                Unplaced(one.id, one.composition(), one.spacegroup), limit=0.05, rules=("spacegroup",)
            )
        except NoTemplateError:
            continue
        density = [sum(x.composition().values()) / x.volume for x in (one, made.crystal)]
        errors.append(abs(density[1] / density[0] - 1.0))
    assert len(errors) > 20
    assert np.median(errors) < 0.05
