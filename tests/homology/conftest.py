"""The host build of ripser++, where a test asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import ripserpp_host

from screening.homology import ripserpp
from screening.homology.ripserpp_process import RipserppProcess


@pytest.fixture(scope="module")
def built() -> Path:
    return ripserpp_host.library()


@pytest.fixture
def installed(built: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine finds the host library; the process that it keeps ends with the test."""
    monkeypatch.setenv(ripserpp.LIBRARY_VARIABLE, str(built))
    yield
    ripserpp._process(str(built), os.getpid()).close()
    ripserpp._process.cache_clear()


@pytest.fixture
def process(built: Path) -> Iterator[RipserppProcess]:
    kept = RipserppProcess(str(built))
    yield kept
    kept.close()
