"""Trainings on several cores give what one core gives, to the bit."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic import QUICK, labels, table

from screening.learn import parallel
from screening.learn.train import train
from screening.ranking.stability import stability


@pytest.mark.parametrize("threads", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
def test_results_come_in_the_order_of_the_calls(threads: int) -> None:
    calls = [partial(divmod, number, 3) for number in range(7)]
    assert parallel.all_of(calls, threads=threads, size=10**9) == [divmod(number, 3) for number in range(7)]


@pytest.mark.parametrize("threads", [1, 2])
def test_other_work_is_done_once_before_results_are_looked_at(threads: int) -> None:
    done: list[str] = []
    calls = [partial(divmod, number, 3) for number in range(4)]
    with parallel.opened(threads=threads, size=10**9):
        found = parallel.all_of(calls, threads=threads, size=10**9, meanwhile=lambda: done.append("here"))
    assert found == [divmod(number, 3) for number in range(4)]
    assert done == ["here"]
    with pytest.raises(ZeroDivisionError), parallel.opened(threads=threads, size=10**9):
        parallel.all_of(calls, threads=threads, size=10**9, meanwhile=lambda: 1 // 0)


@pytest.mark.parametrize("threads", [1, 2])
def test_each_work_is_finished_with_its_own_results(threads: int) -> None:
    works: list[parallel.Work[Any]] = [
        parallel.Work([partial(abs, -number) for number in range(2, 5)], sum),
        parallel.Work([], len),
        parallel.Work([partial(str, 7)], list),
    ]
    assert parallel.all_done(works, threads=threads, size=10**9) == [9, 0, ["7"]]


def test_an_error_of_one_call_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        parallel.all_of([partial(divmod, 1, 1), partial(divmod, 1, 0)], threads=2, size=10**9)


def test_small_trainings_stay_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.Parallel", None)
    with parallel.opened(threads=4, size=parallel.WORTHWHILE - 1):
        pass
    assert parallel.all_of([partial(abs, -1)] * 3, threads=4, size=parallel.WORTHWHILE - 1) == [1, 1, 1]


def test_a_model_does_not_depend_on_the_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "WORTHWHILE", 0)
    known = table(40, seed=0)
    stated = labels(known, 40, seed=1, n_bounds=4)
    one, two = (train(known, stated, QUICK, threads=threads) for threads in (1, 2))
    assert one.header == two.header
    assert one.texts == two.texts
    assert one.scores == two.scores
    pd.testing.assert_frame_equal(one.folds, two.folds, check_exact=True)
    np.testing.assert_array_equal(one.training.features, two.training.features)
    alone, together = (stability(model, resamples=3, threads=threads) for model, threads in ((one, 1), (two, 2)))
    pd.testing.assert_frame_equal(alone, together, check_exact=True)
