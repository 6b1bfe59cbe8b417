"""What a store holds as arrays: the rows of a shard, and featurized crystals as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from screening.config import FeatureSettings

if TYPE_CHECKING:
    import pandas as pd

N_ELEMENTS = 119
STRINGS = ("id", "source", "formula", "flags", "code", "detail")
NUMBERS = ("status", "n_sites", "volume", "spacegroup", "a", "b", "c", "alpha", "beta", "gamma")
DISTANCE = "distance/"  # how the columns of `numbers` begin that hold distances between sublattices
MISSING, FEATURIZED, REJECTED = 0, 1, 2
ARRAYS = ("features", "composition", "numbers", "strings")


@dataclass(frozen=True, slots=True, eq=False)
class ShardRows:
    """The rows of one shard, in input order; the arrays are those of the store."""

    features: NDArray[np.float32]  # (n, n_columns)
    composition: NDArray[np.float32]  # (n, 119)
    numbers: NDArray[np.float64]  # (n, n_facts)
    strings: NDArray[np.object_]  # (n, 6)
    seconds: float  # time spent on them
    cut: int = 0  # crystals with a channel whose radius was cut back
    fallbacks: tuple[tuple[str, str, str], ...] = ()  # (id, channel, reason) of clouds done by another engine

    def __getitem__(self, chosen: NDArray[np.bool_]) -> ShardRows:
        """Return some of the rows, by a mask (n,)."""
        return replace(
            self,
            features=self.features[chosen],
            composition=self.composition[chosen],
            numbers=self.numbers[chosen],
            strings=self.strings[chosen],
        )


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Featurized crystals of a store (or of one shard of it), in store order."""

    ids: NDArray[np.object_]  # (n,) str
    columns: tuple[str, ...]  # names of the features: channel/curve/radius
    features: NDArray[np.float32]  # (n, n_columns), NaN = not computed
    facts: (
        pd.DataFrame
    )  # (n,) source, formula, flags, n_sites, volume (Å³), spacegroup, a..gamma (Å, °), r_cut/<channel>
    composition: NDArray[np.float32]  # (n, 119) atoms per cell by atomic number
    header: dict[str, Any]  # what the store says of itself
    distances: NDArray[np.float32] | None = None  # (n, n_distances) Å between sublattices; None of an older store

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def settings(self) -> FeatureSettings:
        """The settings that the features were computed with."""
        return FeatureSettings.model_validate(self.header["config"])

    def __getitem__(self, rows: Any) -> FeatureTable:
        """Return the crystals at `rows`, a mask or places."""
        return replace(
            self,
            ids=self.ids[rows],
            features=self.features[rows],
            facts=self.facts.iloc[rows].reset_index(drop=True),
            composition=self.composition[rows],
            distances=None if self.distances is None else self.distances[rows],
        )


def joined_rows(parts: Sequence[ShardRows]) -> ShardRows:
    """Return rows of shards of one store, one part after the other."""
    return replace(
        parts[0],
        features=np.concatenate([part.features for part in parts]),
        composition=np.concatenate([part.composition for part in parts]),
        numbers=np.concatenate([part.numbers for part in parts]),
        strings=np.concatenate([part.strings for part in parts]),
    )


def joined_tables(parts: Sequence[FeatureTable]) -> FeatureTable:
    """Return the crystals of tables of one store as one table."""
    import pandas as pd  # workers that featurize do without it

    distances = [part.distances for part in parts if part.distances is not None]
    return replace(
        parts[0],
        ids=np.concatenate([part.ids for part in parts]),
        features=np.concatenate([part.features for part in parts]),
        facts=pd.concat([part.facts for part in parts], ignore_index=True),
        composition=np.concatenate([part.composition for part in parts]),
        distances=np.concatenate(distances) if distances else None,
    )
