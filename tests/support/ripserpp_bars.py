"""Distances and clouds whose bars ripser++ is asked for, and its answers beside those of ripser."""

from __future__ import annotations

import numpy as np
from ripser import ripser

from screening.crystals.crystal import CloudBatch
from screening.homology.ripserpp import coned
from screening.homology.ripserpp_process import RipserppProcess


def tick_distances(rng: np.random.Generator, n: int) -> np.ndarray:
    """Distances of points in general position, on a lattice (many ties), or none of any geometry."""
    kind = rng.integers(3)
    if kind == 2:
        free = np.triu(rng.integers(1, 40, size=(n, n)), 1)
        return np.asarray(free + free.T, dtype=np.float64)
    points = rng.uniform(0, 800, size=(n, 3)) if kind else rng.permutation(np.indices((6, 6, 6)).reshape(3, -1).T)[:n]
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2) * (7 if kind else 700)
    return np.asarray(np.rint(gaps) * (1 - np.eye(n)))


def ordered(bars: np.ndarray) -> np.ndarray:
    """Bars of some length, sorted."""
    lasting = np.asarray(bars, dtype=np.float64).reshape(-1, 2)
    lasting = lasting[lasting[:, 1] > lasting[:, 0]]
    return lasting[np.lexsort(lasting.T[::-1])]


def compare(process: RipserppProcess, seed: int) -> None:
    """Assert that the process gives the bars of ripser for distances drawn with a seed."""
    rng = np.random.default_rng(seed)
    distances = tick_distances(rng, int(rng.integers(10, 45)))
    limit = int(np.quantile(distances, rng.uniform(0.05, 1)))
    found = coned(distances, 1 + seed % 2, limit, process=process, time_limit=60)
    wanted = ripser(distances, maxdim=1 + seed % 2, thresh=float(limit), distance_matrix=True)["dgms"]
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(ordered(ours), ordered(theirs))


def clouds_of(sizes: list[int], seed: int = 0, width: float = 11.0) -> CloudBatch:
    """Clouds whose supercell for a radius of 5 Å is the cell itself."""
    rng = np.random.default_rng(seed)
    return CloudBatch.from_clouds([(np.eye(3) * width, rng.uniform(size=(size, 3)), np.ones(size)) for size in sizes])
