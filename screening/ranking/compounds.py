"""One row a compound: which entries of a list are other entries of the compound that a better one stands for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist, squareform

from screening.crystals import UNKNOWN, FloatArray, IntArray
from screening.learn import NEAR_DUPLICATE, FeatureSpace
from screening.ranking.duplicates import READ_ROWS
from screening.store import FeatureTable

Points = Callable[[IntArray], FloatArray]  # rows of the list to their points in feature space


def folded_into(
    formulas: NDArray[np.object_], rows: IntArray, *, types: NDArray[np.object_] | None = None,
    points: Points | None = None,
) -> dict[int, int]:  # fmt: skip
    """Return for each row that is folded the one that stands for it.

    Of `rows`, best first, the first of each formula stands for all others of it; where `types` are given, for those
    alone that have its type or nearly its features, or those of such a one; of the others again the first.

    Parameters
    ----------
    formulas
        (n,) of all crystals.
    rows
        (m,) indices of those that may be folded, best first.
    types
        (n,) prototypes, "" or `UNKNOWN` where there is none.
    points
        Gives the points (k, n_used) of rows (k,) in feature space; None where features cannot be read again.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for row in rows.tolist():
        groups[str(formulas[row])].append(row)
    several = [group for group in groups.values() if len(group) > 1]
    if types is None:
        return {row: group[0] for group in several for row in group[1:]}
    found: dict[int, int] = {}
    for part in _parts(several):
        asked = np.array([row for group in part for row in group], dtype=np.int64)
        at = {row: place for place, row in enumerate(asked.tolist())}
        where = None if points is None else points(asked)
        for group in part:
            found |= _alike(group, types, None if where is None else where[[at[row] for row in group]])
    return found


def _alike(group: list[int], types: NDArray[np.object_], where: FloatArray | None) -> dict[int, int]:
    """Return for each row of a formula the first of those that it is joined to, by type or features, or by others."""
    size = len(group)
    joined = np.zeros((size, size), dtype=np.bool_)
    if where is not None:
        joined |= squareform(pdist(where)) <= NEAR_DUPLICATE
    of = types[group]
    joined |= (of[:, None] == of[None]) & ~np.isin(of, ("", UNKNOWN))[:, None]
    _, part = connected_components(csr_array(joined), directed=False)
    first = {int(number): place for place, number in reversed(list(enumerate(part)))}
    return {group[place]: group[first[int(part[place])]] for place in range(size) if first[int(part[place])] != place}


def _parts(groups: Sequence[list[int]]) -> Iterator[list[list[int]]]:
    """Yield groups together, about `READ_ROWS` rows at a time."""
    part: list[list[int]] = []
    for group in groups:
        part.append(group)
        if sum(map(len, part)) >= READ_ROWS:
            yield part
            part = []
    if part:
        yield part


def points_of(signatures: NDArray[Any], tables: Sequence[FeatureTable], space: FeatureSpace) -> Points:
    """Return what reads the features of rows again and projects them; each table is read once a call."""

    def points(rows: IntArray) -> FloatArray:
        found = np.empty((len(rows), int(space.used.sum())))
        chosen = signatures[rows]
        for number in np.unique(chosen["table"]):
            here = np.flatnonzero(chosen["table"] == number)
            found[here] = space.project(tables[int(number)].features[chosen["row"][here]])
        return found

    return points
