"""`Crystal` → the point set of each channel, with split sites merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from screening.config import CloudConfig
from screening.crystals.arrays import FloatArray, IntArray, wrap
from screening.crystals.chemistry import anion_mask
from screening.crystals.crystal import Crystal
from screening.crystals.linkage import chosen, components
from screening.crystals.neighbours import Pairs, periodic_pairs
from screening.crystals.sites import MOST_SHARED
from screening.elements import NUMBERS
from screening.errors import Code, RejectionError

Cloud = tuple[FloatArray, FloatArray, FloatArray]  # lattice (3, 3) Å, positions (n, 3) fractional, occupancies (n,)
# Distances closer than this are tied: they are merged together, whichever the float noise makes the smaller. No decimal
# number, so that differences of rounded coordinates do not lie on the edge. Å.
TIE = 1.618e-4
# A distance this close to the tolerance is at it, not below: two sites 1.0000 Å apart are not closer than 1.0 Å. Å.
NOISE = 1e-6


def channel_label(channel: str, config: CloudConfig) -> str:
    """Return the name of a channel in columns and tables: the ion's symbol for ``mobile``, else the channel itself."""
    return config.mobile_ion if channel == "mobile" else channel


def channel_clouds(crystal: Crystal, config: CloudConfig) -> dict[str, Cloud]:
    """Return the cloud of every configured channel, in that order; a sublattice that the crystal lacks is empty.

    Raises
    ------
    RejectionError
        no-mobile-ion.
    """
    masks = _masks(crystal, config)
    return {
        channel: merge_sites(*_sites(crystal, masks[channel])[:3], tolerance=_tolerance(channel, config))
        for channel in config.channels
    }


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Which atoms of the crystal make up each point of a cloud, and in which cell each of them lies.

    Atom `atom[k]`, moved by `shift[k]` cells, belongs to point `point[k]` of the cloud as listed.
    """

    atom: IntArray  # (n,) rows of the crystal, ascending
    point: IntArray  # (n,) points of the cloud
    shift: IntArray  # (n, 3) cells


def channel_members(crystal: Crystal, config: CloudConfig) -> dict[str, tuple[Cloud, Members]]:
    """Return the cloud of every configured channel, as `channel_clouds`, and the atoms that each of its points is of.

    Raises
    ------
    RejectionError
        no-mobile-ion.
    """
    masks = _masks(crystal, config)
    result: dict[str, tuple[Cloud, Members]] = {}
    for channel in config.channels:
        lattice, positions, occupancies, site = _sites(crystal, masks[channel])
        positions, occupancies, point, shift = _merged(lattice, positions, occupancies, _tolerance(channel, config))
        atoms = Members(np.flatnonzero(masks[channel]), point[site], shift[site])
        result[channel] = ((lattice, positions, occupancies), atoms)
    return result


def _masks(crystal: Crystal, config: CloudConfig) -> dict[str, NDArray[np.bool_]]:
    """Return which atoms are of each channel."""
    mobile = crystal.numbers == NUMBERS[config.mobile_ion]
    if not mobile.any():
        raise RejectionError(Code.NO_MOBILE_ION, f"the crystal places no {config.mobile_ion}")
    masks = {"mobile": mobile, "framework": ~mobile, "all": np.ones(len(mobile), dtype=bool)}
    if "anion" in config.channels or "cation" in config.channels:
        anion = anion_mask(crystal) & ~mobile
        masks |= {"anion": anion, "cation": ~anion & ~mobile}
    return masks


def _tolerance(channel: str, config: CloudConfig) -> float:
    return config.merge_mobile if channel in {"mobile", "all"} else config.merge_other


def _sites(crystal: Crystal, mask: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Return the sites that hold any of the chosen atoms, their occupancies added, and the site of each such atom."""
    site, first, inverse = np.unique(crystal.site_idx[mask], return_index=True, return_inverse=True)
    occupancies = np.zeros(len(site))
    np.add.at(occupancies, inverse, crystal.occupancies[mask])
    return crystal.lattice, crystal.positions[mask][first], occupancies, inverse.astype(np.int64)


def merge_sites(lattice: FloatArray, positions: FloatArray, occupancies: FloatArray, *, tolerance: float) -> Cloud:
    """Return the cloud with split sites merged: points closer than `tolerance` (Å) become their weighted mean.

    Points are one split site only if there is room for one atom: two points that fill more than `MOST_SHARED` between
    them are never joined, whatever their elements and their distance. The closest of the other pairs are joined first,
    all pairs tied within `TIE` together, each group of joined points becoming its occupancy-weighted mean; this is
    repeated until no pair can be joined. It ends because every round lowers the number of points or raises the level
    below which groups were left alone. The result does not depend on the order of sites, the origin or the cell:
    distances and occupancies alone decide, and copies of a group in a larger cell are tied with it. Added occupancies
    are capped at 1.

    A tied group is left as it is if

    - it fills more than `MOST_SHARED` in all: which of its points belong together nobody can tell (three thirds of 0.4
      each on a triangle stay three points),
    - its mean would lie as close to a point with which it fills more than that as to its own farthest member: no group
      is merged onto or across an atom, or
    - it runs on without end, or reaches farther than the tolerance from its mean (none of 14,592 lithium compounds of
      the Materials Project and of 254 measured conductors does). For an endless chain of points evenly spaced by less
      than the tolerance no rule does better: the chain maps to itself when moved by one spacing, so what a rule makes
      of it without regard to order and origin does too, and is empty or still holds points one spacing apart.

    Parameters
    ----------
    lattice
        (3, 3) Å.
    positions
        (n, 3) fractional.
    occupancies
        (n,).
    tolerance
        Å.

    Source: ours.
    """
    merged, filled, _, _ = _merged(lattice, positions, occupancies, tolerance)
    return lattice, merged, filled


def _merged(
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
