"""Which compounds without a crystal may train for a test fold: none related to a test crystal, nor its template.

One relation over labelled crystals, made compounds and templates: the same publication, the same composition, nearly
the same features, or *made from*. Compositions that are learned from by themselves (`screening.learn.told`) have no
template and no features that could tell near-duplicates, so a composition near a crystal's counts as the same.

For every split a compound is left out if it or its template is related to a test crystal. Where whole groups are left
out (``grouped``, ``family``) no path of relations may lead there either: a compound that would join two groups is left
out for good, and one that hangs on a group trains only where that group does. Compounds are left out, never made anew
on another template.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from screening.crystals import BoolArray, FloatArray, IntArray
from screening.errors import LeakError
from screening.learn.made import Made
from screening.learn.names import publication_keys
from screening.learn.space import FeatureSpace
from screening.learn.splits import NEAR_DUPLICATE, SAME_COMPOSITION, Pairs, connected_groups, equal_pairs
from screening.learn.told import Told

PATHS = ("grouped", "family")  # splits in which no path may lead from a compound to a test crystal
# Atomic fractions that compositions without a structure may differ by and still count as the same. With it they are as
# far from the crystals of a grouped test fold as the crystals that train for it are (docs/learning.md).
TOLD_COMPOSITION = 0.02
JOINS, FREE = -2, -1  # groups of compounds that join two groups, and of those that hang on none


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """Related nodes: labelled crystals 0..n-1, then compounds, then templates."""

    n_crystals: int
    n_made: int
    template: IntArray  # (n_made,) nodes; its own where a compound has none
    distance: FloatArray  # (n_made,)
    ids: NDArray[np.object_]  # (n_made,)
    pairs: dict[str, Pairs]  # related nodes, by reason

    @classmethod
    def of(
        cls,
        *,
        ids: NDArray[np.object_],
        features: NDArray[np.float32],
        fractions: FloatArray,
        publication: NDArray[np.object_],
        made: Made,
    ) -> Relation:
        """Return the relation between labelled crystals (n,) and what was made."""
        n, m = len(ids), len(made)
        unstated = np.full(len(made.template_ids), "", dtype=object)
        points = FeatureSpace.of(features)
        everything = np.concatenate([features, made.features, made.template_features])
        shares = np.concatenate([fractions, made.fractions, made.template_fractions])
        named = publication_keys(np.concatenate([publication, made.publication, unstated]))
        own = {str(id): row for row, id in enumerate(ids)}
        same = [(n + m + at, own[str(id)]) for at, id in enumerate(made.template_ids) if str(id) in own]
        return cls(
            n_crystals=n,
            n_made=m,
            template=n + m + made.template,
            distance=made.distance,
            ids=made.ids,
            pairs={
                "composition": _pairs(cKDTree(shares).query_pairs(SAME_COMPOSITION, p=np.inf, output_type="ndarray")),
                "near-duplicate": _pairs(
                    cKDTree(points.project(everything)).query_pairs(NEAR_DUPLICATE, output_type="ndarray")
                ),
                "publication": _cliques(named),
                "made from": np.column_stack([n + np.arange(m), n + m + made.template]).astype(np.int64),
                "template": np.array(same, dtype=np.int64).reshape(-1, 2),
            },
        )

    @classmethod
    def of_told(
        cls,
        *,
        fractions: FloatArray,
        publication: NDArray[np.object_],
        told: Told,
        family: NDArray[np.object_] | None = None,
    ) -> Relation:
        """Return the relation between labelled crystals (n,) and compositions without one.

        Where `family` (n,) states a chemical family, a composition is of that of the crystal nearest to it, and
        related to that crystal; the split by family asks for it.
        """
        n, m = len(fractions), len(told)
        shares = cKDTree(np.concatenate([fractions, told.fractions]))
        named = publication_keys(np.concatenate([publication, told.publication]))
        pairs = {
            "composition": _pairs(shares.query_pairs(TOLD_COMPOSITION, p=np.inf, output_type="ndarray")),
            "publication": _cliques(named),
            "template": np.empty((0, 2), dtype=np.int64),
        }
        if family is not None:
            nearest = cKDTree(fractions).query(told.fractions)[1]
            pairs["family"] = np.column_stack([nearest, n + np.arange(m)]).astype(np.int64)
        # Crystals that are alike in composition are whatever their own split makes of them.
        pairs["composition"] = pairs["composition"][(pairs["composition"] >= n).any(axis=1)]
        return cls(
            n_crystals=n,
            n_made=m,
            template=n + np.arange(m, dtype=np.int64),
            distance=np.zeros(m),
            ids=told.ids,
            pairs=pairs,
        )

    def near(self, held: BoolArray) -> BoolArray:
        """Return which compounds (n_made,) are related to a held crystal (n_crystals,), themselves or their template.

        A template that is a labelled crystal is that crystal, with all that it is related to.
        """
        reached = np.zeros(self._n_nodes, dtype=np.bool_)
        reached[: self.n_crystals] = held
        step = self._step(reached)
        labelled = self.pairs["template"]
        step[labelled[:, 0]] |= self._step(reached)[labelled[:, 1]]
        made = slice(self.n_crystals, self.n_crystals + self.n_made)
        return np.asarray(step[made] | step[self.template], dtype=np.bool_)

    def _step(self, reached: BoolArray) -> BoolArray:
        found = reached.copy()
        for pairs in self.pairs.values():
            found[pairs[reached[pairs[:, 0]], 1]] = True
            found[pairs[reached[pairs[:, 1]], 0]] = True
        return found

    @property
    def _n_nodes(self) -> int:
        return int(max(self.template.max(initial=-1), self.n_crystals + self.n_made - 1)) + 1

    def whole(self, groups: IntArray) -> IntArray:
        """Return groups (n_crystals,) joined wherever two of their crystals are related."""
        pairs = {name: rows[(rows < self.n_crystals).all(axis=1)] for name, rows in self.pairs.items()}
        pairs["groups"] = equal_pairs(groups.astype(str).astype(object))
        return connected_groups(self.n_crystals, pairs)

    def hung_on(self, groups: IntArray) -> IntArray:
        """Return the group (n_made,) that each compound hangs on by a path, `FREE` for none, `JOINS` if left out.

        Nearest to their templates first, each compound is taken unless it would join two groups of crystals through
        those taken before it.

        Parameters
        ----------
        groups
            (n_crystals,) groups that folds keep whole.
        """
        neighbours = self._neighbours()
        sets = _Sets(self._n_nodes, groups)
        taken = np.zeros(self._n_nodes, dtype=np.bool_)
        taken[: self.n_crystals] = True
        first_made, first_template = self.n_crystals, self.n_crystals + self.n_made
        made = first_made + np.lexsort((self.ids.astype(str), self.distance))
        for node in [*range(first_template, self._n_nodes), *made.tolist()]:
            is_made = node < first_template
            template = int(self.template[node - first_made]) if is_made else node
            if template != node and not taken[template]:
                continue
            taken[node] = sets.join(node, [other for other in neighbours[node] if taken[other]])
        found = np.full(self.n_made, JOINS, dtype=np.int64)
        for row in np.flatnonzero(taken[first_made:first_template]):
            found[row] = sets.group(first_made + int(row))
        return found

    def _neighbours(self) -> list[list[int]]:
        neighbours: list[list[int]] = [[] for _ in range(self._n_nodes)]
        for pairs in self.pairs.values():
            for first, second in pairs.tolist():
                neighbours[first].append(second)
                neighbours[second].append(first)
        return neighbours

    def check(self, used: BoolArray, held: BoolArray, *, groups: IntArray | None = None) -> None:
        """Return nothing if no used compound (n_made,) is related to a held crystal, nor led to by a path of `groups`.

        By other means than the choice: connected components of what is used, and each relation looked at anew.

        Raises
        ------
        LeakError
            There is a leak; the message names the compound and the relation.
        """
        sides = np.zeros(self._n_nodes, dtype=np.bool_)
        sides[: self.n_crystals] = held
        for compound in np.flatnonzero(used).tolist():
            nodes = {self.n_crystals + compound, int(self.template[compound])}
            nodes |= {int(b) for a, b in self.pairs["template"] if int(a) in nodes}
            for reason, pairs in self.pairs.items():
                near = pairs[np.isin(pairs, list(nodes)).any(axis=1)]
                if sides[near].any() or sides[list(nodes)].any():
                    raise LeakError(f"leak: {self.ids[compound]} trains and is related to a test crystal ({reason})")
        if groups is None:
            return
        keep = np.ones(self._n_nodes, dtype=np.bool_)
        keep[self.n_crystals : self.n_crystals + self.n_made] = used
        keep[self.n_crystals + self.n_made :] = np.isin(
            np.arange(self.n_crystals + self.n_made, self._n_nodes), self.template[used]
        )
        kept = {reason: pairs[keep[pairs].all(axis=1)] for reason, pairs in self.pairs.items()}
        kept["groups"] = equal_pairs(groups.astype(str).astype(object))
        parts = connected_groups(self._n_nodes, kept)
        compounds = self.n_crystals + np.flatnonzero(used)
        leaking = np.isin(parts[compounds], parts[: self.n_crystals][held])
        if leaking.any():
            name = self.ids[np.flatnonzero(used)[leaking][0]]
            raise LeakError(f"leak: {name} trains and a path of relations leads from it to a test crystal")


class _Sets:
    """Disjoint sets of nodes, each holding crystals of one group at most."""

    def __init__(self, n_nodes: int, groups: IntArray) -> None:
        self._parent = list(range(n_nodes))
        self._group: dict[int, int] = {}
        first: dict[int, int] = {}
        for node, group in enumerate(groups.tolist()):
            self._parent[node] = first.setdefault(group, node)
            self._group[first[group]] = group

    def _root(self, node: int) -> int:
        while self._parent[node] != node:
            self._parent[node] = self._parent[self._parent[node]]
            node = self._parent[node]
        return node

    def group(self, node: int) -> int:
        return self._group.get(self._root(node), FREE)

    def join(self, node: int, others: list[int]) -> bool:
        """Return whether the sets of a node and others were joined: not if they hold two groups."""
        roots = sorted({self._root(one) for one in [node, *others]})
        groups = {self._group[root] for root in roots if root in self._group}
        if len(groups) > 1:
            return False
        for root in roots:
            self._parent[root] = roots[0]
        if groups:
            self._group[roots[0]] = groups.pop()
        return True


def _pairs(found: NDArray[np.int64]) -> Pairs:
    return np.asarray(found, dtype=np.int64).reshape(-1, 2)


def _cliques(names: NDArray[np.object_]) -> Pairs:
    """Return all pairs of equal texts; "" links nothing."""
    order = np.argsort(names.astype(str), kind="stable")
    ordered = names[order].astype(str)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    found = [np.empty((0, 2), dtype=np.int64)]
    for begin, end in zip(starts, [*starts[1:], len(order)], strict=True):
        if ordered[begin] and end - begin > 1:
            first, second = np.triu_indices(end - begin, k=1)
            found.append(np.column_stack([order[begin + first], order[begin + second]]))
    return np.concatenate(found).astype(np.int64)
