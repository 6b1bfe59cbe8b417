"""Frozen predictions: one digest over all, refused once changed, and scores by hand."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished import Finished

from screening.commands import read_frozen, score_frozen, score_words, write_frozen
from screening.commands.freeze import DIGEST, RECORD, TABLE, Frozen
from screening.errors import InputError
from screening.learn import Labels


@pytest.fixture(scope="module")
def frozen(finished_run: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("frozen") / "frozen.zip"
    digest = write_frozen(finished_run.run, out, date="2026-11-27")
    assert len(digest) == 64
    assert read_frozen(out).digest == digest
    return out


def test_the_same_run_and_date_give_the_same_bytes(finished_run: Finished, frozen: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    assert write_frozen(finished_run.run, again, date="2026-11-27") == read_frozen(frozen).digest
    assert again.read_bytes() == frozen.read_bytes()
    assert write_frozen(finished_run.run, again, date="2026-11-28") != read_frozen(frozen).digest


def test_it_holds_the_whole_ranking_and_the_card(finished_run: Finished, frozen: Path) -> None:
    ranking = pd.read_csv(finished_run.run / "ranking.csv")
    found = read_frozen(frozen)
    assert found.table["id"].tolist() == ranking["id"].tolist()
    np.testing.assert_allclose(found.table["prediction"], ranking["prediction"], rtol=1e-5)
    with zipfile.ZipFile(frozen) as archive:
        assert archive.read("card.md") == (finished_run.run / "model" / "card.md").read_bytes()
    assert found.record["inputs_sha256"]
    assert "ranking.csv" in found.record["outputs_sha256"]


@pytest.mark.parametrize("name", [TABLE, RECORD, "card.md"])
def test_a_change_anywhere_is_seen(frozen: Path, name: str, tmp_path: Path) -> None:
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(frozen) as old, zipfile.ZipFile(changed, "w") as new:
        for one in old.namelist():
            content = old.read(one)
            new.writestr(one, content.replace(b"1", b"2", 1) if one == name else content)
    with pytest.raises(InputError, match="changed"):
        read_frozen(changed)


def test_what_is_no_frozen_file_is_refused(tmp_path: Path, finished_run: Finished) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="cannot be read"):
        read_frozen(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(DIGEST, "0" * 64)
    with pytest.raises(InputError, match="does not hold"):
        read_frozen(path)
    with pytest.raises(InputError, match=r"\.zip"):
        write_frozen(finished_run.run, tmp_path / "frozen.csv", date="2026-11-27")


def test_scores_by_hand() -> None:
    table = pd.read_csv(
        io.StringIO(
            "id,formula,nearest,rank,prediction,lower,upper,prediction_composition,nearest_measured\n"
            "a,A,n,1,-3,-4,-2,-3.5,-6\nb,B,n,2,-5,-6,-4,-5.5,-6\nc,C,n,3,-7,-8,-6,-7,-6\nd,D,n,4,-8,-9,-7,-8,-6\n"
        )
    )
    told = Frozen("0" * 64, {"date": "2026-11-27", "training_mean": -5.0, "target": -4.0}, table)
    measured = Labels(
        ids=np.array(["a", "c", "d", "z"], dtype=object),
        log_sigma=np.array([-3.5, -5.0, -9.0, -1.0]),
        is_bound=np.array([False, False, True, False]),
    )
    found = score_frozen(told, measured)
    assert (found["n_measured"], found["n_bounds"], found["not_predicted"]) == (2, 1, 1)
    assert found["models"]["prediction"]["mae"] == pytest.approx((0.5 + 2.0) / 2)
    assert found["models"]["mean"]["mae"] == pytest.approx((1.5 + 0.0) / 2)
    assert found["models"]["nearest"]["mae"] == pytest.approx((2.5 + 1.0) / 2)
    assert found["models"]["composition"]["mae"] == pytest.approx((0.0 + 2.0) / 2)
    assert found["models"]["prediction"]["spearman"] == pytest.approx(1.0)
    assert found["models"]["prediction"]["bounds_held"] == 0.0
    assert found["coverage"] == 0.5
    assert found["good"] == 0.5
    assert found["hits"]["10"] == {"n": 2, "good": 0.5}
    assert any("MAE 1.25" in line for line in score_words(found))
    with pytest.raises(InputError, match="ids match"):
        score_frozen(told, Labels(np.array(["q"], dtype=object), np.array([-1.0]), np.array([False])))
