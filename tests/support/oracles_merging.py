"""The merging of split sites in plain Python: what the kernel must equal bit for bit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from screening.crystals.arrays import FloatArray, IntArray, wrap
from screening.crystals.clouds import NOISE, TIE
from screening.crystals.crystal import Crystal
from screening.crystals.linkage import chosen, components
from screening.crystals.neighbours import Pairs, periodic_pairs
from screening.crystals.sites import MOST_SHARED


def sites_of(crystal: Crystal, mask: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Return the sites that hold any of the chosen atoms, their occupancies added, and the site of each such atom."""
    site, first, inverse = np.unique(crystal.site_idx[mask], return_index=True, return_inverse=True)
    occupancies = np.zeros(len(site))
    np.add.at(occupancies, inverse, crystal.occupancies[mask])
    return crystal.lattice, crystal.positions[mask][first], occupancies, inverse.astype(np.int64)


def merged(
    lattice: FloatArray, positions: FloatArray, occupancies: FloatArray, tolerance: float
) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
    """Return merged positions and occupancies, and of each given point the merged point and the cell it is met in."""
    point, cell = np.arange(len(positions)), np.zeros((len(positions), 3), dtype=np.int64)
    left = -1.0  # tied groups at or below this distance have been left as they are
    while len(positions):
        pairs = periodic_pairs(lattice, positions, tolerance)
        # Two images of one point fill it twice.
        open_ = (pairs.distance > left) & (occupancies[pairs.i] + occupancies[pairs.j] <= MOST_SHARED)
        candidates = pairs.distance[open_ & (pairs.distance < tolerance - NOISE)]
        if len(candidates) == 0:
            break
        level = float(candidates.min()) + TIE
        merged = _merge_level(
            lattice, positions, occupancies, chosen(pairs, open_ & (pairs.distance <= level)), tolerance
        )
        if merged is None:
            left = level
            continue
        positions, occupancies, onto, moved = merged
        point, cell = onto[point], cell + moved[point]
        left = -1.0
    return positions, np.minimum(occupancies, 1.0), point, cell


def _merge_level(
    lattice: FloatArray, positions: FloatArray, occupancies: FloatArray, pairs: Pairs, tolerance: float
) -> tuple[FloatArray, FloatArray, IntArray, IntArray] | None:
    """Return positions and occupancies after merging the groups that `pairs` join; None where none can be merged.

    And for each point before: the point it became, and the cells by which it moves to lie beside that.
    """
    groups = _groups(lattice, positions, occupancies, pairs)
    good = groups.finite & (groups.reach <= tolerance) & (groups.weights <= MOST_SHARED)
    good[good] = ~_onto_others(lattice, positions, occupancies, groups, np.flatnonzero(good))
    if not good.any():
        return None
    kept = ~good[groups.group]
    places = np.concatenate([positions[kept], groups.mean[good]])
    wrapped = wrap(places)
    number = np.cumsum(good) - 1 + np.count_nonzero(kept)
    onto = np.where(kept, np.cumsum(kept) - 1, number[groups.group])
    moved = np.where(kept[:, None], 0, groups.shift) - np.rint(places - wrapped)[onto]
    return wrapped, np.concatenate([occupancies[kept], groups.weights[good]]), onto, moved.astype(np.int64)


class _Groups(NamedTuple):
    """Points joined by pairs; a point that no pair joins to another is a group that is not finite."""

    group: IntArray  # (n,) of each point
    shift: FloatArray  # (n, 3) cells by which a point moves to lie beside the others
    finite: NDArray[np.bool_]  # (n_groups,) several points, and not an image of its own
    mean: FloatArray  # (n_groups, 3) weighted with occupancies
    weights: FloatArray  # (n_groups,) occupancies summed
    reach: FloatArray  # (n_groups,) Å from the mean to the farthest point


def _groups(lattice: FloatArray, positions: FloatArray, occupancies: FloatArray, pairs: Pairs) -> _Groups:
    group, shift, endless = components(len(positions), pairs)
    n_groups = int(group.max()) + 1
    unwrapped = positions + shift
    weights = np.bincount(group, weights=occupancies, minlength=n_groups).astype(np.float64)
    sums = [np.bincount(group, weights=occupancies * column, minlength=n_groups) for column in unwrapped.T]
    mean: FloatArray = np.stack(sums, axis=1) / weights[:, None]
    reach = np.zeros(n_groups)
    np.maximum.at(reach, group, np.linalg.norm((unwrapped - mean[group]) @ lattice, axis=1))
    finite = (np.bincount(group, minlength=n_groups) > 1) & ~endless
    return _Groups(group, shift, finite, mean, weights, reach)


def _onto_others(
    lattice: FloatArray, positions: FloatArray, occupancies: FloatArray, groups: _Groups, asked: IntArray
) -> NDArray[np.bool_]:
    """Return (len(asked),) whether a group would be merged onto or across a point that it has no room with."""
    blocked = np.zeros(len(asked), dtype=bool)
    if len(asked) == 0 or occupancies.max() + groups.weights[asked].max() <= MOST_SHARED:
        return blocked
    both = np.concatenate([groups.mean[asked], positions])
    pairs = periodic_pairs(lattice, both, float(groups.reach[asked].max()) + TIE)
    across = (pairs.i < len(asked)) & (pairs.j >= len(asked))
    which, point, step = pairs.i[across], pairs.j[across] - len(asked), pairs.shift[across]
    group = asked[which]
    near = pairs.distance[across] <= groups.reach[group] + TIE
    # A member in another cell is not of the group: a larger cell would have it as another point.
    member = (groups.group[point] == group) & (step == groups.shift[point]).all(axis=1)
    blocked[which[near & ~member & (groups.weights[group] + occupancies[point] > MOST_SHARED)]] = True
    return blocked
