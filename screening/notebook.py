"""A finished RUN in a notebook: `screening.load(RUN)` gives its tables, model and candidates as objects."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.config import Config
from screening.crystals import Crystal, channel_clouds, channel_label
from screening.errors import InputError
from screening.homology import PeriodicBarcode, periodic_barcodes
from screening.learn import Model, load_model, predict_structures
from screening.ranking import column_label, duplicates_path, explain
from screening.report import formula
from screening.runs import (
    RECORD,
    RunPaths,
    RunRecord,
    read_csv,
    read_kinds,
    read_ranking,
    read_record,
    read_stability,
    unguard,
    with_barriers,
)
from screening.sources import Missing, Wanted, find_crystals
from screening.store import FeatureTable, read_some

SHOWN = 10  # candidates that a notebook shows of a run


def load(run: Path | str) -> Run:
    """Return the finished RUN in a folder; its files are read when they are asked for.

    Raises
    ------
    InputError
        The folder holds no finished run.
    """
    paths = RunPaths(Path(run))
    if not paths.record.is_file():
        raise InputError(f"{run} is not a finished run: it has no run.json")
    return Run(paths)


def predict(model: Model | Run | Path | str, structures: Iterable[Any], **options: Any) -> pd.DataFrame:
    """Return what a model says of structures, one row each, in their order.

    Parameters
    ----------
    model
        A model, a run, or the folder of either.
    structures
        Structures of pymatgen, Atoms of ASE, CIF texts, paths of files with one crystal, or a DataFrame with a column
        of these.
    options
        `target` and `threads` of `screening.learn.predict_structures`, which says what the columns are.

    Raises
    ------
    InputError, ModelError
        There is no such model, or something else stands among the structures.
    """
    if isinstance(model, str | Path):
        folder = Path(model)
        model = load(folder).model if (folder / RECORD).is_file() else load_model(folder)
    return predict_structures(model.model if isinstance(model, Run) else model, structures, **options)


class Run:
    """A finished run: what `screening run` left in its folder.

    Parameters
    ----------
    paths
        Its files.
    """

    def __init__(self, paths: RunPaths) -> None:
        self.paths = paths

    @cached_property
    def record(self) -> RunRecord:
        """What run.json says: counts, seconds, versions, settings."""
        return read_record(self.paths.record)

    @cached_property
    def config(self) -> Config:
        """Settings of the run."""
        return Config.model_validate(self.record.config)

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """Candidates by rank, one entry of each crystal; text as it was before the guard against spreadsheets."""
        return with_barriers(read_ranking(self._written("ranking")), self.paths.root)

    @cached_property
    def duplicates(self) -> pd.DataFrame:
        """Further entries of crystals of the ranking, with the same columns; none where they were not looked for."""
        path = duplicates_path(self._written("ranking"))
        return read_ranking(path) if path.is_file() else self.ranking.iloc[:0]

    @cached_property
    def rejections(self) -> pd.DataFrame:
        """Inputs that were refused: id, source, code, detail."""
        return unguard(read_csv(self.paths.rejected, ("id", "source", "code", "detail")))

    @cached_property
    def model(self) -> Model:
        """The trained model."""
        return load_model(self.paths.model)

    @property
    def scores(self) -> dict[str, Any]:
        """How the model was judged, by split."""
        return self.model.scores

    @cached_property
    def explanation(self) -> pd.DataFrame:
        """Kinds of hole by their share of the prediction."""
        return read_kinds(self.paths.explanation)

    @cached_property
    def stability(self) -> pd.DataFrame:
        """How share and place of each kind of hole move over resampled groups; empty for earlier versions."""
        return read_stability(self.paths.explanation)

    def candidate(self, id: str) -> Candidate:
        """Return one candidate of the ranking, or one of its duplicates.

        Raises
        ------
        InputError
            None has that id.
        """
        for table in (self.ranking, self.duplicates):
            rows = table[table["id"] == id]
            if not rows.empty:
                return Candidate(run=self, id=id, facts=rows.iloc[0])
        raise InputError(f"no candidate of {self.paths.root} has the id {id!r}")

    def _written(self, name: str) -> Path:
        """Return the file of a table, which is CSV or Parquet."""
        csv, parquet = (self.paths.root / f"{name}.{suffix}" for suffix in ("csv", "parquet"))
        return parquet if parquet.is_file() and not csv.is_file() else csv

    def __repr__(self) -> str:
        counts = self.record.counts
        return f"<Run {self.paths.root}: {counts.found} found, {counts.ranked} ranked>"

    def _repr_html_(self) -> str:
        columns = ["rank", "formula", "id", "prediction", "lower", "upper", "nearest_formula", "in_domain"]
        shown = self.ranking.head(SHOWN)[columns].rename(columns={name: column_label(name) for name in columns})
        table = shown.to_html(index=False, escape=True, float_format="{:.2f}".format, border=0)
        return f"<p>{html.escape(repr(self))}</p>{table}"


@dataclass(frozen=True, eq=False)
class Candidate:
    """One candidate of a run, with its structure and curves."""

    run: Run
    id: str
    facts: pd.Series[Any]  # its row of the ranking

    @cached_property
    def crystal(self) -> Crystal:
        """The crystal, read again from where the run found it.

        Raises
        ------
        InputError
            Its source is gone, or holds it no more.
        """
        wanted = Wanted(self.id, str(self.facts["source"]), str(self.facts["formula"]))
        found = find_crystals([wanted], self.run.config.input)[self.id]
        if isinstance(found, Missing):
            raise InputError(f"{self.id}: {found.reason}")
        return found

    @property
    def structure(self) -> Any:
        """The crystal as a pymatgen Structure."""
        return self.crystal.to_pymatgen()

    def barcode(self, channel: str = "mobile") -> PeriodicBarcode:
        """Return the bars of one sublattice per unit cell, with the simplices that open and close each.

        Raises
        ------
        InputError
            The run has no such channel.
        """
        config = self.run.config
        if channel not in config.cloud.channels:
            raise InputError(f"no channel is named {channel!r}; there are {', '.join(config.cloud.channels)}")
        cloud = channel_clouds(self.crystal, config.cloud)[channel]
        return periodic_barcodes(cloud[:2], r_max=config.homology.r_max[channel], with_simplices=True)

    @cached_property
    def _row(self) -> FeatureTable:
        return read_some(self.run.paths.features, ids={self.id})

    def curve(self, name: str, channel: str = "mobile") -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return radii (n,) in Å and values (n,) of a curve such as ``beta1`` or ``rank2`` of one channel.

        Raises
        ------
        InputError
            The run has no such curve.
        """
        prefix = f"{channel_label(channel, self.run.config.cloud)}/{name}/"
        picked = [index for index, column in enumerate(self._row.columns) if column.startswith(prefix)]
        if not picked:
            raise InputError(f"the run has no curve {prefix.rstrip('/')}")
        radii = np.array([float(self._row.columns[index].rsplit("/", 1)[1]) for index in picked])
        return radii, self._row.features[0, picked]

    def reasons(self, top: int = 3) -> list[str]:
        """Return the strongest reasons for its prediction, in words."""
        return explain(self._row, self.run.model, ids=[self.id]).reasons(0, top=top)

    def __repr__(self) -> str:
        return f"<Candidate {self.id}: {self.facts['formula']}, log10 σ {self.facts['prediction']:.2f}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(column_label(str(name)))}</th><td>{html.escape(_cell(str(name), value))}</td></tr>"
            for name, value in self.facts.items()
        )
        return f"<p>{formula(str(self.facts['formula']))}, {html.escape(self.id)}</p><table>{rows}</table>"


def _cell(name: str, value: object) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.2e}" if name == "conductivity" else f"{value:.4g}"
    return str(value)
