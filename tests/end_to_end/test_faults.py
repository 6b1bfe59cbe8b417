"""Faults injected into real runs of several processes: every input is accounted for, the arrays come out the same."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from child_runs import CONFIG, end, lines, same, start, wait_for, workers_of
from command import screening
from made_crystals import crowded

from screening.errors import Code
from screening.runs.verify import verify
from screening.store.read import read_rejections
from screening.store.store import FeatureStore

# Read by every Python process started beside it: crystals of certain names kill, hang or fill the process.
SABOTAGE = """
import os, signal, sys, time

def spoil():
    import screening.crystals
    read = screening.crystals.crystals_of
    def spoiled(units, names, limits):
        for id, _ in names:
            if id.startswith("poison"):
                os.kill(os.getpid(), signal.SIGKILL)
            if id.startswith("hang"):
                time.sleep(1000)
            if id.startswith("greedy"):
                held = []
                while True:
                    held.append(bytearray(b"x") * 100_000_000)
            if id.startswith("broken"):
                raise MemoryError
        return read(units, names, limits)
    screening.crystals.crystals_of = spoiled  # what other rooms import

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "screening.features.shard":
            sys.meta_path.remove(self)
            spoil()
        return None

sys.meta_path.insert(0, Finder())
"""


def go_on(whole: Path, store: Path, scheduler: str) -> None:
    """Run the command again, with workers that are there already."""
    screening(
        *("featurize", whole / "crystals", "--out", store, "--config", whole / "small.toml", "--scheduler", scheduler)
    )


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_killed_worker_is_replaced(whole: Path, tmp_path: Path, workers: str) -> None:
    store = tmp_path / "s.zarr"
    run = start(whole / "crystals", store, whole / "small.toml", "--workers", workers)
    wait_for(lambda: lines(store) >= 3, run)
    workers_of(run)[0].kill()
    status, told = end(run)
    assert status == 0, told
    assert "Traceback" not in told
    same(whole / "whole.zarr", store)


def with_bad(whole: Path, folder: Path, *names: str) -> Path:
    """The crystals and, among them in listing order, copies of one under the names given."""
    shutil.copytree(whole / "crystals", folder / "crystals")
    one = sorted((folder / "crystals").glob("*.cif"))[0]
    for name in names:
        shutil.copy(one, folder / "crystals" / f"{name}.cif")
    sabotage = folder / "sabotage"
    sabotage.mkdir()
    (sabotage / "sitecustomize.py").write_text(SABOTAGE)
    return folder / "crystals"


def rows_of(store: Path) -> dict[str, bytes]:
    """Every row as bytes without its source, by id."""
    found = FeatureStore.open(store)
    rows = {}
    for shard in found.iter_shards():
        for index, strings in enumerate(shard.strings):
            text = "\0".join(map(str, [strings[0], *strings[2:]])).encode()
            rows[str(strings[0])] = shard.features[index].tobytes() + shard.numbers[index].tobytes() + text
    return rows


def refused(store: Path) -> dict[str, str]:
    """Return the codes of refused crystals by id; the table of labels beside them is none."""
    rows = read_rejections(store)
    return {rejection.id: rejection.code.value for rejection in rows if rejection.code is not Code.PASSED_OVER}


CODES = {
    "poison": "worker-killed",
    "hang": "time-limit",
    "greedy": "worker-killed",
    "broken": "worker-killed",
}


@pytest.mark.parametrize(
    ("workers", "bad"),
    [
        ("1", ["poison1", "greedy1", "hang1"]),
        pytest.param("2", ["poison1", "poison2", "hang1", "greedy1", "broken1"], marks=pytest.mark.slow),
    ],
    ids=["one of each", "several"],
)
def test_crystals_that_kill_hang_or_fill_the_worker_are_rows(
    whole: Path, tmp_path: Path, workers: str, bad: list[str]
) -> None:
    crystals = with_bad(whole, tmp_path, *bad)
    config = tmp_path / "small.toml"
    config.write_text(CONFIG + "\n[input]\ntime_limit = 12.0\n[cluster]\nmemory = 1.0\n")
    store = tmp_path / "s.zarr"
    run = start(crystals, store, config, "--workers", workers, env={"PYTHONPATH": str(tmp_path / "sabotage")})
    status, told = end(run)
    assert status == 0, told
    assert refused(store) == {name: CODES[name[:-1]] for name in bad}
    good = rows_of(whole / "whole.zarr")
    found = rows_of(store)
    assert {id: found[id] for id in good} == good
    assert verify(store) == []


@pytest.mark.slow
def test_a_frozen_worker_is_given_up(whole: Path, tmp_path: Path) -> None:
    config = tmp_path / "small.toml"
    config.write_text(CONFIG + "\n[cluster]\nworker_ttl = 6.0\n")
    store = tmp_path / "s.zarr"
    run = start(whole / "crystals", store, config)
    wait_for(lambda: lines(store) >= 3, run)
    frozen = workers_of(run)[0]
    frozen.suspend()
    try:
        status, told = end(run)
    finally:
        if frozen.is_running():
            frozen.kill()
    assert status == 0, told
    same(whole / "whole.zarr", store)


class Outside:
    """A scheduler and workers of their own, on loopback."""

    def __init__(self, folder: Path, n_workers: int = 2) -> None:
        self.file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        python = [sys.executable, "-m"]
        told: dict[str, Any] = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "cwd": folder,
            "start_new_session": True,
        }
        self.scheduler = subprocess.Popen(
            [
                *python,
                "distributed.cli.dask_scheduler",
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--no-dashboard",
                "--scheduler-file",
                str(self.file),
            ],
            **told,
        )
        self.processes.append(self.scheduler)
        wait_for(self.file.exists)
        for _ in range(n_workers):
            self.processes.append(
                subprocess.Popen(
                    [
                        *python,
                        "distributed.cli.dask_worker",
                        "--scheduler-file",
                        str(self.file),
                        "--nthreads",
                        "1",
                        "--host",
                        "127.0.0.1",
                        "--no-dashboard",
                    ],
                    **told,
                )
            )

    @property
    def address(self) -> str:
        import json

        return str(json.loads(self.file.read_text())["address"])

    def close(self) -> None:
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait()


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Callable[[], Outside]]:
    opened: list[Outside] = []

    def make() -> Outside:
        folder = tmp_path / f"outside{len(opened)}"
        folder.mkdir()
        opened.append(Outside(folder))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.mark.slow
def test_a_killed_scheduler_ends_the_run_which_goes_on_with_another(
    whole: Path, tmp_path: Path, outside: Callable[[], Outside]
) -> None:
    store = tmp_path / "s.zarr"
    first = outside()
    run = start(whole / "crystals", store, whole / "small.toml", "--scheduler", first.address)
    wait_for(lambda: lines(store) >= 3, run)
    first.scheduler.kill()
    status, told = end(run)
    assert status == 1
    assert "the Dask scheduler is gone; the same command goes on from here" in told
    done = lines(store)
    second = outside()
    screening(
        "featurize", whole / "crystals", "--out", store, "--config", whole / "small.toml", "--scheduler", second.address
    )
    assert done < 30
    same(whole / "whole.zarr", store)


@pytest.mark.slow
def test_a_killed_worker_of_an_outside_scheduler(whole: Path, tmp_path: Path, outside: Callable[[], Outside]) -> None:
    store = tmp_path / "s.zarr"
    there = outside()
    run = start(whole / "crystals", store, whole / "small.toml", "--scheduler", there.address)
    wait_for(lambda: lines(store) >= 3, run)
    for child in psutil.Process(there.processes[1].pid).children(recursive=True):
        child.kill()
    there.processes[1].kill()
    status, told = end(run)
    assert status == 0, told
    same(whole / "whole.zarr", store)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(place)], check=False)
    if made.returncode:
        pytest.skip("no right to mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_ends_the_run_which_goes_on_when_there_is_room(
    whole: Path, small_disk: Path, scheduler: str
) -> None:
    store = small_disk / "s.zarr"
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 350_000)
    run = start(whole / "crystals", store, whole / "small.toml", "--workers", "1")
    status, told = end(run)
    assert status == 1
    assert "No space left on device" in told
    assert "the same command goes on from here" in told
    assert "Traceback" not in told
    assert lines(store) < 30
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    go_on(whole, store, scheduler)
    same(whole / "whole.zarr", store)


def test_a_read_only_store(whole: Path, small_disk: Path, scheduler: str) -> None:
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    store = small_disk / "s.zarr"
    shutil.copytree(whole / "whole.zarr", store)
    ledger = (store / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (store / "ledger.jsonl").write_bytes(b"".join(ledger[:10]))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    status, told = end(start(whole / "crystals", store, whole / "small.toml", "--workers", "1"))
    assert status == 1
    assert "Read-only file system" in told
    assert "Traceback" not in told
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    go_on(whole, store, scheduler)
    same(whole / "whole.zarr", store)


def test_two_runs_on_one_store(whole: Path, tmp_path: Path, scheduler: str) -> None:
    store = tmp_path / "s.zarr"
    run = start(whole / "crystals", store, whole / "small.toml", "--scheduler", scheduler)
    wait_for(lambda: lines(store) >= 2, run)
    first = psutil.Process(run.pid)
    first.suspend()
    status, told = end(start(whole / "crystals", store, whole / "small.toml", "--scheduler", scheduler))
    first.resume()
    assert status == 1
    assert "is being written by another run" in told
    assert end(run)[0] == 0
    same(whole / "whole.zarr", store)


def test_chunks_that_a_power_loss_took_are_computed_again(whole: Path, tmp_path: Path, scheduler: str) -> None:
    """Bytes that never reached the disk read as zeros or are cut short though the ledger has their line."""
    store = tmp_path / "s.zarr"
    shutil.copytree(whole / "whole.zarr", store)
    chunks = sorted((store / "features" / "c").rglob("0"))
    chunks[3].write_bytes(b"\0" * chunks[3].stat().st_size)
    chunks[7].write_bytes(chunks[7].read_bytes()[:100])
    chunks[9].unlink()
    ledger = (store / "ledger.jsonl").read_bytes()
    (store / "ledger.jsonl").write_bytes(ledger[:-30])
    assert len(verify(store)) >= 4
    go_on(whole, store, scheduler)
    same(whole / "whole.zarr", store)


@pytest.mark.slow  # tests/features/test_isolate.py has it without workers
def test_a_crystal_that_takes_too_long_is_ended_and_its_neighbours_are_not_lost(whole: Path, tmp_path: Path) -> None:
    """The kernel itself is busy, in native code, not a sleep of Python's."""
    shutil.copytree(whole / "crystals", tmp_path / "crystals")
    (tmp_path / "crystals" / "c003-crowded.cif").write_text(crowded(16_000, length=63.0))
    config = tmp_path / "small.toml"
    config.write_text(CONFIG + "\n[input]\ntime_limit = 2.5\nmax_sites = 20000\n")
    store = tmp_path / "s.zarr"
    status, told = end(start(tmp_path / "crystals", store, config, "--workers", "1"))
    assert status == 0, told
    assert refused(store) == {"c003-crowded": "time-limit"}
    good, found = rows_of(whole / "whole.zarr"), rows_of(store)
    assert {id: found[id] for id in good} == good
    assert verify(store) == []
