"""What is available on this machine, what is not, and the command that brings it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass

from screening.errors import EngineUnavailableError
from screening.homology import ENGINES, engine
from screening.pipeline import versions


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `screening doctor`."""

    name: str
    ok: bool
    detail: str


def findings() -> list[Finding]:
    """Return the state of the machine, the engines and the optional parts, in reading order."""
    lines = [Finding("system", ok=True, detail=f"{platform.platform()}, {os.cpu_count()} cores")]
    lines += [Finding(name, ok=True, detail=found) for name, found in versions().items()]
    for name in ENGINES:
        try:
            engine(name)
            lines.append(Finding(f"engine {name}", ok=True, detail="available"))
        except EngineUnavailableError as error:
            lines.append(Finding(f"engine {name}", ok=False, detail=str(error)))
    lines.append(_driver())
    for package, remedy in (("cupy", "pip install 'screening[gpu]'"), ("dask_cuda", "pip install 'screening[gpu]'")):
        found = importlib.util.find_spec(package) is not None
        lines.append(Finding(package, ok=found, detail="installed" if found else f"not installed: {remedy}"))
    return lines


def _driver() -> Finding:
    found = shutil.which("nvidia-smi")
    detail = found or "no NVIDIA driver found; everything runs on the CPU"
    return Finding("gpu", ok=found is not None, detail=detail)
