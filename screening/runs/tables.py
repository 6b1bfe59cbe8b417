"""Tables of a RUN folder as text, every cell as it was written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from screening.errors import InputError
from screening.spreadsheet import unguarded


def read_csv(path: Path, needed: Sequence[str], *, rows: int | None = None) -> pd.DataFrame:
    """Return a CSV file, or its first `rows`, with every cell as text: an id such as 001 or NA is a name."""
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", nrows=rows)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; run `screening run` to the end first") from error
    except ValueError as error:
        raise InputError(f"{path} is not a CSV table: {error}") from error
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError(f"{path} lacks the column {', '.join(missing)}")
    return frame


def unguard(frame: pd.DataFrame, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a table of text cells without the guard against spreadsheet formulas, in the named columns or all."""
    for name in names or frame.columns:
        frame[name] = frame[name].map(unguarded)
    return frame
