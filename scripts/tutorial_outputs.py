#!/usr/bin/env python
"""Runs docs/tutorial.md and writes below each piece of its code what came out, and its pictures beside it.

    scripts/tutorial_outputs.py

To be run anew where the tutorial changes, or what it shows. Needs matplotlib, and Chromium for the picture of the page.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from docs_pages import FENCE, NOTEBOOK, TUTORIAL, notebook

PLOT = TUTORIAL.with_name("tutorial-curves.svg")
PAGE = TUTORIAL.with_name("tutorial-page.png")
LONGEST = 12  # lines of one output
WIDTH = 110  # characters of a line


def main() -> None:
    os.environ["MPLBACKEND"] = "agg"
    import pandas as pd

    pd.set_option("display.width", WIDTH, "display.max_columns", 12, "display.max_colwidth", 40)
    with tempfile.TemporaryDirectory() as name:
        here = Path.cwd()
        os.chdir(name)
        try:
            TUTORIAL.write_text(_with_outputs(TUTORIAL.read_text(encoding="utf-8")), encoding="utf-8")
            _picture(Path("RUN") / "report.html")
            shutil.copy("barcode.svg", TUTORIAL.with_name("barcode.svg"))
        finally:
            os.chdir(here)
    NOTEBOOK.write_text(notebook(TUTORIAL.read_text(encoding="utf-8")), encoding="utf-8")


def _with_outputs(page: str) -> str:
    """Return the page with what its code gives today, in the current folder."""
    space: dict[str, Any] = {"__name__": "__docs__"}
    parts, end = [], 0
    for match in FENCE.finditer(page):
        before = page[end : match.start()]
        end = match.end()
        if match["said"] == "output":
            parts.append(before.strip("\n"))
            continue
        parts += [before, match[0]]
        if match["language"] == "python":
            told = _python(match["code"], space)
        elif match["said"] == "run":
            told = _shell(match["code"])
        else:
            continue
        if told.strip():
            parts.append(f"\n<!-- output -->\n```text\n{_short(told)}\n```\n")
    return "".join([*parts, page[end:]])


def _python(code: str, space: dict[str, Any]) -> str:
    """Return what a cell prints, and the value of its last line."""
    import matplotlib.pyplot as plt

    tree = ast.parse(code)
    last = tree.body[-1]
    shown = ast.Expression(last.value) if isinstance(last, ast.Expr) and not code.rstrip().endswith(";") else None
    if shown is not None:
        tree.body.pop()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(tree, "tutorial", "exec"), space)
        value = None if shown is None else eval(compile(shown, "tutorial", "eval"), space)
        if value is not None:
            print(value)
    if plt.get_fignums():
        plt.rcParams["svg.hashsalt"] = "tutorial"
        plt.savefig(PLOT, bbox_inches="tight", metadata={"Date": None})
        plt.close("all")
    return out.getvalue()


def _shell(code: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": path},
    )
    return done.stdout


def _short(text: str) -> str:
    """Return the first lines of an output, none longer than a line of the page."""
    lines = [line.rstrip() for line in text.rstrip().splitlines()]
    left_out = len(lines) - LONGEST
    shown = lines if left_out <= 1 else [*lines[:LONGEST], f"… {left_out} more lines"]
    return "\n".join(line if len(line) <= WIDTH + 8 else f"{line[: WIDTH + 7]}…" for line in shown)


def _picture(page: Path) -> None:
    """Write what a browser shows of the page."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print(f"no Chromium here: {PAGE.name} stays as it was")
        return
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,800"]
    subprocess.run(
        [browser, *options, "--virtual-time-budget=8000", f"--screenshot={PAGE}", page.absolute().as_uri()],
        capture_output=True,
        check=True,
    )


if __name__ == "__main__":
    main()
