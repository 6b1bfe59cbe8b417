"""An AutoML leaderboard: learners against feature sets on the same nested folds, and what their differences are worth.

Each learner's settings are searched by Optuna on folds inside the training part of each outer fold, groups whole in
both, so that nothing is tuned on what is judged. Source of the protocol: Varma and Simon, BMC Bioinformatics 7 (2006)
91.
Optuna rather than an AutoML package, because those stop by the clock, so that two runs differ, and split inner folds at
random, through publications.
"""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import t as student

from screening.crystals import BoolArray, FloatArray, IntArray
from screening.errors import InputError, ModelError
from screening.learn.compare.contenders import CONTENDERS, Contender, Settings, missing_packages
from screening.learn.compare.feature_sets import feature_sets
from screening.learn.dataset import Dataset
from screening.learn.evaluate import SPLITS, seeded, split_folds, split_groups
from screening.learn.scores import score, summarise
from screening.learn.splits import check_no_leak, grouped_folds

BEST = "chosen by inner folds"
MEAN_OF_BEST = "mean of the three best by inner folds"
N_MEAN = 3


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """What is compared, and how thoroughly."""

    split: str = "publication"
    folds: int = 5
    inner_folds: int = 3
    repeats: int = 3
    trials: int = 6  # settings tried per learner, feature set and outer fold, the first one always the same
    budget: float | None = None  # s; searches stop when their share is used up, and results then depend on the machine
    seed: int = 0
    contenders: tuple[str, ...] = tuple(contender.name for contender in CONTENDERS)
    sets: tuple[str, ...] = ()  # none = all
    workers: int = 1  # no result depends on it, unless there is a budget


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Scores of every learner on every feature set, and the predictions they come from."""

    leaderboard: pd.DataFrame  # features, learner, r2, r2_spread, mae, mae_spread, spearman, bounds_held, best first
    differences: pd.DataFrame  # kind, first, second, context, mae_difference, lower, upper, p, folds
    predictions: pd.DataFrame  # repeat, fold, features, learner, id, is_bound, measured, predicted
    settings: pd.DataFrame  # repeat, fold, features, learner, inner_mae, trials, settings (JSON-like text)
    hurried: bool  # whether a budget cut searches short


@dataclass(frozen=True, slots=True, eq=False)
class _Fold:
    repeat: int
    index: int
    held: BoolArray  # (n,)
    inner: IntArray  # (n,) inner fold of the crystals trained on, -1 = held out


@dataclass(frozen=True, slots=True, eq=False)
class _Searched:
    """What became of one learner on one feature set in one outer fold."""

    inner_mae: float
    trials: int
    settings: Settings
    predicted: FloatArray  # (n_held,)
    hurried: bool


def compare(
    data: Mapping[str, Dataset],
    options: CompareOptions,
    *,
    band: float,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Comparison:
    """Return the leaderboard of `options.contenders` on the feature sets of `data` (by engine).

    Bounds are taken at their value when learning, since most learners know no other way; R², MAE and Spearman are over
    measured values alone.

    Parameters
    ----------
    data
        The same crystals' features by engine, see `feature_sets`.
    options
        What is compared.
    band
        Width of the radius bands that curves are averaged over, Å.
    tell
        Called with how many searches are done, of how many.

    Raises
    ------
    InputError
        An unknown learner, split or feature set, or a learner whose package is not installed.
    ModelError
        Folds cannot be formed, or would leak.
    """
    chosen = _chosen(options.contenders)
    if options.split not in SPLITS:
        raise InputError(f"no split is named {options.split!r}; there are {', '.join(SPLITS)}")
    first = next(iter(data.values()))
    sets = feature_sets(data, band=band)
    if unknown := set(options.sets) - set(sets):
        raise InputError(f"no feature set is named {min(unknown)!r}; there are {', '.join(sets)}")
    names = [name for name in sets if not options.sets or name in options.sets]
    folds = list(_folds(first, options))
    cells = list(itertools.product(folds, names, chosen))
    share = None if options.budget is None else options.budget * options.workers / len(cells)
    run = Parallel(n_jobs=options.workers, return_as="generator", batch_size=1)
    jobs = (
        delayed(_search)(
            contender,
            sets[name],
            first.target,
            first.is_bound,
            fold,
            trials=options.trials,
            seconds=share,
            seed=seeded(options.seed, 4, fold.repeat, fold.index, *name.encode(), *contender.name.encode()),
        )
        for fold, name, contender in cells
    )
    found: list[_Searched] = []
    for one in run(jobs):
        found.append(one)
        tell(len(found), len(cells))
    results = {
        (fold.repeat, fold.index, name, contender.name): one
        for (fold, name, contender), one in zip(cells, found, strict=True)
    }
    predictions = _predictions(first, folds, results, names=names, learners=[one.name for one in chosen])
    leaderboard = _leaderboard(predictions)
    return Comparison(
        leaderboard=leaderboard,
        differences=_differences(predictions, leaderboard, share_held=1.0 / options.folds),
        predictions=predictions,
        settings=_settings(results),
        hurried=any(one.hurried for one in found),
    )


def _chosen(names: Sequence[str]) -> list[Contender]:
    by_name = {contender.name: contender for contender in CONTENDERS}
    for name in names:
        if name not in by_name:
            raise InputError(f"no learner is named {name!r}; there are {', '.join(by_name)}")
    if missing := missing_packages(tuple(names)):
        raise InputError(
            f"comparing needs {', '.join(missing)}: pip install 'screening[compare]' (or name other learners)"
        )
    return [by_name[name] for name in dict.fromkeys(names)]


def _folds(data: Dataset, options: CompareOptions) -> Iterator[_Fold]:
    pairs, groups = split_groups(data, options.split)
    for repeat in range(options.repeats):
        folds = split_folds(data, groups, options.split, folds=options.folds, seed=seeded(options.seed, 1, repeat))
        check_no_leak(folds, groups, pairs)
        for index in range(int(folds.max()) + 1):
            held = folds == index
            inner = np.full(len(data), -1, dtype=np.int64)
            inner[~held] = grouped_folds(
                groups[~held],
                data.target[~held],
                folds=options.inner_folds,
                seed=seeded(options.seed, 5, repeat, index),
            )
            yield _Fold(repeat=repeat, index=index, held=held, inner=inner)


def _search(  # noqa: PLR0913
    contender: Contender,
    features: FloatArray,
    target: FloatArray,
    is_bound: BoolArray,
    fold: _Fold,
    *,
    trials: int,
    seconds: float | None,
    seed: int,
) -> _Searched:
    """Return a learner's best settings by inner folds, and what it then predicts for the held-out crystals."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    n_trials = trials if contender.is_searched else 1

    def inner_mae(trial: optuna.Trial) -> float:
        settings = contender.draw(trial)
        errors: list[NDArray[Any]] = []
        for index in range(int(fold.inner.max()) + 1):
            judged = (fold.inner == index) & ~is_bound
            trained = (fold.inner >= 0) & (fold.inner != index)
            errors.append(
                np.abs(_fitted(contender, settings, features, target, trained, judged, seed) - target[judged])
            )
        return float(np.concatenate(errors).mean())

    # Warnings of the search's experimental parts, and of columns that are constant in an inner fold, say nothing here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(4, trials // 2)))
        if contender.is_searched:
            study.enqueue_trial(contender.first)
        stops: list[Any] = []
        if seconds is not None:
            begin = time.monotonic()
            stops.append(lambda study, _: study.stop() if time.monotonic() - begin > seconds else None)
        study.optimize(inner_mae, n_trials=n_trials, callbacks=stops)
        settings = contender.draw(optuna.trial.FixedTrial(study.best_params))
        trained = ~fold.held
        predicted = _fitted(contender, settings, features, target, trained, fold.held, seed)
    return _Searched(
        inner_mae=study.best_value,
        trials=len(study.trials),
        settings=dict(study.best_params),
        predicted=predicted,
        hurried=len(study.trials) < n_trials,
    )


def _fitted(  # noqa: PLR0913, PLR0917
    contender: Contender,
    settings: Settings,
    features: FloatArray,
    target: FloatArray,
    trained: BoolArray,
    judged: BoolArray,
    seed: int,
) -> FloatArray:
    learner: Any = contender.build(settings, seed)
    learner.fit(features[trained], target[trained])
    return np.asarray(learner.predict(features[judged]), dtype=np.float64)


def _predictions(
    data: Dataset,
    folds: Sequence[_Fold],
    results: Mapping[tuple[int, int, str, str], _Searched],
    *,
    names: Sequence[str],
    learners: Sequence[str],
) -> pd.DataFrame:
    """Return every prediction, those of the learners that inner folds choose among them."""
    parts: list[pd.DataFrame] = []
    for fold, name in itertools.product(folds, names):
        found = {learner: results[fold.repeat, fold.index, name, learner] for learner in learners}
        ordered = sorted(found, key=lambda learner: (found[learner].inner_mae, learners.index(learner)))
        predicted = {learner: one.predicted for learner, one in found.items()}
        predicted[BEST] = found[ordered[0]].predicted
        predicted[MEAN_OF_BEST] = np.mean([found[learner].predicted for learner in ordered[:N_MEAN]], axis=0)
        for learner, values in predicted.items():
            parts.append(
                pd.DataFrame(
                    {
                        "repeat": fold.repeat,
                        "fold": fold.index,
                        "features": name,
                        "learner": learner,
                        "id": data.ids[fold.held],
                        "is_bound": data.is_bound[fold.held],
                        "measured": data.target[fold.held],
                        "predicted": values,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def _leaderboard(predictions: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for (name, learner), part in predictions.groupby(["features", "learner"], sort=False):
        pooled = [_score(rows) for _, rows in part.groupby("repeat")]
        per_fold = [_score(rows) for _, rows in part.groupby(["repeat", "fold"])]
        summary = summarise(pooled, per_fold)
        rows.append(
            {
                "features": name,
                "learner": learner,
                "r2": summary["r2"],
                "r2_spread": summary["r2_fold_spread"],
                "mae": summary["mae"],
                "mae_spread": summary["mae_fold_spread"],
                "spearman": summary["spearman"],
                "bounds_held": summary["bounds_held"],
            }
        )
    return pd.DataFrame(rows).sort_values(["mae", "features", "learner"], kind="stable", ignore_index=True)


def _score(rows: pd.DataFrame) -> dict[str, Any]:
    return score(
        measured=rows["measured"].to_numpy(dtype=np.float64),
        predicted=rows["predicted"].to_numpy(dtype=np.float64),
        is_bound=rows["is_bound"].to_numpy(dtype=np.bool_),
    )


def _differences(predictions: pd.DataFrame, leaderboard: pd.DataFrame, *, share_held: float) -> pd.DataFrame:
    """Return paired differences of MAE: feature sets against the conventional one, learners against LightGBM.

    Sets are compared under the learner that inner folds choose and under LightGBM, learners on each set.
    """
    known = predictions[~predictions["is_bound"]]
    errors = known.assign(error=(known["measured"] - known["predicted"]).abs())
    table = errors.pivot_table(index=["repeat", "fold"], columns=["features", "learner"], values="error", sort=True)
    sets = list(dict.fromkeys(leaderboard["features"]))
    learners = list(dict.fromkeys(leaderboard["learner"]))
    rows: list[dict[str, Any]] = []

    def add(kind: str, context: str, first: tuple[str, str], second: tuple[str, str], names: tuple[str, str]) -> None:
        difference = (table[first] - table[second]).to_numpy(dtype=np.float64)
        mean, lower, upper, p = paired_difference(difference, share_held=share_held)
        rows.append(
            {
                "kind": kind,
                "context": context,
                "first": names[0],
                "second": names[1],
                "mae_difference": mean,
                "lower": lower,
                "upper": upper,
                "p": p,
                "folds": len(difference),
            }
        )

    for learner in (BEST, "LightGBM"):
        if learner in learners:
            for one, two in itertools.combinations(sorted(sets), 2):
                add("features", learner, (one, learner), (two, learner), (one, two))
    if "LightGBM" in learners:
        for name in sorted(sets):
            for learner in sorted(set(learners) - {"LightGBM"}):
                add("learner", name, (name, learner), (name, "LightGBM"), (learner, "LightGBM"))
    columns = ["kind", "context", "first", "second", "mae_difference", "lower", "upper", "p", "folds"]
    return pd.DataFrame(rows, columns=columns)


def paired_difference(difference: FloatArray, *, share_held: float) -> tuple[float, float, float, float]:
    """Return mean, 95 % interval and two-sided p of a difference over the folds of repeated cross-validation.

    Training sets of folds overlap, so the variance of the mean is (1/n + n_test/n_train) s² rather than s²/n: the
    corrected resampled t-test. Source: Nadeau and Bengio, Mach. Learn. 52 (2003) 239, section 3.

    Raises
    ------
    ModelError
        Fewer than two folds.
    """
    n = len(difference)
    if n < 2:
        raise ModelError("a paired difference needs two folds")
    mean = float(difference.mean())
    error = float(np.sqrt((1.0 / n + share_held / (1.0 - share_held)) * difference.var(ddof=1)))
    if error == 0.0:
        return mean, mean, mean, 1.0 if mean == 0.0 else 0.0
    reach = float(student.ppf(0.975, n - 1)) * error
    return mean, mean - reach, mean + reach, float(2.0 * student.sf(abs(mean) / error, n - 1))


def _settings(results: Mapping[tuple[int, int, str, str], _Searched]) -> pd.DataFrame:
    rows = [
        {
            "repeat": repeat,
            "fold": fold,
            "features": name,
            "learner": learner,
            "inner_mae": one.inner_mae,
            "trials": one.trials,
            "settings": " ".join(
                f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
                for key, value in sorted(one.settings.items())
            ),
        }
        for (repeat, fold, name, learner), one in results.items()
    ]
    return pd.DataFrame(rows)
