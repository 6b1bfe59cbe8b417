"""Two checks a reviewer asks for: scores on shuffled labels, and scores against the number of training groups."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from screening.config import Config
from screening.crystals import BoolArray, FloatArray
from screening.learn.boosting import Rows
from screening.learn.dataset import Dataset
from screening.learn.evaluate import n_distances, seeded, seen_of, split_groups
from screening.learn.parallel import Work
from screening.learn.predictor import fit_predictor
from screening.learn.scores import score
from screening.learn.splits import grouped_folds
from screening.learn.view import View

SHARES = (0.25, 0.5, 0.75, 1.0)


def y_randomisation(data: Dataset, config: Config, *, split: str, repeats: int) -> Work[dict[str, Any]]:
    """Return the trainings that give R² and MAE of the curves model on shuffled labels: what chance alone gives.

    Labels are shuffled over groups of crystals of about equal size, not over crystals, so that what crystals of a
    group have in common stays: a leak between folds would show as R² above zero. Source: Rücker et al., J. Chem. Inf.
    Model. 47 (2007) 2345; the shuffling by groups is ours.

    Raises
    ------
    ModelError
        As of `screening.learn.evaluate.split_groups`.
    """
    groups = split_groups(data, split)[1]
    orders = [_shuffled(groups, seed=seeded(config.seed, 6, repeat)) for repeat in range(repeats)]
    calls = [
        partial(_judged, data, config, split=split, repeat=repeat, target=data.target[order], bound=order)
        for repeat, order in enumerate(orders)
    ]
    return Work(calls, partial(_of_chance, split=split, repeats=repeats))


def _of_chance(found: list[dict[str, Any]], *, split: str, repeats: int) -> dict[str, Any]:
    r2 = [one["r2"] for one in found if one["r2"] is not None]
    return {
        "split": split,
        "repeats": repeats,
        "r2": float(np.mean(r2)) if r2 else None,
        "r2_highest": float(np.max(r2)) if r2 else None,
        "mae": float(np.mean([one["mae"] for one in found])),
    }


def learning_curve(data: Dataset, config: Config, *, split: str, repeats: int) -> Work[list[dict[str, Any]]]:
    """Return the trainings that give scores of the curves model by the share of training groups that it learns from.

    The judged crystals are the same for every share; smaller shares are contained in larger ones.

    Raises
    ------
    ModelError
        As of `screening.learn.evaluate.split_groups`.
    """
    # The longest first.
    calls = [
        partial(_judged, data, config, split=split, repeat=repeat, share=share)
        for share in reversed(SHARES)
        for repeat in range(repeats)
    ]
    return Work(calls, partial(_by_share, repeats=repeats))


def _by_share(judged: list[dict[str, Any]], *, repeats: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for place, share in enumerate(SHARES, start=1):
        end = len(judged) - (place - 1) * repeats
        found = judged[end - repeats : end]
        row: dict[str, Any] = {"share": share, "n_training": float(np.mean([one["n_training"] for one in found]))}
        for name in ("r2", "mae", "spearman"):
            values = [one[name] for one in found if one[name] is not None]
            row[name] = float(np.mean(values)) if values else None
            row[f"{name}_spread"] = float(np.std(values)) if values else None
        rows.append(row)
    return rows


def _shuffled(groups: np.ndarray[Any, Any], *, seed: int) -> np.ndarray[Any, Any]:
    """Return an order (n,) of crystals in which blocks of whole groups have changed places."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    # Laid out in one random order of groups, labels are taken from another one: neighbours mostly stay neighbours.
    here = np.concatenate([members[index] for index in rng.permutation(len(members))])
    there = np.concatenate([members[index] for index in rng.permutation(len(members))])
    order = np.empty(len(groups), dtype=np.int64)
    order[here] = there
    return order


def _judged(  # noqa: PLR0913
    data: Dataset,
    config: Config,
    *,
    split: str,
    repeat: int,
    share: float = 1.0,
    target: FloatArray | None = None,
    bound: np.ndarray[Any, Any] | None = None,
) -> dict[str, Any]:
    """Return the pooled score of one repeat of cross-validation, with the mean number of crystals learned from."""
    groups = split_groups(data, split)[1]
    target = data.target if target is None else target
    is_bound: BoolArray = data.is_bound if bound is None else data.is_bound[bound]
    features, _ = seen_of(data, View.of(data.columns, band=config.learn.band))
    folds = grouped_folds(groups, target, folds=config.learn.folds, seed=seeded(config.seed, 1, repeat))
    predicted, sizes = np.empty(len(data)), []
    for index in range(int(folds.max()) + 1):
        held = folds == index
        names = np.unique(groups[~held])
        rng = np.random.default_rng(seeded(config.seed, 7, repeat, index))
        chosen = rng.permutation(names)[: max(2, round(share * len(names)))]
        kept = ~held & np.isin(groups, chosen)
        rows = Rows(features, target, is_bound, groups)[kept].under(config.learn.bounds)
        seed = seeded(config.seed, 2, repeat, index)
        fitted = fit_predictor(rows, config.learn, seeds=[seed], n_distances=n_distances(data))
        predicted[held] = fitted.predict(features[held]).mean
        sizes.append(len(rows.target))
    return score(measured=target, predicted=predicted, is_bound=is_bound) | {"n_training": float(np.mean(sizes))}
