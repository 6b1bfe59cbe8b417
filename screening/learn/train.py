"""Features and labels → a judged model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from screening.config import Config
from screening.crystals import FloatArray, IntArray
from screening.elements import SYMBOLS
from screening.errors import LeakError, ModelError, Rejection
from screening.learn.checks import learning_curve, y_randomisation
from screening.learn.dataset import Dataset, join
from screening.learn.evaluate import (
    Evaluation,
    composition_rows,
    composition_seen,
    evaluation,
    flagged_scores,
    n_distances,
    rows_for,
    seeded,
    seen_of,
)
from screening.learn.header import ModelHeader, TrainedBy, Training
from screening.learn.intervals import conformal_rank, interval_scores
from screening.learn.kernel_file import kernel_header
from screening.learn.kernels import Kernels
from screening.learn.labels import Labels
from screening.learn.learner import CPU, Learner
from screening.learn.made import Made
from screening.learn.model import Model
from screening.learn.parallel import Work, all_done
from screening.learn.predictor import Predictor, fit_composition, fit_predictor
from screening.learn.scores import Score, spearman
from screening.learn.view import View
from screening.store import FeatureTable

if TYPE_CHECKING:
    import lightgbm as lgb

ORDER = ("grouped", "family", "publication", "cluster", "random")
LARGE_FAMILY = 10  # measured crystals from which a family is judged by itself


def train(  # noqa: PLR0913
    table: FeatureTable,
    labels: Labels,
    config: Config,
    *,
    rejections: Sequence[Rejection] = (),
    learner: Learner | None = None,
    threads: int = 1,
    made: Made | None = None,
) -> Model:
    """Return a model of log10 conductivity with its scores under grouped cross-validation.

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
    made
        Labels without a crystal, and the structures made for them: they train and never judge.

    Raises
    ------
    ModelError
        Too few labels or groups, or features that cannot be.
    """
    data = join(table, labels, rejections=rejections, made=made)
    learner = learner or CPU
    threads = threads if learner.device_type == "cpu" else 1  # a GPU takes one training at a time
    works, left_out = _works(data, config, device_type=learner.device_type)
    done = all_done(works.values(), threads=threads, size=len(data) * config.learn.trees)
    found: dict[str, Any] = dict(zip(works, done, strict=True))
    evaluations: dict[str, Evaluation] = {name: found[name] for name in ORDER if name in found}
    grouped = evaluations["grouped"]
    calibrated_by, groups = _calibration(data, config, evaluations)
    group = {str(id): int(one) for id, one in zip(data.ids, groups, strict=True)}
    family = {str(id): str(name) for id, name in zip(data.ids, data.family, strict=True)}
    calibration = evaluations[calibrated_by].predictions
    bands, interval = interval_scores(calibration, level=config.learn.interval, group=group, family=family)
    interval["by"] = calibrated_by
    scores = _summary(data, labels, config, evaluations, left_out)
    scores["trees"] = config.learn.trees
    scores["headline"] = headline(scores["splits"])
    scores["domain"] = _domain(grouped)
    if calibrated_by == "family":
        scores["headline"]["family"]["families"] = by_family(calibration, family)
    scores["n_made"] = 0 if made is None else len(made)
    scores["made_refused"] = [] if made is None else list(made.refused)
    scores["n_told"] = 0 if data.told is None else len(data.told)
    scores["flagged"] = flagged_scores(data, grouped)
    scores["interval"] = interval
    scores["y_randomisation"], scores["learning_curve"] = found["shuffled"], found["shares"]
    curves, composition = found["model"]
    texts = tuple(booster.model_to_string() for booster in curves.boosters)
    header = ModelHeader(
        format_version=1 if composition is None else 3,
        columns=data.columns,
        band=config.learn.band,
        features_hash=table.header["features_hash"],
        features_version=table.header.get("features_version", 1),
        features_config=table.header["config"],
        engine=table.header["engine"],
        learn=config.learn.model_dump(mode="json"),
        learner=TrainedBy(device_type=learner.device_type, lightgbm=learner.lightgbm),
        seed=config.seed,
        base=curves.base,
        boosters=len(texts),
        interval_edges=bands.edges,
        interval_lower=bands.lower,
        interval_upper=bands.upper,
        residual_quantiles=bands.quantiles,
        elements=tuple(SYMBOLS[number] for number in np.flatnonzero(_fractions(data).any(axis=0))),
        normalised=bands.normalised,
        kernels=None if curves.kernels is None else kernel_header(curves.kernels),
        composition_kernels=None if composition is None else kernel_header(composition),
        distance_kernels=None if curves.distances is None else kernel_header(curves.distances),
        distances=0 if curves.distances is None else curves.n_distances,
        made=0 if made is None else len(made),
        told=scores["n_told"],
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
    return Model(
        header=header,
        texts=texts,
        training=training,
        scores=scores,
        folds=grouped.predictions,
        kernels=curves.kernels,
        composition_kernels=composition,
        distance_kernels=curves.distances,
    )


def headline(splits: dict[str, dict[str, Score]]) -> dict[str, Any]:
    """Return the scores that a model leads with: of whole groups and whole families left out, never of random folds.

    Where its error is not smaller than that of the mean of the training values, `beats_mean` is false.
    """
    found: dict[str, Any] = {}
    for split in ("grouped", "family"):
        if split in splits:
            one, dummy = splits[split]["curves"], splits[split]["dummy"]
            found[split] = {name: one[name] for name in ("r2", "mae", "spearman", "bounds_held")}
            found[split]["mae_of_mean"] = dummy["mae"]
            found[split]["beats_mean"] = bool(
                one["mae"] is not None and dummy["mae"] is not None and one["mae"] < dummy["mae"]
            )
    return found


def by_family(predictions: pd.DataFrame, family: dict[str, str]) -> list[dict[str, Any]]:
    """Return error and error of the mean by stated family of `LARGE_FAMILY` measured crystals or more, left out whole.

    Parameters
    ----------
    predictions
        Out-of-fold, families left out.
    family
        By id, "" = unknown.
    """
    known = predictions[~predictions["is_bound"]]
    names = known["id"].map(lambda name: family[str(name)])
    rows: list[dict[str, Any]] = []
    for name, part in known.groupby(names):
        n = int(part["id"].nunique())
        if name and n >= LARGE_FAMILY:
            error, of_mean = (float((part["measured"] - part[one]).abs().mean()) for one in ("curves", "dummy"))
            rows.append(
                {"family": str(name), "n": n, "mae": error, "mae_of_mean": of_mean, "beats_mean": error < of_mean}
            )
    return rows


def _domain(grouped: Evaluation) -> dict[str, float | None]:
    """Return how distance and deviation foretell the error of crystals left out: Spearman with its size, grouped folds.

    Distance to the nearest crystal of the training part, in the feature space of that part.
    """
    folds = grouped.predictions
    known = ~folds["is_bound"].to_numpy(dtype=np.bool_)
    error = np.abs(folds["measured"].to_numpy(np.float64) - folds["curves"].to_numpy(np.float64))[known]
    found = {"distance": spearman(grouped.apart[known], error)}
    if "deviation" in folds:
        found["deviation"] = spearman(folds["deviation"].to_numpy(dtype=np.float64)[known], error)
    return found


def _fractions(data: Dataset) -> FloatArray:
    """Return the atomic fractions of all that was trained on."""
    return data.fractions if data.made is None else np.concatenate([data.fractions, data.made.fractions])


def _works(data: Dataset, config: Config, *, device_type: str) -> tuple[dict[str, Work[Any]], dict[str, str]]:
    """Return all trainings by name, the longest first: model, checks, splits; and why splits are left out."""
    works: dict[str, Work[Any]] = {
        "model": Work([partial(_predictors, data, config, device_type=device_type)], itemgetter(0)),
        "shares": learning_curve(data, config, split="grouped", repeats=1),
        "shuffled": y_randomisation(data, config, split="grouped", repeats=min(2, config.learn.repeats)),
        "grouped": evaluation(data, config, device_type=device_type),
        "random": evaluation(data, config, split="random", repeats=1, device_type=device_type),
    }
    left_out: dict[str, str] = {}
    for split in ("publication", "family", "cluster"):
        try:
            works[split] = evaluation(
                data, config, split=split, repeats=1, device_type=device_type, composition=split != "cluster"
            )
        except LeakError:
            raise
        except ModelError as error:  # none stated, or all crystals hang together: said in the scores
            left_out[split] = str(error)
    return works, left_out


def _calibration(data: Dataset, config: Config, evaluations: dict[str, Evaluation]) -> tuple[str, IntArray]:
    """Return the split that intervals are taken from, and its groups.

    Candidates are mostly of families that nobody has measured, so where labels state families whole ones are left out;
    else what the grouped folds keep whole. Where groups are too few for the level, crystals are the units, as if they
    were independent.
    """
    level = config.learn.interval
    families = data.family_groups()
    if families is not None and "family" in evaluations and _enough(families[1][~data.is_bound], level):
        return "family", families[1]
    units = data.groups if _enough(data.groups[~data.is_bound], level) else np.arange(len(data), dtype=np.int64)
    return "grouped", units


def _enough(groups: IntArray, level: float) -> bool:
    n_units = len(np.unique(groups))
    return conformal_rank(n_units, level=level) <= n_units


def _predictors(data: Dataset, config: Config, *, device_type: str) -> tuple[Predictor[lgb.Booster], Kernels | None]:
    """Return the final model of the curves, and that of the composition where kernels stand beside trees."""
    view = View.of(data.columns, band=config.learn.band)
    own, beside = seen_of(data, view)
    every = np.ones(len(data), dtype=np.bool_)
    used = np.ones(0 if data.made is None else len(data.made), dtype=np.bool_)
    seeds = [seeded(config.seed, 3, index) for index in range(config.learn.seeds)]
    rows = rows_for(data, own, beside, kept=every, used=used)
    curves = fit_predictor(
        rows,
        config.learn,
        seeds=seeds,
        device_type=device_type,
        columns=view.names,
        n_distances=n_distances(data),
    )
    if config.learn.model != "mean":
        return curves, None
    told = np.ones(0 if data.told is None else len(data.told), dtype=np.bool_)
    return curves, fit_composition(composition_rows(data, *composition_seen(data), kept=every, used=told), config.learn)


def _summary(
    data: Dataset, labels: Labels, config: Config, evaluations: dict[str, Evaluation], left_out: dict[str, str]
) -> dict[str, Any]:
    """Return counts, and the scores under every split, never random folds first: they flatter."""
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
        "folds": int(evaluations["grouped"].predictions["fold"].max()) + 1,
        "repeats": config.learn.repeats,
        "splits": {name: one.scores for name, one in evaluations.items()},
        "splits_left_out": left_out,
    }
