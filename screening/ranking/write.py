"""A ranking, its duplicates and the refused inputs as files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_float_dtype, is_numeric_dtype

from screening.errors import InputError, Rejection
from screening.ranking.columns import TEXT_COLUMNS
from screening.spreadsheet import plain_cell


def write_ranking(frame: pd.DataFrame, path: Path) -> None:
    """Write a ranking as .csv or .parquet, by suffix, and beside it the duplicates that it leaves out.

    The ranking lists one entry of each crystal; all others stand in a table of the same columns, `duplicates_path`,
    with the rank and (in `duplicate_of`) the id of the one listed. It is written even if it is empty, but not where
    duplicates were not looked for. In CSV, text cells that begin with ``= + - @`` or a tab get ``'`` before them, so
    that no spreadsheet takes them for a formula; Parquet holds them as they are.

    Raises
    ------
    InputError
        Another suffix.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"{path}: a ranking is written as .csv or .parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = (frame["duplicate_of"] == "").to_numpy(dtype=np.bool_)
    _write(frame[listed], path)
    if not frame["duplicates"].isna().any():
        _write(frame[~listed], duplicates_path(path))


def duplicates_path(path: Path) -> Path:
    """Return where duplicates stand: duplicates.csv beside ranking.csv, x-duplicates.csv beside x.csv."""
    stem = "duplicates" if path.stem == "ranking" else f"{path.stem}-duplicates"
    return path.with_name(f"{stem}{path.suffix}")


def _write(frame: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False, compression="zstd")
    else:
        columns = [_cells(frame[name], is_text=name in TEXT_COLUMNS).tolist() for name in frame.columns]
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(frame.columns)
            rows.writerows(zip(*columns, strict=True))


def _cells(values: pd.Series[Any], *, is_text: bool) -> NDArray[Any]:
    """Return what stands in a column of a CSV file, as `DataFrame.to_csv` would write it in twice the time."""
    if is_text or not is_numeric_dtype(values):
        return _plain_cells(values)
    if is_float_dtype(values):
        return _six_digits(values)
    return values.to_numpy(dtype=object, na_value="") if values.isna().any() else values.to_numpy()


def _plain_cells(texts: pd.Series[str]) -> NDArray[np.object_]:
    """Return the texts of a column as `plain_cell` gives them; most columns repeat a few."""
    codes, different = pd.factorize(texts.to_numpy(dtype=object), use_na_sentinel=False)
    return np.array([plain_cell(one) for one in different], dtype=object)[codes]


def _six_digits(values: pd.Series[float]) -> NDArray[np.object_]:
    """Return numbers with six digits as text, empty where there is none; pandas looks at each by itself."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    texts = np.array(("%.6g " * len(numbers) % tuple(numbers.tolist())).split(), dtype=object)
    texts[np.isnan(numbers)] = ""
    return texts


def write_rejections(rejections: Sequence[Rejection], path: Path) -> None:
    """Write the ledger of rejected inputs, id, source, code, detail, as CSV with the same guard on text cells."""
    rows = [(one.id, one.source, one.code.value, one.detail) for one in rejections]
    frame = pd.DataFrame(rows, columns=["id", "source", "code", "detail"], dtype=object)
    frame.map(plain_cell).to_csv(path, index=False, lineterminator="\n")
