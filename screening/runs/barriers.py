"""The second stage of a RUN: its barriers and pathways, kept beside the ranking, and joined to it where it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from screening.energy import BarrierRow, row_of
from screening.errors import InputError
from screening.locations import write_whole
from screening.runs.folder import RunPaths
from screening.runs.tables import read_csv, unguard
from screening.spreadsheet import plain_cell

DIRECTIONS = ("E1D", "E2D", "E3D")
BARRIERS = (*DIRECTIONS, *(f"{name}_minimum" for name in DIRECTIONS))
JOINED = (*BARRIERS, "high_barrier", "barrier_code")
COLUMNS = ("id", "source", "formula", *JOINED, "barrier_detail", "barrier_charges")
LONGEST = 4_000_000  # of a line of the pathways, characters


def write_barriers(paths: RunPaths, rows: Sequence[BarrierRow], *, settings: dict[str, Any], high: float) -> None:
    """Write the table of barriers and the pathways of a RUN, each whole or not at all.

    Parameters
    ----------
    paths
        The RUN.
    rows
        In the order of the ranking.
    settings
        What decided the numbers.
    high
        E1D above which a candidate is marked, eV.
    """
    lines = [json.dumps({"settings": settings}), *(json.dumps(row._asdict(), ensure_ascii=True) for row in rows)]
    write_whole(paths.pathways, ("\n".join(lines) + "\n").encode())
    frame = pd.DataFrame([_cells(row, high) for row in rows], columns=list(COLUMNS))
    write_whole(paths.barriers, frame.to_csv(index=False, lineterminator="\n").encode())
    paths.barriers_part.unlink(missing_ok=True)


def _cells(row: BarrierRow, high: float) -> list[Any]:
    numbers: list[Any] = [*row.barriers, *row.from_minimum] or [""] * len(BARRIERS)
    mark = "" if row.code else row.barriers[0] > high
    texts = [plain_cell(text) for text in (row.id, row.source, row.formula)]
    return [*texts, *numbers, mark, row.code, plain_cell(row.detail), plain_cell(row.charges)]


class BarrierRows:
    """Rows of a second stage that was begun, to go on from: those of an earlier one, and what is added to them.

    Parameters
    ----------
    paths
        The RUN.
    settings
        Rows of other settings are left out.
    """

    def __init__(self, paths: RunPaths, *, settings: dict[str, Any]) -> None:
        self._file = paths.barriers_part
        self._settings = settings
        self._rows: dict[tuple[str, str, str], BarrierRow] = {}
        for file in (paths.pathways, self._file):
            self._rows |= {row[:3]: row for row in _rows(file, settings)}
        # What a killed run left of a line would spoil the next one.
        lines = [json.dumps({"settings": settings}), *(json.dumps(row._asdict()) for row in self._rows.values())]
        write_whole(self._file, ("\n".join(lines) + "\n").encode())

    def of(self, key: tuple[str, str, str]) -> BarrierRow | None:
        """Return the row of (id, source, formula), or None if there is none yet."""
        return self._rows.get(key)

    def add(self, rows: Sequence[BarrierRow]) -> None:
        """Keep rows."""
        self._rows |= {row[:3]: row for row in rows}
        with self._file.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row._asdict()) + "\n" for row in rows)


def _rows(file: Path, settings: dict[str, Any]) -> Iterator[BarrierRow]:
    """Yield the rows of a file of these settings up to the first that is damaged, unreadable crystals left out."""
    if not file.is_file():
        return
    with file.open(encoding="utf-8", errors="replace") as lines:
        try:
            if json.loads(lines.readline(LONGEST)) != {"settings": settings}:
                return
            while line := lines.readline(LONGEST):
                row = row_of(json.loads(line))
                if row.code != "unreadable":
                    yield row
        except (ValueError, TypeError):
            return


def with_barriers(ranking: pd.DataFrame, run_dir: Path) -> pd.DataFrame:
    """Return a ranking with the barriers of its RUN at its end; as it is where there are none.

    A crystal whose barrier was not computed has empty cells. Only the same id with the same formula is the same.
    """
    barriers = read_barriers(run_dir)
    if barriers is None:
        return ranking
    rows = barriers.reindex(pd.MultiIndex.from_frame(ranking[["id", "formula"]])).reset_index(drop=True)
    rows["barrier_code"] = rows["barrier_code"].fillna("")
    rows["high_barrier"] = rows["high_barrier"].astype(object).where(rows["high_barrier"].notna(), None)
    return pd.concat([ranking.reset_index(drop=True).drop(columns=list(rows), errors="ignore"), rows], axis=1)


def read_barriers(run_dir: Path) -> pd.DataFrame | None:
    """Return the columns that a ranking is given, by (id, formula); None where the RUN has no second stage.

    Raises
    ------
    InputError
        The table cannot be read, or says of a crystal what it cannot.
    """
    path = RunPaths(run_dir).barriers
    if not path.is_file():
        return None
    frame = read_csv(path, COLUMNS)
    frame = unguard(frame, ("id", "formula"))
    for name in BARRIERS:
        try:
            frame[name] = frame[name].map(lambda cell: float(cell) if cell else np.nan).astype(np.float64)
        except ValueError as error:
            raise InputError(f"{path}: {name}: {error}") from error
    words = {"True": True, "False": False, "": None}
    if not set(frame["high_barrier"]) <= set(words):
        raise InputError(f"{path}: high_barrier is neither True nor False")
    frame["high_barrier"] = frame["high_barrier"].map(words).astype(object)
    index = pd.MultiIndex.from_frame(frame[["id", "formula"]])
    if not index.is_unique:
        raise InputError(f"{path}: a crystal stands in it twice")
    return frame[list(JOINED)].set_axis(index)


def read_pathways(run_dir: Path, wanted: Sequence[tuple[str, str]]) -> dict[str, BarrierRow]:
    """Return by id what the second stage found of crystals, (id, formula); without those that it did not compute.

    Raises
    ------
    InputError
        The file is damaged.
    """
    path, left = RunPaths(run_dir).pathways, set(wanted)
    found: dict[str, BarrierRow] = {}
    if not path.is_file():
        return found
    with path.open(encoding="utf-8") as lines:
        try:
            lines.readline(LONGEST)
            begin = tuple(f'{{"id": {json.dumps(id)},' for id, _ in left)
            while left and (line := lines.readline(LONGEST)):
                if not line.startswith(begin):  # of a crystal that nobody asked for
                    continue
                row = row_of(json.loads(line))
                if (row.id, row.formula) in left:
                    left.remove((row.id, row.formula))
                    found[row.id] = row
        except (ValueError, TypeError) as error:
            raise InputError(f"{path} is damaged: {error}; `screening bvse` writes it anew") from error
    return found
