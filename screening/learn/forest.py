"""Trees that were read from a booster file, as flat arrays: predictions and SHAP values without LightGBM.

Both are LightGBM's to the last bit, since they are the same operations in the same order (`kernels/trees.hpp`); tests
hold them against LightGBM. Loading LightGBM takes two seconds, and its predictions several times as long as these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening import _kernels
from screening.crystals import BoolArray, FloatArray, IntArray
from screening.learn.trees import Tree, read_trees

LEFT_IF_MISSING, NAN_IS_MISSING = 2, 8  # bits of a decision


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """The trees of one booster, one after the other; children are nodes of their own tree, or -1 - leaf."""

    node_begins: IntArray  # (n_trees + 1,)
    leaf_begins: IntArray  # (n_trees + 1,)
    nodes: IntArray  # (4, n_nodes) feature, left child, right child, training rows
    thresholds: FloatArray  # (n_nodes,) a value up to it goes left
    missing_left: BoolArray  # (n_nodes,) whether a value that is not known goes left
    leaf_values: FloatArray  # (n_leaves,)
    leaf_counts: IntArray  # (n_leaves,) training rows
    n_features: int

    @classmethod
    def of(cls, trees: Sequence[Tree], *, n_features: int) -> Forest:
        """Return trees, each of the arrays that `read_trees` gives, as flat arrays."""

        def flat(key: str, dtype: Any) -> NDArray[Any]:
            return np.concatenate([np.empty(0, dtype=dtype), *(tree[key] for tree in trees)]).astype(dtype)

        decisions, thresholds = flat("decision_type", np.int64), flat("threshold", np.float64)
        keys = ("split_feature", "left_child", "right_child", "internal_count")
        known = (decisions & NAN_IS_MISSING) != 0
        return cls(
            node_begins=_begins([len(tree["threshold"]) for tree in trees]),
            leaf_begins=_begins([len(tree["leaf_value"]) for tree in trees]),
            nodes=np.array([flat(key, np.int64) for key in keys]),
            thresholds=thresholds,
            # Where no value was missing in training, LightGBM takes one for zero.
            missing_left=np.where(known, (decisions & LEFT_IF_MISSING) != 0, thresholds >= 0.0),
            leaf_values=flat("leaf_value", np.float64),
            leaf_counts=flat("leaf_count", np.int64),
            n_features=n_features,
        )

    def predict(self, features: NDArray[Any], *, num_threads: int = 1) -> FloatArray:
        """Return the sum of the trees (n,) for features (n, n_features), NaN = not known, in single precision.

        `num_threads` is what a booster of LightGBM takes; there is one.
        """
        return _kernels.tree_sums(*self._arrays(), self._rows(features))

    def contributions(self, features: NDArray[Any]) -> FloatArray:
        """Return SHAP values (n, n_features + 1) for features as of `predict`; the last is the mean prediction."""
        return _kernels.tree_contributions(*self._arrays(), self._rows(features))

    def _rows(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Return what the kernels take, which follow the places of features unchecked."""
        rows = np.ascontiguousarray(features, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ValueError(f"features of shape {rows.shape}, not (n, {self.n_features})")
        return rows

    def _arrays(self) -> tuple[IntArray, IntArray, IntArray, FloatArray, BoolArray, FloatArray, IntArray]:
        return (
            self.node_begins,
            self.leaf_begins,
            self.nodes,
            self.thresholds,
            self.missing_left,
            self.leaf_values,
            self.leaf_counts,
        )


def _begins(sizes: Sequence[int]) -> IntArray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


@lru_cache(maxsize=32)
def read_forest(text: str, *, n_features: int) -> Forest:
    """Return the trees written as `text`, which is not trusted; the last ones are kept.

    Raises
    ------
    ModelError
        As of `read_trees`.
    """
    return Forest.of(read_trees(text, n_features=n_features).trees, n_features=n_features)
