"""What a table of labels states of compounds beside their conductivity: space group, cell, and bounds in a column."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from screening.crystals import BoolArray, FloatArray, IntArray

GROUP_NAMES = ("space group #", "space group number", "spacegroup number", "spacegroup", "sg")
LATTICE_NAMES = ("lattice", "cell")  # six numbers in one cell of the table
EDGE_NAMES = ("a", "b", "c", "alpha", "beta", "gamma")
BOUND_NAMES = ("bound", "is bound", "upper bound")
N_GROUPS = 230
LONGEST_EDGE = 500.0  # Å


def spacegroups_of(table: pd.DataFrame) -> IntArray:
    """Return the international number (n,) of each row's space group, 0 where none is stated."""
    name = _column(table, GROUP_NAMES)
    if name is None:
        return np.zeros(len(table), dtype=np.int64)
    numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    known = np.isfinite(numbers) & (numbers >= 1) & (numbers <= N_GROUPS) & (numbers == np.floor(numbers))
    return np.where(known, np.nan_to_num(numbers, posinf=0, neginf=0), 0).astype(np.int64)


def cells_of(table: pd.DataFrame) -> FloatArray:
    """Return the cell (n, 6) of each row, a, b, c in Å and angles in degrees; NaN where no sensible one is stated."""
    cells = np.full((len(table), 6), np.nan)
    name = _column(table, LATTICE_NAMES)
    columns = [_column(table, (edge,)) for edge in EDGE_NAMES]
    if name is not None:
        for row, text in enumerate(table[name]):
            parts = re.split(r"[\s,;]+", str(text).strip())
            if len(parts) == len(EDGE_NAMES):
                cells[row] = pd.to_numeric(pd.Series(parts), errors="coerce")
    elif None not in columns:
        numbers = table[columns].apply(pd.to_numeric, errors="coerce")
        cells = numbers.to_numpy(dtype=np.float64, copy=True)
    edges, angles = cells[:, :3], cells[:, 3:]
    sensible = ((edges > 1.0) & (edges < LONGEST_EDGE)).all(axis=1) & ((angles > 20) & (angles < 160)).all(axis=1)
    cells[~sensible] = np.nan
    return cells


def stated_bounds(table: pd.DataFrame) -> BoolArray:
    """Return which rows (n,) a column of their own calls upper bounds."""
    name = _column(table, BOUND_NAMES)
    if name is None:
        return np.zeros(len(table), dtype=np.bool_)
    return np.asarray(table[name].str.strip().str.lower().isin(["true", "yes", "1"]), dtype=np.bool_)


def _column(table: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    by_lower = {str(column).strip().lower(): str(column) for column in reversed(table.columns)}
    return next((by_lower[name] for name in names if name in by_lower), None)
