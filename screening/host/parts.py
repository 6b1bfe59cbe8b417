"""Many equal pieces of work on several cores, in processes, in the order in which they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def in_parts(
    work: Callable[[Sequence[Given]], list[Made]], given: Sequence[Given], *, part: int, workers: int
) -> Iterator[list[Made]]:
    """Yield what `work` makes of each part of the given, in order.

    Parameters
    ----------
    work
        Gives one for each that it is given; can be pickled, such as a `functools.partial` of a function of a module.
    given
        Can be pickled.
    part
        How many are handed over at a time.
    workers
        Processes at the most, and no more than there are whole parts; with one, all is computed here.
    """
    parts = [given[begin : begin + part] for begin in range(0, len(given), part)]
    n_jobs = min(workers, len(given) // part)
    if n_jobs < 2:
        yield from map(work, parts)
        return
    import joblib

    pool: Any = joblib.Parallel(n_jobs=n_jobs, return_as="generator")
    yield from pool(joblib.delayed(work)(one) for one in parts)
