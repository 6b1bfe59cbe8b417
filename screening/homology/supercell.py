"""Barcodes of flat-torus supercells: what other programs compute, kept to compare the exact engine with.

The bars depend on the supercell, and so on the cell in which a crystal is given; see docs/periodic-persistence.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from screening.crystals import CloudBatch, FloatArray, IntArray
from screening.errors import Code, MissingExtraError, RejectionError
from screening.homology.barcodes import Barcodes, radii_of, ticks

MAX_POINTS = 2_000


class Problem(NamedTuple):
    """The supercell of one cloud, whose Rips filtration is to be reduced."""

    distances: FloatArray  # (n, n) ticks
    limit: int  # largest tick
    cloud: int  # index in its batch


Bars = list[FloatArray]  # one (bars, 2) array of ticks per dimension
Rips = Callable[[Problem, int], Bars]  # the highest dimension beside the problem
# Takes the problems of a batch as they come, and gives their bars in the same order; it may read ahead.
Reduce = Callable[[Iterator[Problem], int], Iterator[Bars]]


def barcodes_redzed(
    clouds: CloudBatch, *, r_max: FloatArray, max_dim: int = 2, threads: int = 1, max_points: int = MAX_POINTS
) -> Barcodes:
    """Return the barcodes of minimal supercells wider than twice `r_max`, by RedZeD; bars count over all points.

    `threads` is accepted for the common signature; RedZeD holds the interpreter lock, so more than one gain nothing.

    Parameters
    ----------
    clouds
        Point sets.
    r_max
        (n_clouds,) Å.
    max_dim
        Highest dimension.
    threads
        Not used.
    max_points
        Most points in a supercell; a cloud that needs more is computed up to the radius that fits, as `r_cut` says.

    Raises
    ------
    EngineUnavailableError
        redzed-tda is not installed.
    """
    return torus_barcodes(clouds, one_by_one(rips_redzed()), r_max=r_max, max_dim=max_dim, max_points=max_points)


def rips_redzed() -> Rips:
    """Return RedZeD as a function of tick distances.

    Raises
    ------
    EngineUnavailableError
        redzed-tda is not installed.
    """
    try:
        import redzed_tda
    except ImportError as error:
        raise MissingExtraError("engine supercell needs RedZeD: pip install redzed-tda") from error

    def rips(problem: Problem, dimension: int) -> Bars:
        found = redzed_tda.rips(problem.distances, maxdim=dimension, threshold=float(problem.limit))
        return [np.asarray(bars) for bars in found]

    return rips


def rips_ripser() -> Rips:
    """Return ripser.py as a function of tick distances.

    Raises
    ------
    EngineUnavailableError
        ripser is not installed.
    """
    try:
        from ripser import ripser
    except ImportError as error:
        raise MissingExtraError("engine ripser needs ripser.py: pip install 'screening[reference]'") from error

    def rips(problem: Problem, dimension: int) -> Bars:
        # Ticks stay below 2**24, so its float32 holds them exactly.
        found = ripser(problem.distances, maxdim=dimension, thresh=float(problem.limit), distance_matrix=True)
        return [np.asarray(bars, dtype=np.float64) for bars in found["dgms"]]

    return rips


def barcodes_ripser(
    clouds: CloudBatch, *, r_max: FloatArray, max_dim: int = 2, threads: int = 1, max_points: int = MAX_POINTS
) -> Barcodes:
    """Return what `barcodes_redzed` returns, by ripser.py: the reference that it is tested against.

    Raises
    ------
    EngineUnavailableError
        ripser is not installed.
    """
    return torus_barcodes(clouds, one_by_one(rips_ripser()), r_max=r_max, max_dim=max_dim, max_points=max_points)


def one_by_one(rips: Rips) -> Reduce:
    """Return what reduces each problem when its bars are asked for."""

    def reduce(problems: Iterator[Problem], max_dim: int) -> Iterator[Bars]:
        return (rips(problem, max_dim) for problem in problems)

    return reduce


def torus_barcodes(clouds: CloudBatch, reduce: Reduce, *, r_max: FloatArray, max_dim: int, max_points: int) -> Barcodes:
    """Return the barcodes of minimal supercells, reduced by `reduce`.

    Raises
    ------
    RejectionError
        A cell or coordinate that is no number; the detail names the cloud.
    """
    radii = np.broadcast_to(np.asarray(r_max, dtype=np.float64), (len(clouds),))
    rows: list[FloatArray] = [np.empty((0, 3)) for _ in range(len(clouds))]
    points = np.zeros(len(clouds))
    r_cut = np.zeros(len(clouds))
    reduced: list[int] = []  # clouds with two points or more, in order

    def problems() -> Iterator[Problem]:
        for index, (lattice, positions, _) in enumerate(clouds):
            # The reducers take what is no number for a distance, and return bars.
            if not np.isfinite(lattice).all():
                raise RejectionError(Code.BAD_CELL, f"cloud {index}: the cell vectors are not finite")
            if not np.isfinite(positions).all():
                raise RejectionError(Code.BAD_SITE, f"cloud {index}: a fractional coordinate is not finite")
            wanted = int(ticks(radii[index]))
            distances, limit = supercell_distances(lattice, positions, limit=wanted, max_points=max_points)
            points[index], r_cut[index] = len(distances) or len(positions), radii_of(np.array(limit))
            if limit and len(distances) == 1:
                rows[index] = np.array([[0.0, 0.0, np.inf]])
            elif limit and len(distances):
                reduced.append(index)
                yield Problem(distances.astype(np.float64), limit, index)

    for place, bars in enumerate(reduce(problems(), max_dim)):
        rows[reduced[place]] = _table(bars)
    table = np.concatenate([np.empty((0, 3)), *rows])
    return Barcodes(
        birth=table[:, 1].copy(),
        death=table[:, 2].copy(),
        dim=table[:, 0].astype(np.int8),
        offsets=np.concatenate([[0], np.cumsum([len(one) for one in rows])]).astype(np.int64),
        n_points=points,
        r_cut=r_cut,
    )


def _table(found: Bars) -> FloatArray:
    """Return bars as rows (dim, birth, death) in Å, sorted; those without length are left out."""
    parts = []
    for dim, bars in enumerate(found):
        lasting = bars[bars[:, 1] > bars[:, 0]]
        finite = np.isfinite(lasting[:, 1])
        death = np.full(len(lasting), np.inf)
        death[finite] = radii_of(np.rint(lasting[finite, 1]).astype(np.int64))
        birth = radii_of(np.rint(lasting[:, 0]).astype(np.int64))
        parts.append(np.column_stack([np.full(len(lasting), dim), birth, death]))
    table = np.concatenate(parts)
    return table[np.lexsort(table.T[::-1])]


def supercell_distances(
    lattice: FloatArray, positions: FloatArray, *, limit: int, max_points: int
) -> tuple[IntArray, int]:
    """Return tick distances (n, n) on the torus of a minimal supercell, exact up to a tick, and that tick.

    The supercell repeats a reduced basis so often that every perpendicular width is more than twice the radius. Then a
    separation shorter than the radius has all fractional components in (-1/2, 1/2): rounding finds it, whatever the
    shape of the cell, and what rounding finds for farther pairs is farther too.

    Parameters
    ----------
    lattice, positions
        Cell (3, 3) Å and fractional positions (n, 3).
    limit
        Largest tick wanted.
    max_points
        Most points; the limit is lowered until they suffice. Where even one cell has more, it is 0 and no distance is
        computed.
    """
    basis = reduced_basis(lattice)
    widths = abs(np.linalg.det(basis)) / np.linalg.norm(np.cross(basis[[1, 2, 0]], basis[[2, 0, 1]]), axis=1)
    repeats, limit = _repeats(widths, n_points=len(positions), limit=limit, max_points=max_points)
    if limit == 0:
        return np.empty((0, 0), dtype=np.int64), 0
    cells = np.array(list(itertools.product(*(range(count) for count in repeats))), dtype=np.int64)
    local = (positions @ lattice) @ np.linalg.inv(basis)
    # Separations repeat from cell to cell: from the points of the first cell to all, (n, cells, n), is enough.
    shift = (local[None, None] + cells[None, :, None] - local[:, None, None]) / repeats
    shift -= np.round(shift)
    first = ticks(np.linalg.norm(shift @ (basis * np.array(repeats)[:, None]), axis=-1))
    apart = np.ravel_multi_index(tuple(np.moveaxis((cells[None] - cells[:, None]) % repeats, -1, 0)), repeats)
    n = len(cells) * len(positions)
    distances: IntArray = first[:, apart].transpose(1, 0, 2, 3).reshape(n, n)
    # The two triangles may differ in the last bit where a pair lies half a supercell apart; one decides.
    lower = np.tril(distances, -1)
    return lower + lower.T, limit


def _repeats(widths: FloatArray, *, n_points: int, limit: int, max_points: int) -> tuple[tuple[int, int, int], int]:
    """Return repeats along the basis and the largest tick, at most `limit`, whose supercell fits."""
    while limit > 0:
        diameter = 2.0 * (float(radii_of(np.array(limit + 1))))
        counts = [int(diameter // width) + 1 for width in widths]
        if n_points * counts[0] * counts[1] * counts[2] <= max_points:
            return (counts[0], counts[1], counts[2]), limit
        # The next smaller supercell: the largest radius that needs one repeat less along some axis.
        below = [(count - 1) * width / 2 for count, width in zip(counts, widths, strict=True)]
        limit = min(limit - 1, max(int(ticks(np.array(radius))) - 2 for radius in below))
    return (1, 1, 1), 0


def reduced_basis(lattice: FloatArray) -> FloatArray:
    """Return a Minkowski-reduced basis of the same lattice, rows in order of length.

    Source: Semaev, CaLC 2001: shorten the longest vector by the nearest combination of the other two until nothing
    changes.
    """
    basis = np.array(lattice, dtype=np.float64)
    while True:
        basis = basis[np.argsort(np.linalg.norm(basis, axis=1), kind="stable")]
        steps = np.array(list(itertools.product((-1, 0, 1), repeat=2)))
        pair = basis[1] - np.round(basis[1] @ basis[0] / (basis[0] @ basis[0])) * basis[0]
        if pair @ pair < basis[1] @ basis[1] * (1 - 1e-12):
            basis[1] = pair
            continue
        coefficients = np.round(np.linalg.solve(basis[:2] @ basis[:2].T, basis[:2] @ basis[2]))
        candidates = basis[2] - (coefficients + steps) @ basis[:2]
        best = candidates[np.argmin((candidates**2).sum(axis=1))]
        if best @ best < basis[2] @ basis[2] * (1 - 1e-12):
            basis[2] = best
            continue
        return basis
