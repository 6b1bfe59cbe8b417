"""Cross-validation: the curves against a conventional model, the nearest neighbour and a dummy, on the same folds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.config import Config
from screening.crystals import FloatArray, IntArray, contradictions_among
from screening.errors import ModelError
from screening.learn.boosting import Rows, base_score, fit, parameters
from screening.learn.dataset import Dataset, join
from screening.learn.enrichment import screening_scores
from screening.learn.labels import Labels
from screening.learn.parallel import all_of
from screening.learn.scores import Score, score, summarise
from screening.learn.space import FeatureSpace
from screening.learn.splits import check_no_leak, grouped_folds
from screening.learn.view import View
from screening.store import FeatureTable

SPLITS = ("grouped", "publication", "family", "cluster", "random")
GOOD = (-4.0, -3.0)  # log10 S/cm from which a conductor is called good
JUDGED = ("curves", "conventional", "nearest", "dummy")


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Out-of-fold predictions of every model, and what they are worth."""

    predictions: pd.DataFrame  # repeat, fold, id, formula, is_bound, measured, then one column per model
    scores: dict[str, Score]  # by model


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One test fold of one repeat."""

    repeat: int
    index: int
    held: NDArray[np.bool_]  # (n,) crystals judged; the others are trained on


def seeded(seed: int, *words: int) -> int:
    """Return a seed for one use, from the run's seed and the numbers that name the use."""
    return int(np.random.SeedSequence([seed, *words]).generate_state(1)[0] & 0x7FFFFFFF)


def evaluate(  # noqa: PLR0913
    data: Dataset,
    config: Config,
    *,
    split: str = "grouped",
    repeats: int | None = None,
    device_type: str = "cpu",
    threads: int = 1,
) -> Evaluation:
    """Return out-of-fold predictions and scores under a split.

    Parameters
    ----------
    data
        Labelled crystals.
    config
        Settings; `config.learn` and `config.seed` are used.
    split
        ``grouped``: publication, composition and near-duplicates whole; ``publication``: only that; ``family``: a
        chemical family is predicted from the others; ``cluster``: one structural cluster after the other is left out;
        ``random``: every crystal by itself, which flatters.
    repeats
        Repeats with other fold assignments; `config.learn.repeats` when not given.
    device_type
        LightGBM's learner.
    threads
        Folds trained at a time; no value depends on it.

    Raises
    ------
    ModelError
        Two folds cannot be formed, or a fold would leak.
    """
    pairs, groups = split_groups(data, split)
    settings = config.learn
    tasks: list[Fold] = []
    for repeat in range(config.learn.repeats if repeats is None else repeats):
        folds = split_folds(data, groups, split, folds=settings.folds, seed=seeded(config.seed, 1, repeat))
        check_no_leak(folds, groups, pairs)
        tasks += [Fold(repeat=repeat, index=fold, held=folds == fold) for fold in range(int(folds.max()) + 1)]

    judge = partial(_judge_fold, data, groups=groups, config=config, device_type=device_type)
    judged = all_of([partial(judge, fold) for fold in tasks], threads=threads, size=len(data) * settings.trees)
    predictions = pd.concat(judged, ignore_index=True)
    return Evaluation(predictions=predictions, scores={name: _scores(predictions, name) for name in JUDGED})


def flagged_scores(data: Dataset, grouped: Evaluation) -> dict[str, Any]:
    """Return the labelled crystals whose file contradicts itself, and the grouped scores over all others.

    They stay in training: a measured conductivity is of the compound, and what is wrong may not matter to the curves.
    """
    found = {
        str(id): names
        for id, flags in zip(data.ids, data.flags, strict=True)
        if (names := contradictions_among(str(flags).split(";")))
    }
    rest = grouped.predictions[~grouped.predictions["id"].isin(list(found))]
    without = None
    if found and not rest.empty:
        without = {name: _scores(rest, name) for name in JUDGED}
    return {"crystals": [{"id": id, "flags": list(names)} for id, names in found.items()], "without": without}


def split_groups(data: Dataset, split: str) -> tuple[dict[str, NDArray[np.int64]], IntArray]:
    """Return the pairs that a split must not part, by reason, and the groups (n,) that it keeps whole.

    Raises
    ------
    ModelError
        No such split, or the labels do not state what it needs.
    """
    if split == "grouped":
        return data.pairs, data.groups
    if split == "random":
        return {}, np.arange(len(data), dtype=np.int64)
    if split == "publication":
        return data.publication_groups()
    if split == "cluster":
        return data.cluster_groups()
    if split != "family":
        raise ModelError(f"no split is named {split!r}; there are {', '.join(SPLITS)}")
    by_family = data.family_groups()
    if by_family is None:
        raise ModelError("the labels state no chemical family")
    return by_family


def split_folds(data: Dataset, groups: IntArray, split: str, *, folds: int, seed: int) -> IntArray:
    """Return the fold (n,) of each crystal: every cluster alone where clusters are left out, else balanced ones.

    Raises
    ------
    ModelError
        Fewer than two folds come out.
    """
    if split != "cluster":
        return grouped_folds(groups, data.target, folds=folds, seed=seed)
    if len(np.unique(groups)) < 2:
        raise ModelError("all labelled crystals are of one structural cluster: none can be left out")
    return groups


def _judge_fold(data: Dataset, fold: Fold, *, groups: IntArray, config: Config, device_type: str) -> pd.DataFrame:
    """Return the predictions of every model for the held-out crystals of one fold."""
    params = parameters(config.learn, seed=seeded(config.seed, 2, fold.repeat, fold.index), device_type=device_type)

    training = Rows(data.features, data.target, data.is_bound, groups)[~fold.held].under(config.learn.bounds)

    def boosted(features: NDArray[Any]) -> FloatArray:
        rows = Rows(features, data.target, data.is_bound, groups)[~fold.held].under(config.learn.bounds)
        booster, base = fit(rows, params=params, trees=config.learn.trees)
        return np.asarray(booster.predict(features[fold.held]), dtype=np.float64) + base

    nearest, _ = FeatureSpace.of(training.features).nearest(data.features[fold.held])
    return pd.DataFrame(
        {
            "repeat": fold.repeat,
            "fold": fold.index,
            "id": data.ids[fold.held],
            "formula": data.formula[fold.held],
            "is_bound": data.is_bound[fold.held],
            "measured": data.target[fold.held],
            "curves": boosted(View.of(data.columns, band=config.learn.band)(data.features)),
            "conventional": boosted(data.conventional),
            "dummy": base_score(training.target, training.is_bound),
            "nearest": training.target[nearest],
        }
    )


def _scores(predictions: pd.DataFrame, model: str) -> Score:
    def judged(rows: pd.DataFrame) -> Score:
        return score(
            measured=rows["measured"].to_numpy(dtype=np.float64),
            predicted=rows[model].to_numpy(dtype=np.float64),
            is_bound=rows["is_bound"].to_numpy(dtype=np.bool_),
        )

    pooled = [judged(rows) for _, rows in predictions.groupby("repeat")]
    per_fold = [judged(rows) for _, rows in predictions.groupby(["repeat", "fold"])]
    return summarise(pooled, per_fold) | {"screening": _screening(predictions, model)}


def _screening(predictions: pd.DataFrame, model: str) -> list[dict[str, Any]]:
    """Return how early good conductors stand in the order of prediction, by threshold, means over repeats."""
    rows: list[dict[str, Any]] = []
    for threshold in GOOD:
        found = [
            screening_scores(
                measured=part["measured"].to_numpy(dtype=np.float64),
                predicted=part[model].to_numpy(dtype=np.float64),
                is_bound=part["is_bound"].to_numpy(dtype=np.bool_),
                threshold=threshold,
            )
            for _, part in predictions.groupby("repeat")
        ]
        row: dict[str, Any] = {}
        for name in found[0]:
            values = [one[name] for one in found if one[name] is not None]
            row[name] = float(np.mean(values)) if values else None
        rows.append(row)
    return rows


def compare_bounds(table: FeatureTable, labels: Labels, config: Config) -> dict[str, Score]:
    """Return the grouped scores of the curves model under each treatment of upper bounds, on the same folds.

    R², MAE and Spearman are over measured values alone, so the three are comparable.
    """
    data = join(table, labels)
    found: dict[str, Score] = {}
    for bounds in ("censored", "value", "drop"):
        learn = config.learn.model_copy(update={"bounds": bounds})
        found[bounds] = evaluate(data, config.model_copy(update={"learn": learn})).scores["curves"]
    return found
