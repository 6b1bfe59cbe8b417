"""The stages that rank the crystals of a store by a model, and that show the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from screening.cluster import Progress
from screening.config import Config
from screening.host import cores
from screening.learn import (
    Model,
)
from screening.locations import Location
from screening.ranking import (
    StoredTables,
    confirming,
    count_reasons,
    labelling,
    properties,
    rank,
    sentences,
    summary,
    write_ranking,
)
from screening.report import write_report
from screening.runs import (
    ranking_path,
    read_ranking,
    read_record,
    run_folder,
)
from screening.sources import absent
from screening.store import (
    read_properties,
)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A ranking as it was written."""

    frame: pd.DataFrame  # all entries, duplicates too
    checked: dict[str, int]  # pairs taken for duplicates, by what their structures say
    properties: dict[str, Any]  # columns joined by id, and how many ids of their table are no crystal's

    @property
    def listed(self) -> int:
        """Number of crystals."""
        return int((self.frame["duplicate_of"] == "").sum())

    @property
    def duplicates(self) -> int:
        """Number of further entries of these."""
        return len(self.frame) - self.listed

    def reasons(self, column: str) -> dict[str, int]:
        """Return how many of the listed crystals hold each word of ``held_back`` or ``marks``."""
        return count_reasons(self.frame[column][self.frame["duplicate_of"] == ""])


def rank_crystals(  # noqa: PLR0913
    features: Location,
    model: Model,
    file: Path,
    *,
    config: Config,
    labelled: bool,
    given: pd.DataFrame | None = None,
    threads: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Ranked:
    """Order the crystals of a store by what a model says, and write them to `file`.

    Parameters
    ----------
    features
        The store.
    model
        Trained on features of the same settings.
    file
        ``.csv`` or ``.parquet``; duplicates go beside it.
    config
        Settings; `rank` and `input` are used.
    labelled
        Whether crystals that the model was trained on are ranked too.
    given
        Further columns by id, beside those that entries of the store carried.
    threads
        Of LightGBM; all cores if not given. No value depends on it.
    say
        Hears what became of further columns and of `rank.hold_back`.
    """
    confirm, checked = confirming(config)
    joined = properties(read_properties(features), given)
    frame = rank(
        StoredTables(features),
        model,
        labelled=labelled,
        config=config.rank,
        threads=threads or cores(),
        confirm=confirm,
        label=labelling(config, threads=threads or cores()),
        properties=joined,
        say=say,
    )
    write_ranking(frame, file)
    told = summary(joined, [*frame["id"], *model.training.ids])
    for sentence in sentences(told):
        say(sentence)
    return Ranked(frame, dict(checked), told)


def report(run: Location, *, top: int | None, progress: Progress) -> tuple[Location, list[str]]:
    """Return the place of the page of a finished RUN, written anew, and the files of its candidates that are gone.

    It shows as many candidates as the run was asked to show, where `top` is None.
    """
    with run_folder(run, filled=True) as paths:
        if top is None:
            top = int(read_record(paths.record).section("rank").get("top", Config().rank.top))
        progress.enter("writing the report")
        page = write_report(paths.root, top=top, tell=progress.at)
        lost = absent(read_ranking(ranking_path(paths.root), top=top)["source"])
        if page.parent != run:
            (run / page.name).write_bytes(page.read_bytes())
    return run / page.name, lost
