"""The families that the list is filtered by."""

from __future__ import annotations

import pytest

from screening.crystals.families import FAMILIES, families, families_among, family_words


@pytest.mark.parametrize(
    ("formula", "named"),
    [
        ("Li6PS5Cl", ["sulfide", "chloride"]),
        ("Li10GeP2S12", ["sulfide"]),
        ("Li7La3Zr2O12", ["oxide"]),
        ("Li1.3Al0.3Ti1.7(PO4)3", ["phosphate"]),
        ("Li3PO4", ["phosphate"]),
        ("Li2SO4", ["sulfate"]),
        ("LiNO3", ["nitrate"]),
        ("Li3BO3", ["borate"]),
        ("Li4SiO4", ["silicate"]),
        ("Li2CO3", ["carbonate"]),
        ("Li3.6Si0.75P0.25O4", ["silicate"]),
        ("Li3PS3O", ["oxide", "sulfide"]),
        ("Li9.54Si1.74P1.44S11.7Cl0.3", ["sulfide", "chloride"]),
        ("Li14Zn(GeO4)4", ["oxide"]),
        ("Li3OCl", ["oxide", "chloride"]),
        ("Li3YCl6", ["chloride"]),
        ("LiVPO4F", ["phosphate", "fluoride"]),
        ("Li2PNO2", ["phosphate", "nitride"]),
        ("Li3N", ["nitride"]),
        ("LiAlH4", ["hydride"]),
        ("Li8GeP4", ["phosphide"]),
        ("LiC6", ["carbide"]),
        ("LiAl", ["other"]),
        ("<b>no formula</b>", ["other"]),
        ("", ["other"]),
    ],
)
def test_families_of_well_known_compounds(formula: str, named: list[str]) -> None:
    assert sorted(families(formula)) == sorted(named)
    assert family_words(formula) == ", ".join(families(formula))


def test_families_are_listed_in_one_order_and_unknown_ones_last() -> None:
    assert families_among(["chloride", "sulfide, chloride", "", "garnet", "oxide"]) == [
        "oxide",
        "sulfide",
        "chloride",
        "garnet",
    ]
    assert len(set(FAMILIES)) == len(FAMILIES)
