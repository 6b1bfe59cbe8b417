"""Fixtures shared by all tests, and the two opt-in markers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster
from finished import Finished, finish
from paths import SHARED

from screening.errors import DeviceUnavailableError
from screening.host.gpu import find_gpus


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


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real crystals beside the repository, or a skip that says so."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared/data beside the repository: real crystals not tested")
    return SHARED


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished RUN, made once for all tests that only read it."""
    return finish(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    """Address of a scheduler with one worker, for tests of what is computed, not of how workers come and go."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    ) as workers:
        yield workers.scheduler_address
