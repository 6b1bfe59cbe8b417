"""Work on several cores: everything once, in order, whatever the parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import joblib
import pytest

from screening.host import in_parts


@pytest.mark.parametrize(
    ("n", "part", "workers", "processes"), [(0, 3, 2, None), (5, 3, 2, None), (7, 3, 1, None), (11, 3, 8, 3)]
)
def test_each_once_in_order_and_in_processes_where_they_pay(
    n: int, part: int, workers: int, processes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    true = joblib.Parallel

    def watched(n_jobs: int, **given: Any) -> Any:
        started.append(n_jobs)
        return true(n_jobs=n_jobs, **given)

    monkeypatch.setattr(joblib, "Parallel", watched)
    parts = list(in_parts(sorted, range(n), part=part, workers=workers))
    assert [one for found in parts for one in found] == list(range(n))
    assert {len(one) for one in parts[:-1]} <= {part}
    assert started == ([] if processes is None else [processes])


def test_nothing_is_begun_before_it_is_asked_for() -> None:
    """Parts that are done here come one by one: a bar can follow them."""
    begun: list[int] = []

    def work(part: Sequence[int]) -> list[int]:
        begun.extend(part)
        return list(part)

    parts = in_parts(work, range(4), part=2, workers=1)
    assert begun == []
    assert next(parts) == [0, 1]
    assert begun == [0, 1]
