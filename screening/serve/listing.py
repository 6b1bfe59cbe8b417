"""A ranking of any length, searched, filtered and sorted as the page asks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from screening.crystals import WRITTEN_SYMBOL, families_among, family_words
from screening.elements import NUMBERS
from screening.errors import InputError
from screening.ranking import (
    REQUIRED_COLUMNS,
    CellKind,
    Column,
    column_label,
    duplicates_path,
    known_kind,
    number_cell,
)
from screening.runs import read_barriers, read_duplicates
from screening.serve.question import names, parts, row_count, threshold, words

if TYPE_CHECKING:
    import polars as pl

GUARD = r"^'([=+\-@\t\r'])"  # what `screening.spreadsheet.plain_cell` writes before a formula
MOST = 1_000_000  # rows of one answer


class Listing:
    """The rows of a ranking (.csv or .parquet), held as columns.

    Raises
    ------
    InputError
        The file cannot be read or lacks a column.
    """

    def __init__(self, path: Path) -> None:
        import polars as pl

        try:
            frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise InputError(f"cannot read {path}: {error}") from error
        missing = [name for name in REQUIRED_COLUMNS if name not in frame.columns]
        if missing:
            raise InputError(f"{path} lacks the column {', '.join(missing)}")
        if "family" not in frame.columns:
            frame = frame.with_columns(family=_families(frame["formula"].fill_null("")))
        frame = _with_barriers(frame, path)
        order = ["rank", *(name for name in frame.columns if name != "rank")]
        is_csv = path.suffix == ".csv"
        kinds: dict[str, CellKind] = {name: _kind(name, frame[name]) for name in order}
        self.columns = [Column(name, kinds[name], column_label(name)) for name in order]
        self._kinds = kinds
        low, high = _elements(frame["formula"].fill_null(""))
        self._frame = frame.select(_typed(name, kinds[name], is_csv=is_csv) for name in order)
        searched = [pl.col(name).fill_null("") for name in ("id", "formula", "source", "others")]
        others = {id: "\n".join(ids) for id, ids in read_duplicates(duplicates_path(path)).items()}
        told = self._frame.select("id", "formula", "source").with_columns(
            others=pl.Series([others.get(id, "") for id in self._frame["id"]], dtype=pl.String)
        )
        self._extra = pl.DataFrame({"low": low, "high": high}).with_columns(
            told.select(words=pl.concat_str(searched, separator="\n").str.to_lowercase()).to_series()
        )
        self._place = {id: place for place, id in enumerate(self._frame["id"])}

    def __len__(self) -> int:
        return len(self._frame)

    def described(self) -> list[dict[str, str]]:
        """Return the columns as the page knows them."""
        return [{"name": one.name, "kind": one.kind, "label": one.label} for one in self.columns]

    def families(self) -> list[str]:
        """Return the families that candidates are of."""
        return families_among(self._frame["family"].cast(str).unique().drop_nulls())

    def named(self, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return source and formula by id, of those that are in the ranking."""
        places = {id: self._place[id] for id in ids if id in self._place}
        rows = self._frame[list(places.values())].select("source", "formula").rows() if places else []
        return {id: (str(source), str(formula)) for id, (source, formula) in zip(places, rows, strict=True)}

    def rows(self, ask: dict[str, Any]) -> dict[str, Any]:
        """Return ``total`` and ``rows`` = [{at, cells}] of a question, see source.js of the page's templates.

        Raises
        ------
        InputError
            Malformed request.
        """
        import polars as pl

        order = self._order(ask, self._fitting(ask))
        begin, count = row_count(ask, "from"), min(row_count(ask, "count"), MOST)
        places = order[begin : begin + count]
        chosen = self._frame[places]
        cells: list[list[Any]] = []
        for column in self.columns:
            values = chosen[column.name]
            if column.kind == "text":
                cells.append(values.fill_null("").to_list())
            elif column.kind == "number":
                cells.append([None if value is None else number_cell(value) for value in values.cast(pl.Float64)])
            else:
                cells.append(values.to_list())
        found = zip(places.to_list(), zip(*cells, strict=True), strict=True)
        return {"total": len(order), "rows": [{"at": at, "cells": list(row)} for at, row in found]}

    def _fitting(self, ask: dict[str, Any]) -> pl.Series:
        """Return the places of the rows that fit, in the order of the ranking."""
        import polars as pl

        frame = pl.concat([self._frame, self._extra], how="horizontal").with_row_index("at").lazy()
        tests: list[pl.Expr] = []
        search = words(ask, "search").strip().lower()
        if search:
            tests.append(pl.col("words").str.contains(search, literal=True))
        tests += _element_tests(names(ask, "must"), names(ask, "not"))
        families = names(ask, "families")
        if families:  # any of them
            alone = "|".join(re.escape(name) for name in families)
            tests.append(pl.col("family").cast(pl.String).fill_null("").str.contains(rf"(^|, ?)({alone})(,|$)"))
        for flag in names(ask, "hide"):
            tests.append(self._hidden(flag))
        for one in parts(ask, "conditions"):
            tests.append(self._condition(one))
        if ask.get("ids") is not None:
            tests.append(pl.col("id").is_in(names(ask, "ids")))
        for test in tests:
            frame = frame.filter(test)
        try:
            return frame.select("at").collect().to_series()
        except pl.exceptions.PolarsError as error:
            raise InputError(f"the list cannot be searched for that: {error!s:.200}") from error

    def _hidden(self, flag: str) -> pl.Expr:
        import polars as pl

        if flag == "outside":
            return pl.col("in_domain").fill_null(value=True)
        if flag == "held":
            return pl.col("held_back").fill_null("") == "" if "held_back" in self._kinds else pl.lit(value=True)
        if self._kinds.get(flag) != "flag":
            raise InputError(f"no flag is named {flag!r:.100}")
        return ~pl.col(flag).fill_null(value=False)

    def _condition(self, one: object) -> pl.Expr:
        import polars as pl

        if not isinstance(one, dict) or words(one, "column") not in self._kinds:
            raise InputError("a condition must name a column")
        column, op, wanted = pl.col(one["column"]), one.get("op"), one.get("value")
        kind = self._kinds[one["column"]]
        if op == "has" and isinstance(wanted, str):
            sought = words(one, "value").lower()
            return column.cast(pl.String).fill_null("").str.to_lowercase().str.contains(sought, literal=True)
        if op in ("yes", "no") and kind == "flag":
            return pl.when(column == (op == "yes")).then(statement=True).otherwise(statement=False)
        if op in (">=", "<=") and kind == "number":
            limit = threshold(wanted)
            return (column >= limit if op == ">=" else column <= limit).fill_null(value=False)
        raise InputError("this condition does not fit the column")

    def _order(self, ask: dict[str, Any], places: pl.Series) -> pl.Series:
        """Return the places sorted; equal rows keep the order of the ranking, empty cells stand last."""
        import polars as pl

        name = words(ask, "sort")
        if name not in self._kinds:
            raise InputError(f"no column is named {name[:100]!r}")
        if name == "rank" and not ask.get("falling"):
            return places
        values = self._frame[name][places]
        if self._kinds[name] == "text":
            values = values.replace("", None)
        by = pl.DataFrame({"value": values, "at": places})
        falling = bool(ask.get("falling"))
        return by.sort("value", "at", descending=[falling, False], nulls_last=True)["at"]


def _with_barriers(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Return the rows with the barriers of the run at their end, as `screening.runs.with_barriers` joins them."""
    import polars as pl

    barriers = read_barriers(path.parent)
    if barriers is None:
        return frame
    guard = pl.col("id", "formula").str.replace(GUARD, "$1") if path.suffix == ".csv" else pl.col("id", "formula")
    keys = frame.select(guard.fill_null(""))
    table = pl.DataFrame(
        {
            "id": [id for id, _ in barriers.index],
            "formula": [formula for _, formula in barriers.index],
            **{
                name: [None if cell is None or cell == "" else str(cell) for cell in barriers[name]]
                for name in barriers
            },
        },
        schema_overrides=dict.fromkeys(("id", "formula", *barriers), pl.String),
    )
    joined = keys.join(table, on=["id", "formula"], how="left", maintain_order="left").drop("id", "formula")
    return frame.drop(joined.columns, strict=False).hstack(joined.with_columns(pl.col("high_barrier").cast(pl.String)))


def _typed(name: str, kind: CellKind, *, is_csv: bool) -> pl.Expr:
    import polars as pl

    column = pl.col(name)
    if kind == "number":
        # NaN sorts and compares as a number; here it is an empty cell.
        return column.cast(pl.Float64).fill_nan(None)
    if kind == "flag":
        text = column.cast(pl.String).str.to_lowercase()
        return (
            pl.when(text.is_in(["true", "1"]))
            .then(statement=True)
            .when(text.is_in(["false", "0"]))
            .then(statement=False)
            .otherwise(None)
            .alias(name)
        )
    return column.cast(pl.String).str.replace(GUARD, "$1") if is_csv else column.cast(pl.String)


def _kind(name: str, cells: pl.Series) -> CellKind:
    import polars as pl

    if (known := known_kind(name)) is not None:
        return known
    if cells.dtype == pl.Boolean:
        return "flag"
    if cells.dtype.is_numeric():
        return "number"
    filled = cells.drop_nulls().filter(cells.drop_nulls() != "")
    if len(filled) == 0:
        return "text"
    if filled.str.to_lowercase().is_in(["true", "false"]).all():
        return "flag"
    return "number" if filled.cast(pl.Float64, strict=False).is_not_null().all() else "text"


def _families(formulas: pl.Series) -> pl.Series:
    """Return the families that each formula names (n,)."""
    import polars as pl

    unique = formulas.unique()
    table = pl.DataFrame(
        {"formula": unique, "family": [family_words(one) for one in unique]},
        schema={"formula": pl.String, "family": pl.String},
    )
    joined = pl.DataFrame({"formula": formulas}).join(table, on="formula", how="left", maintain_order="left")
    return joined["family"]


def _elements(formulas: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return which elements each formula names, as bits 1 to 63 and 64 to 118 each (n,)."""
    import polars as pl

    unique = formulas.unique()
    found = unique.str.extract_all(WRITTEN_SYMBOL).to_list()
    low, high = [], []
    for symbols in found:
        bits = 0
        for symbol in symbols:
            bits |= 1 << NUMBERS[symbol] if symbol in NUMBERS else 0
        low.append(bits & (2**64 - 1))
        high.append(bits >> 64)
    table = pl.DataFrame(
        {"formula": unique, "low": low, "high": high},
        schema={"formula": pl.String, "low": pl.UInt64, "high": pl.UInt64},
    )
    joined = pl.DataFrame({"formula": formulas}).join(table, on="formula", how="left", maintain_order="left")
    return joined["low"], joined["high"]


def _element_tests(must: Sequence[str], never: Sequence[str]) -> list[pl.Expr]:
    import polars as pl

    tests = []
    for symbols, wanted in ((must, True), (never, False)):
        for symbol in symbols:
            if symbol not in NUMBERS:
                raise InputError(f"no element is named {symbol!r:.20}")
            number = NUMBERS[symbol]
            name, bit = ("low", 1 << number) if number < 64 else ("high", 1 << (number - 64))
            tests.append(((pl.col(name) & pl.lit(bit, dtype=pl.UInt64)) != 0) == wanted)
    return tests
