"""What a run leaves for other terminals and for the morning after: a log of JSON lines, and how far it is.

``run.log`` holds one JSON object per line: time (UTC), event, and what belongs to it. ``progress.json`` is replaced
whole, at most once a second; `screening status` reads it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

LOG = "run.log"
PROGRESS = "progress.json"
INTERVAL = 1.0  # s between two writings of the progress


class Journal:
    """The log and progress file of one RUN folder.

    Parameters
    ----------
    folder
        The RUN folder; must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written = 0.0
        process = psutil.Process()
        self._owner = {
            "pid": process.pid,
            "born": process.create_time(),  # with the pid it names one process, even after the pid is used again
            "host": socket.gethostname(),
        }

    def event(self, text: str, **fields: Any) -> None:
        """Append one line to the log."""
        line = json.dumps({"time": _now(), "event": text, **fields}, ensure_ascii=False)
        with (self._folder / LOG).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def progress(self, stage: str, counts: dict[str, Any], *, force: bool = False) -> None:
        """Replace the progress file, unless that was done a moment ago."""
        if not force and time.monotonic() - self._written < INTERVAL:
            return
        self._written = time.monotonic()
        state = {"time": _now(), "stage": stage, **counts, **self._owner}
        temporary = self._folder / f"{PROGRESS}.new"
        temporary.write_text(json.dumps(state) + "\n", encoding="utf-8")
        os.replace(temporary, self._folder / PROGRESS)  # noqa: PTH105 - atomic, as Path.replace; said plainly


def is_alive(state: dict[str, Any]) -> bool | None:
    """Return whether the process that wrote a progress file still runs; None if it ran on another machine."""
    if state["host"] != socket.gethostname():
        return None
    try:
        return bool(psutil.Process(state["pid"]).create_time() == state["born"])
    except psutil.NoSuchProcess:
        return False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
