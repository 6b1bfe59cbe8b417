"""Makes model folders that a stranger might send, one a kind, each from a good one. No test by itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hostile_boosters import KINDS, Edit, kind

__all__ = ["KINDS", "write_folders"]


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
training("500,000 equal rows", lambda table: _rows(table, 500_000))
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
    """A page of 150 MB in a file whose footer says that it is small."""
    path = folder / "training.parquet"
    table = pq.read_table(path)
    text = pa.array(["x" * 150_000_000] + ["y"] * (len(table) - 1))
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
