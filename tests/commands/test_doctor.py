"""`screening doctor`: what is optional is no fault, versions under any wheel name, and no trial unless asked for."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from screening import cli
from screening.commands import doctor
from screening.commands.doctor import LEGEND, Finding, findings
from screening.errors import DeviceUnavailableError, EngineUnavailableError
from screening.host.gpu import Gpu
from screening.learn.learner import Learner, Trial


def by_name(lines: list[Finding]) -> dict[str, Finding]:
    return {line.name: line for line in lines}


def raising(error: Exception) -> Callable[[], tuple[Gpu, ...]]:
    def find() -> tuple[Gpu, ...]:
        raise error

    return find


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with nothing optional, and no GPU."""
    real = importlib.util.find_spec
    gone = {"ripser", *(name for name, _ in doctor.OPTIONAL)}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in gone else real(name))
    monkeypatch.setattr(doctor, "packages_distributions", dict)
    monkeypatch.delenv("SCREENING_RIPSERPP_LIBRARY", raising=False)
    monkeypatch.setattr(doctor, "find_gpus", raising(DeviceUnavailableError("no CUDA GPU here: x is not found; y")))


@pytest.mark.usefixtures("bare")
def test_what_is_optional_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> None:
        if name in doctor.OPTIONAL_ENGINES:
            raise EngineUnavailableError(f"{name} is not here")

    monkeypatch.setattr(doctor, "engine", without)
    found = by_name(findings())
    assert {line.state for line in found.values()} == {"ok", "absent"}
    absent = {name for name, line in found.items() if line.state == "absent"}
    assert absent == {
        "engine ripser",
        "engine ripserpp",
        "GPU",
        "cupy",
        "dask_cuda",
        "rmm",
        "ripserplusplus",
        "dask_jobqueue",
    }
    for name in absent - {"GPU", "engine ripser", "engine ripserpp"}:
        assert found[name].detail.startswith("not installed: ")
        assert "only for" in found[name].detail
    assert found["engine periodic"].line().startswith("ok  engine periodic")
    assert found["cupy"].line().startswith("--  cupy")


@pytest.mark.usefixtures("bare")
def test_what_everything_needs_is_a_fault_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise EngineUnavailableError(f"{name} is not here")

    monkeypatch.setattr(doctor, "engine", missing)
    found = by_name(findings())
    states = {name.partition(" ")[2]: line.state for name, line in found.items() if name.startswith("engine ")}
    assert states == {"periodic": "fault", "supercell": "fault", "ripser": "absent", "ripserpp": "absent"}
    assert found["engine periodic"].line().startswith("!!  engine periodic")


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("message", "state"),
    [
        ("no CUDA GPU here: the driver sees no device; install", "absent"),
        ("no CUDA GPU here: the driver fails with error 999; install", "fault"),
        ("CUDA GPU 0 does not answer (driver errors (0, 46)); install", "fault"),
    ],
)
def test_a_driver_that_fails_is_a_fault(message: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_gpus", raising(DeviceUnavailableError(message)))
    assert by_name(findings())["GPU"].state == state


@pytest.mark.parametrize("name", ["cupy-cuda12x", "cupy-cuda13x", "cupy-rocm-7-0", "cupy"])
def test_a_version_is_named_under_any_wheel(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(doctor, "packages_distributions", lambda: {"cupy": [name, name], "rmm": ["rmm-cu13"]})
    monkeypatch.setattr(doctor, "version", {name: "14.2.0", "rmm-cu13": "26.10.0"}.__getitem__)
    found = by_name(doctor._packages())
    assert found["cupy"] == Finding("cupy", "ok", f"14.2.0 ({name})")
    assert found["rmm"].detail == "26.10.0 (rmm-cu13)"
    assert found["dask_cuda"] == Finding("dask_cuda", "ok", "installed, without saying which version")


def test_cupy_of_two_cuda_versions_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(doctor, "packages_distributions", lambda: {"cupy": ["cupy-cuda12x", "cupy-cuda13x"]})
    monkeypatch.setattr(doctor, "version", lambda name: "14.2.0")
    found = by_name(doctor._packages())["cupy"]
    assert found.state == "fault"
    assert "pip uninstall cupy-cuda12x cupy-cuda13x" in found.detail


def test_learners_are_tried_only_where_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def chosen(device: str) -> Learner:
        asked.append(device)
        trials = (
            Trial("cuda", ok=False, message="A: refused: predictions differ", seconds=1.0),
            Trial("gpu", ok=False, message="A: slower than the CPU: 0.28 s", seconds=1.0),
            Trial("cpu", ok=True, message="as it is", seconds=0.0),
        )
        return Learner("cpu", "4.7.0", trials)

    monkeypatch.setattr("screening.learn.choose_learner", chosen)
    quick = CliRunner().invoke(cli.app, ["doctor"])
    assert quick.exit_code == 0, quick.output
    assert "LightGBM" not in quick.output
    assert asked == []
    full = CliRunner().invoke(cli.app, ["doctor", "--trials"])
    assert asked == ["auto"]
    states = [line.split()[0] for line in full.output.splitlines() if "LightGBM" in line]
    assert states == ["!!", "--", "ok"]
    assert full.output.splitlines()[-1] == LEGEND


def test_an_answer_loads_nothing_that_takes_seconds() -> None:
    code = (
        "import sys\n"
        "from screening.commands.doctor import findings\n"
        "assert findings()\n"
        "print(*sorted({'lightgbm', 'sklearn', 'screening.learn', 'cupy.cuda'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
