"""Cells for the exact engine on a GPU, and what the CPU engine finds in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from screening.config import Config
from screening.crystals import CloudBatch
from screening.features import prepare
from screening.gpu.cells import Cells
from screening.sources import iter_items


def cells_of_files(paths: Sequence[Path], config: Config) -> Cells:
    """Return the cells of all channels of the crystals that can be used."""
    clouds = prepare(list(iter_items([str(path) for path in paths], config.input)), config).clouds
    return Cells.of([clouds[channel] for channel in config.cloud.channels])


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
