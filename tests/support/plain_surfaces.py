"""The surface of a cavity in a piece of a crystal, by sets of bits in plain Python: the oracle of the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from screening.crystals import IntArray

SIGNS = (1, -1, 1, -1)  # of the facets of a tetrahedron, opposite its first vertex to its last


class Piece:
    """The Rips complex of some vertices up to the length of one tetrahedron, in the engine's filtration order."""

    def __init__(self, vertices: IntArray, tick: IntArray, own: Sequence[int], most: int) -> None:
        self._vertices = vertices
        limit = int(tick[np.ix_(own, own)].max())
        near = np.triu(tick <= limit, k=1)
        first, second = np.nonzero(near)
        edges = np.column_stack([first, second])
        triangles = _joined(edges, near)
        tetrahedra = _joined(triangles, near)
        self.too_large = len(tetrahedra) > most
        if self.too_large:
            return
        self._triangles, self._triangle_tick = self._sorted(triangles, tick)
        self._tetrahedra, self._tetrahedron_tick = self._sorted(tetrahedra, tick)
        place = np.zeros((len(vertices),) * 3, dtype=np.int64)
        place[tuple(self._triangles.T)] = np.arange(len(triangles))
        a, b, c, d = self._tetrahedra.T
        facets = np.column_stack([place[b, c, d], place[a, c, d], place[a, b, d], place[a, b, c]])
        self._facets: list[list[int]] = facets.tolist()
        self._boundaries = [0] * len(facets)  # as sets of bits, made when they are asked for
        # A tetrahedron that is the first to hold its last facet: its column needs no reducing. Most are such.
        held, first = np.unique(facets, return_index=True)  # the first place of each in the flat order
        opening = np.full(len(triangles), -1, dtype=np.int64)
        opening[held] = first // 4
        self._latest = facets.max(axis=1)
        self._apparent = opening[self._latest] == np.arange(len(facets))
        self._last = int(np.flatnonzero((self._tetrahedra == own).all(axis=1))[0])

    def _sorted(self, simplices: IntArray, tick: IntArray) -> tuple[IntArray, IntArray]:
        """Return simplices (n, k) in the filtration order of their orbits, translates side by side, and their ticks."""
        longest = np.max(
            [tick[simplices[:, a], simplices[:, b]] for a, b in combinations(range(simplices.shape[1]), 2)], axis=0
        )
        first = self._vertices[simplices[:, 0]]
        keys = [longest, first[:, 0]]
        for k in range(1, simplices.shape[1]):
            vertex = self._vertices[simplices[:, k]]
            keys += [vertex[:, 0], *(vertex[:, 1:] - first[:, 1:]).T]
        keys += list(first[:, 1:].T)
        order = np.lexsort(keys[::-1])
        return simplices[order], longest[order]

    def surface(self, birth: int) -> tuple[IntArray, IntArray] | None:
        """Return the corners (n,) and the oriented faces (m, 3) of a surface whose longest edge has this tick."""
        chain, bound = self._filled(birth)
        if bound == 0 or self._triangle_tick[bound.bit_length() - 1] != birth:
            return None
        chain, bound = self._smaller(chain, bound, birth)
        signs = self._signs(chain)
        return None if signs is None else self._checked(signs, birth)

    def _filled(self, birth: int) -> tuple[int, int]:
        """Return the last tetrahedron reduced until no triangle is longer than the birth, or as far as the piece goes.

        As (chain, boundary), sets of bits.
        """
        ready = np.flatnonzero(self._apparent[: self._last])
        pivots = dict(zip(self._latest[ready].tolist(), ready.tolist(), strict=True))
        columns: dict[int, tuple[int, int]] = {}
        long = int(np.searchsorted(self._triangle_tick, birth, side="right"))  # triangles from here on

        def reduced(k: int, end: int) -> tuple[int, int]:
            chain, bound = 1 << k, self._boundary(k)
            while (top := bound.bit_length() - 1) >= end and (earlier := pivots.get(top)) is not None:
                more, faces = columns.get(earlier) or (1 << earlier, self._boundary(earlier))
                chain ^= more
                bound ^= faces
            return chain, bound

        chain, bound = reduced(self._last, long)
        if bound.bit_length() > long:  # other columns are needed too
            for k in np.flatnonzero(~self._apparent[: self._last]).tolist():
                other = reduced(k, long)
                if other[1].bit_length() > long:
                    pivots[other[1].bit_length() - 1], columns[k] = k, other
            chain, bound = reduced(self._last, long)
        return chain, bound

    def _boundary(self, tetrahedron: int) -> int:
        found = self._boundaries[tetrahedron]
        if not found:
            p, q, r, s = self._facets[tetrahedron]
            found = self._boundaries[tetrahedron] = 1 << p | 1 << q | 1 << r | 1 << s
        return found

    def _smaller(self, chain: int, bound: int, birth: int) -> tuple[int, int]:
        """Return chain and boundary with fewer triangles: tetrahedra no longer than the birth change no class."""
        free = [(1 << k, self._boundary(k)) for k in np.flatnonzero(self._tetrahedron_tick <= birth).tolist()]
        changed = True
        while changed:
            changed = False
            for one, faces in free:
                if (bound & faces).bit_count() > 2:
                    chain, bound, changed = chain ^ one, bound ^ faces, True
        return chain, bound

    def _signs(self, chain: int) -> dict[int, int] | None:
        """Return the tetrahedra of a chain with signs by which the triangles between two of them cancel, if any do."""
        members = _bits(chain)
        sharing: dict[int, list[int]] = {}
        for k in members:
            for face in self._facets[k]:
                sharing.setdefault(face, []).append(k)
        signs: dict[int, int] = {}
        for seed in members[::-1]:  # the last tetrahedron first
            if seed in signs:
                continue
            signs[seed], stack = 1, [seed]
            while stack:
                k = stack.pop()
                for which, face in enumerate(self._facets[k]):
                    if len(sharing[face]) != 2:
                        continue
                    other = sum(sharing[face]) - k
                    wanted = -signs[k] * SIGNS[which] * SIGNS[self._facets[other].index(face)]
                    if other not in signs:
                        signs[other] = wanted
                        stack.append(other)
                    elif signs[other] != wanted:
                        return None
        return signs

    def _checked(self, signs: dict[int, int], birth: int) -> tuple[IntArray, IntArray] | None:
        """Return the boundary of a chain with signs, as corners and oriented faces, if it is what a surface must be."""
        if max(signs) != self._last:  # no tetrahedron comes after the last
            return None
        sums: dict[int, int] = {}
        for k, sign in signs.items():
            for which, face in enumerate(self._facets[k]):
                sums[face] = sums.get(face, 0) + sign * SIGNS[which]
        faces = {face: value for face, value in sorted(sums.items()) if value}
        if max(self._triangle_tick[list(faces)]) != birth or set(faces.values()) - {1, -1}:
            return None
        oriented = self._triangles[list(faces)]
        turned = np.array(list(faces.values())) < 0
        oriented[turned] = oriented[turned][:, [0, 2, 1]]
        used, places = np.unique(oriented, return_inverse=True)
        return used, places.reshape(oriented.shape)


def _joined(simplices: IntArray, near: np.ndarray) -> IntArray:
    """Return the simplices (n, k + 1) of those (m, k) and one more vertex after all of theirs."""
    common = np.logical_and.reduce([near[simplices[:, k]] for k in range(simplices.shape[1])])
    row, vertex = np.nonzero(common)
    return np.column_stack([simplices[row], vertex])


def _bits(number: int) -> Sequence[int]:
    found = []
    while number:
        low = number & -number
        found.append(low.bit_length() - 1)
        number ^= low
    return found
