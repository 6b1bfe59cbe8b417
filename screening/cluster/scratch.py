"""Temporary folders of Dask's workers: made for one run, and removed by the next one where that run was killed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from screening.store import is_alive, this_process

PREFIX = "screening-dask-"
OWNER = "owner.json"


@contextmanager
def scratch_folder() -> Iterator[str]:
    """Yield a new folder that only this user can enter; gone at the end, as are those of runs that were killed."""
    remove_abandoned()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        owner = {**this_process(), "folder": str(Path(folder).resolve())}
        (Path(folder) / OWNER).write_text(json.dumps(owner), encoding="utf-8")
        yield folder


def remove_abandoned() -> None:
    """Remove the folders of killed runs: this user's, made by this program on this machine, their process gone."""
    with suppress(OSError):
        for folder in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
            if _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            return False
        owner: Any = json.loads((folder / OWNER).read_text(encoding="utf-8"))
        # A folder that was copied or moved here is another's, though the note in it is ours.
        return owner["folder"] == str(folder.resolve()) and is_alive(owner) is False
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
