"""Point clouds in the smallest cell that repeats to them."""

from __future__ import annotations

import numpy as np

from screening import _kernels
from screening.crystals import CloudBatch
from screening.homology.periodic import PRIMITIVE_TOLERANCE, flat, raise_for_status


def primitive_cells(clouds: CloudBatch, *, tolerance: float = PRIMITIVE_TOLERANCE, threads: int = 1) -> CloudBatch:
    """Return the clouds in their primitive cells, bases Minkowski-reduced.

    Pure translations of the point set itself are looked for: occupancies do not matter, and the set often has a smaller
    period than the crystal. Points are never moved or averaged: one point of each orbit, the first, is kept with its
    own occupancy, and a distance changes by at most twice the tolerance.

    Parameters
    ----------
    clouds
        Point sets, one per crystal.
    tolerance
        How far a translated point may lie from a point, Å; its noise stays far below a tick by default.
    threads
        Worker threads; the result does not depend on it.

    Raises
    ------
    RejectionError
        A cell without volume or a coordinate that is no number; the detail names the cloud.
    ValueError
        A negative tolerance.
    """
    if not tolerance >= 0 or threads < 1:
        raise ValueError("tolerance must not be negative, threads at least 1")
    status, lattices, offsets, kept, positions = _kernels.primitive_cells(
        *flat(clouds), tolerance=tolerance, threads=threads
    )
    raise_for_status(status)
    from_point = kept + np.repeat(clouds.offsets[:-1], np.diff(offsets))
    return CloudBatch(
        lattices=lattices.reshape(-1, 3, 3),
        positions=positions,
        occupancies=clouds.occupancies[from_point],
        offsets=offsets,
    )
