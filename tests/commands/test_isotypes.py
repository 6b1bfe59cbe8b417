"""`screening isotypes`: a structure for each compound near enough to a template, and a reason for the others."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import pytest
from command import screening
from made_crystals import rocksalt

from screening.config import Config
from screening.crystals import read_cif

HEAD = "id,conductivity,composition,sg,lattice\n"
ROWS = (
    "near,1e-4,LiCl0.9Br0.1,225,5.15 5.15 5.15 90 90 90\n"
    "far,1e-5,Li6PS5Cl,216,9.85 9.85 9.85 90 90 90\n"
    "bare,1e-6,LiBr,,\n"
)
LIMITS = Config().input


def written(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "isotypes.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def cifs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("templates")
    (folder / "salt.cif").write_text(rocksalt())
    (folder / "bad.cif").write_text(rocksalt().replace("Cl", "Qq"))
    return folder


def test_each_compound_has_its_structure_or_its_reason(cifs: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(HEAD + ROWS)
    done = screening("isotypes", tmp_path / "labels.csv", "--templates", cifs, "--out", tmp_path / "out")
    assert "1 structures made, 2 compounds refused" in done.stdout
    assert "1 templates cannot be read" in done.stderr
    rows = written(tmp_path / "out")
    assert set(rows) == {"near", "far", "bare"}
    assert (rows["near"]["template"], rows["near"]["rule"], rows["near"]["reason"]) == ("salt", "cell", "")
    assert 0 < float(rows["near"]["distance"]) <= Config().learn.isotypes
    with zipfile.ZipFile(tmp_path / "out" / "isotypes.zip") as archive:
        assert archive.namelist() == [rows["near"]["file"]]
        made = read_cif(archive.read(rows["near"]["file"]), id="near", source="", limits=LIMITS)
    assert made.cell_parameters()[0] == pytest.approx(5.15)
    assert made.composition() == pytest.approx({"Li": 4.0, "Cl": 3.6, "Br": 0.4})
    for id in ("far", "bare"):
        assert rows[id]["template"] == rows[id]["file"] == ""
        assert rows[id]["reason"]


def test_templates_of_every_format_are_read(tmp_path: Path) -> None:
    crystal = read_cif(rocksalt().encode(), id="salt", source="", limits=LIMITS)
    (tmp_path / "salt.json").write_text(crystal.to_pymatgen().to_json())
    (tmp_path / "labels.csv").write_text(HEAD + ROWS)
    words = ("isotypes", tmp_path / "labels.csv", "--templates", tmp_path / "salt.json", "--out", tmp_path / "out")
    assert "one of 1 templates, of which 1 state no space group" in screening(*words, check=1).stderr


def test_a_slip_among_many_is_told(cifs: Path, tmp_path: Path) -> None:
    many = "".join(f"c{row},1e-4,LiCl,225,5.14 5.14 5.14 90 90 90\n" for row in range(99))
    (tmp_path / "labels.csv").write_text(f"{HEAD}slip,1e10,LiCl,225,5.14 5.14 5.14 90 90 90\n{many}")
    done = screening("isotypes", tmp_path / "labels.csv", "--templates", cifs, "--out", tmp_path / "out")
    assert "row 2" in done.stderr
    assert "'1e10'" in done.stderr
    assert "slip" not in written(tmp_path / "out")


def test_nothing_near_enough_is_an_error(cifs: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(HEAD + "far,1e-5,Li6PS5Cl,216,9.85 9.85 9.85 90 90 90\n")
    done = screening("isotypes", tmp_path / "labels.csv", "--templates", cifs, "--out", tmp_path / "out", check=1)
    assert "near enough" in done.stderr
    assert not (tmp_path / "out").exists()
