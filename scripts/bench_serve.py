#!/usr/bin/env python3
"""How fast the page of 1,000 candidates opens, and `screening serve` answers for a long ranking, in how much memory.

Usage: scripts/bench_serve.py RUN [-n 300000] [--record]

The rows of RUN's ranking are repeated with other ids until there are n; the list is asked over HTTP as the page asks,
every sort in both directions and every kind of filter, each three times. The page in one file is written for the first
1,000 candidates of RUN and opened in headless Chromium five times. Prints the slowest answers and the memory; --record
writes them to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from benchmarks import record
from playwright.sync_api import sync_playwright

from screening.report.page import write_report

ASK: dict[str, Any] = {
    "search": "",
    "must": [],
    "not": [],
    "hide": [],
    "conditions": [],
    "ids": None,
    "sort": "rank",
    "falling": False,
}
ASK |= {"from": 0, "count": 100}


def long_run(run: Path, target: Path, n: int) -> list[str]:
    """Write a RUN with n ranked rows, linked to the store and model of another; return its columns."""
    target.mkdir()
    for name in ("features.zarr", "model", "explanation"):
        (target / name).symlink_to((run / name).resolve())
    for name in ("run.json", "rejected.csv"):
        shutil.copy(run / name, target / name)
    frame = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    places = np.arange(n) % len(frame)
    long = frame.iloc[places].reset_index(drop=True)
    rng = np.random.default_rng(0)
    long["id"] = [f"{id}-{k}" for id, k in zip(long["id"], np.arange(n) // len(frame), strict=True)]
    long["prediction"] = [f"{value:.6g}" for value in pd.to_numeric(long["prediction"]) + rng.normal(0, 0.3, n)]
    long["rank"] = np.arange(1, n + 1)
    long.to_csv(target / "ranking.csv", index=False)
    return list(long.columns)


def questions(columns: list[str]) -> dict[str, dict[str, object]]:
    """Return what is asked, by name."""
    asked: dict[str, dict[str, object]] = {}
    for name in columns:
        for falling in (False, True):
            asked[f"sort by {name}{', falling' if falling else ''}"] = {**ASK, "sort": name, "falling": falling}
    asked["search for an id"] = {**ASK, "search": "mp-9855"}
    asked["search for what is not there"] = {**ASK, "search": "no such crystal"}
    asked["elements S and P, not Cl"] = {
        **ASK,
        "must": ["S", "P"],
        "not": ["Cl"],
        "sort": "prediction",
        "falling": True,
    }
    asked["flags"] = {**ASK, "hide": ["outside", "toxic", "scarce"], "sort": "distance"}
    asked["threshold"] = {
        **ASK,
        "conditions": [{"column": "prediction", "op": ">=", "value": "-6"}],
        "sort": "distance",
    }
    asked["text within a column"] = {**ASK, "conditions": [{"column": "nearest_formula", "op": "has", "value": "PS"}]}
    asked["last page"] = {**ASK, "sort": "formula", "from": 299_900}
    return asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("-n", type=int, default=300_000)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    lines: list[str] = []

    def say(line: str) -> None:
        print(line)
        lines.append(f"- {line}")

    with tempfile.TemporaryDirectory(prefix="screening-bench-serve-") as folder:
        run = Path(folder) / "RUN"
        columns = long_run(options.run, run, options.n)
        begin = time.perf_counter()
        command = [sys.executable, "-m", "screening", "serve", str(run), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                address = server.stdout.readline().strip()
                say(f"`screening serve`, {options.n} rows: ready after {time.perf_counter() - begin:.1f} s")
                ask_all(address, questions(columns), say)
                memory = psutil.Process(server.pid).memory_info().rss / 2**20
                status = Path(f"/proc/{server.pid}/status").read_text()
                peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 2**10
                say(f"memory of the server: {memory:.0f} MiB, at most {peak:.0f} MiB")
            finally:
                server.terminate()
        open_page(options.run, Path(folder) / "short", say)
    if options.record:
        record("page", "The page", "\n".join(lines))


def open_page(run: Path, target: Path, say: Callable[[str], None]) -> None:
    """Write the page in one file for 1,000 candidates, open it, and say how large and how fast it is."""
    shutil.copytree(run, target, ignore=shutil.ignore_patterns("features.zarr", "report.html"))
    (target / "features.zarr").symlink_to((run / "features.zarr").resolve())
    begin = time.perf_counter()
    page_file = write_report(target, top=1000)
    say(
        f"`report.html`, 1,000 candidates: {page_file.stat().st_size / 1e6:.1f} MB, written in "
        f"{time.perf_counter() - begin:.0f} s with structures and holes"
    )
    painted: list[float] = []
    opened: list[float] = []
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(5):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            begin = time.perf_counter()
            page.goto(page_file.as_uri(), wait_until="commit")
            page.wait_for_selector("#detail .waterfall")
            opened.append(time.perf_counter() - begin)
            painted.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            page.close()
        browser.close()
    say(
        f"headless Chromium, slowest of 5: first paint {max(painted):.0f} ms, first candidate with its structure drawn "
        f"{1000 * max(opened):.0f} ms"
    )


def ask_all(address: str, asked: dict[str, dict[str, object]], say: Callable[[str], None]) -> None:
    """Ask everything three times, say the slowest questions and the median."""
    connection = http.client.HTTPConnection(address.split("/")[2])
    slowest: dict[str, float] = {}
    for name, question in asked.items():
        for _ in range(3):
            begin = time.perf_counter()
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/api/rows", json.dumps(question), headers)
            answer = connection.getresponse()
            found = json.loads(answer.read())
            assert answer.status == 200, found
            slowest[name] = max(slowest.get(name, 0.0), time.perf_counter() - begin)
    worst = sorted(slowest, key=lambda name: -slowest[name])[:5]
    say("slowest answers over HTTP: " + "; ".join(f"{1000 * slowest[name]:.0f} ms, {name}" for name in worst))
    say(f"median of {len(slowest)} questions: {1000 * statistics.median(slowest.values()):.0f} ms")


if __name__ == "__main__":
    main()
