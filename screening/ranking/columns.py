"""The schema of a ranking: name, kind, label, unit and first format of each column, for all that write or read one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

CellKind = Literal["text", "number", "flag"]
TRUTH = {"true", "false", ""}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a ranking."""

    name: str
    kind: CellKind
    label: str  # as the page calls it
    unit: str = ""
    since: int = 1  # first format of a ranking that has it; every ranking has those of format 1
    meaning: str = ""  # one sentence, where the label leaves a question


SCHEMA: tuple[Column, ...] = (
    Column("rank", "number", "rank", meaning="place; entries of one crystal share it"),
    Column("id", "text", "id"),
    Column("source", "text", "source", meaning="path, or archive::member"),
    Column("formula", "text", "formula"),
    Column("prediction", "number", "predicted log₁₀ σ (S/cm)", "log10 S/cm"),
    Column("lower", "number", "lower bound, log₁₀ σ (S/cm)", "log10 S/cm"),
    Column("upper", "number", "upper bound, log₁₀ σ (S/cm)", "log10 S/cm"),
    Column(
        "chance",
        "number",
        "chance of the target, 0 to 1",
        since=2,
        meaning="probability of reaching rank.target; empty where the model keeps no residuals",
    ),
    Column("conductivity", "number", "predicted σ (S/cm)", "S/cm"),
    Column(
        "prediction_trees",
        "number",
        "LightGBM alone, log₁₀ σ (S/cm)",
        "log10 S/cm",
        since=4,
        meaning="what the reasons explain; empty where it is the model",
    ),
    Column(
        "prediction_composition",
        "number",
        "with composition, log₁₀ σ (S/cm)",
        "log10 S/cm",
        since=4,
        meaning="mean of what curves and composition say; empty where the model knows no compositions",
    ),
    Column(
        "deviation",
        "number",
        "deviation, log units",
        "log units",
        since=4,
        meaning="of the Gaussian process: how far from all that was measured; empty where there is none",
    ),
    Column(
        "objective",
        "number",
        "ordered by",
        since=5,
        meaning="the value that orders the list, by rank.objective: the more the better",
    ),
    Column(
        "distance",
        "number",
        "novelty (1 = edge of the domain)",
        meaning="distance to the nearest training crystal, over the 95th percentile of theirs",
    ),
    Column("in_domain", "flag", "in domain", meaning="novelty at most 1 and no element that training lacks"),
    Column("nearest", "text", "nearest known: id"),
    Column("nearest_formula", "text", "nearest known"),
    Column("nearest_measured", "number", "nearest known: log₁₀ σ (S/cm)", "log10 S/cm"),
    Column("measured", "number", "measured log₁₀ σ (S/cm)", "log10 S/cm", meaning="empty where unknown"),
    Column("disordered", "flag", "disordered"),
    Column("radius_cut", "flag", "radius cut back", meaning="a curve ends early: the crystal passed a budget"),
    Column("radioactive", "flag", "radioactive"),
    Column("toxic", "flag", "toxic"),
    Column("scarce", "flag", "scarce"),
    Column("elements_unseen", "text", "elements not in training"),
    Column(
        "prediction_kind", "text", "prediction by", since=2, meaning="model, or out-of-fold for a labelled crystal"
    ),
    Column(
        "duplicate_of", "text", "duplicate of", since=2, meaning="id of the entry that stands for this one; else empty"
    ),
    Column(
        "duplicates", "number", "further entries of it", since=2, meaning="empty where they were not looked for"
    ),
    Column("same_as_labelled", "text", "same as labelled", since=2, meaning="id of the labelled crystal that it is"),
    Column(
        "prototype",
        "text",
        "formula type and stated space group",
        since=2,
        meaning="formula type and space group as the file states it, e.g. ABC5D6-216; goes with the next release",
    ),
    Column(
        "structure_type",
        "text",
        "prototype",
        since=5,
        meaning="space group found (not stated) and Wyckoff positions, e.g. ABC3_cP5_221_a_b_c; unknown where none is "
        "found, empty beyond rank.prototypes",
    ),
    Column(
        "charge_balanced",
        "flag",
        "charge balanced",
        since=2,
        meaning="known oxidation states, mixed ones too, can sum to zero",
    ),
    Column("flags", "text", "flags", since=3, meaning="what was remarked on reading, joined by ;"),
    Column(
        "marks",
        "text",
        "marks",
        since=5,
        meaning="what to know before making it, joined by ; with the elements: redox, full, toxic, radioactive, "
        "scarce, costly, domain; none holds anything back",
    ),
    Column(
        "polymorphs", "number", "further polymorphs", since=5, meaning="entries of the compound that it stands for"
    ),
    Column("polymorph_ids", "text", "ids of these", since=5, meaning="best first, joined by ;"),
    Column(
        "polymorph_of", "text", "polymorph of", since=5, meaning="id of the entry that stands for it; else empty"
    ),
    Column(
        "held_back", "text", "held back for", since=2, meaning="why it stands behind all others, joined by ;"
    ),
)  # fmt: skip
COLUMNS = tuple(column.name for column in SCHEMA)
TEXT_COLUMNS = tuple(column.name for column in SCHEMA if column.kind == "text")
FLAG_COLUMNS = tuple(column.name for column in SCHEMA if column.kind == "flag")
NUMBER_COLUMNS = tuple(column.name for column in SCHEMA if column.kind == "number")
COUNT_COLUMNS = ("rank", "duplicates", "polymorphs")  # whole numbers
REQUIRED_COLUMNS = tuple(column.name for column in SCHEMA if column.since == 1)
# Columns that readers add.
ADDED = {
    "family": Column("family", "text", "family, by anions"),
    **{
        f"E{n}D{end}": Column(f"E{n}D{end}", "number", f"bond-valence barrier, {n}-D{words}, eV", "eV")
        for end, words in (("", ""), ("_minimum", " from the minimum"))
        for n in (1, 2, 3)
    },
    "high_barrier": Column("high_barrier", "flag", "high bond-valence barrier"),
    "barrier_code": Column("barrier_code", "text", "no bond-valence barrier because"),
}
_KNOWN = {column.name: column for column in SCHEMA} | ADDED


def column_label(name: str) -> str:
    """Return what the page calls a column; one that is not known is called by its name."""
    return _KNOWN[name].label if name in _KNOWN else name.replace("_", " ")


def known_kind(name: str) -> CellKind | None:
    """Return what the schema says of a column, None where it does not know it."""
    return _KNOWN[name].kind if name in _KNOWN else None


def columns_of(frame: pd.DataFrame) -> list[Column]:
    """Return the columns of a ranking in its order, `rank` first; the kind of unknown ones follows from their cells."""
    names = ["rank", *(str(name) for name in frame.columns if name != "rank")]
    return [Column(name, kind_of(name, frame[name]), column_label(name)) for name in names]


def kind_of(name: str, cells: pd.Series[Any]) -> CellKind:
    """Return what a column holds: what the schema says, else what all of its cells can be read as."""
    if (known := known_kind(name)) is not None:
        return known
    if pd.api.types.is_bool_dtype(cells):
        return "flag"
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


def _cells(cells: pd.Series[Any], kind: CellKind) -> list[str | int | float | bool | None]:
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
