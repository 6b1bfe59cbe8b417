"""Measured conductivities from a table: `read_labels` returns the log10 values and which of them are upper bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.crystals import BoolArray, FloatArray, IntArray
from screening.errors import InputError
from screening.learn.compounds import cells_of, spacegroups_of, stated_bounds
from screening.learn.table import Table, read_table
from screening.learn.units import Unit, celsius, is_unknown_unit, plain, unit_in, value_and_unit

ObjectArray = NDArray[np.object_]

ID_NAMES = ("id", "name", "material_id", "crystal_id", "cif", "filename", "file", "file name", "mat_id", "jid")
PUBLICATION_NAMES = ("doi", "publication", "reference", "paper")
FAMILY_NAMES = ("family", "chemical family", "class")
COMPOSITION_NAMES = ("reduced composition", "composition", "formula", "reduced formula")
UNIT_NAMES = ("unit", "units", "conductivity unit", "conductivity_unit")
TEMPERATURE = re.compile(r"(?:meas\w*[ _])?(?:temperature|temp\.?|t)(?:\b|_).*", re.IGNORECASE)
BOUND = re.compile(r"^\s*(<=?|≤)\s*")
FILE_SUFFIX = re.compile(r"\.m?cif(?:\.(?:gz|bz2|xz|zst))?$", re.IGNORECASE)
COOLEST, WARMEST = 15.0, 35.0  # °C; beyond, a value is not one at room temperature
SHOWN_ROWS = 50
SLIPS = 0.01  # share of values above 1 S/cm up to which they are slips of the pen; more, and the unit is in doubt
PLAIN = Unit("S/cm", 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Measured room-temperature conductivities, one row per crystal, in table order."""

    ids: ObjectArray  # (n,) str, as the crystals are named
    log_sigma: FloatArray  # (n,) log10 of S/cm; the bound itself where is_bound
    is_bound: BoolArray  # (n,) whether the value is an upper bound (`<1E-10`)
    publication: ObjectArray | None = None  # (n,) str, "" = unknown; equal ones stay on one side of a split
    family: ObjectArray | None = None  # (n,) str, "" = unknown
    composition: ObjectArray | None = None  # (n,) str, "" = unknown
    notes: tuple[str, ...] = ()  # what was converted or left out, sentences for a person
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
            notes=(*self.notes, *other.notes),
            **found,
        )


def read_labels(
    path: Path,
    *,
    id_column: str | None = None,
    target_column: str | None = None,
    group_column: str | None = None,
    any_temperature: bool = False,
) -> Labels:
    """Return the labels of a table.

    Parameters
    ----------
    path
        Text with a header line (the separator is found out: comma, semicolon or tab; decimal commas too), XLSX or
        Parquet.
    id_column
        Column that names the crystals; found by its name (ID, name, ...) when not given. Ids may end in ``.cif``.
    target_column
        Column of conductivities; when not given, the one whose name holds "conductivity". The unit is that of the
        cell, of a column ``unit``, or of the header, else S/cm. Values such as ``<1E-10`` are upper bounds. A column
        whose name begins with "log" holds log10 values.
    group_column
        Column whose equal values belong together; when not given, DOI or publication where there is one.
    any_temperature
        Whether values at other temperatures than 15 to 35 °C are kept, where a column states the temperature.

    Raises
    ------
    InputError
        The table cannot be read, a column is missing or ambiguous, a unit is not known, an id stands twice, or a value
        is no conductivity; the message names the row (the header is row 1). Of values above 1 S/cm, which no crystal
        reaches, one in a hundred is left out with a note; more are an error.
    """
    table = read_table(path)
    id_name = _named(table, id_column, ID_NAMES, path=path)
    if id_name is None:
        raise InputError(f"{path}: no id column ({', '.join(ID_NAMES)}); name it with --id-column; {_has(table)}")
    target_name = _target_column(table, target_column, path=path)
    publication = _named(table, group_column, PUBLICATION_NAMES, path=path)
    family, composition = (_named(table, None, names, path=path) for names in (FAMILY_NAMES, COMPOSITION_NAMES))
    notes = list(table.notes)
    _check_ids(table, id_name, path=path)
    kept = _kept(table, path=path, any_temperature=any_temperature, notes=notes)
    kept, parsed = _values(table, target_name, kept, path=path, notes=notes)

    def texts(name: str | None) -> ObjectArray | None:
        if name is None:
            return None
        cells = table.column(name)
        return np.array([cells[row].strip() for row in kept], dtype=object)

    rows = pd.DataFrame([table.rows[row] for row in kept], columns=list(table.columns), dtype=str)
    return Labels(
        ids=_ids(table, id_name, kept, path=path),
        log_sigma=np.array([value for value, _ in parsed], dtype=np.float64),
        is_bound=np.array([bound for _, bound in parsed], dtype=np.bool_) | stated_bounds(rows),
        publication=texts(publication),
        family=texts(family),
        composition=texts(composition),
        notes=tuple(notes),
        spacegroup=spacegroups_of(rows),
        cell=cells_of(rows),
    )


def _has(table: Table) -> str:
    return f"the table has the columns {', '.join(map(repr, table.columns))}"


def _named(table: Table, given: str | None, names: tuple[str, ...], *, path: Path) -> str | None:
    """Return the column named by the user, or the first known name that is there, or None."""
    if given is not None:
        if given not in table.columns:
            raise InputError(f"{path} has no column {given!r}; {_has(table)}")
        return given
    by_lower = {name.lower(): name for name in reversed(table.columns)}
    return next((by_lower[name] for name in names if name in by_lower), None)


def _target_column(table: Table, given: str | None, *, path: Path) -> str:
    name = _named(table, given, (), path=path)
    if name is None:
        for word in ("conductivity", "sigma", "σ"):
            found = [one for one in table.columns if word in one.lower() and one.lower() not in UNIT_NAMES]
            if found:
                break
        if len(found) != 1:
            what = f"several columns name a conductivity ({', '.join(found)})" if found else "no conductivity column"
            raise InputError(f"{path}: {what}; choose with --target-column; {_has(table)}")
        name = found[0]
    return name


def _kept(table: Table, *, path: Path, any_temperature: bool, notes: list[str]) -> list[int]:
    """Return which rows are measured at room temperature, as far as the table says."""
    everything = list(range(len(table.rows)))
    name = next((one for one in table.columns if TEMPERATURE.fullmatch(one)), None)
    if name is None:
        return everything
    away: list[int] = []
    for row, text in enumerate(table.column(name)):
        if not text.strip():
            continue
        value = celsius(_point(text), header=name)
        if value is None:
            raise InputError(
                f"{path}, row {table.numbers[row]}, column {name!r}: {text!r} is no temperature, or it is not clear "
                "whether it is in K or °C: name the unit in the header"
            )
        if not COOLEST <= value <= WARMEST:
            away.append(row)
    if not away:
        return everything
    rows = ", ".join(str(table.numbers[row]) for row in away[:SHOWN_ROWS])
    rows += f" and {len(away) - SHOWN_ROWS} more" if len(away) > SHOWN_ROWS else ""
    if any_temperature:
        notes.append(f"{len(away)} values are not at {COOLEST:g} to {WARMEST:g} °C and were kept: rows {rows}")
        return everything
    if len(away) == len(everything):
        raise InputError(
            f"{path}: none of the {len(away)} values is at room temperature ({COOLEST:g} to {WARMEST:g} °C) by the "
            f"column {name!r}; --any-temperature keeps them: rows {rows}"
        )
    notes.append(
        f"{len(away)} values were left out, not at {COOLEST:g} to {WARMEST:g} °C by the column {name!r} "
        f"(--any-temperature keeps them): rows {rows}"
    )
    left = set(away)
    return [row for row in everything if row not in left]


def _values(
    table: Table, name: str, kept: Sequence[int], *, path: Path, notes: list[str]
) -> tuple[list[int], list[tuple[float, bool]]]:
    """Return the kept rows that hold a possible value, and (log10 of S/cm, whether it is an upper bound) of each."""
    is_log = _is_log(name, path=path)
    if is_unknown_unit(name):
        raise InputError(f"{path}: the unit of column {name!r} is not known; {KNOWN}")
    header = unit_in(name)
    unit_name = _named(table, None, UNIT_NAMES, path=path)
    units = table.column(unit_name) if unit_name is not None else None
    cells = _with_points(table, name, path=path)
    used: dict[str, int] = {}
    values: list[tuple[float, bool]] = []
    impossible: dict[int, str] = {}  # by row, what is said of it
    for row in kept:
        where = f"{path}, row {table.numbers[row]}, column {name!r}"
        stated = "" if units is None else units[row].strip()
        unit, logs = _unit_of_row(stated, logs=is_log, where=where) if stated else (header, is_log)
        value, bound, unit = _value(cells[row], unit or PLAIN, logs=logs, where=where)
        if value > 0:
            impossible[row] = f"{where}: {_why_not(value, cells[row], unit, logs=logs)}"
            continue
        if not unit.is_plain:
            used[unit.text] = used.get(unit.text, 0) + 1
        values.append((value, bound))
    if len(impossible) > SLIPS * len(kept):
        raise InputError(next(iter(impossible.values())))
    notes.extend(f"a value was left out: {said}" for said in impossible.values())
    notes.extend(f"{count} values were converted from {text} to S/cm" for text, count in used.items())
    return [row for row in kept if row not in impossible], values


def _why_not(value: float, text: str, unit: Unit, *, logs: bool) -> str:
    """Return what is said of a value, log10 of S/cm, that no crystal reaches."""
    if logs and unit.is_plain:
        return f"{text!r} cannot be log10 of a conductivity in S/cm, which is below 0"
    stated = f"{10 ** min(value, 300):.3g} S/cm, more than any crystal conducts"
    return f"{text!r} is {stated}; is the unit {unit.text} right?"


KNOWN = "known are S/cm, S/m, both with m, µ or n before them, 1/(Ω cm), a power of ten before them, and log10 of these"


def _is_log(name: str, *, path: Path) -> bool:
    lowered = name.lower().strip()
    if re.match(r"ln\b|ln[ _(]", lowered):
        raise InputError(f"{path}: column {name!r} seems to hold natural logarithms; give log10 or S/cm")
    return re.match(r"-?\s*(?:log|lg)", lowered) is not None


def _unit_of_row(text: str, *, logs: bool, where: str) -> tuple[Unit, bool]:
    if re.match(r"(?:log|lg)", text.lower()):
        return unit_in(text) or PLAIN, True
    unit = unit_in(text)
    if unit is None or unit.text != plain(text).strip():
        raise InputError(f"{where}: the unit {text!r} is not known; {KNOWN}")
    return unit, logs


def _value(text: str, unit: Unit, *, logs: bool, where: str) -> tuple[float, bool, Unit]:
    """Return log10 of S/cm, whether it is an upper bound, and the unit that counted."""
    match = BOUND.match(text)
    number, own = value_and_unit(text[match.end() :] if match else text)
    if number is None:
        raise InputError(f"{where}: {text!r} is not a conductivity")
    unit = own or unit
    if not math.isfinite(number) or (number <= 0 and not logs):
        raise InputError(f"{where}: {text!r} is not a positive, finite conductivity")
    value = number + math.log10(unit.factor) if logs else math.log10(number) + math.log10(unit.factor)
    if not logs and unit.is_plain:
        value = math.log10(number)
    return value, match is not None, unit


def _with_points(table: Table, name: str, *, path: Path) -> list[str]:
    """Return the cells of a column with a point as decimal mark.

    Raises
    ------
    InputError
        A comma may be either mark.
    """
    cells = table.column(name)
    commas = [row for row, text in enumerate(cells) if "," in text]
    if not commas:
        return cells
    where = f"{path}, row {table.numbers[commas[0]]}, column {name!r}"
    if any("." in text for text in cells):
        raise InputError(f"{where}: {cells[commas[0]]!r} has a comma, other values have a point: which is the decimal?")
    if table.separator == "," and all(re.fullmatch(r"\s*\d{1,3}(?:,\d{3})+\s*", cells[row]) for row in commas):
        raise InputError(f"{where}: the comma in {cells[commas[0]]!r} may stand between thousands or before decimals")
    return [_point(text) for text in cells]


def _point(text: str) -> str:
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def _check_ids(table: Table, name: str, *, path: Path) -> None:
    for number, cell in zip(table.numbers, table.column(name), strict=True):
        if not cell.strip():
            raise InputError(f"{path}, row {number}: the id is empty")


def _ids(table: Table, name: str, kept: Sequence[int], *, path: Path) -> ObjectArray:
    cells = table.column(name)
    seen: dict[str, int] = {}
    for row in kept:
        id = _bare(cells[row].strip())
        if id in seen:
            raise InputError(f"{path}, row {table.numbers[row]}: id {id!r} appears twice, as in row {seen[id]}")
        seen[id] = table.numbers[row]
    return np.array(list(seen), dtype=object)


def _bare(id: str) -> str:
    """Return an id without the suffix and folder of a CIF file."""
    if not FILE_SUFFIX.search(id):
        return id
    return FILE_SUFFIX.sub("", id.replace("\\", "/").rpartition("/")[2])
