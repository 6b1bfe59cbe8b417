"""The numbers that entries carried beside their structure, kept in the store as they were listed.

``properties.parquet`` in the store has one row for each number: ``id`` (str), ``name`` (str), ``value`` (float64). Each
listing writes it anew; it is not there where no entry carries any.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from screening.errors import StoreError
from screening.locations import Location, Remote, fetched
from screening.store.pointer import pointed

if TYPE_CHECKING:  # workers write none, and start without the libraries
    import pandas as pd
    import pyarrow.parquet as pq

PROPERTIES = "properties.parquet"
AT_ONCE = 100_000  # numbers held until they are written


class PropertyWriter:
    """Takes the numbers of one crystal after the other; memory holds some of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: pq.ParquetWriter | None = None
        self._rows: list[tuple[str, str, float]] = []

    def add(self, id: str, numbers: Mapping[str, float]) -> None:
        """Take the numbers of one crystal."""
        self._rows.extend((id, name, float(value)) for name, value in numbers.items())
        if len(self._rows) >= AT_ONCE:
            self._flush()

    def close(self) -> bool:
        """Write the rest; return whether there was any number."""
        if self._rows:
            self._flush()
        if self._file is None:
            return False
        self._file.close()
        return True

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([("id", pa.string()), ("name", pa.string()), ("value", pa.float64())])
        if self._file is None:
            self._file = pq.ParquetWriter(self._path, schema, compression="zstd")
        ids, names, values = zip(*self._rows, strict=True)
        self._file.write_table(pa.table([list(ids), list(names), list(values)], schema=schema))
        self._rows = []


@contextmanager
def property_writer(store: Location) -> Iterator[PropertyWriter]:
    """Yield a writer whose table replaces that of the store once the body has ended well."""
    target = pointed(store) / PROPERTIES
    with tempfile.TemporaryDirectory(prefix="screening-") as folder:
        local = Path(folder) / PROPERTIES
        writer = PropertyWriter(local)
        yield writer
        if not writer.close():
            if isinstance(target, Remote) and not target.is_file():
                return
            target.unlink() if isinstance(target, Remote) else target.unlink(missing_ok=True)
            return
        if isinstance(target, Remote):
            target.write_bytes(local.read_bytes())
            return
        beside = target.with_name(f"{PROPERTIES}.new")
        beside.write_bytes(local.read_bytes())
        beside.replace(target)


def read_properties(store: Location) -> pd.DataFrame:
    """Return the numbers of a store: one row for each crystal that carried any, by id, one column for each name.

    Raises
    ------
    StoreError
        The table cannot be read.
    """
    import pandas as pd
    import pyarrow as pa

    target = pointed(store) / PROPERTIES
    if not target.is_file():
        return pd.DataFrame(index=pd.Index([], name="id", dtype=object))
    try:
        with fetched(target) as file:
            told = pd.read_parquet(file, columns=["id", "name", "value"])
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StoreError(f"{target} cannot be read: {error}") from error
    told = told.drop_duplicates(["id", "name"])
    names = list(dict.fromkeys(told["name"]))
    wide = told.pivot(index="id", columns="name", values="value")
    return wide[names]
