"""What a GPU leaves to the host: the same clouds by the CPU engine, as the same curves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from screening.crystals import FloatArray
from screening.features import betti_curves, rank_curves
from screening.gpu.cells import Cells, CurveSettings
from screening.homology import NEVER, Barcodes, PercolationRanks, radii_of, ranks_of_cells, ticks


def host_curves(cells: Cells, settings: CurveSettings) -> tuple[NDArray[np.float32], FloatArray]:
    """Return the values of the clouds, flat as `Cells.value_offsets` says, and the radius that each is complete to, Å.

    Raises
    ------
    RejectionError
        Two points of a cloud coincide.
    """
    bars, ranks = ranks_of_cells(
        (cells.rows, cells.points, cells.offsets),
        r_max=np.array(settings.r_max)[cells.channel],
        max_dim=settings.max_dim,
        budget=settings.budget,
    )
    parts = [_curves(bars, ranks, settings, cloud, channel) for cloud, channel in enumerate(cells.channel)]
    return np.concatenate([np.empty(0, dtype=np.float32), *parts]), bars.r_cut


def _curves(
    bars: Barcodes, ranks: PercolationRanks, settings: CurveSettings, cloud: int, channel: int
) -> NDArray[np.float32]:
    radii = radii_of(np.array(settings.radii[channel]))
    own, of_components = bars.one(cloud), ranks.one(cloud)
    curves = [betti_curves(own, radii, dim=dim) for dim in range(settings.max_dim + 1)]
    if settings.with_ranks:
        curves += rank_curves(of_components, radii)
    values: NDArray[np.float32] = np.concatenate(curves, axis=1).astype(np.float32).reshape(-1)
    return values


def packed_bars(cells: Cells, settings: CurveSettings) -> list[NDArray[np.uint64]]:
    """Return the CPU engine's bars of each cloud as a GPU writes them: dim << 62 | birth << 31 | death, sorted."""
    bars, _ = ranks_of_cells(
        (cells.rows, cells.points, cells.offsets),
        r_max=np.array(settings.r_max)[cells.channel],
        max_dim=settings.max_dim,
        budget=settings.budget,
    )
    finite = np.isfinite(bars.death)
    death = np.where(finite, ticks(np.where(finite, bars.death, 0.0)), NEVER).astype(np.uint64)
    birth, dim = ticks(bars.birth).astype(np.uint64), bars.dim.astype(np.uint64)
    packed = dim << np.uint64(62) | birth << np.uint64(31) | death
    return [np.sort(packed[a:b]) for a, b in pairwise(bars.offsets)]
