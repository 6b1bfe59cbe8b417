"""The `screening` command, in this process or in one of its own, and what a store holds as bytes."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path
from unittest import mock

from screening import cli

# Settings of runs that take seconds.
SMALL = """
[homology]
r_max = { mobile = 5.0, anion = 5.0, cation = 5.0, framework = 4.5, all = 4.0 }
[store]
shard_rows = 8
[learn]
folds = 3
repeats = 1
trees = 30
seeds = 2
"""
Done = subprocess.CompletedProcess[str]


def screening(*arguments: str | Path, check: int = 0) -> Done:
    """Run the command in this process, as `python -m screening` would; the exit code must be `check`."""
    words = ["screening", *map(str, arguments)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with mock.patch.object(sys, "argv", words), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return _checked(Done(words, code, out.getvalue(), err.getvalue()), check)


def in_a_process(*arguments: str | Path, check: int = 0) -> Done:
    """Run the command in a process of its own; the exit code must be `check`."""
    command = [sys.executable, "-m", "screening", *map(str, arguments)]
    return _checked(subprocess.run(command, capture_output=True, text=True, timeout=300, check=False), check)


def _checked(done: Done, code: int) -> Done:
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done


def arrays(store: Path) -> dict[str, bytes]:
    """Return the bytes of all files of a store but its ledger."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.name != "ledger.jsonl"
    }
