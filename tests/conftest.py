"""Fixtures shared by all tests, and the two opt-in markers."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_once import made_once
from paths import SHARED

from screening.errors import DeviceUnavailableError
from screening.host.gpu import find_gpus

# What fixtures need is imported by them: the process that hands tests out to others makes nothing.
if TYPE_CHECKING:
    from finished import Finished

    from screening.learn.labels import Labels
    from screening.learn.model import Model
    from screening.locations import Remote
    from screening.store.tables import FeatureTable

# Threads of LightGBM that wait for work sleep, and so do those of commands that tests start: spinning took 40 % of the
# processor time of a training of a hundred crystals. Read when the library is loaded, which is later.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skips = {} if config.getoption("--slow") else {"slow": "slow: run with --slow"}
    if any(item.get_closest_marker("gpu") for item in items):
        try:
            find_gpus()
        except DeviceUnavailableError as error:
            skips["gpu"] = f"gpu: {error}"
    for item in items:
        for marker, reason in skips.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish() -> None:
    """Take what importing all tests has made out of the search for unreachable cycles, and search less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, *gc.get_threshold()[1:])


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real crystals beside the repository, or a skip that says so."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared/data beside the repository: real crystals not tested")
    return SHARED


@pytest.fixture(scope="session")
def planted_table() -> FeatureTable:
    """110 crystals of which 90 are labelled."""
    from synthetic import table

    return table(110, seed=0)


@pytest.fixture(scope="session")
def planted_labels(planted_table: FeatureTable) -> Labels:
    """Those of the 90: they follow one kind of hole, and twelve are bounds."""
    from synthetic import labels

    return labels(planted_table, 90, seed=1, n_bounds=12)


@pytest.fixture(scope="session")
def planted_model(planted_table: FeatureTable, planted_labels: Labels) -> Model:
    """What is learnt of the 90."""
    from synthetic import QUICK

    from screening.learn.train import train

    return train(planted_table, planted_labels, QUICK)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished RUN, made once for all tests that only read it."""
    from finished import Finished, finish

    return Finished(made_once(tmp_path_factory, "finished", finish))


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    """Address of a scheduler with one worker, for tests of what is computed, not of how workers come and go."""
    import dask
    from distributed import LocalCluster

    from screening.cluster.client import scheduler_settings
    from screening.config import ClusterConfig

    # As a run sets them: watching the loop and the machine twenty times a second costs half a minute of a whole suite.
    with dask.config.set(scheduler_settings(ClusterConfig())):
        workers = LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            memory_limit=0,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        )
    with workers:
        yield workers.scheduler_address


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exact engine's CUDA source, compiled for the host with one lane a warp."""
    import gpu_host

    return gpu_host.built(made_once(tmp_path_factory, "gpu-host", gpu_host.build))


@pytest.fixture
def memory() -> Iterator[Remote]:
    """An empty folder of fsspec's store in memory."""
    import fsspec

    from screening.locations import Remote, location

    fsspec.filesystem("memory").store.clear()
    found = location("memory://bucket/folder")
    assert isinstance(found, Remote)
    yield found
    fsspec.filesystem("memory").store.clear()
