"""The files of a RUN folder, read and checked."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet

from screening.crystals import family_words
from screening.errors import InputError
from screening.ranking import FLAG_COLUMNS, NUMBER_COLUMNS, REQUIRED_COLUMNS, kind_words
from screening.runs.barriers import with_barriers
from screening.runs.folder import RECORD, ranking_path
from screening.runs.record import RunRecord, read_record
from screening.runs.tables import read_csv, unguard
from screening.spreadsheet import plain_cell

MODELS = (
    "curves", "composition", "composition_alone", "trees", "ridge", "process", "distances", "conventional", "nearest",
    "dummy",
)  # fmt: skip
WORDS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False, "": False}


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What the page is made of."""

    record: RunRecord  # run.json
    ranking: pd.DataFrame  # the rows shown, best first; text unguarded, numbers and flags typed; with their families
    n_ranked: int  # rows of the ranking, shown or not
    ranking_name: str  # file that holds all of them: ranking.csv or ranking.parquet
    rejected: pd.DataFrame  # id, source, code, detail
    scores: dict[str, Any]  # model/scores.json
    folds: pd.DataFrame  # out-of-fold predictions
    kinds: pd.DataFrame  # explanation/kinds.csv, strongest first
    stability: pd.DataFrame  # name, share, share_low, share_high, rank_low, rank_high; empty for earlier versions
    beeswarm: pd.DataFrame  # explanation/beeswarm.csv


def read_run(run_dir: Path, *, top: int) -> Run:
    """Return all tables of a RUN folder, the ranking cut to its first `top` rows.

    Raises
    ------
    InputError
        A file is missing, cannot be parsed, lacks a column or does not fit the others; the message names it.
    """
    if top < 1:
        raise InputError(f"a report shows at least 1 candidate, not {top}")
    path = ranking_path(run_dir)
    ranking = with_barriers(read_ranking(path, top=top), run_dir)
    if "family" not in ranking:
        ranking["family"] = ranking["formula"].map(family_words)
    rejected = unguard(read_csv(run_dir / "rejected.csv", ("id", "source", "code", "detail")))
    return Run(
        record=read_record(run_dir / RECORD, n_rejected=len(rejected)),
        ranking=ranking,
        n_ranked=count_rows(path),
        ranking_name=path.name,
        rejected=rejected,
        scores=read_json(run_dir / "model" / "scores.json"),
        folds=read_folds(run_dir / "model" / "folds.csv"),
        kinds=read_kinds(run_dir / "explanation"),
        beeswarm=read_beeswarm(run_dir / "explanation"),
        stability=read_stability(run_dir / "explanation"),
    )


def read_duplicates(path: Path) -> dict[str, list[str]]:
    """Return by id the ids of further entries of the same crystal (.csv or .parquet); empty where there is no table."""
    if not path.is_file():
        return {}
    needed = ("id", "duplicate_of")
    frame = _read_parquet(path, needed) if path.suffix == ".parquet" else unguard(read_csv(path, needed), needed)
    groups: dict[str, list[str]] = defaultdict(list)
    for id, first in zip(frame["id"], frame["duplicate_of"], strict=True):
        groups[str(first)].append(str(id))
    return dict(groups)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; run `screening run` to the end first") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} holds no JSON object")
    return value


def count_rows(path: Path) -> int:
    """Return the number of rows of a ranking (.csv or .parquet)."""
    if path.suffix == ".parquet":
        return int(pyarrow.parquet.read_metadata(path).num_rows)
    return len(pd.read_csv(path, usecols=["rank"], dtype=str, keep_default_na=False, encoding="utf-8"))


def read_ranking(path: Path, *, top: int | None = None) -> pd.DataFrame:
    """Return the first `top` rows of a ranking (.csv or .parquet), or all: text, float64 (NaN = empty) and bool.

    Columns that the schema does not know stay text.
    """
    if path.suffix == ".parquet":
        frame = _read_parquet(path, REQUIRED_COLUMNS)
        return frame if top is None else frame.head(top)
    return _typed_ranking(read_csv(path, REQUIRED_COLUMNS, rows=top), path)


def _typed_ranking(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    typed = {*NUMBER_COLUMNS, *FLAG_COLUMNS}
    frame = unguard(frame, [name for name in frame.columns if name not in typed])
    frame["rank"] = _typed(frame["rank"], int, path)
    for name in (name for name in NUMBER_COLUMNS if name in frame and name != "rank"):
        frame[name] = _typed(frame[name], _number, path).astype(np.float64)
    for name in (name for name in FLAG_COLUMNS if name in frame):
        frame[name] = _typed(frame[name], _flag, path).astype(bool)
    return frame


def read_polymorphs(path: Path, ids: Sequence[str], *, each: int, most: int, skip: int = 0) -> pd.DataFrame:
    """Return the rows of a ranking that are folded into the crystals `ids`, as `read_ranking` gives them.

    Of each the best `each`, those of the first crystals before others, `most` in all. Rows before `skip` are left
    aside. Rankings that fold nothing give no row.
    """
    if path.suffix == ".parquet":
        frame = _read_parquet(path, REQUIRED_COLUMNS)
        if "polymorph_of" not in frame:
            return frame.head(0)
        frame = frame.iloc[skip:]
        frame = frame[frame["polymorph_of"].isin(set(ids))]
    else:
        if "polymorph_of" not in read_csv(path, REQUIRED_COLUMNS, rows=0):
            return read_ranking(path, top=0)
        wanted = {*ids, *map(plain_cell, ids)}
        as_text: Any = {"dtype": str, "keep_default_na": False, "encoding": "utf-8"}
        of = pd.read_csv(path, usecols=["polymorph_of"], **as_text)["polymorph_of"]
        others = np.flatnonzero(~of.isin(wanted) | (of.index < skip))
        frame = _typed_ranking(pd.read_csv(path, skiprows=(1 + others).tolist(), **as_text), path)
    frame = frame[frame.groupby("polymorph_of").cumcount() < each]
    place = {id: row for row, id in enumerate(ids)}
    order = np.argsort(frame["polymorph_of"].map(place).to_numpy(dtype=np.int64), kind="stable")
    frame = frame.iloc[order].head(most).reset_index(drop=True)
    if "family" not in frame:
        frame["family"] = frame["formula"].map(family_words)
    return frame


def read_folds(path: Path) -> pd.DataFrame:
    """Return the out-of-fold predictions of a model."""
    frame = read_csv(path, ("id", "formula", "is_bound", "measured", "curves"))
    for name in ("measured", "curves"):
        frame[name] = _typed(frame[name], _number, path).astype(np.float64)
    frame["is_bound"] = _typed(frame["is_bound"], _flag, path).astype(bool)
    return unguard(frame, ("id", "formula"))


def read_kinds(explanation_dir: Path) -> pd.DataFrame:
    """Return the kinds of hole with their mean |SHAP| and a column `words`, strongest first."""
    path = explanation_dir / "kinds.csv"
    frame = read_csv(
        path, ("kind", "channel", "curve", "radius_from", "radius_to", "mean_abs_shap", "share", "direction")
    )
    for name in ("mean_abs_shap", "share", "direction"):
        frame[name] = _typed(frame[name], _number, path).astype(np.float64)
    parts = frame[["channel", "curve", "radius_from", "radius_to"]].to_dict("records")
    frame["words"] = [kind_words(**{str(name): cell for name, cell in row.items()}) for row in parts]
    return frame.sort_values(["mean_abs_shap", "kind"], ascending=[False, True], kind="stable", ignore_index=True)


def read_beeswarm(explanation_dir: Path) -> pd.DataFrame:
    """Return SHAP values of single crystals by kind of hole."""
    path = explanation_dir / "beeswarm.csv"
    frame = read_csv(path, ("kind", "id", "shap", "value"))
    for name in ("shap", "value"):
        frame[name] = _typed(frame[name], _number, path).astype(np.float64)
    return unguard(frame, ("id",))


def read_stability(explanation_dir: Path) -> pd.DataFrame:
    """Return how far shares and places of kinds of hole move over resamples; empty where that was not computed."""
    numbers = ("share", "share_low", "share_high", "rank_low", "rank_high")
    if not (explanation_dir / "stability.csv").is_file():
        return pd.DataFrame(columns=["name", *numbers])
    path = explanation_dir / "stability.csv"
    frame = read_csv(path, ("scope", "name", *numbers))
    frame = frame[frame["scope"] == "kind"].reset_index(drop=True)
    for name in numbers:
        frame[name] = _typed(frame[name], _number, path).astype(np.float64)
    return frame


def read_training(model_dir: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return some columns of the training crystals of a model."""
    path = model_dir / "training.parquet"
    try:
        frame: pd.DataFrame = pyarrow.parquet.read_table(path, columns=list(columns)).to_pandas()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}; run `screening run` to the end first") from error
    return frame


def _read_parquet(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = pyarrow.parquet.read_table(path).to_pandas()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}; run `screening run` to the end first") from error
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError(f"{path} lacks the column {', '.join(missing)}")
    return frame


@dataclass(frozen=True, slots=True)
class ModelScore:
    """How one model did under one split: (mean, spread over folds) of each metric, NaN where it is undefined."""

    model: str
    r2: tuple[float, float]
    mae: tuple[float, float]
    spearman: tuple[float, float]
    bounds_held: float  # share of upper bounds at or above the prediction


def model_scores(scores: dict[str, Any]) -> dict[str, list[ModelScore]]:
    """Return the scores of every model by split, the models in the order in which they are compared.

    Two layouts are read: ``splits[split][model]`` with the keys r2, r2_fold_spread, ..., and ``models[model]`` with
    r2 = {mean, spread}, ..., which is the grouped split.
    """
    splits: dict[str, dict[str, dict[str, Any]]] = scores.get("splits") or {"grouped": scores.get("models", {})}
    return {
        split: [_model_score(name, models[name]) for name in sorted(models, key=_place)]
        for split, models in splits.items()
        if models
    }


def _place(model: str) -> tuple[int, str]:
    return (MODELS.index(model) if model in MODELS else len(MODELS), model)


def _model_score(model: str, found: dict[str, Any]) -> ModelScore:
    def cell(metric: str) -> tuple[float, float]:
        value = found.get(metric)
        if isinstance(value, dict):
            return (_float(value.get("mean")), _float(value.get("spread")))
        return (_float(value), _float(found.get(f"{metric}_fold_spread")))

    held = _float(found.get("bounds_held"))
    return ModelScore(model=model, r2=cell("r2"), mae=cell("mae"), spearman=cell("spearman"), bounds_held=held)


def _typed(column: pd.Series[str], read: Callable[[str], Any], path: Path) -> pd.Series[Any]:
    values = []
    for row, cell in enumerate(column):
        try:
            values.append(read(cell))
        except (ValueError, KeyError) as error:
            raise InputError(f"{path}, row {row + 1}: {column.name} cannot be {cell!r}") from error
    return pd.Series(values, index=column.index, name=column.name, dtype=object if not values else None)


def _number(cell: str) -> float:
    return float(cell) if cell else float("nan")


def _float(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _flag(cell: str) -> bool:
    return WORDS[cell.lower()]
