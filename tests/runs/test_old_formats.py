"""A RUN as an earlier version wrote it: every command and reader takes it, and says of it what was said then."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import screening
from paths import DATA

from screening import load
from screening.runs import read_ranking, read_record, read_run, status, verify
from screening.store import read_rejections, read_table


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RUN of format 1, which had no `format_version`; its crystals are gone."""
    return shutil.copytree(DATA / "run-format-1", tmp_path_factory.mktemp("old") / "RUN")


def cells(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def test_its_tables_are_read(old: Path) -> None:
    run = read_run(old, top=1000)
    assert run.record.format_version == 1
    assert (run.record.status, run.record.counts.found, run.record.counts.ranked) == ("finished", 61, 12)
    assert run.n_ranked == len(run.ranking) == 12
    assert run.rejected["code"].tolist() == ["no-atoms"]
    assert len(run.kinds) == 83
    assert not run.stability.empty
    assert run.kinds["share"].sum() == pytest.approx(1.0)


def test_its_store_is_read(old: Path) -> None:
    table = read_table(old / "features.zarr")
    assert table.features.shape[0] == 60
    assert {rejection.id for rejection in read_rejections(old / "features.zarr")} == {"broken"}


def test_it_is_an_object_in_a_notebook(old: Path) -> None:
    run = load(old)
    assert "61 found, 12 ranked" in repr(run)
    assert run.ranking["rank"].tolist() == list(range(1, 13))
    candidate = run.candidate(str(run.ranking.iloc[0]["id"]))
    radii, values = candidate.curve("beta0", "mobile")
    assert len(radii) == len(values) > 10
    assert candidate.reasons()
    features = read_table(run.paths.features)
    predicted = dict(zip(features.ids, run.model.predict(features.features).mean, strict=True))
    told = [predicted[id] for id in run.ranking["id"]]
    np.testing.assert_allclose(told, run.ranking["prediction"], atol=1e-4)


def test_its_store_and_model_are_ranked_and_explained_again(old: Path, tmp_path: Path) -> None:
    given = ("--features", old / "features.zarr", "--model", old / "model")
    as_then = tmp_path / "then.toml"
    as_then.write_text(
        '[rank]\nobjective = "mean"\nrequire_any_anion = []\ncharge_balance = false\nfold = "none"\nprototypes = 0\n'
    )
    screening("rank", *given, "--config", as_then, "--out", tmp_path / "ranking.csv")
    before, again = cells(old / "ranking.csv"), cells(tmp_path / "ranking.csv")
    assert set(before.columns) <= set(again.columns)
    pd.testing.assert_frame_equal(again[before.columns], before)
    told = screening("rank", *given, "--out", tmp_path / "now.csv")
    assert "no deviation of each crystal: ordered by the lower bound" in " ".join((told.stdout + told.stderr).split())
    now = cells(tmp_path / "now.csv")
    assert sorted(now["id"]) == sorted(before["id"])
    assert set(now["structure_type"]) == {"unknown", ""}  # its crystals are gone; those held back were not asked for
    screening("explain", *given, "--out", tmp_path / "why", "--seed", str(read_record(old / "run.json").seed))
    for name in ("kinds.csv", "beeswarm.csv"):
        assert (tmp_path / "why" / name).read_bytes() == (old / "explanation" / name).read_bytes(), name


def test_its_candidates_are_exported(old: Path, tmp_path: Path) -> None:
    assert screening("export", old, "--out", tmp_path / "a.csv").stdout.startswith("12 candidates")
    pd.testing.assert_frame_equal(read_ranking(tmp_path / "a.csv"), read_ranking(old / "ranking.csv"))
    for suffix in ("md", "bib"):
        screening("export", old, "--out", tmp_path / f"a.{suffix}", "--top", "3")
    # Its crystals are not kept with it: the command says so.
    done = screening("export", old, "--out", tmp_path / "a.zip", "--top", "3", check=1)
    assert "3 of 3 structures are not in" in done.stderr
    screening("export", old / "features.zarr", "--out", tmp_path / "f.parquet")
    assert len(pd.read_parquet(tmp_path / "f.parquet")) == 60


def test_its_page_is_written(old: Path, tmp_path: Path) -> None:
    run = shutil.copytree(old, tmp_path / "RUN")
    done = screening("report", run, "--top", "3", check=1)
    assert "3 files that candidates came from are not there" in done.stderr
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<title>Screening report: 12 crystals" in page
    assert "The first 3 of 12 candidates" in " ".join(page.split())


def test_it_is_sound_and_finished(old: Path) -> None:
    assert verify(old) == []
    assert "complete and unchanged" in screening("verify", old).stdout
    found = status(old)
    assert (found.state, found.done, found.found, found.codes) == ("finished", 61, 61, {"no-atoms": 1})
    assert screening("status", old).stdout.startswith("finished")
