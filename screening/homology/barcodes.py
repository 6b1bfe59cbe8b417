"""What every homology engine returns, and the one rule by which distances are made comparable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.crystals import FloatArray, IntArray

# Distances are read in ticks of this size, far below experimental error, so that distances which a symmetry makes equal
# compare equal however they were computed.
RESOLUTION = 1e-4  # Å
# Ticks change at (k - PHASE) * RESOLUTION. The golden section keeps every decimal number of up to six digits, which is
# where cell parameters put distances, well inside a tick: float noise cannot move it across.
PHASE = 0.6180339887498949


def ticks(distances: NDArray[np.floating]) -> IntArray:
    """Return distances (Å, any shape) as int64 ticks: floor(d / RESOLUTION + PHASE). Source: ours."""
    return np.floor(np.asarray(distances, dtype=np.float64) / RESOLUTION + PHASE).astype(np.int64)


def radii_of(tick: NDArray[np.integer]) -> FloatArray:
    """Return ticks as radii in Å, float64; ``ticks(radii_of(t)) == t``."""
    return np.asarray(tick, dtype=np.float64) * RESOLUTION


@dataclass(frozen=True, slots=True)
class Fallback:
    """A cloud that another engine than the one asked for computed; the bars are the same."""

    cloud: int  # index in the batch
    reason: str  # stable code: few-points, memory, crash, timeout, dimension


@dataclass(frozen=True, slots=True, eq=False)
class Barcodes:
    """Bars of a batch of clouds, flat with offsets, sorted by (dim, birth, death) within a cloud.

    Every birth and death is ``radii_of(ticks(d))`` of a distance d. Bars of zero length are left out. A bar alive at
    ``r_cut`` has death = inf. Bars are counted over `n_points` points: divide by it for bars per site.
    """

    birth: FloatArray  # (n_bars,) Å
    death: FloatArray  # (n_bars,) Å, inf = alive at r_cut
    dim: NDArray[np.int8]  # (n_bars,) 0, 1 or 2
    offsets: IntArray  # (n_clouds + 1,)
    n_points: FloatArray  # (n_clouds,) points the bars were counted over: sites x copies of the cell
    r_cut: FloatArray  # (n_clouds,) Å, radius up to which the bars are complete; < r_max where a budget was hit
    fallbacks: tuple[Fallback, ...] = ()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def one(self, index: int) -> Barcodes:
        """Return the bars of one cloud."""
        span = slice(self.offsets[index], self.offsets[index + 1])
        return Barcodes(
            birth=self.birth[span],
            death=self.death[span],
            dim=self.dim[span],
            offsets=np.array([0, span.stop - span.start], dtype=np.int64),
            n_points=self.n_points[index : index + 1],
            r_cut=self.r_cut[index : index + 1],
        )

    def bars(self, index: int, dim: int) -> FloatArray:
        """Return the bars of one cloud and dimension, shape (n, 2), Å."""
        span = slice(self.offsets[index], self.offsets[index + 1])
        chosen = self.dim[span] == dim
        return np.column_stack([self.birth[span][chosen], self.death[span][chosen]])
