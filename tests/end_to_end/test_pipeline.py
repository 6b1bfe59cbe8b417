"""The main job end to end: counts close, bytes depend on neither workers nor interruptions, bad input is a row."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

import pandas as pd
import pytest
from child_runs import lines, start, wait_for
from command import arrays, in_a_process, screening
from finished import Finished
from made_crystals import rocksalt

from screening.errors import StoreError
from screening.store.read import read_table
from screening.store.store import FeatureStore


def test_a_run_holds_what_it_says(finished_run: Finished) -> None:
    run = finished_run.run
    record = json.loads((run / "run.json").read_text())
    counts = record["counts"]
    assert counts["found"] == counts["featurized"] + counts["rejected"] == 38
    assert counts["labelled"] == 24
    assert record["status"] == "finished"
    assert record["engine"] == "periodic"
    ranking = pd.read_csv(run / "ranking.csv")
    assert ranking.columns[:7].tolist() == ["rank", "id", "source", "formula", "prediction", "lower", "upper"]
    assert ranking["rank"].tolist() == list(range(1, 13))
    assert set(ranking["id"]) == {f"c{n:03d}" for n in range(24, 36)}
    held = ranking["held_back"].notna()
    assert held.is_monotonic_increasing  # crystals that a flag speaks against stand behind all others
    assert all(ranking[held == part]["objective"].is_monotonic_decreasing for part in (False, True))
    assert ((ranking["lower"] <= ranking["prediction"]) & (ranking["prediction"] <= ranking["upper"])).all()
    assert (run / "rejected.csv").read_text().splitlines()[0] == "id,source,code,detail"
    for name in ("report.html", "model/model.json", "explanation/kinds.csv"):
        assert (run / name).stat().st_size > 100


def test_the_stages_one_by_one_give_what_run_gives(finished_run: Finished, scheduler: str, tmp_path: Path) -> None:
    """Every file: the store but for its ledger's wall times, the model, the ranking, the explanation, the page.

    The run had a process of its own and its own workers; the stages have this one, and a worker that did other work.
    """
    config, run = finished_run.config, finished_run.copy(tmp_path)
    store, model = tmp_path / "features.zarr", tmp_path / "model"
    screening("featurize", finished_run.crystals, "--out", store, "--config", config, "--scheduler", scheduler)
    assert arrays(store) == arrays(finished_run.store)
    stored, settings = ("--features", store), ("--config", config)
    screening("train", *stored, "--labels", finished_run.labels, "--out", model, *settings)
    assert bytes_of(model) == bytes_of(finished_run.run / "model")
    screening("rank", *stored, "--model", model, "--out", tmp_path / "ranking.csv", *settings)
    for name in ("ranking.csv", "duplicates.csv"):
        assert (tmp_path / name).read_bytes() == (finished_run.run / name).read_bytes(), name
    screening("rank", *stored, "--model", model, "--out", tmp_path / "r.parquet", "--rank-labelled")
    assert len(pd.read_parquet(tmp_path / "r.parquet")) == 36
    screening("explain", *stored, "--model", model, "--out", tmp_path / "why", *settings)
    assert bytes_of(tmp_path / "why") == bytes_of(finished_run.run / "explanation")
    page = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    screening("report", run)
    assert (run / "report.html").read_bytes() == page


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_export_names_its_columns(finished_run: Finished, tmp_path: Path) -> None:
    for suffix, read in ((".parquet", pd.read_parquet), (".csv", pd.read_csv)):
        screening("export", finished_run.store, "--out", tmp_path / f"f{suffix}")
        frame = read(tmp_path / f"f{suffix}")
        assert frame.columns[0] == "id"
        assert "Li/beta1/3.20" in frame.columns
        assert len(frame) == 36
    screening("export", finished_run.store, "--out", tmp_path / "f.xyz", check=1)


def test_the_same_command_again_computes_nothing_anew(finished_run: Finished, scheduler: str, tmp_path: Path) -> None:
    store = finished_run.copy(tmp_path) / "features.zarr"
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()}
    given = ("--config", finished_run.config, "--scheduler", scheduler)
    done = screening("featurize", finished_run.crystals, "--out", store, *given)
    assert "38 found = 36 featurized + 2 rejected" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()} == before


def test_changed_inputs_and_damage_are_computed_again(finished_run: Finished, scheduler: str, tmp_path: Path) -> None:
    store, config = finished_run.copy(tmp_path) / "features.zarr", finished_run.config
    crystals = shutil.copytree(finished_run.crystals, tmp_path / "crystals")
    again = ("featurize", crystals, "--out", store, "--config", config, "--scheduler", scheduler)
    screening(*again)  # the same texts, now found elsewhere
    whole = arrays(store)
    chunk = store / "features" / "c" / "1" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-7])
    original = (crystals / "c020.cif").read_text()
    (crystals / "c020.cif").write_text(rocksalt(anion="I"))
    screening(*again)
    changed = read_table(store)
    assert changed.facts["formula"][list(changed.ids).index("c020")] == "LiI"
    (crystals / "c020.cif").write_text(original)
    screening(*again)
    assert arrays(store) == whole


def test_other_settings_are_refused_with_what_differs(finished_run: Finished, tmp_path: Path) -> None:
    store = finished_run.copy(tmp_path) / "features.zarr"
    done = screening("featurize", finished_run.crystals, "--out", store, check=1)
    assert "homology.r_max" in done.stderr
    assert "shard_rows" in done.stderr


def kill_when(run: subprocess.Popen[str], store: Path, shards: int) -> None:
    """Kill the whole process group once so many shards are in the ledger."""
    wait_for(lambda: lines(store) >= shards, run)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


@pytest.mark.parametrize("kills", [(9,), pytest.param((2, 17), marks=pytest.mark.slow)], ids=["once", "twice"])
def test_killed_and_run_again_gives_the_same(
    whole: Path, scheduler: str, tmp_path: Path, kills: tuple[int, ...]
) -> None:
    """The run that goes on keeps what the killed ones finished; the store and all that is made of it come out equal."""
    store = tmp_path / "killed.zarr"
    for shards in kills:
        kill_when(start(whole / "crystals", store, whole / "small.toml"), store, shards)
        finished = FeatureStore.open(store).ledger()
        assert shards <= len(finished) < 30
        with pytest.raises(StoreError, match="unfinished"):
            read_table(store)
    given = ("--config", whole / "small.toml", "--scheduler", scheduler)
    screening("featurize", whole / "crystals", "--out", store, *given)
    assert arrays(store) == arrays(whole / "whole.zarr")
    for path in (store, whole / "whole.zarr"):
        screening("export", path, "--out", tmp_path / f"{path.stem}.csv")
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "killed.csv").read_bytes()


def test_a_folder_of_bad_files(finished_run: Finished, scheduler: str, tmp_path: Path) -> None:
    """Every bad input is a row with its code; the good ones are ranked; nothing is written outside the RUN."""
    folder = tmp_path / "in" / "mixed"
    folder.mkdir(parents=True)
    good = rocksalt(anion="Cl")
    (folder / "good1.cif").write_text(good)
    (folder / "good2.cif").write_text(rocksalt(anion="Br"))
    (folder / "empty.cif").write_bytes(b"")
    (folder / "binary.cif").write_bytes(bytes(range(256)) * 20)
    (folder / "truncated.cif").write_text(good[: good.index("X1") + 8])
    (folder / "noatoms.cif").write_text(good[: good.index("loop_")])
    with (folder / "huge.cif").open("wb") as file:
        file.truncate(300_000_000)
    with tarfile.open(folder / "evil.tar.gz", "w:gz") as archive:
        for name in ("../escaped.cif", "../../escaped2.cif"):
            info = tarfile.TarInfo(name)
            info.size = len(good)
            archive.addfile(info, io.BytesIO(good.encode()))
    before = set(tmp_path.rglob("*"))
    run = tmp_path / "RUN"
    given = ("--labels", finished_run.labels, "--config", finished_run.config, "--scheduler", scheduler)
    screening("run", finished_run.crystals, folder, "--out", run, *given)
    with (run / "rejected.csv").open(newline="") as file:
        rejected = {row["id"]: row["code"] for row in csv.DictReader(file)}
    assert rejected == {
        "empty": "empty",
        "empty~2": "empty",
        "binary": "not-cif",
        "truncated": "not-cif",
        "noatoms": "no-atoms",
        "huge": "too-large",
        "escaped": "unsafe-path",
        "escaped2": "unsafe-path",
        "(passed over: .csv)": "passed-over",
    }
    assert {"good1", "good2"} <= set(pd.read_csv(run / "ranking.csv")["id"])
    counts = json.loads((run / "run.json").read_text())["counts"]
    assert (counts["found"], counts["featurized"], counts["rejected"]) == (47, 38, 9)
    assert {path for path in tmp_path.rglob("*") if run not in (path, *path.parents)} == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["featurize", "nowhere", "--out", "x.zarr"], 1, "nowhere: no such file"),
        (["featurize", ".", "--out", "x.zarr", "--engine", "magic"], 1, "homology.engine"),
        (["featurize", ".", "--out", "x.zarr", "--ion", "Qq"], 1, "mobile_ion"),
        (["featurize", ".", "--out", "x.zarr", "--scheduler", "tcp://127.0.0.1:1"], 1, "no Dask scheduler"),
        (["rank", "--features", "none.zarr", "--model", "none", "--out", "r.csv"], 1, "none"),
        (["run", "."], 2, "--out"),
        (["dance"], 2, "dance"),
    ],
)
def test_mistakes_are_one_line_and_an_exit_code(
    arguments: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.cif").write_text(rocksalt())
    done = screening(*arguments, check=code)
    assert message in done.stderr


def test_doctor_and_config_and_version() -> None:
    assert "engine periodic" in screening("doctor").stdout
    assert "[homology]" in screening("config").stdout
    assert in_a_process("--version").stdout.strip()
