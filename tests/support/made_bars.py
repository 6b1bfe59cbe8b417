"""Random bars, and what an engine would return of them that stops early."""

from __future__ import annotations

import numpy as np

from screening.homology.barcodes import Barcodes, radii_of, ticks


def random_bars(seed: int, n_clouds: int = 5, *, r_max: float = 8.0) -> Barcodes:
    """Bars of births below `r_max` and deaths up to it, components born at 0; ends fall on grid radii often."""
    rng = np.random.default_rng(seed)
    top = int(ticks(np.array(r_max)))
    counts = rng.integers(0, 30, n_clouds)
    n = int(counts.sum())
    dim = rng.integers(0, 3, n)
    birth = rng.integers(0, top // 1000, n) * 1000 + rng.choice([0, 0, 0, 1, -1, 432], n)
    birth = np.where(dim == 0, 0, birth.clip(0))
    death = np.minimum(birth + rng.integers(1, 40, n) * 1000, top)
    death[rng.random(n) < 0.2] = top
    return Barcodes(
        birth=radii_of(birth),
        death=np.where(rng.random(n) < 0.25, np.inf, radii_of(death)),
        dim=dim.astype(np.int8),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        n_points=rng.integers(1, 9, n_clouds).astype(float),
        r_cut=np.full(n_clouds, r_max),
    )


def cut_back(bars: Barcodes, r_cut: np.ndarray) -> Barcodes:
    """What an engine returns that stops each cloud at its `r_cut`: later births are unseen, later deaths infinite."""
    cloud = np.repeat(np.arange(len(bars)), np.diff(bars.offsets))
    seen = bars.birth <= r_cut[cloud]
    counts = np.bincount(cloud[seen], minlength=len(bars))
    return Barcodes(
        birth=bars.birth[seen],
        death=np.where(bars.death > r_cut[cloud], np.inf, bars.death)[seen],
        dim=bars.dim[seen],
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        n_points=bars.n_points,
        r_cut=r_cut,
    )
