"""Child processes: what they leave, however they end, and none that outlives its work."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from screening.host.child import Answer, Child, answer_of

ECHO = """
import sys
from screening.host.child import receive, send
while True:
    send(sys.stdout.buffer, receive(sys.stdin.buffer)[::-1])
"""


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("print('an answer')", Answer(0, b"an answer\n", "no message")),
        ("import os; os.abort()", Answer(-6, b"", "no message")),
        ("import os; os._exit(0)", Answer(0, b"", "no message")),
        ("import ctypes; ctypes.string_at(0)", Answer(-11, b"", "no message")),
        ("raise RuntimeError('no kernel image')", Answer(1, b"", "RuntimeError: no kernel image")),
        ("print('x' * 10**6)", Answer(0, b"x" * 10**6 + b"\n", "no message")),
    ],
)
def test_what_a_child_leaves(code: str, left: Answer) -> None:
    assert answer_of(code, time_limit=60.0) == left


def test_a_child_that_hangs_costs_the_time_limit() -> None:
    begin = time.monotonic()
    with pytest.raises(TimeoutError, match=r"took longer than 0\.5 s"):
        answer_of("import time; time.sleep(1000)", time_limit=0.5)
    assert time.monotonic() - begin < 30


def test_no_file_of_the_current_folder_is_taken_for_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gemmi.py").write_text("print('executed')")
    monkeypatch.chdir(tmp_path)
    assert answer_of("import gemmi; print(gemmi.__name__)", time_limit=60.0).output == b"gemmi\n"


def test_messages_go_there_and_back() -> None:
    child = Child(("-c", ECHO))
    try:
        for message in (b"", b"abc", b"x" * 300_000 + b"y"):
            child.send(message, deadline=time.monotonic() + 60)
            assert child.receive(deadline=time.monotonic() + 60) == message[::-1]
        with pytest.raises(TimeoutError):
            child.receive(deadline=time.monotonic() + 0.05)
    finally:
        child.end()
    assert not psutil.pid_exists(child.pid)


def test_what_a_child_has_started_ends_with_it() -> None:
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)']).wait()"
    child = Child(("-c", code))
    deadline = time.monotonic() + 60
    while not (started := psutil.Process(child.pid).children()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.end()
    psutil.wait_procs(started, timeout=10)
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in started)


def test_the_end_of_a_child_is_told() -> None:
    child = Child(("-c", "import sys; sys.stderr.write('last\\nwords'); sys.exit(3)"))
    with pytest.raises(EOFError):
        child.receive(deadline=time.monotonic() + 60)
    assert child.wait() == "ended with status 3"
    assert child.last_words() == "last words"
    child.end()


def test_the_error_stands_last_whatever_was_printed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where output goes with what a child prints to standard error, as of those that send messages."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    code = "import os; os.dup2(2, 1); print('a library says something'); raise KeyError('it went wrong')"
    assert answer_of(code, time_limit=20.0).words == "KeyError: 'it went wrong'"
    child = Child(("-c", code))
    assert child.wait() == "ended with status 1"
    assert child.last_words().endswith("KeyError: 'it went wrong'")
    child.end()
