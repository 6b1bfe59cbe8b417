"""The same crystals through every format give the same features, ids and numbers; a hostile file of each kind a row."""

from __future__ import annotations

import gzip
import json
import pickle
import shutil
import sqlite3
import tarfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.db import connect
from ase.io.trajectory import Trajectory
from made_crystals import random_crystal
from paths import DATA, ROOT
from pymatgen.core import Lattice, Molecule, Structure
from written import WITHOUT_NUMBERS, WRITERS, Given, cifs, given

from screening.config import Config, InputLimits
from screening.errors import Code, RejectionError
from screening.features import featurize
from screening.sources import Item, iter_items, read_item
from screening.store import ShardRows

LIMITS = InputLimits()
CUBE = "[[5,0,0],[0,5,0],[0,0,5]]"
SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.14), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def items(*paths: Path | str, limits: InputLimits = LIMITS) -> list[Item]:
    return list(iter_items([str(path) for path in paths], limits))


def outcome(item: Item) -> str:
    """Return the code of an item, ``read`` where it gives a crystal."""
    try:
        read_item(item, LIMITS)
    except RejectionError as error:
        return error.code.value
    return "read"


def outcomes(*paths: Path, limits: InputLimits = LIMITS) -> dict[str, str]:
    return {item.id: outcome(item) for item in items(*paths, limits=limits)}


def structures(count: int) -> list[Structure]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [Structure.from_str(random_crystal(seed), fmt="cif") for seed in range(count)]


@pytest.fixture(scope="module")
def crystals() -> list[Given]:
    return given(structures(5))


@pytest.fixture(scope="module")
def wanted(crystals: list[Given], tmp_path_factory: pytest.TempPathFactory) -> ShardRows:
    return rows_of(items(cifs(tmp_path_factory.mktemp("cif"), crystals)))


def rows_of(found: list[Item]) -> ShardRows:
    rows = featurize(found, Config())
    assert [str(code) for code in rows.strings[:, 4]] == [""] * len(found), rows.strings[:, 5]
    return rows


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Warnings of the libraries that write the files are theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_crystals(
    name: str, crystals: list[Given], wanted: ShardRows, tmp_path: Path
) -> None:
    found = items(WRITERS[name](tmp_path, crystals))
    separator = "_x_" if name in ("ASE db", "ASE json") else "-"
    assert [item.id.replace(separator, "-") for item in found] == [one.id for one in crystals]
    rows = rows_of(found)
    np.testing.assert_allclose(rows.features, wanted.features, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rows.composition, wanted.composition)
    if name in WITHOUT_NUMBERS:
        assert not any(item.properties for item in found)
        return
    for item, one in zip(found, crystals, strict=True):
        carried = {key.removeprefix("_x_"): value for key, value in item.properties.items()}
        assert carried.items() >= one.numbers.items()


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_two_hundred_real_crystals_through_every_format(name: str, shared_data: Path, tmp_path: Path) -> None:
    with tarfile.open(shared_data / "mp-li" / "mp-li.tar.xz") as archive:
        texts: list[str] = []
        for member in archive:
            if member.isfile() and len(texts) < 200:
                inner = archive.extractfile(member)
                assert inner is not None
                texts.append(inner.read().decode())
    real = given([Structure.from_str(text, fmt="cif") for text in texts])
    (tmp_path / "a").mkdir()
    expected = featurize(items(cifs(tmp_path / "a", real)), Config())
    rows = featurize(items(WRITERS[name](tmp_path, real)), Config())
    np.testing.assert_allclose(rows.features, expected.features, rtol=1e-4, atol=2e-3)


# Rows of the table in docs/inputs.md, and the writer that tries each.
ROWS = {
    "pymatgen JSON: entries": "pymatgen entries", "pymatgen JSON: objects": "pymatgen by id",
    "pymatgen JSON: files": "pymatgen files", "Alexandria": "Alexandria", "JSON lines": "documents",
    "OPTIMADE pages": "OPTIMADE", "ASE database (`.db`)": "ASE db", "ASE database (`.json`)": "ASE json",
    "ASE trajectory (`.traj`)": "ASE traj", "extended XYZ": "extxyz", "POSCAR, CONTCAR": "POSCAR", "`.vasp`": "vasp",
    "`.res`": "res", "`.xsf`": "xsf", "CSV of CIF": "CSV of CIF", "CSV of JSON": "CSV of JSON",
    "Parquet of OPTIMADE": "Parquet as LeMat-Bulk", "Parquet of CIF": "Parquet of CIF",
}  # fmt: skip
ELSEWHERE = {"CIF (`.cif`, `.mcif`)", "JARVIS"}  # tested by all other tests, and below


def test_each_row_of_the_page_is_tried_here() -> None:
    page = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    table = page.split("| format | tried on | id | properties kept |")[1].split("\n\n")[0]
    rows = [line.split("|")[1:-1] for line in table.splitlines()[2:]]
    assert {row[0].strip() for row in rows} == ROWS.keys() | ELSEWHERE
    assert set(ROWS.values()) == WRITERS.keys()
    for row in rows:
        writer = ROWS.get(row[0].strip())
        assert writer is None or (row[3].strip() == "none") == (writer in WITHOUT_NUMBERS), row


def test_jarvis_as_its_own_tools_write_it() -> None:
    """The file was written by jarvis-tools 2026.6.12: `Atoms.to_dict` and `dumpjson`."""
    found = items(DATA / "formats" / "jarvis.json")
    assert [item.id for item in found] == ["JVASP-1", "JVASP-2", "JVASP-3"]
    assert [read_item(item, LIMITS).formula for item in found] == ["LiF", "LiCl", "LiBr"]
    assert found[0].properties == {"optb88vdw_bandgap": 5.0, "formation_energy_peratom": -3.0, "ehull": 0.0}


def disordered() -> Structure:
    species: list[Any] = [{"Li+": 0.5, "Na+": 0.25}, {"Cl-": 1.0}]
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.14), species, [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_disorder_and_charges_come_through_json(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(disordered().to_json())
    (item,) = items(tmp_path / "x.json")
    crystal = read_item(item, LIMITS)
    assert (item.id, item.format, crystal.flags) == ("x", "mson", ("disordered",))
    assert crystal.composition() == {"Li": 2.0, "Na": 1.0, "Cl": 4.0}
    assert set(crystal.charges.tolist()) == {1.0, -1.0}
    assert crystal.n_sites == 8


def test_vacancies_and_mixed_sites_of_optimade(tmp_path: Path) -> None:
    attributes = {
        "lattice_vectors": [[5, 0, 0], [0, 5, 0], [0, 0, 5]],
        "cartesian_site_positions": [[0, 0, 0], [2.5, 2.5, 2.5]],
        "species_at_sites": ["mixed", "O"],
        "species": [
            {"name": "mixed", "chemical_symbols": ["Li", "Na", "vacancy"], "concentration": [0.5, 0.25, 0.25]},
            {"name": "O", "chemical_symbols": ["O"], "concentration": [1.0], "attached": ["H"], "nattached": [1]},
        ],
        "dimension_types": [1, 1, 1],
    }
    page = {"data": [{"id": "a/1", "type": "structures", "attributes": attributes}], "meta": {}, "links": {}}
    (tmp_path / "p.json").write_text(json.dumps(page))
    (item,) = items(tmp_path / "p.json")
    crystal = read_item(item, LIMITS)
    assert crystal.composition() == {"H": 1.0, "Li": 0.5, "O": 1.0, "Na": 0.25}
    assert set(crystal.flags) == {"disordered", "atoms-without-coordinates"}


def test_shared_sites_that_ase_notes(tmp_path: Path) -> None:
    """ASE's reader of CIF keeps occupancies in info; its trajectories and extended XYZ hold them too."""
    from ase.io import read

    disordered().to(filename=str(tmp_path / "x.cif"))
    atoms = read(tmp_path / "x.cif", fractional_occupancies=True)
    from screening.crystals import ase_arrays

    arrays = ase_arrays(atoms)
    assert np.bincount(arrays["numbers"].astype(int), arrays["occupancies"])[[3, 11, 17]].tolist() == [2, 1, 4]


def test_files_are_known_by_their_content_where_names_say_nothing(tmp_path: Path, crystals: list[Given]) -> None:
    for name, new in (("pymatgen entries", "a"), ("ASE db", "b.data"), ("Parquet of CIF", "c"), ("ASE traj", "d.bin")):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(WRITERS[name](folder, crystals), tmp_path / new)
        assert set(outcomes(tmp_path / new).values()) == {"read"}, name
    assert len(items(tmp_path / "b.data")) == len(crystals)


@pytest.mark.parametrize("name", ["Alexandria", "ASE db", "Parquet of CIF", "extxyz", "POSCAR", "CSV of CIF"])
@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_the_same_in_an_archive_and_in_a_list(name: str, suffix: str, crystals: list[Given], tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    written = WRITERS[name](tmp_path / "files", crystals)
    direct = items(written)
    shutil.make_archive(str(tmp_path / "x"), suffix[1:], tmp_path / "files")
    (tmp_path / "list.txt").write_text(f"{written.relative_to(tmp_path)}\n")
    for given_path in (tmp_path / f"x{suffix}", f"@{tmp_path / 'list.txt'}", tmp_path / "files"):
        found = items(given_path)
        assert sorted((item.id, item.text) for item in found) == sorted((item.id, item.text) for item in direct)


def test_crystals_are_found_again_by_their_source(tmp_path: Path, crystals: list[Given]) -> None:
    from screening.crystals import Crystal
    from screening.sources import Wanted, find_crystals

    for name in ("Alexandria", "ASE db", "POSCAR", "CSV of CIF"):
        folder = tmp_path / name
        folder.mkdir()
        found = items(WRITERS[name](folder, crystals))
        wanted = [Wanted(one.id, one.source, read_item(one, LIMITS).formula) for one in found[1:4]]
        again = find_crystals(wanted, LIMITS)
        assert all(isinstance(again[one.id], Crystal) for one in wanted), again


def test_entries_without_a_structure_stand_in_rows(tmp_path: Path) -> None:
    entries = [{"note": 1}, {"material_id": "a", "structure": SALT.as_dict()}, {"material_id": "b", "structure": None}]
    (tmp_path / "x.json").write_text(json.dumps(entries))
    assert outcomes(tmp_path / "x.json") == {"x#1": "no-structure", "a": "read", "x#3": "no-structure"}
    (tmp_path / "y.csv").write_text('material_id,cif\na,"data_a\n_x 1"\nb,\nc,d,e\n')
    assert outcomes(tmp_path / "y.csv") == {"a": "no-atoms", "b": "no-structure", "y#3": "no-structure"}


def test_a_large_file_is_streamed_to_the_same_items(tmp_path: Path, crystals: list[Given]) -> None:
    """Above the size of one entry the parser goes event by event."""
    for name in ("pymatgen entries", "Alexandria", "pymatgen by id", "documents", "OPTIMADE"):
        folder = tmp_path / name
        folder.mkdir()
        written = WRITERS[name](folder, crystals)
        small = InputLimits(max_file_bytes=9_000)
        whole, streamed = items(written), items(written, limits=small)
        assert [(one.id, one.text, one.properties) for one in streamed] == [
            (one.id, one.text, one.properties) for one in whole
        ], name


def test_not_a_number_in_python_json_is_read(tmp_path: Path) -> None:
    entry = {"material_id": "a", "band_gap": float("nan"), "e": float("-inf"), "g": 1.5, "structure": SALT.as_dict()}
    (tmp_path / "x.json").write_text(json.dumps([entry] * 20))
    for most in (20_000_000, 6_000):
        found = items(tmp_path / "x.json", limits=InputLimits(max_file_bytes=most))
        assert [item.properties for item in found] == [{"g": 1.5}] * 20


def test_memory_is_that_of_an_entry(tmp_path: Path) -> None:
    entry = json.dumps({"material_id": "a", "structure": SALT.as_dict()})
    peaks = []
    for count in (200, 800):
        path = tmp_path / f"{count}.json.gz"
        with gzip.open(path, "wt") as file:
            file.write("[" + ",".join([entry] * count) + "]")
        tracemalloc.start()
        for one in iter_items([str(path)], InputLimits(max_file_bytes=100_000, max_ratio=1e4)):
            assert one.rejection is None
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] + 200_000


# Hostile files


def test_no_other_class_is_made_of_json(tmp_path: Path) -> None:
    evil = {"@module": "os", "@class": "system", "@version": "1", "command": f"touch {tmp_path}/made"}
    molecule = Molecule(["Li"], [[0, 0, 0]]).as_dict()
    site = {**SALT.as_dict()["sites"][0], "properties": evil, "label": "x"}
    entries = [evil, molecule, {**SALT.as_dict(), "sites": [site], "properties": evil}, {"structure": evil}]
    (tmp_path / "x.json").write_text(json.dumps(entries))
    assert list(outcomes(tmp_path / "x.json").values()) == ["no-structure", "no-structure", "read", "no-structure"]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * 100_000, "too-large"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, "too-large"),
        ('[{"structure": ', "unreadable"),
        ("", "no-structure"),
        ("[1, 2, 3]", "no-structure"),
        ('"text"', "no-structure"),
        ("\xff\xfe", "unreadable"),
        ('[{"@class": "Structure"}]', "bad-structure"),
        ('[{"@class": "Structure", "lattice": 1, "sites": [1]}]', "bad-structure"),
        ('[{"lattice": {"matrix": [[1]]}, "sites": []}]', "bad-structure"),
        ('[{"numbers": [3], "positions": [[0,0,0]], "cell": [[0,0,0],[0,0,0],[0,0,0]]}]', "no-cell"),
        ('[{"numbers": [3], "positions": [[0,0,0]], CELL, "pbc": [true, true, false]}]', "bad-cell"),
        ('[{"numbers": [3], "positions": [[1e99,0,0]], CELL}]', "bad-site"),
        ('[{"numbers": [300], "positions": [[0,0,0]], CELL}]', "bad-element"),
        ('[{"numbers": [], "positions": [], CELL}]', "no-atoms"),
        ('[{"numbers": {"__ndarray__": [[99999999999], "f8", [3]]}, "positions": [[0,0,0]], CELL}]', "bad-structure"),
        ('[{"lattice_mat": M, "coords": [[0,0,0]], "elements": ["Xx"]}]', "bad-element"),
        ('[{"lattice_mat": M, "coords": [[0,0,0]], "elements": ["Li", "O"]}]', "bad-site"),
        ('[{"lattice_vectors": [[5,0,0],[5,0,0],[0,0,5]], '
            '"cartesian_site_positions": [[0,0,0]], "species_at_sites": ["Li"]}]', "bad-cell"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("most", [20_000_000, 20])
def test_json_that_is_none_or_no_crystal_is_a_row(text: str, code: str, most: int, tmp_path: Path) -> None:
    text = text.replace("CELL", f'"cell": {CUBE}').replace('"lattice_mat": M', f'"lattice_mat": {CUBE}')
    (tmp_path / "x.json").write_bytes(text.encode("latin-1"))
    found = list(outcomes(tmp_path / "x.json", limits=InputLimits(max_file_bytes=most)).values())
    if most == 20 and code not in ("unreadable", "no-structure"):
        assert found[-1] in ("too-large", "unreadable")  # the entry, or the brackets, are beyond the limit
    else:
        assert found == [code]


def test_an_entry_beyond_the_limit_ends_the_reading(tmp_path: Path) -> None:
    good = json.dumps({"material_id": "a", "structure": SALT.as_dict()})
    big = json.dumps({"material_id": "b", "x": ["x" * 1000] * 600})
    (tmp_path / "x.json").write_text(f"[{good},{big},{good}]")
    assert outcomes(tmp_path / "x.json", limits=InputLimits(max_file_bytes=200_000)) == {"a": "read", "x": "too-large"}
    (tmp_path / "y.jsonl").write_text(f"{good}\n{big}\n{good}\n")
    assert outcomes(tmp_path / "y.jsonl", limits=InputLimits(max_file_bytes=200_000)) == {"a": "read", "y": "too-large"}


def test_a_bomb_gives_no_more_than_the_ratio(tmp_path: Path) -> None:
    (tmp_path / "x.json.gz").write_bytes(gzip.compress(b"[" + b" " * 120_000_000 + b"]"))
    assert outcomes(tmp_path / "x.json.gz") == {"x": "too-large"}
    (tmp_path / "y.csv.gz").write_bytes(gzip.compress(b"material_id,cif\n" + b"a,b\n" * 5_000_000))
    last = list(outcomes(tmp_path / "y.csv.gz", limits=InputLimits(max_container_bytes=100_000)).values())[-1]
    assert last == "too-large"


def test_a_pickled_trajectory_is_never_unpickled(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "made",))

    (tmp_path / "x.traj").write_bytes(b"PickleTrajectory" + pickle.dumps(Evil()))
    (tmp_path / "y.traj").write_bytes(pickle.dumps(Evil()))
    assert outcomes(tmp_path / "x.traj", tmp_path / "y.traj") == {"x": "unreadable", "y": "unreadable"}
    assert not (tmp_path / "made").exists()


def test_damaged_trajectories_are_rows(tmp_path: Path) -> None:
    atoms = Atoms("LiCl", positions=[[0, 0, 0], [2.5, 0, 0]], cell=[5, 5, 5], pbc=True)
    with Trajectory(tmp_path / "x.traj", "w") as trajectory:
        for _ in range(3):
            trajectory.write(atoms)
    data = (tmp_path / "x.traj").read_bytes()
    assert outcomes(tmp_path / "x.traj") == {"x#1": "read", "x#2": "read", "x#3": "read"}
    for cut in range(10, len(data), 97):
        (tmp_path / "cut.traj").write_bytes(data[:cut])
        assert outcomes(tmp_path / "cut.traj"), cut  # rows, whatever is left


def test_a_database_with_views_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as database:
        database.execute(
            "CREATE VIEW systems AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
        )
    (tmp_path / "y.db").write_bytes(b"SQLite format 3\0" + b"\0" * 2000)
    with sqlite3.connect(tmp_path / "z.db") as database:
        database.execute("CREATE TABLE other (a)")
    found = outcomes(tmp_path / "x.db", tmp_path / "y.db", tmp_path / "z.db")
    assert found == {"x": "unreadable", "y": "unreadable", "z": "no-structure"}


def test_a_damaged_row_of_a_database_costs_that_row(tmp_path: Path) -> None:
    atoms = Atoms("LiCl", positions=[[0, 0, 0], [2.5, 0, 0]], cell=[5, 5, 5], pbc=True)
    with connect(tmp_path / "x.db") as database:
        for _ in range(4):
            database.write(atoms)
    with sqlite3.connect(tmp_path / "x.db") as raw:
        raw.execute("UPDATE systems SET positions = x'00112233' WHERE id = 2")
        raw.execute("UPDATE systems SET key_value_pairs = '{]' WHERE id = 3")
    assert outcomes(tmp_path / "x.db") == {
        "x#1": "read", "x#2": "bad-structure", "x#3": "bad-structure", "x#4": "read",
    }  # fmt: skip


def test_parquet_that_is_none_is_a_row(tmp_path: Path, crystals: list[Given]) -> None:
    good = WRITERS["Parquet of CIF"](tmp_path, crystals).read_bytes()
    for name, data in {
        "a": b"PAR1",
        "b": good[: len(good) // 2],
        "c": b"",
        "d": b"PAR1" + b"\xff" * 99 + b"PAR1",
    }.items():
        (tmp_path / f"{name}.parquet").write_bytes(data)
        assert outcomes(tmp_path / f"{name}.parquet") == {name: "unreadable"}
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "e.parquet")
    assert outcomes(tmp_path / "e.parquet") == {"e": "no-structure"}


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("x.extxyz", "2\nLattice=\"5 0 0 0 5 0 0 0 5\"\nLi 0 0 0\n", "unreadable"),
        ("x.extxyz", "999999999\nLattice=\"5 0 0 0 5 0 0 0 5\"\nLi 0 0 0\n", "unreadable"),
        ("x.extxyz", "1\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3\nLi a b c\n", "bad-structure"),
        ("x.extxyz", "1\nmolecule\nLi 0 0 0\n", "no-structure"),
        ("x.extxyz", "no number\n", "unreadable"),
        ("POSCAR", "no names\n1.0\n5 0 0\n0 5 0\n0 0 5\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n", "bad-element"),
        ("POSCAR", "Li Cl\n1.0\n5 0 0\n0 5 0\n0 0 5\nLi Cl\n1 x\nDirect\n0 0 0\n0.5 0.5 0.5\n", "bad-structure"),
        ("POSCAR", "", "bad-element"),
        ("x.res", "TITL a\nCELL 1 5 5 5 90 90 90\nLATT 1\nSYMM -X,Y,Z\nSFAC Li\nLi 1 0 0 0 1\nEND\n", "bad-symmetry"),
        ("x.res", "TITL a\nLATT -1\nEND\n", "bad-structure"),
        ("x.xsf", "ANIMSTEPS 2\nCRYSTAL\nPRIMVEC 1\n5 0 0\n0 5 0\n0 0 5\n", "bad-structure"),
        ("x.xsf", "ATOMS\n3 0 0 0\n", "no-cell"),
        ("x.xsf", "CRYSTAL\nPRIMVEC\n5 0 0\n0 5 0\n0 0 5\nPRIMCOORD\n99999999 1\n3 0 0 0\n", "bad-structure"),
    ],
)  # fmt: skip
def test_texts_that_ase_reads(name: str, text: str, code: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert list(outcomes(tmp_path / name).values()) == [code]


def test_a_poscar_without_names_is_not_completed_from_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASE looks for a POTCAR or OUTCAR in the working folder to name the elements of VASP 4."""
    (tmp_path / "POSCAR").write_text("x\n1.0\n5 0 0\n0 5 0\n0 0 5\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n")
    (tmp_path / "POTCAR").write_text("TITEL = PAW_PBE Li 1\nTITEL = PAW_PBE Cl 1\n")
    monkeypatch.chdir(tmp_path)
    assert outcome(items(tmp_path / "POSCAR")[0]) == Code.BAD_ELEMENT


def test_members_that_are_larger_than_an_entry_are_streamed(tmp_path: Path, crystals: list[Given]) -> None:
    (tmp_path / "in").mkdir()
    written = WRITERS["pymatgen entries"](tmp_path / "in", crystals)
    limits = InputLimits(max_file_bytes=9_000)
    assert written.stat().st_size > limits.max_file_bytes
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as archive:
            archive.write(written, "x/entries.json")
        assert [one.text for one in items(tmp_path / "x.zip", limits=limits)] == [one.text for one in items(written)]
    data = bytearray((tmp_path / "x.zip").read_bytes())
    data[written.stat().st_size // 2] ^= 1
    (tmp_path / "x.zip").write_bytes(data)
    last = items(tmp_path / "x.zip", limits=limits)[-1]
    assert last.rejection is not None
    assert last.rejection.code == Code.UNREADABLE
