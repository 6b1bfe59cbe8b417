"""Features and labels → a judged model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from screening.config import Config
from screening.crystals import IntArray
from screening.elements import SYMBOLS
from screening.errors import ModelError, Rejection
from screening.learn.boosting import Rows, fit, parameters
from screening.learn.checks import learning_curve, y_randomisation
from screening.learn.dataset import Dataset, join
from screening.learn.evaluate import Evaluation, evaluate, flagged_scores, seeded
from screening.learn.header import ModelHeader, TrainedBy, Training
from screening.learn.intervals import conformal_rank, interval_scores
from screening.learn.labels import Labels
from screening.learn.learner import CPU, Learner
from screening.learn.model import Model
from screening.learn.scores import Score
from screening.learn.view import View
from screening.store import FeatureTable


def train(  # noqa: PLR0913
    table: FeatureTable,
    labels: Labels,
    config: Config,
    *,
    rejections: Sequence[Rejection] = (),
    learner: Learner | None = None,
    threads: int = 1,
) -> Model:
    """Return a LightGBM model of log10 conductivity with its scores under grouped cross-validation.

    Parameters
    ----------
    table
        Featurized crystals, labelled ones among them.
    labels
        Measured values.
    config
        Settings; `learn` and `seed` are used.
    rejections
        Inputs that have no features, to say why a label is not used.
    learner
        What LightGBM trains on, see `screening.learn.learner.choose_learner`; the CPU when not given.
    threads
        Trainings at a time, in processes; no value depends on it.

    Raises
    ------
    ModelError
        Too few labels or groups, or features that cannot be.
    """
    data = join(table, labels, rejections=rejections)
    learner = learner or CPU
    threads = threads if learner.device_type == "cpu" else 1  # a GPU takes one training at a time
    grouped = evaluate(data, config, device_type=learner.device_type, threads=threads)
    calibration, calibrated_by, groups = _calibration(
        data, config, grouped=grouped, device_type=learner.device_type, threads=threads
    )
    group = {str(id): int(one) for id, one in zip(data.ids, groups, strict=True)}
    family = {str(id): str(name) for id, name in zip(data.ids, data.family, strict=True)}
    bands, interval = interval_scores(calibration, level=config.learn.interval, group=group, family=family)
    interval["by"] = calibrated_by
    scores = _summary(data, labels, config, grouped=grouped, device_type=learner.device_type, threads=threads)
    scores["trees"] = config.learn.trees
    scores["flagged"] = flagged_scores(data, grouped)
    scores["interval"] = interval
    scores["y_randomisation"] = y_randomisation(
        data, config, split="grouped", repeats=config.learn.repeats, threads=threads
    )
    scores["learning_curve"] = learning_curve(
        data, config, split="grouped", repeats=config.learn.repeats, threads=threads
    )
    texts, base = _boosters(data, config, device_type=learner.device_type)
    header = ModelHeader(
        columns=data.columns,
        band=config.learn.band,
        features_hash=table.header["features_hash"],
        features_version=table.header.get("features_version", 1),
        features_config=table.header["config"],
        engine=table.header["engine"],
        learn=config.learn.model_dump(mode="json"),
        learner=TrainedBy(device_type=learner.device_type, lightgbm=learner.lightgbm),
        seed=config.seed,
        base=base,
        boosters=len(texts),
        interval_edges=bands.edges,
        interval_lower=bands.lower,
        interval_upper=bands.upper,
        residual_quantiles=bands.quantiles,
        elements=tuple(SYMBOLS[number] for number in np.flatnonzero(data.fractions.any(axis=0))),
    )
    training = Training(
        ids=data.ids,
        log_sigma=data.target,
        is_bound=data.is_bound,
        group=data.groups,
        formula=data.formula,
        publication=data.publication,
        features=data.features,
    )
    return Model(header=header, texts=texts, training=training, scores=scores, folds=grouped.predictions)


def _calibration(
    data: Dataset, config: Config, *, grouped: Evaluation, device_type: str, threads: int
) -> tuple[pd.DataFrame, str, IntArray]:
    """Return the out-of-fold predictions that intervals are taken from, the split they are of, and its groups.

    Candidates are mostly of families that nobody has measured, so where labels state families whole ones are left out;
    else what the grouped folds keep whole. Where groups are too few for the level, crystals are the units, as if they
    were independent.
    """
    level = config.learn.interval
    families = data.family_groups()
    if families is not None and _enough(families[1][~data.is_bound], level):
        try:
            left_out = evaluate(data, config, split="family", device_type=device_type, threads=threads)
        except ModelError:  # one family: nothing can be left out
            pass
        else:
            return left_out.predictions, "family", families[1]
    units = data.groups if _enough(data.groups[~data.is_bound], level) else np.arange(len(data), dtype=np.int64)
    return grouped.predictions, "grouped", units


def _enough(groups: IntArray, level: float) -> bool:
    n_units = len(np.unique(groups))
    return conformal_rank(n_units, level=level) <= n_units


def _boosters(data: Dataset, config: Config, *, device_type: str) -> tuple[tuple[str, ...], float]:
    """Return the boosters of the final model as LightGBM text, one per seed, and their common base score."""
    view = View.of(data.columns, band=config.learn.band)
    rows = Rows(view(data.features), data.target, data.is_bound, data.groups).under(config.learn.bounds)
    texts: list[str] = []
    for index in range(config.learn.seeds):
        params = parameters(config.learn, seed=seeded(config.seed, 3, index), device_type=device_type)
        booster, base = fit(rows, params=params, trees=config.learn.trees, columns=view.names)
        texts.append(booster.model_to_string())
    return tuple(texts), base


def _summary(  # noqa: PLR0913
    data: Dataset, labels: Labels, config: Config, *, grouped: Evaluation, device_type: str, threads: int
) -> dict[str, Any]:
    splits: dict[str, dict[str, Score]] = {"grouped": grouped.scores}
    splits["random"] = evaluate(
        data, config, split="random", repeats=1, device_type=device_type, threads=threads
    ).scores
    left_out: dict[str, str] = {}
    for split in ("publication", "family", "cluster"):
        try:
            splits[split] = evaluate(
                data, config, split=split, repeats=1, device_type=device_type, threads=threads
            ).scores
        except ModelError as error:  # none stated, or all crystals hang together: said in the scores
            left_out[split] = str(error)
    _, sizes = np.unique(data.groups, return_counts=True)
    return {
        "n_labelled": len(labels),
        "n_used": len(data),
        "n_measured": int((~data.is_bound).sum()),
        "n_bounds": int(data.is_bound.sum()),
        "n_missing": len(data.missing),
        "missing": list(data.missing),
        "bounds": config.learn.bounds,
        "n_groups": len(sizes),
        "largest_group": int(sizes.max()),
        "folds": int(grouped.predictions["fold"].max()) + 1,
        "repeats": config.learn.repeats,
        "splits": splits,
        "splits_left_out": left_out,
    }
