"""The second stage of a RUN: computed once, whatever interrupts it, and joined to the ranking wherever it is read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import SMALL, screening
from finished import Finished

import screening as package
from screening.cluster import Progress
from screening.energy import barrier_rows
from screening.errors import InputError
from screening.locations import Remote
from screening.pipeline import second
from screening.runs import RunPaths, read_barriers, read_pathways, read_ranking, with_barriers
from screening.runs.barriers import BARRIERS, COLUMNS
from screening.runs.verify import verify
from screening.serve.listing import Listing

FILES = ("bvse.csv", "bvse.jsonl")


@pytest.fixture(scope="module")
def stage(finished_run: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RUN with a second stage, which tests read."""
    run = finished_run.copy(tmp_path_factory.mktemp("stage"))
    told = screening("bvse", run, "--grid", "0.4", "--workers", "1", "-q").stdout
    table = pd.read_csv(run / "bvse.csv", keep_default_na=False)
    known, high = (table["barrier_code"] == "").sum(), (table["high_barrier"].astype(str) == "True").sum()
    assert high != known - high  # or a count of the others would pass for it
    assert f"{known} candidates with bond-valence barriers" in told
    assert f"E1D above 0.9 eV: {high}" in told
    return run


@pytest.fixture
def copy(finished_run: Finished, tmp_path: Path) -> Path:
    return finished_run.copy(tmp_path)


def kept(run: Path) -> list[bytes]:
    return [(run / name).read_bytes() for name in FILES]


def test_the_table(stage: Path) -> None:
    table = pd.read_csv(stage / "bvse.csv", dtype={"id": str}, keep_default_na=False)
    ranking = read_ranking(stage / "ranking.csv")
    assert tuple(table.columns) == COLUMNS
    assert table["id"].tolist() == ranking["id"].tolist()
    has = table["barrier_code"] == ""
    assert has.any()
    assert set(table["barrier_code"][~has]) <= {"no-charges", "bonded-anions", "no-parameters"}
    assert (table.loc[~has, list(BARRIERS)] == "").all(axis=None)
    assert (table["barrier_detail"][~has] != "").all()
    numbers = table.loc[has, list(BARRIERS)].astype(float)
    assert (numbers["E1D"] <= numbers["E2D"]).all()
    assert (numbers["E2D"] <= numbers["E3D"]).all()
    assert (numbers["E1D_minimum"] >= numbers["E1D"]).all()
    assert ((numbers["E1D"] > 0.9) == (table["high_barrier"][has] == "True")).all()
    assert not (stage / "bvse.part.jsonl").exists()


def test_the_run_stays_sound(stage: Path) -> None:
    assert verify(stage) == []
    before = (stage / "bvse.csv").read_bytes()
    try:
        (stage / "bvse.csv").write_bytes(before.replace(b"E1D", b"E9D"))
        assert [fault for fault in verify(stage) if "bvse.csv has changed" in fault]
    finally:
        (stage / "bvse.csv").write_bytes(before)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_number_of_workers_does_not_matter(workers: str, stage: Path, copy: Path) -> None:
    screening("bvse", copy, "--grid", "0.4", "--workers", workers, "-q")
    assert kept(copy) == kept(stage)


def test_an_interrupted_stage_goes_on(stage: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[list[str]] = []
    true = barrier_rows

    def counted(crystals, *, stop: bool, **options):
        computed.append([wanted.id for wanted, _ in crystals])
        for k, rows in enumerate(true(crystals, **options)):
            if stop and k:
                raise KeyboardInterrupt
            yield rows

    def again(*, stop: bool) -> None:
        monkeypatch.setattr(second, "barrier_rows", lambda *a, **b: counted(*a, stop=stop, **b))
        second.second_stage(copy, top=1000, grid=0.4, workers=1, progress=Progress())

    with pytest.raises(KeyboardInterrupt):
        again(stop=True)
    part = copy / "bvse.part.jsonl"
    assert not (copy / "bvse.csv").exists()
    lines = part.read_text().splitlines()
    part.write_text("\n".join(lines) + "\n" + lines[-1][:40])  # as a power loss leaves it
    again(stop=False)
    assert len(computed[0]) == 12
    assert computed[1] == computed[0][8:]  # the first eight are not computed again
    assert kept(copy) == kept(stage)
    again(stop=False)
    assert computed[2] == []
    assert kept(copy) == kept(stage)


def test_other_settings_are_computed_anew(stage: Path, copy: Path) -> None:
    for name in FILES:
        (copy / name).write_bytes((stage / name).read_bytes())
    screening("bvse", copy, "--grid", "0.5", "-q")
    assert kept(copy)[0] != kept(stage)[0]
    screening("bvse", copy, "--grid", "0.5", "--top", "5", "-q")
    assert len((copy / "bvse.csv").read_text().splitlines()) == 6
    assert verify(copy) == []
    screening("bvse", copy, "--grid", "0.4", "-q")
    assert kept(copy) == kept(stage)


def test_a_crystal_whose_file_is_gone(finished_run: Finished, copy: Path, tmp_path: Path) -> None:
    ranking = pd.read_csv(copy / "ranking.csv", dtype=str, keep_default_na=False)
    gone = Path(str(ranking.loc[0, "source"]))
    here = tmp_path / gone.name
    ranking.loc[0, "source"] = str(here)
    ranking.to_csv(copy / "ranking.csv", index=False)
    screening("bvse", copy, "--grid", "0.5", "--top", "1", "-q")
    table = pd.read_csv(copy / "bvse.csv")
    assert table["barrier_code"].tolist() == ["unreadable"]
    here.write_bytes(gone.read_bytes())
    screening("bvse", copy, "--grid", "0.5", "--top", "1", "-q")  # it is looked for again
    assert pd.read_csv(copy / "bvse.csv", keep_default_na=False)["barrier_code"].tolist() != ["unreadable"]


def test_the_run_does_it_where_the_settings_say_so(finished_run: Finished, copy: Path, tmp_path: Path) -> None:
    config = tmp_path / "second.toml"
    config.write_text(SMALL + "[second]\ntop = 3\ngrid = 0.5\nmark = 0.1\n")
    screening("run", finished_run.crystals, "--labels", finished_run.labels, "--out", copy, "-c", config, "-q")
    table = pd.read_csv(copy / "bvse.csv", keep_default_na=False)
    assert len(table) == 3
    filled = table[table["barrier_code"] == ""]
    assert ((filled["E1D"].astype(float) > 0.1) == (filled["high_barrier"] == "True")).all()
    record = json.loads((copy / "run.json").read_text())
    assert record["seconds"]["second"] >= 0
    assert set(FILES) <= set(record["outputs"])
    assert verify(copy) == []


def test_the_columns_stand_wherever_a_ranking_is_read(stage: Path, tmp_path: Path) -> None:
    barriers = read_barriers(stage)
    assert barriers is not None
    ranking = with_barriers(read_ranking(stage / "ranking.csv"), stage)
    assert ranking["E1D"].notna().sum() == barriers["E1D"].notna().sum() > 0
    loaded = package.load(stage).ranking
    pd.testing.assert_frame_equal(loaded, ranking)
    screening("export", stage, "--out", tmp_path / "list.csv")
    exported = pd.read_csv(tmp_path / "list.csv")
    np.testing.assert_array_equal(exported["E3D_minimum"], ranking["E3D_minimum"])
    screening("export", stage, "--out", tmp_path / "list.parquet")
    assert pd.read_parquet(tmp_path / "list.parquet")["high_barrier"].notna().sum() == ranking["E1D"].notna().sum()
    for suffix in ("xlsx", "md", "zip", "bib"):
        screening("export", stage, "--out", tmp_path / f"list.{suffix}", "--top", "12")
    listing = Listing(stage / "ranking.csv")
    described = {column["name"]: column["kind"] for column in listing.described()}
    assert described["E1D"] == "number"
    assert described["high_barrier"] == "flag"
    ask = {"from": 0, "count": 100, "sort": "E1D", "conditions": [{"column": "E1D", "op": ">=", "value": 0.0}]}
    found = listing.rows(ask)
    assert found["total"] == barriers["E1D"].notna().sum()
    place = list(described).index("E1D")
    numbers = [row["cells"][place] for row in found["rows"]]
    assert numbers == sorted(float(f"{x:.6g}") for x in barriers["E1D"].dropna())


def test_only_the_same_crystal_is_joined(stage: Path) -> None:
    ranking = read_ranking(stage / "ranking.csv")
    other = ranking.copy()
    other.loc[other.index[:5], "formula"] = "Li2O"  # another crystal under the same id
    joined = with_barriers(other, stage)
    assert joined["E1D"][:5].isna().all()
    assert (joined["barrier_code"][:5] == "").all()
    assert joined["high_barrier"][:5].isna().all()
    assert len(joined) == len(ranking)


def test_a_run_without_a_second_stage_is_as_it_was(finished_run: Finished) -> None:
    ranking = read_ranking(finished_run.run / "ranking.csv")
    assert with_barriers(ranking, finished_run.run) is ranking
    assert read_pathways(finished_run.run, [("c030", "Li2O")]) == {}


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("bvse.csv", lambda text: text.replace("True", "yes").replace("False", "no"), "neither True nor False"),
        ("bvse.csv", lambda text: text + text.splitlines()[-1] + "\n", "stands in it twice"),
        ("bvse.csv", lambda text: text.replace("E2D,", "E4D,", 1), "lacks the column E2D"),
        ("bvse.jsonl", lambda text: text.replace('"barriers": [', '"barriers": [1, '), "is damaged"),
        ("bvse.jsonl", lambda text: text.replace('"barriers": [0', '"barriers": [NaN, 0'), "is damaged"),
        ("bvse.jsonl", lambda text: text[: len(text) // 2], "is damaged"),
        ("bvse.jsonl", lambda text: text.replace('"detail"', '"retail"'), "is damaged"),
    ],
)
def test_damaged_files(name: str, change, words: str, stage: Path, tmp_path: Path) -> None:
    for file in (*FILES, "ranking.csv"):
        (tmp_path / file).write_bytes((stage / file).read_bytes())
    text = (tmp_path / name).read_text()
    assert change(text) != text
    (tmp_path / name).write_text(change(text))
    ranking = read_ranking(tmp_path / "ranking.csv")
    keys = list(zip(ranking["id"], ranking["formula"], strict=True))
    with pytest.raises(InputError, match=words):
        with_barriers(ranking, tmp_path) if name == "bvse.csv" else read_pathways(tmp_path, keys)


def test_a_run_on_an_object_store(stage: Path, finished_run: Finished, memory: Remote) -> None:
    for file in sorted(finished_run.run.rglob("*")):
        if file.is_file() and "features.zarr" not in file.parts:
            (memory / file.relative_to(finished_run.run).as_posix()).write_bytes(file.read_bytes())
    second.second_stage(memory, top=1000, grid=0.4, workers=1, progress=Progress())
    assert [(memory / name).read_bytes() for name in FILES] == kept(stage)
    assert set(FILES) <= set(json.loads((memory / "run.json").read_bytes())["outputs"])


def test_no_run(tmp_path: Path) -> None:
    told = screening("bvse", tmp_path, check=1).stderr
    assert "run `screening run` to the end first" in told
    assert RunPaths(tmp_path).barriers.name == "bvse.csv"
