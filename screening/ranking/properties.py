"""What geometry cannot know, joined to a ranking by id: numbers that entries carried, and those of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.config import Condition, parsed_conditions
from screening.errors import InputError
from screening.learn import read_table
from screening.ranking.columns import COLUMNS
from screening.spreadsheet import plain_cell

ID_NAMES = ("id", "material_id", "mat_id", "jid", "entry_id", "name")
PREFIX = "property:"  # before a name that a column of the ranking has too
MOST_COLUMNS = 100
LONGEST_NAME = 60
SHOWN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Properties:
    """Columns by id: float64 (NaN = unknown) or text."""

    frame: pd.DataFrame  # index: ids, each once
    given: frozenset[str] = frozenset()  # ids of a table that a person gave, which should all be crystals

    def names(self) -> tuple[str, ...]:
        """Return the names under which the columns stand in a ranking."""
        return tuple(map(str, self.frame.columns))

    def joined(self, ranking: pd.DataFrame) -> pd.DataFrame:
        """Return a ranking with these columns at its end, each crystal's own."""
        rows = self.frame.reindex(ranking["id"].to_numpy(dtype=object)).reset_index(drop=True)
        for name in rows.columns:
            if not pd.api.types.is_numeric_dtype(rows[name]):
                rows[name] = rows[name].fillna("")
        return pd.concat([ranking.reset_index(drop=True), rows], axis=1)

    def unmatched(self, ids: Sequence[str] | NDArray[np.object_]) -> list[str]:
        """Return the ids of the table that no crystal has, sorted."""
        return sorted(self.given - set(map(str, ids)))


def read_property_table(path: Path) -> pd.DataFrame:
    """Return the columns of a table (.csv, .tsv, .xlsx, .parquet) by id; a column all of numbers is float64.

    Raises
    ------
    InputError
        It cannot be read, has no id column, or an id stands twice; the message names the row.
    """
    table = read_table(path)
    by_lower = {name.lower(): name for name in reversed(table.columns)}
    id_name = next((by_lower[name] for name in ID_NAMES if name in by_lower), None)
    if id_name is None:
        shown = ", ".join(map(repr, table.columns))
        raise InputError(f"{path}: no id column ({', '.join(ID_NAMES)}); the table has the columns {shown}")
    rows: dict[str, int] = {}
    for number, cell in zip(table.numbers, table.column(id_name), strict=True):
        id = cell.strip()
        if not id:
            raise InputError(f"{path}, row {number}: the id is empty")
        if id in rows:
            raise InputError(f"{path}, row {number}: id {id!r} appears twice, as in row {rows[id]}")
        rows[id] = number
    names = [name for name in table.columns if name != id_name and name]
    columns = {name: _typed(table.column(name), comma=table.separator in ("", ";", "\t")) for name in names}
    return pd.DataFrame(columns, index=pd.Index(list(rows), name="id", dtype=object))


def _typed(cells: Sequence[str], *, comma: bool) -> Any:
    """Return numbers where all cells are (true is 1, false 0, empty unknown), else the texts."""
    words = {"": np.nan, "true": 1.0, "false": 0.0, "nan": np.nan, "none": np.nan, "na": np.nan, "n/a": np.nan}
    values: list[float] = []
    for cell in cells:
        text = cell.strip()
        if comma and "." not in text:
            text = text.replace(",", ".", 1)
        try:
            values.append(words[text.lower()] if text.lower() in words else float(text))
        except ValueError:
            return np.array([one.strip() for one in cells], dtype=object)
    found = np.array(values, dtype=np.float64)
    found[~np.isfinite(found)] = np.nan
    return found


def properties(carried: pd.DataFrame, given: pd.DataFrame | None) -> Properties:
    """Return what entries carried and what a table gives; of a name in both the table counts where it has a value.

    Raises
    ------
    InputError
        There are more columns than a ranking should have.
    """
    frame = carried
    ids: frozenset[str] = frozenset()
    if given is not None:
        ids = frozenset(map(str, given.index))
        frame = carried.reindex(carried.index.union(given.index, sort=False))
        for name in given.columns:
            column = given[name].reindex(frame.index)
            frame[name] = (
                column.fillna(frame[name]) if name in frame and pd.api.types.is_numeric_dtype(column) else column
            )
    if len(frame.columns) > MOST_COLUMNS:
        raise InputError(f"{len(frame.columns)} properties are more than {MOST_COLUMNS}: leave some out of the table")
    return Properties(frame.rename(columns={name: _column_name(str(name)) for name in frame.columns}), ids)


def _column_name(name: str) -> str:
    plain = "".join(letter if letter.isprintable() else "?" for letter in " ".join(name.split()))[:LONGEST_NAME]
    return f"{PREFIX}{plain}" if plain in COLUMNS or plain == "family" or plain_cell(plain) != plain else plain


@dataclass(frozen=True, slots=True)
class Held:
    """What one condition did."""

    condition: str
    held: int  # crystals that it holds back
    missing: int  # crystals without a value, which it does not
    known: bool  # whether there is a column of the name

    def sentence(self) -> str:
        """Return what a person should know."""
        if not self.known:
            return f"hold_back {self.condition!r}: no crystal has such a property, so it holds nothing back"
        missing = f"; {self.missing} without a value are not held back by it" if self.missing else ""
        return f"hold_back {self.condition!r}: {self.held} crystals{missing}"


def held_back(frame: pd.DataFrame, conditions: Sequence[str]) -> tuple[NDArray[np.object_], list[Held]]:
    """Return by row which conditions hold it back, joined by ``;``, and what each condition did."""
    told = np.full(len(frame), "", dtype=object)
    done: list[Held] = []
    for text in conditions:
        parts = parsed_conditions(text)
        columns = [_column(frame, part) for part in parts]
        if any(column is None for column in columns):
            done.append(Held(text, 0, len(frame), known=False))
            continue
        values = [column for column in columns if column is not None]
        missing = np.any([np.isnan(value) for value in values], axis=0)
        holds = np.all([part.holds(value) for part, value in zip(parts, values, strict=True)], axis=0) & ~missing
        for row in np.flatnonzero(holds):
            told[row] = f"{told[row]};{text}" if told[row] else text
        done.append(Held(text, int(holds.sum()), int(missing.sum()), known=True))
    return told, done


def _column(frame: pd.DataFrame, part: Condition) -> NDArray[np.float64] | None:
    """Return the numbers of a column, a property before a column of the ranking that has the same name."""
    for name in (f"{PREFIX}{part.name}", part.name):
        if name in frame and (pd.api.types.is_numeric_dtype(frame[name]) or pd.api.types.is_bool_dtype(frame[name])):
            return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return None


def summary(found: Properties, ids: Sequence[str] | NDArray[np.object_]) -> dict[str, Any]:
    """Return what a record keeps: the columns, and how many ids of the table are no crystal's, the first named."""
    lost = found.unmatched(ids)
    return {"columns": list(found.names()), "given": len(found.given), "unmatched": len(lost), "examples": lost[:SHOWN]}


def sentences(told: Mapping[str, Any]) -> list[str]:
    """Return what a person should know of properties, of a `summary`; empty where there are none."""
    lines = [f"properties: {', '.join(told['columns'])}"] if told.get("columns") else []
    if told.get("unmatched"):
        names = ", ".join(told["examples"]) + (", ..." if told["unmatched"] > SHOWN else "")
        lines.append(f"{told['unmatched']} of {told['given']} ids of the properties match no crystal: {names}")
    return lines
