"""What a run leaves for other terminals and for the morning after: a log of JSON lines, and how far it is.

``run.log`` holds one JSON object per line: time (UTC), event, and what belongs to it. ``progress.json`` is replaced
whole, at most once a second; `screening status` reads it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from screening.cluster import Event, Progress
from screening.config import Config
from screening.host import versions
from screening.locations import Location, Remote, append_text, replace_text
from screening.runs.folder import LOG, PROGRESS
from screening.store import this_process

INTERVAL = 1.0  # s between two writings of the progress
REMOTE_INTERVAL = 5.0  # s, on an object store


class Journal:
    """The log and progress file of one RUN folder.

    Parameters
    ----------
    folder
        The RUN folder, which must exist, or its URL.
    """

    def __init__(self, folder: Location) -> None:
        self._folder = folder
        self._written = 0.0
        self._interval = REMOTE_INTERVAL if isinstance(folder, Remote) else INTERVAL
        self._owner = this_process()
        self._rate = 0.0  # crystals per second while featurizing

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

    def follow(self, progress: Progress, *, config: Config, crystals: Sequence[str]) -> None:
        """Write down the start of a run, and from now on what `progress` tells."""
        self.event("start", crystals=list(crystals), versions=versions(), config=config.model_dump(mode="json"))
        self.progress(progress.stage, self._counts(progress), force=True)
        progress.subscribe(self._hear)

    def _hear(self, progress: Progress, event: Event) -> None:
        if event.kind == "message":
            self.event(event.text)
        elif event.kind == "stage":
            self.event(event.text, **self._counts(progress))
            self.progress(event.text, self._counts(progress), force=True)
        else:
            self.progress(progress.stage, self._counts(progress))

    def _counts(self, progress: Progress) -> dict[str, Any]:
        if progress.stage == "featurize":
            self._rate = progress.rate
        return {
            "found": progress.found,
            "done": progress.done,
            "rejected": progress.rejected,
            "listed": progress.listed,
            "workers": progress.workers,
            "dashboard": progress.dashboard,
            "rate": round(self._rate, 3),
        }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
