"""Many stored crystals judged on several cores: each process reads its own spans of a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, TypeVar

import joblib

from screening.learn import Model
from screening.locations import Location
from screening.ranking.batches import Batch, StoredTables, batches
from screening.store import FeatureTable

Made = TypeVar("Made")
WORTHWHILE = 50_000  # crystals from which processes of their own pay
SPANS = 3  # for each process: one that is done early takes more


def in_processes(tables: Iterable[FeatureTable], *, threads: int) -> bool:
    """Return whether these crystals are judged in processes of their own."""
    return isinstance(tables, StoredTables) and threads > 1 and tables.n_rows >= WORTHWHILE


def of_batches(
    work: Callable[[Batch], Made], tables: Iterable[FeatureTable], model: Model, *, labelled: bool, threads: int
) -> Iterator[Made]:
    """Yield what `work` makes of each batch of the crystals to rank, in order; see `batches`.

    Spans of a large store are computed in `threads` processes. Batches are then cut elsewhere, so what `work` says of a
    crystal must not depend on the others beside it. `work` can be pickled.
    """
    if not (isinstance(tables, StoredTables) and in_processes(tables, threads=threads)):
        yield from map(work, batches(tables, model, labelled=labelled))
        return
    n_spans = min(len(tables), SPANS * threads)
    edges = [len(tables) * place // n_spans for place in range(n_spans + 1)]
    workers: Any = joblib.Parallel(n_jobs=threads, return_as="generator")
    spans = pairwise(edges)
    for made in workers(joblib.delayed(_of_span)(work, tables.path, span, model, labelled) for span in spans):
        yield from made


def _of_span(
    work: Callable[[Batch], Made], path: Location, span: tuple[int, int], model: Model, labelled: bool
) -> list[Made]:
    stored = StoredTables(path)
    tables = (stored[number] for number in range(*span))
    return [work(batch) for batch in batches(tables, model, labelled=labelled, first=span[0])]
