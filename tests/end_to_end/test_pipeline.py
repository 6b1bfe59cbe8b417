"""The main job end to end: counts close, bytes depend on neither workers nor interruptions, bad input is a row."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pandas as pd
import pytest
from command import SMALL, arrays, screening
from made_crystals import rocksalt, write_set

from screening.errors import StoreError
from screening.store.store import FeatureStore, read_table


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with crystals/, labels.csv in it, small.toml, and a finished RUN."""
    folder = tmp_path_factory.mktemp("run")
    write_set(folder / "crystals")
    (folder / "small.toml").write_text(SMALL)
    labels = folder / "crystals" / "labels.csv"
    screening(
        "run", folder / "crystals", "--labels", labels, "--out", folder / "RUN", "--config", folder / "small.toml"
    )
    return folder


def test_a_run_holds_what_it_says(small: Path) -> None:
    run = small / "RUN"
    record = json.loads((run / "run.json").read_text())
    counts = record["counts"]
    assert counts["found"] == counts["featurized"] + counts["rejected"] == 36
    assert counts["labelled"] == 24
    assert record["status"] == "finished"
    assert record["engine"] == "periodic"
    ranking = pd.read_csv(run / "ranking.csv")
    assert ranking.columns[:7].tolist() == ["rank", "id", "source", "formula", "prediction", "lower", "upper"]
    assert ranking["rank"].tolist() == list(range(1, 13))
    assert set(ranking["id"]) == {f"c{n:03d}" for n in range(24, 36)}
    assert ranking["prediction"].is_monotonic_decreasing
    assert ((ranking["lower"] <= ranking["prediction"]) & (ranking["prediction"] <= ranking["upper"])).all()
    assert (run / "rejected.csv").read_text() == "id,source,code,detail\n"
    for name in ("report.html", "model/model.json", "explanation/kinds.csv"):
        assert (run / name).stat().st_size > 100


def test_the_stages_one_by_one_give_what_run_gives(small: Path, tmp_path: Path) -> None:
    config, labels = small / "small.toml", small / "crystals" / "labels.csv"
    store = tmp_path / "features.zarr"
    screening("featurize", small / "crystals", "--out", store, "--config", config, "--workers", "1")
    assert arrays(store) == arrays(small / "RUN" / "features.zarr")
    screening("train", "--features", store, "--labels", labels, "--out", tmp_path / "model", "--config", config)
    screening("rank", "--features", store, "--model", tmp_path / "model", "--out", tmp_path / "ranking.csv")
    assert (tmp_path / "ranking.csv").read_bytes() == (small / "RUN" / "ranking.csv").read_bytes()
    screening(
        "rank", "--features", store, "--model", tmp_path / "model", "--out", tmp_path / "r.parquet", "--rank-labelled"
    )
    assert len(pd.read_parquet(tmp_path / "r.parquet")) == 36
    screening("explain", "--features", store, "--model", tmp_path / "model", "--out", tmp_path / "why")
    assert (tmp_path / "why" / "kinds.csv").read_bytes() == (small / "RUN" / "explanation" / "kinds.csv").read_bytes()
    screening("report", small / "RUN")


def test_export_names_its_columns(small: Path, tmp_path: Path) -> None:
    for suffix, read in ((".parquet", pd.read_parquet), (".csv", pd.read_csv)):
        screening("export", small / "RUN" / "features.zarr", "--out", tmp_path / f"f{suffix}")
        frame = read(tmp_path / f"f{suffix}")
        assert frame.columns[0] == "id"
        assert "Li/beta1/3.20" in frame.columns
        assert len(frame) == 36
    screening("export", small / "RUN" / "features.zarr", "--out", tmp_path / "f.xyz", check=1)


def test_the_same_command_again_computes_nothing_anew(small: Path) -> None:
    store = small / "RUN" / "features.zarr"
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()}
    done = screening("featurize", small / "crystals", "--out", store, "--config", small / "small.toml")
    assert "36 found = 36 featurized + 0 rejected" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()} == before


def test_changed_inputs_and_damage_are_computed_again(small: Path, tmp_path: Path) -> None:
    crystals, store, config = tmp_path / "crystals", tmp_path / "f.zarr", small / "small.toml"
    write_set(crystals)
    screening("featurize", crystals, "--out", store, "--config", config)
    whole = arrays(store)
    chunk = store / "features" / "c" / "1" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-7])
    original = (crystals / "c020.cif").read_text()
    (crystals / "c020.cif").write_text(rocksalt(anion="I"))
    screening("featurize", crystals, "--out", store, "--config", config)
    changed = read_table(store)
    assert changed.facts["formula"][list(changed.ids).index("c020")] == "LiI"
    (crystals / "c020.cif").write_text(original)
    screening("featurize", crystals, "--out", store, "--config", config)
    assert arrays(store) == whole


def test_other_settings_are_refused_with_what_differs(small: Path) -> None:
    done = screening("featurize", small / "crystals", "--out", small / "RUN" / "features.zarr", check=1)
    assert "homology.r_max" in done.stderr
    assert "shard_rows" in done.stderr


def kill_when(run: subprocess.Popen[bytes], store: Path, shards: int) -> None:
    """Kill the whole process group once so many shards are in the ledger."""
    ledger = store / "ledger.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and run.poll() is None:
        if ledger.exists() and ledger.read_bytes().count(b"\n") >= shards:
            break
        time.sleep(0.005)
    assert run.poll() is None, "the run ended before it could be killed"
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def test_killed_and_run_again_gives_the_same(small: Path, tmp_path: Path) -> None:
    crystals, config = tmp_path / "crystals", tmp_path / "small.toml"
    config.write_text(SMALL.replace("shard_rows = 8", "shard_rows = 2").replace("5.0", "7.0"))
    write_set(crystals, labelled=40, candidates=20)
    stores = {}
    for name, kills in (("whole", ()), ("killed", (1, 9, 17))):
        store = tmp_path / f"{name}.zarr"
        command = [
            sys.executable,
            "-m",
            "screening",
            "featurize",
            str(crystals),
            "--out",
            str(store),
            "--config",
            str(config),
        ]
        for shards in kills:
            run = subprocess.Popen(
                command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            kill_when(run, store, shards)
            finished = FeatureStore.open(store).ledger()
            assert shards <= len(finished) < 30
            with pytest.raises(StoreError, match="unfinished"):
                read_table(store)
        screening("featurize", crystals, "--out", store, "--config", config)
        screening("export", store, "--out", tmp_path / f"{name}.parquet")
        stores[name] = arrays(store)
    assert stores["whole"] == stores["killed"]
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "killed.parquet").read_bytes()


def test_a_folder_of_bad_files(small: Path, tmp_path: Path) -> None:
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
    labels = small / "crystals" / "labels.csv"
    screening("run", small / "crystals", folder, "--labels", labels, "--out", run, "--config", small / "small.toml")
    with (run / "rejected.csv").open(newline="") as file:
        rejected = {row["id"]: row["code"] for row in csv.DictReader(file)}
    assert rejected == {
        "empty": "empty",
        "binary": "not-cif",
        "truncated": "not-cif",
        "noatoms": "no-atoms",
        "huge": "too-large",
        "escaped": "unsafe-path",
        "escaped2": "unsafe-path",
    }
    assert {"good1", "good2"} <= set(pd.read_csv(run / "ranking.csv")["id"])
    counts = json.loads((run / "run.json").read_text())["counts"]
    assert (counts["found"], counts["featurized"], counts["rejected"]) == (45, 38, 7)
    assert {path for path in tmp_path.rglob("*") if run not in (path, *path.parents)} == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["featurize", "nowhere", "--out", "x.zarr"], 1, "nowhere: no such file"),
        (["featurize", ".", "--out", "x.zarr", "--engine", "magic"], 1, "homology.engine"),
        (["featurize", ".", "--out", "x.zarr", "--ion", "Qq"], 1, "mobile_ion"),
        (["featurize", ".", "--out", "x.zarr", "--scheduler", "tcp://127.0.0.1:1"], 1, "no Dask scheduler"),
        (["rank", "--features", "none.zarr", "--model", "none", "--out", "r.csv"], 1, "none"),
        (["run", "."], 2, "labels"),
        (["dance"], 2, "dance"),
    ],
)
def test_mistakes_are_one_line_and_an_exit_code(
    arguments: list[str], code: int, message: str, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.cif").write_text(rocksalt())
    done = screening(*arguments, check=code)
    assert message in done.stderr


def test_doctor_and_config_and_version() -> None:
    assert "engine periodic" in screening("doctor").stdout
    assert "[homology]" in screening("config").stdout
    assert screening("--version").stdout.strip()
