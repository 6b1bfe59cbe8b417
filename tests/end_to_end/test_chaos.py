"""Random kills and freezes of clients and workers: whatever dies when, the same command ends with the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest
from child_runs import end, lines, same, start, wait_for, workers_of
from command import SMALL, screening
from made_crystals import write_set

N_CRYSTALS = 1000
SHARD = 16
SEEDS = int(os.environ.get("CHAOS_SEEDS", "10"))
MOST_FAULTS = 6
KINDS = ("client", "worker", "all workers", "listing process", "freeze a worker", "freeze the client")


@pytest.fixture(scope="module")
def undisturbed(scheduler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand crystals, their settings, the store and the table of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("chaos")
    write_set(folder / "crystals", labelled=0, candidates=N_CRYSTALS)
    small = SMALL.replace("shard_rows = 8", f"shard_rows = {SHARD}")
    (folder / "here.toml").write_text(small)
    (folder / "apart.toml").write_text(small.replace("[cluster]", '[cluster]\nlisting = "apart"'))
    given = ("--config", folder / "here.toml", "--scheduler", scheduler)
    screening("featurize", folder / "crystals", "--out", folder / "whole.zarr", *given)
    screening("export", folder / "whole.zarr", "--out", folder / "whole.parquet")
    return folder


def faults(seed: int) -> Iterator[tuple[str, int]]:
    """Yield what happens, and after how many shards more."""
    rng = random.Random(seed)
    for _ in range(rng.randint(2, MOST_FAULTS)):
        yield rng.choice(KINDS), rng.randint(0, 12)


def has(store: Path, wanted: int) -> bool:
    return lines(store) >= wanted


def strike(kind: str, run: subprocess.Popen[str]) -> None:
    client = psutil.Process(run.pid)
    with suppress(psutil.NoSuchProcess):  # it ended by itself meanwhile
        workers = workers_of(run)
        if kind == "client":
            os.killpg(run.pid, signal.SIGKILL)
        elif kind in ("worker", "all workers"):
            for worker in workers if kind == "all workers" else workers[:1]:
                worker.kill()
        elif kind == "listing process":  # where there is one
            for child in client.children():
                if "screening.sources.lister" in child.cmdline():
                    child.kill()
        else:
            frozen = client if kind == "freeze the client" else workers[0] if workers else client
            frozen.suspend()
            time.sleep(1.0)
            frozen.resume()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_dies_when_the_bytes_are_the_same(undisturbed: Path, tmp_path: Path, seed: int) -> None:
    """Half of the runs list in a process of its own."""
    store, settings = tmp_path / "s.zarr", undisturbed / ("apart.toml" if seed % 2 else "here.toml")
    run = start(undisturbed / "crystals", store, settings, "--workers", "2")
    for kind, after in faults(seed):
        if run.poll() is not None:  # killed, or ended: the same command again
            run.communicate()
            run = start(undisturbed / "crystals", store, settings, "--workers", "2")
        wanted = min(lines(store) + after, N_CRYSTALS // SHARD)
        with suppress(AssertionError):  # it may end first
            wait_for(partial(has, store, wanted), run, seconds=600)
        strike(kind, run)
        if kind == "client":
            run.communicate()
    if run.poll() is not None:
        run.communicate()
        run = start(undisturbed / "crystals", store, settings, "--workers", "2")
    status, told = end(run)
    assert status == 0, told
    same(undisturbed / "whole.zarr", store)
    screening("export", store, "--out", tmp_path / "s.parquet")
    assert (tmp_path / "s.parquet").read_bytes() == (undisturbed / "whole.parquet").read_bytes()
