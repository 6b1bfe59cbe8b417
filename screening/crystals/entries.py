"""One entry of a file, in whatever format it was kept → `Crystal`.

An entry is bytes and the name of their format: the text of a file, or the structure of an entry of a database as JSON.
Reading is that of the library that owns the format; what it gives becomes a `Crystal` by `crystal_of_arrays`, without
CIF in between. No library is asked to guess a format, or to make any other object than a structure.

=========  =====================================================  ==================
format     bytes                                                  read by
=========  =====================================================  ==================
cif        one data block                                         `read_cif`
mson       a pymatgen ``Structure`` as JSON                       pymatgen
optimade   the attributes of an OPTIMADE structure as JSON        here
jarvis     the ``atoms`` of a JARVIS entry as JSON                here
ase        ``numbers, positions, cell, pbc`` of ASE as JSON       here
extxyz     one frame of an extended XYZ file                      ASE
poscar     a POSCAR or CONTCAR                                    ASE
res        a .res file of a structure search                      ASE
xsf        an XSF file                                            ASE
=========  =====================================================  ==================
"""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from screening.config import InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal
from screening.crystals.direct import crystal_of_arrays
from screening.elements import NUMBERS
from screening.errors import Code, RejectionError

# Classes of pymatgen that are a periodic structure; nothing else is made of JSON.
STRUCTURE_CLASSES = frozenset({"Structure", "IStructure"})
ASE_FORMATS = {"extxyz": "extxyz", "poscar": "vasp", "res": "res", "xsf": "xsf"}
NEEDS_ASE = "pip install 'screening[formats]' reads this format"
ISOTOPES = {"D": 1, "T": 1}

Arrays = dict[str, Any]  # arguments of `crystal_of_arrays`


def read_entry(data: bytes, *, format: str, id: str, source: str, limits: InputLimits) -> Crystal:
    """Return the crystal of one entry.

    Raises
    ------
    RejectionError
        With the code that tells why it cannot be used.
    """
    if format == "cif":
        return read_cif(data, id=id, source=source, limits=limits)
    reader = _READERS[format]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries, on what is checked here
            arrays = reader(data)
    except RejectionError:
        raise
    except ImportError as error:
        raise RejectionError(Code.UNREADABLE, NEEDS_ASE) from error
    except MemoryError:
        raise
    except Exception as error:  # what else a library raises on a hostile entry
        detail = re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")[:200]
        raise RejectionError(Code.BAD_STRUCTURE, f"not a structure of format {format}: {detail}") from error
    return crystal_of_arrays(id=id, source=source, limits=limits, **arrays)


def _mson(data: bytes) -> Arrays:
    from pymatgen.core.structure import Structure

    told = _object(data)
    if told.get("@class", "Structure") not in STRUCTURE_CLASSES:
        raise RejectionError(Code.BAD_STRUCTURE, f"a {told['@class']!r:.60} is no periodic structure")
    return pymatgen_arrays(Structure.from_dict(told))


def pymatgen_arrays(structure: Any) -> Arrays:
    """Return the arrays of a pymatgen `Structure`: disorder and oxidation states kept."""
    if not all(structure.lattice.pbc):
        raise RejectionError(Code.BAD_CELL, "the structure is not periodic in three directions")
    positions: list[Any] = []
    rows: list[tuple[float, float, float]] = []
    for site in structure:
        for specie, occupancy in site.species.items():
            symbol = getattr(specie, "symbol", "")
            state = getattr(specie, "oxi_state", None)
            positions.append(site.frac_coords)
            rows.append((_number(symbol), float(occupancy), np.nan if state is None else float(state)))
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return {
        "lattice": np.array(structure.lattice.matrix, dtype=np.float64),
        "positions": np.array(positions, dtype=np.float64).reshape(-1, 3),
        "numbers": table[:, 0],
        "occupancies": table[:, 1],
        "charges": table[:, 2],
    }


def _optimade(data: bytes) -> Arrays:
    told = _object(data)
    dimensions = told.get("dimension_types")
    if dimensions is not None and list(dimensions) != [1, 1, 1]:
        raise RejectionError(Code.BAD_CELL, "the structure is not periodic in three directions")
    lattice = np.array(told["lattice_vectors"], dtype=np.float64)
    places = np.array(told["cartesian_site_positions"], dtype=np.float64).reshape(-1, 3)
    names = list(told["species_at_sites"])
    if len(names) != len(places):
        raise RejectionError(Code.BAD_SITE, f"{len(places)} positions and {len(names)} names of species")
    species = {one["name"]: one for one in told.get("species") or ()}
    unplaced: dict[int, float] = {}
    positions, rows = [], []
    for place, name in zip(places, names, strict=True):
        one = species.get(name) or {"chemical_symbols": [name], "concentration": [1.0]}
        for symbol, share in zip(one["chemical_symbols"], one["concentration"], strict=True):
            if symbol == "vacancy":
                continue
            positions.append(place)
            rows.append((_number(symbol), float(share)))
        for symbol, count in zip(one.get("attached") or (), one.get("nattached") or (), strict=True):
            unplaced[_number(symbol)] = unplaced.get(_number(symbol), 0.0) + float(count)
    table = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return {
        "lattice": lattice,
        "positions": _fractional(np.array(positions).reshape(-1, 3), lattice),
        "numbers": table[:, 0],
        "occupancies": table[:, 1],
        "unplaced": unplaced,
    }


def _jarvis(data: bytes) -> Arrays:
    told = _object(data)
    lattice = np.array(told["lattice_mat"], dtype=np.float64)
    positions = np.array(told["coords"], dtype=np.float64).reshape(-1, 3)
    numbers = np.array([_number(str(symbol).strip()) for symbol in told["elements"]], dtype=np.float64)
    if len(numbers) != len(positions):
        raise RejectionError(Code.BAD_SITE, f"{len(positions)} positions and {len(numbers)} elements")
    if told.get("cartesian") in (True, "True", "true", 1):
        positions = _fractional(positions, lattice)
    return {"lattice": lattice, "positions": positions, "numbers": numbers, "occupancies": np.ones(len(numbers))}


def _ase_json(data: bytes) -> Arrays:
    told = _object(data)
    return _of_ase(
        cell=_array(told["cell"]),
        positions=_array(told["positions"]),
        numbers=_array(told["numbers"]),
        pbc=_array(told.get("pbc", True)),
    )


def _array(told: Any) -> Any:
    """Return an array that ASE wrote as JSON: lists, or shape, type and flat values."""
    while isinstance(told, Mapping):
        if "array" in told and "__ndarray__" not in told:  # a Cell
            told = told["array"]
            continue
        shape, _, flat = told["__ndarray__"]
        return np.array(flat, dtype=np.float64).reshape([int(length) for length in shape])
    return np.array(told, dtype=np.float64)


def _ase_text(format: str) -> Callable[[bytes], Arrays]:
    def read(data: bytes) -> Arrays:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        _CHECKS[format](text)
        if format == "res":
            from ase.io.res import Res

            return ase_arrays(Res.from_string(text).atoms)
        from ase.io import read as read_ase

        return ase_arrays(read_ase(io.StringIO(text), index=0, format=ASE_FORMATS[format]))

    return read


def _check_poscar(text: str) -> None:
    """Refuse a POSCAR of VASP 4, for whose elements ASE would look in other files."""
    lines = text.split("\n", 7)
    if len(lines) < 8 or not re.match(r"\s*[A-Z]", lines[5]):
        raise RejectionError(
            Code.BAD_ELEMENT, "the POSCAR names no elements (VASP 4): give them in a line before their counts"
        )


def _check_res(text: str) -> None:
    """Refuse a SHELX file with symmetry: ASE takes its atoms for all of the cell."""
    if re.search(r"^\s*SYMM\s", text, re.MULTILINE) or not re.search(r"^\s*LATT\s+-1\b", text, re.MULTILINE):
        raise RejectionError(
            Code.BAD_SYMMETRY, "a SHELX file with symmetry is not read: write the cell in P 1 (LATT -1), or as CIF"
        )


def _check_xsf(text: str) -> None:
    if re.search(r"^\s*ANIMSTEPS\s", text, re.MULTILINE):
        raise RejectionError(Code.BAD_STRUCTURE, "an animation: save each of its steps as a file")
    if not re.search(r"^\s*CRYSTAL\s*$", text, re.MULTILINE):
        raise RejectionError(Code.NO_CELL, "the XSF file is no CRYSTAL, periodic in three directions")


def _check_extxyz(text: str) -> None:
    lines = text.split("\n", 2)
    if len(lines) < 2 or not re.search(r"\bLattice\s*=", lines[1], re.IGNORECASE):
        raise RejectionError(Code.NO_CELL, "the frame states no Lattice: it is no crystal")


_CHECKS: dict[str, Callable[[str], None]] = {
    "poscar": _check_poscar,
    "res": _check_res,
    "xsf": _check_xsf,
    "extxyz": _check_extxyz,
}


def ase_arrays(atoms: Any) -> Arrays:
    """Return the arrays of ASE `Atoms`; those of sites shared as ASE's CIF reader notes them in ``info``."""
    return _of_ase(
        cell=np.array(atoms.cell.array),
        positions=np.array(atoms.positions),
        numbers=np.array(atoms.numbers),
        pbc=np.array(atoms.pbc),
        shared=atoms.info.get("occupancy"),
        kinds=atoms.arrays.get("spacegroup_kinds"),
    )


def _of_ase(  # noqa: PLR0913
    *, cell: Any, positions: Any, numbers: Any, pbc: Any, shared: Any = None, kinds: Any = None
) -> Arrays:
    lattice = np.asarray(cell, dtype=np.float64)
    if lattice.shape != (3, 3) or not np.isfinite(lattice).all() or not np.linalg.norm(lattice, axis=1).all():
        raise RejectionError(Code.NO_CELL, "the structure has no cell of three vectors")
    if not np.all(pbc):
        raise RejectionError(Code.BAD_CELL, "the structure is not periodic in three directions (pbc)")
    fractional = _fractional(np.asarray(positions, dtype=np.float64).reshape(-1, 3), lattice)
    numbers = np.asarray(numbers, dtype=np.float64)
    if len(numbers) != len(fractional):
        raise RejectionError(Code.BAD_SITE, f"{len(fractional)} positions and {len(numbers)} elements")
    if isinstance(shared, Mapping) and kinds is not None:
        return {"lattice": lattice, **_shared(fractional, shared, np.asarray(kinds))}
    return {"lattice": lattice, "positions": fractional, "numbers": numbers, "occupancies": np.ones(len(numbers))}


def _shared(positions: Any, shared: Mapping[str, Mapping[str, float]], kinds: Any) -> Arrays:
    """Return one row for each element of a site: `shared` says by kind of site which it holds, and how much."""
    places: list[Any] = []
    rows: list[tuple[int, float]] = []
    for place, kind in zip(positions, kinds.tolist(), strict=True):
        for symbol, share in shared[str(kind)].items():
            places.append(place)
            rows.append((_number(symbol), float(share)))
    table = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return {"positions": np.array(places).reshape(-1, 3), "numbers": table[:, 0], "occupancies": table[:, 1]}


def _fractional(positions: Any, lattice: Any) -> Any:
    """Return fractional coordinates of cartesian ones."""
    try:
        return np.linalg.solve(lattice.T, positions.T).T
    except np.linalg.LinAlgError as error:
        raise RejectionError(Code.BAD_CELL, "the cell vectors enclose no volume") from error


def _number(symbol: str) -> int:
    number = ISOTOPES.get(symbol) or NUMBERS.get(symbol)
    if number is None:
        raise RejectionError(Code.BAD_ELEMENT, f"no element is named {symbol!r:.40}")
    return number


def _object(data: bytes) -> dict[str, Any]:
    told = json.loads(data)
    if not isinstance(told, dict):
        raise RejectionError(Code.BAD_STRUCTURE, "the JSON of the entry is no object")
    return told


_READERS: dict[str, Callable[[bytes], Arrays]] = {
    "mson": _mson,
    "optimade": _optimade,
    "jarvis": _jarvis,
    "ase": _ase_json,
    **{format: _ase_text(format) for format in ASE_FORMATS},
}
