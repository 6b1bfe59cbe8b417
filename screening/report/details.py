"""Everything about single candidates: curves, reasons, structure and holes, as the page reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from screening.config import InputLimits
from screening.crystals import Crystal, flag_sentence
from screening.energy import BarrierRow
from screening.errors import InputError
from screening.learn import Model, load_model
from screening.ranking import CURVES, StoredTables, duplicates_path, explain, kinds_of, reason_unit, reason_words
from screening.report import curves as packing
from screening.report.reasons import Reasons
from screening.report.series import series_shown
from screening.report.squeeze import all_squeezed
from screening.report.structures import all_shown, atoms, on_all_cores, shown
from screening.runs import RunRecord, ranking_path, read_duplicates, read_pathways, read_series
from screening.sources import Missing, Wanted, find_crystals
from screening.store import FeatureTable, joined_tables, read_some

SURFACED = 100  # candidates of a page in one file; `serve` has those of all
FACTS = ("n_sites", "volume", "spacegroup", "a", "b", "c", "alpha", "beta", "gamma")


class Details:
    """What the page shows of candidates of one run, made from its store, model and sources.

    Parameters
    ----------
    run_dir
        The RUN folder.
    record
        Its run.json.
    index
        The number of the table that each crystal is in, once it is known; None to search the whole store.
    model
        That of the run, where it is at hand; read from the folder if not.

    Raises
    ------
    ModelError
        The model cannot be read.
    """

    def __init__(
        self,
        run_dir: Path,
        record: RunRecord,
        *,
        index: Future[dict[str, int]] | None = None,
        model: Model | None = None,
    ) -> None:
        self.index = index
        self.run_dir = run_dir
        self.store = run_dir / "features.zarr"
        self.model: Model = load_model(run_dir / "model") if model is None else model
        self.limits = InputLimits.model_validate(record.section("input"))
        self.settings = self.model.header.settings
        self.kinds = kinds_of(self.model.columns)
        self.curves = packing.find_curves(self.model.columns)
        self.duplicates = read_duplicates(duplicates_path(ranking_path(run_dir)))
        self._place = {str(id): place for place, id in enumerate(self.model.training.ids)}
        self.known_ids = frozenset(self._place)
        self.reasons = Reasons(self.kinds, self.model.training.features)

    def shared(self) -> dict[str, Any]:
        """Return what the details of all candidates refer to: curves, training range, kinds of hole, conductors."""
        training = self.model.training
        return {
            "curves": [
                {
                    "channel": curve.channel,
                    "name": CURVES.get(curve.name, curve.name),
                    "kind": curve.name[:-1],
                    "radii": [round(radius, 4) for radius in curve.radii.tolist()],
                }
                for curve in self.curves
            ],
            "band": packing.band(self.curves, training.features),
            "kinds": [
                {
                    "words": reason_words(kind.channel, kind.curve),
                    "unit": reason_unit(kind.curve),
                    "channel": kind.channel,
                    "curve": kind.curve,
                    "from": kind.radius_from,
                    "to": kind.radius_to,
                }
                for kind in self.kinds
            ],
            "known": {
                str(id): [str(formula), float(f"{sigma:.6g}"), bool(bound), str(publication or "")]
                for id, formula, sigma, bound, publication in zip(
                    training.ids,
                    training.formula,
                    training.log_sigma,
                    training.is_bound,
                    training.publication,
                    strict=True,
                )
            },
        }

    def known_curves(self, id: str) -> list[list[Any]]:
        """Return the packed curves of a training crystal.

        Raises
        ------
        InputError
            None has that id.
        """
        if id not in self._place:
            raise InputError(f"no training crystal has the id {id!r}")
        return packing.pack_rows(self.curves, self.model.training.features[[self._place[id]]])[0]

    def rows(self, ids: Sequence[str]) -> FeatureTable:
        """Return the crystals with these ids from the store, in this order.

        Raises
        ------
        InputError
            An id is not in the store: the ranking was made from another one.
        """
        table = read_some(self.store, ids=set(ids)) if self.index is None else self._indexed(ids, self.index.result())
        at = {str(id): row for row, id in enumerate(table.ids)}
        missing = [id for id in ids if id not in at]
        if missing:
            raise InputError(f"{len(missing)} ranked crystals are not in {self.store}, the first is {missing[0]!r}")
        order = [at[id] for id in ids]
        return table[order]

    def _indexed(self, ids: Sequence[str], index: Mapping[str, int]) -> FeatureTable:
        """Return the crystals with these ids, in any order, from the tables that hold them alone."""
        stored = StoredTables(self.store)
        parts = []
        for number in sorted({index[id] for id in ids if id in index}):
            table = stored[number]
            parts.append(table[[row for row, id in enumerate(table.ids) if id in set(ids)]])
        if not parts:
            raise InputError(f"{len(ids)} ranked crystals are not in {self.store}, the first is {ids[0]!r}")
        return joined_tables(parts)

    def crystals(self, wanted: Sequence[Wanted]) -> dict[str, Crystal | Missing]:
        """Return by id each crystal as its source holds it, or why it cannot be shown."""
        return find_crystals(wanted, self.limits)

    def of(self, wanted: Sequence[Wanted]) -> list[dict[str, Any]]:
        """Return everything about these candidates, in their order.

        Raises
        ------
        InputError
            One is not in the store.
        ModelError
            The features are not those of the model.
        """
        found, beside = self._without_structures(wanted)
        return [{**one, **drawn} for one, drawn in zip(beside, all_shown(found, self.settings), strict=True)]

    def squeezed_of(self, wanted: Sequence[Wanted], *, tell: Callable[[int, int], None] = lambda *_: None) -> list[str]:
        """Return what `of` does, each squeezed, made on all cores; `tell` hears how many are done, and of how many.

        Surfaces of cavities are looked for in the first `SURFACED`. Raises as `of`.
        """
        found, beside = self._without_structures(wanted)
        surfaces = [place < SURFACED for place in range(len(found))]
        work = partial(all_squeezed, config=self.settings)
        return on_all_cores(work, list(zip(found, beside, surfaces, strict=True)), tell=tell)

    def _without_structures(self, wanted: Sequence[Wanted]) -> tuple[list[Crystal | Missing], list[dict[str, Any]]]:
        """Return these candidates as their sources hold them, and everything about each but its structure."""
        if not wanted:
            return [], []
        table = self.rows([one.id for one in wanted])
        found = self.crystals(wanted)
        explanation = explain(table, self.model, ids=[one.id for one in wanted])
        packed = packing.pack_rows(self.curves, table.features)
        facts = table.facts.to_dict("records")
        barriers = read_pathways(self.run_dir, [(one.id, one.formula) for one in wanted])
        beside = [
            {
                "facts": {name: _rounded(fact[name]) for name in FACTS if name in fact},
                "duplicates": self.duplicates.get(one.id, []),
                "curves": packed[row],
                "reasons": self.reasons.of(explanation.shap[row], table.features[row], expected=explanation.expected),
                "flags": flag_rows(found[one.id], str(fact["flags"])),
                **({"barriers": barriers_shown(barriers[one.id])} if one.id in barriers else {}),
                **({} if (series := self._series(one)) is None else {"series": series_shown(series)}),
            }
            for row, (one, fact) in enumerate(zip(wanted, facts, strict=True))
        ]
        return [found[one.id] for one in wanted], beside

    def _series(self, one: Wanted) -> pd.DataFrame | None:
        """Return the series of a candidate, None where it has none but itself."""
        found = read_series(self.run_dir, one.id, one.formula)
        return found if found is not None and len(found) > 1 else None

    def structure(self, found: Crystal | Missing, *, holes: bool = True) -> dict[str, Any]:
        """Return the drawing of a crystal, or ``missing``, which says why there is none; without holes, atoms alone."""
        if holes or isinstance(found, Missing):
            return shown(found, self.settings)
        return {"structure": atoms(found, self.settings)}


def barriers_shown(row: BarrierRow) -> dict[str, Any]:
    """Return what the page shows of the second stage of a crystal, ready for JSON.

    ``code`` and ``detail`` where it has no barrier. Else ``own`` and ``minimum`` = [E1D, E2D, E3D] in eV above the
    lowest point of what runs on, and of the grid; ``charges``; ``ways`` = [[level 1 to 3, energy of the pass above the
    minimum in eV, [x, y, z, x, y, z, ...] fractional], ...]; ``left_out`` further ways.
    """
    if row.code:
        return {"code": row.code, "detail": row.detail}
    return {
        "own": row.barriers,
        "minimum": row.from_minimum,
        "charges": row.charges,
        "ways": row.ways,
        "left_out": row.ways_left_out,
    }


def flag_rows(found: Crystal | Missing, names: str) -> list[list[str]]:
    """Return [name, sentence] of each flag of a crystal, with what is particular to it where it can be read again."""
    details = found.flag_details if isinstance(found, Crystal) else {}
    return [[name, flag_sentence(name, details.get(name, ""))] for name in names.split(";") if name]


def _rounded(value: Any) -> float | int:
    return int(value) if float(value).is_integer() else float(f"{float(value):.6g}")
