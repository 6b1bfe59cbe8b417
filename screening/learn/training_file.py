"""The training crystals of a model, read from a Parquet file that may be a bomb: judged by its footer, then read."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from screening.errors import ModelError
from screening.learn.header import FACTS, Training
from screening.learn.pages import unpacked_bytes

MAX_BYTES = 2_000_000_000  # of the file
MAX_VALUES = 200_000_000  # rows x columns
MAX_RATIO = 200  # bytes in memory of one byte of the file
FREE_BYTES = 50_000_000  # a small file may unpack to this much whatever its ratio: columns of one value pack well
MAX_TEXT_BYTES = 100_000_000  # of the ids, formulas and publications together
TYPES = (pa.string(), pa.float64(), pa.bool_(), pa.int64(), pa.string(), pa.string())  # of FACTS
TEXTS = ("id", "formula", "publication")


def read_training(path: Path, *, columns: tuple[str, ...]) -> Training:
    """Return the training crystals in `path`.

    Raises
    ------
    ModelError
        It cannot be read, holds other columns or types than a model's, or would unpack to too much.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelError(f"{path} is larger than {MAX_BYTES} bytes")
        _check_footer(path, size=size, columns=columns)
        # Texts stay what they are in the file, a dictionary and places in it, until their length is known; one column
        # after the other, so that at most one page is unpacked at a time.
        with pq.ParquetFile(path, read_dictionary=list(TEXTS)) as file:
            table = file.read(use_threads=False)
        if any(table[name].null_count for name in FACTS):
            raise ModelError(f"cannot read {path}: a cell is empty")
        _check_texts(path, table)
        training = _training(table, columns)
    except (OSError, pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise ModelError(f"cannot read {path}: {error!s:.300}") from error
    if not np.isfinite(training.log_sigma).all():
        raise ModelError(f"{path} holds a target that is no number")
    return training


def _check_footer(path: Path, *, size: int, columns: tuple[str, ...]) -> None:
    """Return nothing if what a file says of itself is a training set of bounded size."""
    metadata = pq.read_metadata(path)
    if metadata.num_columns != len(FACTS) + len(columns):
        raise ModelError(f"{path} does not hold the columns that model.json names")
    schema = metadata.schema.to_arrow_schema()
    if schema.names != [*FACTS, *columns]:
        raise ModelError(f"{path} does not hold the columns that model.json names")
    extended = any(b"ARROW:extension:name" in (field.metadata or {}) for field in schema)
    if extended or tuple(schema.types) != (*TYPES, *[pa.float32()] * len(columns)):
        raise ModelError(f"{path} holds columns of other types than a model's")
    n_rows = metadata.num_rows
    if n_rows < 1 or n_rows * len(columns) > MAX_VALUES:
        raise ModelError(f"{path} holds {n_rows} crystals: none, or too many to be a training set")
    check_pages(path, metadata, least=4 * n_rows * len(columns), most=FREE_BYTES + MAX_RATIO * size)


def check_pages(path: Path, metadata: pq.FileMetaData, *, least: int, most: int) -> None:
    """Return nothing if a file says of itself, in its footer and in its pages, that it unpacks to `most` bytes at most.

    Parameters
    ----------
    path
        The file.
    metadata
        Its footer.
    least
        Bytes that its values need whatever it says.
    most
        Bytes that it may unpack to.
    """
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    stated = sum(group.total_byte_size for group in groups)
    if sum(group.num_rows for group in groups) != metadata.num_rows:
        raise ModelError(f"cannot read {path}: its row groups do not add up")
    if not str(metadata.created_by).startswith("parquet-cpp-arrow version "):
        raise ModelError(f"{path} was not written by Arrow, as a model's is")  # others may lay out columns otherwise
    if max(stated, least, _in_pages(path, groups)) > most:
        raise ModelError(f"{path} unpacks to more than {MAX_RATIO} times its size")


def _in_pages(path: Path, groups: Sequence[pq.RowGroupMetaData]) -> int:
    """Return the bytes that the pages themselves say they unpack to."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return sum(
                unpacked_bytes(data, group.column(index)) for group in groups for index in range(group.num_columns)
            )
        except IndexError as error:
            raise ValueError("a page header is cut off") from error


def _check_texts(path: Path, table: pa.Table) -> None:
    n_bytes = 0
    for name in TEXTS:
        for chunk in table[name].chunks:
            lengths = pc.binary_length(chunk.dictionary)
            n_bytes += pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0
    if n_bytes > MAX_TEXT_BYTES:
        raise ModelError(f"{path} holds {n_bytes} bytes of ids, formulas and publications, more than {MAX_TEXT_BYTES}")


def _training(table: pa.Table, columns: tuple[str, ...]) -> Training:
    texts = {name: np.array(table[name].to_pylist(), dtype=object) for name in TEXTS}
    return Training(
        ids=texts["id"],
        log_sigma=table["log_sigma"].to_numpy(),
        is_bound=np.array(table["is_bound"].to_pylist(), dtype=np.bool_),
        group=table["group"].to_numpy(),
        formula=texts["formula"],
        publication=texts["publication"],
        features=np.column_stack([table[name].to_numpy() for name in columns]),
    )
