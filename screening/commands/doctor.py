"""What is available on this machine, what is not, and the command that brings it."""

from __future__ import annotations

import importlib.util
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from screening.errors import DeviceUnavailableError, UnavailableError
from screening.homology import ENGINES, engine
from screening.host import cores, driver_version, find_gpus, memory, versions
from screening.learn import choose_learner

# module, package of the wheel, how to get it
PACKAGES = (
    ("cupy", "cupy-cuda12x", "pip install 'screening[gpu]'"),
    ("dask_cuda", "dask-cuda", "pip install 'screening[gpu]'"),
    ("rmm", "rmm-cu12", "pip install rmm-cu12 (only for cluster.gpu_pool)"),
    ("ripserplusplus", "ripserplusplus", "scripts/install_ripserpp (needs nvcc)"),
    ("dask_jobqueue", "dask-jobqueue", "pip install 'screening[slurm]' (only for SLURM)"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `screening doctor`."""

    name: str
    ok: bool
    detail: str


def findings() -> list[Finding]:
    """Return the state of the machine, the engines and the optional parts, in reading order."""
    lines = [Finding("system", ok=True, detail=f"{platform.platform()}, {cores()} cores, {memory() / 2**30:.0f} GiB")]
    lines += [Finding(name, ok=True, detail=found) for name, found in versions().items()]
    for name in ENGINES:
        try:
            engine(name)
            lines.append(Finding(f"engine {name}", ok=True, detail="available"))
        except UnavailableError as error:
            lines.append(Finding(f"engine {name}", ok=False, detail=str(error)))
    lines += _gpu()
    lines += [
        Finding(f"LightGBM {trial.name}", ok=trial.ok, detail=trial.message) for trial in choose_learner("auto").tried
    ]
    return lines


def _gpu() -> list[Finding]:
    """Return the state of the GPU path: driver, devices, packages, each with the command that brings it."""
    lines: list[Finding] = []
    try:
        gpus = find_gpus()
        lines.append(Finding("CUDA driver", ok=True, detail=f"supports CUDA {driver_version()}"))
        for gpu in gpus:
            major, minor = gpu.capability
            told = f"{gpu.name}, {gpu.memory / 2**30:.0f} GiB, compute capability {major}.{minor}"
            lines.append(Finding(f"GPU {gpu.index}", ok=True, detail=told))
    except DeviceUnavailableError as error:
        lines.append(Finding("GPU", ok=False, detail=str(error)))
    for name, package, remedy in PACKAGES:
        there = importlib.util.find_spec(name) is not None
        try:
            detail = version(package) if there else f"not installed: {remedy}"
        except PackageNotFoundError:
            detail = "installed"  # by conda, or under a wheel of another CUDA version
        lines.append(Finding(name, ok=there, detail=detail))
    return lines
