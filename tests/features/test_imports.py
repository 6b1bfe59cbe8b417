"""What a worker loads before its first crystal, and a command before its work: paid once a process."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("lightgbm", "matplotlib", "pandas", "pyarrow", "pymatgen", "scipy", "shap", "sklearn")


def test_a_worker_starts_without_what_it_does_not_need() -> None:
    asked = f"import sys, screening.features; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_only_what_trains_loads_the_learners() -> None:
    rooms = "screening.pipeline, screening.runs, screening.report"
    learners = ("lightgbm", "sklearn", "scipy.stats", "shap")
    asked = f"import sys, {rooms}; print([name for name in {learners} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
