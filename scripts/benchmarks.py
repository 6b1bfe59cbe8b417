"""Writes a section of docs/benchmarks.md: figures stand there as the script that made them left them."""

from __future__ import annotations

import datetime
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"


def machine() -> str:
    """Return processor, cores and Python."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*:\s*(.+)", info.read_text())
        model = found[1] if found else platform.machine()
        cores = info.read_text().count("processor\t")
    else:
        cores = 0
    return f"{model}, {cores} cores, Python {platform.python_version()}"


def commit() -> str:
    """Return the short hash of the checked-out commit, marked where the working tree differs from it."""
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", "screening", "kernels"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return head.stdout.strip() + (" with changes" if changed.stdout.strip() else "")


def _telling(arguments: list[str]) -> list[str]:
    """Return the arguments without those that say where something of this machine is kept."""
    kept = {"--built", "--keep", "--work"}
    return [word for before, word in zip(["", *arguments], arguments, strict=False) if not kept & {before, word}]


def _elsewhere(word: str) -> str:
    """Return a word of a command; a path of this machine alone as it stands from the repository, or its name."""
    path = Path(word)
    if not path.is_absolute():
        return word
    if ROOT in path.parents:
        return str(path.relative_to(ROOT))
    return f"../{path.relative_to(ROOT.parent)}" if ROOT.parent in path.parents else path.name


def record(name: str, title: str, body: str, *, page: Path = PAGE) -> None:
    """Replace (or append) the section `name` of the benchmarks page, or of another one."""
    command = shlex.join([f"scripts/{Path(sys.argv[0]).name}", *map(_elsewhere, _telling(sys.argv[1:]))])
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    section = (
        f"<!-- begin {name} -->\n## {title}\n\n{body.strip()}\n\n"
        f"`{command}`, commit {commit()}, {machine()}, {today}\n<!-- end {name} -->"
    )
    text = page.read_text(encoding="utf-8") if page.exists() else "# Benchmarks\n"
    pattern = re.compile(rf"<!-- begin {re.escape(name)} -->.*?<!-- end {re.escape(name)} -->", re.DOTALL)
    text = pattern.sub(lambda _: section, text) if pattern.search(text) else f"{text.rstrip()}\n\n{section}\n"
    page.write_text(text, encoding="utf-8")
