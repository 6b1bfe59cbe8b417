"""The workbook: a sheet to read, with pictures and links, then the table; nothing in it is run by what opens it."""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from finished import Finished
from made_run import HOSTILE, make_run, with_compounds

from screening.report import sheets
from screening.report.export import export_candidates
from screening.report.sheets import database_entry
from screening.runs.read import read_ranking

openpyxl = pytest.importorskip("openpyxl", reason="no openpyxl here: workbooks are not read back")
pytest.importorskip("xlsxwriter", reason="no xlsxwriter here: .xlsx is not written")

SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
FORMULA = '=HYPERLINK("http://evil.example";"x")'


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("sheets") / "run")


@pytest.fixture(scope="module")
def written(run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("written") / "list.xlsx"
    assert export_candidates(run_dir, file).rows == 12
    return file


def cells_of(sheet: Any) -> list[dict[str, Any]]:
    head, *rows = sheet.iter_rows()
    names = [cell.value for cell in head]
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_the_sheets_and_what_heads_the_first(written: Path) -> None:
    book = openpyxl.load_workbook(written)
    assert book.sheetnames == ["shortlist", "candidates", "about"]
    sheet = book["shortlist"]
    assert [cell.value for cell in sheet[1]] == [
        "rank",
        "structure",
        "formula",
        "id",
        "σ at room temperature (S/cm)",
        "80 % interval from (S/cm)",
        "to (S/cm)",
        "reasons, in powers of ten",
        "marks and remarks",
        "flags",
        "prototype",
        "nearest known",
        "distance to it (1 is the edge of the domain)",
        "database entry",
    ]
    assert sheet.freeze_panes == "D2"
    assert all(6 <= sheet.column_dimensions[cell.column_letter].width <= 60 for cell in sheet[1])


def test_the_first_sheet_says_what_the_ranking_says(run_dir: Path, written: Path) -> None:
    rows = cells_of(openpyxl.load_workbook(written)["shortlist"])
    frame = read_ranking(run_dir / "ranking.csv")
    assert len(rows) == len(frame)
    for found, row in zip(rows, frame.to_dict("records"), strict=True):
        assert found["rank"].value == row["rank"]
        assert found["formula"].value == row["formula"]
        assert (found["formula"].data_type, found["id"].data_type) == ("s", "s")
        for head, name in (
            ("σ at room temperature (S/cm)", "prediction"),
            ("80 % interval from (S/cm)", "lower"),
            ("to (S/cm)", "upper"),
        ):
            assert found[head].value == pytest.approx(10 ** row[name], rel=1e-12)
            assert found[head].number_format == "0.0E+00"
        reasons = found["reasons, in powers of ten"].value.split("; ")
        assert 1 <= len(reasons) <= sheets.REASONS
        assert all(re.search(r"\([+−]\d+\.\d\d\)$", reason) for reason in reasons)
    assert rows[0]["id"].value == HOSTILE
    assert (rows[1]["id"].value, rows[1]["id"].data_type) == (FORMULA, "s")
    assert rows[1]["marks and remarks"].value == "radius cut back"
    assert rows[2]["marks and remarks"].value == "disordered; not in training: Xe;Kr"


def test_a_picture_stands_in_the_row_of_each_structure_else_the_reason(written: Path) -> None:
    sheet = openpyxl.load_workbook(written)["shortlist"]
    rows = cells_of(sheet)
    places = [(image.anchor._from.row, image.anchor._from.col) for image in sheet._images]
    assert places == [(row, 1) for row in range(4, 10)]  # ranks 4 to 9 have a file
    pictures = [image._data() for image in sheet._images]  # can be read once
    for data in pictures:
        assert struct.unpack(">II", data[16:24]) == (240, 240)
        assert len(data) < 20_000
    assert len(set(pictures)) == 6
    for line, row in enumerate(rows, start=1):
        if (line, 1) in places:
            assert row["structure"].value is None
            assert sheet.row_dimensions[line + 1].height >= 90
        else:
            assert row["structure"].value.startswith("not drawn: Its source cannot be read")


def test_no_cell_is_a_formula_and_the_table_keeps_its_cells(run_dir: Path, written: Path) -> None:
    with zipfile.ZipFile(written) as book:
        assert "externalLink" not in " ".join(book.namelist())
        for name in ("sheet1", "sheet2", "sheet3"):
            xml = book.read(f"xl/worksheets/{name}.xml")
            assert list(ElementTree.fromstring(xml).iter(f"{SPACE}f")) == []
            assert b"hyperlink" not in xml  # no id here is one of a database
    rows = cells_of(openpyxl.load_workbook(written)["candidates"])
    frame = read_ranking(run_dir / "ranking.csv")
    assert list(rows[0]) == list(frame.columns)
    assert len(rows) == 12
    for found, row in zip(rows, frame.to_dict("records"), strict=True):
        for name, cell in found.items():
            expected = row[name]
            if isinstance(expected, str):
                assert (cell.value or "") == expected
            elif isinstance(expected, bool):
                assert cell.value is expected
            else:
                assert (cell.value is None and np.isnan(expected)) or cell.value == pytest.approx(expected, rel=1e-14)
    assert (rows[1]["id"].value, rows[1]["id"].data_type) == (FORMULA, "s")


def test_the_same_run_gives_the_same_bytes(run_dir: Path, written: Path, tmp_path: Path) -> None:
    export_candidates(run_dir, tmp_path / "again.xlsx")
    assert (tmp_path / "again.xlsx").read_bytes() == written.read_bytes()


def test_what_the_first_sheet_does_not_hold_is_said(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "READ_ROWS", 8)
    monkeypatch.setattr(sheets, "PICTURES", 5)
    export_candidates(run_dir, tmp_path / "a.xlsx")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert [image.anchor._from.row for image in book["shortlist"]._images] == [4, 5]
    first = [cell.value for cell in book["shortlist"]["A"] if cell.value is not None]
    assert first[1:9] == list(range(1, 9))
    assert first[9:] == [
        "The first 8 of 12 candidates; the sheet candidates holds all.",
        "Structures are drawn of the first 5 rows.",
    ]
    assert book["candidates"].max_row == 13


def test_marks_prototypes_chances_and_flags(tmp_path: Path) -> None:
    run = with_compounds(make_run(tmp_path / "run"))
    table = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    table["flags"] = ["close-contacts", *[""] * (len(table) - 1)]
    table.to_csv(run / "ranking.csv", index=False)
    export_candidates(run, tmp_path / "a.xlsx")
    rows = cells_of(openpyxl.load_workbook(tmp_path / "a.xlsx")["shortlist"])
    chance = rows[0]["chance of 10⁻⁴ S/cm or more"]
    assert (chance.value, chance.number_format) == (0.5, "0 %")
    assert rows[0]["prototype"].value == "AB_cF8_225_a_b"
    assert rows[5]["prototype"].value == "AB-1 (stated)"
    assert "2 more entries of the compound" in rows[3]["marks and remarks"].value
    assert rows[0]["flags"].value
    assert rows[1]["flags"].value is None


def test_barriers_stand_in_the_sheet_where_they_exist(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = read_ranking(run_dir / "ranking.csv")
    frame[["E1D", "E2D", "E3D"]] = [[0.293, 0.31, np.nan], *[[np.nan] * 3] * 11]
    frame["barrier_code"] = ["", "no-charges", *[""] * 10]
    (tmp_path / "a.xlsx").write_bytes(sheets.workbook(run_dir, frame, []))
    rows = cells_of(openpyxl.load_workbook(tmp_path / "a.xlsx")["shortlist"])
    told = [rows[0][f"bond-valence barrier {name} (eV)"] for name in ("1-D", "2-D", "3-D")]
    assert [cell.value for cell in told] == [0.293, 0.31, None]
    assert told[0].number_format == "0.00"
    assert rows[1]["why no barrier"].value == "no-charges"


def test_a_link_is_made_of_an_id_whose_form_is_known(run_dir: Path, tmp_path: Path) -> None:
    assert database_entry("mp-985592") == (
        "https://next-gen.materialsproject.org/materials/mp-985592",
        "Materials Project",
    )
    assert database_entry("COD-1234567") == ("https://www.crystallography.net/cod/1234567.html", "COD")
    for id in ("mp-1/../x", "mp-1\n", "xmp-1", "0123456", "mp-\u0661", HOSTILE, FORMULA, ""):
        assert database_entry(id) is None
    frame = read_ranking(run_dir / "ranking.csv")
    frame.loc[3, "id"] = "mp-985592"
    (tmp_path / "a.xlsx").write_bytes(sheets.workbook(run_dir, frame, []))
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["shortlist"]
    rows = cells_of(sheet)
    links = [row["database entry"].hyperlink for row in rows[:12]]
    assert [link is not None for link in links] == [k == 3 for k in range(12)]
    assert links[3].target == "https://next-gen.materialsproject.org/materials/mp-985592"
    assert rows[3]["database entry"].value == "Materials Project"
    notes = [cell.value for cell in sheet["A"][13:] if cell.value]  # that id is not in the store
    assert notes == [note for note in notes if note.startswith("No reasons are told: ")]
    assert len(notes) == 1


def test_a_real_run_has_pictures_and_reasons(finished_run: Finished, tmp_path: Path) -> None:
    export_candidates(finished_run.run, tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["shortlist"]
    rows = cells_of(sheet)
    assert len(sheet._images) == len(rows) == 12
    assert all(row["structure"].value is None for row in rows)
