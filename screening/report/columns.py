"""The columns of a ranking as the page knows them: what each holds, what it is called, and its cells for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from screening.rank import FLAG_COLUMNS, TEXT_COLUMNS
from screening.report.run import COUNT, NUMBER
from screening.report.words import COLUMN_WORDS

Kind = Literal["text", "number", "flag"]
TRUTH = {"true", "false", ""}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a ranking."""

    name: str
    kind: Kind
    label: str

    @classmethod
    def of(cls, name: str, kind: Kind) -> Column:
        """Return a column with its words; one that is not known is called by its name."""
        return cls(name, kind, COLUMN_WORDS.get(name, name.replace("_", " ")))


def columns_of(frame: pd.DataFrame) -> list[Column]:
    """Return the columns of a ranking in its order, `rank` first; the kind of unknown ones follows from their cells."""
    names = ["rank", *(str(name) for name in frame.columns if name != "rank")]
    return [Column.of(name, kind_of(name, frame[name])) for name in names]


def kind_of(name: str, cells: pd.Series[Any]) -> Kind:
    """Return what a column holds: what its name says, else what all of its cells can be read as."""
    if name in (*NUMBER, *COUNT, "rank"):
        return "number"
    if name in FLAG_COLUMNS or pd.api.types.is_bool_dtype(cells):
        return "flag"
    if name in (*TEXT_COLUMNS, "prediction_kind"):
        return "text"
    if pd.api.types.is_numeric_dtype(cells):
        return "number"
    told = {str(cell).lower() for cell in cells.dropna().unique()}
    if told <= TRUTH and told != {""}:
        return "flag"
    numbers = pd.to_numeric(cells.replace("", np.nan), errors="coerce")
    filled = cells.notna() & (cells != "")
    return "number" if filled.any() and numbers[filled].notna().all() else "text"


def cells_of(frame: pd.DataFrame, columns: list[Column]) -> list[list[str | int | float | bool | None]]:
    """Return the rows for JSON: an empty number or flag is null, an infinite number the word for it."""
    return [list(row) for row in zip(*(_cells(frame[one.name], one.kind) for one in columns), strict=True)]


def _cells(cells: pd.Series[Any], kind: Kind) -> list[str | int | float | bool | None]:
    if kind == "text":
        return ["" if cell is None or cell is pd.NA else str(cell) for cell in cells]
    if kind == "flag":
        words = {"true": True, "false": False}
        return [words.get(str(cell).lower()) for cell in cells]
    numbers = pd.to_numeric(cells.replace("", np.nan), errors="coerce").astype(np.float64)
    return [number_cell(float(value)) for value in numbers]


def number_cell(value: float) -> int | float | str | None:
    """Return a number for JSON with six digits: null for NaN, a word for an infinite one."""
    if np.isnan(value):
        return None
    if np.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return int(value) if value.is_integer() and abs(value) < 2**53 else float(f"{value:.6g}")
