"""Batches over shard boundaries: when they go, what comes back to whom, what is told when the device fails."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from gpu_clouds import random_cells

from screening.config import Config
from screening.errors import DeviceUnavailableError
from screening.gpu.cells import Cells, CurveSettings
from screening.gpu.collector import Collector
from screening.gpu.device import plan_memory

SETTINGS = CurveSettings.of(Config())


class Echo:
    """A device whose values are the number of points of the cloud, and that remembers its batches."""

    name = "echo"

    def __init__(
        self, *, flows: int = 1, room: int = 10**9, error: Exception | None = None, seconds: float = 0
    ) -> None:
        self.flows, self.room, self.error, self.seconds = flows, room, error, seconds
        self.batches: list[int] = []
        self.busy, self.most_busy = 0, 0
        self.lock = threading.Lock()

    def flow(self) -> Echo:
        return self

    def compute(self, cells: Cells, settings: CurveSettings) -> Any:
        with self.lock:
            self.batches.append(len(cells))
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
        time.sleep(self.seconds)
        with self.lock:
            self.busy -= 1
        if self.error:
            raise self.error
        if len(cells) > self.room:
            raise MemoryError("too many")
        n = np.diff(cells.offsets)
        return np.repeat(n, np.diff(cells.value_offsets(settings))).astype(np.float32), n.astype(np.int32)


def shards(count: int) -> list[Cells]:
    return [random_cells(seed, count=4 + seed % 3) for seed in range(count)]


def ask(collector: Collector, cells: list[Cells]) -> list[Any]:
    with ThreadPoolExecutor(len(cells)) as pool:
        return list(pool.map(collector.compute, cells))


def check(found: list[Any], cells: list[Cells]) -> None:
    for (values, outcomes), own in zip(found, cells, strict=True):
        n = np.diff(own.offsets)
        assert outcomes.tolist() == n.tolist()
        assert values.tolist() == np.repeat(n, np.diff(own.value_offsets(SETTINGS))).tolist()


def test_everyone_gets_what_they_asked_for_from_one_batch() -> None:
    device, cells = Echo(), shards(12)
    collector = Collector(device, SETTINGS, most_clouds=sum(map(len, cells)), wait=20)
    check(ask(collector, cells), cells)
    assert device.batches == [sum(map(len, cells))]
    assert collector.counts.largest == sum(map(len, cells))
    collector.close()


def test_a_batch_goes_without_being_full_after_a_while() -> None:
    device, cells = Echo(), shards(3)
    collector = Collector(device, SETTINGS, wait=0.2)
    check(ask(collector, cells), cells)
    assert sum(device.batches) == sum(map(len, cells))
    collector.close()


@pytest.mark.parametrize("bound", [{"most_clouds": 10}, {"most_bytes": 2000}])
def test_a_bound_splits_batches_between_shards(bound: dict[str, int]) -> None:
    device, cells = Echo(), shards(9)
    collector = Collector(device, SETTINGS, wait=0.1, **bound)
    check(ask(collector, cells), cells)
    assert len(device.batches) > 3
    assert max(device.batches) <= max(10, *map(len, cells))
    collector.close()


def test_flows_compute_beside_one_another() -> None:
    device, cells = Echo(flows=3, seconds=0.2), shards(9)
    collector = Collector(device, SETTINGS, most_clouds=6, wait=0.01)
    check(ask(collector, cells), cells)
    assert 2 <= device.most_busy <= 3
    collector.close()


@pytest.mark.parametrize("room", [7, 3, 1])
def test_a_batch_too_large_for_the_memory_is_halved_shards_too(room: int) -> None:
    device, cells = Echo(room=room), shards(8)
    collector = Collector(device, SETTINGS, wait=0.3)
    check(ask(collector, cells), cells)
    collector.close()


def test_one_cloud_too_large_is_told_to_its_owner() -> None:
    collector = Collector(Echo(room=0), SETTINGS, wait=0.01)
    with pytest.raises(MemoryError):
        collector.compute(shards(1)[0])
    collector.close()


def test_a_device_that_fails_is_told_to_all_and_a_closed_one_refuses() -> None:
    collector = Collector(Echo(error=DeviceUnavailableError("lost")), SETTINGS, wait=0.2)
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(collector.compute, cells) for cells in shards(4)]
        for future in futures:
            with pytest.raises(DeviceUnavailableError, match="lost"):
                future.result(timeout=20)
    collector.close()
    with pytest.raises(RuntimeError, match="closed"):
        collector.compute(shards(1)[0])


def test_memory_is_planned_within_the_budget() -> None:
    for gigabytes, multiprocessors in ((1.2, 20), (3, 30), (8, 40), (16, 58), (24, 128), (80, 132), (140, 132)):
        budget = int(gigabytes * 2**30)
        plan = plan_memory(budget, multiprocessors)
        used = plan.flows * plan.first.warps * plan.first.slab_bytes + plan.second.warps * plan.second.slab_bytes
        assert used < budget
        assert plan.first.warps >= multiprocessors
        assert plan.second.slab_bytes > plan.first.slab_bytes
    assert plan_memory(80 << 30, 132).flows == 3
    with pytest.raises(DeviceUnavailableError, match="too few"):
        plan_memory(300 << 20, 20)
