"""Measured conductivities from a table: `read_labels` returns the log10 values and which of them are upper bounds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.crystals import BoolArray, FloatArray, IntArray
from screening.errors import InputError
from screening.learn.compounds import cells_of, spacegroups_of, stated_bounds

ObjectArray = NDArray[np.object_]

ID_NAMES = ("id", "name", "material_id", "crystal_id", "cif", "filename")
PUBLICATION_NAMES = ("doi", "publication", "reference", "paper")
FAMILY_NAMES = ("family", "chemical family", "class")
COMPOSITION_NAMES = ("reduced composition", "composition", "formula", "reduced formula")
BOUND = re.compile(r"^\s*(<=?|≤)\s*")


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Measured room-temperature conductivities, one row per crystal, in table order."""

    ids: ObjectArray  # (n,) str, as the crystals are named
    log_sigma: FloatArray  # (n,) log10 of S/cm; the bound itself where is_bound
    is_bound: BoolArray  # (n,) whether the value is an upper bound (`<1E-10`)
    publication: ObjectArray | None = None  # (n,) str, "" = unknown; equal ones stay on one side of a split
    family: ObjectArray | None = None  # (n,) str, "" = unknown
    composition: ObjectArray | None = None  # (n,) str, "" = unknown
    spacegroup: IntArray | None = None  # (n,) international number, 0 = unknown
    cell: FloatArray | None = None  # (n, 6) a, b, c in Å, alpha, beta, gamma in degrees; NaN = unknown

    def __len__(self) -> int:
        return len(self.ids)

    def joined(self, other: Labels) -> Labels:
        """Return these labels and those of another table.

        Raises
        ------
        InputError
            An id stands in both.
        """
        ids = np.concatenate([self.ids, other.ids])
        values, counts = np.unique(ids.astype(str), return_counts=True)
        if (counts > 1).any():
            raise InputError(f"label {values[counts > 1][0]!r} stands in both tables")
        found: dict[str, Any] = {}
        for name, kind in (("publication", ""), ("family", ""), ("composition", ""), ("spacegroup", 0), ("cell", None)):
            parts = []
            for one in (self, other):
                values = getattr(one, name)
                if values is None and kind is None:
                    values = np.full((len(one), 6), np.nan)
                elif values is None:
                    values = np.full(len(one), kind, dtype=object if kind == "" else np.int64)
                parts.append(values)
            found[name] = np.concatenate(parts)
        return Labels(
            ids=ids,
            log_sigma=np.concatenate([self.log_sigma, other.log_sigma]),
            is_bound=np.concatenate([self.is_bound, other.is_bound]),
            **found,
        )


def read_labels(
    path: Path,
    *,
    id_column: str | None = None,
    target_column: str | None = None,
    group_column: str | None = None,
) -> Labels:
    """Return the labels of a CSV table.

    Parameters
    ----------
    path
        Comma-separated text, UTF-8, with a header line.
    id_column
        Column that names the crystals; found by its name (ID, name, ...) when not given.
    target_column
        Column of conductivities in S/cm; when not given, the one whose name holds "conductivity". Values such as
        ``<1E-10`` are upper bounds. A column whose name begins with "log" holds log10 values.
    group_column
        Column whose equal values belong together; when not given, DOI or publication where there is one.

    Raises
    ------
    InputError
        The table cannot be read, a column is missing or ambiguous, an id stands twice, or a value is no positive
        number; the message names the row (the header is row 1).
    """
    table = _read_csv(path)
    id_name = _named(table, id_column, ID_NAMES, path=path)
    if id_name is None:
        raise InputError(f"{path}: no id column ({', '.join(ID_NAMES)}); name it with --id-column")
    target_name = _target_column(table, target_column, path=path)
    publication = _named(table, group_column, PUBLICATION_NAMES, path=path)
    family, composition = (_named(table, None, names, path=path) for names in (FAMILY_NAMES, COMPOSITION_NAMES))

    is_log = target_name.lower().startswith("log")
    parsed = [
        _value(text, is_log=is_log, where=f"{path}, row {row}, column {target_name!r}")
        for row, text in enumerate(table[target_name], start=2)
    ]
    return Labels(
        ids=_ids(table[id_name], path=path),
        log_sigma=np.array([value for value, _ in parsed], dtype=np.float64),
        is_bound=np.array([bound for _, bound in parsed], dtype=np.bool_) | stated_bounds(table),
        publication=_texts(table, publication),
        family=_texts(table, family),
        composition=_texts(table, composition),
        spacegroup=spacegroups_of(table),
        cell=cells_of(table),
    )


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except OSError as error:
        raise InputError(f"cannot read labels {path}: {error.strerror}") from error
    except (ValueError, pd.errors.ParserWarning) as error:  # ParserError, EmptyDataError, UnicodeDecodeError
        raise InputError(f"{path} is not a comma-separated table: {error}") from error
    if table.empty:
        raise InputError(f"{path} holds no labels")
    return table


def _named(table: pd.DataFrame, given: str | None, names: tuple[str, ...], *, path: Path) -> str | None:
    """Return the column named by the user, or the first known name that is there, or None."""
    if given is not None:
        if given not in table.columns:
            raise InputError(f"{path} has no column {given!r}; it has {', '.join(map(repr, table.columns))}")
        return given
    by_lower = {str(column).strip().lower(): str(column) for column in reversed(table.columns)}
    return next((by_lower[name] for name in names if name in by_lower), None)


def _target_column(table: pd.DataFrame, given: str | None, *, path: Path) -> str:
    name = _named(table, given, (), path=path)
    if name is None:
        found = [str(column) for column in table.columns if "conductivity" in str(column).lower()]
        if len(found) != 1:
            what = f"several columns name a conductivity ({', '.join(found)})" if found else "no conductivity column"
            raise InputError(f"{path}: {what}; choose with --target-column")
        name = found[0]
    if re.search(r"\bmS\b|\bS\s*/\s*m\b|\bS\s+m-1", name):
        raise InputError(f"{path}: column {name!r} is not in S/cm; convert it first")
    return name


def _value(text: str, *, is_log: bool, where: str) -> tuple[float, bool]:
    """Return (log10 of the conductivity, whether it is an upper bound)."""
    match = BOUND.match(text)
    try:
        number = float(text[match.end() :] if match else text)
    except ValueError as error:
        raise InputError(f"{where}: {text!r} is not a conductivity") from error
    if not math.isfinite(number) or (number <= 0 and not is_log):
        raise InputError(f"{where}: {text!r} is not a positive, finite conductivity")
    return (number if is_log else math.log10(number)), match is not None


def _ids(column: pd.Series[str], *, path: Path) -> ObjectArray:
    ids = column.str.strip()
    if (ids == "").any():
        raise InputError(f"{path}, row {int(np.flatnonzero(ids == '')[0]) + 2}: the id is empty")
    if ids.duplicated().any():
        row = int(np.flatnonzero(ids.duplicated())[0])
        raise InputError(f"{path}, row {row + 2}: id {ids.iloc[row]!r} appears twice")
    return ids.to_numpy(dtype=object)


def _texts(table: pd.DataFrame, name: str | None) -> ObjectArray | None:
    return None if name is None else table[name].str.strip().to_numpy(dtype=object)
