"""Average minimum distances: how far the nearest, second nearest, ... neighbour lies, for three pairs of sublattices.

The k-th is the mean over the points of one sublattice of the distance to the k-th nearest point of the other, images
included. They change little where atoms move little, and do not depend on the cell that describes the crystal.
Source: Widdowson, Mosca, Pulido, Cooper, Kurlin, MATCH Commun. Math. Comput. Chem. 87 (2022) 529, for one sublattice;
the pairs are ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from screening import _kernels
from screening.config import CloudConfig
from screening.crystals import CloudBatch, FloatArray, channel_label
from screening.store import DISTANCE, ShardRows

NEIGHBOURS = 30
PAIRS = (("mobile", "mobile"), ("anion", "anion"), ("mobile", "anion"))


def distance_columns(config: CloudConfig) -> list[str]:
    """Return the names of the distances, ``distance/Li-anion/1``: from, to, and which nearest."""
    return [
        f"{DISTANCE}{channel_label(first, config)}-{channel_label(second, config)}/{nearest}"
        for first, second in PAIRS
        for nearest in range(1, NEIGHBOURS + 1)
    ]


def average_distances(clouds: dict[str, CloudBatch], n: int) -> FloatArray:
    """Return the distances (n, 90) in Å, rounded to single precision, of n crystals.

    NaN where a crystal lacks one of the two sublattices, or the settings do not ask for its channel.

    Parameters
    ----------
    clouds
        By channel, n each.
    n
        Crystals.
    """
    found = np.full((n, len(PAIRS) * NEIGHBOURS), np.nan)
    for number, (first, second) in enumerate(PAIRS):
        if first not in clouds or second not in clouds or not n:
            continue
        here, there = clouds[first], clouds[second]
        status, means = _kernels.nearest_means(
            here.lattices.reshape(-1), here.positions.reshape(-1), here.offsets, there.positions.reshape(-1),
            there.offsets, first == second, NEIGHBOURS,
        )  # fmt: skip
        good = status == 0
        span = slice(number * NEIGHBOURS, (number + 1) * NEIGHBOURS)
        found[good, span] = means[good].astype(np.float32)
    return found


def distances_in(rows: ShardRows, config: CloudConfig) -> NDArray[np.float32]:
    """Return the distances (n, 90) that rows of a shard hold."""
    return rows.numbers[:, -len(distance_columns(config)) :].astype(np.float32)
