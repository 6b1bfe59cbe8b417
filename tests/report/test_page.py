"""The page: true to its files, complete in one file, and deaf to what hostile files tell it to do."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_run import HOSTILE, RANKING, make_ranking, make_run
from page_parts import Page, details_of

from screening.config import Config
from screening.errors import InputError
from screening.report.details import Details
from screening.report.page import write_report
from screening.runs.read import model_scores, read_ranking
from screening.runs.record import read_record
from screening.sources.lookup import Wanted


def test_the_page_is_one_file_that_loads_nothing(source: str) -> None:
    page = Page(source)
    loading = [(tag, a) for tag, a in page.tags if tag in ("link", "img", "iframe", "object", "embed", "base", "use")]
    assert loading == []
    assert [a for _, a in page.tags if "src" in a or "srcset" in a or "xlink:href" in a or "style" in a] == []
    links = [a["href"] for tag, a in page.tags if "href" in a]
    assert all(link and (link.startswith("#") or link.startswith("https://doi.org/")) for link in links)
    # What a click may open is written by the script, and only for ids and DOIs of known form.
    assert set(re.findall(r"https?://[a-z0-9.-]+", page.scripts[1])) == {
        "https://next-gen.materialsproject.org",
        "https://www.crystallography.net",
        "https://doi.org",
    }
    assert "url(" not in source
    assert "@import" not in source
    assert [name for _, a in page.tags for name in a if name.startswith("on")] == []


def test_hostile_text_stays_text(source: str) -> None:
    page = Page(source)
    assert len(page.scripts) == 3
    assert source.count("</script>") == 3
    assert not any(tag in ("img", "b") and "onerror" in a for tag, a in page.tags)
    assert "Li2<b>" not in source
    assert "{{7*7}}" in source.replace("<sub>", "").replace("</sub>", "")
    assert "line 0 &lt;i&gt;says" in source
    data = json.loads(page.scripts[0])
    assert data["rows"][0][1] == HOSTILE
    assert data["rows"][1][1].startswith("=HYPERLINK")
    assert "<" not in page.scripts[0] + page.scripts[2]


def test_the_policy_allows_exactly_the_scripts_and_styles_of_the_file(source: str) -> None:
    page = Page(source)
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    import hashlib

    def hashed(content: str) -> str:
        return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()

    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
    assert style
    assert f"script-src 'sha256-{hashed(page.scripts[1])}'" in policy
    assert f"style-src 'sha256-{hashed(style.group(1))}'" in policy


def test_the_page_says_what_was_run(source: str) -> None:
    words = " ".join(" ".join(Page(source).words).split())
    assert "29 crystals were found: 24 could be described and 5 were rejected" in words
    assert "12 with a measured conductivity trained the model; 12 are ranked" in words
    assert "seed" in words
    assert "periodic" in words
    assert "ab" * 32 in words
    assert "All 5 rejected inputs" in words
    assert "80 %" in words
    assert f"Crystals read from candidates.zip , {HOSTILE}" in words
    assert "measured conductivities from labels.csv" in words
    assert "OBELiX" in words
    assert "held 79 %" in words
    assert "12 crystals ranked by predicted lithium-ion conductivity" in words
    assert "typical error 1.0 powers of ten guessing the mean: 1.0" in words
    assert "order, Spearman's ρ 0.80" in words
    assert "80 % interval held 79 % of crystals left out" in words
    assert "featurize 1.2 s" in words
    assert "described 19 crystals per second" in words


def test_rows_are_those_of_the_ranking(source: str) -> None:
    data = json.loads(Page(source).scripts[0])
    names = [column["name"] for column in data["columns"]]
    assert names == [*RANKING, "family"]
    kinds = {column["name"]: column["kind"] for column in data["columns"]}
    assert {name for name, kind in kinds.items() if kind == "flag"} == {
        "in_domain", "disordered", "radius_cut", "radioactive", "toxic", "scarce",
    }  # fmt: skip
    assert kinds["nearest"] == kinds["elements_unseen"] == "text"
    rows = [dict(zip(names, row, strict=True)) for row in data["rows"]]
    assert len(rows) == 12
    assert (rows[0]["prediction"], rows[0]["lower"], rows[0]["upper"]) == (-2.2, -3.3, -1.3)
    assert [row["rank"] for row in rows] == list(range(1, 13))
    assert [row["in_domain"] for row in rows] == [rank <= 7 for rank in range(1, 13)]
    assert rows[0]["measured"] is None
    assert [row["radius_cut"] for row in rows] == [rank == 2 for rank in range(1, 13)]
    # c0000 is an upper bound; it is the nearest of the last row alone
    assert [data["known"][row["nearest"]][2] for row in rows] == [False] * 11 + [True]
    assert data["known"]["c0004"][3] == "10.1021/jacs.8b10282"
    assert "Li<sub>2</sub><wbr>" not in source[: source.index("<noscript>")]
    assert "6.3 × 10⁻³ (5.0 × 10⁻⁴ to 5.0 × 10⁻²)" in source[source.index("<noscript>") :]


def test_scores_stand_with_their_spread(source: str) -> None:
    table = source[source.index('aria-label="Scores"') :]
    names = re.findall(r'<th scope="row">(.*?)</th>', table[: table.index("</table>")])
    assert names[:4] == [
        "geometry (this model)",
        "conventional descriptors, LightGBM",
        "nearest neighbour",
        "dummy (mean of training)",
    ]
    assert '0.61 <span class="spread">± 0.08</span>' in table
    assert "−0.01" in table


def test_same_files_give_the_same_bytes_and_top_cuts(run_dir: Path, source: str, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(run_dir, other)
    page = write_report(other, top=4).read_text(encoding="utf-8")
    assert len(json.loads(Page(page).scripts[0])["rows"]) == len(details_of(Page(page))["of"]) == 4
    assert "The first 4 of 12 candidates" in " ".join(page.split())
    assert write_report(other, top=1000).read_text(encoding="utf-8") == source


def test_an_infinite_distance_is_shown_and_sorted_as_one(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    ranking.loc[0, "distance"] = "inf"
    ranking.to_csv(run / "ranking.csv", index=False)
    page = write_report(run, top=10).read_text(encoding="utf-8")
    assert json.loads(Page(page).scripts[0])["rows"][0][RANKING.index("distance")] == "Infinity"


def test_both_layouts_of_scores_are_read() -> None:
    nested = {"models": {"curves": {"r2": {"mean": 0.5, "spread": 0.1}}}}
    flat = {"splits": {"grouped": {"curves": {"r2": 0.5, "r2_fold_spread": 0.1}}}}
    for scores in (nested, flat):
        (score,) = model_scores(scores)["grouped"]
        assert score.r2 == (0.5, 0.1)
        assert np.isnan(score.mae[0])


def test_what_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(InputError, match=r"not in .*features\.zarr"):
        Details(run, read_record(run / "run.json")).of([Wanted("nobody", "x.cif", "Li")])
    ranking = (run / "ranking.csv").read_text(encoding="utf-8")
    (run / "ranking.csv").write_text(ranking.replace("distance", "farness", 1), encoding="utf-8")
    with pytest.raises(InputError, match="lacks the column distance"):
        write_report(run, top=10)
    (run / "ranking.csv").write_text(ranking.replace("-2.2,", "maybe,", 1), encoding="utf-8")
    with pytest.raises(InputError, match="row 1: prediction cannot be 'maybe'"):
        write_report(run, top=10)
    (run / "ranking.csv").unlink()
    with pytest.raises(InputError, match="run `screening run` to the end first"):
        write_report(run, top=10)
    assert not (run / "report.html").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda record: record["counts"].update(found=30), "30 found is not 24 featurized . 5 rejected"),
        (lambda record: record["counts"].update(found=30, rejected=6), "counts 6 rejected, rejected.csv 5"),
        (lambda record: record["counts"].pop("labelled"), "lacks counts.labelled"),
        (lambda record: record.pop("versions"), "lacks versions"),
    ],
)
def test_a_record_that_does_not_close_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], complaint: str
) -> None:
    run = make_run(tmp_path / "run")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    change(record)
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        write_report(run, top=10)
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("top", [0, -1])
def test_a_report_of_nothing_is_refused(run_dir: Path, top: int) -> None:
    with pytest.raises(InputError, match="at least 1 candidate"):
        write_report(run_dir, top=top)


def test_a_ranking_in_parquet_makes_the_same_page(run_dir: Path, tmp_path: Path, source: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(run_dir, run)
    frame = read_ranking(run / "ranking.csv")
    frame.to_parquet(run / "ranking.parquet", index=False)
    (run / "ranking.csv").unlink()
    assert write_report(run, top=1000).read_text(encoding="utf-8") == source
    assert "the rest stand in ranking.parquet" in " ".join(write_report(run, top=3).read_text(encoding="utf-8").split())


def test_ids_are_names_even_if_they_look_like_numbers(tmp_path: Path) -> None:
    make_ranking(tmp_path / "r.csv", ids=["001", "NA", "1e5", "=x"], formulas=["NaN"] * 4, n_training=1)
    frame = read_ranking(tmp_path / "r.csv")
    assert frame["id"].tolist() == ["NA", "1e5", "=x"]
    assert frame["formula"].tolist() == ["NaN"] * 3


def test_an_empty_ranking_and_no_rejects_still_make_a_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", n_rejected=0)
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    ranking.head(0).to_csv(run / "ranking.csv", index=False)
    page = write_report(run, top=10).read_text(encoding="utf-8")
    assert "Nothing was rejected" in page
    assert "<title>Screening report: 0 crystals" in page
    assert "0 crystals ranked by predicted" in page
    assert json.loads(Page(page).scripts[0])["rows"] == []


@pytest.mark.slow
def test_a_thousand_candidates_stay_below_15_megabytes(tmp_path: Path) -> None:
    from screening.features.curves import columns

    run = make_run(tmp_path / "run", n=1060, n_training=60, n_rejected=300, columns=columns(Config()))
    assert write_report(run, top=1000).stat().st_size < 15_000_000


def test_chances_reasons_for_holding_back_checks_and_stability_are_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path / "RUN")
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    ranking["chance"] = [f"{0.9 - 0.01 * row:.2f}" for row in range(len(ranking))]
    ranking["held_back"] = ["elements;size" if row == 1 else "" for row in range(len(ranking))]
    ranking["same_as_labelled"] = "'=1+1"
    ranking.to_csv(run / "ranking.csv", index=False)
    scores = json.loads((run / "model" / "scores.json").read_text())
    scores["y_randomisation"] = {"split": "grouped", "repeats": 3, "r2": -0.2, "r2_highest": -0.1, "mae": 2.5}
    scores["learning_curve"] = [{"share": 1.0, "n_training": 198.0, "mae": 1.23}]
    early = {"threshold": -4.0, "n": 220, "n_good": 97, "ef_1": 2.2, "ef_5": 2.1, "ef_10": 2.0, "bedroc": 0.91}
    scores["splits"]["grouped"]["curves"]["screening"] = [early]
    (run / "model" / "scores.json").write_text(json.dumps(scores))
    kinds = {"scope": "kind", "share": 0.2, "share_low": 0.1, "share_high": 0.31, "rank_low": 1, "rank_high": 14}
    pd.DataFrame(
        [{**kinds, "name": "Li/rank3/2-3"}, {**kinds, "name": "<b>odd"}, {**kinds, "scope": "cluster", "name": "c"}]
    ).to_csv(run / "explanation" / "stability.csv", index=False)
    source = write_report(run, top=100).read_text(encoding="utf-8")
    assert "at most −0.10 in 3 shuffles: nothing leaks between folds" in source
    assert "1.23 from 198 crystals" in source
    assert "2.2 × chance in the first 1 %" in source
    assert "Good conductors (10⁻⁴ S/cm or more, 97 of 220)" in source
    assert "10.0 to 31.0 %" in source
    assert "1 to 14" in source
    assert "<b>odd" not in source
    data = json.loads(next(text for text in Page(source).scripts if text.startswith("{")))
    # Cells that a file named are text in the CSV made by the page, and so guarded against spreadsheets.
    text_columns = {column["name"] for column in data["columns"] if column["kind"] == "text"}
    assert {"held_back", "same_as_labelled", "id"} <= text_columns
    assert not {"chance", "rank", "prediction", "in_domain"} & text_columns
    places = {column["name"]: place for place, column in enumerate(data["columns"])}
    assert data["rows"][0][places["chance"]] == 0.9
    assert data["rows"][1][places["held_back"]] == "elements;size"
    assert data["rows"][1][places["same_as_labelled"]] == "=1+1"
    scores["y_randomisation"]["r2_highest"] = 0.4
    (run / "model" / "scores.json").write_text(json.dumps(scores))
    assert "distrust the scores" in write_report(run, top=100).read_text(encoding="utf-8")


def test_runs_of_earlier_versions_have_neither(source: str) -> None:
    assert "How stable this order is" not in source
    data = json.loads(Page(source).scripts[0])
    assert not {"chance", "held_back"} & {column["name"] for column in data["columns"]}
