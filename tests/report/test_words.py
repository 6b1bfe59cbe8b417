"""Numbers, formulas, reasons and cells in words, and JSON within a page."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.errors import Code
from screening.ranking.columns import kind_of
from screening.ranking.kinds import kind_words, kinds_of, reason_words
from screening.report import text
from screening.report.reasons import joined
from screening.report.words import CODES
from screening.spreadsheet import plain_cell, unguarded


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("id", ["1", "2"], "text"),
        ("band_gap", ["1.5", ""], "number"),
        ("band_gap", ["1.5", "wide"], "text"),
        ("stable", ["True", "False", ""], "flag"),
        ("note", ["", ""], "text"),
        ("chance", ["", ""], "number"),
        ("in_domain", [True, False], "flag"),
        ("same_as_labelled", ["001", "002"], "text"),
    ],
)
def test_kinds_of_columns(name: str, cells: list[Any], kind: str) -> None:
    assert kind_of(name, pd.Series(cells, dtype=object)) == kind


@pytest.mark.parametrize(
    ("log10", "words"),
    [
        (-3.4949, "3.2 × 10⁻⁴"),
        (0.0, "1.0 × 10⁰"),
        (-2.0001, "1.0 × 10⁻²"),
        (-12.0, "1.0 × 10⁻¹²"),
        (1.3, "2.0 × 10¹"),
        (float("nan"), ""),
    ],
)
def test_powers_of_ten(log10: float, words: str) -> None:
    assert text.power(log10) == words


@pytest.mark.parametrize(
    ("formula", "html"),
    [
        ("Li10Ge(PS6)2", "Li<sub>10</sub><wbr>Ge(PS<sub>6</sub>)<sub>2</sub>"),
        ("Li1.3Al0.3", "Li<sub>1.3</sub><wbr>Al<sub>0.3</sub>"),
        ("<b>2</b>", "&lt;b&gt;2&lt;/b&gt;"),
        ("", ""),
    ],
)
def test_formulas(formula: str, html: str) -> None:
    assert str(text.formula(formula)) == html


def test_elements_and_guards() -> None:
    assert text.elements("Li10Ge(PS6)2") == ["Li", "Ge", "P", "S"]
    assert unguarded("'=a") == "=a"
    assert unguarded("'a") == "'a"


@given(st.text(alphabet="=+-@\t\r'a", max_size=4).filter(lambda cell: not cell.startswith("'")))
def test_reading_undoes_the_guard_of_writing(cell: str) -> None:
    assert unguarded(plain_cell(cell)) == cell


@settings(deadline=None, max_examples=60)
@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_embedded_json_is_the_value_and_holds_no_tag(value: Any) -> None:
    shown = str(text.embedded_json(value))
    assert json.loads(shown) == value
    assert not set(shown) & set("<>&")


def test_numbers() -> None:
    cases = {-0.513: "−0.51", -0.001: "0.00", 2.0: "2.00", float("nan"): "–", float("inf"): "∞"}
    assert {text.number(value) for value in cases} == set(cases.values())


@pytest.mark.parametrize(
    ("channel", "curve", "words"),
    [
        ("Li", "rank2", ("lithium forms layers", "lithium forms no layers")),
        ("anion", "rank3", ("the anions form a 3-D framework", "the anions form no 3-D framework")),
        ("framework", "rank0", ("the framework stays in finite clusters", "the framework forms no finite clusters")),
        ("Rb", "beta1", ("rings (β₁) of Rb", "no rings (β₁) of Rb")),
        ("Li", "odd", ("odd of lithium", "odd of lithium")),
    ],
)
def test_reasons_in_words(channel: str, curve: str, words: tuple[str, str]) -> None:
    assert reason_words(channel, curve) == words


def test_neighbouring_bands_that_push_the_same_way_are_one_reason() -> None:
    kinds = kinds_of(
        [f"Li/{c}/{r:.2f}" for c in ("beta1", "rank2") for r in (1.5, 2.5, 3.5, 4.5)] + ["Li/number_density"]
    )
    found = joined(kinds, np.array([0.1, 0.2, -0.1, -0.1, -0.2, 0.0, -0.3, -0.1, -0.5]))
    assert [(first, last, round(value, 6)) for first, last, value in found] == [
        (0, 1, 0.3),
        (2, 3, -0.2),  # ends with its curve
        (4, 4, -0.2),  # a band that does nothing parts those beside it
        (6, 7, -0.4),
        (8, 8, -0.5),
    ]


def test_a_threshold_is_a_power_of_ten() -> None:
    assert [text.level(value) for value in (-4.0, -3.5, 0.0)] == ["10⁻⁴", "3.2 × 10⁻⁴", "10⁰"]


def test_kinds_in_words() -> None:
    assert kind_words(channel="Li", curve="beta1", radius_from="3.0", radius_to="4.0") == "Li rings (β₁), 3–4 Å"
    assert kind_words(channel="Li", curve="mean_occupancy", radius_from="", radius_to="") == "Li mean occupancy"


def test_every_rejection_code_has_words() -> None:
    assert set(CODES) == set(Code)
