"""What is available on this machine, what is not, and the command that brings it."""

from __future__ import annotations

import importlib.util
import platform
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from typing import Literal

from screening.errors import DeviceUnavailableError, EngineUnavailableError, UnavailableError
from screening.homology import ENGINES, engine
from screening.host import check_one_cupy, cores, driver_version, find_gpus, memory, versions

OPTIONAL_ENGINES = ("ripser", "ripserpp")  # to compare with; all others come with this package
# module, how to get it
OPTIONAL = (
    ("cupy", "pip install 'screening[gpu]' (CUDA 13) or 'screening[gpu-cu12]'; only for GPUs"),
    ("dask_cuda", "pip install 'screening[gpu]' or 'screening[gpu-cu12]'; only for GPUs with engine ripserpp"),
    ("rmm", "pip install rmm-cu13 or rmm-cu12; only for cluster.gpu_pool"),
    ("ripserplusplus", "scripts/install_ripserpp (needs nvcc); only for engine ripserpp"),
    ("dask_jobqueue", "pip install 'screening[slurm]'; only for SLURM"),
)
State = Literal["ok", "absent", "fault"]
MARKS: dict[State, str] = {"ok": "ok", "absent": "--", "fault": "!!"}
LEGEND = "ok: here; --: optional, and not here; !!: here, and broken, or missing though everything needs it"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `screening doctor`."""

    name: str
    state: State  # absent: optional and not here, which is no fault
    detail: str

    def line(self) -> str:
        """Return the finding as it is printed."""
        return f"{MARKS[self.state]}  {self.name:<22} {self.detail}"


def findings(*, trials: bool = False) -> list[Finding]:
    """Return the state of the machine, the engines and the optional parts, in reading order.

    Parameters
    ----------
    trials
        Try LightGBM's learners as well, which takes from seconds to minutes.
    """
    system = f"{platform.platform()}, {cores()} cores, {memory() / 2**30:.0f} GiB"
    lines = [Finding("system", "ok", system)]
    lines += [Finding(name, "ok", found) for name, found in versions().items()]
    lines += [_engine(name) for name in ENGINES]
    lines += _gpu()
    lines += _packages()
    lines += _learners() if trials else []
    return lines


def _engine(name: str) -> Finding:
    if name == "ripser" and importlib.util.find_spec("ripser") is not None:
        return Finding("engine ripser", "ok", "installed")  # not loaded: it brings scikit-learn, which takes seconds
    try:
        engine(name)
    except UnavailableError as error:
        return Finding(f"engine {name}", "absent" if name in OPTIONAL_ENGINES else "fault", str(error))
    return Finding(f"engine {name}", "ok", "available")


def _gpu() -> list[Finding]:
    """Return the driver and the devices; that there is none is no fault, that it fails is one."""
    try:
        gpus = find_gpus()
    except DeviceUnavailableError as error:
        none = any(words in str(error) for words in ("is not found", "sees no device"))
        return [Finding("GPU", "absent" if none else "fault", str(error))]
    lines = [Finding("CUDA driver", "ok", f"supports CUDA {driver_version()}")]
    for gpu in gpus:
        major, minor = gpu.capability
        told = f"{gpu.name}, {gpu.memory / 2**30:.0f} GiB, compute capability {major}.{minor}"
        lines.append(Finding(f"GPU {gpu.index}", "ok", told))
    return lines


def _packages() -> list[Finding]:
    """Return the optional packages under whatever name their wheels have, with the command that brings each."""
    wheels = packages_distributions()
    lines: list[Finding] = []
    for module, remedy in OPTIONAL:
        names = tuple(sorted(set(wheels.get(module, ()))))
        there = importlib.util.find_spec(module) is not None
        if not there:
            lines.append(Finding(module, "absent", f"not installed: {remedy}"))
        elif not names:
            lines.append(Finding(module, "ok", "installed, without saying which version"))
        else:
            lines.append(Finding(module, "ok", ", ".join(f"{version(name)} ({name})" for name in names)))
        if module == "cupy":
            try:
                check_one_cupy(names)
            except EngineUnavailableError as error:
                lines[-1] = Finding(module, "fault", str(error))
    return lines


def _learners() -> list[Finding]:
    """Return what trials of LightGBM's learners came to, on made rows; a run tries them on its own crystals."""
    from screening.learn import choose_learner

    lines: list[Finding] = []
    for trial in choose_learner("auto").tried:
        refused = trial.message.partition(": ")[2].startswith("refused")
        state: State = "ok" if trial.ok else "fault" if refused else "absent"
        lines.append(Finding(f"LightGBM {trial.name}", state, trial.message))
    return lines
