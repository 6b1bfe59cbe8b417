"""What a store holds as arrays: the rows of a shard, and featurized crystals as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from screening.config import FeatureSettings

if TYPE_CHECKING:
    import pandas as pd

N_ELEMENTS = 119
STRINGS = ("id", "source", "formula", "flags", "code", "detail")
NUMBERS = ("status", "n_sites", "volume", "spacegroup", "a", "b", "c", "alpha", "beta", "gamma")
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

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def settings(self) -> FeatureSettings:
        """The settings that the features were computed with."""
        return FeatureSettings.model_validate(self.header["config"])
