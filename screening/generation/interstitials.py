"""Where more of the mobile ion finds room: in sites that are partly filled, then in the largest holes between atoms.

A hole is a point that no nearby point is farther from all atoms than: a local maximum of the distance to the nearest
atom, whose centre of an empty sphere is a vertex of the Voronoi diagram of the infinite crystal. The diagram of a block
that reaches beyond the cell by more than the largest empty sphere has those of the cell exactly. All atoms count with
their centres, the mobile ion's too, whatever their occupancy and radius.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls
from scipy.spatial import Voronoi, cKDTree

from screening.crystals import FloatArray, IntArray, periodic_pairs, wrap
from screening.errors import InputError

# Lithium is no nearer to any atom than this in ordered crystals (Li-F 1.8, Li-O 1.85 Å), with 0.2 Å left to relax. Å.
LEAST_RADIUS = 1.6
# Two places nearer than this are never filled at once; split sites of refined crystals lie closer. Å.
EXCLUSIVE = 1.5
LIKE = 0.02  # holes whose radii differ by no more from the largest are filled alike, Å
SAME = 1e-3  # vertices nearer than this are one, Å
FIRST_MARGIN = 6.0  # beyond the cell, in the first block, Å
GRID = 1.5  # largest step of the points at which the block is checked, Å
MOST_ATOMS = 100_000  # of the block; more only come from cells that are nearly empty
MOST_POINTS = 1_000_000  # of these, about; in a larger cell they stand farther apart


class Holes(NamedTuple):
    """Local maxima of the distance to the nearest atom, largest first."""

    positions: FloatArray  # (n, 3) fractional, in [0, 1)
    radius: FloatArray  # (n,) Å, to the centre of the nearest atom


def holes(lattice: FloatArray, positions: FloatArray) -> Holes:
    """Return the holes of a crystal; a crystal in a larger cell has the same ones, more often.

    Parameters
    ----------
    lattice
        (3, 3) Å, rows are cell vectors.
    positions
        (n, 3) fractional, at least one atom.

    Raises
    ------
    InputError
        The cell is so empty that more than `MOST_ATOMS` surround it.

    Source: ours; that they are Voronoi vertices: Okabe et al., Spatial Tessellations, 2nd ed. (2000), section 2.3.
    """
    distinct = np.unique(np.round(wrap(positions), 9), axis=0)  # atoms that share a site are one centre
    atoms = _surrounding(lattice, distinct)
    tree = cKDTree(atoms)
    found = Voronoi(atoms).vertices
    found = found[_in_cell(lattice, found)]
    radius = tree.query(found)[0]
    order = np.lexsort((*found.T[::-1], -radius))
    found, radius = found[order], radius[order]
    kept = [row for row in _distinct(lattice, found) if _is_maximum(tree, found[row], radius[row])]
    return Holes(wrap(found[kept] @ np.linalg.inv(lattice)), radius[kept])


def _surrounding(lattice: FloatArray, positions: FloatArray) -> FloatArray:
    """Return cartesian centres among which is the nearest atom of every point of the cell, and all others as near.

    The distance to the nearest atom changes by no more than the way gone. So a grid over the cell bounds it everywhere,
    and a block that reaches farther outside the cell than that bound lacks no atom that matters.
    """
    edges = np.linalg.norm(lattice, axis=1)
    counts = np.ceil(edges / max(GRID, float(np.cbrt(edges.prod() / MOST_POINTS)))).astype(int)
    beyond = float((edges / counts).sum()) / 2.0  # from any point of the cell to a point of the grid, at most
    steps = np.stack(np.meshgrid(*(np.arange(n) / n for n in counts), indexing="ij"), axis=-1).reshape(-1, 3)
    margin = FIRST_MARGIN
    while True:
        atoms = _block(lattice, positions, margin)
        if len(atoms) and float(cKDTree(atoms).query(steps @ lattice)[0].max()) + beyond < margin:
            return atoms
        margin *= 1.5


def _in_cell(lattice: FloatArray, points: FloatArray) -> np.ndarray:
    """Return which cartesian points (n, 3) lie in the cell, its lower faces included to within rounding."""
    fractional = points @ np.linalg.inv(lattice)
    return np.asarray(((fractional >= -1e-6) & (fractional < 1.0 + 1e-6)).all(axis=1))


def _block(lattice: FloatArray, positions: FloatArray, margin: float) -> FloatArray:
    """Return the cartesian centres of all atoms at most `margin` (Å) outside the cell, and some more."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)  # between opposite faces
    if len(positions) * float((1.0 + 2.0 * np.ceil(margin / heights)).prod()) > MOST_ATOMS:
        raise InputError(f"a cell of {heights.max():.0f} Å with {len(positions)} sites is too sparse to find its holes")
    reach = np.ceil(margin / heights).astype(int)
    steps = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    points = (positions[None, :, :] + steps[:, None, :]).reshape(-1, 3)
    near = ((points >= -margin / heights - 1e-9) & (points <= 1.0 + margin / heights + 1e-9)).all(axis=1)
    return np.asarray(points[near] @ lattice, dtype=np.float64)


def _distinct(lattice: FloatArray, points: FloatArray) -> IntArray:
    """Return the rows of cartesian points (n, 3) that are no image of an earlier one."""
    pairs = periodic_pairs(lattice, points @ np.linalg.inv(lattice), SAME)
    later = np.maximum(pairs.i, pairs.j)[pairs.i != pairs.j]
    return np.setdiff1d(np.arange(len(points)), later)


def _is_maximum(tree: cKDTree, point: FloatArray, radius: float) -> bool:
    """Return whether no way leads from a vertex away from all of its nearest atoms: it lies in their convex hull."""
    nearest = tree.data[tree.query_ball_point(point, radius + SAME)] - point
    # Weights of at least 0 that sum to 1 and balance the directions: there are such if and only if it is inside.
    system = np.vstack([nearest.T / radius, np.ones(len(nearest))])
    return bool(nnls(system, np.array([0.0, 0.0, 0.0, 1.0]))[1] < 1e-3)


def shares(lattice: FloatArray, positions: FloatArray, room: FloatArray) -> FloatArray:
    """Return what can be added (n,) to each of some places, so that no `EXCLUSIVE` neighbours hold more than one atom.

    Parameters
    ----------
    lattice
        (3, 3) Å.
    positions
        (n, 3) fractional.
    room
        (n,) what each place may still hold, those that exclude it counted.

    Source: ours. With N(i) the places that exclude i, itself among them, the least of room(j) / |N(j)| over j in N(i)
    sums over N(i) to at most room(i).
    """
    pairs = periodic_pairs(lattice, positions, EXCLUSIVE)
    size = np.ones(len(positions))
    np.add.at(size, pairs.i, 1.0)
    np.add.at(size, pairs.j, 1.0)
    each = np.clip(room, 0.0, 1.0) / size
    least = each.copy()
    np.minimum.at(least, pairs.i, each[pairs.j])
    np.minimum.at(least, pairs.j, each[pairs.i])
    return least


def levels(found: Holes) -> Iterator[IntArray]:
    """Yield the rows of holes, those of one size together, the largest first."""
    begin = 0
    while begin < len(found.radius):
        end = int(np.searchsorted(-found.radius, -(found.radius[begin] - LIKE), side="right"))
        yield np.arange(begin, end)
        begin = end
