"""Cross-validation: the curves against a conventional model, the nearest neighbour and a dummy, on the same folds."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.config import Config
from screening.crystal import FloatArray, IntArray
from screening.errors import ModelError
from screening.learn.boosting import base_score, choose_rounds, fit, parameters, used_rows
from screening.learn.dataset import Dataset, join
from screening.learn.labels import Labels
from screening.learn.scores import Score, score, summarise
from screening.learn.space import FeatureSpace
from screening.learn.splits import check_no_leak, grouped_folds
from screening.store import FeatureTable

JUDGED = ("curves", "conventional", "nearest", "dummy")


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Out-of-fold predictions of every model, and what they are worth."""

    predictions: pd.DataFrame  # repeat, fold, id, formula, is_bound, measured, then one column per model
    scores: dict[str, Score]  # by model
    rounds: tuple[int, ...]  # trees of the curves model in each fold


def seeded(seed: int, *words: int) -> int:
    """Return a seed for one use, from the run's seed and the numbers that name the use."""
    return int(np.random.SeedSequence([seed, *words]).generate_state(1)[0] & 0x7FFFFFFF)


def evaluate(data: Dataset, config: Config, *, split: str = "grouped", repeats: int | None = None) -> Evaluation:
    """Return out-of-fold predictions and scores under a split.

    Parameters
    ----------
    data
        Labelled crystals.
    config
        Settings; `config.learn` and `config.seed` are used.
    split
        ``grouped``: publication, composition and near-duplicates whole; ``random``: every crystal by itself, which
        flatters; ``family``: a chemical family is predicted from the others.
    repeats
        Repeats with other fold assignments; `config.learn.repeats` when not given.

    Raises
    ------
    ModelError
        Two folds cannot be formed, or a fold would leak.
    """
    pairs, groups = _groups(data, split)
    tasks: list[tuple[int, int, IntArray]] = []
    for repeat in range(config.learn.repeats if repeats is None else repeats):
        folds = grouped_folds(groups, data.target, folds=config.learn.folds, seed=seeded(config.seed, 1, repeat))
        check_no_leak(folds, groups, pairs)
        tasks += [(repeat, fold, folds) for fold in range(int(folds.max()) + 1)]

    def judge(task: tuple[int, int, IntArray]) -> tuple[pd.DataFrame, int]:
        repeat, fold, folds = task
        return _judge_fold(data, config, groups=groups, folds=folds, repeat=repeat, fold=fold)

    # One LightGBM thread per fold and folds side by side: the result does not depend on how many run at once.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        judged = list(pool.map(judge, tasks))
    predictions = pd.concat([frame for frame, _ in judged], ignore_index=True)
    return Evaluation(
        predictions=predictions,
        scores={name: _scores(predictions, name) for name in JUDGED},
        rounds=tuple(rounds for _, rounds in judged),
    )


def _groups(data: Dataset, split: str) -> tuple[dict[str, NDArray[np.int64]], IntArray]:
    if split == "grouped":
        return data.pairs, data.groups
    if split == "random":
        return {}, np.arange(len(data), dtype=np.int64)
    if split != "family":
        raise ModelError(f"no split is named {split!r}; there are grouped, random, family")
    by_family = data.family_groups()
    if by_family is None:
        raise ModelError("the labels state no chemical family")
    return by_family


def _judge_fold(
    data: Dataset, config: Config, *, groups: IntArray, folds: IntArray, repeat: int, fold: int
) -> tuple[pd.DataFrame, int]:
    inside, outside = folds != fold, folds == fold
    trained, _ = used_rows(data.is_bound, config.learn.bounds)
    inside &= trained
    seed = seeded(config.seed, 2, repeat, fold)
    curves, rounds = _boosted(data, config, data.features, groups=groups, inside=inside, outside=outside, seed=seed)
    conventional, _ = _boosted(
        data, config, data.conventional, groups=groups, inside=inside, outside=outside, seed=seed
    )
    nearest, _ = FeatureSpace.of(data.features[inside]).nearest(data.features[outside])
    frame = pd.DataFrame(
        {
            "repeat": repeat,
            "fold": fold,
            "id": data.ids[outside],
            "formula": data.formula[outside],
            "is_bound": data.is_bound[outside],
            "measured": data.target[outside],
            "curves": curves,
            "conventional": conventional,
            "dummy": base_score(data.target[inside], data.is_bound[inside]),
            "nearest": data.target[inside][nearest],
        }
    )
    return frame, rounds


def _boosted(
    data: Dataset,
    config: Config,
    features: NDArray[Any],
    *,
    groups: IntArray,
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    seed: int,
) -> tuple[FloatArray, int]:
    """Return predictions for the rows outside, and the number of trees chosen on the rows inside alone."""
    target, is_bound = data.target[inside], data.is_bound[inside]
    rounds = choose_rounds(features[inside], target, is_bound, groups=groups[inside], settings=config.learn, seed=seed)
    _, as_bound = used_rows(is_bound, config.learn.bounds)
    booster, base = fit(features[inside], target, as_bound, params=parameters(config.learn, seed=seed), rounds=rounds)
    return np.asarray(booster.predict(features[outside]), dtype=np.float64) + base, rounds


def _scores(predictions: pd.DataFrame, model: str) -> Score:
    def judged(rows: pd.DataFrame) -> Score:
        return score(
            measured=rows["measured"].to_numpy(dtype=np.float64),
            predicted=rows[model].to_numpy(dtype=np.float64),
            is_bound=rows["is_bound"].to_numpy(dtype=np.bool_),
        )

    pooled = [judged(rows) for _, rows in predictions.groupby("repeat")]
    per_fold = [judged(rows) for _, rows in predictions.groupby(["repeat", "fold"])]
    return summarise(pooled, per_fold)


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
