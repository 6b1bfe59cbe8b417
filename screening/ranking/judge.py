"""What a model says of crystals: the rows of a ranking before they are put in order."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.config import FeatureSettings, RankConfig
from screening.crystals import FloatArray, IntArray, anonymous_amounts, channel_label, charges_can_balance
from screening.data import hard_elements
from screening.elements import NUMBERS, SYMBOLS
from screening.learn import Model, Prediction
from screening.ranking.batches import Batch
from screening.ranking.duplicates import LabelledCrystals
from screening.ranking.marks import marks

OUT_OF_FOLD = {"trees": "prediction_trees", "composition": "prediction_composition"}  # column of folds to column
RADIUS_SLACK = 1e-3  # a curve complete to within this of the wanted radius is not cut, Å

Block = dict[str, "NDArray[Any]"]  # columns of some rows of the ranking


class Judge:
    """What a model says of crystals, one batch at a time; no value depends on the batch."""

    def __init__(self, model: Model, *, config: RankConfig, threads: int) -> None:
        self._model = model
        self._config = config
        self._threads = threads
        self._label_row = {str(id): row for row, id in enumerate(model.training.ids)}
        self._labelled = LabelledCrystals.of(model.training)
        self._seen = np.isin(np.array(SYMBOLS), model.header.elements)

    def is_labelled(self, ids: NDArray[np.object_]) -> NDArray[np.bool_]:
        """Return which crystals the model was trained on, (n,)."""
        return np.array([str(id) in self._label_row for id in ids], dtype=np.bool_)

    def __call__(self, batch: Batch) -> Block:
        """Return the unordered rows of a batch."""
        model, training = self._model, self._model.training
        labels = np.array([self._label_row.get(str(id), -1) for id in batch.ids], dtype=np.int64)
        is_known = labels >= 0
        said = model.predict(batch.features, distances=batch.distances, threads=self._threads)
        mean, deviation = said.mean, said.deviation
        mean[is_known] = [model.out_of_fold[str(id)] for id in batch.ids[is_known]]
        if deviation is not None:
            deviation[is_known] = [self._out_of_fold["deviation"][str(id)] for id in batch.ids[is_known]]
        prediction = model.interval(mean, deviation=deviation)
        nearest, distance = model.space.nearest(batch.features)
        if is_known.any():
            others, other_distance = self._nearest_others
            nearest[is_known], distance[is_known] = others[labels[is_known]], other_distance[labels[is_known]]
        distance = _relative(distance, model.domain_radius)
        same = self._labelled.same_as(batch.features, batch.facts["formula"])
        same[is_known] = ""
        disordered = np.array(["disordered" in str(flags).split(";") for flags in batch.facts["flags"]], dtype=np.bool_)
        elements = self._elements(batch.composition, near=distance <= 1.0)
        return {
            "id": batch.ids,
            "source": batch.facts["source"],
            "formula": batch.facts["formula"],
            "prediction": prediction.mean,
            "lower": prediction.lower,
            "upper": prediction.upper,
            "chance": model.chance(prediction.mean, target=self._config.target, deviation=deviation),
            "conductivity": 10.0**prediction.mean,
            **self._others(batch, said, is_known),
            "deviation": np.full(len(mean), np.nan) if deviation is None else deviation,
            "distance": distance,
            "nearest": training.ids[nearest],
            "nearest_formula": training.formula[nearest],
            "nearest_measured": training.log_sigma[nearest],
            "measured": np.where(is_known, training.log_sigma[labels], np.nan),
            "disordered": disordered,
            "radius_cut": _radius_cut(batch),
            **elements,
            "marks": marks(
                batch.composition,
                disordered=disordered,
                in_domain=elements["in_domain"],
                redox_active=self._config.redox_active,
            ),
            "prediction_kind": np.where(is_known, "out-of-fold", "model").astype(object),
            "same_as_labelled": same,
            "prototype": _prototypes(batch),
            "flags": batch.facts["flags"],
            **self._held_back(batch, disordered),
        }

    @cached_property
    def _out_of_fold(self) -> dict[str, dict[str, float]]:
        return {name: self._model.out_of_fold_of(name) for name in ("deviation", *OUT_OF_FOLD)}

    def _others(self, batch: Batch, said: Prediction, is_known: NDArray[np.bool_]) -> Block:
        """Return what LightGBM alone and the model with composition say, NaN where the model knows neither."""
        found: Block = {name: np.full(len(batch.ids), np.nan) for name in OUT_OF_FOLD.values()}
        if said.trees is None or not self._model.knows_composition:
            return found
        found["prediction_trees"] = said.trees.copy()
        found["prediction_composition"] = self._model.with_composition(said.mean, batch.composition)
        for name, column in OUT_OF_FOLD.items():
            found[column][is_known] = [self._out_of_fold[name][str(id)] for id in batch.ids[is_known]]
        return found

    def _held_back(self, batch: Batch, disordered: NDArray[np.bool_]) -> Block:
        """Return whether charges can balance, and which of the filters speak against each crystal."""
        config, holds = self._config, batch.composition != 0
        balanced = charges_can_balance(batch.composition, disordered)
        anions = [NUMBERS[symbol] for symbol in config.require_any_anion]
        without = ~holds[:, anions].any(axis=1) & bool(anions)
        elements = holds[:, [NUMBERS[symbol] for symbol in config.exclude_elements]].any(axis=1)
        elements |= ~holds[:, [NUMBERS[symbol] for symbol in config.require_elements]].all(axis=1)
        size = batch.facts["n_sites"].astype(np.int64) > (config.max_atoms or np.iinfo(np.int64).max)
        reasons = {
            "elements": elements,
            "anion": without,
            "charge": ~balanced & config.charge_balance,
            "size": size,
        }
        flags = [str(flags).split(";") for flags in batch.facts["flags"]]
        told = [
            ";".join(
                [name for name, speaks in reasons.items() if speaks[row]]
                + [f"flag:{name}" for name in config.hold_back_flags if name in flags[row]]
            )
            for row in range(len(balanced))
        ]
        return {"charge_balanced": balanced, "held_back": np.array(told, dtype=object)}

    @cached_property
    def _nearest_others(self) -> tuple[IntArray, FloatArray]:
        return self._model.space.nearest_others()

    def _elements(self, composition: NDArray[Any], *, near: NDArray[np.bool_]) -> Block:
        """Return what follows from the elements a crystal holds, and whether it is in the domain."""
        holds = composition != 0
        unseen = holds & ~self._seen
        columns: Block = {
            name: holds[:, np.isin(np.array(SYMBOLS), list(hard_elements(name)))].any(axis=1)
            for name in ("radioactive", "toxic", "scarce")
        }
        names = [";".join(SYMBOLS[number] for number in np.flatnonzero(row)) if row.any() else "" for row in unseen]
        columns["elements_unseen"] = np.array(names, dtype=object)
        columns["in_domain"] = near & ~unseen.any(axis=1)
        return columns


def _prototypes(batch: Batch) -> NDArray[np.object_]:
    """Return formula type and space group (n,): crystals that differ in their elements alone share them."""
    rows, elements = np.nonzero(batch.composition)
    amounts = batch.composition[rows, elements].astype(np.float64).tolist()
    ends = np.searchsorted(rows, np.arange(1 + len(batch.ids))).tolist()
    groups = batch.facts["spacegroup"].tolist()
    texts = [
        f"{anonymous_amounts(amounts[begin:end])}-{int(number)}"
        for (begin, end), number in zip(pairwise(ends), groups, strict=True)
    ]
    return np.array(texts, dtype=object)


def _relative(distance: FloatArray, radius: float) -> FloatArray:
    """Return distances over the domain radius; with a radius of zero (identical training crystals) 0 or infinite."""
    if radius > 0:
        return distance / radius
    return np.where(distance > 0, np.inf, 0.0)


def _radius_cut(batch: Batch) -> NDArray[np.bool_]:
    """Return whether any channel's curves end before the radius that the settings ask for."""
    config = FeatureSettings.model_validate(batch.header["config"])
    cut = np.zeros(len(batch.ids), dtype=np.bool_)
    for channel in config.cloud.channels:
        reached = batch.facts[f"r_cut/{channel_label(channel, config.cloud)}"].astype(np.float64)
        cut |= reached < config.homology.r_max[channel] - RADIUS_SLACK
    return cut
