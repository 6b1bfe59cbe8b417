"""The trees of a booster file: read strictly into checked arrays, and written anew for LightGBM.

LightGBM follows the indices of its text unchecked, and reads that text in its own way: of a key that stands twice it
takes the last or the first, a tree ends at a blank line or after 22 lines. A check of the text would be a check of
another reading. So nothing of a file reaches LightGBM but what is written here from the arrays that were checked; of a
file that LightGBM wrote that is the same text again, but for what follows the trees.

Source: LightGBM 4.7, ``gbdt_model_text.cpp`` and ``tree.cpp``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.crystals import IntArray
from screening.errors import ModelError

MAX_TREES = 100_000
MAX_LEAVES = 131_072  # of one tree; LightGBM grows no more
MAX_LEAVES_IN_ALL = 10_000_000
MAX_DEPTH = 1_000  # LightGBM walks down by calling itself, and SHAP holds the square of it
LARGEST_COUNT = 2**31 - 1
# Bits: 1 a categorical split, 2 missing values go left, 4 zeros are missing, 8 NaN is missing.
DECISIONS = (0, 2, 8, 10)

HEAD = {"version": "v4", "num_class": "1", "num_tree_per_iteration": "1", "label_index": "0"}
HEAD_KEYS = {*HEAD, "max_feature_idx", "feature_names", "feature_infos", "tree_sizes"}
_NAME = re.compile(r'[^\x00-\x20\x7f-\xa0"\\,:\[\]{}=]{1,1000}')  # no space, nothing that means something in JSON
_INFO = re.compile(r"none|\[([-+.0-9e]{1,40}):([-+.0-9e]{1,40})\]")
_INTEGER = r"-?[0-9]{1,18}"
_NUMBER = r"-?[0-9.]{1,24}(?:e[-+]?[0-9]{1,3})?"
# Numbers of a line with a space between each two.
_INTEGERS, _NUMBERS, _THRESHOLDS = (
    re.compile(rf"{one}(?: {one})*") for one in (_INTEGER, _NUMBER, f"(?:{_NUMBER}|inf)")
)

Tree = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class _Key:
    """How a line of a tree is read and written; its array has one value for the tree, a node or a leaf."""

    each: str
    number: type[int] | type[float]
    form: str


# In the order in which LightGBM writes them, with its digits: those that predictions do not depend on have six.
KEYS = {
    "num_leaves": _Key("tree", int, "%d"),
    "num_cat": _Key("tree", int, "%d"),
    "split_feature": _Key("node", int, "%d"),
    "split_gain": _Key("node", float, "%g"),
    "threshold": _Key("node", float, "%.17g"),
    "decision_type": _Key("node", int, "%d"),
    "left_child": _Key("node", int, "%d"),
    "right_child": _Key("node", int, "%d"),
    "leaf_value": _Key("leaf", float, "%.17g"),
    "leaf_weight": _Key("leaf", float, "%.17g"),
    "leaf_count": _Key("leaf", int, "%d"),
    "internal_value": _Key("node", float, "%g"),
    "internal_weight": _Key("node", float, "%g"),
    "internal_count": _Key("node", int, "%d"),
    "is_linear": _Key("tree", int, "%d"),
    "shrinkage": _Key("tree", float, "%g"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """A booster: its trees, whose values are added, and the features that they split on."""

    names: tuple[str, ...]  # of the features
    infos: tuple[tuple[float, float] | None, ...]  # least and largest value in training; None = never split on
    trees: tuple[Tree, ...]  # arrays by key; the children of node k are nodes after k, or -1 - leaf

    def text(self) -> str:
        """Return what LightGBM is given to read."""
        blocks = [_block(index, tree) for index, tree in enumerate(self.trees)]
        infos = ("none" if info is None else f"[{info[0]:.17g}:{info[1]:.17g}]" for info in self.infos)
        head = {
            **HEAD,
            "max_feature_idx": str(len(self.names) - 1),
            "feature_names": " ".join(self.names),
            "feature_infos": " ".join(infos),
            "tree_sizes": " ".join(str(len(block)) for block in blocks),
        }
        lines = "".join(f"{key}={value}\n" for key, value in head.items())
        return f"tree\n{lines}\n{''.join(blocks)}end of trees\n\npandas_categorical:null\n"


def read_trees(text: str, *, n_features: int) -> Trees:
    """Return the trees that a booster file holds; what follows them (importances, parameters) is not read.

    Raises
    ------
    ModelError
        It is not what LightGBM writes of a model of numeric features with one output, or a number is out of bounds.
    """
    body, end, _ = text.partition("\nend of trees\n")
    if not text.startswith("tree\n") or not end:
        raise ModelError("a booster file is not a whole LightGBM model")
    head, _, rest = body.removeprefix("tree\n").partition("\n\n")
    blocks = rest.removesuffix("\n").removesuffix("\n").split("\n\n\n") if rest.strip("\n") else []
    if len(blocks) > MAX_TREES:
        raise ModelError(f"a booster file holds {len(blocks)} trees, more than {MAX_TREES}")
    try:
        values = _values(head.split("\n"), HEAD_KEYS)
        names, infos = _read_head(values, n_features=n_features)
        if len(values["tree_sizes"].split()) != len(blocks):
            raise ValueError("tree_sizes is of another number of trees")
    except (ValueError, OverflowError) as error:
        raise ModelError(f"the head of a booster file is damaged: {error}") from error
    trees: list[Tree] = []
    n_leaves = 0
    for index, block in enumerate(blocks):
        try:
            trees.append(_read_tree(block, index=index, n_features=n_features))
        except (ValueError, OverflowError) as error:
            raise ModelError(f"tree {index} of a booster file is damaged: {error}") from error
        n_leaves += len(trees[-1]["leaf_value"])
        if n_leaves > MAX_LEAVES_IN_ALL:
            raise ModelError(f"the trees of a booster file have more than {MAX_LEAVES_IN_ALL} leaves")
    return Trees(names, infos, tuple(trees))


def _values(lines: Sequence[str], keys: set[str]) -> dict[str, str]:
    """Return the values of lines ``key=value``, each of the keys once and no other."""
    found: dict[str, str] = {}
    for line in lines:
        key, mark, value = line.partition("=")
        if key not in keys or not mark:
            raise ValueError(f"a line that LightGBM does not write for such a model, {line!r:.60}")
        if key in found:
            raise ValueError(f"{key} stands twice")
        found[key] = value
    if missing := sorted(keys - set(found)):
        raise ValueError(f"{missing[0]} is missing")
    return found


def _read_head(
    values: dict[str, str], *, n_features: int
) -> tuple[tuple[str, ...], tuple[tuple[float, float] | None, ...]]:
    for key in ("num_class", "num_tree_per_iteration"):
        if values[key] != HEAD[key]:
            raise ModelError("a booster file has more than one output")
    if values["max_feature_idx"] != str(n_features - 1):
        raise ModelError(f"a booster file does not have {n_features} features")
    for key, expected in HEAD.items():
        if values[key] != expected:
            raise ValueError(f"{key} is not {expected}")
    names = tuple(values["feature_names"].split(" "))
    if len(names) != n_features or len(set(names)) != n_features or not all(map(_NAME.fullmatch, names)):
        raise ValueError(f"feature_names does not give {n_features} names")
    infos = tuple(map(_info, values["feature_infos"].split(" ")))
    if len(infos) != n_features:
        raise ValueError(f"feature_infos does not describe {n_features} features")
    return names, infos


def _info(text: str) -> tuple[float, float] | None:
    match = _INFO.fullmatch(text)
    if match is None:
        raise ValueError("feature_infos holds no range of numbers")
    if match[1] is None:
        return None
    low, high = float(match[1]), float(match[2])
    if not np.isfinite([low, high]).all():
        raise ValueError("feature_infos holds no finite numbers")
    return low, high


def _read_tree(block: str, *, index: int, n_features: int) -> Tree:
    first, *lines = block.split("\n")
    if first != f"Tree={index}":
        raise ValueError("it does not begin with its number")
    values = _values(lines, set(KEYS))
    tree = {key: _numbers(key, values[key], KEYS[key].number) for key in KEYS}
    for key in ("num_leaves", "num_cat", "is_linear", "shrinkage"):
        if len(tree[key]) != 1:
            raise ValueError(f"{key} is not one number")
    n_leaves = int(tree["num_leaves"][0])
    if not 1 <= n_leaves <= MAX_LEAVES or tree["num_cat"][0] != 0 or tree["is_linear"][0] != 0:
        raise ValueError("not a plain numeric tree")
    sizes = {"tree": 1, "node": n_leaves - 1, "leaf": n_leaves}
    for key, how in sorted(KEYS.items(), key=lambda item: item[1].each):
        # Of a tree that is one leaf LightGBM writes no weight.
        if len(tree[key]) != (0 if key == "leaf_weight" and n_leaves == 1 else sizes[how.each]):
            raise ValueError("leaf values do not fit" if how.each == "leaf" else "node arrays do not fit")
    _check_counts(tree)
    _check_splits(tree, n_features=n_features)
    _check_shape(tree["left_child"], tree["right_child"])
    return tree


def _numbers(key: str, text: str, number: type[int] | type[float]) -> NDArray[Any]:
    words = text.split(" ") if text else []
    # A split that parts missing values from all others is at infinity.
    form = _INTEGERS if number is int else _THRESHOLDS if key == "threshold" else _NUMBERS
    if words and not form.fullmatch(text):
        raise ValueError(f"{_plain(key)} that are no numbers")
    values = np.array(list(map(number, words)), dtype=np.int64 if number is int else np.float64)
    n_infinite = words.count("inf") if key == "threshold" else 0
    if number is float and np.count_nonzero(np.isfinite(values)) != len(values) - n_infinite:
        raise ValueError(f"{_plain(key)} that are not finite")
    return values


def _plain(key: str) -> str:
    return {"leaf_value": "leaf values", "threshold": "thresholds"}.get(key, f"values of {key}")


def _check_counts(tree: Tree) -> None:
    leaves, nodes = tree["leaf_count"], tree["internal_count"]
    if leaves.min() < 0 or leaves.max() > LARGEST_COUNT:
        raise ValueError("leaf_count holds no number of crystals")
    if len(nodes) and (nodes.min() < 1 or nodes.max() > LARGEST_COUNT):
        raise ValueError("internal_count holds no number of crystals")


def _check_splits(tree: Tree, *, n_features: int) -> None:
    feature, decision = tree["split_feature"], tree["decision_type"]
    if len(feature) and (feature.min() < 0 or feature.max() >= n_features):
        raise ValueError("a split on a feature that does not exist")
    if not set(decision.tolist()) <= set(DECISIONS):
        raise ValueError("a categorical split, or one that takes zeros for missing")


def _check_shape(left: IntArray, right: IntArray) -> None:
    """Return nothing if the nodes are a tree: every node but the first, and every leaf, is one child of a node before.

    A node that is the child of two would make walks through all paths endless, without any loop.
    """
    n_nodes = len(left)
    place = np.arange(n_nodes)
    for child in (left, right):
        below = (child > place) & (child < n_nodes)
        if not (below | ((child < 0) & (child >= -n_nodes - 1))).all():
            raise ValueError("a child that is not below its parent")
    expected = np.r_[-n_nodes - 1 : 0, 1:n_nodes] if n_nodes else np.empty(0, dtype=np.int64)
    if not np.array_equal(np.sort(np.concatenate([left, right])), expected):
        raise ValueError("a node or leaf that is the child of two")
    depth = [0] * n_nodes
    for node, children in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        if depth[node] >= MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} splits one below the other")
        for child in children:
            if child > 0:
                depth[child] = depth[node] + 1


def _block(index: int, tree: Tree) -> str:
    lines = (f"{key}={' '.join([how.form % value for value in tree[key].tolist()])}" for key, how in KEYS.items())
    return f"Tree={index}\n" + "\n".join(lines) + "\n\n\n"
