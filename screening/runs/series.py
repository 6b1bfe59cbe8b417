"""The series of doped variants of a RUN's candidates: one table a candidate, in RUN/series."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from screening.errors import InputError
from screening.runs.tables import read_csv, unguard

FOLDER = "series"
TEXTS = ("id", "parent", "dopant", "site", "formula", "balance")
NUMBERS = (
    "x", "added", "in_voids", "charge", "scale", "prediction", "delta", "lower", "upper", "composition_delta",
    "composition_lower", "composition_upper",
)  # fmt: skip
FLAGS = ("charge_kept", "new_sites")
COLUMNS = (
    "id", "parent", "dopant", "site", "x", "formula", "balance", "added", "in_voids", "charge", "charge_kept", "scale",
    "prediction", "delta", "lower", "upper", "composition_delta", "composition_lower", "composition_upper", "new_sites",
)  # fmt: skip
LARGEST = 10_000_000  # bytes of one table
MOST_ROWS = 5_001


def series_file(id: str) -> str:
    """Return the name, in RUN/series, of the table of an id, whatever characters the id has."""
    return f"{hashlib.sha256(id.encode()).hexdigest()[:16]}.csv"


def read_series(run_dir: Path, id: str, formula: str) -> pd.DataFrame | None:
    """Return the series of a candidate, the parent first, texts unguarded; None where none was made of that crystal.

    A table of another formula than the candidate's is of an earlier state of its source, and counts as none.

    Raises
    ------
    InputError
        The table is too large, lacks a column or holds what is no number; the message names it.
    """
    path = run_dir / FOLDER / series_file(id)
    if not path.is_file():
        return None
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path} is larger than any table of series")
    frame = unguard(read_csv(path, COLUMNS, rows=MOST_ROWS), TEXTS)
    for name in NUMBERS:
        values = pd.to_numeric(frame[name].replace("", "nan"), errors="coerce").to_numpy(dtype=np.float64)
        if np.isinf(values).any() or (np.isnan(values) & ~frame[name].isin(["", "nan"])).any():
            raise InputError(f"{path}: {name} holds what is no number")
        frame[name] = values
    for name in FLAGS:
        if not frame[name].isin(["true", "false"]).all():
            raise InputError(f"{path}: {name} is neither true nor false")
        frame[name] = frame[name] == "true"
    if frame["x"].isna().any() or frame["delta"].isna().any():
        raise InputError(f"{path}: a variant has no x or no difference")
    if frame.empty or frame["id"].iloc[0] != id or frame["formula"].iloc[0] != formula:
        return None
    return frame
