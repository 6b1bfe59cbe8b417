"""Runs of `screening` in processes of their own that tests kill, freeze and cut off."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from command import SMALL, arrays

from screening.runs.verify import verify

CONFIG = SMALL.replace("shard_rows = 8", "shard_rows = 2").replace("5.0", "7.0")


def start(
    crystals: Path, store: Path, config: Path, *more: str, env: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "screening", "featurize", str(crystals), "--out", str(store)]
    return subprocess.Popen(
        [*command, "--config", str(config), *more],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )


def lines(store: Path) -> int:
    ledger = store / "ledger.jsonl"
    return ledger.read_bytes().count(b'{"shard":') if ledger.exists() else 0


def wait_for(condition: Callable[[], bool], run: subprocess.Popen[str] | None = None, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        assert run is None or run.poll() is None, "the run ended before the fault"
        time.sleep(0.005)


def workers_of(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """Worker processes: spawned children of the run that hold an interpreter of their own."""
    return [
        child for child in psutil.Process(run.pid).children(recursive=True) if "spawn_main" in " ".join(child.cmdline())
    ]


def end(run: subprocess.Popen[str]) -> tuple[int, str]:
    _, told = run.communicate(timeout=240)
    return run.returncode, told


def same(one: Path, other: Path) -> None:
    assert arrays(one) == arrays(other)
    assert verify(other) == []
