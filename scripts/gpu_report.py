"""Sections of a self-check, each in a process of its own, and the report of what became of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

FORMAT = "screening-gpu-selfcheck"
POLL = 0.2  # s
Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was checked or measured."""

    name: str
    outcome: Outcome
    detail: str  # one sentence for a person
    figures: Mapping[str, Any] = field(default_factory=dict)  # JSON types


@dataclass(frozen=True, slots=True)
class Section:
    """What became of one section."""

    name: str
    title: str
    seconds: float
    rows: list[Row]

    @property
    def outcome(self) -> Outcome:
        """Failed if one row failed, skipped if nothing was done."""
        found = {row.outcome for row in self.rows}
        return "failed" if "failed" in found else "passed" if "passed" in found else "skipped"


def run_section(
    name: str,
    *,
    title: str,
    command: Callable[[Path], list[str]],
    time_limit: float,
    told: Callable[[list[Row], float], None] = lambda rows, seconds: None,
) -> Section:
    """Return what became of a section run by `command` (of the file for its rows); nothing it does ends this process.

    Rows stand in the file as soon as they are known, so a crash, a hang or an exception costs only what would have
    come after. `told` is called with the rows so far and the seconds passed whenever there are more.
    """
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gpu-selfcheck-") as folder:
        path = Path(folder) / "rows.jsonl"
        path.touch()
        # Output to a file: a grandchild that outlives the section would hold a pipe open.
        with (Path(folder) / "output").open("w+b") as errors:
            process = subprocess.Popen(
                command(path), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True
            )
            n_told = 0
            while (code := process.poll()) is None and time.monotonic() - begin < time_limit:
                time.sleep(POLL)
                rows = _rows(path)
                if len(rows) > n_told:
                    n_told = len(rows)
                    told(rows, time.monotonic() - begin)
            if code is None:
                status = f"the section took longer than {time_limit:g} s"
            else:
                status = f"the section's process ended with status {code}" if code else ""
            with suppress(ProcessLookupError):  # with all that it started and left behind
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
        rows = _rows(path)
    if status:
        rows.append(Row("the section as a whole", "failed", f"{status}: {said[-1][:300] if said else 'no message'}"))
    elif not rows:
        rows.append(Row("the section as a whole", "failed", "no row was written"))
    return Section(name, title, time.monotonic() - begin, rows)


def _rows(path: Path) -> list[Row]:
    """Return the whole rows of a section's file; one that is being written is none."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [Row(**json.loads(line)) for line in lines if line.endswith("\n")]


def write_rows(rows: Iterator[Row], path: Path) -> None:
    """Append rows to the file of a section, each as soon as it is known."""
    with path.open("a", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(asdict(row), allow_nan=False) + "\n")
            out.flush()


def report_of(machine: Mapping[str, Any], sections: list[Section], *, no_gpu: str | None) -> dict[str, Any]:
    """Return the report as JSON types; `no_gpu` says why nothing could run."""
    outcomes = {section.outcome for section in sections}
    return {
        "format": FORMAT,
        "format_version": 1,
        "outcome": "no-gpu" if no_gpu is not None else "failed" if "failed" in outcomes else "passed",
        "no_gpu": no_gpu,
        "machine": dict(machine),
        "sections": [asdict(section) | {"outcome": section.outcome} for section in sections],
    }


def write_report(report: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Write report.json and report.md into `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data, page = folder / "report.json", folder / "report.md"
    data.write_text(json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    page.write_text("\n".join(_page(report)) + "\n", encoding="utf-8")
    return data, page


def _page(report: dict[str, Any]) -> Iterator[str]:
    yield "# GPU self-check"
    yield ""
    yield f"**{report['outcome']}**" + (f": {report['no_gpu']}" if report["no_gpu"] else "")
    yield ""
    for name, value in report["machine"].items():
        yield f"- {name}: {_cell(value)}"
    for section in report["sections"]:
        yield ""
        yield f"## {section['title']}: {section['outcome']} ({section['seconds']:.1f} s)"
        yield ""
        yield "| check | outcome | detail | figures |"
        yield "|---|---|---|---|"
        for row in section["rows"]:
            figures = ", ".join(f"{key} {_cell(value)}" for key, value in row["figures"].items())
            yield f"| {_cell(row['name'])} | {row['outcome']} | {_cell(row['detail'])} | {figures} |"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(_cell, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(item)}" for key, item in value.items()) or "none"
    return " ".join(str(value).split()).replace("|", "\\|")
