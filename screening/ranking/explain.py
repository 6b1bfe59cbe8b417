"""Why the model says so: exact SHAP values of the curves, summed to kinds of hole (channel, curve, radius band)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.crystals import FloatArray, IntArray
from screening.errors import ModelError
from screening.host import Wanted
from screening.learn import Model
from screening.ranking.kinds import Kind, kinds_of
from screening.ranking.shap import ON_CPU, contributions
from screening.spreadsheet import plain_cell
from screening.store import FeatureTable

BEESWARM_KINDS = 20
BEESWARM_CRYSTALS = 500
MAX_EXPLAINED = 5_000  # crystals a summary is made from; beyond it a seeded sample


@dataclass(frozen=True, eq=False)
class Explanation:
    """SHAP values of some crystals, summed to kinds of hole."""

    ids: NDArray[np.object_]  # (n,) crystals explained
    by_kind: tuple[Kind, ...]
    shap: FloatArray  # (n, n_kinds) log units; row sums + expected = prediction
    values: FloatArray  # (n, n_kinds) mean of the curve over the band; NaN where not computed
    expected: float  # mean prediction over the trees' training crystals, log10 S/cm
    seed: int
    method: str = ON_CPU  # what computed the values, and why

    @cached_property
    def kinds(self) -> pd.DataFrame:
        """Kinds by falling mean |SHAP|: their share of the total, and the direction in which more of them pushes.

        `direction` is the sign of the correlation of the mean curve over the band with the SHAP value: 1 = more of it
        raises the prediction, -1 = lowers it, 0 = neither (one of both does not vary).
        """
        strength = np.abs(self.shap).mean(axis=0)
        total = strength.sum()
        frame = pd.DataFrame(
            {
                "kind": [kind.name for kind in self.by_kind],
                "channel": [kind.channel for kind in self.by_kind],
                "curve": [kind.curve for kind in self.by_kind],
                "radius_from": [kind.radius_from for kind in self.by_kind],
                "radius_to": [kind.radius_to for kind in self.by_kind],
                "mean_abs_shap": strength,
                "share": strength / total if total > 0 else strength,
                "direction": [_direction(self.values[:, k], self.shap[:, k]) for k in range(len(self.by_kind))],
            }
        )
        return frame.sort_values(["mean_abs_shap", "kind"], ascending=[False, True], kind="stable", ignore_index=True)

    @cached_property
    def beeswarm(self) -> pd.DataFrame:
        """SHAP and curve value of the strongest kinds, one row per kind and crystal of a seeded sample."""
        position = {kind.name: index for index, kind in enumerate(self.by_kind)}
        rows = _sample(len(self.ids), BEESWARM_CRYSTALS, seed=self.seed)
        frames = [
            pd.DataFrame(
                {
                    "kind": name,
                    "id": self.ids[rows],
                    "shap": self.shap[rows, position[name]],
                    "value": self.values[rows, position[name]],
                }
            )
            for name in self.kinds["kind"].iloc[:BEESWARM_KINDS]
        ]
        return pd.concat(frames, ignore_index=True)

    def reasons(self, row: int, *, top: int = 3) -> list[str]:
        """Return the strongest reasons for the crystal in `row`, e.g. ``lithium rings (β₁) alive at 3–4 Å: +0.60``.

        The number is the kind's share of the prediction in log units, relative to the mean prediction; kinds that
        contribute nothing are not listed.
        """
        order = np.argsort(-np.abs(self.shap[row]), kind="stable")[:top]
        return [f"{self.by_kind[k].words}: {self.shap[row, k]:+.2f}" for k in order if self.shap[row, k] != 0.0]

    def save(self, folder: Path) -> None:
        """Write kinds.csv and beeswarm.csv into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.kinds.to_csv(folder / "kinds.csv", index=False, float_format="%.8g", lineterminator="\n")
        beeswarm = self.beeswarm.assign(id=self.beeswarm["id"].map(plain_cell))
        beeswarm.to_csv(folder / "beeswarm.csv", index=False, float_format="%.6g", lineterminator="\n")


def explain(
    table: FeatureTable,
    model: Model,
    *,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    device: Wanted = "cpu",
) -> Explanation:
    """Return the explanation of the crystals named in `ids`, in that order, or of the whole table.

    Parameters
    ----------
    table
        Featurized crystals.
    model
        The model to explain.
    seed
        Of the sample taken where a whole table holds more than `MAX_EXPLAINED` crystals, and of the beeswarm.
    ids
        Crystals to explain.
    device
        Where SHAP values are computed, see `screening.ranking.shap`.

    Raises
    ------
    ModelError
        The features are not the model's, an id is not in the table, or values do not add up to predictions.
    """
    model.check_features(table.header)
    rows = _sample(len(table), MAX_EXPLAINED, seed=seed) if ids is None else _rows(table, ids)
    if len(rows) == 0:
        raise ModelError("there is no crystal to explain")
    features = table.features[rows]
    found = contributions(model, features, device=device)
    kinds = kinds_of(model.columns)
    return Explanation(
        ids=table.ids[rows],
        by_kind=kinds,
        shap=np.column_stack([found.values[:, kind.columns].sum(axis=1) for kind in kinds]),
        values=np.column_stack([_mean_known(features[:, kind.columns]) for kind in kinds]),
        expected=found.expected,
        seed=seed,
        method=found.method,
    )


def _rows(table: FeatureTable, ids: Sequence[str]) -> IntArray:
    row_of = {id: row for row, id in enumerate(table.ids)}
    unknown = [id for id in ids if id not in row_of]
    if unknown:
        raise ModelError(f"crystal {unknown[0]!r} is not in the features")
    return np.array([row_of[id] for id in ids], dtype=np.int64)


def _sample(n: int, most: int, *, seed: int) -> IntArray:
    """Return all rows, or `most` of them chosen by seed, in order."""
    if n <= most:
        return np.arange(n, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(n, size=most, replace=False)).astype(np.int64)


def _mean_known(values: NDArray[Any]) -> FloatArray:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1, dtype=np.float64)
    mean = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return np.asarray(mean, dtype=np.float64)


def _direction(values: FloatArray, shap: FloatArray) -> int:
    known = np.isfinite(values)
    if known.sum() < 2:
        return 0
    covariance = np.mean((values[known] - values[known].mean()) * (shap[known] - shap[known].mean()))
    scale = values[known].std() * shap[known].std()
    # Below rounding the sign means nothing.
    return 0 if abs(covariance) <= 1e-12 * max(scale, 1e-300) or scale == 0 else int(np.sign(covariance))
