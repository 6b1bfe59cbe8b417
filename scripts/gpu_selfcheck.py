"""Settles on a machine with a CUDA GPU what cannot be tested without one; works offline with what is installed.

    scripts/gpu_selfcheck [--out FOLDER] [--crystals PATH]... [--only SECTION]... [-n CANDIDATES] [--calls N]

tests      every GPU-marked test
arrays     curves on CuPy against NumPy, bit for bit; times by CUDA events after warm-up
periodic   the exact engine against the CPU's, bar for bar; clouds a second by batch size, shares of its stages
whole      one list by --device cpu and cuda: the same store, crystals a second, how busy the GPU was
engine     ripser++ against the CPU engine on the same supercells, bar for bar
memory     memory of GPU and host over many calls of ripser++
learner    trial fits of LightGBM's learners
shap       SHAP values on the GPU against LightGBM's exact ones

Crystals are the embedded known conductors and those of --crystals. Each section runs in a process of its own: one that
crashes is a row of the report. Writes FOLDER/report.json and FOLDER/report.md, anew after every row. Ends with 0 if all
is well, 1 if a check failed, 2 if the arguments are wrong, 3 if no GPU answers.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gpu_periodic import whole_path
from gpu_report import Row, Section, report_of, run_section, write_report, write_rows
from gpu_sections import arrays, engine, learner, memory, periodic, shap, tests, where_available

from screening.errors import DeviceUnavailableError
from screening.host.gpu import driver_version, find_gpus

NO_GPU = 3
SECTIONS: dict[str, tuple[str, Callable[[argparse.Namespace], Iterator[Row]]]] = {
    "tests": ("GPU-marked tests", tests),
    "arrays": ("CuPy arrays and kernels against NumPy", arrays),
    "periodic": ("The exact engine against the CPU's", periodic),
    "whole": ("Whole path, CPU and GPU", whole_path),
    "engine": ("ripser++ against the CPU engine", engine),
    "memory": ("Memory over many calls of ripser++", memory),
    "learner": ("LightGBM's learners", learner),
    "shap": ("SHAP values", shap),
}
PACKAGES = ("screening", "cupy-cuda12x", "cupy-cuda13x", "cupy", "dask-cuda", "ripserplusplus", "lightgbm", "shap-cuda")


def arguments(words: list[str] | None) -> argparse.Namespace:
    """Return the arguments, checked."""
    parser = argparse.ArgumentParser(prog="gpu_selfcheck", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gpu-selfcheck"), help="folder of the report")
    parser.add_argument("--crystals", type=Path, action="append", default=[], help="more crystals: folder or archive")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="run only these sections")
    parser.add_argument(
        "-n", type=int, default=10_000, help="crystals of the section whole: generated where --crystals are fewer"
    )
    parser.add_argument("--calls", type=int, default=100, help="calls of ripser++ in the section memory")
    parser.add_argument("--time-limit", type=float, default=100.0, help="longest time of a section, s")
    parser.add_argument("--section", choices=SECTIONS, help=argparse.SUPPRESS)  # of the child: this section, to --rows
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    missing = [path for path in chosen.crystals if not path.exists()]
    if missing:
        parser.error(f"no such folder or archive: {missing[0]}")
    if chosen.n < 1 or chosen.calls < 1 or chosen.time_limit <= 0:
        parser.error("-n, --calls and --time-limit must be positive")
    return chosen


def machine() -> dict[str, object]:
    """Return what the figures were taken on."""
    installed: dict[str, str] = {}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count() or 0,
        "CUDA of the driver": driver_version() or "no driver",
        "packages": installed,
    }


def check(chosen: argparse.Namespace) -> int:
    """Run the sections, write the report, print its outline and return the exit status."""
    names = [name for name in SECTIONS if chosen.only is None or name in chosen.only]
    about = machine()
    no_gpu: str | None = None
    sections: list[Section] = []
    try:
        gpus = find_gpus()
        about["GPUs"] = [f"{gpu.name} ({gpu.memory / 2**30:.0f} GiB)" for gpu in gpus]
    except DeviceUnavailableError as error:
        no_gpu = str(error)
    for name in names:
        title = SECTIONS[name][0]
        if no_gpu is None:
            print(f"{title} ...", flush=True)
            told = partial(_write_so_far, about, list(sections), name, title, chosen.out)
            command = _command(name, chosen)
            sections.append(run_section(name, title=title, command=command, time_limit=chosen.time_limit, told=told))
        else:
            sections.append(Section(name, title, 0.0, [Row(title, "skipped", "no GPU answers")]))
        print(f"{title}: {sections[-1].outcome}", flush=True)
        for row in sections[-1].rows:
            if row.outcome == "failed":
                print(f"  {row.name}: {row.detail}", flush=True)
    report = report_of(about, sections, no_gpu=no_gpu)
    data, page = write_report(report, chosen.out)
    print(f"no GPU: {no_gpu}" if no_gpu is not None else report["outcome"])
    print(f"{page}, {data}")
    return {"passed": 0, "failed": 1, "no-gpu": NO_GPU}[report["outcome"]]


def _write_so_far(  # noqa: PLR0913, PLR0917 - the parts of a report
    about: dict[str, object], done: list[Section], name: str, title: str, out: Path, rows: list[Row], seconds: float
) -> None:
    """Write the report with the rows that the running section has."""
    write_report(report_of(about, [*done, Section(name, title, seconds, rows)], no_gpu=None), out)


def _command(name: str, chosen: argparse.Namespace) -> Callable[[Path], list[str]]:
    words = ["-n", str(chosen.n), "--calls", str(chosen.calls)]
    for path in chosen.crystals:
        words += ["--crystals", str(path)]
    return lambda rows: [sys.executable, __file__, "--section", name, "--rows", str(rows), *words]


if __name__ == "__main__":
    asked = arguments(None)
    if asked.section is None:
        sys.exit(check(asked))
    write_rows(where_available(SECTIONS[asked.section][1](asked)), asked.rows)
