"""A finished run as objects: its tables, its candidates with their structure, bars, curves and reasons."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished import Finished
from made_crystals import rocksalt

from screening import load
from screening.errors import InputError
from screening.notebook import Candidate, Run
from screening.ranking.write import write_ranking


@pytest.fixture(scope="module")
def run(finished_run: Finished) -> Run:
    return load(finished_run.run)


def test_tables_are_those_of_the_run(run: Run) -> None:
    assert len(run.ranking) == run.record.counts.ranked
    pd.testing.assert_series_equal(
        run.ranking["prediction"], pd.read_csv(run.paths.ranking)["prediction"], check_exact=True
    )
    assert len(run.rejections) == run.record.counts.rejected
    assert set(run.scores["splits"]) >= {"grouped", "random"}
    assert run.explanation["share"].sum() == pytest.approx(1.0, abs=1e-6)
    assert "ranked" in repr(run)
    assert set(run.stability["name"]) <= set(run.explanation["kind"]) or run.stability.empty


def test_a_candidate_with_everything_about_it(run: Run) -> None:
    id = str(run.ranking.iloc[0]["id"])
    candidate = run.candidate(id)
    assert candidate.structure.composition.reduced_formula
    assert candidate.crystal.formula == candidate.facts["formula"]
    bars = candidate.barcode("mobile")
    assert len(bars.bars) == 3
    assert len(bars.birth_simplices[1]) == len(bars.bars[1])
    radii, values = candidate.curve("beta0", "mobile")
    assert (np.diff(radii) > 0).all()
    # Betti numbers count bars: born at or before, not yet dead, per point.
    alive = [((bars.bars[0][:, 0] <= r + 1e-6) & (r + 1e-6 < bars.bars[0][:, 1])).sum() for r in radii]
    np.testing.assert_allclose(values, np.array(alive) / bars.n_points, atol=1e-6)
    reasons = candidate.reasons()
    assert reasons
    assert all(": " in reason for reason in reasons)
    assert id in repr(candidate)


def test_unknown_names_are_told(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a finished run"):
        load(tmp_path)
    with pytest.raises(InputError, match="no candidate"):
        run.candidate("nobody")
    candidate = run.candidate(str(run.ranking.iloc[0]["id"]))
    with pytest.raises(InputError, match="no curve"):
        candidate.curve("beta9")
    with pytest.raises(InputError, match="no channel"):
        candidate.barcode("everything")


def test_a_source_that_is_gone_is_told(run: Run, tmp_path: Path) -> None:
    other = load(shutil.copytree(run.paths.root, tmp_path / "RUN"))
    other.ranking["source"] = str(tmp_path / "gone.cif")
    with pytest.raises(InputError):
        _ = other.candidate(str(other.ranking.iloc[0]["id"])).crystal


def test_cells_are_what_they_were(run: Run, tmp_path: Path) -> None:
    """An id such as 007 is a name, an empty column of text is text, flags are flags; Parquet reads as CSV does."""
    ranking = run.ranking
    # Text, and empty where nothing speaks against it.
    assert set(ranking["held_back"]) <= {"", "charge", "flag:contact", "charge;flag:contact"}
    assert ranking["charge_balanced"].dtype == bool
    assert ranking["chance"].dtype == float
    root = shutil.copytree(run.paths.root, tmp_path / "RUN")
    odd = ranking.copy()
    odd.loc[:2, "id"] = ["007", "NA", "=1+1"]
    write_ranking(odd, root / "ranking.csv")
    again = load(root)
    assert again.ranking["id"].tolist()[:3] == ["007", "NA", "=1+1"]
    assert again.candidate("=1+1").facts["rank"] == ranking["rank"][2]
    (root / "ranking.csv").unlink()
    write_ranking(odd, root / "ranking.parquet")
    columnar = load(root).ranking
    assert columnar["id"].tolist() == again.ranking["id"].tolist()
    pd.testing.assert_series_equal(columnar["prediction"], again.ranking["prediction"], rtol=1e-5)


def test_duplicates_are_candidates_too(run: Run, tmp_path: Path) -> None:
    assert run.duplicates.empty
    root = shutil.copytree(run.paths.root, tmp_path / "RUN")
    doubled = run.ranking.iloc[[0, 0]].reset_index(drop=True)
    doubled["id"] = [doubled["id"][0], "twin"]
    doubled["duplicate_of"] = ["", doubled["id"][0]]
    doubled["duplicates"] = [1, 0]
    write_ranking(doubled, root / "ranking.csv")
    again = load(root)
    assert len(again.ranking) == 1
    assert again.duplicates["id"].tolist() == ["twin"]
    assert again.candidate("twin").facts["duplicate_of"] == doubled.loc[0, "id"]


def test_shown_text_is_escaped(run: Run) -> None:
    hostile = Run(run.paths)
    hostile.ranking = run.ranking.assign(formula="<script>alert(1)</script>", id="<b>&\"'")
    page = hostile._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<th>predicted log₁₀ σ (S/cm)</th>" in page
    shown = hostile.candidate("<b>&\"'")._repr_html_()
    assert "<th>novelty (1 = edge of the domain)</th>" in shown
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown


def test_a_candidate_is_read_from_its_own_block(tmp_path: Path, run: Run) -> None:
    """Ids are compared whole: two#ab begins as two#a does."""
    file = tmp_path / "two.cif"
    file.write_text(
        rocksalt(anion="Cl").replace("data_", "data_a\n#", 1) + rocksalt(anion="Br").replace("data_", "data_ab\n#", 1)
    )
    row = run.ranking.iloc[0].copy()
    row["id"], row["source"], row["formula"] = "two#ab", str(file), "LiBr"
    assert Candidate(run=run, id="two#ab", facts=row).crystal.formula == "LiBr"
    row["formula"] = "LiI"
    with pytest.raises(InputError, match="has changed since"):
        _ = Candidate(run=run, id="two#ab", facts=row).crystal
