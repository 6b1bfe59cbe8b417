"""Trainings that do not depend on each other, on several cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

import joblib

Result = TypeVar("Result")
# Crystals x trees of one training from which processes of their own pay: starting them takes about two seconds.
WORTHWHILE = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Work(Generic[Result]):
    """Trainings that do not depend on each other, and what is made of their results."""

    calls: Sequence[Callable[[], Any]]  # each can be pickled
    finish: Callable[[list[Any]], Result]  # takes the results in the order of the calls


def at_a_time(*, threads: int, size: int) -> int:
    """Return how many trainings of `size` crystals x trees `all_of` does at a time, where there are as many."""
    return threads if size >= WORTHWHILE else 1


def all_of(
    calls: Iterable[Callable[[], Result]],
    *,
    threads: int,
    size: int,
    meanwhile: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Return the results of the calls, in order; no value depends on `threads`.

    Processes, not threads: LightGBM keeps settings in globals, and training in several threads of one process has
    ended in memory faults. Each trains on one thread.

    Parameters
    ----------
    calls
        Each can be pickled, such as a `functools.partial` of a function of a module.
    threads
        Most at a time.
    size
        Crystals x trees of one training; small ones are done here.
    meanwhile
        Done here once, before any result is looked at, while processes train.
    """
    calls = list(calls)
    if len(calls) < 2 or at_a_time(threads=threads, size=size) < 2:
        meanwhile()
        return [call() for call in calls]
    workers: Any = joblib.Parallel(n_jobs=min(threads, len(calls)), return_as="generator")
    results = workers(joblib.delayed(call)() for call in calls)  # the first ones have been handed out now
    try:
        meanwhile()
    except Exception:
        list(results)  # what is under way is let to end: the processes serve others
        raise
    return list(results)


@contextmanager
def opened(*, threads: int, size: int) -> Iterator[None]:
    """Start the processes of `all_of`, which load what trains while other work is done here.

    Parameters
    ----------
    threads, size
        As of `all_of`.
    """
    if at_a_time(threads=threads, size=size) < 2:
        yield
        return
    workers: Any = joblib.Parallel(n_jobs=threads, return_as="generator")
    loaded = workers(joblib.delayed(_load)() for _ in range(threads))
    try:
        yield
    except Exception:
        list(loaded)
        raise
    list(loaded)


def _load() -> None:
    """Import what a training imports: a second and a half."""
    for name in ("lightgbm", "sklearn.model_selection", "scipy.stats"):
        import_module(name)


def all_done(works: Iterable[Work[Any]], *, threads: int, size: int) -> list[Any]:
    """Return what comes of each work, in order, all calls of all of them at once: none waits for the end of another.

    Parameters
    ----------
    works
        Those with the longest calls first.
    threads, size
        As of `all_of`.
    """
    works = list(works)
    results = iter(all_of([call for work in works for call in work.calls], threads=threads, size=size))
    return [work.finish([next(results) for _ in work.calls]) for work in works]
