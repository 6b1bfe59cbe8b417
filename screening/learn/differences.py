"""What a model says of a crystal beside its parent: the predicted difference, and an interval of the difference.

The learners of the ensemble are paired: each predicts both crystals, and what they have in common cancels. The unit of
the interval is the root of the sum of three variances: of the learners' differences among each other; of the Gaussian
process' difference, f(x) - f(parent) given all that was measured, which vanishes where both are the same to it; and of
the noise of the two measurements, as the process takes it, in which all stands that curves do not see. How many of
these units hold a stated share of measured differences is found on pairs of labelled crystals of one group
(publication, composition or near-duplicates), each predicted out of fold by models that saw neither. So it is an
interval of a difference that is measured, and does not vanish with x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from screening.crystals import Crystal, FloatArray, IntArray
from screening.errors import InputError
from screening.features import assemble, distances_in, persist, prepared_of
from screening.learn.intervals import cut
from screening.learn.kernels import Kernels, laplacian
from screening.learn.model import Model
from screening.learn.predict import BATCH, settings_of
from screening.learn.predictor import composition_columns, seen_by

MEMBERS = ("trees", "ridge", "process", "distances")
GEOMETRY, COMPOSITION = "curves", "composition_alone"  # columns of out-of-fold predictions
LEAST_PAIRS = 30  # of labelled crystals that an interval of the difference is taken from


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A predicted difference from the parent, (n,) each, log units, before any cut."""

    delta: FloatArray
    lower: FloatArray  # NaN where the model has too few pairs to tell
    upper: FloatArray
    unit: FloatArray  # that the interval is counted in
    members: dict[str, FloatArray]  # by learner


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """What a model says of crystals beside their parent."""

    prediction: FloatArray  # (n,) log10 S/cm, cut at the physical limit
    geometry: Difference
    composition: Difference | None  # of the composition alone; None where the model knows none


class PairErrors(NamedTuple):
    """Errors of predicted differences."""

    ratio: FloatArray  # (n_pairs,) size of the error over the unit, a mean over repeats
    group: IntArray  # (n_pairs,)


@dataclass(frozen=True, slots=True)
class PairScale:
    """How many units hold measured differences of pairs of one group."""

    level: float  # share that is held
    factor: float  # units on either side; NaN with fewer pairs than `LEAST_PAIRS`
    pairs: int
    groups: int


def differences(model: Model, parent: Crystal, variants: Sequence[Crystal], *, threads: int = 1) -> Differences:
    """Return what a model says of variants beside their parent.

    Parameters
    ----------
    model
        A trained model.
    parent, variants
        Crystals that hold the mobile ion of the model.
    threads
        Of LightGBM; no value depends on it.

    Raises
    ------
    InputError
        A crystal has no features.
    """
    features, distances, amounts = _computed(model, [parent, *variants])
    seen = seen_by(model.view, features, distances if model.header.distances else None)
    parts = model.parts(seen, threads=threads)
    found = {name: getattr(parts, name) for name in MEMBERS}
    members = {name: values for name, values in found.items() if values is not None}
    geometry = _difference(parts.mean, members, model.kernels, model.view(features), pair_scale(model).factor)
    composition = None
    if model.composition_kernels is not None:
        columns = composition_columns(amounts / amounts.sum(axis=1, keepdims=True))
        mean, factor = model.composition_kernels.averaged(columns), pair_scale(model, COMPOSITION).factor
        composition = _difference(mean, {}, model.composition_kernels, columns, factor)
    return Differences(cut(parts.mean[1:]), geometry, composition)


def _difference(
    mean: FloatArray, members: dict[str, FloatArray], kernels: Kernels | None, columns: NDArray[Any], factor: float
) -> Difference:
    """Return differences from the first row, (n + 1, ...) each, with an interval of `factor` units."""
    delta, paired = mean[1:] - mean[0], {name: values[1:] - values[0] for name, values in members.items()}
    variance = np.var(np.array(list(paired.values())), axis=0) if paired else np.zeros(len(delta))
    if kernels is not None:
        variance = variance + kernels.apart(columns) ** 2 + noise(kernels)
    unit = np.sqrt(variance)
    return Difference(delta, delta - factor * unit, delta + factor * unit, unit, paired)


def _computed(model: Model, crystals: Sequence[Crystal]) -> tuple[NDArray[Any], NDArray[Any], FloatArray]:
    """Return features, distances between sublattices and atoms by number of crystals, (n, ...) each."""
    config = settings_of(model)
    parts: list[tuple[NDArray[Any], NDArray[Any], FloatArray]] = []
    for begin in range(0, len(crystals), BATCH):
        prepared = prepared_of(list(crystals[begin : begin + BATCH]), config, stage="predict")
        for refused in prepared.refused.values():
            raise InputError(f"{refused.id}: {refused.code.value}: {refused.detail}")
        rows = assemble(prepared, persist(prepared, config), config)
        parts.append((rows.features, distances_in(rows, config.cloud), rows.composition.astype(np.float64)))
    features, distances, amounts = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return features, distances, amounts


def noise(kernels: Kernels) -> float:
    """Return the variance that two measurements add to a difference, log units squared."""
    return 2.0 * kernels.noise * kernels.scale**2


def pair_scale(model: Model, column: str = GEOMETRY) -> PairScale:
    """Return how many units of a pair hold the model's share of measured differences, by its out-of-fold predictions.

    `column` of these is ``curves``, or ``composition_alone``.

    Each group counts once, however many pairs it has, and the share is that of conformal prediction with groups as
    units: (n + 1) level / n. Pairs of one composition say nothing of a difference and are left out.

    Source: as `screening.learn.intervals.residual_bounds`; pairs in place of crystals are ours.
    """
    training, level = model.training, float(model.header.learn["interval"])
    kernels = model.kernels if column == GEOMETRY else model.composition_kernels
    if kernels is None or column not in model.folds.columns:
        return PairScale(level, float("nan"), 0, 0)
    errors = pair_errors(
        model.folds,
        kernels,
        column=column,
        ids=training.ids,
        group=training.group,
        formula=training.formula,
        is_bound=training.is_bound,
    )
    return scale_of(errors, level=level)


def scale_of(errors: PairErrors, *, level: float) -> PairScale:
    """Return how many units hold a share `level` of the errors of pairs, each group counted once."""
    n, n_groups = len(errors.ratio), len(np.unique(errors.group))
    if n < LEAST_PAIRS:
        return PairScale(level, float("nan"), n, n_groups)
    order = np.argsort(errors.ratio, kind="stable")
    _, place, counts = np.unique(errors.group, return_inverse=True, return_counts=True)
    weight = np.cumsum((1.0 / counts[place])[order]) / n_groups
    share = min(1.0, (n_groups + 1) * level / n_groups)
    factor = float(errors.ratio[order][min(n - 1, int(np.searchsorted(weight, share - 1e-12)))])
    return PairScale(level, factor, n, n_groups)


def pair_errors(  # noqa: PLR0913
    folds: pd.DataFrame,
    kernels: Kernels,
    *,
    column: str = GEOMETRY,
    ids: NDArray[Any],
    group: NDArray[Any],
    formula: NDArray[Any],
    is_bound: NDArray[Any],
) -> PairErrors:
    """Return the errors of predicted differences, in units, of pairs of one group that a fold held out together.

    Parameters
    ----------
    folds
        Out-of-fold predictions: repeat, fold, id, measured, `column`, and a column for each learner.
    kernels
        Fitted to the crystals below, which come first among its points.
    column
        Which prediction is judged; the learners among each other count for ``curves`` alone.
    ids, group, formula, is_bound
        (n,) of the crystals.
    """
    place = {str(id): row for row, id in enumerate(ids)}
    kernel = laplacian(kernels.points[: len(ids)], kernels.points[: len(ids)])
    names = [name for name in MEMBERS if name in folds.columns] if column == GEOMETRY else []
    found: dict[tuple[int, int], list[float]] = {}
    for _, rows in folds.groupby(["repeat", "fold"]):
        held = np.array([place[str(id)] for id in rows["id"]], dtype=np.int64)
        values = rows[[*names, "measured", column]].to_numpy(dtype=np.float64)
        pairs = [
            (a, b)
            for a, b in combinations(np.flatnonzero(~is_bound[held].astype(np.bool_)).tolist(), 2)
            if group[held[a]] == group[held[b]] and formula[held[a]] != formula[held[b]]
        ]
        if not pairs:
            continue
        first, second = np.array(pairs).T
        change = values[first] - values[second]
        apart = fold_deviations(kernel, held, first, second, noise=kernels.noise) * kernels.scale
        between = change[:, : len(names)].var(axis=1) if names else np.zeros(len(change))
        unit = np.sqrt(between + apart**2 + noise(kernels))
        error = np.abs(change[:, -2] - change[:, -1]) / unit
        for a, b, one in zip(held[first].tolist(), held[second].tolist(), error.tolist(), strict=True):
            found.setdefault((min(a, b), max(a, b)), []).append(one)
    ratio = np.array([np.mean(values) for values in found.values()], dtype=np.float64)
    return PairErrors(ratio, np.array([group[a] for a, _ in found], dtype=np.int64))


def fold_deviations(
    kernel: FloatArray, held: IntArray, first: IntArray, second: IntArray, *, noise: float
) -> FloatArray:
    """Return the deviation (n_pairs,) of the process' difference, over its scale, where the crystals `held` were out.

    Parameters
    ----------
    kernel
        (n, n) between all crystals.
    held
        (n_held,) rows left out.
    first, second
        (n_pairs,) places in `held`.
    noise
        Of a measured value, over the square of the scale.
    """
    others = np.setdiff1d(np.arange(len(kernel)), held)
    lower = cholesky(kernel[np.ix_(others, others)] + noise * np.eye(len(others)), lower=True)
    across = solve_triangular(lower, kernel[np.ix_(others, held)], lower=True)
    explained = np.square(across[:, first] - across[:, second]).sum(axis=0)
    left = np.maximum(0.0, 2.0 - 2.0 * kernel[held[first], held[second]] - explained)
    return np.asarray(np.sqrt(left), dtype=np.float64)
