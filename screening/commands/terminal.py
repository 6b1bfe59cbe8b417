"""What a person sees of a running command: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from screening.cluster import Event, Progress

ERR = Console(stderr=True)
SILENCE = 30.0  # s without a line before one says that work goes on
INTERRUPTED = 130  # status of a command that Ctrl-C ended


@contextmanager
def shown_progress(*, quiet: bool, again: str = "the same command goes on from here") -> Iterator[Progress]:
    """Yield a `Progress` that a bar on a terminal follows, plain lines elsewhere, and nothing where quiet.

    In a file or pipe there is a line at least every half minute. Ctrl-C ends the command with what was kept.

    Parameters
    ----------
    quiet
        Whether nothing is shown.
    again
        What giving the command once more does.
    """
    from screening.cluster import Progress

    progress = Progress()
    try:
        if quiet:
            yield progress
        elif ERR.is_terminal:
            progress.subscribe(_echo)
            with _bar(progress):
                yield progress
        else:
            progress.subscribe(_echo)
            with _Lines(progress):
                yield progress
    except KeyboardInterrupt:
        kept = f"{progress.done} crystals are kept; " if progress.done else ""
        say(f"interrupted while {_doing(progress.stage)}; {kept}{again}")
        raise typer.Exit(INTERRUPTED) from None


def _doing(stage: str) -> str:
    return {"featurize": "featurizing"}.get(stage, stage)


@contextmanager
def _bar(progress: Progress) -> Iterator[None]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=ERR,
    ) as bar:
        task = bar.add_task("crystals", total=None, rate="")

        def draw(progress: Progress, event: Event) -> None:
            if event.kind == "counts":
                speed = bar.tasks[0].speed or 0.0
                total = progress.found if progress.listed else None
                rate = f"{speed:.0f}/s, {progress.rejected} rejected"
                bar.update(task, completed=progress.done, total=total, rate=rate)
            elif event.kind == "stage":
                bar.reset(task, description=event.text, total=None, completed=0, rate="")
            elif event.kind == "step":
                bar.update(task, completed=progress.step[0], total=progress.step[1])

        progress.subscribe(draw)
        yield


def _echo(_: Progress, event: Event) -> None:
    """Write sentences and the begin of stages to standard error."""
    if event.kind == "message" or (event.kind == "stage" and event.text != "finished"):
        say(event.text)


def say(text: str) -> None:
    """Write one sentence to standard error."""
    ERR.print(f"screening: {text}", highlight=False, markup=False, soft_wrap=True)


class _Lines:
    """Counts as one plain line per 5,000 crystals and one at the end, and one wherever it was silent for long."""

    def __init__(self, progress: Progress, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._clock = clock
        self._next = 0
        self._heard = self._begun = clock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        progress.subscribe(self.hear)

    def __enter__(self) -> _Lines:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def hear(self, progress: Progress, event: Event) -> None:
        """Write a line to standard error where one is due."""
        if event.kind == "stage":
            self._begun = self._heard = self._clock()
        elif event.kind == "message":
            self._heard = self._clock()
        elif event.kind == "counts" and (
            progress.done >= self._next or (progress.listed and progress.done == progress.found)
        ):
            self._next = progress.done - progress.done % 5000 + 5000
            self._write(_counts(progress))

    def beat(self) -> None:
        """Write a line if none was written for long."""
        if self._clock() - self._heard < SILENCE:
            return
        progress, passed = self._progress, self._clock() - self._begun
        if progress.stage == "featurize":
            told = _counts(progress)
        else:
            done, total = progress.step
            told = f"{progress.stage}: {done} of {total}" if total else progress.stage
        self._write(f"{told}, {passed:.0f} s")

    def _write(self, text: str) -> None:
        self._heard = self._clock()
        typer.echo(f"screening: {text}", err=True)

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            self.beat()


def _counts(progress: Any) -> str:
    known = str(progress.found) if progress.listed else f"{progress.found}+"
    return f"{progress.done}/{known} crystals, {progress.rejected} rejected"
