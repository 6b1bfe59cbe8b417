"""Kinds of booster files that a stranger might send in a model folder. No test by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

Edit = Callable[[str], str]
Change = Callable[[Path], None]
KINDS: dict[str, Change] = {}
TREE = re.compile(r"Tree=0\n(.*?)\n\n\n", re.DOTALL)
FEATURES = 17


def kind(name: str) -> Callable[[Change], Change]:
    """Register what changes a folder."""

    def register(change: Change) -> Change:
        assert name not in KINDS
        KINDS[name] = change
        return change

    return register


def booster(name: str, edit: Edit) -> None:
    """Register a change of the text of the booster, whose sizes of trees stand as they were."""

    def change(folder: Path) -> None:
        path = folder / "booster-0.txt"
        before = path.read_text(encoding="utf-8")
        after = edit(before)
        assert after != before, name
        path.write_bytes(after.encode("utf-8", "surrogatepass"))

    kind(f"booster: {name}")(change)


def line(key: str, value: str) -> Edit:
    """The line of a key of the first tree, or of the head, replaced."""
    return lambda text: re.sub(rf"^{key}=.*$", lambda _: f"{key}={value}", text, count=1, flags=re.MULTILINE)


def first(key: str, value: str) -> Edit:
    """The first number of a line of the first tree replaced."""
    return lambda text: re.sub(rf"^{key}=[^ \n]+", lambda _: f"{key}={value}", text, count=1, flags=re.MULTILINE)


def after(key: str, more: str) -> Edit:
    """Something written behind the line of a key of the first tree."""
    return lambda text: re.sub(rf"^({key}=.*\n)", lambda match: match[1] + more, text, count=1, flags=re.MULTILINE)


def before(key: str, more: str) -> Edit:
    """Something written before the line of a key of the first tree."""
    return lambda text: re.sub(rf"^({key}=.*\n)", lambda match: more + match[1], text, count=1, flags=re.MULTILINE)


def without(key: str) -> Edit:
    """The line of a key of the first tree, or of the head, taken out."""
    return lambda text: re.sub(rf"^{key}=.*\n", "", text, count=1, flags=re.MULTILINE)


def tree_of(nodes: list[tuple[int, int]], n_leaves: int) -> Edit:
    """The first tree replaced by one with these children."""
    n = len(nodes)
    fields = {
        "num_leaves": n_leaves,
        "num_cat": 0,
        "split_feature": " ".join(["0"] * n),
        "split_gain": " ".join(["1"] * n),
        "threshold": " ".join(["1.5"] * n),
        "decision_type": " ".join(["2"] * n),
        "left_child": " ".join(str(left) for left, _ in nodes),
        "right_child": " ".join(str(right) for _, right in nodes),
        "leaf_value": " ".join(["0.5"] * n_leaves),
        "leaf_weight": " ".join(["1"] * n_leaves),
        "leaf_count": " ".join(["1"] * n_leaves),
        "internal_value": " ".join(["0"] * n),
        "internal_weight": " ".join(["1"] * n),
        "internal_count": " ".join(["1"] * n),
        "is_linear": 0,
        "shrinkage": 1,
    }
    block = "\n".join(f"{key}={value}" for key, value in fields.items())
    return lambda text: TREE.sub(lambda _: f"Tree=0\n{block}\n\n\n", text, count=1)


def chain(n_leaves: int) -> Edit:
    """A tree that is a single path, so that LightGBM calls itself once a node."""
    nodes = [(-1 - node, node + 1 if node < n_leaves - 2 else -n_leaves) for node in range(n_leaves - 1)]
    return tree_of(nodes, n_leaves)


# Read in two ways: the last of two lines is checked, another is followed.
WILD = "split_feature=2000000000 2000000000 2000000000 2000000000 2000000000\n"
booster("a key twice, the first one wild", before("split_feature", WILD))
booster("a key twice, the last one wild", after("split_feature", WILD))
booster(
    "a key twice, both good", lambda text: re.sub(r"^(left_child=.*\n)", r"\1\1", text, count=1, flags=re.MULTILINE)
)
booster("number of leaves twice", before("num_leaves", "num_leaves=4000000\n"))
booster("a blank line ends the keys", after("num_cat", "\n"))
booster("the 22nd line ends the keys", after("num_cat", "".join(f"extra{index}=1\n" for index in range(22))))
for name, mark in (
    ("form feed", "\f"),
    ("vertical tab", "\v"),
    ("file separator", "\x1c"),
    ("next line", "\x85"),
    ("line separator", "\u2028"),
    ("NUL", "\0"),
    ("carriage return", "\r"),
):
    booster(f"{name} hides a wild line", before("split_feature", f"note=1{mark}{WILD}"))
    booster(f"{name} shows a good line", before("split_feature", f"{WILD}note={mark}"))
booster("a line without a key", after("num_cat", "x" * 100_000 + "\n"))
booster("an unknown key", after("num_cat", "leaf_const=1\n"))
# Indices that lead out of the arrays.
booster("a feature beyond the last", first("split_feature", str(FEATURES)))
booster("a negative feature", first("split_feature", "-2000000000"))
booster("a feature beyond 64 bits", first("split_feature", "9" * 30))
booster("a child beyond the last", first("right_child", "123456"))
booster("a leaf beyond the last", first("right_child", "-123456"))
booster("a child that is its own parent", first("left_child", "0"))
booster("a path of 100,000 splits", chain(100_000))
booster("a path of 5,000 splits", chain(5_000))
booster("60 nodes that are two children of one", tree_of([(n + 1, n + 1) for n in range(60)] + [(-1, -2)], 62))
booster("a leaf that is two children", tree_of([(1, -1), (-1, -2)], 3))
# Lengths and counts.
booster("more leaves than values", first("num_leaves", "2000000000"))
booster("negative leaves", first("num_leaves", "-5"))
booster("no leaves", first("num_leaves", "0"))
booster("too few thresholds", line("threshold", "1.5"))
booster("too few counts", line("internal_count", "31"))
booster("too few weights", line("leaf_weight", "3"))
booster("no counts", without("internal_count"))
booster("counts of zero", line("internal_count", "0 0 0 0 0"))
booster("negative counts", line("leaf_count", "-3 8 5 5 5 5"))
booster("counts that do not add up", line("leaf_count", "3000 8 5 5 5 5"))
# Numbers.
booster("a leaf value that is none", first("leaf_value", "nan"))
booster("an infinite leaf value", first("leaf_value", "1e999"))
booster("a threshold that is none", first("threshold", "nan"))
booster("a number of a million digits", first("threshold", "1" * 1_000_000))
booster("digits of another script", first("split_feature", "\u0661"))
booster("digits with underscores", first("split_feature", "1_2"))
booster("a hexadecimal threshold", first("threshold", "0x1p3"))
# What our models have none of.
booster("a categorical split", first("decision_type", "1"))
booster("categories", line("num_cat", "1"))
booster("a decision of unknown kind", first("decision_type", "-126"))
booster("a linear tree", line("is_linear", "1"))
booster("two outputs", line("num_class", "2"))
booster("an objective", after("max_feature_idx", "objective=binary sigmoid:1\n"))
booster("averaged trees", after("max_feature_idx", "average_output\n"))
booster("another width", line("max_feature_idx", "2000000000"))
booster("no feature names", line("feature_names", ""))
booster("a name that ends a string of JSON", first("feature_names", '","x":"'))
booster("infos of categories", first("feature_infos", "1:2:3"))
# Sizes and ends.
booster("sizes that lead out of the text", line("tree_sizes", " ".join(["4000000000"] * 12)))
booster("sizes of other trees", line("tree_sizes", " ".join(["7"] * 12)))
booster("a tree out of turn", lambda text: text.replace("Tree=3\n", "Tree=7\n"))
booster("no end", lambda text: text[: text.index("end of trees") - 300])
booster("two ends", lambda text: text.replace("Tree=5\n", "end of trees\n\nTree=5\n"))
booster("nothing before the trees", lambda text: "tree\n" + text[text.index("Tree=0") :])
booster("a linear tree among the parameters", lambda text: text.replace("[linear_tree: 0]", "[linear_tree: 1]"))
booster("categories nested deep", lambda text: text.replace("categorical:null", "categorical:" + "[" * 1_000_000))
booster("half a surrogate pair", first("feature_names", "\ud800"))
