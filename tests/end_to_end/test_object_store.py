"""RUN and crystals on a real S3 server on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest
import zarr
from child_runs import wait_for
from command import arrays
from command import screening as screening_command
from finished import Finished
from made_store import filled
from object_stores import LIMITS, SECRET, crystals_in, flipped, objects, told, torn

from screening.locations import remote
from screening.locations.location import location
from screening.locations.remote import Remote
from screening.runs.status import status
from screening.runs.verify import verify
from screening.sources.listing import iter_items


class Server:
    """A moto server, in a process of its own, and what the client's environment needs to find it."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("s3fs", reason="s3fs is not installed: no S3 tested (pip install 'screening[cloud]')")
    pytest.importorskip("moto.server", reason="moto[server] is not installed: no S3 tested")
    found = Server()
    found.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in found.environment.items():
            patch.setenv(name, value)
        yield found
    found.stop()


@pytest.fixture(scope="module")
def s3(server: Server) -> Remote:
    """A bucket with crystals/ and labels.csv in it."""
    fsspec.filesystem("s3", use_listings_cache=False).mkdir("bucket")
    found = location("s3://bucket")
    assert isinstance(found, Remote)
    return found


@pytest.fixture(scope="module")
def runs(s3: Remote, finished_run: Finished) -> Finished:
    """A finished RUN here; its crystals and a RUN of them in the bucket too."""
    for file in sorted(finished_run.crystals.iterdir()):
        (s3 / f"crystals/{file.name}").write_bytes(file.read_bytes())
    screening_command(
        *("run", f"{s3}/crystals", "--labels", f"{s3}/crystals/labels.csv", "--out", f"{s3}/RUN"),
        *("--config", finished_run.config, "--workers", "1"),
    )
    return finished_run


def test_conditional_puts_and_pages_on_s3(s3: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    (s3 / "once").write_new(b"1")
    (s3 / "once").write_new(b"1")  # as a request that is sent again
    with pytest.raises(FileExistsError):
        (s3 / "once").write_new(b"2")
    assert (s3 / "once").read_bytes() == b"1"
    monkeypatch.setattr(remote, "PAGE", 3)
    for number in range(10):
        (s3 / f"pages/{number}.cif").write_bytes(f"data_{number}".encode())
        (s3 / f"pages/below{number}/x.cif").write_bytes(b"data_x")
    ids = [item.id for item in iter_items([f"{s3}/pages"], LIMITS)]
    assert ids == [*(str(number) for number in range(10)), "x", *(f"x~{number}" for number in range(2, 11))]


def test_crystals_on_s3_are_those_here(s3: Remote, tmp_path: Path) -> None:
    crystals_in(s3 / "mixed")
    crystals_in(tmp_path)
    assert told(s3 / "mixed") == told(tmp_path)


def test_zarr_reads_the_store_on_s3(s3: Remote) -> None:
    filled(s3 / "plain.zarr")  # type: ignore[arg-type]
    group = zarr.open_group("s3://bucket/plain.zarr", mode="r")
    assert group["strings"][:, 0].tolist() == [f"id{n}" for n in range(10)]  # type: ignore[index, union-attr]


def local(text: str, runs: Finished) -> str:
    return text.replace("s3://bucket/crystals", runs.crystals.as_posix())


def test_a_run_on_s3_equals_a_run_here(s3: Remote, runs: Finished) -> None:
    here, there = runs.run, objects(s3 / "RUN")
    for name in ("ranking.csv", "duplicates.csv", "rejected.csv", "explanation/kinds.csv", "model/scores.json"):
        assert local(there[name].decode(), runs) == (here / name).read_text(), name
    boosters = sorted(name for name in there if name.startswith("model/booster"))
    assert boosters
    for name in boosters:
        assert there[name] == (here / name).read_bytes()
    stored = {name: data for name, data in there.items() if name.startswith("features.zarr/")}
    mine = arrays(here / "features.zarr")
    assert stored.keys() - {"features.zarr/ledger.jsonl"} == {f"features.zarr/{name}" for name in mine} - {
        "features.zarr/lock"
    }
    for name in mine:
        if name.startswith(("features", "composition", "numbers")):
            assert stored[f"features.zarr/{name}"] == mine[name], name
    record = json.loads(there["run.json"])
    assert record["status"] == "finished"
    assert record["crystals"] == ["s3://bucket/crystals"]
    assert SECRET.encode() not in b"".join(there.values())
    assert b"report.html" in b" ".join(name.encode() for name in there)
    assert len(there["report.html"]) > 10_000


def test_a_url_with_a_secret_reaches_no_file(runs: Finished, tmp_path: Path) -> None:
    told = screening_command(
        *("run", f"s3://key:{SECRET}@bucket/crystals", "--labels", runs.labels),
        *("--out", tmp_path / "RUN"),
        check=1,
    )
    assert "holds credentials" in told.stderr
    assert SECRET not in told.stderr + told.stdout
    assert all(SECRET not in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


def test_every_command_takes_urls(s3: Remote, runs: Finished, tmp_path: Path) -> None:
    run = f"{s3}/RUN"
    assert "complete and unchanged" in screening_command("verify", run).stdout
    assert screening_command("status", run).stdout.startswith("finished")
    screening_command(
        *("train", "--features", f"{run}/features.zarr", "--labels", f"{s3}/crystals/labels.csv"),
        *("--out", f"{s3}/M", "--config", runs.config),
    )
    assert (s3 / "M/booster-0.txt").read_bytes() == (s3 / "RUN/model/booster-0.txt").read_bytes()
    again = ("--features", f"{run}/features.zarr", "--model", f"{s3}/M")
    screening_command("rank", *again, "--out", f"{s3}/new.csv", "--config", runs.config)
    assert (s3 / "new.csv").read_bytes() == (s3 / "RUN/ranking.csv").read_bytes()
    assert (s3 / "new-duplicates.csv").is_file()
    screening_command("explain", *again, "--out", f"{s3}/E")
    assert (s3 / "E/kinds.csv").is_file()
    screening_command("export", f"{run}/features.zarr", "--out", f"{s3}/f.parquet")
    screening_command("export", runs.store, "--out", tmp_path / "f.parquet")
    assert (s3 / "f.parquet").read_bytes() == (tmp_path / "f.parquet").read_bytes()
    before = (s3 / "RUN/report.html").read_bytes()
    (s3 / "RUN/report.html").unlink()
    assert screening_command("report", run).stdout.strip() == f"{run}/report.html"
    assert (s3 / "RUN/report.html").read_bytes()[:1000] == before[:1000]
    told = screening_command("verify", f"{s3}/nosuch", check=1).stderr
    assert "neither a RUN nor a feature store" in told


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("features.zarr/features/c/1/0", torn, "missing or damaged"),
        ("features.zarr/strings/c/0/0", flipped, "missing or damaged"),
        ("features.zarr/numbers/c/2/0", None, "missing or damaged"),
        ("features.zarr/ledger.jsonl", flipped, "ledger.jsonl, line"),
        ("ranking.csv", flipped, "ranking.csv has changed"),
        ("model/booster-0.txt", None, "booster-0.txt is missing"),
    ],
)
def test_damage_on_s3_is_found(
    s3: Remote, runs: Finished, name: str, change: Callable[[bytes], bytes] | None, told: str
) -> None:
    target = s3 / f"RUN/{name}"
    before = target.read_bytes()
    try:
        if change is None:
            target.unlink()
        else:
            target.write_bytes(change(before))
        faults = verify(s3 / "RUN")
        assert any(told in fault for fault in faults), faults
        assert all("s3://bucket/RUN" in fault for fault in faults), faults
    finally:
        target.write_bytes(before)


def test_put_back_as_it_was_it_is_sound(s3: Remote, runs: Finished) -> None:
    """Once for all kinds of damage: reading a RUN there takes a hundred requests."""
    assert verify(s3 / "RUN") == []


def begin(runs: Finished, out: str) -> subprocess.Popen[str]:
    """Start featurizing into `out` in a process group of its own, two workers, a shard per crystal."""
    command = [sys.executable, "-m", "screening", "featurize", "s3://bucket/crystals", "--out", out]
    return subprocess.Popen(
        [*command, "--config", str(runs.single), "--workers", "2"],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def committed(store: Remote) -> int:
    return sum(len(list(folder.location.iterdir())) for folder in (store / "ledger").iterdir())


@pytest.mark.slow
def test_a_killed_client_is_resumed_and_a_second_one_refused(s3: Remote, runs: Finished) -> None:
    store = s3 / "killed.zarr"
    run = begin(runs, str(store))
    wait_for(lambda: committed(store) >= 5, run)
    os.kill(run.pid, signal.SIGSTOP)  # so that it still holds the store when the other comes
    other = begin(runs, str(store))
    assert other.wait(timeout=120) == 1
    assert "is being written by another run" in (other.communicate()[1])
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    done = committed(store)
    assert 5 <= done < 37
    assert (store / "lock/00000001.json").is_file()  # what a killed run leaves behind
    again = begin(runs, str(store))
    told = again.communicate(timeout=240)
    assert again.returncode == 0, told
    whole = begin(runs, f"{s3}/whole.zarr")
    assert whole.wait(timeout=240) == 0, whole.communicate()
    whole.communicate()
    first, second = objects(store), objects(s3 / "whole.zarr")
    assert {name: data for name, data in first.items() if name != "ledger.jsonl"} == {
        name: data for name, data in second.items() if name != "ledger.jsonl"
    }
    assert verify(store) == []


@pytest.mark.slow
def test_a_server_that_stands_still_is_waited_for(server: Server, s3: Remote, runs: Finished) -> None:
    store = s3 / "lost.zarr"
    run = begin(runs, str(store))
    wait_for(lambda: committed(store) >= 3, run)
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(20)  # longer than a read may take
    server.process.send_signal(signal.SIGCONT)
    _, told = run.communicate(timeout=240)
    assert run.returncode == 0, told
    assert verify(store) == []


@pytest.mark.slow
def test_a_server_that_goes_away_ends_the_run_with_one_line(
    server: Server, runs: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Server()
    own.start()
    s3fs = fsspec.filesystem("s3", endpoint_url=own.environment["AWS_ENDPOINT_URL"], use_listings_cache=False)
    s3fs.mkdir("other")
    monkeypatch.setenv("AWS_ENDPOINT_URL", own.environment["AWS_ENDPOINT_URL"])
    command = [sys.executable, "-m", "screening", "featurize", str(runs.crystals), "--workers", "2"]
    run = subprocess.Popen(
        [*command, "--out", "s3://other/x.zarr", "--config", str(runs.single)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: len(s3fs.find("other/x.zarr/ledger")) >= 3, run)
    own.stop()
    _, told = run.communicate(timeout=300)
    assert run.returncode == 1
    assert "Traceback" not in told
    assert "cannot be reached" in told
    assert "the same command goes on from here" in told


def test_a_bucket_or_server_that_is_not_there_is_one_line(s3: Remote, runs: Finished, tmp_path: Path) -> None:
    told = screening_command("featurize", runs.crystals, "--out", "s3://nosuch/x.zarr", check=1).stderr
    assert "Traceback" not in told
    assert "NoSuchBucket" in told or "does not exist" in told
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{probe.getsockname()[1]}", "AWS_MAX_ATTEMPTS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "screening", "featurize", str(runs.crystals), "--out", "s3://bucket/x.zarr"],
        env={**os.environ, **nobody},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    assert "s3://bucket/x.zarr" in done.stderr
    assert "the same command goes on from here" in done.stderr
    assert SECRET not in done.stderr + done.stdout


@pytest.mark.slow
def test_status_from_another_process_while_it_runs(s3: Remote, runs: Finished) -> None:
    labels = f"{s3}/crystals/labels.csv"
    command = [sys.executable, "-m", "screening", "run", f"{s3}/crystals", "--labels", labels]
    run = subprocess.Popen(
        [*command, "--out", f"{s3}/LIVE", "--config", str(runs.single), "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: committed(s3 / "LIVE/features.zarr") >= 2, run)
    found = status(s3 / "LIVE")
    assert found.state == "running"
    assert found.done >= 2
    _, told = run.communicate(timeout=240)
    assert run.returncode == 0, told
    assert status(s3 / "LIVE").state == "finished"
    events = [json.loads(line)["event"] for line in (s3 / "LIVE/run.log").read_text().splitlines()]
    assert events[0] == "start"
    assert events[-1] == "finished"
