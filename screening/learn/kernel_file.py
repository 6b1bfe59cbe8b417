"""Kernels of a model in Parquet, one row per training crystal; read from a file that may be a bomb."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from screening.crystals import FloatArray
from screening.errors import ModelError
from screening.learn.header import KernelHeader
from screening.learn.kernels import Kernels
from screening.learn.training_file import FREE_BYTES, MAX_RATIO, check_pages

MAX_CRYSTALS = 20_000  # whose factor has 400 million values
MAX_BYTES = 4_000_000_000  # of the file
MAX_VALUES = 500_000_000
OLD_NOISE = 0.1  # of kernels of format 2, which do not state it
DUALS = ("ridge", "process")


def kernel_header(kernels: Kernels) -> KernelHeader:
    """Return what model.json says of kernels."""
    return KernelHeader(
        crystals=len(kernels.points),
        used=tuple(kernels.used.tolist()),
        fill=tuple(kernels.fill.tolist()),
        mean=tuple(kernels.mean.tolist()),
        spread=tuple(kernels.spread.tolist()),
        ridge_base=kernels.ridge_base,
        process_base=kernels.process_base,
        scale=kernels.scale,
        noise=kernels.noise,
    )


def write_kernels(kernels: Kernels, path: Path) -> None:
    """Write dual weights, inverse Cholesky factor and scaled training matrix; the same kernels give the same bytes."""
    names = _names(len(kernels.points), len(kernels.used))
    columns = [kernels.ridge, kernels.process, *kernels.factor.T, *kernels.points.T]
    arrays = [pa.array(np.ascontiguousarray(column)) for column in columns]
    pq.write_table(pa.Table.from_arrays(arrays, names=names), path, compression="zstd", use_dictionary=False)


def read_kernels(path: Path, header: KernelHeader, *, n_columns: int) -> Kernels:
    """Return the kernels in `path`, which is not trusted, of features with `n_columns` columns.

    Raises
    ------
    ModelError
        It cannot be read, is not what the header says, or would unpack to too much.
    """
    n, k = header.crystals, len(header.used)
    used = np.array(header.used, dtype=np.int64)
    if not k == len(header.fill) == len(header.mean) == len(header.spread):
        raise ModelError(f"{path}: model.json scales another number of columns than it uses")
    if k and (used.max() >= n_columns or (np.diff(used) <= 0).any()):
        raise ModelError(f"{path}: model.json uses columns that the features do not have")
    if not all(spread > 0 for spread in header.spread):
        raise ModelError(f"{path}: model.json scales a column by nothing")
    if n * (n + k + len(DUALS)) > MAX_VALUES:
        raise ModelError(f"{path} would hold {n} crystals, too many for a kernel")
    values = _values(path, n, k)
    if not np.isfinite(values).all():
        raise ModelError(f"{path} holds a value that is no number")
    begin = len(DUALS)
    return Kernels(
        used=used,
        fill=np.array(header.fill),
        mean=np.array(header.mean),
        spread=np.array(header.spread),
        points=np.ascontiguousarray(values[:, begin + n :]),
        ridge=np.ascontiguousarray(values[:, 0]),
        process=np.ascontiguousarray(values[:, 1]),
        factor=np.ascontiguousarray(values[:, begin : begin + n]),
        ridge_base=header.ridge_base,
        process_base=header.process_base,
        scale=header.scale,
        noise=OLD_NOISE if header.noise is None else header.noise,
    )


def _values(path: Path, n: int, k: int) -> FloatArray:
    """Return the values (n, 2 + n + k) of a file whose footer and pages promise no more than that."""
    names = _names(n, k)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelError(f"{path} is larger than {MAX_BYTES} bytes")
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
        if metadata.num_columns != len(names) or schema.names != names or set(schema.types) != {pa.float64()}:
            raise ModelError(f"{path} does not hold the kernels that model.json names")
        if metadata.num_rows != n:
            raise ModelError(f"{path} holds {metadata.num_rows} crystals, not {n}")
        check_pages(path, metadata, least=8 * n * len(names), most=FREE_BYTES + MAX_RATIO * size)
        with pq.ParquetFile(path) as file:
            table = file.read(use_threads=False)
        if any(column.null_count for column in table.columns):
            raise ModelError(f"cannot read {path}: a cell is empty")
        return np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float64)
    except (OSError, pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise ModelError(f"cannot read {path}: {error!s:.300}") from error


def _names(n: int, k: int) -> list[str]:
    return [*DUALS, *(f"factor/{at}" for at in range(n)), *(f"point/{at}" for at in range(k))]
