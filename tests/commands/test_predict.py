"""`screening predict`: what the model of the program, or another, says of single crystals."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command import screening
from made_crystals import rocksalt

from screening.cluster import featurize_all
from screening.cluster.progress import Progress
from screening.commands import predictions
from screening.config import Config
from screening.data import write_measured
from screening.errors import InputError
from screening.learn import load_model, shipped_model, write_shipped
from screening.learn.predict import settings_of
from screening.notebook import predict
from screening.store import iter_tables

LIMITS = Config().input


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crystals")
    (path / "a.cif").write_text(rocksalt())
    (path / "b.cif").write_text(rocksalt(anion="Br"))
    (path / "bad.cif").write_text(rocksalt().replace("Cl", "Qq"))
    (path / "notes.docx").write_text("no crystal")
    return path


def test_each_crystal_has_a_row_in_order(folder: Path) -> None:
    rows = list(predictions([str(folder)], shipped_model(), limits=LIMITS, target=-4.0, threads=1))
    assert [row["id"] for row in rows[:3]] == ["a", "b", "bad"]
    direct = predict(shipped_model(), [folder / "a.cif", folder / "b.cif"])
    for row, (_, told) in zip(rows, direct.iterrows(), strict=False):
        assert (row["formula"], row["prediction"], row["lower"]) == (told["formula"], told["prediction"], told["lower"])
        assert row["source"] == str(folder / f"{row['id']}.cif")
    assert rows[2]["rejected"].startswith("bad-element: ")
    assert np.isnan(rows[2]["prediction"])
    assert rows[3]["rejected"].startswith("passed-over: ")


def test_the_command_tells_a_person_and_a_program(folder: Path) -> None:
    told = screening("predict", folder).stdout
    assert "a: LiCl\n  conductivity " in told
    assert "bad: refused, bad-element: " in told
    assert "80% interval" in told
    lines = [json.loads(line) for line in screening("predict", folder, "--json").stdout.splitlines()]
    assert [line["id"] for line in lines[:3]] == ["a", "b", "bad"]
    assert lines[2]["prediction"] is None
    assert lines[2]["flags"] == []
    assert lines[0]["lower"] < lines[0]["prediction"] < lines[0]["upper"]


def test_what_contradicts_itself_says_so(tmp_path: Path) -> None:
    """A crystal whose file states another formula than its atoms have."""
    (tmp_path / "a.cif").write_text(rocksalt().replace("loop_", "_chemical_formula_sum 'Li3 Cl'\nloop_", 1))
    (row,) = predictions([str(tmp_path)], shipped_model(), limits=LIMITS, target=-4.0, threads=1)
    assert [flag["name"] for flag in row["flags"]] == ["formula"]
    assert "Li3Cl" in row["flags"][0]["sentence"].replace(" ", "")


def test_a_path_without_a_crystal_and_a_missing_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(predictions([str(tmp_path / "x.cif")], shipped_model(), limits=LIMITS, target=-4.0, threads=1))
    assert "no crystal found" in screening("predict", tmp_path, check=1).stderr


def test_the_shipped_model_is_of_todays_features(tmp_path: Path) -> None:
    """Where this fails the features or their settings have changed: run scripts/shipped_model.py."""
    model = shipped_model()
    (tmp_path / "a.cif").write_text(rocksalt())
    featurize_all([str(tmp_path / "a.cif")], config=Config(), out=tmp_path / "s.zarr", progress=Progress())
    (table,) = iter_tables(tmp_path / "s.zarr")
    model.check_features(table.header)
    assert settings_of(model).cloud == Config().cloud
    assert model.header.learn == Config().learn.model_dump(mode="json")
    assert model.header.seed == Config().seed


def test_the_shipped_model_learned_from_the_embedded_table(tmp_path: Path) -> None:
    write_measured(tmp_path)
    ids = {path.stem for path in tmp_path.glob("*.cif")}
    model = shipped_model()
    assert set(map(str, model.training.ids)) <= ids
    assert len(model.training.ids) > 240
    headline = model.scores["headline"]
    assert headline["grouped"]["beats_mean"]
    assert headline["family"]["beats_mean"]


def test_packing_a_model_gives_equal_bytes_and_the_model_back(planted_model: object, tmp_path: Path) -> None:
    planted_model.save(tmp_path / "model")  # type: ignore[attr-defined]
    for name in ("one.zip", "two.zip"):
        write_shipped(tmp_path / "model", tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    zipfile.ZipFile(tmp_path / "one.zip").extractall(tmp_path / "back")
    assert load_model(tmp_path / "back").texts == load_model(tmp_path / "model").texts


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_shipped_model_is_what_its_script_trains(folder: Path, tmp_path: Path) -> None:
    """To what another library of linear algebra may change."""
    script = Path(__file__).parents[2] / "scripts" / "shipped_model.py"
    subprocess.run([sys.executable, script, "--out", tmp_path / "again.zip"], check=True, capture_output=True)
    zipfile.ZipFile(tmp_path / "again.zip").extractall(tmp_path / "again")
    crystals = [folder / "a.cif", folder / "b.cif"]
    again, ours = predict(tmp_path / "again", crystals), predict(shipped_model(), crystals)
    np.testing.assert_allclose(again["prediction"], ours["prediction"], atol=1e-6)
    np.testing.assert_allclose(again["lower"], ours["lower"], atol=1e-6)
