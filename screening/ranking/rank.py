"""Predictions → ordered candidates, with what a person needs to trust or distrust each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from screening.config import Config, RankConfig
from screening.crystals import UNKNOWN, Crystal, FloatArray, IntArray, prototype
from screening.errors import ModelError
from screening.host import in_parts, native_output_held
from screening.learn import Model
from screening.ranking.batches import Batch
from screening.ranking.columns import COLUMNS, FLAG_COLUMNS, TEXT_COLUMNS
from screening.ranking.compounds import Points, folded_into, points_of
from screening.ranking.duplicates import Confirm, Signatures, Signed, StructureCheck, places, representatives
from screening.ranking.judge import Block, Judge
from screening.ranking.properties import Properties, held_back
from screening.ranking.spans import in_processes, of_batches
from screening.sources import Missing, Wanted, find_crystals
from screening.store import FeatureTable

OBJECTIVES = {"mean": "prediction", "lower": "lower", "chance": "chance"}  # setting to column
LESS_DEVIATION = "mean-sd"  # the prediction less the deviation of the crystal
POLYMORPH = "polymorph"  # held back: a better entry of the compound stands for it
LABELLED_AT_ONCE = 100  # crystals whose prototypes are found by one process: about a second

Labelling = Callable[[Sequence[Wanted]], dict[str, str]]  # crystals to their prototypes, by id


def rank(  # noqa: PLR0913
    tables: Iterable[FeatureTable],
    model: Model,
    *,
    labelled: bool,
    config: RankConfig,
    threads: int = 1,
    confirm: Callable[[Sequence[Wanted]], Confirm] | None = None,
    label: Labelling | None = None,
    properties: Properties | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Return the candidates by falling objective, then prediction, then id, with the columns `COLUMNS`.

    The objective is the prediction, less a deviation, its lower bound, or the chance of reaching a target
    (`config.objective`). Crystals that a filter of `config` speaks against stand behind all others, with the reason in
    `held_back`: none is left out. Nor are the further entries of a compound (`ranking.compounds`), which stand there
    too and name in `polymorph_of` the one that is listed for all.

    Every crystal has a row. Of entries that are the same crystal (`ranking.duplicates`) the first by id stands for all
    and has a rank; the others follow it by id with the same rank, and name it in `duplicate_of`. Each labelled
    crystal stands for itself alone: it is a measurement. A candidate that is a labelled crystal says so.

    Memory holds a batch of features, and of each crystal its row and a signature.

    Parameters
    ----------
    tables
        Featurized crystals; taken one at a time. Of a sequence, e.g. `StoredTables`, some are taken again to compare
        duplicates; in anything that can be read only once, e.g. `iter_tables`, duplicates are not looked for.
    model
        Predicts log10 conductivity.
    labelled
        Whether the crystals the model was trained on are ranked too. Their prediction is then the mean out-of-fold
        one, by models that never saw the crystal or its group, and `prediction_kind` says so: what the model itself
        says of a crystal it was trained on would flatter it. Their nearest crystal is the nearest other one.
    config
        Settings of the ranking.
    threads
        Of LightGBM; no value depends on it.
    confirm
        Given the crystals that features, composition and volume take for duplicates and those that they duplicate, the
        groups with the best predictions first, returns what says of two of them whether they are one; see `confirming`.
    label
        Given the first crystals of the list, returns their prototypes; see `labelling`. None: no prototype is found.
    properties
        Further columns by id; `config.hold_back` may name them.
    say
        Hears what the conditions of `config.hold_back` did, and what orders where a deviation is not known.

    Raises
    ------
    ModelError
        The features are not those of the model.
    """
    again = tables if isinstance(tables, Sequence) else None
    judge = Judge(model, config=config, threads=1 if in_processes(tables, threads=threads) else threads)
    signatures = Signatures()
    blocks: list[Block] = []
    signed_too = partial(_judged, judge, signed=again is not None)
    for block, signed in of_batches(signed_too, tables, model, labelled=labelled, threads=threads):
        blocks.append(block)
        if signed is not None:
            signatures.add(signed)
    frame = _frame(blocks)
    frame["objective"] = objective_of(frame, config, say)
    ids = frame["id"].to_numpy(dtype=object)
    first = np.arange(len(frame))
    found = signatures.joined()
    if again is not None:
        first = representatives(found, again, ids=ids)
        if confirm is not None and len(wanted := _doubtful(frame, first)):
            first = representatives(found, again, ids=ids, confirm=confirm(wanted))
        frame["duplicates"] = np.bincount(first, minlength=len(frame))[first] - 1
    if properties is not None:
        frame = properties.joined(frame)
    _hold_back_by_numbers(frame, config.hold_back, say)
    frame["duplicate_of"] = np.where(first == np.arange(len(frame)), "", ids[first]).astype(object)
    points = None if again is None or config.fold != "structure" else points_of(found, again, model.space)
    return _ordered(frame, first=first, place=places(ids), config=config, label=label, points=points)


def _judged(judge: Judge, batch: Batch, *, signed: bool) -> tuple[Block, Signed | None]:
    """Return the rows of a batch, and their signatures if these are wanted."""
    return judge(batch), Signed.of(batch, alone=judge.is_labelled(batch.ids)) if signed else None


def objective_of(frame: pd.DataFrame, config: RankConfig, say: Callable[[str], None] = lambda _: None) -> FloatArray:
    """Return the values that order a ranking, (n,): the more the better.

    A model without deviations is ordered by the lower bound where the prediction less one is asked for, that of
    composition by its prediction; `say` hears it.

    Raises
    ------
    ModelError
        Bound or chance are asked for of the model of composition, which keeps no errors, or there is no such model, or
        the chance of one that keeps no residuals.
    """
    if config.model == "composition":
        if config.objective not in ("mean", LESS_DEVIATION):
            raise ModelError(
                f"rank.objective = {config.objective} needs rank.model = topology: the other has no errors"
            )
        found = _column(frame, "prediction_composition")
        if np.isnan(found).any():
            raise ModelError("no model of composition stands beside this one: train again with learn.model = mean")
        if config.objective == LESS_DEVIATION:
            say("rank.model = composition has no deviation of each crystal: ordered by its prediction")
        return found
    if config.objective == LESS_DEVIATION:
        deviation = _column(frame, "deviation")
        if not np.isnan(deviation).any():
            return _column(frame, "prediction") - deviation
        say("this model has no deviation of each crystal: ordered by the lower bound (rank.objective = lower)")
        return _column(frame, "lower")
    found = _column(frame, OBJECTIVES[config.objective])
    if np.isnan(found).any():
        raise ModelError("this model keeps no residuals, so that no chance is known: train it again")
    return found


def _column(frame: pd.DataFrame, name: str) -> FloatArray:
    return frame[name].to_numpy(dtype=np.float64)


def _doubtful(frame: pd.DataFrame, first: IntArray) -> list[Wanted]:
    """Return the crystals of all groups of duplicates, those that the list begins with first."""
    rows = np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1)
    objective = _column(frame, "objective")
    place = places(frame["id"].to_numpy(dtype=object))
    rows = rows[np.lexsort((place[rows], place[first[rows]], -objective[first[rows]]))]
    told = frame[["id", "source", "formula"]].iloc[rows]
    return [Wanted(str(id), str(source), str(formula)) for id, source, formula in told.itertuples(index=False)]


def confirming(config: Config) -> tuple[Callable[[Sequence[Wanted]], Confirm] | None, Counter[str]]:
    """Return the `confirm` of `rank` that reads crystals again and compares their structures, and its counts.

    Of the crystals it is given it reads `rank.confirm_duplicates`. Where a file is no longer there, or beyond that
    number, what the features say stands and counts as ``unread``.
    """
    counts: Counter[str] = Counter(confirmed=0, refuted=0, unread=0)
    if not config.rank.confirm_duplicates:
        return None, counts

    def confirm(wanted: Sequence[Wanted]) -> Confirm:
        return StructureCheck(find_crystals(wanted[: config.rank.confirm_duplicates], config.input), counts)

    return confirm, counts


def labelling(config: Config, *, threads: int = 1) -> Labelling:
    """Return what reads crystals again and finds their prototypes; of those that are gone they are unknown.

    Many are labelled in `threads` processes.
    """

    def label(wanted: Sequence[Wanted]) -> dict[str, str]:
        found = find_crystals(wanted, config.input)
        parts = in_parts(_labels, list(found.values()), part=LABELLED_AT_ONCE, workers=threads)
        return dict(zip(found, (one for part in parts for one in part), strict=True))

    return label


def _labels(found: Sequence[Crystal | Missing]) -> list[str]:
    with native_output_held():  # spglib tells there what it could not refine
        return [prototype(one) if isinstance(one, Crystal) else UNKNOWN for one in found]


def _ordered(  # noqa: PLR0913
    frame: pd.DataFrame,
    *,
    first: IntArray,
    place: IntArray,
    config: RankConfig,
    label: Labelling | None,
    points: Points | None,
) -> pd.DataFrame:
    """Return the rows in order, with ranks; `first` is what stands for each, `place` the order of the ids."""
    prediction, objective = _column(frame, "prediction"), _column(frame, "objective")

    def order() -> IntArray:
        held = (frame["held_back"] != "").to_numpy(dtype=np.bool_)
        # What stands for others is the first of them by id, so it comes before them.
        keys = (place, place[first], -prediction[first], -objective[first], held[first])
        return np.asarray(np.lexsort(keys), dtype=np.int64)

    def free() -> IntArray:
        """Return those that nothing holds back, of each crystal the one that stands for it, best first."""
        rows: IntArray = order()
        held = frame["held_back"].to_numpy(dtype=object)
        return np.asarray(rows[(held[rows] == "") & (first[rows] == rows)], dtype=np.int64)

    if label is not None and config.prototypes:
        _add_prototypes(frame, free()[: config.prototypes], first, label)
    if config.fold != "none":
        _fold(frame, free(), structures=config.fold == "structure", points=points)
    if config.per_prototype:
        _hold_back_copies(frame, free(), most=config.per_prototype)
    rows = order()
    ranks = np.cumsum((first == np.arange(len(first)))[rows])
    frame = frame.iloc[rows].reset_index(drop=True)
    frame["rank"] = ranks.astype(np.int64)
    return frame[[*COLUMNS, *(name for name in frame.columns if name not in COLUMNS)]]


def _add_prototypes(frame: pd.DataFrame, rows: IntArray, first: IntArray, label: Labelling) -> None:
    """Fill in the prototypes of some rows, and of further entries of the same crystals."""
    told = frame[["id", "source", "formula"]].iloc[rows]
    wanted = [Wanted(str(id), str(source), str(formula)) for id, source, formula in told.itertuples(index=False)]
    found = label(wanted)
    types = frame["structure_type"].to_numpy(dtype=object, copy=True)
    types[rows] = [found[one.id] for one in wanted]
    frame["structure_type"] = types[first]


def _fold(frame: pd.DataFrame, free: IntArray, *, structures: bool, points: Points | None) -> None:
    """Hold back all but the best entry of each compound, and let that one name them.

    Labelled crystals are left aside: each is a measurement.
    """
    free = free[frame["prediction_kind"].to_numpy(dtype=object)[free] == "model"]
    types = frame["structure_type"].to_numpy(dtype=object) if structures else None
    found = folded_into(frame["formula"].to_numpy(dtype=object), free, types=types, points=points)
    ids = frame["id"].to_numpy(dtype=object)
    held, of, names = (
        frame[name].to_numpy(dtype=object, copy=True) for name in ("held_back", "polymorph_of", "polymorph_ids")
    )
    for row in free.tolist():  # best first
        if row in found:
            held[row], of[row] = POLYMORPH, ids[found[row]]
            names[found[row]] += f"{';' if names[found[row]] else ''}{ids[row]}"
    frame["held_back"], frame["polymorph_of"], frame["polymorph_ids"] = held, of, names
    frame["polymorphs"] = np.bincount(np.array(list(found.values()), dtype=np.int64), minlength=len(frame))


def _hold_back_by_numbers(frame: pd.DataFrame, conditions: Sequence[str], say: Callable[[str], None]) -> None:
    """Add the conditions that hold a crystal back to what does already."""
    if not conditions:
        return
    told, done = held_back(frame, conditions)
    before = frame["held_back"].to_numpy(dtype=object)
    frame["held_back"] = [
        f"{one};{more}" if one and more else one or more for one, more in zip(before, told, strict=True)
    ]
    for one in done:
        say(one.sentence())


def _hold_back_copies(frame: pd.DataFrame, free: IntArray, *, most: int) -> None:
    """Hold back all but the best `most` of each prototype that was found; `free` are the rows in question, best first.

    Where none was looked for at all, by formula type and stated space group.
    """
    held = frame["held_back"].to_numpy(dtype=object, copy=True)
    types = frame["structure_type"].to_numpy(dtype=object)[free]
    known = ~np.isin(types, ("", UNKNOWN))
    if (types == "").all():
        types, known = frame["prototype"].to_numpy(dtype=object)[free], np.ones(len(free), dtype=np.bool_)
    copies = pd.Series(types).groupby(types).cumcount().to_numpy()
    held[free[known & (copies >= most)]] = "prototype"
    frame["held_back"] = held


def _frame(blocks: Sequence[Block]) -> pd.DataFrame:
    """Return the rows of all blocks, with every column of the ranking; those filled in later are empty."""
    texts, flags = set(TEXT_COLUMNS), set(FLAG_COLUMNS)
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        dtype: Any = object if name in texts else np.bool_ if name in flags else np.float64
        columns[name] = np.concatenate(
            [np.empty(0, dtype=dtype), *(block.pop(name) for block in blocks if name in block)]
        )
    n_rows = len(columns["id"])
    columns["rank"] = np.zeros(n_rows, dtype=np.int64)
    columns["duplicate_of"] = np.full(n_rows, "", dtype=object)
    columns["duplicates"] = pd.array([pd.NA] * n_rows, dtype="Int64")
    columns["objective"] = np.zeros(n_rows)
    columns["polymorphs"] = np.zeros(n_rows, dtype=np.int64)
    for name in ("structure_type", "polymorph_of", "polymorph_ids"):
        columns[name] = np.full(n_rows, "", dtype=object)
    return pd.DataFrame(columns)
