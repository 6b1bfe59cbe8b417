"""What `screening inspect` says of crystals: right, or refused by name, on the command line and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import screening
from paths import SHARED
from typer.testing import CliRunner

from screening.cli import app
from screening.commands.inspect import inspected
from screening.config import Config
from screening.crystals.flags import CONTRADICTIONS, NOTES

CASES = SHARED.parent / "field-cases"
KEYS = "id source formula composition n_sites cell space_group symmetry_source clouds flags code detail".split()
# What the detail of a refusal must name, one of them.
CAUSES = {
    "F02_modulated_superspace_ops.cif": ("modulated",),
    "F03b_name_HM_full.cif": ("R",),
    "F08a_label_CN.cif": ("CN",),
    "F08b_label_NH4_NO3.cif": ("NH4", "NO3"),
    "F08d_label_T1_tetrahedral.cif": ("T1",),
    "F08f_label_Va_vacancy.cif": ("Va",),
    "F08h_label_HO1_hydroxyl.cif": ("HO1",),
    "F13c_cif2.cif": ("CIF 2", "CIF2"),
}
ROCKSALT = """data_{name}
_cell_length_a 5.14
_cell_length_b 5.14
_cell_length_c 5.14
_symmetry_space_group_name_H-M 'F m -3 m'
_chemical_formula_sum '{formula}'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Li1 Li 0 0 0
Cl1 Cl 0.5 0.5 0.5
"""


def cases() -> dict[str, Any]:
    if not CASES.is_dir():
        return {}
    return dict(json.loads((CASES / "expected.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", sorted(cases()) or ["none"])
def test_the_handed_cases_are_right(name: str) -> None:
    if name == "none":
        pytest.skip("no ../shared/field-cases beside the repository: the handed cases not tested")
    expected = cases()[name]
    (row,) = inspected([str(CASES / name)], Config())
    if row.code is not None:
        assert "refuse" in expected["also_right"], row.detail
        assert any(word in str(row.detail) for word in CAUSES.get(name, (row.id,))), row.detail
        return
    assert row.composition is not None
    assert not set(row.composition) & set(expected.get("never", ()))
    right = expected["composition"] is None or row.composition == pytest.approx(expected["composition"], abs=1e-3)
    right &= expected["n_sites"] in (None, row.n_sites)
    flagged = [flag["name"] for flag in row.flags if flag["name"] in CONTRADICTIONS]
    assert right or ("flag" in expected["also_right"] and flagged), (row.composition, row.n_sites)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.cif").write_text(ROCKSALT.format(name="a", formula="Cl Li"))
    (tmp_path / "b.cif").write_text(ROCKSALT.format(name="b", formula="Cl Li2"))
    (tmp_path / "c.cif").write_text("data_c\n_cell_length_a 5\n")
    return tmp_path


def test_json_has_a_line_for_each_crystal_refused_ones_too(folder: Path) -> None:
    result = CliRunner().invoke(app, ["inspect", "--json", str(folder)])
    assert result.exit_code == 0
    good, flagged, refused = map(json.loads, result.output.splitlines())
    assert all(list(row) == KEYS for row in (good, flagged, refused))
    assert (good["formula"], good["composition"], good["n_sites"]) == ("LiCl", {"Li": 4.0, "Cl": 4.0}, 8)
    assert (good["space_group"], good["symmetry_source"]) == (225, "name")
    assert good["cell"] == [5.14, 5.14, 5.14, 90.0, 90.0, 90.0]
    assert good["clouds"] == {"Li": 4, "anion": 4, "cation": 0, "framework": 4, "all": 8}
    assert (good["flags"], good["code"], good["detail"]) == ([], None, None)
    assert [flag["name"] for flag in flagged["flags"]] == ["formula"]
    assert "Li2" in flagged["flags"][0]["sentence"]
    assert (refused["code"], refused["formula"], refused["flags"]) == ("no-atoms", None, [])
    assert refused["detail"]


def test_files_passed_over_are_told_beside_and_are_no_crystals(folder: Path, tmp_path: Path) -> None:
    (folder / "notes.pdf").write_bytes(b"%PDF-1.4")
    done = screening("inspect", "--json", folder)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["a", "b", "c"]
    assert "1 file .pdf: passed over" in done.stderr
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "notes.pdf").write_bytes(b"%PDF-1.4")
    assert "no crystal found" in screening("inspect", "--json", alone, check=1).stderr


def test_text_is_readable_at_a_glance(folder: Path) -> None:
    result = CliRunner().invoke(app, ["inspect", str(folder)])
    assert "a: LiCl" in result.output
    assert "symmetry group 225, from name" in result.output
    assert "c: refused, no-atoms" in result.output


def test_a_crystal_without_the_mobile_ion_is_shown_all_the_same(folder: Path) -> None:
    (row,) = inspected([str(folder / "a.cif")], Config(cloud={"mobile_ion": "Na"}))
    assert (row.code, row.formula, row.clouds) == (None, "LiCl", {})


def test_nothing_to_inspect_is_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["inspect", str(tmp_path)])
    assert result.exit_code != 0
    assert "no crystal found" in str(result.exception)


def test_every_flag_has_one_class() -> None:
    assert not NOTES & CONTRADICTIONS
    assert {"formula", "multiplicity", "group", "hall", "contact", "occupancy"} <= CONTRADICTIONS
    assert {
        "disordered",
        "zero-occupancy",
        "dummy-atoms",
        "no-symmetry-stated",
        "atoms-without-coordinates",
        "near-special-position",
    } <= NOTES
