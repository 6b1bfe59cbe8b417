"""Measured values from tables: bounds, columns found by name, and refusals that name the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from paths import ROOT
from synthetic import table

from screening.elements import SYMBOLS
from screening.errors import InputError
from screening.learn.agreement import composition_notes
from screening.learn.labels import read_labels
from screening.learn.units import celsius, unit_in, value_of

HEAD = "ID,Ionic conductivity (S cm-1),DOI,Family,Reduced Composition\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_bounds_and_optional_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + HEAD + "a,1.0e-3,10.1/x,oxides,LiO\n b ,<1E-10,,,LiS\nc, ≤ 2e-8 ,10.1/x,,\n")
    labels = read_labels(path)
    assert labels.ids.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(labels.log_sigma, [-3.0, -10.0, np.log10(2e-8)], atol=1e-12)
    assert labels.is_bound.tolist() == [False, True, True]
    assert labels.publication is not None
    assert labels.publication.tolist() == ["10.1/x", "", "10.1/x"]
    assert labels.family is not None
    assert labels.family.tolist() == ["oxides", "", ""]
    assert labels.composition is not None
    assert labels.composition.tolist() == ["LiO", "LiS", ""]


def test_columns_named_by_the_user_and_logarithms(tmp_path: Path) -> None:
    path = write(tmp_path, "crystal,log_sigma,lab\na,-4.5,x\nb,-0.25,y\n")
    labels = read_labels(path, id_column="crystal", target_column="log_sigma", group_column="lab")
    assert labels.log_sigma.tolist() == [-4.5, -0.25]
    assert labels.publication is not None
    assert labels.publication.tolist() == ["x", "y"]
    assert labels.family is None
    assert labels.composition is None


def test_quoted_cells_hold_commas(tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path, 'id,"conductivity, S/cm"\n"a,1",1e-3\n'))
    assert labels.ids.tolist() == ["a,1"]


@pytest.mark.parametrize(
    "value", ["0", "-1e-4", "nan", "inf", "1e-400", "", "n/a", ">1e-3", "< ", "1e-3 S/mm2", "1 000"]
)
def test_a_value_that_is_no_positive_number_is_refused_with_its_row(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputError, match="row 3"):
        read_labels(write(tmp_path, f"id,conductivity\na,1e-3\nb,{value}\n"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("id,conductivity\n", "holds no labels"),
        ("x,conductivity\na,1\n", "--id-column.*has the columns 'x', 'conductivity'"),
        ("id,value\na,1\n", "--target-column.*has the columns 'id', 'value'"),
        ("id,conductivity bulk,conductivity total\na,1,1\n", "--target-column"),
        ("id,conductivity (kS/mm)\na,1\n", "not known"),
        ("id,conductivity (mho/cm)\na,1\n", "not known"),
        ("id,conductivity (S)\na,1e-3\n", "not known"),
        ("id,conductivity x 10^3\na,1\n", "not known"),
        ("id,conductivity,unit\na,1e-3,S/cm\nb,1,mS/ft\n", "row 3.*'mS/ft' is not known"),
        ("id,ln_conductivity\na,-3\n", "natural logarithms"),
        ("id,log10 conductivity\na,-3\nb,0.25\n", "row 3.*below 0"),
        ("id,conductivity\na,1e-3\nb,2050\n", "row 3.*2.05e.03 S/cm"),
        ("id,conductivity (uS/cm)\na,1e7\n", "row 2.*10 S/cm"),
        ("id,conductivity\na,1e-3\n\n,\nb,1e-4\n", "row 4: the id is empty"),
        ("id,conductivity\nx0,1,2E-3\n", "row 2: 3 fields, the header has 2; is a comma"),
        ("id,conductivity,doi\na,1e-3\n", "row 2: 2 fields"),
        ("id,conductivity,id\na,1e-3,b\n", "stands twice"),
        ('id,conductivity (uS/cm)\na,"1,234"\n', "row 2.*thousands"),
        ("id;conductivity\na;1,5e-3\nb;1.5e-3\n", "row 2.*which is the decimal"),
        ("id,conductivity,temperature\na,1e-3,298\n", "row 2.*K or °C"),
        ("id,conductivity,temperature\na,1e-3,warm\n", "row 2.*no temperature"),
        ("id,conductivity,T (K)\na,1e-3,25\n", "none of the 1 values"),
        ("id,conductivity\na.cif,1e-3\nx/a.CIF,1e-4\n", "row 3: id 'a' appears twice, as in row 2"),
        ("id,conductivity\na,.1\na,.2\n", "row 3: id 'a' appears twice"),
        ("id,conductivity\na,.1\n ,.2\n", "row 3: the id is empty"),
        ("id,conductivity\na,1\nb,1,3,4\n", "row 3: 4 fields"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_labels(write(tmp_path, text))


@pytest.mark.parametrize(
    ("header", "value", "slip"), [("conductivity", "1e-3", "2050"), ("log10 conductivity", "-3", "3.3")]
)
def test_one_slip_in_a_hundred_is_left_out_and_told(tmp_path: Path, header: str, value: str, slip: str) -> None:
    def rows(n_right: int, n_wrong: int) -> str:
        cells = [value] * n_right + [slip] * n_wrong
        return f"id,{header}\n" + "".join(f"c{row},{cell}\n" for row, cell in enumerate(cells))

    labels = read_labels(write(tmp_path, rows(99, 1)))
    assert labels.ids.tolist() == [f"c{row}" for row in range(99)]
    assert set(labels.log_sigma) == {-3.0}
    (note,) = (note for note in labels.notes if "left out" in note)
    assert "row 101" in note
    assert repr(slip) in note
    for counts in ((98, 1), (198, 3)):
        with pytest.raises(InputError, match=f"row {counts[0] + 2}.*{slip}"):
            read_labels(write(tmp_path, rows(*counts)))


def test_missing_file_bytes_and_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_labels(tmp_path / "none.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"id,conductivity\n\0\xfe,1\n")
    with pytest.raises(InputError, match="is not a table of text"):
        read_labels(binary)
    with pytest.raises(InputError, match="no column 'nope'"):
        read_labels(write(tmp_path, "id,conductivity\na,1\n"), group_column="nope")


def test_the_real_table(shared_data: Path) -> None:
    labels = read_labels(shared_data / "obelix-train" / "labels.csv")
    assert len(labels) == 254
    text = (shared_data / "obelix-train" / "labels.csv").read_text(encoding="utf-8")
    assert int(labels.is_bound.sum()) == text.count("<1E-")
    assert labels.publication is not None
    assert len(set(labels.publication)) == 127
    assert -18 < labels.log_sigma.min() < labels.log_sigma.max() < 0


FIELD_CASES = ROOT.parent / "shared" / "field-cases" / "labels"


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("conductivity (S/cm)", 1.0), ("Ionic conductivity (S cm-1)", 1.0), ("conductivity_S_cm", 1.0),
        ("conductivity (mS/cm)", 1e-3), ("conductivity_mS_cm", 1e-3), ("mS·cm⁻¹", 1e-3), ("mS cm^-1", 1e-3),
        ("conductivity (µS/cm)", 1e-6), ("conductivity (μS cm−1)", 1e-6), ("uS/cm", 1e-6), ("nS/cm", 1e-9),
        ("conductivity (S/m)", 1e-2), ("conductivity (S·m⁻¹)", 1e-2), ("mS/m", 1e-5), ("S m-1", 1e-2),
        ("σ / Ω⁻¹ cm⁻¹", 1.0), ("1/(Ω cm)", 1.0), ("1/(ohm m)", 1e-2),
        ("conductivity (10^-3 S/cm)", 1e-3), ("conductivity (10⁻⁴ S cm⁻¹)", 1e-4), ("×10-3 S/cm", 1e-3),
        ("1e-6 S/cm", 1e-6),
    ],
)  # fmt: skip
def test_units(text: str, factor: float) -> None:
    unit = unit_in(text)
    assert unit is not None
    assert unit.factor == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize("text", ["conductivity", "MS/cm", "S/ft", "cells/cm", "S", "conductivity (RT)", "Thomas/m"])
def test_texts_without_a_known_unit(text: str) -> None:
    assert unit_in(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.2e-3", 1.2e-3), ("1.2 × 10^-3", 1.2e-3), ("1.2x10-3", 1.2e-3), ("1.2·10⁻³", 1.2e-3), ("10^-3", 1e-3),
        ("1.2 * 10^(-3)", 1.2e-3), ("−4.5", -4.5), (".5", 0.5), ("5.", 5.0), ("1e5", 1e5), ("10-3", None),
        ("1,2", None),
        ("", None), ("e5", None), ("1e", None), ("1 2", None), ("0x10", None), ("nan", None), ("1_000", None),
    ],
)  # fmt: skip
def test_numbers(text: str, value: float | None) -> None:
    assert value_of(text) == (None if value is None else pytest.approx(value, rel=1e-12))


@pytest.mark.parametrize(
    ("text", "header", "value"),
    [
        ("25", "temperature", 25.0), ("298.15", "T (K)", 25.0), ("25 °C", "T", 25.0), ("298.15 K", "T (C)", 25.0),
        ("RT", "T (K)", 25.0), ("300", "temperature", None), ("300", "temperature_K", pytest.approx(26.85)),
        ("-20", "temperature [°C]", -20.0), ("300", "temperature (C)", 300.0), ("hot", "T", None),
    ],
)  # fmt: skip
def test_temperatures(text: str, header: str, value: float | None) -> None:
    assert celsius(text, header=header) == value


@pytest.mark.parametrize(
    "text",
    [
        "id;conductivity (mS/cm);doi\na;1,5;x\nb;<0,02;y\n",
        "id\tconductivity (mS/cm)\tdoi\na\t1.5\tx\nb\t<0.02\ty\n",
        'id,conductivity,unit,doi\na,"1,5",mS/cm,x\nb,"<0,00002",S/cm,y\n',
        "id,conductivity,unit,doi\na,1500,µS/cm,x\nb,<2e-3,S/m,y\n",
        "id,log10 conductivity,doi\na,-2.823908740944319,x\nb,<-4.698970004336019,y\n",
        "id,log10(conductivity / mS/cm),doi\na,0.17609125905568124,x\nb,<-1.6989700043360187,y\n",
        "id,conductivity (10^-3 S/cm),doi\na,1.5,x\nb,< 0.02,y\n",
        "filename,conductivity,doi\na.cif,1.5 × 10^-3,x\nfolder/b.cif.gz,<2·10⁻⁵ S/cm,y\n",
        "id,conductivity,doi,,\na,1.5 mS/cm,x,,\n\nb,<20 µS cm-1,y,,\n",
    ],
)
def test_one_table_in_many_hands(tmp_path: Path, text: str) -> None:
    labels = read_labels(write(tmp_path, text))
    assert labels.ids.tolist() == ["a", "b"]
    np.testing.assert_allclose(10**labels.log_sigma, [1.5e-3, 2e-5], rtol=1e-12)
    assert labels.is_bound.tolist() == [False, True]
    assert labels.publication is not None
    assert labels.publication.tolist() == ["x", "y"]


def test_what_was_converted_is_said(tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path, "id;conductivity (mS/cm)\na;1\nb;2\n"))
    assert labels.notes == (
        "the columns are separated by a semicolon", "2 values were converted from mS/cm to S/cm",
    )  # fmt: skip
    assert read_labels(write(tmp_path, "id,conductivity\na,1e-3\n")).notes == ()


def test_workbooks_and_parquet_are_read_like_text(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"id": ["a", "b.cif"], "conductivity (mS/cm)": [1.5, "<0.02"], "doi": ["10.1/x", None], "T": [25, 20.5]}
    )
    frame.to_excel(tmp_path / "t.xlsx", index=False, engine="xlsxwriter")
    frame.astype({"conductivity (mS/cm)": str}).to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = [read_labels(tmp_path / f"t.{suffix}") for suffix in ("csv", "xlsx", "parquet")]
    for labels in found:
        assert labels.ids.tolist() == ["a", "b"]
        np.testing.assert_allclose(10**labels.log_sigma, [1.5e-3, 2e-5], rtol=1e-12)
        assert labels.publication is not None
        assert labels.publication.tolist() == ["10.1/x", ""]
    for name in ("t.xlsx", "t.parquet"):
        (tmp_path / name).write_bytes(b"PK\3\4 no workbook")
        with pytest.raises(InputError, match="can be read"):
            read_labels(tmp_path / name)


def test_other_temperatures_are_left_out_and_listed(tmp_path: Path) -> None:
    path = write(tmp_path, "id,conductivity,temperature (K)\na,1e-3,298\nb,1e-2,423\nc,1e-4,\nd,1e-2,500\n")
    labels = read_labels(path)
    assert labels.ids.tolist() == ["a", "c"]
    assert "2 values were left out" in labels.notes[0]
    assert labels.notes[0].endswith("rows 3, 5")
    everything = read_labels(path, any_temperature=True)
    assert everything.ids.tolist() == ["a", "b", "c", "d"]
    assert "2 values are not at 15 to 35 °C and were kept: rows 3, 5" in everything.notes[0]


def test_tables_of_windows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes("id;conductivity (µS/cm)\na;1,5\n".encode("cp1252"))
    assert read_labels(path).log_sigma[0] == pytest.approx(np.log10(1.5e-6))
    path.write_bytes("id\tconductivity (µS/cm)\na\t1,5\n".encode("utf-16"))
    assert read_labels(path).log_sigma[0] == pytest.approx(np.log10(1.5e-6))


def test_compositions_that_are_not_those_of_the_crystals_are_reported(tmp_path: Path) -> None:
    crystals = table(12, seed=0)
    ids = crystals.ids.tolist()
    formulas = [
        "".join(f"{SYMBOLS[number]}{amounts[number]:.3f}" for number in np.flatnonzero(amounts))
        for amounts in crystals.composition
    ]
    lines = ["id,conductivity,composition", *(f"{id},1e-3,{text}" for id, text in zip(ids, formulas, strict=True))]
    assert composition_notes(read_labels(write(tmp_path, "\n".join(lines))), crystals) == []
    lines[2] = f"{ids[1]},1e-3,Na3PS4"
    (note,) = composition_notes(read_labels(write(tmp_path, "\n".join(lines))), crystals)
    assert note.startswith("1 of 12 labels state another composition")
    assert f"{ids[1]}: Na3PS4 in the labels, {crystals.facts['formula'].iloc[1]} in the crystal" in note


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("blankrow", "row 4"), ("lab_decimalcomma", "row 2"), ("v0", "row 2"), ("lab_temp", "none of the 106 values"),
        ("lab_us", None), ("lab_mS_cm", None), ("lab_unitcol", None), ("lab_suffix", None), ("lab_compshift", None),
        ("tab", None), ("u09", None),
    ],
)  # fmt: skip
def test_the_field_cases(name: str, says: str | None) -> None:
    if not FIELD_CASES.is_dir():
        pytest.skip("no ../shared/field-cases beside the repository: tables from the field not tested")
    path = FIELD_CASES / f"{name}.csv"
    if says is not None:
        with pytest.raises(InputError, match=says):
            read_labels(path)
        return
    labels = read_labels(path)
    if name in ("tab", "u09"):
        assert labels.log_sigma[0] == pytest.approx({"tab": -3.0, "u09": -5.0}[name])
        assert any({"tab": "tab", "u09": "converted"}[name] in note for note in labels.notes)
        return
    assert len(labels) == 106
    assert labels.ids[0] == "Li6PS5Cl"
    assert 10 ** labels.log_sigma[0] == pytest.approx(0.00205)
    assert any("converted" in note for note in labels.notes) == (name in ("lab_us", "lab_mS_cm", "lab_unitcol"))
