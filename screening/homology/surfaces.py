"""A closed surface around a cavity: triangles no longer than the birth, filled exactly when the bar ends.

The tetrahedron that ends a bar is the last of a chain x of tetrahedra whose boundary z = dx has no triangle longer than
the birth: z is the surface, x fills it. Both are found by the column algorithm in a finite piece of the infinite
crystal, modulo 2, made smaller, and given signs. What is returned has been checked with whole numbers:

- dz = 0, since z = dx;
- every tetrahedron of x but the last comes before it in the filtration order of the engine `periodic`, or is a
  translate of it;
- the longest edge of z is as long, in ticks, as the birth.

From this it follows for the infinite crystal that z is no boundary as long as the bar lives, and is none up to older
cycles either. Suppose z - z' = dy, with y of tetrahedra before the last and z' (or zero) of triangles before the birth
triangle. Then d(x - y) = z', and x - y still holds the last tetrahedron: in the twisted complex its coefficient is a
polynomial in the units that has the term 1. So the last tetrahedron, reduced, would have a boundary that ends before
the birth triangle or nowhere; but the engine has paired it with the birth triangle, the earliest that any such boundary
can end with. When the bar ends, z is the boundary of x. Source of the argument: ours.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from screening import _kernels
from screening.crystals import CloudBatch, FloatArray, IntArray
from screening.homology.barcodes import ticks
from screening.homology.periodic import flat, raise_for_status

REACH = (0.85, 1.2, 1.7)  # radii of the pieces tried, in lengths of the tetrahedron
MOST_POINTS = 56  # of a piece; the nearest to its middle
MOST_TETRAHEDRA = 20_000  # of a piece


class Surface(NamedTuple):
    """A closed surface of triangles, oriented: every edge is walked as often one way as the other."""

    corners: IntArray  # (n, 4) site, and the cell it lies in
    faces: IntArray  # (m, 3) places among the corners


class Surfaces:
    """Finds the surfaces of one cloud in its cell as read.

    Parameters
    ----------
    lattice
        (3, 3) rows, Å.
    positions
        (n, 3) fractional.
    """

    def __init__(self, lattice: FloatArray, positions: FloatArray) -> None:
        batch = CloudBatch.from_clouds([(lattice, positions, np.ones(len(positions)))])
        # The engine's own cell: reduced, points wrapped. Its filtration order counts sites and shifts there.
        status, rows, _, _, wrapped = _kernels.primitive_cells(*flat(batch), tolerance=-1.0, threads=1)
        raise_for_status(status)
        self._rows = rows.reshape(3, 3)
        self._points = wrapped.reshape(-1, 3)
        self._to = np.rint(self._rows @ np.linalg.inv(lattice)).astype(np.int64)  # reduced rows of given ones
        back = np.rint(np.linalg.inv(self._to)).astype(np.int64)
        self._back = back
        self._moved = np.rint(positions @ back - self._points).astype(np.int64)

    def around(self, tetrahedron: IntArray, birth: float) -> Surface | None:
        """Return a surface of the bar that a tetrahedron ends; None where none is found in the pieces tried.

        Parameters
        ----------
        tetrahedron
            (4, 4) site and cell of its corners: the death simplex of a bar of dimension 2.
        birth
            Of that bar, Å.
        """
        corners = self._reduced(tetrahedron)
        last = int(ticks(np.array(birth)))
        for reach in REACH:
            vertices = self._within(corners, reach)
            at = (self._points[vertices[:, 0]] + vertices[:, 1:]) @ self._rows
            tick = ticks(np.linalg.norm(at[:, None] - at[None], axis=-1))
            own = sorted(int(np.flatnonzero((vertices == corner).all(axis=1))[0]) for corner in corners)
            too_large, found = _kernels.piece_surface(vertices, tick, own, last, MOST_TETRAHEDRA)
            if too_large:
                return None
            if found is not None:
                return Surface(self._given(vertices[found[0]]), found[1])
        return None

    def _reduced(self, corners: IntArray) -> IntArray:
        shifts = corners[:, 1:] @ self._back + self._moved[corners[:, 0]]
        return np.column_stack([corners[:, 0], shifts])

    def _given(self, corners: IntArray) -> IntArray:
        shifts = (corners[:, 1:] - self._moved[corners[:, 0]]) @ self._to
        return np.column_stack([corners[:, 0], shifts])

    def _within(self, corners: IntArray, reach: float) -> IntArray:
        """Return the vertices within a piece around a tetrahedron, its own corners among them, (n, 4)."""
        at = (self._points[corners[:, 0]] + corners[:, 1:]) @ self._rows
        middle = at.mean(axis=0)
        length = max(float(np.linalg.norm(a - b)) for a, b in combinations(at, 2))
        radius = max(reach * length, float(np.linalg.norm(at - middle, axis=1).max()) + 1e-6)
        inverse = np.linalg.inv(self._rows)
        home, spread = middle @ inverse, radius * np.linalg.norm(inverse, axis=0)
        # A wrapped coordinate lies in [0, 1).
        edges = zip(home - spread, home + spread, strict=True)
        ranges = [np.arange(np.ceil(low - 1 - 1e-9), np.floor(high + 1e-9) + 1) for low, high in edges]
        shifts = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.int64)
        away = np.linalg.norm((self._points[:, None] + shifts[None]) @ self._rows - middle, axis=-1)
        site, shift = np.nonzero(away <= radius)
        if len(site) > MOST_POINTS:
            nearest = np.argsort(away[site, shift], kind="stable")[:MOST_POINTS]
            site, shift = site[nearest], shift[nearest]
        vertices = np.column_stack([site, shifts[shift]])
        return np.unique(np.concatenate([vertices, corners]), axis=0)  # in the order of vertices: site, then shift
