"""Workers that are gone for good come back: those that died while they started, and those that the cluster gave up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import distributed
import pytest
from distributed import Client, LocalCluster

from screening.cluster import revive
from screening.cluster.dispatch import _as_they_come
from screening.cluster.progress import Progress
from screening.cluster.revive import Reviver
from screening.errors import StoreError


@pytest.fixture
def client() -> Iterator[Client]:
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        yield client


def until(client: Any, wanted: Any, reviver: Reviver) -> None:
    deadline = time.monotonic() + 60
    while not wanted(client.cluster.workers):
        assert time.monotonic() < deadline, client.cluster.workers
        reviver.look()
        time.sleep(0.05)


@pytest.mark.slow  # a worker is killed until its nanny gives up; one that is gone comes back below
def test_a_worker_that_dies_while_it_starts_comes_back(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revive, "LOOK_EVERY", 0.2)
    cluster, told = client.cluster, list[str]()
    progress = Progress()
    progress.subscribe(lambda _, event: told.append(event.text))
    reviver = Reviver(client, progress)
    (first,) = cluster.workers.values()
    deadline = time.monotonic() + 60
    while first.status.name not in ("closed", "failed"):  # killed, and again while it starts
        assert time.monotonic() < deadline, first.status
        with suppress(ProcessLookupError, TypeError):
            os.kill(first.pid, signal.SIGKILL)
        time.sleep(0.1)
    until(
        client,
        lambda workers: workers and all(one is not first and one.status.name == "running" for one in workers.values()),
        reviver,
    )
    assert client.submit(divmod, 7, 2).result(timeout=30) == (3, 1)
    assert "1 worker gone; started again" in told


def test_a_worker_that_the_cluster_gave_up_comes_back(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revive, "LOOK_EVERY", 0.2)
    reviver = Reviver(client, Progress())
    (name, first) = next(iter(client.cluster.workers.items()))
    del client.cluster.workers[name]
    client.sync(first.close)
    until(client, lambda workers: name in workers and workers[name].status.name == "running", reviver)
    assert client.submit(divmod, 7, 2).result(timeout=30) == (3, 1)


class Gone:
    status = revive.GONE[0]


class Doomed:
    """A cluster whose worker is gone whenever one looks."""

    def __init__(self) -> None:
        self.workers = {0: Gone()}
        self.worker_spec: dict[int, dict[str, Any]] = {0: {}}
        self.loop, self.started = self, 0

    def add_callback(self, start: Any) -> None:
        start()
        self.workers[0] = Gone()

    def scale(self, count: int) -> None:
        self.started += count


def test_workers_that_end_at_once_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revive, "LOOK_EVERY", 0.0)
    reviver, cluster = Reviver.__new__(Reviver), Doomed()
    reviver._cluster, reviver._progress, reviver._looked, reviver._in_vain, reviver._seen = (
        cluster,
        Progress(),
        0.0,
        0,
        set(),
    )
    for _ in range(revive.MOST_IN_VAIN - 1):
        reviver.look()
    reviver.returned()
    for _ in range(revive.MOST_IN_VAIN):
        reviver.look()
    with pytest.raises(StoreError, match="end as soon as they are started"):
        reviver.look()
    assert cluster.started == 2 * revive.MOST_IN_VAIN - 1


def test_workers_are_looked_after_while_nothing_comes_back(client: Any) -> None:
    """A task is never done where its only worker is gone for good, until that is started again."""
    name, first = next(iter(client.cluster.workers.items()))
    reviver = Reviver(client, Progress())
    del client.cluster.workers[name]
    client.sync(first.close)
    future = client.submit(divmod, 7, 2)
    found = list(_as_they_come(distributed.as_completed([future]), reviver))
    assert [one.result() for one in found] == [(3, 1)]
