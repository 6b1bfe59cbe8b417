"""Makes model folders that a stranger might send, one a kind, each from a good one. No test by itself."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

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


def json_text(file: str, name: str, text: str) -> None:
    """Register a JSON file of this text."""

    def change(folder: Path) -> None:
        (folder / file).write_bytes(text.encode("utf-8", "surrogatepass"))

    kind(f"{file}: {name}")(change)


def header(name: str, **facts: object) -> None:
    """Register a change of what model.json says."""

    def change(folder: Path) -> None:
        path = folder / "model.json"
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | facts), encoding="utf-8")

    kind(f"model.json: {name}")(change)


for file in ("model.json", "scores.json"):
    json_text(file, "lists a million deep", "[" * 1_000_000)
    json_text(file, "objects a million deep", '{"a":' * 1_000_000)
    json_text(file, "a whole nest of lists", '{"features_config":' + "[" * 400 + "]" * 400 + "}")
    json_text(file, "a number of a million digits", '{"seed": ' + "9" * 1_000_000 + "}")
    json_text(file, "half a surrogate pair", '{"engine": "\\ud800"}')
    json_text(file, "no number", '{"base": NaN, "splits": Infinity}')
    json_text(file, "no object", "[]")
deep: object = 1
for _ in range(400):
    deep = {"a": deep}
header("settings nested 400 deep", features_config=deep)
header("columns by the million", columns=["Li/beta1/1.00"] * 1_100_000)


def training(name: str, change: Callable[[pa.Table], pa.Table], **how: object) -> None:
    """Register a change of the table of training crystals."""

    def write(folder: Path) -> None:
        path = folder / "training.parquet"
        pq.write_table(change(pq.read_table(path)), path, compression="zstd", **how)

    kind(f"training.parquet: {name}")(write)


def _rows(table: pa.Table, n_rows: int) -> pa.Table:
    return table.take(pa.array(np.zeros(n_rows, dtype=np.int64)))


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.names.index(name), name, values)


class Named(pa.ExtensionType):  # type: ignore[misc]
    """A type of a stranger's own."""

    def __init__(self) -> None:
        super().__init__(pa.float32(), "stranger.type")

    def __arrow_ext_serialize__(self) -> bytes:
        return b"\x80\x04garbage"

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> Named:
        return cls()


def _long_texts(table: pa.Table) -> pa.Table:
    indices = pa.array(np.zeros(40_000, dtype=np.int32))
    words = pa.DictionaryArray.from_arrays(indices, pa.array(["x" * 1_000_000]))
    return _with(_rows(table, 40_000), "formula", words)


def _typed(table: pa.Table) -> pa.Table:
    zeros = pa.array(np.zeros(len(table), dtype=np.float32))
    return _with(table, table.schema.names[-1], pa.ExtensionArray.from_storage(Named(), zeros))


def _shared_beginnings(table: pa.Table) -> pa.Table:
    return _with(table, "formula", pa.array(["x" * 1_000_000] * len(table)))


training(
    "texts that share a beginning of a megabyte",
    _shared_beginnings,
    use_dictionary=False,
    column_encoding={"formula": "DELTA_BYTE_ARRAY"},
)
training("two million equal rows", lambda table: _rows(table, 2_000_000))
training("a text of a megabyte in 40,000 rows", _long_texts, store_schema=False)
training("a type of a stranger's own", _typed)
training("numbers as text", lambda table: _with(table, "log_sigma", pa.array(["1"] * len(table))))
training("lists for numbers", lambda table: _with(table, table.schema.names[-1], pa.array([[1.0]] * len(table))))
training("bytes for ids", lambda table: _with(table, "id", pa.array([b"\x80\x04"] * len(table))))
training("an empty cell", lambda table: _with(table, "group", pa.array([None] * len(table), type=pa.int64())))
training("no rows", lambda table: table.slice(0, 0))


def _varint(value: int, *, length: int = 0) -> bytes:
    """A number as Thrift writes it, or with needless bytes up to a length."""
    value = 2 * value
    found = bytearray()
    while value >= 0x80 or len(found) + 1 < length:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _lying(folder: Path) -> None:
    """A page of a gigabyte in a file whose footer says that it is small."""
    path = folder / "training.parquet"
    table = pq.read_table(path)
    text = pa.array(["x" * 1_000_000_000] + ["y"] * (len(table) - 1))
    pq.write_table(
        _with(table, "formula", text), path, compression="zstd", use_dictionary=False, write_statistics=False
    )
    data, group = path.read_bytes(), pq.read_metadata(path).row_group(0)
    begin = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = data[begin:]
    for value in (group.total_byte_size, group.column(4).total_uncompressed_size):
        true = _varint(value)
        assert true in footer
        footer = footer.replace(true, _varint(1000, length=len(true)))
    path.write_bytes(data[:begin] + footer)


kind("training.parquet: a footer that lies")(_lying)


def folds(name: str, edit: Edit) -> None:
    """Register a change of the text of the out-of-fold predictions."""

    def change(folder: Path) -> None:
        path = folder / "folds.csv"
        path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8")

    kind(f"folds.csv: {name}")(change)


folds("a million columns", lambda text: "," * 1_000_000 + "\n" + text)
folds("a million cells in a row", lambda text: text + "," * 1_000_000 + "\n")
folds("a fold beyond 64 bits", lambda text: text.replace("\n0,0,", f"\n0,{'9' * 30},", 1))
folds("neither true nor false", lambda text: text.replace("False", "false", 1))
folds("a quote that never ends", lambda text: text.replace("\n", '\n"', 1))
folds("NUL", lambda text: text.replace("LiX", "\0", 1))


def write_folders(good: Path, target: Path) -> list[str]:
    """Write one folder a kind, and return the kinds in the order of the folders ``000``, ``001``, ..."""
    for index, change in enumerate(KINDS.values()):
        folder = target / f"{index:03d}"
        shutil.copytree(good, folder)
        change(folder)
    return list(KINDS)
