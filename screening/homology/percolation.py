"""Along how many directions the components of a sublattice run on without end, as a function of the radius."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from screening import _kernels
from screening.crystals import CloudBatch, FloatArray, IntArray
from screening.homology.barcodes import PHASE, RESOLUTION, Barcodes, radii_of
from screening.homology.periodic import (
    BUDGET,
    PRIME,
    PRIMITIVE_TOLERANCE,
    SEED,
    check_settings,
    checked_radii,
    flat,
    kernel_barcodes,
    raise_for_status,
)


@dataclass(frozen=True, slots=True, eq=False)
class PercolationRanks:
    """Sites in finite, chain, layer and framework components: step functions of the radius, flat with offsets.

    The counts at radius r are those of the cloud's last event with radius <= r. The first event of every cloud is at
    radius 0, where all sites are finite components.
    """

    radius: FloatArray  # (n_events,) Å, ascending within a cloud
    counts: IntArray  # (n_events, 4) sites in components of rank 0 finite, 1 chain, 2 layer, 3 framework
    offsets: IntArray  # (n_clouds + 1,)
    n_points: FloatArray  # (n_clouds,) sites that the counts add up to

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def one(self, index: int) -> PercolationRanks:
        """Return the events of one cloud."""
        span = slice(self.offsets[index], self.offsets[index + 1])
        offsets = np.array([0, span.stop - span.start], dtype=np.int64)
        return PercolationRanks(self.radius[span], self.counts[span], offsets, self.n_points[index : index + 1])

    def at(self, index: int, radii: ArrayLike) -> IntArray:
        """Return the counts of one cloud at the given radii (Å), shape (n_radii, 4)."""
        span = slice(self.offsets[index], self.offsets[index + 1])
        event = np.searchsorted(self.radius[span], np.asarray(radii, dtype=np.float64), side="right") - 1
        return self.counts[span][event]


def percolation_ranks(
    clouds: CloudBatch, *, r_max: ArrayLike, threads: int = 1, primitive: bool = True
) -> PercolationRanks:
    """Return how many sites lie in components of rank 0 to 3, by radius, per (primitive) cell.

    Two points are joined when at most the radius apart. The rank of a component is the rank of the lattice translations
    that map it to itself: 0 molecule, 1 chain, 2 layer, 3 framework.

    Parameters
    ----------
    clouds
        Point sets, one per crystal.
    r_max
        Largest radius, scalar or (n_clouds,), Å.
    threads
        Worker threads; the result does not depend on it.
    primitive
        Compute in the smallest cell of the point set. Counts per point are the same either way.

    Raises
    ------
    RejectionError
        A cell without volume, a coordinate that is no number, or coincident points; the detail names the cloud.
    ValueError
        A radius out of range.

    Source: ours; union-find with shift vectors as in periodic nets (Delgado-Friedrichs and O'Keeffe 2003).
    """
    if threads < 1:
        raise ValueError("threads must be at least 1")
    radii = checked_radii(r_max, len(clouds))
    status, points, offsets, ticks, counts = _kernels.percolation(
        *flat(clouds),
        radii,
        resolution=RESOLUTION,
        phase=PHASE,
        threads=threads,
        tolerance=PRIMITIVE_TOLERANCE if primitive else -1.0,
    )
    raise_for_status(status)
    return PercolationRanks(radii_of(ticks), counts, offsets, points.astype(np.float64))


def barcodes_and_ranks(
    clouds: CloudBatch, *, r_max: ArrayLike, max_dim: int = 2, threads: int = 1, budget: int = BUDGET
) -> tuple[Barcodes, PercolationRanks]:
    """Return what `barcodes` and `percolation_ranks` return, from one pass over the neighbours of each cloud.

    Raises
    ------
    RejectionError, ValueError
        As of these.
    """
    return _in_one_pass(flat(clouds), r_max, max_dim=max_dim, threads=threads, budget=budget, ready=False)


def ranks_of_cells(
    cells: tuple[FloatArray, FloatArray, IntArray], *, r_max: FloatArray, max_dim: int, budget: int
) -> tuple[Barcodes, PercolationRanks]:
    """Return what `barcodes_and_ranks` returns of clouds that are ready: as `primitive_cells` gives them.

    Parameters
    ----------
    cells
        Cell vectors (n_clouds, 3, 3) Å, fractional positions (n_points, 3), offsets (n_clouds + 1,).
    r_max
        (n_clouds,) Å.
    max_dim, budget
        As `barcodes`.

    Raises
    ------
    RejectionError
        Two points of a cloud coincide.
    """
    return _in_one_pass(cells, r_max, max_dim=max_dim, threads=1, budget=budget, ready=True)


def _in_one_pass(
    clouds: tuple[FloatArray, FloatArray, IntArray],
    r_max: ArrayLike,
    *,
    max_dim: int,
    threads: int,
    budget: int,
    ready: bool,
) -> tuple[Barcodes, PercolationRanks]:
    radii = checked_radii(r_max, len(clouds[2]) - 1)
    check_settings(max_dim=max_dim, threads=threads, budget=budget, prime=PRIME)
    status, points, cuts, offsets, dims, births, deaths, event_offsets, ticks, counts = (
        _kernels.barcodes_and_percolation(
            *clouds,
            radii,
            resolution=RESOLUTION,
            phase=PHASE,
            max_dim=max_dim,
            threads=threads,
            budget=budget,
            tolerance=PRIMITIVE_TOLERANCE,
            prime=PRIME,
            seed=SEED,
            ready=ready,
        )
    )
    raise_for_status(status)
    bars = kernel_barcodes(radii, points, cuts, offsets, dims, births, deaths)
    return bars, PercolationRanks(radii_of(ticks), counts, event_offsets, points.astype(np.float64))
