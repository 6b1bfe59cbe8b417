"""The watchdog ends the process at the earliest of its deadlines, and at none that was kept."""

from __future__ import annotations

import time

import pytest

from screening.host import answer_of

HEAD = "import time\nfrom screening.host import time_limit\n"


@pytest.mark.parametrize(
    "code",
    [
        "with time_limit(0.5), time_limit(60.0):\n    time.sleep(30)",
        "with time_limit(60.0), time_limit(0.5):\n    time.sleep(30)",
        "with time_limit(1.0):\n    with time_limit(60.0):\n        pass\n    time.sleep(30)",
        "with time_limit(0.5):\n    sum(range(10**11))",  # native code that holds the interpreter lock
    ],
    ids=["outer", "inner", "outer again", "native"],
)
def test_the_earliest_deadline_ends_the_process(code: str) -> None:
    began = time.monotonic()
    assert answer_of(HEAD + code, time_limit=25.0).status == 1
    assert time.monotonic() - began < 25.0


def test_a_deadline_that_was_kept_ends_nothing() -> None:
    code = "with time_limit(60.0):\n    with time_limit(0.3):\n        pass\ntime.sleep(0.8)\nprint('alive')"
    answer = answer_of(HEAD + code, time_limit=60.0)
    assert (answer.status, answer.output) == (0, b"alive\n")
