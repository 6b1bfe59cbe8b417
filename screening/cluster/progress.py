"""How far a run is, as events that a progress bar, a log or a journal subscribe to."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from screening.store import LedgerEntry


class Event(NamedTuple):
    """Something that happened: counts changed, a stage began, or there is a sentence for a person."""

    kind: Literal["counts", "stage", "message", "step"]
    text: str = ""  # name of the stage, or the sentence


@dataclass(slots=True)
class Progress:
    """What a run has done so far; listeners are called after each change, in the order in which they subscribed."""

    found: int = 0  # inputs listed
    done: int = 0  # inputs whose shard is finished
    rejected: int = 0  # of these, refused
    resumed: int = 0  # of the done, finished by an earlier run
    listed: bool = False  # whether `found` is final
    dashboard: str = ""  # where Dask shows the workers, if it does
    workers: int = 0  # worker processes there now
    started: float = 0.0  # time.perf_counter() when the workers were there
    stage: str = "featurize"
    step: tuple[int, int] = (0, 0)  # how far a later stage is: done, and of how many; 0 where unknown
    fallbacks: Counter[str] = field(default_factory=Counter)  # clouds done by another engine than asked for, by reason
    gpu: dict[str, Any] = field(default_factory=dict)  # what GPU processes did: batches, clouds, seconds busy
    listeners: list[Listener] = field(default_factory=list)

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with this object and the event after each change from now on."""
        self.listeners.append(listener)

    def changed(self) -> None:
        """Tell listeners that counts have changed."""
        self._tell(Event("counts"))

    def enter(self, stage: str) -> None:
        """Begin a stage."""
        self.stage = stage
        self.step = (0, 0)
        self._tell(Event("stage", stage))

    def at(self, done: int, total: int) -> None:
        """Tell listeners how far a stage is that counts other things than crystals featurized."""
        self.step = (done, total)
        self._tell(Event("step"))

    def say(self, text: str) -> None:
        """Pass on a sentence for a person."""
        self._tell(Event("message", text))

    def count(self, entry: LedgerEntry) -> None:
        """Count a finished shard."""
        self.done += entry.rows
        self.rejected += entry.rejected
        self.changed()

    @property
    def rate(self) -> float:
        """Crystals per second since the workers were there, those of an earlier run left out."""
        passed = time.perf_counter() - self.started
        return (self.done - self.resumed) / passed if self.started and passed > 0 else 0.0

    def _tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(self, event)


Listener: TypeAlias = Callable[[Progress, Event], None]
