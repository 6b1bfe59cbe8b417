"""A trained model, and its folder: LightGBM text, JSON and Parquet, readable by eye, never pickle."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from screening.crystals import FloatArray
from screening.errors import ModelError
from screening.learn.card import card
from screening.learn.dataset import check_finite
from screening.learn.forest import Forest, read_forest
from screening.learn.header import FACTS, SECTIONS, ModelHeader, Training
from screening.learn.intervals import HIGHEST, Bands, cut
from screening.learn.kernel_file import write_kernels
from screening.learn.kernels import Kernels
from screening.learn.predictor import Parts, Predictor, composition_columns, seen_by
from screening.learn.space import FeatureSpace
from screening.learn.view import View
from screening.spreadsheet import plain_cell
from screening.store import differences


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Predicted log10 conductivity (S/cm) with its interval, each (n,)."""

    mean: FloatArray
    lower: FloatArray
    upper: FloatArray
    trees: FloatArray | None = None  # what LightGBM alone says; None where it is the model
    deviation: FloatArray | None = None  # of the Gaussian process, log units: how far from all that was measured


@dataclass(frozen=True, eq=False)
class Model:
    """Boosters averaged, with what is needed to judge a prediction: training crystals, scores, out-of-fold values."""

    header: ModelHeader
    texts: tuple[str, ...]  # LightGBM models as text
    training: Training
    scores: dict[str, Any]
    folds: pd.DataFrame  # out-of-fold predictions of the grouped cross-validation
    kernels: Kernels | None = None  # beside the trees; None = LightGBM alone
    composition_kernels: Kernels | None = None  # of the composition alone
    distance_kernels: Kernels | None = None  # of the distances between sublattices

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone, for a process that works the rest out again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return self.header.columns

    @cached_property
    def view(self) -> View:
        """What the trees see of the columns."""
        return View.of(self.columns, band=self.header.band)

    @cached_property
    def _forests(self) -> tuple[Forest, ...]:
        return tuple(read_forest(text, n_features=len(self.view.names)) for text in self.texts)

    @property
    def _predictor(self) -> Predictor[Forest]:
        return Predictor(self._forests, self.header.base, self.kernels, self.distance_kernels, self.header.distances)

    def parts(self, seen: NDArray[Any], *, threads: int = 1) -> Parts:
        """Return what each learner says of the columns that a predictor sees (n, k), as `seen_by` gives them."""
        return self._predictor.predict(seen, threads=threads)

    @property
    def knows_composition(self) -> bool:
        """Whether a model of the composition stands beside that of the curves."""
        return self.composition_kernels is not None

    def with_composition(self, mean: FloatArray, composition: NDArray[Any]) -> FloatArray:
        """Return what curves and composition predict together, (n,) log10 S/cm: the mean of both.

        Parameters
        ----------
        mean
            (n,) what the curves predict.
        composition
            (n, 119) atoms by atomic number.

        Raises
        ------
        ModelError
            The model was trained without compositions.
        """
        if self.composition_kernels is None:
            raise ModelError("this model has none beside it that knows compositions: train it again")
        amounts = np.asarray(composition, dtype=np.float64)
        fractions = amounts / amounts.sum(axis=1, keepdims=True)
        return cut((mean + self.composition_kernels.averaged(composition_columns(fractions))) / 2.0)

    @cached_property
    def space(self) -> FeatureSpace:
        """Feature space spanned by the training crystals."""
        return FeatureSpace.of(self.training.features)

    @cached_property
    def domain_radius(self) -> float:
        """95th percentile of the training crystals' distance to their nearest other one."""
        return float(np.quantile(self.space.nearest_others()[1], 0.95))

    @cached_property
    def out_of_fold(self) -> dict[str, float]:
        """Mean over repeats of the predictions by models that saw neither the crystal nor its group, by id."""
        return self.out_of_fold_of("curves")

    def out_of_fold_of(self, name: str) -> dict[str, float]:
        """Return the mean over repeats of one column of the out-of-fold predictions, by id."""
        means = self.folds.groupby("id")[name].mean()
        return {str(id): float(value) for id, value in means.items()}

    @overload
    def predict(  # type: ignore[overload-overlap]
        self, features: NDArray[Any], *, distances: NDArray[Any] | None = None, threads: int = 1
    ) -> Prediction: ...
    @overload
    def predict(self, features: Iterable[Any], *, distances: None = None, threads: int = 1) -> pd.DataFrame: ...

    def predict(
        self, features: NDArray[Any] | Iterable[Any], *, distances: NDArray[Any] | None = None, threads: int = 1
    ) -> Prediction | pd.DataFrame:
        """Return predictions for features (n, n_columns), NaN = not computed, or a table of those for structures.

        No value depends on `threads`. Structures are whatever `predict_structures` takes. `distances` (n, k), those
        between sublattices, are asked for by models that were trained with them.

        Raises
        ------
        ModelError
            The shape does not fit, or a value is infinite.
        """
        if not isinstance(features, np.ndarray) or features.dtype == object:
            from screening.learn import predict_structures

            return predict_structures(self, features, threads=threads)
        self._check_shape(features)
        beside = self._checked_distances(len(features), distances)
        said = self._predictor.predict(seen_by(self.view, features, beside), threads=threads)
        trees = None if self.kernels is None else said.trees
        return self.interval(said.mean, deviation=said.deviation, trees=trees)

    def interval(
        self, mean: FloatArray, *, deviation: FloatArray | None = None, trees: FloatArray | None = None
    ) -> Prediction:
        """Return `mean` (n,) with the interval around it; `deviation` (n,) is that of the process, if there is one.

        All are cut at `HIGHEST`, which no ion conductor reaches; so no chance is told of what lies beyond.
        """
        mean = cut(mean)
        lower, upper = self._bands.at(mean, deviation)
        return Prediction(
            mean=mean,
            lower=mean + lower,
            upper=cut(mean + upper),
            trees=None if trees is None else cut(trees),
            deviation=deviation,
        )

    def chance(self, mean: FloatArray, *, target: float, deviation: FloatArray | None = None) -> FloatArray:
        """Return the probability (n,) that crystals predicted at `mean` reach `target`, log10 S/cm.

        NaN of a model that was written before residuals were kept; 0 where the target is above `HIGHEST`.
        """
        found = self._bands.chance(cut(mean), target, deviation)
        return np.where(np.isnan(found), found, 0.0) if target > HIGHEST else found

    @cached_property
    def _bands(self) -> Bands:
        header = self.header
        return Bands(
            edges=header.interval_edges,
            lower=header.interval_lower,
            upper=header.interval_upper,
            quantiles=header.residual_quantiles,
            normalised=header.normalised,
        )

    def contributions(self, features: NDArray[Any]) -> tuple[FloatArray, float]:
        """Return SHAP values (n, n_columns) in log units, exact for the trees, and what these predict on average.

        They add up to what LightGBM alone predicts (`tree_mean`), not to the mean of all learners.

        The value of a band of radius is shared equally among its columns.

        Source: Lundberg et al., Nat. Mach. Intell. 2 (2020) 56, as computed by LightGBM, to the last bit.

        Raises
        ------
        ModelError
            The shape does not fit, or values and expectation do not add up to the prediction.
        """
        self._check_shape(features)
        seen = self.view(features)
        total = np.zeros((len(features), seen.shape[1] + 1))
        for forest in self._forests:
            total += forest.contributions(seen)
        total /= len(self._forests)
        expected = self.header.base + float(total[0, -1])
        values = self.view.spread(total[:, :-1])
        gap = np.abs(values.sum(axis=1) + expected - self.tree_mean(features))
        if not gap.max() <= 1e-6:  # so that NaN, of counts that do not add up, is refused
            raise ModelError(f"SHAP values do not add up to the prediction (off by {gap.max():.2g})")
        return values, expected

    def tree_mean(self, features: NDArray[Any]) -> FloatArray:
        """Return what LightGBM alone predicts, (n,) log10 S/cm."""
        self._check_shape(features)
        return self._predictor.trees(self.view(features))

    def _checked_distances(self, n: int, distances: NDArray[Any] | None) -> NDArray[Any] | None:
        width = self.header.distances
        if not width:
            return None
        if distances is None:
            raise ModelError(
                "this model learned from distances between sublattices too, and these features have none: an earlier "
                "version made the store; featurize again"
            )
        if distances.shape != (n, width):
            raise ModelError(f"distances of shape {distances.shape} do not fit a model of {width}")
        if np.isinf(distances).any():
            raise ModelError("a distance between sublattices is infinite: the store is damaged")
        return distances

    def _check_shape(self, features: NDArray[Any]) -> None:
        if features.ndim != 2 or features.shape[1] != len(self.columns):
            raise ModelError(f"features of shape {features.shape} do not fit a model of {len(self.columns)} columns")
        check_finite(features, self.columns)

    def check_features(self, header: dict[str, Any]) -> None:
        """Return nothing if a store's features are those the model was trained on.

        Raises
        ------
        ModelError
            Engine, settings or columns differ; the message says where.
        """
        found: list[str] = []
        if header["engine"] != self.header.engine:
            found.append(f"engine: {self.header.engine!r} here, {header['engine']!r} in the store")
        versions = self.header.features_version, header.get("features_version", 1)
        if versions[0] != versions[1]:
            found.append(f"version of the features: {versions[0]} here, {versions[1]} in the store")
        ours, theirs = (
            {name: config.get(name) for name in SECTIONS} for config in (self.header.features_config, header["config"])
        )
        found += differences(ours, theirs)
        columns = tuple(header["columns"])
        if columns != self.columns:
            lost, added = set(self.columns) - set(columns), set(columns) - set(self.columns)
            first = min(lost | added) if lost | added else "their order"
            found.append(f"columns: {len(lost)} missing, {len(added)} unknown, e.g. {first}")
        if found:
            raise ModelError("the model was trained on other features: " + "; ".join(found))

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; the same model gives the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / "model.json", self.header.model_dump(mode="json"))
        _write_json(folder / "scores.json", self.scores)
        (folder / "card.md").write_text(card(self.header, self.training, self.scores), encoding="utf-8", newline="\n")
        for old in [*folder.glob("booster-*.txt"), *folder.glob("kernels*.parquet")]:
            old.unlink()
        for index, text in enumerate(self.texts):
            (folder / f"booster-{index}.txt").write_text(text, encoding="utf-8", newline="\n")
        for kernels, name in (
            (self.kernels, "kernels"),
            (self.composition_kernels, "kernels-composition"),
            (self.distance_kernels, "kernels-distances"),
        ):
            if kernels is not None:
                write_kernels(kernels, folder / f"{name}.parquet")
        training = self.training
        facts = (getattr(training, "ids" if name == "id" else name) for name in FACTS)
        arrays = [pa.array(values) for values in facts] + [pa.array(column) for column in training.features.T]
        schema = pa.schema([(name, array.type) for name, array in zip([*FACTS, *self.columns], arrays, strict=True)])
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), folder / "training.parquet", compression="zstd")
        folds = self.folds.assign(**{name: self.folds[name].map(plain_cell) for name in ("id", "formula")})
        folds.to_csv(folder / "folds.csv", index=False, lineterminator="\n")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(
        json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8", newline="\n"
    )
