"""One crystal's sublattices, computed and drawn: `screening barcode FILE.cif`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from screening.config import Config
from screening.crystals import CloudBatch, Crystal, channel_clouds, channel_label
from screening.errors import InputError, RejectionError
from screening.features import betti_curves, grid, rank_curves
from screening.homology import engine, percolation_ranks
from screening.report import Sublattice, draw_barcode
from screening.sources import iter_items, read_item


def read_one(path: str, config: Config) -> Crystal:
    """Return the first usable crystal of a file.

    Raises
    ------
    InputError
        There is none; the message says why the last one was refused.
    """
    refusal = "it contains no data block"
    for item in iter_items([path], config.input):
        if item.rejection is not None:
            refusal = item.rejection.detail
            continue
        try:
            return read_item(item, config.input)
        except RejectionError as error:
            refusal = str(error)
    raise InputError(f"{path}: {refusal}")


def sublattices(crystal: Crystal, config: Config) -> dict[str, Sublattice]:
    """Return what is drawn of each channel of a crystal, by label; channels without points are left out."""
    result: dict[str, Sublattice] = {}
    for channel, cloud in channel_clouds(crystal, config.cloud).items():
        if len(cloud[1]) == 0:
            continue
        batch = CloudBatch.from_clouds([cloud])
        r_max = np.array([config.homology.r_max[channel]])
        radii = grid(float(r_max[0]), config.curves.step)
        bars = engine(config.homology.engine).compute(batch, r_max=r_max, settings=config.homology)
        dims = range(config.homology.max_dim + 1)
        result[channel_label(channel, config.cloud)] = Sublattice(
            bars={dim: bars.bars(0, dim) for dim in dims},
            radii=radii,
            betti={dim: betti_curves(bars, radii, dim=dim)[0] for dim in dims},
            ranks=np.array([curve[0] for curve in rank_curves(percolation_ranks(batch, r_max=r_max), radii)]),
        )
    return result


def draw(path: str, out: Path, config: Config) -> None:
    """Write the picture of the crystal in `path` to `out` (.svg, .png or .html)."""
    crystal = read_one(path, config)
    try:
        drawn = sublattices(crystal, config)
    except RejectionError as error:
        raise InputError(f"{path}: {error}") from error
    draw_barcode(drawn, out, title=f"{crystal.id}: {crystal.formula}")
