"""Two worker hosts, each with a network of its own, one cut off in the middle of a run.

Hosts are network namespaces on a bridge; nothing outside them is touched. Where namespaces are not permitted the test
is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from child_runs import end, lines, same, wait_for

pytestmark = pytest.mark.slow
SLOWLY = """
import sys, time

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "screening.features.shard":
            sys.meta_path.remove(self)
            import screening.crystals
            read = screening.crystals.read_entry
            def slowly(text, **settings):
                time.sleep(0.25)
                return read(text, **settings)
            import screening.sources.blocks
            screening.sources.blocks.read_entry = slowly
        return None

sys.meta_path.insert(0, Finder())
"""
SCHEDULER = "tcp://10.77.0.1:8786"
TTL = "6s"


@dataclass
class Hosts:
    """A hub with a bridge, and hosts on it; every process started in one of them ends with the test."""

    prefix: str
    names: tuple[str, ...]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def up(self) -> None:
        self.ip("netns", "add", self.hub)
        self.inside(self.hub, "ip", "link", "set", "lo", "up")
        self.inside(self.hub, "ip", "link", "add", "bridge", "type", "bridge")
        self.inside(self.hub, "ip", "address", "add", "10.77.0.1/24", "dev", "bridge")
        self.inside(self.hub, "ip", "link", "set", "bridge", "up")
        for number, name in enumerate(self.names, start=2):
            host = f"{self.prefix}{name}"
            self.ip("netns", "add", host)
            near, far = f"{self.prefix}{name}0", f"{self.prefix}{name}1"
            self.ip("link", "add", near, "netns", self.hub, "type", "veth", "peer", "name", far, "netns", host)
            self.inside(self.hub, "ip", "link", "set", near, "master", "bridge")
            self.inside(self.hub, "ip", "link", "set", near, "up")
            self.inside(host, "ip", "address", "add", f"10.77.0.{number}/24", "dev", far)
            self.inside(host, "ip", "link", "set", far, "up")
            self.inside(host, "ip", "link", "set", "lo", "up")

    @property
    def hub(self) -> str:
        return f"{self.prefix}hub"

    def cut(self, name: str, *, off: bool) -> None:
        self.inside(self.hub, "ip", "link", "set", f"{self.prefix}{name}0", "down" if off else "up")

    def down(self) -> None:
        for process in self.started:
            process.kill()
            process.wait(10)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        for name in ("hub", *self.names):
            subprocess.run(["ip", "netns", "delete", f"{self.prefix}{name}"], capture_output=True, check=False)

    def start(self, name: str, *command: str, env: dict[str, str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            ["ip", "netns", "exec", f"{self.prefix}{name}", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
        )
        self.started.append(process)
        return process

    def inside(self, host: str, *command: str) -> str:
        return self.ip("netns", "exec", host, *command)

    @staticmethod
    def ip(*words: str) -> str:
        return subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    if shutil.which("ip") is None:
        pytest.skip("hosts of their own need iproute2")
    made = Hosts(prefix=f"s{os.getpid() % 100_000}", names=("a", "b"))
    try:
        made.up()
    except subprocess.CalledProcessError as error:
        made.down()
        pytest.skip(f"network namespaces are not permitted here: {error.stderr.strip()}")
    yield made
    made.down()


def start_worker(hosts: Hosts, name: str, folder: Path) -> None:
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", SCHEDULER, "--nthreads", "1", "--no-dashboard"]
    more = ["--local-directory", str(folder / f"scratch-{name}")]
    hosts.start(name, *worker, *more, env={"PYTHONPATH": str(folder / "site")})


def test_a_host_that_is_cut_off_costs_nothing_but_time(hosts: Hosts, whole: Path, tmp_path: Path) -> None:
    config = str(whole / "small.toml")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SLOWLY)
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "10.77.0.1", "--no-dashboard"]
    settings = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": TTL, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    hosts.start("hub", *dask, env=settings)
    for name in hosts.names:
        start_worker(hosts, name, tmp_path)
    command = [sys.executable, "-m", "screening", "featurize", str(whole / "crystals"), "--config", config]
    store = tmp_path / "s.zarr"
    run = hosts.start("hub", *command, "--out", str(store), "--scheduler", SCHEDULER, env={})
    wait_for(lambda: lines(store) >= 4, run)
    cut_at = lines(store)
    hosts.cut("b", off=True)
    time.sleep(1)
    code, told = end(run)
    assert code == 0, told
    assert cut_at < 25, "the run was over before the host was cut off"
    assert "1 worker" in told  # the loss was told
    same(whole / "whole.zarr", store)

    # Healed, and its worker started again, as whatever supervises the host does: the next run is shared by both.
    hosts.cut("b", off=False)
    start_worker(hosts, "b", tmp_path)
    again = tmp_path / "again.zarr"
    deadline = time.monotonic() + 60
    while True:
        shutil.rmtree(again, ignore_errors=True)
        run = hosts.start("hub", *command, "--out", str(again), "--scheduler", SCHEDULER, env={})
        code, told = end(run)
        assert code == 0, told
        same(whole / "whole.zarr", again)
        if "2 workers" in told:
            break
        assert time.monotonic() < deadline, "the host that was healed did not come back"
