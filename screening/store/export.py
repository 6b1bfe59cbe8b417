"""The features of a store as one table for anyone's own analysis: `id`, then one column per feature."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from screening.errors import InputError
from screening.locations import Location, delivered, replaced
from screening.store.read import iter_tables
from screening.store.tables import FeatureTable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def export_features(store: Location, target: Location) -> int:
    """Return the number of crystals written to `target`, Parquet or CSV by suffix, streaming shard by shard.

    Missing values (NaN, beyond a radius that was cut back) are null in Parquet and empty in CSV.

    Raises
    ------
    InputError
        The suffix is neither ``.parquet`` nor ``.csv``.
    """
    if target.suffix not in (".parquet", ".csv"):
        raise InputError(f"{target}: export writes .parquet or .csv")
    with delivered(target) as local:
        local.parent.mkdir(parents=True, exist_ok=True)
        with replaced(local) as new:
            count = _write_parquet(store, new) if local.suffix == ".parquet" else _write_csv(store, new)
    return count


def _write_parquet(store: Location, target: Path) -> int:
    import pyarrow.parquet as pq  # workers that featurize do without these

    writer: pq.ParquetWriter | None = None
    count = 0
    for table in iter_tables(store):
        arrow = _arrow(table)
        if writer is None:
            writer = pq.ParquetWriter(target, arrow.schema, compression="zstd")
        writer.write_table(arrow)
        count += len(table)
    if writer is not None:
        writer.close()
    return count


def _arrow(table: FeatureTable) -> pa.Table:
    import pyarrow as pa

    arrays = [pa.array(table.ids, type=pa.string())]
    arrays += [pa.array(column, from_pandas=True) for column in table.features.T]
    return pa.Table.from_arrays(arrays, names=["id", *table.columns])


def _write_csv(store: Location, target: Path) -> int:
    import pandas as pd

    count = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        for table in iter_tables(store):
            frame = pd.DataFrame(table.features, columns=list(table.columns))
            frame.insert(0, "id", table.ids)
            frame.to_csv(file, index=False, header=count == 0, lineterminator="\n")
            count += len(table)
    return count
