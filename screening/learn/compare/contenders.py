"""The learners that `screening compare` sets against each other, with the settings that are searched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from screening.crystals import FloatArray

if TYPE_CHECKING:
    from optuna.trial import BaseTrial as Trial

Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """A learner: how its settings are drawn, the ones tried first, and how it is built from them and a seed."""

    name: str
    first: Settings
    draw: Callable[[Trial], Settings]
    build: Callable[[Settings, int], RegressorMixin]

    @property
    def is_searched(self) -> bool:
        """Whether it has settings to search."""
        return bool(self.first)


def _scaled(learner: Any) -> Any:
    """Return a learner behind imputation by the median, columns that vary, and unit spread: what distances need."""
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), VarianceThreshold(), StandardScaler(), learner
    )


def _filled(learner: Any) -> Any:
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), learner)


def _lightgbm(settings: Settings, seed: int) -> Any:
    from lightgbm import LGBMRegressor

    fixed: Settings = {"n_estimators": 150, "subsample": 0.8, "subsample_freq": 1, "max_bin": 63, "verbosity": -1}
    fixed |= {"n_jobs": 1, "deterministic": True, "force_row_wise": True, "random_state": seed}
    return LGBMRegressor(**fixed, **settings)


def _draw_lightgbm(trial: Trial) -> Settings:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.12, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 31, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 3, 20, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.1, 1.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 20.0, log=True),
    }


def _xgboost(settings: Settings, seed: int) -> Any:
    from xgboost import XGBRegressor

    fixed: Settings = {"n_estimators": 150, "subsample": 0.8, "tree_method": "hist", "max_bin": 64}
    return XGBRegressor(**fixed, n_jobs=1, random_state=seed, verbosity=0, **settings)


def _draw_xgboost(trial: Trial) -> Settings:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.12, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 6),
        "min_child_weight": trial.suggest_int("min_child_weight", 1, 20, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.1, 1.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 20.0, log=True),
    }


def _hist(settings: Settings, seed: int) -> Any:
    return HistGradientBoostingRegressor(max_iter=120, early_stopping=False, max_bins=63, random_state=seed, **settings)


def _draw_hist(trial: Trial) -> Settings:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.12, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 31, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 3, 20, log=True),
        "max_features": trial.suggest_float("max_features", 0.1, 1.0, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 0.1, 20.0, log=True),
    }


def _draw_forest(trial: Trial) -> Settings:
    return {
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 8),
        "max_features": trial.suggest_float("max_features", 0.05, 1.0, log=True),
    }


def _forest(settings: Settings, seed: int) -> Any:
    return _filled(RandomForestRegressor(120, n_jobs=1, random_state=seed, **settings))


def _extra(settings: Settings, seed: int) -> Any:
    return _filled(ExtraTreesRegressor(120, n_jobs=1, random_state=seed, **settings))


def _over_root(values: FloatArray) -> FloatArray:
    """Return columns over the root of their number: Euclidean distances become root mean square differences."""
    return np.asarray(values / np.sqrt(values.shape[1]), dtype=np.float64)


def _ridge(settings: Settings, _: int) -> Any:
    centred = TransformedTargetRegressor(KernelRidge(**settings), transformer=StandardScaler())
    return _scaled(make_pipeline(FunctionTransformer(_over_root), centred))


def _draw_ridge(trial: Trial) -> Settings:
    return {
        "alpha": trial.suggest_float("alpha", 1e-3, 3.0, log=True),
        "gamma": trial.suggest_float("gamma", 0.01, 3.0, log=True),
        "kernel": trial.suggest_categorical("kernel", ["rbf", "laplacian"]),
    }


def _process(settings: Settings, seed: int) -> Any:
    kernel = ConstantKernel(1.0, "fixed") * RBF(settings["length"], "fixed") + WhiteKernel(settings["noise"], "fixed")
    process = GaussianProcessRegressor(kernel, normalize_y=True, optimizer=None, random_state=seed)
    return _scaled(make_pipeline(FunctionTransformer(_over_root), process))


def _draw_process(trial: Trial) -> Settings:
    return {
        "length": trial.suggest_float("length", 0.3, 5.0, log=True),
        "noise": trial.suggest_float("noise", 0.01, 1.0, log=True),
    }


def _neighbours(settings: Settings, _: int) -> Any:
    return _scaled(KNeighborsRegressor(**settings))


def _draw_neighbours(trial: Trial) -> Settings:
    return {
        "n_neighbors": trial.suggest_int("n_neighbors", 1, 20, log=True),
        "weights": trial.suggest_categorical("weights", ["uniform", "distance"]),
        "p": trial.suggest_categorical("p", [1, 2]),
    }


def _net(settings: Settings, seed: int) -> Any:
    return _scaled(ElasticNet(max_iter=2_000, tol=1e-2, selection="random", random_state=seed, **settings))


def _draw_net(trial: Trial) -> Settings:
    return {
        "alpha": trial.suggest_float("alpha", 0.01, 2.0, log=True),
        "l1_ratio": trial.suggest_float("l1_ratio", 0.05, 1.0),
    }


_BOOSTED = {"learning_rate": 0.06, "reg_lambda": 5.0}

CONTENDERS: tuple[Contender, ...] = (
    Contender(
        "LightGBM",
        {**_BOOSTED, "num_leaves": 15, "min_child_samples": 8, "colsample_bytree": 0.3},
        _draw_lightgbm,
        _lightgbm,
    ),
    Contender(
        "XGBoost", {**_BOOSTED, "max_depth": 4, "min_child_weight": 6, "colsample_bytree": 0.3}, _draw_xgboost, _xgboost
    ),
    Contender(
        "HistGradientBoosting",
        {
            "learning_rate": 0.06,
            "l2_regularization": 5.0,
            "max_leaf_nodes": 15,
            "min_samples_leaf": 8,
            "max_features": 0.3,
        },
        _draw_hist,
        _hist,
    ),
    Contender("random forest", {"min_samples_leaf": 2, "max_features": 0.3}, _draw_forest, _forest),
    Contender("extra trees", {"min_samples_leaf": 2, "max_features": 0.3}, _draw_forest, _extra),
    Contender("kernel ridge", {"alpha": 0.1, "gamma": 0.1, "kernel": "laplacian"}, _draw_ridge, _ridge),
    Contender("Gaussian process", {"length": 1.0, "noise": 0.2}, _draw_process, _process),
    Contender("k nearest", {"n_neighbors": 5, "weights": "distance", "p": 1}, _draw_neighbours, _neighbours),
    Contender("elastic net", {"alpha": 0.1, "l1_ratio": 0.5}, _draw_net, _net),
    Contender("mean", {}, lambda _: {}, lambda _, __: DummyRegressor()),
)

NEEDS = {"XGBoost": "xgboost"}


def missing_packages(names: tuple[str, ...]) -> list[str]:
    """Return the packages that contenders of these names need and that are not installed, and Optuna if it is not."""
    wanted = ["optuna", *(NEEDS[name] for name in names if name in NEEDS)]
    return [package for package in wanted if find_spec(package) is None]
