"""A command talks: lines in every stage, what Ctrl-C kept, and what a setting was meant to be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from command import SMALL, screening
from made_crystals import write_set

from screening.cluster import Progress
from screening.commands import terminal
from screening.config import read_config
from screening.errors import ConfigError
from screening.report.structures import on_all_cores


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_in_a_file_there_is_a_line_at_least_every_half_minute(capsys: pytest.CaptureFixture[str]) -> None:
    progress, clock = Progress(), Clock()
    lines = terminal._Lines(progress, clock=clock)
    for second in range(200):
        clock.now = float(second)
        if second == 70:
            progress.enter("training")
        if second == 140:
            progress.enter("writing the report")
        if second == 150:
            progress.at(25, 100)
        lines.beat()
    assert capsys.readouterr().err.splitlines() == [
        "screening: 0/0+ crystals, 0 rejected, 30 s",
        "screening: 0/0+ crystals, 0 rejected, 60 s",
        "screening: training, 30 s",
        "screening: training, 60 s",
        "screening: writing the report: 25 of 100, 30 s",
    ]


def test_nothing_is_added_where_other_lines_come_often(capsys: pytest.CaptureFixture[str]) -> None:
    progress, clock = Progress(), Clock()
    lines = terminal._Lines(progress, clock=clock)
    for second in range(100):
        clock.now = float(second)
        if second % 20 == 0:
            progress.say("a sentence, which somebody else writes")
        lines.beat()
    assert capsys.readouterr().err == ""


def test_the_watch_itself_beats(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(terminal, "SILENCE", 0.5)
    with terminal.shown_progress(quiet=False) as progress:
        progress.enter("training")
        time.sleep(2.3)
    assert "screening: training, " in capsys.readouterr().err


def test_the_report_says_how_far_it_is() -> None:
    heard: list[tuple[int, int]] = []
    assert on_all_cores(list, range(30), tell=lambda *step: heard.append(step)) == [*range(30)]
    assert heard == [(25, 30), (30, 30)]


def test_an_interrupt_says_what_was_kept(capsys: pytest.CaptureFixture[str]) -> None:
    def stopped() -> None:
        with terminal.shown_progress(quiet=True) as progress:
            progress.done = 128
            progress.enter("training")
            raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as ended:
        stopped()
    assert ended.value.exit_code == 130
    told = " ".join(capsys.readouterr().err.split())
    assert told == "screening: interrupted while training; 128 crystals are kept; the same command goes on from here"


@pytest.mark.slow
def test_control_c_ends_a_run_that_goes_on_later(tmp_path: Path) -> None:
    labels = write_set(tmp_path / "crystals", labelled=24, candidates=400)
    (tmp_path / "small.toml").write_text(SMALL)
    command = [
        sys.executable, "-m", "screening", "run", str(tmp_path / "crystals"), "--labels", str(labels),
        "--out", str(tmp_path / "RUN"), "-c", str(tmp_path / "small.toml"), "--workers", "1",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)
    ledger = tmp_path / "RUN" / "features.zarr" / "ledger.jsonl"
    limit = time.monotonic() + 120
    while time.monotonic() < limit and not (ledger.is_file() and ledger.read_text().count("\n") > 3):
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "interrupted while featurizing" in said
    assert "the same command goes on from here" in said
    done = screening(*command[3:])
    assert "425 found = 424 featurized + 1 rejected" in done.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[rank]\ntopp = 5\n", "rank.topp: no such setting; did you mean rank.top?"),
        ("[ranking]\ntop = 5\n", "ranking: no such setting; did you mean rank?"),
        ("top = 5\n", "top: no such setting; did you mean rank.top?"),
        ("[cloud]\nshard_rows = 5\n", "cloud.shard_rows: no such setting; did you mean store.shard_rows?"),
        ("[rank]\nzzzzzzz = 5\n", "rank.zzzzzzz: no such setting; `screening config` prints all"),
    ],
)
def test_an_unknown_setting_gets_a_suggestion(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        read_config(tmp_path / "x.toml")
    assert str(error.value) == says


def test_completion_can_be_installed() -> None:
    assert "--show-completion" in screening("--help").stdout


def test_cycles_are_searched_for_seldom_from_the_first_import_on() -> None:
    code = (
        "import gc, sys; before = gc.get_threshold(); sys.argv = ['screening', '--version']\n"
        "from screening.cli import OBJECTS_BETWEEN_SEARCHES, main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert gc.get_threshold() == (OBJECTS_BETWEEN_SEARCHES, *before[1:]) != before, gc.get_threshold()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
