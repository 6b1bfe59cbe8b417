"""Folders that killed runs left behind go with the next run; no other folder does."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from screening.cluster.scratch import OWNER, PREFIX, remove_abandoned, scratch_folder
from screening.store import this_process


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def left_behind(place: Path, name: str, **changes: object) -> Path:
    """The folder of a process that is gone."""
    folder = place / f"{PREFIX}{name}"
    folder.mkdir()
    (folder / "spilled").write_text("x")
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    owner = {**this_process(), "pid": gone.pid, "born": 0.0, "folder": str(folder.resolve()), **changes}
    (folder / OWNER).write_text(json.dumps(owner))
    return folder


def test_those_of_killed_runs_go_with_the_next(place: Path) -> None:
    old = left_behind(place, "old")
    with scratch_folder() as folder:
        assert not old.exists()
        assert Path(folder).stat().st_mode & 0o777 == 0o700
        remove_abandoned()  # of another run beside this one
        assert Path(folder).is_dir()
    assert not Path(folder).exists()


def test_every_other_folder_stays(place: Path) -> None:
    running = left_behind(place, "running", **this_process())
    elsewhere = left_behind(place, "elsewhere", host="another")
    moved = left_behind(place, "moved", folder="/somewhere/else")
    unnamed = place / f"{PREFIX}unnamed"
    unnamed.mkdir()
    odd = left_behind(place, "odd")
    (odd / OWNER).write_text("[" * 100_000)
    precious = place / "precious"
    precious.mkdir()
    target = left_behind(place, "target").rename(precious / "target")
    link = place / f"{PREFIX}link"
    link.symlink_to(target)
    remove_abandoned()
    assert all(folder.is_dir() for folder in (running, elsewhere, moved, unnamed, odd, target, link))
    assert (target / "spilled").is_file()
