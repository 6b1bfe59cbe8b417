"""Candidates as a workbook: a sheet that a meeting can read, with pictures and links, then the whole table."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from screening.crystals import Crystal, flag_sentence
from screening.errors import InputError, MissingExtraError, RejectionError, ScreeningError
from screening.ranking import CellKind, Kind, explain, kind_of, reason_unit, reason_words
from screening.report.details import Details
from screening.report.picture import SITES_DRAWN, picture
from screening.report.remarks import remarks
from screening.report.text import level
from screening.runs import read_record
from screening.sources import Missing, Wanted

SHEET_ROWS, SHEET_TEXT = 1_048_576, 32_767  # limits of an .xlsx sheet and of one of its cells
CREATED = datetime.datetime(1980, 1, 1)  # the same input gives the same bytes
READ_ROWS = 100  # of the first sheet: more are not read in a meeting, and each reason costs time
PICTURES = 20
REASONS = 3
PICTURE_SCALE, PICTURE_HEIGHT = 0.5, 93  # of 240 pixels, and points of a row that holds 120
NONE = 0.005  # fewer per site, or a smaller share of sites: the crystal has none of it, as the page says
BARRIERS = ("E1D", "E2D", "E3D")


class Column(NamedTuple):
    """A column of the first sheet."""

    head: str
    width: float  # characters
    form: str  # text, count, sigma, chance, energy, number, picture, link
    cell: Callable[[dict[str, Any]], Any]  # of a row of the ranking


def workbook(run_dir: Path, frame: pd.DataFrame, facts: Sequence[tuple[str, str]]) -> bytes:
    """Return an .xlsx: ``shortlist`` to read, ``candidates`` with every column, ``about`` with `facts`.

    Raises
    ------
    InputError
        The table is too large for a sheet, or a text for a cell.
    MissingExtraError
        xlsxwriter is not installed.
    """
    try:
        import xlsxwriter  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("pip install 'screening[xlsx]' writes .xlsx") from error
    if len(frame) >= SHEET_ROWS:
        raise InputError(f"{len(frame)} rows do not fit a sheet of {SHEET_ROWS}; write .parquet, or take --top")
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"created": CREATED, "comments": "screening"})
    bold = book.add_format({"bold": True})
    _shortlist(book, run_dir, frame)
    sheet = book.add_worksheet("candidates")
    kinds: dict[str, CellKind] = {str(name): kind_of(str(name), frame[name]) for name in frame.columns}
    for column, (name, kind) in enumerate(kinds.items()):
        sheet.write_string(0, column, name, bold)
        for row, cell in enumerate(frame[name], start=1):
            _write_cell(sheet, (row, column), cell, kind)
    sheet.freeze_panes(1, 0)
    if kinds:
        sheet.autofilter(0, 0, len(frame), len(kinds) - 1)
    about = book.add_worksheet("about")
    for row, (name, told) in enumerate(facts):
        about.write_string(row, 0, name, bold)
        about.write_string(row, 1, told[:SHEET_TEXT])
    book.close()
    return buffer.getvalue()


def database_entry(id: str) -> tuple[str, str] | None:
    """Return (address, name) of the database entry that an id names, as the page links it; None where it names none.

    An address is made only of an id whose form is known.
    """
    if re.fullmatch(r"(mp|mvc)-[0-9]{1,9}", id):
        return f"https://next-gen.materialsproject.org/materials/{id}", "Materials Project"
    cod = re.fullmatch(r"(?:COD[-_]?)?([1-9][0-9]{6})", id, flags=re.IGNORECASE)
    return (f"https://www.crystallography.net/cod/{cod[1]}.html", "COD") if cod else None


def _shortlist(book: Any, run_dir: Path, frame: pd.DataFrame) -> None:
    """Add the first sheet: a row a candidate, its picture in it, and below what the sheet does not hold."""
    sheet = book.add_worksheet("shortlist")
    shown = frame.head(READ_ROWS)
    rows = [{str(name): cell for name, cell in row.items()} for row in shown.to_dict("records")]
    pictures, reasons, notes = _seen(run_dir, shown)
    columns = _columns(run_dir, frame, reasons)
    formats = _formats(book)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width)
        sheet.write_string(0, place, column.head, formats["head"])
    sheet.set_row(0, 32)
    for line, row in enumerate(rows, start=1):
        drawn = pictures.get(str(row["id"]))
        if drawn is not None:
            sheet.set_row(line, PICTURE_HEIGHT)
        for place, column in enumerate(columns):
            if column.form == "picture":
                if isinstance(drawn, bytes):
                    told = {"description": f"structure of {row['formula']}, {row['id']}"[:255], "object_position": 1}
                    scale = {"x_scale": PICTURE_SCALE, "y_scale": PICTURE_SCALE, "x_offset": 2, "y_offset": 2}
                    sheet.insert_image(line, place, f"{line}.png", {"image_data": io.BytesIO(drawn), **told, **scale})
                elif drawn is not None:
                    _write_text(sheet, (line, place), drawn, formats["text"])
            else:
                _write_shown(sheet, (line, place), column.cell(row), column.form, formats)
    if len(frame) > len(shown):
        notes.insert(0, f"The first {len(shown)} of {len(frame)} candidates; the sheet candidates holds all.")
    for line, note in enumerate(notes, start=len(rows) + 2):
        sheet.write_string(line, 0, note[:SHEET_TEXT], formats["note"])
    sheet.freeze_panes(1, 3)
    sheet.autofilter(0, 0, len(rows), len(columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _columns(run_dir: Path, frame: pd.DataFrame, reasons: dict[str, str]) -> list[Column]:
    config = read_record(run_dir / "run.json").config
    share = f"{100 * float(config.get('learn', {}).get('interval', 0.8)):.0f} %"
    reached = level(float(config.get("rank", {}).get("target", -4.0)))
    columns = [
        Column("rank", 6, "count", lambda row: row["rank"]),
        Column("structure", 17.5, "picture", lambda row: None),
        Column("formula", 22, "text", lambda row: row["formula"]),
        Column("id", 16, "text", lambda row: row["id"]),
        Column("σ at room temperature (S/cm)", 13, "sigma", lambda row: row["prediction"]),
        Column(f"{share} interval from (S/cm)", 13, "sigma", lambda row: row["lower"]),
        Column("to (S/cm)", 11, "sigma", lambda row: row["upper"]),
    ]
    if "chance" in frame.columns:
        columns.append(Column(f"chance of {reached} S/cm or more", 12, "chance", lambda row: row["chance"]))
    columns += [
        Column("reasons, in powers of ten", 52, "text", lambda row: reasons.get(str(row["id"]), "")),
        Column("marks and remarks", 38, "text", lambda row: "; ".join(remarks(row, flags=False))),
        Column("flags", 34, "text", _flags),
        Column("prototype", 22, "text", _prototype),
    ]
    if "E1D" in frame.columns:
        names = zip(BARRIERS, ("1-D", "2-D", "3-D"), strict=True)
        columns += [
            Column(f"bond-valence barrier {told} (eV)", 12, "energy", lambda row, name=name: row[name])  # type: ignore[misc]
            for name, told in names
        ]
        columns.append(Column("why no barrier", 14, "text", lambda row: row["barrier_code"]))
    columns += [
        Column("nearest known", 20, "text", lambda row: row["nearest_formula"]),
        Column("distance to it (1 is the edge of the domain)", 13, "number", lambda row: row["distance"]),
        Column("database entry", 18, "link", lambda row: database_entry(str(row["id"]))),
    ]
    return columns


def _flags(row: dict[str, Any]) -> str:
    return "; ".join(flag_sentence(name) for name in str(row.get("flags") or "").split(";") if name)


def _prototype(row: dict[str, Any]) -> str:
    found = str(row.get("structure_type") or "")
    if found and found != "unknown":
        return found
    stated = str(row.get("prototype") or "")
    return f"{stated} (stated)" if stated else found


def _seen(run_dir: Path, shown: pd.DataFrame) -> tuple[dict[str, bytes | str], dict[str, str], list[str]]:
    """Return by id the picture of the first, or why there is none; by id the reasons; and notes on what lacks."""
    wanted = [Wanted(*map(str, row)) for row in zip(shown["id"], shown["source"], shown["formula"], strict=True)]
    notes = [f"Structures are drawn of the first {PICTURES} rows."] if len(wanted) > PICTURES else []
    record = read_record(run_dir / "run.json")
    try:
        details = Details(run_dir, record)
    except ScreeningError as error:
        return {}, {}, [f"No structures are drawn and no reasons told: {error}"]
    drawn = wanted[:PICTURES]
    found = details.crystals(drawn)
    pictures = {one.id: _picture(found[one.id], details) for one in drawn}
    try:
        reasons = _reasons(details, [one.id for one in wanted])
    except ScreeningError as error:
        return pictures, {}, [*notes, f"No reasons are told: {error}"]
    return pictures, reasons, notes


def _picture(found: Crystal | Missing, details: Details) -> bytes | str:
    if isinstance(found, Missing):
        return f"not drawn: {found.reason}"
    try:
        return picture(found, details.settings) or f"not drawn: more than {SITES_DRAWN} sites"
    except RejectionError as error:
        return f"not drawn: {error}"


def _reasons(details: Details, ids: list[str]) -> dict[str, str]:
    """Return by id the strongest reasons, as the page words them."""
    table = details.rows(ids)
    explanation = explain(table, details.model, ids=ids)
    told = {}
    for row, id in enumerate(ids):
        found = details.reasons.of(explanation.shap[row], table.features[row], expected=explanation.expected)
        told[id] = "; ".join(_reason_words(details.kinds, *one[:4]) for one in found["kinds"][:REASONS])
    return told


def _reason_words(kinds: Sequence[Kind], first: int, last: int, value: float, own: float | None) -> str:
    kind, unit = kinds[first], reason_unit(kinds[first].curve)
    lacks = own is not None and own < NONE and unit not in ("", "per Å³")
    end = kinds[last].radius_to
    band = "" if kind.radius_from is None or end is None else f" between {kind.radius_from:g} and {end:g} Å"
    push = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
    return f"{reason_words(kind.channel, kind.curve)[int(lacks)]}{band} ({push})"


def _formats(book: Any) -> dict[str, Any]:
    top = {"valign": "top"}
    numbers = {"count": "0", "sigma": "0.0E+00", "chance": "0 %", "energy": "0.00", "number": "0.00"}
    return {
        "head": book.add_format({"bold": True, "text_wrap": True, "valign": "vcenter", "bottom": 1}),
        "text": book.add_format({**top, "text_wrap": True, "num_format": "@"}),
        "link": book.add_format({**top, "font_color": "#0072B2", "underline": 1}),
        "note": book.add_format({"italic": True}),
        **{name: book.add_format({**top, "num_format": form}) for name, form in numbers.items()},
    }


def _write_shown(sheet: Any, place: tuple[int, int], cell: Any, form: str, formats: dict[str, Any]) -> None:
    if form == "link":
        if cell is not None:
            sheet.write_url(*place, cell[0], formats["link"], cell[1])
    elif form == "text":
        _write_text(sheet, place, str(cell), formats["text"])
    else:
        value = float(cell) if cell is not None and str(cell) else float("nan")
        if form == "sigma":
            value = 10.0**value if np.isfinite(value) else value
        if np.isfinite(value):
            sheet.write_number(*place, value, formats[form])
        elif not np.isnan(value):
            sheet.write_string(*place, "infinite", formats["text"])


def _write_text(sheet: Any, place: tuple[int, int], text: str, form: Any = None) -> None:
    """Write text as text, which no spreadsheet runs, whatever it begins with."""
    if len(text) > SHEET_TEXT:
        raise InputError(f"a cell of {len(text)} characters does not fit a sheet; write .parquet")
    if text:
        sheet.write_string(*place, text, form)


def _write_cell(sheet: Any, place: tuple[int, int], cell: Any, kind: CellKind) -> None:
    if kind == "text":
        _write_text(sheet, place, str(cell))
    elif kind == "flag":
        if str(cell).lower() in ("true", "false"):
            sheet.write_boolean(*place, str(cell).lower() == "true")
    else:
        value = float(cell) if str(cell) else float("nan")
        if np.isfinite(value):
            sheet.write_number(*place, value)
        elif not np.isnan(value):
            sheet.write_string(*place, "infinite")
