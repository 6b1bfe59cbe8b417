"""The process that runs ripser++: clouds sent ahead, crashes, threads, forks, and the end of its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from ripserpp_bars import compare, tick_distances

from screening.homology import ripserpp_process
from screening.homology.ripserpp import cone_request, coned
from screening.homology.ripserpp_process import ChildDiedError, RipserppProcess


def test_a_fork_leaves_the_process_alone(process: RipserppProcess) -> None:
    compare(process, 1)
    before = process.pid
    fork = os.fork()
    if fork == 0:
        process.close()
        os._exit(0)
    os.waitpid(fork, 0)
    compare(process, 2)
    assert (process.pid, process.started) == (before, 1)


def test_a_crash_costs_one_call(process: RipserppProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_HOST_CRASH_AT", "18")
    distances = tick_distances(np.random.default_rng(1), 17)
    with pytest.raises(ChildDiedError, match="SIGSEGV"):
        coned(distances, 2, 300, process=process, time_limit=60)
    compare(process, 3)
    assert process.started == 2


def test_a_process_that_does_not_even_read_is_ended_in_time(process: RipserppProcess) -> None:
    compare(process, 3)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    distances = np.full((200, 200), 100.0)  # 80 kB, more than a pipe holds
    with pytest.raises(TimeoutError):
        coned(distances, 1, 300, process=process, time_limit=0.5)
    compare(process, 4)
    assert process.started == 2


def test_the_process_is_replaced_after_so_many_calls(built: Path) -> None:
    kept = RipserppProcess(str(built), calls=5)
    for seed in range(12):
        compare(kept, seed)
    assert kept.started == 3
    kept.close()
    assert kept.pid is None


def requests_of(count: int) -> list[bytes]:
    made = np.random.default_rng(3)
    return [cone_request(tick_distances(made, int(made.integers(12, 30))), 1, 300) for _ in range(count)]


def same_answers(found: list[Any], wanted: list[Any]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        for ours, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.fixture
def alone(process: RipserppProcess) -> list[Any]:
    """The answers to `requests_of(40)`, each asked for by itself."""
    found: list[Any] = []
    for one in requests_of(40):
        with process:
            found += process.answers(iter([one]), time_limit=60)
    return found


@pytest.mark.parametrize(("calls", "started"), [(500, 1), (7, 6)])
def test_clouds_go_ahead_of_the_answers(
    calls: int, started: int, built: Path, alone: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ripserpp_process, "AHEAD", 12)
    kept = RipserppProcess(str(built), calls=calls)
    read: list[int] = []
    answered: list[Any] = []

    def requests() -> Iterator[bytes]:
        for place, one in enumerate(requests_of(40)):
            read.append(place)
            assert len(read) - len(answered) <= 12  # bounded
            yield one

    with kept:
        for answer in kept.answers(requests(), time_limit=60):
            if not answered:
                assert len(read) >= min(calls, 12)
            answered.append(answer)
    assert kept.started == started
    kept.close()
    same_answers(answered, alone)


def test_bytes_ahead_are_bounded(process: RipserppProcess, alone: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ripserpp_process, "AHEAD_BYTES", 1)  # so each goes alone
    open_now, most = 0, 0

    def requests() -> Iterator[bytes]:
        nonlocal open_now, most
        for one in requests_of(40):
            open_now += 1
            most = max(most, open_now)
            yield one

    found: list[Any] = []
    with process:
        for answer in process.answers(requests(), time_limit=60):
            open_now -= 1
            found.append(answer)
    assert most == 1
    same_answers(found, alone)


def test_answers_of_a_batch_that_was_given_up_are_not_taken_for_others(
    process: RipserppProcess, alone: list[Any]
) -> None:
    asked = requests_of(40)
    with process:
        answers = process.answers(iter(asked), time_limit=60)
        same_answers([next(answers), next(answers)], alone[:2])
    with process:
        same_answers(list(process.answers(iter(asked[30:]), time_limit=60)), alone[30:])
    with pytest.raises(ZeroDivisionError), process:
        list(process.answers((one if place < 5 else asked[1 // 0] for place, one in enumerate(asked)), time_limit=60))
    with process:
        same_answers(list(process.answers(iter(asked[20:]), time_limit=60)), alone[20:])


def test_a_process_killed_from_outside_costs_one_cloud(
    process: RipserppProcess, alone: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that it gave before are read all the same, those after it come from a new process."""
    monkeypatch.setattr(ripserpp_process, "AHEAD", 5)  # so that there is more to send when it is killed
    found: list[Any] = []
    with process:
        for answer in process.answers(iter(requests_of(40)), time_limit=60):
            found.append(answer)
            if len(found) == 10:
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
    died = [place for place, answer in enumerate(found) if isinstance(answer, ChildDiedError)]
    assert len(died) == 1
    assert 10 <= died[0] <= 15
    same_answers(found[: died[0]] + found[died[0] + 1 :], alone[: died[0]] + alone[died[0] + 1 :])


def test_threads_take_turns(process: RipserppProcess) -> None:
    faults: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for seed in range(first, first + 25):
                compare(process, seed)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(1000 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert process.started == 1


def test_distances_that_float32_does_not_hold_are_refused(process: RipserppProcess) -> None:
    for wrong in (np.nan, np.inf, -1.0):
        distances = np.full((12, 12), 5.0)
        distances[0, 1] = distances[1, 0] = wrong
        with pytest.raises(ValueError, match="whole numbers"):
            coned(distances, 2, 10, process=process, time_limit=60)
    with pytest.raises(ValueError, match="whole numbers"):
        coned(np.full((12, 12), 5.0), 2, 2**24, process=process, time_limit=60)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_the_process_ends_with_its_parent(built: Path, ending: signal.Signals) -> None:
    code = (
        "import sys, time, numpy as np\n"
        "from screening.homology.ripserpp_process import RipserppProcess, request\n"
        "kept = RipserppProcess(sys.argv[1])\n"
        "one = request(np.ones(66, dtype=np.float32), n_points=12, max_dim=1, threshold=2.0)\n"
        "list(kept.answers(iter([one]), time_limit=60))\n"
        "print(kept.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(built)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(ending)
    parent.communicate()
    deadline = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
