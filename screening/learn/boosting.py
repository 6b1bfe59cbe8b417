"""LightGBM with a one-sided loss for upper bounds: fit a booster, read one that is not trusted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from screening.config import LearnConfig
from screening.crystals import BoolArray, FloatArray, IntArray
from screening.errors import ModelError
from screening.host import native_output_held
from screening.learn.trees import read_trees

if TYPE_CHECKING:
    import lightgbm as lgb  # with scikit-learn, two seconds: loaded where a model is fitted or read


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Crystals to learn from."""

    features: NDArray[Any]  # (n, n_columns)
    target: FloatArray  # (n,) log10 S/cm, or the bound
    is_bound: BoolArray  # (n,)
    groups: IntArray  # (n,)

    def __getitem__(self, chosen: BoolArray) -> Rows:
        return Rows(self.features[chosen], self.target[chosen], self.is_bound[chosen], self.groups[chosen])

    def split(self, n_last: int) -> tuple[Rows, Rows]:
        """Return the rows with all columns but the last `n_last`, and with these alone."""
        first, last = np.split(self.features, [self.features.shape[1] - n_last], axis=1)
        rest = (self.target, self.is_bound, self.groups)
        return Rows(first, *rest), Rows(last, *rest)

    def under(self, bounds: str) -> Rows:
        """Return the rows with bounds as they are (``censored``), as measured values (``value``), or left out."""
        if bounds == "censored":
            return self
        as_measured = Rows(self.features, self.target, np.zeros_like(self.is_bound), self.groups)
        return as_measured if bounds == "value" else as_measured[~self.is_bound]


def loss(prediction: FloatArray, target: FloatArray, is_bound: BoolArray) -> FloatArray:
    """Return (n,) half squared errors; zero for a bound whose prediction is at or below it.

    Source: ours; the one-sided squared loss is that of a left-censored regression with a flat tail.
    """
    return np.asarray(0.5 * _residual(prediction, target, is_bound) ** 2, dtype=np.float64)


def loss_gradient(prediction: FloatArray, target: FloatArray, is_bound: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return first and second derivative (n,) of `loss`; both zero where a bound is held."""
    curvature = np.where(is_bound & (prediction <= target), 0.0, 1.0)
    return _residual(prediction, target, is_bound), curvature


def _residual(prediction: FloatArray, target: FloatArray, is_bound: BoolArray) -> FloatArray:
    difference = prediction - target
    return np.where(is_bound, np.maximum(difference, 0.0), difference)


def base_score(target: FloatArray, is_bound: BoolArray) -> float:
    """Return where boosting starts: the mean of the measured values (of the bounds if there are none)."""
    return float(target[~is_bound].mean() if (~is_bound).any() else target.mean())


def parameters(settings: LearnConfig, *, seed: int, threads: int = 1, device_type: str = "cpu") -> dict[str, Any]:
    """Return LightGBM's parameters; results do not depend on `threads`.

    `device_type` is LightGBM's learner: ``cpu``, ``gpu`` (OpenCL) or ``cuda``. On a GPU histograms are summed in double
    precision, as on the CPU: in single precision equal gains are told apart by rounding, and other trees grow.
    """
    on_gpu = {} if device_type == "cpu" else {"device_type": device_type, "gpu_use_dp": True}
    return {
        **on_gpu,
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.min_leaf,
        "feature_fraction": settings.column_share,
        "bagging_fraction": settings.row_share,
        "bagging_freq": 1,
        "lambda_l2": settings.l2,
        "extra_trees": settings.extra_trees,
        "feature_pre_filter": False,
        "max_bin": 63,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "seed": seed,
        "verbosity": -1,
    }


def fit(
    rows: Rows, *, params: dict[str, Any], trees: int, columns: Sequence[str] | None = None, kept: bool = True
) -> tuple[lgb.Booster, float]:
    """Return a booster of the target minus its base score, and the base score.

    One that is to be `kept`, or written, lets go of the training rows: LightGBM writes it and reads it again.

    The base is subtracted from the targets, so the booster's output plus the base is the prediction whether or not
    LightGBM would add an average of its own. What a GPU's compiler prints during a fit does not reach the terminal.
    """
    import lightgbm as lgb

    base = base_score(rows.target, rows.is_bound)
    target = rows.target - base

    def objective(scores: FloatArray, data: lgb.Dataset) -> tuple[FloatArray, FloatArray]:
        return loss_gradient(scores, target, rows.is_bound)

    names: Any = "auto" if columns is None else list(columns)
    data = lgb.Dataset(rows.features, label=target, feature_name=names, params=params)
    with native_output_held() if "device_type" in params else nullcontext():
        told = {**params, "objective": objective}
        return lgb.train(told, data, num_boost_round=trees, keep_training_booster=not kept), base


@lru_cache(maxsize=32)
def read_booster(text: str, *, n_features: int) -> lgb.Booster:
    """Return the booster written as `text`, which is not trusted: LightGBM reads what `read_trees` has checked.

    The last ones are kept: the same text gives the same booster, which predicts and is not changed.

    Raises
    ------
    ModelError
        The text is not such a model.
    """
    import lightgbm as lgb

    trees = read_trees(text, n_features=n_features)
    try:
        booster = lgb.Booster(model_str=trees.text())
    except lgb.basic.LightGBMError as error:
        raise ModelError(f"a booster file cannot be read: {error}") from error
    if booster.num_trees() != len(trees.trees):
        raise ModelError("a booster file is cut short")
    return booster
