"""The entries of files of ASE: databases, trajectories, and the frames of extended XYZ.

ASE reads them, by a format that is named and never guessed. Of a trajectory or database only numbers, positions, cell
and periodicity are taken: no calculator or constraint is made, which a file could ask for, and nothing is unpickled.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import numpy as np

from screening.errors import Code, MissingExtraError
from screening.sources.faults import BoundError, DamagedError, NoStructureError
from screening.sources.found import Source, Structure, canonical, id_of, numbers_in
from screening.sources.raw import Raw

NEEDS_ASE = "pip install 'screening[formats]' reads files of ASE"
TABLES = ("systems", "species", "keys", "text_key_values", "number_key_values", "information")
MOST_BAD_ROWS = 1000  # of a database, one after the other
_COUNT = re.compile(rb"\s*(\d{1,9})\s*\Z")


def _structure(numbers: Any, positions: Any, cell: Any, pbc: Any) -> Structure:
    told = {
        "numbers": np.asarray(numbers).tolist(),
        "positions": np.asarray(positions, dtype=np.float64).tolist(),
        "cell": np.asarray(cell, dtype=np.float64).tolist(),
        "pbc": [bool(one) for one in np.broadcast_to(np.asarray(pbc), 3)],
    }
    return Structure("ase", canonical(told))


def iter_database(path: Path, source: Source) -> Iterator[Raw]:
    """Yield the rows of an ASE database (SQLite) in order of their numbers.

    Raises
    ------
    NoStructureError
        It is another kind of SQLite database.
    DamagedError, MissingExtraError
        It cannot be read; ASE is not installed.
    """
    _check_tables(path)
    try:
        from ase.db.sqlite import SQLite3Database
    except ImportError as error:
        raise MissingExtraError(NEEDS_ASE) from error
    database = SQLite3Database(str(path), create_indices=False, use_lock_file=False)
    last, bad = 0, 0
    while True:
        try:
            for row in database.select(f"id>{last}", include_data=False):
                last, bad = int(row.id), 0
                yield _database_row(row, source)
            return
        except (ValueError, TypeError, KeyError, AttributeError, AssertionError, sqlite3.Error) as error:
            following = _next_id(path, last)
            bad += 1
            if following is None or bad > MOST_BAD_ROWS:
                raise DamagedError(f"the database cannot be read after row {last}: {error}") from error
            last = following
            yield source.refused(source.numbered(last), Code.BAD_STRUCTURE, f"row {last} of the database is damaged")


def _database_row(row: Any, source: Source) -> Raw:
    pairs = {**row.key_value_pairs}
    energies = {name: row.get(name) for name in ("energy", "free_energy") if row.get(name) is not None}
    id = id_of(pairs) or source.numbered(int(row.id))
    return _entry(source, id, _structure(row.numbers, row.positions, row.cell, row.pbc), {**energies, **pairs})


def _entry(source: Source, id: str, structure: Structure, properties: Mapping[str, Any]) -> Raw:
    if len(structure.data) > source.limits.max_file_bytes:
        detail = f"{len(structure.data)} bytes, more than max_file_bytes = {source.limits.max_file_bytes}"
        return source.refused(id, Code.TOO_LARGE, detail)
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in properties.items()}
    return source.read(id, structure, numbers_in(plain.items()))


def _check_tables(path: Path) -> None:
    """Refuse a database whose tables are not plain ones: a view may compute without end."""
    address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            kinds = dict(connection.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')"))
            triggers = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone()[0]
            sql = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'systems'").fetchone()
    except sqlite3.Error as error:
        raise DamagedError(f"no SQLite database that can be read: {error}") from error
    if "systems" not in kinds:
        raise NoStructureError("an SQLite database, but none of ASE")
    generated = re.search(r"\bAS\s*\(|\bVIRTUAL\b", str(sql[0] if sql else ""), re.IGNORECASE)
    if triggers or generated or any(kinds.get(name, "table") != "table" for name in TABLES):
        raise DamagedError("an SQLite database with views or triggers, which none of ASE has")


def _next_id(path: Path, last: int) -> int | None:
    address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            found = connection.execute("SELECT min(id) FROM systems WHERE id > ?", (last,)).fetchone()
    except sqlite3.Error:
        return None
    return int(found[0]) if found and isinstance(found[0], int) else None


def iter_trajectory(path: Path, source: Source) -> Iterator[Raw]:
    """Yield the frames of an ASE trajectory.

    Raises
    ------
    DamagedError, MissingExtraError
        It cannot be read; ASE is not installed.
    """
    try:
        from ase.io import ulm
    except ImportError as error:
        raise MissingExtraError(NEEDS_ASE) from error
    try:
        reader = ulm.open(str(path), "r")
    except (ulm.InvalidULMFileError, OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"no trajectory that can be read: {error}") from error
    with reader:
        if reader.get_tag() != "ASE-Trajectory":
            raise NoStructureError("a file of ASE, but no trajectory")
        count = len(reader)
        for place in range(count):
            id = source.numbered(place + 1) if count > 1 else source.stem
            try:
                frame = reader[place]
                head = frame if "numbers" in frame else reader[0]
                structure = _structure(head.numbers, frame.positions, frame.cell, head.pbc)
                info = frame.get("info")
                told = _info(info)
            except (OSError, ValueError, KeyError, TypeError, AttributeError, MemoryError) as error:
                yield source.refused(id, Code.BAD_STRUCTURE, f"frame {place + 1} is damaged: {error!s:.100}")
                continue
            yield _entry(source, id_of(told) or id, structure, told)


def _info(text: Any) -> dict[str, Any]:
    """Return what a frame has noted beside its atoms; plain JSON, of which only names and numbers are used."""
    import json

    try:
        told = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return {}
    return dict(told) if isinstance(told, Mapping) else {}


def iter_extxyz(stream: IO[bytes], source: Source) -> Iterator[Raw]:
    """Yield the frames of an extended XYZ file, each as its own text.

    Raises
    ------
    NoStructureError
        No frame states a lattice.
    DamagedError, BoundError
        A line that should hold a number of atoms does not; a frame is larger than one entry may be.
    """
    most = source.limits.max_file_bytes
    waiting: Raw | None = None  # the first frame: alone it has the file's name
    number = 0
    while first := stream.readline(most):
        if not first.strip():
            continue
        count = _COUNT.match(first)
        if count is None:
            raise DamagedError(f"frame {number + 1} does not begin with a number of atoms")
        number += 1
        text, comment = _frame(first, int(count[1]), stream, number=number, most=most)
        if number == 1 and not re.search(r"\bLattice\s*=", comment, re.IGNORECASE):
            raise NoStructureError("an XYZ file without a lattice: molecules, no crystals")
        told = _comment(comment)
        structure, numbers, id = Structure("extxyz", text), numbers_in(told.items()), id_of(told)
        if number == 1 and id is None:
            waiting = source.read(source.stem, structure, numbers)
            continue
        if waiting is not None:
            yield source.read(source.numbered(1), Structure("extxyz", waiting.data), waiting.properties)
            waiting = None
        yield source.read(id or source.numbered(number), structure, numbers)
    if waiting is not None:
        yield waiting
    if not number:
        raise NoStructureError("nothing")


def _frame(first: bytes, count: int, stream: IO[bytes], *, number: int, most: int) -> tuple[bytes, str]:
    """Return the text of a frame whose first line was read, and its second line."""
    lines, size = [first], len(first)
    for _ in range(count + 1):
        line = stream.readline(most)
        size += len(line)
        if size > most:
            raise BoundError(f"frame {number} has more than max_file_bytes = {most}; the rest was not read")
        if not line:
            raise DamagedError(f"frame {number} ends too early")
        lines.append(line)
    return b"".join(lines), lines[1].decode("utf-8", "replace")


def _comment(comment: str) -> dict[str, Any]:
    """Return names and values of the second line of a frame."""
    try:
        from ase.io.extxyz import key_val_str_to_dict
    except ImportError as error:
        raise MissingExtraError(NEEDS_ASE) from error
    try:
        told = key_val_str_to_dict(comment)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return {}
    return {str(name): value.item() if isinstance(value, np.generic) else value for name, value in told.items()}
