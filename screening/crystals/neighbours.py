"""Periodic neighbour pairs from the compiled kernel, for any cell: skew, needle, plate or left-handed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from screening import _kernels
from screening.crystals.arrays import FloatArray, IntArray
from screening.errors import Code, RejectionError

NO_VOLUME, NO_POSITION = 1, 2  # what the kernel answers beside 0


class Pairs(NamedTuple):
    """Pairs of points, column by column; pair k joins point `i[k]` to point `j[k]` moved by `shift[k]` cells."""

    i: IntArray  # (n_pairs,)
    j: IntArray  # (n_pairs,), i <= j
    shift: IntArray  # (n_pairs, 3) cell vectors: the separation is positions[j] + shift - positions[i]
    distance: FloatArray  # (n_pairs,) Å


def periodic_pairs(lattice: ArrayLike, positions: ArrayLike, cutoff: float) -> Pairs:
    """Return all pairs of points of a crystal at most `cutoff` apart, each unordered pair once, sorted by (i, j).

    A point and its own image count once for the two shifts +s and -s. Every image within the cutoff is found, whatever
    the shape of the cell: the basis is Minkowski-reduced and the images are listed by Fincke-Pohst enumeration.

    Parameters
    ----------
    lattice
        Cell vectors as rows, shape (3, 3), Å.
    positions
        Fractional coordinates, shape (n, 3), need not lie in [0, 1).
    cutoff
        Largest distance, Å, inclusive.

    Raises
    ------
    RejectionError
        `bad-cell` for a lattice that is not finite or without volume, `bad-site` for a position that is not finite.
    ValueError
        Wrong shapes, or a cutoff that is negative or not finite.

    Source: Fincke and Pohst, Math. Comp. 44, 463 (1985); Semaev, CaLC 2001 (reduction in three dimensions).
    """
    cell = np.ascontiguousarray(lattice, dtype=np.float64)
    points = np.ascontiguousarray(positions, dtype=np.float64)
    if cell.shape != (3, 3):
        raise ValueError(f"lattice must have shape (3, 3), not {cell.shape}")
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"positions must have shape (n, 3), not {points.shape}")
    if not (np.isfinite(cutoff) and cutoff >= 0):
        raise ValueError(f"cutoff must be a finite length in Å, not {cutoff}")
    status, first, second, shift, distance = _kernels.periodic_pairs(cell, points, float(cutoff))
    check_status(status)
    return Pairs(first, second, shift, distance)


def contiguous(values: FloatArray) -> FloatArray:
    """Return an array as the kernels take it."""
    return np.ascontiguousarray(values, dtype=np.float64)


def check_status(status: int) -> None:
    """Refuse what a kernel could not use.

    Raises
    ------
    RejectionError
        `bad-cell`, `bad-site`.
    """
    if status:
        raise refusal(status)


def refusal(status: int) -> RejectionError:
    """Return what a status other than 0 means."""
    if status == NO_VOLUME:
        return RejectionError(Code.BAD_CELL, "the cell vectors are not finite or span no volume")
    return RejectionError(Code.BAD_SITE, "a fractional coordinate is not finite or beyond a million cells")
