"""Slow, independent ways to the same numbers: explicit boundary matrices, tori, finite clouds, known lattices."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from screening.homology.barcodes import ticks

P = 2147483629  # a prime that is not the engine's


def images_within(lattice, positions, cutoff):
    """Directed neighbours {i: {(j, shift): distance}} from a block of images wide enough by the inverse cell."""
    lattice, positions = np.asarray(lattice, float), np.asarray(positions, float)
    spread = np.ptp(positions, axis=0) if len(positions) else np.zeros(3)
    reach = np.ceil(cutoff * np.linalg.norm(np.linalg.inv(lattice), axis=0) + spread + 1e-6).astype(int)
    found: dict[int, dict[Any, float]] = {i: {} for i in range(len(positions))}
    for shift in itertools.product(*(range(-k, k + 1) for k in reach)):
        distance = np.linalg.norm((positions[None, :] + np.array(shift) - positions[:, None]) @ lattice, axis=-1)
        for i, j in np.argwhere(distance <= cutoff):
            if i != j or any(shift):
                found[int(i)][int(j), shift] = float(distance[i, j])
    return found


def orbits(lattice, positions, r_max, top=3):
    """Orbits of simplices by dimension, {simplex: tick}: sorted tuples of (site, shift), the first shift 0."""
    limit = int(ticks(r_max))
    near = images_within(lattice, positions, r_max + 1e-3)
    within = {i: {v: int(ticks(d)) for v, d in row.items() if ticks(d) <= limit} for i, row in near.items()}
    zero = (0, 0, 0)

    def joined(a, b):
        return within[a[0]].get((b[0], tuple(y - x for x, y in zip(a[1], b[1], strict=True))))

    levels: list[dict[Any, int]] = [{((i, zero),): 0 for i in within}]
    for _ in range(top):
        grown = {}
        for simplex, tick in levels[-1].items():
            for w in within[simplex[0][0]]:
                if w > simplex[-1]:
                    new = [joined(v, w) for v in simplex]
                    if all(t is not None for t in new):
                        grown[(*simplex, w)] = max(tick, *new)
        levels.append(grown)
    return levels


def boundary(simplex, units):
    """Boundary of an orbit as {face orbit: coefficient mod P}."""
    column: dict[Any, int] = {}
    for k in range(len(simplex)):
        face, factor = simplex[:k] + simplex[k + 1 :], (-1) ** k
        s = face[0][1]
        if any(s):
            face = tuple((i, tuple(x - y for x, y in zip(t, s, strict=True))) for i, t in face)
            for unit, exponent in zip(units, s, strict=True):
                factor = factor * pow(unit, exponent, P) % P
        column[face] = (column.get(face, 0) + factor) % P
    return {face: value for face, value in column.items() if value}


def rank(columns):
    """Rank mod P of sparse columns by Gaussian elimination."""
    pivots: dict[Any, Any] = {}
    for column in columns:
        work = dict(column)
        while work:
            top = max(work)
            if top not in pivots:
                inverse = pow(work[top], -1, P)
                pivots[top] = {row: value * inverse % P for row, value in work.items()}
                break
            factor = work[top]
            for row, value in pivots[top].items():
                left = (work.get(row, 0) - factor * value) % P
                if left:
                    work[row] = left
                else:
                    work.pop(row, None)
    return len(pivots)


def betti_by_ranks(lattice, positions, r_max, *, max_dim=2, seed=5):
    """{tick: (b0, b1, b2)} at every tick where a simplex enters: n_k - rank d_k - rank d_(k+1)."""
    levels = orbits(lattice, positions, r_max, top=max_dim + 1)
    rng = np.random.default_rng(seed)
    units = [int(u) for u in rng.integers(2, P - 1, 3)]
    columns = [[(tick, boundary(simplex, units)) for simplex, tick in level.items()] for level in levels[1:]]
    values = sorted({tick for level in levels for tick in level.values()})
    betti = {}
    for t in values:
        counts = [sum(tick <= t for tick in level.values()) for level in levels]
        ranks = [0, *(rank(column for tick, column in level if tick <= t) for level in columns)]
        betti[t] = tuple(counts[k] - ranks[k] - ranks[k + 1] for k in range(max_dim + 1))
    return betti


def betti_of_bars(bars, radius):
    """Bars alive at a radius, half open."""
    return int(((bars[:, 0] <= radius) & (radius < bars[:, 1])).sum())


def supercell(lattice, positions, repeats) -> tuple[np.ndarray, np.ndarray]:
    """The cell repeated along its vectors, or by an integer matrix (3, 3) whose rows are the new vectors."""
    matrix = np.diag(repeats) if np.ndim(repeats) == 1 else np.asarray(repeats)
    big = matrix @ np.asarray(lattice, float)
    inverse = np.linalg.inv(matrix)
    reach = np.abs(matrix).sum(axis=0)
    found: dict[Any, Any] = {}
    for shift in itertools.product(*(range(-k, k + 1) for k in reach)):
        for i, p in enumerate(np.asarray(positions, float)):
            offset = np.array(shift) @ inverse
            key = (i, *np.round((offset - np.floor(offset + 1e-9)) * abs(round(np.linalg.det(matrix)))).astype(int))
            found.setdefault(key, (p + np.array(shift)) @ inverse)
    points = np.array(list(found.values()))
    assert len(points) == len(positions) * abs(round(np.linalg.det(matrix)))
    return big, points


def torus_distances(lattice, positions, repeats):
    """Minimum-image distance matrix of the L x L x L torus."""
    big, points = supercell(lattice, positions, (repeats,) * 3)
    block = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    d = points[None, :] - points[:, None]
    d -= np.round(d)
    return np.linalg.norm((d[:, :, None, :] + block) @ big, axis=-1).min(axis=-1)


def sorted_bars(bars):
    return bars[np.lexsort((bars[:, 1], bars[:, 0]))]
