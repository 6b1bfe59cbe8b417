"""Predictions → ordered candidates, with what a person needs to trust or distrust each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from screening.chemistry import RADIOACTIVE, SCARCE, TOXIC
from screening.cloud import channel_label
from screening.config import Config, RankConfig
from screening.crystal import SYMBOLS, FloatArray
from screening.errors import InputError, Rejection
from screening.learn import Model
from screening.learn.cells import plain_cell
from screening.store import FeatureTable

COLUMNS = (
    "rank",
    "id",
    "source",
    "formula",
    "prediction",  # log10 S/cm
    "lower",
    "upper",
    "conductivity",  # S/cm
    "distance",
    "in_domain",
    "nearest",
    "nearest_formula",
    "nearest_measured",  # log10 S/cm
    "measured",  # log10 S/cm, empty where unknown
    "disordered",
    "radius_cut",
    "radioactive",
    "toxic",
    "scarce",
    "elements_unseen",
    "prediction_kind",  # "model", or "out-of-fold" for a labelled crystal
)
TEXT_COLUMNS = ("id", "source", "formula", "nearest", "nearest_formula", "elements_unseen")
RADIUS_SLACK = 1e-3  # a curve complete to within this of the wanted radius is not cut, Å


def rank(tables: Iterable[FeatureTable], model: Model, *, labelled: bool, config: RankConfig) -> pd.DataFrame:
    """Return the candidates by falling prediction, equal ones by id, with the columns `COLUMNS`.

    Parameters
    ----------
    tables
        Featurized crystals, e.g. `iter_tables`; taken one at a time.
    model
        Predicts log10 conductivity.
    labelled
        Whether the crystals the model was trained on are ranked too. Their prediction is then the mean out-of-fold
        one, by models that never saw the crystal or its group, and `prediction_kind` says so: what the model itself
        says of a crystal it was trained on would flatter it. Their nearest crystal is the nearest other one.
    config
        Settings of the ranking.

    Raises
    ------
    ModelError
        The features are not those of the model.
    """
    known = frozenset(str(id) for id in model.training.ids)
    frames = [_empty()]
    for table in tables:
        model.check_features(table.header)
        is_known = np.array([id in known for id in table.ids], dtype=np.bool_)
        rows = np.flatnonzero(~is_known) if not labelled else np.arange(len(table))
        if len(rows):
            frames.append(_judge(table, model, rows=rows))
    frame = pd.concat(frames[1:], ignore_index=True) if len(frames) > 1 else frames[0]
    order = np.lexsort((frame["id"].to_numpy(dtype=str), -frame["prediction"].to_numpy(dtype=np.float64)))
    frame = frame.iloc[order].reset_index(drop=True)
    frame["rank"] = np.arange(1, len(frame) + 1)
    return frame[list(COLUMNS)]


def _empty() -> pd.DataFrame:
    texts = dict.fromkeys((*TEXT_COLUMNS, "prediction_kind"), pd.Series(dtype=object))
    flags = ("in_domain", "disordered", "radius_cut", "radioactive", "toxic", "scarce")
    return pd.DataFrame(
        {name: texts.get(name, pd.Series(dtype=np.bool_ if name in flags else np.float64)) for name in COLUMNS}
    )


def _judge(table: FeatureTable, model: Model, *, rows: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Return the unordered rows of one table."""
    features, facts, ids = table.features[rows], table.facts.iloc[rows], table.ids[rows]
    training = model.training
    label_row = {str(id): row for row, id in enumerate(training.ids)}
    labels = np.array([label_row.get(str(id), -1) for id in ids], dtype=np.int64)
    is_known = labels >= 0
    mean = model.predict(features).mean
    mean[is_known] = [model.out_of_fold[str(id)] for id in ids[is_known]]
    prediction = model.interval(mean)
    nearest, distance = model.space.nearest(features)
    if is_known.any():
        others, other_distance = model.space.nearest_others()
        nearest[is_known], distance[is_known] = others[labels[is_known]], other_distance[labels[is_known]]
    distance = _relative(distance, model.domain_radius)
    elements = [frozenset(SYMBOLS[number] for number in np.flatnonzero(row)) for row in table.composition[rows]]
    seen = frozenset(model.header.elements)
    unseen = [_in_order(found - seen) for found in elements]
    return pd.DataFrame(
        {
            "id": ids,
            "source": facts["source"].to_numpy(dtype=object),
            "formula": facts["formula"].to_numpy(dtype=object),
            "prediction": prediction.mean,
            "lower": prediction.lower,
            "upper": prediction.upper,
            "conductivity": 10.0**prediction.mean,
            "distance": distance,
            "in_domain": (distance <= 1.0) & np.array([text == "" for text in unseen], dtype=np.bool_),
            "nearest": training.ids[nearest],
            "nearest_formula": training.formula[nearest],
            "nearest_measured": training.log_sigma[nearest],
            "measured": np.where(is_known, training.log_sigma[labels], np.nan),
            "disordered": ["disordered" in str(flags).split(";") for flags in facts["flags"]],
            "radius_cut": _radius_cut(table, facts),
            "radioactive": [bool(found & RADIOACTIVE) for found in elements],
            "toxic": [bool(found & TOXIC) for found in elements],
            "scarce": [bool(found & SCARCE) for found in elements],
            "elements_unseen": unseen,
            "prediction_kind": np.where(is_known, "out-of-fold", "model").astype(object),
        }
    )


def _relative(distance: FloatArray, radius: float) -> FloatArray:
    """Return distances over the domain radius; with a radius of zero (identical training crystals) 0 or infinite."""
    if radius > 0:
        return distance / radius
    return np.where(distance > 0, np.inf, 0.0)


def _in_order(symbols: Iterable[str]) -> str:
    return ";".join(sorted(symbols, key=SYMBOLS.index))


def _radius_cut(table: FeatureTable, facts: pd.DataFrame) -> list[bool]:
    """Return whether any channel's curves end before the radius that the settings ask for."""
    # Only the sections read here: a header of another version with other input limits is none of ranking's business.
    config = Config.model_validate({name: table.header["config"][name] for name in ("cloud", "homology")})
    names = [f"r_cut/{channel_label(channel, config.cloud)}" for channel in config.cloud.channels]
    wanted = np.array([config.homology.r_max[channel] for channel in config.cloud.channels])
    cut = facts[names].to_numpy(dtype=np.float64) < wanted - RADIUS_SLACK
    return [bool(row.any()) for row in cut]


def write_ranking(frame: pd.DataFrame, path: Path) -> None:
    """Write a ranking as .csv or .parquet, by suffix.

    In CSV, text cells that begin with ``= + - @`` or a tab get ``'`` before them, so that no spreadsheet takes them
    for a formula; Parquet holds them as they are.

    Raises
    ------
    InputError
        Another suffix.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False, compression="zstd")
    elif path.suffix == ".csv":
        texts = {name: frame[name].map(plain_cell) for name in TEXT_COLUMNS}
        frame.assign(**texts).to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
    else:
        raise InputError(f"{path}: a ranking is written as .csv or .parquet")


def write_rejections(rejections: Sequence[Rejection], path: Path) -> None:
    """Write the ledger of rejected inputs, id, source, code, detail, as CSV with the same guard on text cells."""
    rows = [(one.id, one.source, one.code.value, one.detail) for one in rejections]
    frame = pd.DataFrame(rows, columns=["id", "source", "code", "detail"], dtype=object)
    frame.map(plain_cell).to_csv(path, index=False, lineterminator="\n")
