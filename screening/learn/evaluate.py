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
from screening.learn.leaks import JOINS, PATHS, Relation
from screening.learn.made import Made
from screening.learn.parallel import Work, all_done
from screening.learn.predictor import composition_columns, fit_composition, fit_predictor, seen_by
from screening.learn.scores import Score, score, summarise
from screening.learn.space import FeatureSpace
from screening.learn.splits import check_no_leak, grouped_folds
from screening.learn.told import Told
from screening.learn.view import View
from screening.store import FeatureTable

SPLITS = ("grouped", "publication", "family", "cluster", "random")
APART = "apart"  # column that a fold hands back beside its predictions
GOOD = (-4.0, -3.0)  # log10 S/cm from which a conductor is called good
JUDGED = (
    "curves", "composition", "composition_alone", "trees", "ridge", "process", "distances", "conventional", "nearest",
    "dummy",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Out-of-fold predictions of every model, and what they are worth."""

    predictions: pd.DataFrame  # repeat, fold, id, formula, is_bound, measured, then one column per model
    scores: dict[str, Score]  # by model
    apart: FloatArray  # by row of the predictions, distance to the nearest crystal that trained for it


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One test fold of one repeat."""

    repeat: int
    index: int
    held: NDArray[np.bool_]  # (n,) crystals judged; the others are trained on
    made: NDArray[np.bool_]  # (n_made,) compounds without a crystal that are trained on beside them
    told: NDArray[np.bool_]  # (n_told,) compositions without a crystal that the composition is learned from


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
    composition: bool = True,
) -> Evaluation:
    """Return out-of-fold predictions and scores under a split.

    Parameters
    ----------
    data, config, split, repeats, device_type, composition
        As of `evaluation`.
    threads
        Folds trained at a time; no value depends on it.

    Raises
    ------
    ModelError
        Two folds cannot be formed, or a fold would leak.
    """
    work = evaluation(data, config, split=split, repeats=repeats, device_type=device_type, composition=composition)
    found: Evaluation = all_done([work], threads=threads, size=len(data) * config.learn.trees)[0]
    return found


def evaluation(  # noqa: PLR0913
    data: Dataset,
    config: Config,
    *,
    split: str = "grouped",
    repeats: int | None = None,
    device_type: str = "cpu",
    composition: bool = True,
) -> Work[Evaluation]:
    """Return the trainings that give out-of-fold predictions and scores under a split.

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
    composition
        Whether the composition, alone and with the curves, is judged too.

    Raises
    ------
    ModelError
        Two folds cannot be formed, or a fold would leak.
    """
    pairs, groups = split_groups(data, split)
    settings = config.learn
    tasks: list[Fold] = []
    made, told = made_admission(data, split, groups), told_admission(data, split, groups)
    for repeat in range(config.learn.repeats if repeats is None else repeats):
        folds = split_folds(data, groups, split, folds=settings.folds, seed=seeded(config.seed, 1, repeat))
        check_no_leak(folds, groups, pairs)
        for fold in range(int(folds.max()) + 1):
            held = folds == fold
            tasks.append(Fold(repeat=repeat, index=fold, held=held, made=made(held), told=told(held)))

    stated = composition_seen(data) if composition and settings.model == "mean" else None
    judge = partial(_judge_fold, data, groups=groups, config=config, device_type=device_type, stated=stated)
    return Work([partial(judge, fold) for fold in tasks], _evaluated)


def _evaluated(judged: list[pd.DataFrame]) -> Evaluation:
    predictions = pd.concat(judged, ignore_index=True)
    apart = predictions.pop(APART).to_numpy(dtype=np.float64)
    scores = {name: _scores(predictions, name) for name in JUDGED if name in predictions}
    return Evaluation(predictions=predictions, scores=scores, apart=apart)


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
        without = {name: _scores(rest, name) for name in JUDGED if name in rest}
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


class Admission:
    """Which compounds without a crystal train for a test fold, by `screening.learn.leaks`; a leak is an error.

    Parameters
    ----------
    relation
        Of the compounds to the crystals; None if there are no compounds.
    split
        Of the folds.
    groups
        (n,) crystals that the split keeps whole.
    usable
        (n_compounds,) compounds that may train at all; all when not given.
    """

    def __init__(
        self, relation: Relation | None, split: str, groups: IntArray, *, usable: NDArray[np.bool_] | None = None
    ) -> None:
        self._relation = relation
        self._groups: IntArray | None = None
        if relation is None:
            return
        self._open = np.ones(relation.n_made, dtype=np.bool_) if usable is None else usable
        if split in PATHS:
            # Families may share a publication; no path may lead through it.
            self._groups = relation.whole(groups)
            self._hung = relation.hung_on(self._groups)
            self._open &= self._hung != JOINS

    def __call__(self, held: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the compounds (n_made,) that may train where the crystals `held` (n,) are judged."""
        if self._relation is None:
            return np.zeros(0, dtype=np.bool_)
        used = self._open & ~self._relation.near(held)
        if self._groups is not None:
            used &= ~np.isin(self._hung, np.unique(self._groups[held]))
        self._relation.check(used, held, groups=self._groups)
        return np.asarray(used, dtype=np.bool_)


def made_admission(data: Dataset, split: str, groups: IntArray) -> Admission:
    """Return which made compounds train; where families are left out, none whose template states no family."""
    if data.made is None or data.relation is None or split != "family":
        return Admission(data.relation, split, groups)
    family = {str(id): str(name) for id, name in zip(data.ids, data.family, strict=True)}
    stated = [family.get(str(id), "") != "" for id in data.made.template_ids]
    return Admission(data.relation, split, groups, usable=np.array(stated, dtype=np.bool_)[data.made.template])


def told_admission(data: Dataset, split: str, groups: IntArray) -> Admission:
    """Return which compositions without a crystal train; for family folds none whose nearest crystal states none."""
    if data.told is None:
        return Admission(None, split, groups)
    family = data.family if split == "family" else None
    relation = Relation.of_told(fractions=data.fractions, publication=data.publication, told=data.told, family=family)
    if family is None:
        return Admission(relation, split, groups)
    usable = np.zeros(len(data.told), dtype=np.bool_)
    nearest = relation.pairs["family"]
    usable[nearest[:, 1] - len(data)] = data.family[nearest[:, 0]] != ""
    return Admission(relation, split, groups, usable=usable)


def n_distances(data: Dataset) -> int:
    """Return how many of the columns that are seen are distances."""
    return 0 if data.distances is None else data.distances.shape[1]


def rows_for(data: Dataset, own: NDArray[Any], made: NDArray[Any], *, kept: NDArray[np.bool_], used: Any) -> Rows:
    """Return what is trained on: crystals `kept` (n,) with columns `own`, compounds `used` (n_made,) with `made`."""
    return _beside(data, own, made, beside=data.made, kept=kept, used=used)


def composition_seen(data: Dataset) -> tuple[FloatArray, FloatArray]:
    """Return what is learned of the compositions of the crystals, and of those without one."""
    own = composition_columns(data.fractions)
    return own, own[:0] if data.told is None else composition_columns(data.told.fractions)


def composition_rows(data: Dataset, own: FloatArray, told: FloatArray, *, kept: NDArray[np.bool_], used: Any) -> Rows:
    """Return what the composition is learned from: crystals `kept` (n,) and compositions `used` (n_told,)."""
    return _beside(data, own, told, beside=data.told, kept=kept, used=used)


def _beside(  # noqa: PLR0913
    data: Dataset,
    own: NDArray[Any],
    made: NDArray[Any],
    *,
    beside: Made | Told | None,
    kept: NDArray[np.bool_],
    used: Any,
) -> Rows:
    rows = Rows(own, data.target, data.is_bound, data.groups)[kept]
    if beside is None or not used.any():
        return rows
    return Rows(
        np.concatenate([rows.features, made[used]]),
        np.concatenate([rows.target, beside.target[used]]),
        np.concatenate([rows.is_bound, beside.is_bound[used]]),
        np.concatenate([rows.groups, np.full(int(used.sum()), -1, dtype=np.int64)]),
    )


def seen_of(data: Dataset, view: View) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return bands of curves, and distances after them, of the crystals and of what was made beside them."""
    own = seen_by(view, data.features, data.distances)
    if data.made is None:
        return own, own[:0]
    return own, seen_by(view, data.made.features, None if data.distances is None else data.made.distances)


def _judge_fold(  # noqa: PLR0913
    data: Dataset,
    fold: Fold,
    *,
    groups: IntArray,
    config: Config,
    device_type: str,
    stated: tuple[FloatArray, FloatArray] | None,
) -> pd.DataFrame:
    """Return the predictions of every model for the held-out crystals of one fold."""
    settings, held = config.learn, fold.held
    seed = seeded(config.seed, 2, fold.repeat, fold.index)
    own, made = seen_of(data, View.of(data.columns, band=settings.band))
    rows = partial(rows_for, data, kept=~held, used=fold.made)
    fitted = fit_predictor(
        rows(own, made), settings, seeds=[seed], device_type=device_type, n_distances=n_distances(data)
    )
    said = fitted.predict(own[held])
    columns: dict[str, Any] = {"curves": said.mean}
    if said.ridge is not None:
        columns |= {"trees": said.trees, "ridge": said.ridge, "process": said.process, "deviation": said.deviation}
        if said.distances is not None:
            columns["distances"] = said.distances
    if said.ridge is not None and stated is not None:
        alone = fit_composition(composition_rows(data, *stated, kept=~held, used=fold.told), settings)
        columns["composition_alone"] = alone.averaged(stated[0][held])
        columns["composition"] = (said.mean + columns["composition_alone"]) / 2.0

    training = Rows(data.features, data.target, data.is_bound, groups)[~held].under(settings.bounds)
    params = parameters(settings, seed=seed, device_type=device_type)
    plain = Rows(data.conventional, data.target, data.is_bound, groups)[~held].under(settings.bounds)
    booster, base = fit(plain, params=params, trees=settings.trees, kept=False)
    conventional = np.asarray(booster.predict(data.conventional[held], num_threads=1), dtype=np.float64) + base
    nearest, apart = FeatureSpace.of(training.features).nearest(data.features[held])
    return pd.DataFrame(
        {
            "repeat": fold.repeat,
            "fold": fold.index,
            "id": data.ids[held],
            "formula": data.formula[held],
            "is_bound": data.is_bound[held],
            "measured": data.target[held],
            **columns,
            "conventional": conventional,
            "dummy": base_score(training.target, training.is_bound),
            "nearest": training.target[nearest],
            APART: apart,
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
