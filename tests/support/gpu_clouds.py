"""Cells for the exact engine on a GPU, and what the CPU engine finds in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screening.config import Config
from screening.crystals import CloudBatch
from screening.features import prepare
from screening.gpu.cells import Cells, CurveSettings
from screening.homology import ranks_of_cells, ticks
from screening.sources import iter_items

NEVER = 2**31 - 1


def cells_of_files(paths: Sequence[Path], config: Config) -> Cells:
    """Return the cells of all channels of the crystals that can be used."""
    crystals = prepare(list(iter_items([str(path) for path in paths], config.input)), config).clouds()
    channels = config.cloud.channels
    return Cells.of([CloudBatch.from_clouds([clouds[channel] for clouds in crystals]) for channel in channels])


def random_batch(seed: int, *, count: int, most: int = 9) -> CloudBatch:
    """Return random clouds in random cells, some skew, some flat, some on a lattice with symmetry."""
    rng = np.random.default_rng(seed)
    clouds = []
    for k in range(count):
        n = int(rng.integers(1, most + 1))
        lattice = np.diag(rng.uniform(2.5, 7.0, 3)) + rng.normal(0, 0.8, (3, 3)) * (k % 3 > 0)
        if k % 7 == 3:
            lattice[0] *= 0.4  # a flat cell: many images
        positions = rng.random((n, 3))
        if k % 5 == 4:
            positions = np.unique(np.round(positions * 4) / 4 % 1, axis=0)
        clouds.append((lattice, positions, np.ones(len(positions))))
    return CloudBatch.from_clouds(clouds)


def random_cells(seed: int, *, count: int, n_channels: int = 5, most: int = 9) -> Cells:
    """Return the random clouds as cells, spread over the channels."""
    cells = Cells.of([random_batch(seed, count=count, most=most)])
    channel = (np.arange(len(cells)) % n_channels).astype(np.int32)
    return Cells(cells.rows, cells.points, cells.offsets, channel)


def packed_bars(cells: Cells, settings: CurveSettings) -> list[NDArray[np.uint64]]:
    """Return the CPU engine's bars of each cloud, as the GPU writes them, sorted."""
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
    return [np.sort(packed[a:b]) for a, b in zip(bars.offsets[:-1], bars.offsets[1:], strict=True)]
