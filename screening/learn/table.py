"""A table of labels as text: CSV with its separator found out, XLSX, Parquet. Every cell keeps the row it stands in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from screening.errors import InputError, MissingExtraError

SEPARATORS = {"\t": "tab", ";": "semicolon", ",": "comma"}
MOST_BYTES = 200_000_000
MOST_ROWS = 5_000_000


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of a table, all of them text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # each as long as `columns`
    numbers: tuple[int, ...]  # of each row in the file; the header is row 1
    separator: str = ""  # of text; empty for others
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


def read_table(path: Path) -> Table:
    """Return the cells of a table.

    Raises
    ------
    InputError
        It cannot be read, is no table, or a row has another number of cells than the header; the message names the row.
    MissingExtraError
        An XLSX table, and what reads it is not installed.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"labels {path} have more than {MOST_BYTES} bytes")
        suffix = path.suffix.lower()
        if suffix in (".xlsx", ".xlsm", ".xls", ".ods"):
            return _sheet(path)
        if suffix in (".parquet", ".pq"):
            return _parquet(path)
        return _text(path)
    except OSError as error:
        raise InputError(f"cannot read labels {path}: {error.strerror or error}") from error


def _text(path: Path) -> Table:
    data = path.read_bytes()
    notes: list[str] = []
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            encoding = "cp1252"
            notes.append("the table is no UTF-8, it was read as Windows-1252")
    try:
        text = data.decode(encoding)
        if "\0" in text:
            raise ValueError("it holds NUL bytes")
        separator = _separator(text)
        lines = list(_lines(text, separator))
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} is not a table of text: {error}") from error
    if not lines:
        raise InputError(f"{path} is empty: it is not a table")
    if separator != ",":
        notes.append(f"the columns are separated by a {SEPARATORS[separator]}")
    header, *rest = lines
    columns = [name.strip() for name in header[1]]
    while columns and not columns[-1]:
        columns.pop()
    return _checked(path, columns, rest, separator=separator, notes=notes)


def _lines(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells of the rows that are not blank."""
    for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator), start=1):
        if row:
            yield number, row


def _separator(text: str) -> str:
    """Return what separates the columns: what the header has most of, where the first rows agree with it."""
    first = [line for line in text.splitlines()[:20] if line.strip()]
    best, score = ",", (0, 0)
    for separator in SEPARATORS:
        counts = [len(row) for row in csv.reader(first, delimiter=separator)]
        if counts and counts[0] > 1:
            found = (sum(count == counts[0] for count in counts), counts[0])
            if found > score:
                best, score = separator, found
    return best


def _checked(
    path: Path, columns: Sequence[str], lines: Sequence[tuple[int, list[str]]], *, separator: str, notes: Sequence[str]
) -> Table:
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if list(columns).count(name) > 1)
        raise InputError(f"{path}: the column {twice!r} stands twice")
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    width = len(columns)
    for number, row in lines:
        cells = row[:width] if len(row) > width and not any(cell.strip() for cell in row[width:]) else row
        if len(cells) != width:
            hint = ""
            if separator == "," and len(cells) > width:
                hint = "; is a comma the decimal mark? Then separate the columns by ; or a tab, or quote the numbers"
            raise InputError(f"{path}, row {number}: {len(cells)} fields, the header has {width}{hint}")
        rows.append(tuple(cells))
        numbers.append(number)
    if not rows:
        raise InputError(f"{path} holds no labels")
    return Table(tuple(columns), tuple(rows), tuple(numbers), separator, tuple(notes))


def _sheet(path: Path) -> Table:
    try:
        import python_calamine
    except ImportError as error:
        raise MissingExtraError("pip install 'screening[xlsx]' reads .xlsx") from error
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
            sheet = book.get_sheet_by_index(0)
            cells = sheet.to_python(skip_empty_area=False, nrows=MOST_ROWS)
            others = len(book.sheet_names) - 1
    except (python_calamine.CalamineError, ValueError, IndexError) as error:
        raise InputError(f"{path} is not a workbook that can be read: {error}") from error
    lines = [(number, [_cell(cell) for cell in row]) for number, row in enumerate(cells, start=1)]
    lines = [(number, row) for number, row in lines if any(row)]
    if not lines:
        raise InputError(f"{path} is empty: it is not a table")
    columns = [name.strip() for name in lines[0][1]]
    while columns and not columns[-1]:
        columns.pop()
    notes = [f"only the first of {others + 1} sheets was read"] if others else []
    return _checked(path, columns, lines[1:], separator="", notes=notes)


def _parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is not Parquet that can be read: {error}") from error
    if table.num_rows > MOST_ROWS:
        raise InputError(f"labels {path} have more than {MOST_ROWS} rows")
    names = [name for name in table.column_names if not name.startswith("__index_level")]
    columns = [[_cell(cell) for cell in table.column(name).to_pylist()] for name in names]
    lines = [(number, list(row)) for number, row in enumerate(zip(*columns, strict=True), start=2)]
    return _checked(path, names, lines, separator="", notes=())


def _cell(cell: Any) -> str:
    """Return a typed cell as text: numbers in full, whole ones without a point."""
    if cell is None or cell != cell:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return str(cell)
