"""What faults are measured against."""

from __future__ import annotations

from pathlib import Path

import pytest
from child_runs import CONFIG
from command import screening
from made_crystals import write_set
from made_once import made_once


@pytest.fixture(scope="session")
def whole(scheduler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 crystals, small.toml, and whole.zarr of an uninterrupted run: 30 shards."""

    def make(folder: Path) -> None:
        write_set(folder / "crystals", labelled=40, candidates=20)
        (folder / "small.toml").write_text(CONFIG)
        given = ("--config", folder / "small.toml", "--scheduler", scheduler)
        screening("featurize", folder / "crystals", "--out", folder / "whole.zarr", *given)

    return made_once(tmp_path_factory, "whole", make)
