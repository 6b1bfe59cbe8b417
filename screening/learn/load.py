"""A model read from its folder, none of whose files is trusted."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from pydantic import ValidationError

from screening.elements import SYMBOLS
from screening.errors import ModelError
from screening.learn.forest import read_forest
from screening.learn.header import FACTS, ModelHeader
from screening.learn.intervals import N_QUANTILES
from screening.learn.kernel_file import read_kernels
from screening.learn.kernels import Kernels
from screening.learn.labels import ObjectArray
from screening.learn.model import Model
from screening.learn.predictor import composition_columns
from screening.learn.training_file import read_training
from screening.learn.view import View
from screening.spreadsheet import plain_cell

# Bytes, asked for before anything is read.
MAX_JSON_BYTES = 64_000_000
MAX_BOOSTER_BYTES = 512_000_000
MAX_FOLDS_BYTES = 512_000_000
MAX_DEPTH = 50  # of JSON; ours has six levels

FOLD_NUMBERS = ("measured", "curves", "conventional", "dummy", "nearest")
# After "curves", from format 2.
KERNEL_NUMBERS = (
    "trees",
    "ridge",
    "process",
    "deviation",
    "distances",
    "composition_alone",
    "composition",
)
FOLD_COLUMNS = ("repeat", "fold", "id", "formula", "is_bound")


def load_model(folder: Path) -> Model:
    """Return the model in `folder`, whose files are not trusted.

    File names follow from the number of boosters alone; sizes, types, shapes and trees are checked before use.

    Raises
    ------
    ModelError
        A file is missing, too large, damaged or of another version.
    """
    if not (folder / "model.json").is_file():
        raise ModelError(f"{folder} is not a model folder: there is no model.json in it")
    header = _read_header(folder / "model.json")
    texts = tuple(_read(folder / f"booster-{index}.txt", limit=MAX_BOOSTER_BYTES) for index in range(header.boosters))
    n_features = len(View.of(header.columns, band=header.band).names)
    for text in texts:
        read_forest(text, n_features=n_features)
    scores = _read_json(folder / "scores.json")
    kernels, composition, distances = _read_kernels(folder, header, n_features=n_features)
    training = read_training(folder / "training.parquet", columns=header.columns)
    folds = _read_folds(folder / "folds.csv", ids=training.ids, header=header)
    return Model(
        header=header,
        texts=texts,
        training=training,
        scores=scores,
        folds=folds,
        kernels=kernels,
        composition_kernels=composition,
        distance_kernels=distances,
    )


def _read_kernels(folder: Path, header: ModelHeader, *, n_features: int) -> tuple[Kernels | None, ...]:
    """Return the kernels of the curves, of the composition, and of the distances; none in format 1."""
    if header.format_version == 1:
        if header.distance_kernels is not None or header.distances:
            raise ModelError(f"{folder / 'model.json'} is of format 1 and names distances")
        return None, None, None
    if (header.distance_kernels is None) != (header.distances == 0):
        raise ModelError(f"{folder / 'model.json'} names distances without kernels, or kernels without distances")
    if header.kernels is None or header.composition_kernels is None:
        raise ModelError(f"{folder / 'model.json'} is of format {header.format_version} and names no kernels")
    named = (header.kernels, header.composition_kernels, header.distance_kernels)
    if any((one.noise is None) != (header.format_version == 2) for one in named if one is not None):
        raise ModelError(f"{folder / 'model.json'} is of format {header.format_version}: 3 names its noise, 2 does not")
    of_composition = composition_columns(np.empty((0, len(SYMBOLS)))).shape[1]
    return (
        read_kernels(folder / "kernels.parquet", header.kernels, n_columns=n_features),
        read_kernels(folder / "kernels-composition.parquet", header.composition_kernels, n_columns=of_composition),
        None
        if header.distance_kernels is None
        else read_kernels(folder / "kernels-distances.parquet", header.distance_kernels, n_columns=header.distances),
    )


def _read(path: Path, *, limit: int) -> str:
    try:
        if path.stat().st_size > limit:
            raise ModelError(f"{path} is larger than {limit} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error


def _read_header(path: Path) -> ModelHeader:
    content = _read_json(path)
    try:
        header = ModelHeader.model_validate_json(json.dumps(content))
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise ModelError(f"{path} is not of this version: {'; '.join(lines[:5]):.1000}") from error
    if len(set(header.columns)) != len(header.columns) or set(header.columns) & set(FACTS):
        raise ModelError(f"{path} lists a column twice")
    if {len(header.interval_lower), len(header.interval_upper)} != {len(header.interval_edges) + 1}:
        raise ModelError(f"{path} does not give one interval per band")
    quantiles = header.residual_quantiles
    if quantiles and [len(one) for one in quantiles] != [N_QUANTILES] * len(header.interval_lower):
        raise ModelError(f"{path} does not give the residuals of every band")
    if any(low > high for one in quantiles for low, high in itertools.pairwise(one)):
        raise ModelError(f"{path} gives quantiles that are not in rising order")
    return header


def _read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file: text that can be written, finite numbers, no deeper than any of ours."""
    text = _read(path, limit=MAX_JSON_BYTES)
    try:
        content = json.loads(text, parse_constant=_no_number)
        _check_depth(content)
        # Half of a surrogate pair is text to Python, and can be written to no file.
        json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError as error:
        raise ModelError(f"{path} is nested too deep") from error
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error!s:.300}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} does not hold an object")
    return content


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _check_depth(content: object) -> None:
    level = [content]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        if not inner:
            return
        level = inner
    raise RecursionError


def _read_folds(path: Path, *, ids: ObjectArray, header: ModelHeader) -> pd.DataFrame:
    measured, curves, *others = FOLD_NUMBERS
    kernels = [name for name in KERNEL_NUMBERS if name != "distances" or header.distances]
    numbers = (measured, curves, *(kernels if header.format_version > 1 else ()), *others)
    text = _read(path, limit=MAX_FOLDS_BYTES)
    # Looked at by hand: a line of commas is millions of columns to pandas, of a kilobyte each.
    if text.partition("\n")[0] != ",".join([*FOLD_COLUMNS, *numbers]) or "\0" in text:
        raise ModelError(f"{path} does not hold the columns of out-of-fold predictions")
    try:
        cells = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, index_col=False)
        # As text first: float() gives back exactly what was written, whatever parser pandas uses.
        folds = cells.astype(dict.fromkeys(numbers, np.float64) | {"repeat": np.int64, "fold": np.int64})
        if not set(cells["is_bound"]) <= {"True", "False"}:
            raise ValueError("is_bound is neither True nor False")
        folds["is_bound"] = cells["is_bound"] == "True"
        written = {plain_cell(str(id)): str(id) for id in ids}
        folds["id"] = cells["id"].map(written)
    except (ValueError, KeyError, TypeError, OverflowError, pd.errors.ParserError) as error:
        raise ModelError(f"cannot read {path}: {error!s:.300}") from error
    if set(folds["id"]) != set(ids) or not np.isfinite(folds[list(numbers)].to_numpy()).all():
        raise ModelError(f"{path} does not hold the out-of-fold predictions of the training crystals")
    return folds
