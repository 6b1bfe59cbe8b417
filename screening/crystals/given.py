"""What people hold in Python (structures of pymatgen and ASE, CIF text, paths) → `Crystal`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from screening.config import InputLimits
from screening.crystals.crystal import Crystal
from screening.crystals.direct import crystal_of_arrays
from screening.crystals.entries import ase_arrays, read_entry
from screening.errors import Code, InputError, Rejection, RejectionError

# By the end of a file's name; anything else is taken for CIF.
FORMATS = {".json": "mson", ".vasp": "poscar", ".xsf": "xsf", ".res": "res", ".extxyz": "extxyz"}
COLUMNS = ("structure", "structures", "crystal", "atoms", "cif", "path", "file")
WANTED = "a pymatgen Structure, ASE Atoms, CIF text, a path or a Crystal"


def as_crystal(one: Any, *, id: str = "structure", limits: InputLimits | None = None) -> Crystal:
    """Return the crystal of a structure of pymatgen or ASE, of CIF text, or of a file with one crystal.

    Raises
    ------
    RejectionError
        No crystal: the code tells why.
    InputError
        Something else was given.
    """
    limits = limits or InputLimits()
    if isinstance(one, Crystal):
        return one
    if _is_of(one, "pymatgen.core.structure", "IStructure"):
        return Crystal.from_pymatgen(one, id=id)
    if _is_of(one, "ase.atoms", "Atoms"):
        return crystal_of_arrays(id=id, source="ase", limits=limits, **ase_arrays(one))
    if isinstance(one, str) and ("\n" in one or one.lstrip()[:5].lower() == "data_"):
        return read_entry(one.encode("utf-8", "replace"), format="cif", id=id, source="text", limits=limits)
    if isinstance(one, str | Path):
        return _of_file(Path(one), id, limits)
    raise InputError(f"{type(one).__name__} is none of these: {WANTED}")


def _is_of(one: Any, module: str, name: str) -> bool:
    """Return whether an object is of a class of a library that is asked only where it was imported."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(one, kind)


def _of_file(path: Path, id: str, limits: InputLimits) -> Crystal:
    try:
        if path.stat().st_size > limits.max_file_bytes:
            raise RejectionError(Code.TOO_LARGE, f"more than max_file_bytes = {limits.max_file_bytes}")
        data = path.read_bytes()
    except OSError as error:
        raise RejectionError(Code.UNREADABLE, f"{str(path)[:100]}: {error.strerror or error}") from error
    is_poscar = path.name.upper().startswith(("POSCAR", "CONTCAR"))
    format = "poscar" if is_poscar else FORMATS.get(path.suffix.lower(), "cif")
    return read_entry(data, format=format, id=id, source=str(path), limits=limits)


def as_crystals(given: Iterable[Any]) -> Iterator[Crystal | Rejection]:
    """Yield a crystal for each structure, or why there is none; ids are places, from 0.

    Parameters
    ----------
    given
        Structures, or a DataFrame with a column of them; a rejection stays what it is.

    Raises
    ------
    InputError
        One of them alone was given, or something else stands among them; the message names its place.
    """
    if isinstance(given, str | bytes | Path | Crystal) or _is_one(given):
        raise InputError("a list of structures is needed, not one of them")
    for place, one in enumerate(_column(given)):
        if isinstance(one, Rejection):  # of whoever read it
            yield one
            continue
        try:
            yield as_crystal(one, id=str(place))
        except RejectionError as error:
            yield Rejection(id=str(place), source="", stage="given", code=error.code, detail=error.detail)
        except InputError as error:
            raise InputError(f"X[{place}]: {error}") from error


def _is_one(given: Any) -> bool:
    return _is_of(given, "pymatgen.core.structure", "IStructure") or _is_of(given, "ase.atoms", "Atoms")


def _column(given: Any) -> Iterable[Any]:
    """Return the column of a DataFrame that holds structures, anything else as it is.

    Raises
    ------
    InputError
        No column has one of the usual names, and there are several.
    """
    if not _is_of(given, "pandas", "DataFrame"):
        return given  # type: ignore[no-any-return]
    names = [name for name in given.columns if str(name).lower() in COLUMNS]
    if not names and len(given.columns) == 1:
        names = list(given.columns)
    if not names:
        raise InputError(f"no column of the table is named {', '.join(COLUMNS)}; give the column itself")
    return given[names[0]]  # type: ignore[no-any-return]
