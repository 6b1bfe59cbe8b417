"""The same crystals in every format that is read, each file written by the library that owns the format."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from ase.db import connect
from ase.io import write
from ase.io.trajectory import Trajectory
from monty.serialization import dumpfn
from optimade.adapters import Structure as OptimadeStructure
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp import Poscar


class Given(NamedTuple):
    """A crystal to be written, with an id and two numbers beside it."""

    id: str
    structure: Structure
    e_above_hull: float
    band_gap: float

    @property
    def numbers(self) -> dict[str, float]:
        return {"e_above_hull": self.e_above_hull, "band_gap": self.band_gap}


def given(structures: Sequence[Structure]) -> list[Given]:
    return [Given(f"mp-{n + 1000}", one, n / 100, 5 - n / 50) for n, one in enumerate(structures)]


def _atoms(one: Given) -> Any:
    atoms = AseAtomsAdaptor.get_atoms(one.structure, msonable=False)
    atoms.info = {"material_id": one.id, **one.numbers}
    return atoms


def _entry(one: Given) -> Any:
    from pymatgen.entries.computed_entries import ComputedStructureEntry  # three seconds, for these files alone

    data = {"material_id": one.id, **one.numbers}
    return ComputedStructureEntry(one.structure, energy=-1.5, entry_id=one.id, data=data)


def entries_json(folder: Path, crystals: Sequence[Given]) -> Path:
    """A list of ComputedStructureEntry, as pymatgen's dumpfn writes it."""
    dumpfn([_entry(one) for one in crystals], folder / "entries.json")
    return folder / "entries.json"


def entries_gz(folder: Path, crystals: Sequence[Given]) -> Path:
    """An Alexandria dump: an object with the list of entries, packed."""
    told = {"entries": [_entry(one).as_dict() for one in crystals]}
    (folder / "alexandria.json.gz").write_bytes(gzip.compress(json.dumps(told).encode()))
    return folder / "alexandria.json.gz"


def structures_bz2(folder: Path, crystals: Sequence[Given]) -> Path:
    """An object of Structures by id, packed."""
    told = {one.id: one.structure.as_dict() for one in crystals}
    (folder / "structures.json.bz2").write_bytes(bz2.compress(json.dumps(told).encode()))
    return folder / "structures.json.bz2"


def structure_files(folder: Path, crystals: Sequence[Given]) -> Path:
    """One Structure a file, as pymatgen writes it."""
    (folder / "mson").mkdir()
    for one in crystals:
        one.structure.to(filename=str(folder / "mson" / f"{one.id}.json"))
    return folder / "mson"


def summaries_jsonl(folder: Path, crystals: Sequence[Given]) -> Path:
    """Lines of documents with a structure, as the Materials Project's client gives them."""
    lines = [
        json.dumps({"material_id": one.id, **one.numbers, "structure": one.structure.as_dict()}) for one in crystals
    ]
    (folder / "docs.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "docs.jsonl"


def optimade_page(folder: Path, crystals: Sequence[Given]) -> Path:
    """A page of an OPTIMADE answer, its resources made by optimade-python-tools."""
    data = []
    for one in crystals:
        made = OptimadeStructure.ingest_from(one.structure, "pymatgen")
        attributes = json.loads(made.attributes.model_dump_json())
        attributes |= {f"_x_{name}": value for name, value in one.numbers.items()}
        data.append({"id": one.id, "type": "structures", "attributes": attributes})
    page = {"data": data, "meta": {"data_returned": len(data), "more_data_available": False}, "links": {"next": None}}
    (folder / "page.json").write_text(json.dumps(page))
    return folder / "page.json"


def ase_db(folder: Path, crystals: Sequence[Given]) -> Path:
    """An ASE database."""
    with connect(folder / "all.db") as database:
        for one in crystals:
            database.write(_atoms(one), material_id=one.id.replace("-", "_x_"), **one.numbers)
    return folder / "all.db"


def ase_json(folder: Path, crystals: Sequence[Given]) -> Path:
    """An ASE database in JSON."""
    with connect(folder / "ase.json", type="json") as database:
        for one in crystals:
            database.write(_atoms(one), material_id=one.id.replace("-", "_x_"), **one.numbers)
    return folder / "ase.json"


def ase_traj(folder: Path, crystals: Sequence[Given]) -> Path:
    """An ASE trajectory."""
    with Trajectory(folder / "all.traj", "w") as trajectory:
        for one in crystals:
            trajectory.write(_atoms(one))
    return folder / "all.traj"


def extxyz(folder: Path, crystals: Sequence[Given]) -> Path:
    """Frames of an extended XYZ file."""
    write(folder / "all.extxyz", [_atoms(one) for one in crystals], format="extxyz")
    return folder / "all.extxyz"


def poscars(folder: Path, crystals: Sequence[Given]) -> Path:
    """A folder for each POSCAR, as pymatgen writes it."""
    for one in crystals:
        (folder / "vasp" / one.id).mkdir(parents=True)
        poscar = Poscar(one.structure.get_sorted_structure())
        poscar.write_file(folder / "vasp" / one.id / "POSCAR", significant_figures=16)
    return folder / "vasp"


def ase_files(suffix: str, format: str) -> Callable[[Path, Sequence[Given]], Path]:
    def made(folder: Path, crystals: Sequence[Given]) -> Path:
        (folder / suffix).mkdir()
        for one in crystals:
            write(folder / suffix / f"{one.id}.{suffix}", _atoms(one), format=format)
        return folder / suffix

    return made


def _cif(one: Given) -> str:
    return str(CifWriter(one.structure, significant_figures=10))


def cif_csv(folder: Path, crystals: Sequence[Given]) -> Path:
    """A table as CDVAE's MP-20: an unnamed index, numbers, the CIF in a column, as pandas writes it."""
    rows = [{"material_id": one.id, **one.numbers, "pretty_formula": "X", "cif": _cif(one)} for one in crystals]
    pd.DataFrame(rows).to_csv(folder / "mp20.csv")
    return folder / "mp20.csv"


def structure_csv(folder: Path, crystals: Sequence[Given]) -> Path:
    """A table with pymatgen's JSON in a column."""
    rows = []
    for one in crystals:
        text = json.dumps(one.structure.as_dict())
        rows.append({"material_id": one.id, **one.numbers, "structure": text})
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


def optimade_parquet(folder: Path, crystals: Sequence[Given]) -> Path:
    """Columns as in LeMat-Bulk, as pandas and pyarrow write them."""
    rows = []
    for one in crystals:
        lattice = one.structure.lattice.matrix.tolist()
        symbols = [str(site.specie.symbol) for site in one.structure]
        species = [
            {"name": name, "chemical_symbols": [name], "concentration": [1.0], "mass": None}
            for name in sorted(set(symbols))
        ]
        rows.append(
            {
                "immutable_id": one.id,
                "lattice_vectors": lattice,
                "cartesian_site_positions": one.structure.cart_coords.tolist(),
                "species_at_sites": symbols,
                "species": species,
                **one.numbers,
            }
        )
    pd.DataFrame(rows).to_parquet(folder / "lemat.parquet", row_group_size=7)
    return folder / "lemat.parquet"


def cif_parquet(folder: Path, crystals: Sequence[Given]) -> Path:
    """A column of CIF texts."""
    rows = [{"material_id": one.id, **one.numbers, "cif": _cif(one)} for one in crystals]
    pd.DataFrame(rows).to_parquet(folder / "cif.parquet")
    return folder / "cif.parquet"


def cifs(folder: Path, crystals: Sequence[Given]) -> Path:
    """CIF files, the way that is compared with."""
    (folder / "cif").mkdir()
    for one in crystals:
        (folder / "cif" / f"{one.id}.cif").write_text(_cif(one))
    return folder / "cif"


WRITERS: dict[str, Callable[[Path, Sequence[Given]], Path]] = {
    "pymatgen entries": entries_json,
    "Alexandria": entries_gz,
    "pymatgen by id": structures_bz2,
    "pymatgen files": structure_files,
    "documents": summaries_jsonl,
    "OPTIMADE": optimade_page,
    "ASE db": ase_db,
    "ASE json": ase_json,
    "ASE traj": ase_traj,
    "extxyz": extxyz,
    "POSCAR": poscars,
    "vasp": ase_files("vasp", "vasp"),
    "res": ase_files("res", "res"),
    "xsf": ase_files("xsf", "xsf"),
    "CSV of CIF": cif_csv,
    "CSV of JSON": structure_csv,
    "Parquet as LeMat-Bulk": optimade_parquet,
    "Parquet of CIF": cif_parquet,
}
# Formats that carry no numbers beside the crystal.
WITHOUT_NUMBERS = {"pymatgen by id", "pymatgen files", "POSCAR", "vasp", "res", "xsf"}


def packed(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
        file.write(data)
    return buffer.getvalue()
