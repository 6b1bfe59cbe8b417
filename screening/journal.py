"""What a run leaves for other terminals and for the morning after: a log of JSON lines, and how far it is.

``run.log`` holds one JSON object per line: time (UTC), event, and what belongs to it. ``progress.json`` is replaced
whole, at most once a second; `screening status` reads it.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from screening.lease import is_alive, this_process
from screening.places import Place, Remote, append_text, replace_text

__all__ = ["LOG", "PROGRESS", "Journal", "is_alive"]

LOG = "run.log"
PROGRESS = "progress.json"
INTERVAL = 1.0  # s between two writings of the progress
REMOTE_INTERVAL = 5.0  # s, on an object store


class Journal:
    """The log and progress file of one RUN folder.

    Parameters
    ----------
    folder
        The RUN folder, which must exist, or its URL.
    """

    def __init__(self, folder: Place) -> None:
        self._folder = folder
        self._written = 0.0
        self._interval = REMOTE_INTERVAL if isinstance(folder, Remote) else INTERVAL
        self._owner = this_process()

    def event(self, text: str, **fields: Any) -> None:
        """Append one line to the log."""
        line = json.dumps({"time": _now(), "event": text, **fields}, ensure_ascii=False)
        append_text(self._folder / LOG, line + "\n")

    def progress(self, stage: str, counts: dict[str, Any], *, force: bool = False) -> None:
        """Replace the progress file, unless that was done a moment ago."""
        if not force and time.monotonic() - self._written < self._interval:
            return
        self._written = time.monotonic()
        state = {"time": _now(), "stage": stage, **counts, **self._owner}
        replace_text(self._folder / PROGRESS, json.dumps(state) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
