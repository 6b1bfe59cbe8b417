"""The table of elements that are hard to use, against the tables that it is taken from."""

from __future__ import annotations

import csv
import importlib.util
import warnings
from pathlib import Path

from pymatgen.core import Element

from screening.data import hard_elements
from screening.data.hard_elements import _table, source_of
from screening.elements import SYMBOLS

KINDS = ("radioactive", "toxic", "scarce", "costly")


def test_radioactive_elements_are_those_of_pymatgen() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert {element.symbol for element in Element if element.is_radioactive} == hard_elements("radioactive")


def test_every_list_names_elements_and_its_source() -> None:
    for kind in KINDS:
        assert set(SYMBOLS[1:]) >= hard_elements(kind)
        assert len(source_of(kind)) > 20
    assert not hard_elements("scarce") & hard_elements("radioactive")
    assert {"Pb", "Hg", "Cd", "As", "Tl", "Be"} <= hard_elements("toxic")
    # CRC: lithium 20, germanium 1.5, iodine 0.45 ppm; indium 0.25, silver 0.075, tellurium 0.001 ppm.
    assert not {"Li", "Ge", "I"} & hard_elements("scarce")
    assert {"In", "Ag", "Te"} <= hard_elements("scarce")


def test_costly_elements_are_those_of_the_cost_table() -> None:
    spec = importlib.util.find_spec("pymatgen.analysis.cost")
    assert spec is not None
    assert spec.origin is not None
    with (Path(spec.origin).parent / "costdb_elements.csv").open(newline="") as file:
        price = {row[0]: float(row[1]) for row in csv.reader(file) if row}
    aside = hard_elements("radioactive") | {"K", "F", "Ne", "Xe"}
    dear = {symbol: value for symbol, value in price.items() if value >= 1_000 and symbol not in aside}
    assert set(dear) == hard_elements("costly")
    assert {symbol: round(value) for symbol, value in dear.items()} == _table()["costly"]["price"]
