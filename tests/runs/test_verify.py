"""Every planted corruption of a RUN is found; an untouched one is sound. And how far a run is, seen from outside."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import zarr
from command import screening
from finished import Finished

from screening.errors import StoreError
from screening.runs import RunPaths
from screening.runs.journal import Journal
from screening.runs.status import status
from screening.runs.verify import verify
from screening.store.lease import is_alive


@pytest.fixture
def run(finished_run: Finished) -> Path:
    """A finished RUN with one rejected input."""
    return finished_run.run


@pytest.fixture
def copy(finished_run: Finished, tmp_path: Path) -> Path:
    return finished_run.copy(tmp_path)


def chunk(run: Path, array: str = "features", index: int = 1) -> Path:
    return run / "features.zarr" / array / "c" / str(index) / "0"


def flipped_byte(run: Path) -> None:
    data = bytearray(chunk(run).read_bytes())
    data[len(data) // 2] ^= 1
    chunk(run).write_bytes(data)


def truncated_chunk(run: Path) -> None:
    chunk(run, "strings").write_bytes(chunk(run, "strings").read_bytes()[:-1])


def zeroed_chunk(run: Path) -> None:
    chunk(run, "numbers").write_bytes(b"\0" * chunk(run, "numbers").stat().st_size)


def deleted_shard(run: Path) -> None:
    for array in ("features", "composition", "numbers", "strings"):
        chunk(run, array, 2).unlink()


def deleted_shard_and_line(run: Path) -> None:
    deleted_shard(run)
    edit_ledger(run, lambda lines: [line for line in lines if json.loads(line)["shard"] != 2])


def swapped_rows(run: Path) -> None:
    array: Any = zarr.open_group(run / "features.zarr", mode="r+")["features"]
    rows = np.asarray(array[0:8])
    array[0:8] = rows[[1, 0, *range(2, 8)]]


def swapped_chunks(run: Path) -> None:
    first, second = chunk(run, "features", 0), chunk(run, "features", 1)
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def stray_chunk(run: Path) -> None:
    stray = chunk(run, "features", 900)
    stray.parent.mkdir()
    stray.write_bytes(chunk(run).read_bytes())


def edit_ledger(run: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change the lines of shards; the first line of the ledger holds the metadata."""
    ledger = run / "features.zarr" / "ledger.jsonl"
    head, *lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join([head, *change(lines)]))


def edited_line(run: Path) -> None:
    edit_ledger(run, lambda lines: [lines[0].replace('"rejected":0', '"rejected":1', 1), *lines[1:]])


def edited_digest(run: Path) -> None:
    """The chunk and the digest in the ledger are both changed: the link gives it away."""
    old = json.loads((run / "features.zarr" / "ledger.jsonl").read_text().splitlines()[1])["chunks"]["features"]
    edit_ledger(run, lambda lines: [lines[0].replace(old, "0" * 64), *lines[1:]])


def reordered_ledger(run: Path) -> None:
    edit_ledger(run, lambda lines: [lines[1], lines[0], *lines[2:]])


def line_taken_out(run: Path) -> None:
    edit_ledger(run, lambda lines: [lines[0], *lines[2:]])


def repeated_line(run: Path) -> None:
    edit_ledger(run, lambda lines: [*lines, lines[-1]])


def changed_settings(run: Path) -> None:
    meta = run / "features.zarr" / "zarr.json"
    header = json.loads(meta.read_text())
    header["attributes"]["features_hash"] = "0" * 64
    meta.write_text(json.dumps(header))


def edited_ranking(run: Path) -> None:
    ranking = run / "ranking.csv"
    lines = ranking.read_text().splitlines()
    ranking.write_text("\n".join([lines[0], lines[2], lines[1], *lines[3:]]) + "\n")


def shortened_ranking(run: Path) -> None:
    ranking = run / "ranking.csv"
    ranking.write_text("\n".join(ranking.read_text().splitlines()[:-1]) + "\n")


def edited_booster(run: Path) -> None:
    booster = run / "model" / "booster-0.txt"
    booster.write_text(booster.read_text().replace("leaf_value=", "leaf_value=1", 1))


def lost_rejection(run: Path) -> None:
    rejected = run / "rejected.csv"
    rejected.write_text(rejected.read_text().splitlines()[0] + "\n")


def added_file(run: Path) -> None:
    (run / "model" / "extra.txt").write_text("what is this")


def edited_counts(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    record["counts"]["found"] += 1
    record["counts"]["featurized"] += 1
    (run / "run.json").write_text(json.dumps(record))


def other_inputs(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    record["inputs_sha256"] = "0" * 64
    (run / "run.json").write_text(json.dumps(record))


def no_record(run: Path) -> None:
    (run / "run.json").unlink()


CORRUPTIONS = [
    (flipped_byte, "shard 1 of array features is missing or damaged"),
    (truncated_chunk, "shard 1 of array strings is missing or damaged"),
    (zeroed_chunk, "shard 1 of array numbers is missing or damaged"),
    (deleted_shard, "shard 2 of array features is missing or damaged"),
    (deleted_shard_and_line, "is not as it was written, or lines are missing"),
    (swapped_rows, "shard 0 of array features is missing or damaged"),
    (swapped_chunks, "shard 0 of array features is missing or damaged"),
    (stray_chunk, "a chunk 900 that the ledger does not list"),
    (edited_line, "line 2 is not as it was written"),
    (edited_digest, "line 2 is not as it was written"),
    (reordered_ledger, "line 2 is not as it was written"),
    (line_taken_out, "line 3 is not as it was written"),
    (repeated_line, "is not as it was written"),
    (changed_settings, "zarr.json is not what the store was made with"),
    (edited_ranking, "ranking.csv has changed"),
    (shortened_ranking, "rows, not"),
    (edited_booster, "booster-0.txt has changed"),
    (lost_rejection, "rejected.csv has 0 rows, not 2"),
    (added_file, "extra.txt is new"),
    (edited_counts, "the store holds"),
    (other_inputs, "was computed from other inputs"),
    (no_record, "run.json: No such file"),
]


def test_a_finished_run_is_sound(run: Path) -> None:
    assert verify(run) == []
    assert verify(run / "features.zarr") == []


@pytest.mark.parametrize(("corrupt", "told"), CORRUPTIONS, ids=lambda value: getattr(value, "__name__", ""))
def test_corruptions_are_found(copy: Path, corrupt: Callable[[Path], None], told: str) -> None:
    corrupt(copy)
    assert any(told in fault for fault in verify(copy)), verify(copy)


def test_the_command(copy: Path) -> None:
    assert "complete and unchanged" in screening("verify", copy).stdout
    flipped_byte(copy)
    assert "damaged" in screening("verify", copy, check=1).stdout
    screening("verify", copy / "model", check=1)


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="neither a RUN nor a feature store"):
        verify(tmp_path)


# How far a run is.


def test_status_of_a_finished_run(run: Path) -> None:
    found = status(run)
    record = json.loads((run / "run.json").read_text())
    assert (found.state, found.stage) == ("finished", "finished")
    assert found.done == found.found == record["counts"]["found"]
    assert found.codes == {"empty": 1, "passed-over": 1} == record["rejected_by_code"]
    assert found.seconds_left is None
    assert "finished" in screening("status", run).stdout


def test_the_log_is_lines_of_json(run: Path) -> None:
    events = [json.loads(line) for line in (run / "run.log").read_text().splitlines()]
    told = [event["event"] for event in events]
    assert told[0] == "start"
    assert events[0]["config"]["store"]["shard_rows"] == 8
    assert [name for name in told if name in ("training", "ranking", "finished")] == ["training", "ranking", "finished"]
    assert all(event["time"].endswith("+00:00") for event in events)


def write_progress(folder: Path, **changes: object) -> None:
    Journal(folder).progress(
        "featurize",
        {"found": 40, "done": 8, "rejected": 0, "listed": True, "workers": 2, "rate": 4.0},
        force=True,
    )
    state = json.loads((folder / "progress.json").read_text())
    (folder / "progress.json").write_text(json.dumps({**state, **changes}))


def test_status_of_a_running_stopped_and_distant_run(copy: Path) -> None:
    edit_ledger(copy, lambda lines: lines[:1])
    write_progress(copy)
    running = status(copy)
    assert (running.state, running.done, running.found) == ("running", 8, 40)
    assert running.seconds_left == pytest.approx(8.0)
    assert "8 min" not in screening("status", copy).stdout
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    write_progress(copy, pid=gone.pid)
    assert status(copy).state == "stopped"
    assert "the same `screening run` command goes on from here" in screening("status", copy).stdout
    write_progress(copy, born=psutil.Process().create_time() - 100)  # the pid is used again by another process
    assert status(copy).state == "stopped"
    write_progress(copy, host=f"not-{socket.gethostname()}")
    assert status(copy).state == "unknown"
    assert is_alive(json.loads((copy / "progress.json").read_text())) is None


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a RUN folder"):
        status(tmp_path)
    assert RunPaths(tmp_path).record == tmp_path / "run.json"
