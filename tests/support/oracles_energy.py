"""Slow and simple: the energy of a site atom by atom, and along how many directions a region of a grid runs on."""

from __future__ import annotations

import itertools
from collections import deque

import numpy as np
from scipy.special import erfc

STEPS = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]


def site_energy(
    point: np.ndarray,
    lattice: np.ndarray,
    positions: np.ndarray,
    kinds: np.ndarray,
    weights: np.ndarray,
    table: np.ndarray,
    cutoff: float,
) -> float:
    """The energy at a fractional point: every image of every atom within the cutoff, by the formulas."""
    heights = np.abs(np.linalg.det(lattice)) / np.linalg.norm(
        np.cross(np.roll(lattice, -1, axis=0), np.roll(lattice, -2, axis=0)), axis=1
    )
    reach = [int(np.ceil(cutoff / height)) + 1 for height in heights]
    shifts = np.array(list(itertools.product(*(range(-n, n + 1) for n in reach))))
    total = 0.0
    for position, kind, weight in zip(positions, kinds, weights, strict=True):
        r_min, alpha, d0, coulomb, screening = table[kind]
        offset = position - np.floor(position) - (point - np.floor(point))
        r = np.linalg.norm((shifts + offset) @ lattice, axis=1)
        r = r[r <= cutoff]
        morse = d0 / 2 * ((np.exp(alpha * (r_min - r)) - 1) ** 2 - 1)
        repulsion = coulomb * erfc(r / screening) / r
        total += weight * float((morse + repulsion).sum())
    return total


def regions(inside: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Regions of a periodic grid, 26 neighbours: the rank of their closed walks, their points (n, 3), and the walks.

    A flood fill gives every point one lattice translation; where it meets a point again with another one, the
    difference is a closed walk.
    """
    dims = inside.shape
    at: dict[tuple[int, ...], tuple[int, ...]] = {}
    found = []
    for start in map(tuple, np.argwhere(inside).tolist()):
        if start in at:
            continue
        at[start] = (0, 0, 0)
        walks, points, waiting = [(0, 0, 0)], [start], deque([start])
        while waiting:
            point = waiting.popleft()
            for step in STEPS:
                raw = [point[k] + step[k] for k in range(3)]
                cell = tuple(at[point][k] + raw[k] // dims[k] for k in range(3))
                other = tuple(raw[k] % dims[k] for k in range(3))
                if not inside[other]:
                    continue
                if other not in at:
                    at[other] = cell
                    points.append(other)
                    waiting.append(other)
                else:
                    walks.append(tuple(cell[k] - at[other][k] for k in range(3)))
        unique = np.array(sorted(set(walks)))
        found.append((int(np.linalg.matrix_rank(unique)), np.array(points), unique))
    return found


def barrier_levels(energies: np.ndarray) -> tuple[list[float], list[float]]:
    """The lowest energies at which a region of rank at least 1, 2, 3 is there, and the least energy of those that run
    on at each of them."""
    levels = sorted(set(energies.ravel().tolist()))
    found, lowest = [], []
    for rank in (1, 2, 3):
        for level in levels:
            there = regions(energies <= level)
            if max(one for one, *_ in there) >= rank:
                found.append(level)
                lowest.append(min(energies[tuple(points.T)].min() for one, points, _ in there if one >= 1))
                break
    return found, lowest
