"""How far a RUN is, seen from outside: while it runs, after it finished, and after it was killed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from screening.errors import StoreError
from screening.locations import Location
from screening.runs.folder import FEATURES, PROGRESS
from screening.store import FeatureStore, is_alive


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a RUN."""

    state: str  # running, finished, stopped, or unknown (it runs, or ran, on another machine)
    stage: str  # what it does, or did last
    done: int  # inputs in finished shards, by the ledger
    rejected: int  # of these
    codes: dict[str, int]  # rejections by code
    found: int  # inputs listed so far
    listed: bool  # whether `found` is final
    rate: float  # crystals a second of this start of the run
    workers: int
    dashboard: str  # where Dask shows the workers; empty where it does not
    time: str  # when the run last said something, UTC

    @property
    def seconds_left(self) -> float | None:
        """Time that featurizing will still take, s; None where that cannot be told."""
        if not self.listed or self.rate <= 0 or self.stage != "featurize":
            return None
        return (self.found - self.done) / self.rate


def status(folder: Location) -> Status:
    """Return the state of the RUN in `folder`.

    Raises
    ------
    StoreError
        It is not a RUN folder, or one that was killed before it wrote anything.
    """
    features = folder / FEATURES
    try:
        told: dict[str, Any] = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder} is not a RUN folder, or nothing has been done in it yet") from error
    entries = list(FeatureStore.open(features).ledger().values()) if features.is_dir() else []
    codes: Counter[str] = Counter()
    for entry in entries:
        codes.update(entry.codes)
    return Status(
        state=_state(told),
        stage=told["stage"],
        done=sum(entry.rows for entry in entries),
        rejected=sum(entry.rejected for entry in entries),
        codes=dict(sorted(codes.items())),
        found=told["found"],
        listed=told["listed"],
        rate=told["rate"],
        workers=told["workers"],
        dashboard=told.get("dashboard", ""),
        time=told["time"],
    )


def _state(told: dict[str, Any]) -> str:
    if told["stage"] == "finished":
        return "finished"
    alive = is_alive(told)
    return "unknown" if alive is None else "running" if alive else "stopped"
