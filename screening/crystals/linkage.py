"""Points joined by pairs into groups, across the faces of the cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from screening.crystals.arrays import FloatArray, IntArray
from screening.crystals.neighbours import Pairs


def chosen(pairs: Pairs, mask: NDArray[np.bool_]) -> Pairs:
    """Return the pairs of the mask."""
    return Pairs(pairs.i[mask], pairs.j[mask], pairs.shift[mask], pairs.distance[mask])


def components(n: int, pairs: Pairs) -> tuple[IntArray, FloatArray, NDArray[np.bool_]]:
    """Return (group of each point, its shift within the group in cells, whether a group contains its own image)."""
    neighbours: dict[int, list[tuple[int, IntArray]]] = {}
    for i, j, step in zip(pairs.i.tolist(), pairs.j.tolist(), pairs.shift, strict=True):
        neighbours.setdefault(i, []).append((j, step))
        neighbours.setdefault(j, []).append((i, -step))
    group = np.full(n, -1, dtype=np.int64)
    shift = np.zeros((n, 3))
    endless: list[bool] = []
    for seed in range(n):
        if group[seed] >= 0:
            continue
        label = len(endless)
        endless.append(False)
        group[seed] = label
        stack = [seed]
        while stack:
            point = stack.pop()
            for other, step in neighbours.get(point, ()):
                place = shift[point] + step
                if group[other] < 0:
                    group[other], shift[other] = label, place
                    stack.append(other)
                elif (shift[other] != place).any():
                    endless[label] = True
    return group, shift, np.array(endless, dtype=bool)
