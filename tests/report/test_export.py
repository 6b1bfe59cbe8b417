"""Candidates taken elsewhere: every form says what the ranking says, and no cell is run by what opens it."""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import screening
from finished import Finished
from hypothesis import given, settings
from hypothesis import strategies as st
from made_run import HOSTILE, make_run

from screening.config import Config
from screening.crystals.cif import read_cif
from screening.errors import InputError
from screening.report.export import export_candidates, file_names, read_ids
from screening.runs.read import read_ranking
from screening.spreadsheet import plain_cell


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("shortlist") / "run")


def test_a_table_is_the_ranking(run_dir: Path, tmp_path: Path) -> None:
    assert export_candidates(run_dir, tmp_path / "a.csv").rows == 12
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == (run_dir / "ranking.csv").read_text(encoding="utf-8")
    assert export_candidates(run_dir, tmp_path / "deep" / "a.parquet", top=5).rows == 5
    frame = pd.read_parquet(tmp_path / "deep" / "a.parquet")
    pd.testing.assert_frame_equal(frame, read_ranking(run_dir / "ranking.csv", top=5))
    assert frame["id"][1].startswith("=HYPERLINK")
    assert frame["in_domain"].dtype == bool


def test_a_table_of_a_real_run_has_its_bytes(finished_run: Finished, tmp_path: Path) -> None:
    """Counts stay whole numbers: a column that can be empty is read as floats."""
    export_candidates(finished_run.run, tmp_path / "a.csv")
    written = (finished_run.run / "ranking.csv").read_text(encoding="utf-8")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == written
    assert "duplicates" in written.splitlines()[0].split(",")


def test_a_shortlist_of_the_page_is_read_and_keeps_the_order_of_the_ranking(run_dir: Path, tmp_path: Path) -> None:
    ids = read_ranking(run_dir / "ranking.csv")["id"].tolist()
    listed = tmp_path / "list.csv"
    with listed.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["rank", "id"], *[[0, plain_cell(ids[k])] for k in (4, 1, 0)]])
    assert read_ids(listed) == [ids[4], ids[1], ids[0]]
    assert export_candidates(run_dir, tmp_path / "b.csv", ids=read_ids(listed)).rows == 3
    assert read_ranking(tmp_path / "b.csv")["id"].tolist() == [ids[0], ids[1], ids[4]]
    (tmp_path / "plain.txt").write_text(f"{ids[3]}\n\n{ids[2]}\n", encoding="utf-8")
    assert read_ids(tmp_path / "plain.txt") == [ids[3], ids[2]]
    with pytest.raises(InputError, match="not in the ranking, for example 'nobody'"):
        export_candidates(run_dir, tmp_path / "c.csv", ids=["nobody", ids[0]])
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(InputError, match="holds no id"):
        read_ids(tmp_path / "empty.txt")
    assert not (tmp_path / "c.csv").exists()


def test_structures_are_those_of_the_sources(run_dir: Path, tmp_path: Path) -> None:
    assert export_candidates(run_dir, tmp_path / "a.zip").rows == 12
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
        assert names[0] == "shortlist.csv"
        assert len([name for name in names if name.endswith(".cif")]) == 6
        assert archive.read("missing.txt").count(b"\n") == 6
        again = read_cif(archive.read("c0016.cif"), id="x", source="", limits=Config().input)
    file = run_dir.parent / "crystals" / "c0016.cif"
    first = read_cif(file.read_bytes(), id="x", source="", limits=Config().input)
    assert again.formula == first.formula
    np.testing.assert_allclose(again.positions, first.positions, atol=1e-6)
    np.testing.assert_array_equal(again.numbers, first.numbers)
    before = (tmp_path / "a.zip").read_bytes()
    export_candidates(run_dir, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == before


@settings(deadline=None)
@given(st.lists(st.text(max_size=8)))
def test_file_names_are_safe_and_each_once(ids: list[str]) -> None:
    names = file_names(ids)
    assert len({name.lower() for name in names}) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.cif", name) for name in names)


def test_a_summary_shows_text_as_text(run_dir: Path, tmp_path: Path) -> None:
    export_candidates(run_dir, tmp_path / "a.md", top=3)
    text = (tmp_path / "a.md").read_text(encoding="utf-8")
    assert "| 80 % interval (S/cm) | chance of 10⁻⁴ S/cm or more | nearest known | its measured σ (S/cm) |" in text
    rows = [line for line in text.splitlines() if re.match(r"\| \d", line)]
    assert len(rows) == 3
    assert rows[0].startswith("| 1 |")
    assert "6.3 × 10⁻³ | 5.0 × 10⁻⁴ to 5.0 × 10⁻²" in rows[0]
    assert "<script>" not in text
    assert "\\<script\\>" in text
    assert "radius cut back" in rows[1]
    assert "not in training: Xe;Kr" in rows[2]
    assert f"SHA-256 of the inputs: {'ab' * 32}" in text
    assert "| < 4.0 × 10⁻⁴" not in text  # c0000, an upper bound, is near the last alone
    export_candidates(run_dir, tmp_path / "all.md")
    everything = (tmp_path / "all.md").read_text(encoding="utf-8")
    assert "| < 4.0 × 10⁻⁴" in everything
    assert "| 4.0 × 10⁻⁴ | 10.1021/jacs.8b10282 |" in everything


def test_references_are_the_publications_of_the_nearest_conductors(run_dir: Path, tmp_path: Path) -> None:
    export_candidates(run_dir, tmp_path / "a.bib")
    text = (tmp_path / "a.bib").read_text(encoding="utf-8")
    dois = re.findall(r"doi = \{(.*)\}", text)
    assert dois[:2] == ["10.1016/x(1)", "10.1021/jacs.8b10282"]
    assert len(dois) == len(set(dois))
    assert "10.48550/arXiv.2502.14234" in dois
    assert "private" not in text
    assert text.startswith("% 6 of the nearest known conductors have no DOI")
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.json"])
def test_another_form_is_refused(run_dir: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"written as \.csv"):
        export_candidates(run_dir, tmp_path / name)


def test_the_command_writes_candidates_and_features(run_dir: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(run_dir, run)
    told = screening("export", run, "--out", tmp_path / "a.csv", "--top", "2").stdout
    assert told.startswith("2 candidates; ")
    (tmp_path / "ids").write_text(f"{HOSTILE}\n", encoding="utf-8")
    screening("export", run, "--out", tmp_path / "b.csv", "--ids", tmp_path / "ids")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "b.csv").read_text(encoding="utf-8"))))
    assert [row["id"] for row in rows] == [HOSTILE]
    screening("export", run / "features.zarr", "--out", tmp_path / "f.parquet")
    assert len(pd.read_parquet(tmp_path / "f.parquet")) == 24
    refused = screening("export", run / "features.zarr", "--out", tmp_path / "g.parquet", "--top", "2", check=1)
    assert "is not a RUN folder" in refused.stderr
