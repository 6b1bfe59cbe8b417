"""What a person sees of a running command: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console

if TYPE_CHECKING:
    from screening.cluster import Event, Progress

ERR = Console(stderr=True)


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Progress]:
    """Yield a `Progress` that a bar on a terminal follows, plain lines elsewhere, and nothing where quiet."""
    from screening.cluster import Progress

    progress = Progress()
    if quiet:
        yield progress
        return
    progress.subscribe(_echo)
    if not ERR.is_terminal:
        progress.subscribe(_CountLines().hear)
        yield progress
        return
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

        progress.subscribe(draw)
        yield progress


def _echo(_: Progress, event: Event) -> None:
    """Write sentences and the begin of stages to standard error."""
    if event.kind == "message" or (event.kind == "stage" and event.text != "finished"):
        say(event.text)


def say(text: str) -> None:
    """Write one sentence to standard error."""
    ERR.print(f"screening: {text}", highlight=False)


class _CountLines:
    """Counts as one plain line per 5,000 crystals, and one at the end."""

    def __init__(self) -> None:
        self.next_line = 0

    def hear(self, progress: Progress, event: Event) -> None:
        """Write a line to standard error where one is due."""
        if event.kind != "counts":
            return
        if progress.done >= self.next_line or (progress.listed and progress.done == progress.found):
            self.next_line = progress.done - progress.done % 5000 + 5000
            known = str(progress.found) if progress.listed else f"{progress.found}+"
            typer.echo(f"screening: {progress.done}/{known} crystals, {progress.rejected} rejected", err=True)
