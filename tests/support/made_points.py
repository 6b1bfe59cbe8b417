"""Random periodic point sets, with and without many equal distances."""

from __future__ import annotations

import numpy as np


def random_points(rng, *, n_sites=None, tied=False):
    """A cell of 1-4 sites, triclinic or with many equal distances, and a radius of about its neighbour shells."""
    n_sites = n_sites or int(rng.integers(1, 5))
    edge = (n_sites * rng.uniform(15, 60)) ** (1 / 3)
    lattice = np.eye(3) * edge if tied else np.eye(3) * edge + rng.normal(0, 0.2 * edge, (3, 3))
    positions = np.unique(np.floor(rng.random((n_sites, 3)) * 4) / 4, axis=0) if tied else rng.random((n_sites, 3))
    return lattice, positions, float(rng.uniform(1.0, 1.45) * edge / n_sites ** (1 / 3))
