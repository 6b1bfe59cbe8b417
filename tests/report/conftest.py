"""A RUN folder with hostile names in it, and its page."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_run import make_run

from screening.report.page import write_report


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="session")
def source(run_dir: Path) -> str:
    path = write_report(run_dir, top=1000)
    assert path == run_dir / "report.html"
    return path.read_text(encoding="utf-8")
