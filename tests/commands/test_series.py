"""`screening series`: a .zip of CIF files and a table, the same bytes every time; errors in words, exit code 1."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import SMALL, screening
from finished import Finished
from made_crystals import rocksalt

from screening.commands.one_crystal import find_crystal
from screening.config import Config
from screening.errors import InputError
from screening.learn import load_model, predict_structures
from screening.runs import series_file
from screening.spreadsheet import unguarded


@pytest.fixture
def crystal(tmp_path: Path) -> Path:
    path = tmp_path / "salt.cif"
    path.write_text(rocksalt())
    return path


def read(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    table = pd.read_csv(io.StringIO(texts.pop("series.csv")), dtype={"id": str, "parent": str}, keep_default_na=True)
    return table, texts


def test_series_of_a_crystal_by_a_model(finished_run: Finished, crystal: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "S.zip", finished_run.run / "model"
    done = screening("series", crystal, "--with", "Br,Mg", "--model", model, "--out", out, "-q")
    table, texts = read(out)
    assert [f"{unguarded(id)}.cif" for id in table["id"]] == list(texts)
    assert f"{len(table) - 1} variants and their parent" in done.stdout
    assert table["charge_kept"].all()
    assert set(table["dopant"].dropna()) == {"Br1-", "Mg2+"}
    assert table["x"].tolist() == [0, *[0.05, 0.1, 0.15, 0.2, 0.25] * 2]
    first = table.iloc[0]
    assert (first["delta"], first["lower"], first["upper"], first["scale"]) == (0, 0, 0, 1)
    said = predict_structures(load_model(model), list(texts.values()))["prediction"].to_numpy(dtype=np.float64)
    np.testing.assert_allclose(table["prediction"], said, atol=6e-5)
    np.testing.assert_allclose(table["delta"], said - said[0], atol=2e-4)
    magnesium = table[table["dopant"] == "Mg2+"]
    assert magnesium["new_sites"].all()  # the sublattice of cations had none
    assert not table[table["dopant"] == "Br1-"]["new_sites"].any()
    assert "5 variants fill sites that their sublattice did not have" in done.stderr


def test_the_same_call_gives_the_same_bytes_in_any_order_of_dopants(
    finished_run: Finished, crystal: Path, tmp_path: Path
) -> None:
    model = finished_run.run / "model"
    written = []
    for place, words in enumerate((["--with", "Br,Mg"], ["--with", "Mg", "--with", "Br"])):
        out = tmp_path / f"{place}.zip"
        screening("series", crystal, *words, "--model", model, "--out", out, "--threads", str(place + 1), "-q")
        written.append(out.read_bytes())
    assert written[0] == written[1]


def test_a_candidate_of_a_run_by_its_id(finished_run: Finished, crystal: Path, tmp_path: Path) -> None:
    """The random crystals of the run have no charges that balance: one of its rows is made that of a salt."""
    run = finished_run.copy(tmp_path)
    before = (run / "ranking.csv").read_bytes()
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    odd = "../salt of <b>"
    ranking.loc[0, ["id", "source", "formula"]] = [odd, str(crystal), "LiCl"]
    ranking.to_csv(run / "ranking.csv", index=False)
    missing = screening("series", run, "--id", odd, "--out", tmp_path / "S.zip", "-q", check=1)
    assert "no longer contains it" in missing.stderr  # a file of that name is asked for by its own id
    ranking.loc[0, "id"] = "salt"
    ranking.to_csv(run / "ranking.csv", index=False)
    out = tmp_path / "S.zip"
    screening("series", run, "--id", "salt", "--with", "Br", "--out", out, "-q")
    table, _ = read(out)
    assert table["parent"].unique().tolist() == ["salt"]
    (kept,) = (run / "series").iterdir()
    assert kept.name == series_file("salt")
    with zipfile.ZipFile(out) as archive:
        assert kept.read_bytes() == archive.read("series.csv")
    (run / "ranking.csv").write_bytes(before)
    assert "complete and unchanged" in screening("verify", run).stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--with", "Xx"], "no such element"),
        (["--with", "He"], "no usual charge"),
        (["--site", "Zr"], "holds none"),
        (["--id", "other"], "the id 'other'"),
        (["--step", "0"], "steps of x"),
        (["--with", "W"], "fits no site"),
    ],
)
def test_errors_are_told_in_words(
    finished_run: Finished, crystal: Path, tmp_path: Path, words: list[str], says: str
) -> None:
    out = tmp_path / "S.zip"
    model = finished_run.run / "model"
    done = screening("series", crystal, *words, "--model", model, "--out", out, "-q", check=1)
    assert says in done.stderr
    assert not out.exists()
    assert "Traceback" not in done.stderr


def test_errors_of_a_run_and_of_files(finished_run: Finished, tmp_path: Path, crystal: Path) -> None:
    out = tmp_path / "S.zip"
    assert "name one of its candidates" in screening("series", finished_run.run, "--out", out, check=1).stderr
    done = screening("series", finished_run.run, "--id", "nope", "--out", out, check=1)
    assert "has the id 'nope'" in done.stderr
    done = screening("series", finished_run.crystals, "--out", out, check=1)
    assert "holds several crystals" in done.stderr
    done = screening("series", tmp_path / "gone.cif", "--out", out, check=1)
    assert "gone.cif" in done.stderr
    done = screening("series", crystal, "--model", tmp_path, "--out", out, check=1)
    assert "model" in done.stderr
    assert not out.exists()


def test_a_crystal_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    bad = tmp_path / "bad.cif"
    bad.write_text("data_x\n_cell_length_a 1\n")
    with pytest.raises(InputError, match=r"bad\.cif"):
        find_crystal(str(bad), None, Config())


def test_an_alloy_has_no_charges(finished_run: Finished, tmp_path: Path) -> None:
    alloy = tmp_path / "alloy.cif"
    alloy.write_text(rocksalt().replace("X1 Cl", "X1 Al"))
    model = finished_run.run / "model"
    done = screening("series", alloy, "--model", model, "--out", tmp_path / "S.zip", "-q", check=1)
    assert "no charges" in done.stderr


@pytest.mark.slow
def test_without_a_model_that_of_the_program_is_asked(crystal: Path, tmp_path: Path) -> None:
    config = tmp_path / "small.toml"
    config.write_text(SMALL)
    out = tmp_path / "S.zip"
    done = screening("series", crystal, "--with", "Br", "--config", config, "--out", out)
    assert "the one that comes with the program, of 247 measured conductors" in done.stderr
    table, _ = read(out)
    assert len(table) == 6
    assert table["lower"].notna().all()  # the embedded table has pairs enough to take an interval from
