#!/usr/bin/env python
"""Plants faults one by one in a copy of the package, and runs the tests that should notice.

scripts/mutants.py [--only WORDS] [--list]

A fault is a replaced piece of text (`mutants.toml`), and the tests of its room. One that these tests do not notice has
survived: a test is missing, or the text says why it does no harm. The copy takes the compiled kernels as they are
installed; processes that tests start get the copy too.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from builds import ROOT

# In every process: an editable installation of this tree does not come before the copy.
FIRST = """import sys
sys.meta_path[:] = [one for one in sys.meta_path if not type(one).__module__.startswith("_editable")]
"""
LIMIT = 600.0  # s for the tests of one fault; what hangs is noticed


@dataclass(frozen=True)
class Fault:
    """One planted fault."""

    name: str
    file: str  # below screening/
    old: str  # stands there exactly once
    new: str
    tests: str  # arguments of pytest


def read_faults() -> list[Fault]:
    with (ROOT / "scripts" / "mutants.toml").open("rb") as file:
        return [Fault(**fields) for fields in tomllib.load(file)["fault"]]


def planted(fault: Fault, text: str) -> str:
    """Return the text of a module with the fault in it."""
    if text.count(fault.old) != 1:
        raise SystemExit(f"{fault.name}: its text stands {text.count(fault.old)} times in {fault.file}")
    return text.replace(fault.old, fault.new)


def copied(folder: Path) -> Path:
    """Return a folder with a copy of the package, its compiled kernels included."""
    found = importlib.util.find_spec("screening._kernels")
    if found is None or found.origin is None:
        raise SystemExit("screening is not installed here: scripts/setup dev")
    shutil.copytree(
        ROOT / "screening", folder / "screening", ignore=shutil.ignore_patterns("__pycache__", "_kernels*.so")
    )
    shutil.copy(found.origin, folder / "screening")
    (folder / "sitecustomize.py").write_text(FIRST, encoding="utf-8")
    return folder


def noticed(fault: Fault, package: Path) -> bool:
    """Return whether the tests fail with the fault in place."""
    module = package / "screening" / fault.file
    whole = module.read_text(encoding="utf-8")
    module.write_text(planted(fault, whole), encoding="utf-8")
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *fault.tests.split()]
    environment = {**os.environ, "PYTHONPATH": str(package), "PYTHONSAFEPATH": "1"}
    try:
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return True
    finally:
        module.write_text(whole, encoding="utf-8")
    if done.returncode not in (0, 1):
        raise SystemExit(f"{fault.name}: pytest ended with {done.returncode}\n{done.stdout.decode()[-2000:]}")
    return done.returncode == 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="faults whose name or file holds this text")
    parser.add_argument("--list", action="store_true", help="name the faults and plant none")
    options = parser.parse_args()
    chosen = [fault for fault in read_faults() if options.only in f"{fault.file} {fault.name}"]
    if options.list:
        print("\n".join(f"{fault.file}: {fault.name}" for fault in chosen))
        return
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        package = copied(Path(folder))
        for number, fault in enumerate(chosen, start=1):
            began = time.monotonic()
            seen = noticed(fault, package)
            survivors += [] if seen else [fault]
            state = "noticed" if seen else "SURVIVED"
            print(f"{number}/{len(chosen)} {state} in {time.monotonic() - began:.0f} s: {fault.name}", flush=True)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} noticed")
    if survivors:
        sys.exit(1)


if __name__ == "__main__":
    main()
