"""The rows of a CSV or Parquet table with a structure in each: CIF text, JSON, or columns as OPTIMADE has them.

The number of rows does not matter: of a CSV file memory holds a row, of Parquet a few hundred.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from screening.errors import Code
from screening.sources.faults import BoundError, DamagedError, NoStructureError
from screening.sources.found import CIF_KEYS, ID_KEYS, STRUCTURE_KEYS, Source, numbers_in, parsed_text
from screening.sources.raw import Raw

OPTIMADE = frozenset({"lattice_vectors", "cartesian_site_positions", "species_at_sites"})
BATCH = 128  # rows of Parquet read at a time
LARGEST_GROUP = 2**32  # bytes that a row group says it unpacks to
# Columns that are never numbers of the material: read for the structure and the id alone.
SEPARATORS = (",", ";", "\t")


def iter_csv(stream: IO[bytes], source: Source) -> Iterator[Raw]:
    """Yield the rows of a CSV table with a CIF or JSON column.

    Raises
    ------
    NoStructureError
        No column holds structures.
    DamagedError, BoundError
        A row has another number of cells than the header, or is larger than one entry may be.
    """
    most = source.limits.max_file_bytes
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    header = text.readline(2**16)
    separator = max(SEPARATORS, key=header.count)
    columns = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    if not _structure_columns(columns):
        raise NoStructureError("a table without a column of structures (cif or structure)")
    reader = csv.reader(_bounded(text, most), delimiter=separator)
    earlier = csv.field_size_limit(most)
    try:
        for number, row in enumerate(reader, start=1):
            if not any(row):
                continue
            if len(row) != len(columns):
                detail = f"row {number + 1} has {len(row)} cells, the header {len(columns)}"
                yield source.refused(source.numbered(number), Code.NO_STRUCTURE, detail)
                continue
            cells = dict(zip(columns, row, strict=True))
            yield _row(cells, source, number, numbers=_numbers(cells))
    except csv.Error as error:
        raise DamagedError(f"no CSV from row {reader.line_num} on: {error}") from error
    finally:
        csv.field_size_limit(earlier)
        text.detach()


def _bounded(text: io.TextIOWrapper, most: int) -> Iterator[str]:
    """Yield lines; one that is longer than a row may be ends the reading."""
    while line := text.readline(most + 1):
        if len(line) > most:
            raise BoundError(f"a line of more than max_file_bytes = {most}; the rest was not read")
        yield line


def _structure_columns(columns: Sequence[str]) -> bool:
    return bool({*CIF_KEYS, *STRUCTURE_KEYS} & {*columns}) or {*columns} >= OPTIMADE


def _row(cells: Mapping[str, Any], source: Source, number: int, *, numbers: Mapping[str, float]) -> Raw:
    """Return one row as an entry."""
    raw = source.entry({**cells, "data": numbers}, key=None, number=number)
    if raw is None:
        id = next((str(cells[key]) for key in ID_KEYS if str(cells.get(key) or "").strip()), source.numbered(number))
        return source.refused(id, Code.NO_STRUCTURE, f"row {number + 1} of the table holds no structure")
    return raw


def _numbers(cells: Mapping[str, str]) -> dict[str, float]:
    """Return the cells that are numbers, by column; True is 1, False 0."""
    words = {"true": 1.0, "false": 0.0}
    told: dict[str, float] = {}
    for name, cell in cells.items():
        if not cell or len(cell) > 30:
            continue
        try:
            told[name] = words.get(cell.strip().lower()) if cell.strip().lower() in words else float(cell)  # type: ignore[assignment]
        except ValueError:
            continue
    return numbers_in(told.items())


def iter_parquet(stream: IO[bytes], source: Source) -> Iterator[Raw]:
    """Yield the rows of a Parquet table, row group by row group.

    Raises
    ------
    NoStructureError
        No column holds structures.
    DamagedError, BoundError
        The file cannot be read, or a row group is larger than any memory.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(stream, pre_buffer=False)
        columns = table.schema_arrow.names
        if not _structure_columns(columns):
            raise NoStructureError("a table without columns of structures")
        wanted = [name for name, kind in zip(columns, table.schema_arrow.types, strict=True) if _wanted(name, kind)]
        number = 0
        for group in range(table.num_row_groups):
            size = table.metadata.row_group(group).total_byte_size
            if size > LARGEST_GROUP:
                raise BoundError(f"row group {group} has {size} bytes, more than {LARGEST_GROUP}; it was not read")
            for batch in table.iter_batches(BATCH, row_groups=[group], columns=wanted, use_threads=False):
                for cells in batch.to_pylist():
                    number += 1
                    yield _row(_parsed(cells), source, number, numbers=numbers_in(cells.items()))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DamagedError(f"Parquet that cannot be read: {type(error).__name__}: {error}") from error


def _wanted(name: str, kind: Any) -> bool:
    """Return whether a column holds structures, ids or numbers; others, such as forces, are not read."""
    import pyarrow as pa

    if name in {*CIF_KEYS, *STRUCTURE_KEYS, *ID_KEYS, *OPTIMADE, "species", "dimension_types"}:
        return True
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _parsed(cells: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose lists may be JSON texts, as some tables keep them."""
    for name in (*OPTIMADE, "species"):
        if isinstance(cells.get(name), str):
            cells[name] = parsed_text(cells[name])
    return cells
