"""Two trees of this project doing the same work in turn, each in a process of its own: an earlier commit and this one.

A machine that slows down slows both. A script that uses it answers ``--work FILE`` with `serve`.
"""

from __future__ import annotations

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from builds import EARLIER, both, start

# Crystals that one of the two reads before it is the other's turn: a shard of this tree.
TURN = 128

Raw = tuple[str, str, bytes]  # id, source and text of a crystal
Work = Callable[[list[Raw]], dict[str, Any]]
Rounds = list[dict[str, list[dict[str, Any]]]]  # of each round: by tree, what it answered turn by turn


def function(name: str, *modules: str) -> Any:
    """Return a function from the first of the modules that there is: they had other names in earlier commits."""
    found = next(module for module in modules if find_spec(module.partition(".")[0]) and _there(module))
    return getattr(import_module(found), name)


def _there(module: str) -> bool:
    parent = module.rpartition(".")[0]
    return find_spec(parent) is not None and find_spec(module) is not None


def serve(path: str, work: Work) -> None:
    """Do the turns named on standard input, first and last of each; answer each with a line of JSON."""
    items: list[Raw] = pickle.loads(Path(path).read_bytes())
    for line in sys.stdin:
        begin, end = json.loads(line)
        print(json.dumps(work(items[begin:end])), flush=True)


def take_turns(  # noqa: PLR0913
    script: str, paths: list[str], *, against: str, every: int, rounds: int, built: Path | None
) -> Rounds:
    """Return what both trees answered; a round begins with fresh processes and cold caches."""
    with tempfile.TemporaryDirectory() as folder:
        items = Path(folder) / "items"
        count = _write_items(paths, every, items)
        packages = both(against, Path(folder), kept=built)
        return [_one_round(script, packages, items, count) for _ in range(rounds)]


class Compare(Protocol):
    """Takes turns and returns the lines to show."""

    def __call__(self, paths: list[str], *, against: str, every: int, rounds: int, built: Path | None) -> str:
        """Return the figures of a comparison."""


def main(
    description: str, compare: Compare, work: Callable[[str], None], *, section: tuple[str, str], rounds: int
) -> None:
    """Be one of the two processes, or compare them, print the figures, and record them if asked to.

    Parameters
    ----------
    description
        Of the script.
    compare, work
        What the command line does, and what each of the processes does with the file that it is given.
    section
        Name and title in docs/benchmarks.md.
    rounds
        If the command line does not say.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--against", default=EARLIER, help="the earlier commit")
    parser.add_argument("--every", type=int, default=1, help="take every N-th crystal")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--built", type=Path, help="where builds of commits are kept")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/benchmarks.md")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work)
        return
    text = compare(given.paths, against=given.against, every=given.every, rounds=given.rounds, built=given.built)
    print(text)
    if given.record:
        from benchmarks import record

        record(*section, f"```\n{text}\n```")


def _write_items(paths: list[str], every: int, target: Path) -> int:
    from screening.config import InputLimits
    from screening.sources import iter_items

    items = [(item.id, item.source, item.text) for item in iter_items(paths, InputLimits()) if item.rejection is None]
    chosen = items[::every]
    target.write_bytes(pickle.dumps(chosen))
    return len(chosen)


def _one_round(script: str, packages: dict[str, Path], items: Path, count: int) -> dict[str, list[dict[str, Any]]]:
    workers = {name: start(script, package, items) for name, package in packages.items()}
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in packages}
    for number, begin in enumerate(range(0, count, TURN)):
        # Who begins changes, so that neither always finds the caches of the processor as the other left them.
        for name, worker in list(workers.items())[:: -1 if number % 2 else 1]:
            answers[name].append(_answered(worker, (begin, min(begin + TURN, count))))
    for worker in workers.values():
        worker.communicate()
    return answers


def _answered(worker: subprocess.Popen[str], turn: tuple[int, int]) -> dict[str, Any]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(turn) + "\n")
    worker.stdin.flush()
    line = worker.stdout.readline()
    if not line:
        sys.exit("one of the two ended early")
    answer: dict[str, Any] = json.loads(line)
    return answer
