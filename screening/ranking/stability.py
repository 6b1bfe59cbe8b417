"""How far the ranking of kinds of hole can be trusted: the same model on resampled groups of crystals.

Neighbouring bands and channels carry much the same signal, and trees may take it from either. So kinds that vary
together over the training crystals are told as one cluster beside each kind of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from screening.config import LearnConfig
from screening.crystals import FloatArray, IntArray
from screening.learn import Model, Rows, all_of, fit, parameters, seeded
from screening.ranking.kinds import Kind, kinds_of

TOGETHER = 0.8  # mean absolute rank correlation from which kinds are one cluster
LEVELS = (0.05, 0.95)


def stability(
    model: Model,
    *,
    resamples: int = 20,
    seed: int = 0,
    threads: int = 1,
    meanwhile: Callable[[], object] = lambda: None,
) -> pd.DataFrame:
    """Return, for each kind of hole and each cluster of kinds, how its SHAP share and rank vary over resamples.

    Groups of training crystals are drawn with replacement, as many as there are; a model of the same settings is
    trained on each draw and explained on all training crystals. Source of the bootstrap over groups: Davison and
    Hinkley, Bootstrap Methods and their Application (1997), section 3.8.

    Parameters
    ----------
    model
        Trained; its settings and training crystals are used.
    resamples
        Draws.
    seed
        Of the draws.
    threads
        Draws trained at a time, in processes; no value depends on it.
    meanwhile
        Done here once, while they are trained.

    Returns
    -------
    Rows by falling mean share: scope (``kind`` or ``cluster``), name (of a cluster: its strongest kind), cluster
    (number), kinds (in it), share, share_low, share_high (5 and 95 % of the draws), rank (median), rank_low, rank_high,
    same_direction (share of draws in which more of it pushes as in most draws; empty for clusters).
    """
    training = model.training
    kinds = kinds_of(model.columns)
    values = np.column_stack([_mean(training.features[:, kind.columns]) for kind in kinds])
    cluster = _clusters(values)
    shares = np.empty((resamples, len(kinds)))
    directions = np.empty((resamples, len(kinds)))
    calls = [partial(_shap, model, kinds, seed=seeded(seed, 8, index)) for index in range(resamples)]
    size = len(training.ids) * LearnConfig.model_validate(model.header.learn).trees
    for index, shap in enumerate(all_of(calls, threads=threads, size=size, meanwhile=meanwhile)):
        strength = np.abs(shap).mean(axis=0)
        shares[index] = strength / strength.sum() if strength.sum() > 0 else strength
        directions[index] = _signs(values, shap)
    by_cluster = np.column_stack([shares[:, cluster == number].sum(axis=1) for number in range(cluster.max() + 1)])
    frames = [
        _summary("kind", [kind.name for kind in kinds], shares, cluster=cluster, sizes=np.ones(len(kinds), np.int64)),
        _summary(
            "cluster",
            [_strongest(kinds, shares, cluster == number) for number in range(cluster.max() + 1)],
            by_cluster,
            cluster=np.arange(cluster.max() + 1),
            sizes=np.bincount(cluster),
        ),
    ]
    most = np.sign(directions.sum(axis=0))
    frames[0]["same_direction"] = (directions == most).mean(axis=0)
    frame = pd.concat(frames, ignore_index=True)
    order = ["scope", "share", "name"]
    return frame.sort_values(order, ascending=[True, False, True], kind="stable", ignore_index=True)


def write_stability(frame: pd.DataFrame, folder: Path) -> None:
    """Write stability.csv into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "stability.csv", index=False, float_format="%.6g", lineterminator="\n")


def _shap(model: Model, kinds: tuple[Kind, ...], *, seed: int) -> FloatArray:
    """Return SHAP values (n, n_kinds) of a model trained on one draw of groups, for all training crystals."""
    training, header = model.training, model.header
    settings = LearnConfig.model_validate(header.learn)
    groups = np.unique(training.group)
    drawn = np.random.default_rng(seed).choice(groups, size=len(groups))
    rows = np.concatenate([np.flatnonzero(training.group == group) for group in drawn])
    seen = model.view(training.features)
    learned = Rows(seen[rows], training.log_sigma[rows], training.is_bound[rows], training.group[rows])
    params = parameters(settings, seed=seed)
    booster, _ = fit(learned.under(settings.bounds), params=params, trees=settings.trees, kept=False)
    found = np.asarray(booster.predict(seen, pred_contrib=True, num_threads=1), dtype=np.float64)[:, :-1]
    columns = model.view.spread(found)
    return np.column_stack([columns[:, kind.columns].sum(axis=1) for kind in kinds])


def _mean(values: NDArray[np.float32]) -> FloatArray:
    """Return the mean over a band (n,), of what is not computed the mean of the others."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1, dtype=np.float64)
    mean = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    filler = mean[np.isfinite(mean)].mean() if np.isfinite(mean).any() else 0.0
    return np.asarray(np.where(np.isfinite(mean), mean, filler), dtype=np.float64)


def _clusters(values: FloatArray) -> IntArray:
    """Return the cluster (n_kinds,) of each kind: average linkage of one minus the absolute rank correlation."""
    from scipy.stats import rankdata

    ranks = np.column_stack([rankdata(column) for column in values.T])
    ranks -= ranks.mean(axis=0)
    length = np.linalg.norm(ranks, axis=0)
    varies = length > 0
    unit = np.divide(ranks, length, out=np.zeros_like(ranks), where=varies)
    if values.shape[1] == 1:
        return np.zeros(1, dtype=np.int64)
    distance = np.clip(1.0 - np.abs(unit.T @ unit), 0.0, 1.0)
    np.fill_diagonal(distance, 0.0)
    label = fcluster(linkage(squareform(distance, checks=False), "average"), 1.0 - TOGETHER, "distance")
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], dtype=np.int64)


def _signs(values: FloatArray, shap: FloatArray) -> FloatArray:
    covariance = ((values - values.mean(axis=0)) * (shap - shap.mean(axis=0))).mean(axis=0)
    scale = values.std(axis=0) * shap.std(axis=0)
    return np.where(np.abs(covariance) > 1e-12 * scale, np.sign(covariance), 0.0)


def _strongest(kinds: tuple[Kind, ...], shares: FloatArray, member: NDArray[np.bool_]) -> str:
    mean = np.where(member, shares.mean(axis=0), -1.0)
    return kinds[int(mean.argmax())].name


def _summary(scope: str, names: list[str], shares: FloatArray, *, cluster: IntArray, sizes: IntArray) -> pd.DataFrame:
    from scipy.stats import rankdata

    ranks = np.array([rankdata(-row, method="min") for row in shares])
    low, high = np.quantile(shares, LEVELS, axis=0)
    rank_low, rank_high = np.quantile(ranks, LEVELS, axis=0)
    return pd.DataFrame(
        {
            "scope": scope,
            "name": names,
            "cluster": cluster,
            "kinds": sizes,
            "share": shares.mean(axis=0),
            "share_low": low,
            "share_high": high,
            "rank": np.median(ranks, axis=0),
            "rank_low": rank_low,
            "rank_high": rank_high,
        }
    )
