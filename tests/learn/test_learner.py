"""LightGBM's learners: which is chosen without a GPU, on OpenCL, and where a trial crashes, hangs or disagrees."""

from __future__ import annotations

import ctypes
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paths import SUPPORT
from synthetic import QUICK, labels, table

from screening.errors import DeviceUnavailableError, EngineUnavailableError, ModelError
from screening.host import gpu as devices
from screening.host.child import Answer
from screening.learn import learner as module
from screening.learn.boosting import Rows, fit, parameters
from screening.learn.learner import CPU, MAX_DIFFERENCE, Learner, Trial, choose_learner, trial_rows
from screening.learn.load import load_model
from screening.learn.model import Model
from screening.learn.train import train

POCL = Path("/etc/OpenCL/vendors/pocl.icd")

LOADER = r"""
#include <string.h>
typedef unsigned int u; typedef unsigned long long ul;
int clGetPlatformIDs(u n, void** ids, u* count) {
  if (STATUS) return STATUS;
  if (count) *count = 2;
  for (u i = 0; i < n; ++i) ids[i] = (void*)(size_t)(0xffff00000000ull + i + 1);
  return 0;
}
int clGetDeviceIDs(void* platform, ul type, u n, void** ids, u* count) {
  if (type != 4 || (size_t)platform != 0xffff00000002ull || !GPUS) return -1;
  if (count) *count = GPUS;
  for (u i = 0; i < n; ++i) ids[i] = (void*)(size_t)(0xffff00000010ull + i);
  return 0;
}
int clGetDeviceInfo(void* device, u what, size_t size, void* value, size_t* used) {
  if (what != 0x102B) return -30;
  strncpy(value, (size_t)device == 0xffff00000010ull ? "First" : "Second", size);
  return 0;
}
"""


def loader(folder: Path, monkeypatch: pytest.MonkeyPatch, *, gpus: int = 0, status: int = 0) -> None:
    """Put a stand-in for the OpenCL loader in place: two platforms, the second with GPUs."""
    source, library = folder / "loader.c", folder / f"loader{gpus}{status}.so"
    source.write_text(LOADER)
    flags = [f"-DGPUS={gpus}", f"-DSTATUS={status}"]
    subprocess.run(["cc", "-shared", "-fPIC", *flags, str(source), "-o", str(library)], check=True)
    monkeypatch.setattr(module, "OPENCL", str(library))


def vendor(folder: Path, monkeypatch: pytest.MonkeyPatch, *, code: str) -> None:
    """Put an OpenCL driver in place that runs `code` when it is loaded, in LightGBM's own loader."""
    source, library, vendors = folder / "driver.c", folder / "driver.so", folder / "vendors"
    vendors.mkdir()
    headers = "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
    source.write_text(f"{headers}__attribute__((constructor)) static void start(void) {{ {code} }}\n")
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    (vendors / "driver.icd").write_text(f"{library}\n")
    monkeypatch.setenv("OCL_ICD_VENDORS", str(vendors))
    monkeypatch.delenv("OCL_ICD_FILENAMES", raising=False)


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "DRIVER", "libcuda-that-is-not-there.so.1")
    monkeypatch.setattr(module, "OPENCL", "libOpenCL-that-is-not-there.so.1")


@pytest.fixture
def pocl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCL on the CPU alone, whatever else this machine has; its compiled kernels are kept between runs."""
    if not POCL.is_file():
        pytest.skip("no OpenCL device: apt-get install pocl-opencl-icd to train on OpenCL here")
    (tmp_path / "pocl.icd").write_text(POCL.read_text())
    monkeypatch.setenv("OCL_ICD_VENDORS", str(tmp_path))
    monkeypatch.delenv("OCL_ICD_FILENAMES", raising=False)


@pytest.mark.usefixtures("nothing_here")
@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_without_a_gpu_the_cpu_trains_and_it_is_said_why(
    wanted: devices.Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", None)  # no process is started
    chosen = choose_learner(wanted)
    assert chosen.device_type == "cpu"
    assert [(trial.name, trial.ok, trial.seconds) for trial in chosen.tried] == [
        ("cuda", False, 0.0),
        ("gpu", False, 0.0),
        ("cpu", True, 0.0),
    ]
    assert "no CUDA GPU here" in chosen.tried[0].message
    assert "no OpenCL here" in chosen.tried[1].message


def test_cpu_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in ((subprocess, "run"), (module, "find_gpus"), (module, "opencl_gpus"), (ctypes, "CDLL")):
        monkeypatch.setattr(owner, name, None)
    assert choose_learner("cpu") is CPU
    assert choose_learner("auto", forced="cpu").device_type == "cpu"


def test_opencl_devices_that_are_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader(tmp_path, monkeypatch, gpus=2)
    assert module.opencl_gpus() == ("First", "Second")


@pytest.mark.parametrize(("status", "message"), [(0, "is a GPU"), (-1001, "is a GPU"), (-6, "error -6")])
def test_opencl_without_a_gpu(status: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader(tmp_path, monkeypatch, status=status)
    with pytest.raises(DeviceUnavailableError, match=message):
        module.opencl_gpus()


@pytest.mark.usefixtures("pocl")
def test_opencl_on_the_cpu_is_no_gpu() -> None:
    code = "from screening.learn.learner import opencl_gpus; opencl_gpus()"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "no OpenCL device is a GPU" in child.stderr or "no OpenCL here" in child.stderr


@pytest.mark.parametrize(
    ("passes", "chosen", "tried"), [({"cuda", "gpu"}, "cuda", 1), ({"gpu"}, "gpu", 2), (set(), "cpu", 3)]
)
def test_the_first_learner_that_passes_is_chosen(
    passes: set[str], chosen: str, tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def trial(name: module.LearnerName, *, time_limit: float, threads: int) -> Trial:
        asked.append(name)
        return Trial(name, ok=name in passes, message="told", seconds=1.0)

    monkeypatch.setattr(module, "_trial", trial)
    monkeypatch.setattr(module, "find_gpus", lambda: (devices.Gpu(0, "A", 1, (9, 0)),))
    monkeypatch.setattr(module, "opencl_gpus", lambda: ("B",))
    found = choose_learner("cuda")
    assert (found.device_type, len(found.tried)) == (chosen, tried)
    assert asked == ["cuda", "gpu"][:tried]
    assert [trial.ok for trial in found.tried] == [False] * (tried - 1) + [True]
    assert found.tried[0].message == "A: told"


@pytest.mark.parametrize(
    ("answer", "ok", "message"),
    [
        ({"error": "not\n in this build"}, False, "not in this build"),
        ({"difference": 0.9 * MAX_DIFFERENCE, "seconds": 1.0, "cpu_seconds": 1.0}, True, "predictions differ"),
        ({"difference": MAX_DIFFERENCE, "seconds": 1.0, "cpu_seconds": 1.0}, False, "refused"),
        ({"difference": math.nan, "seconds": 1.0, "cpu_seconds": 1.0}, False, "refused"),
    ],
)
def test_what_an_answer_allows(answer: dict[str, str | float], ok: bool, message: str) -> None:
    found, told = module._judge(json.loads(json.dumps(answer)))
    assert found is ok
    assert told.startswith(message)


def test_a_build_without_the_learner_says_so() -> None:
    with pytest.raises(EngineUnavailableError, match=r"'cuda' cannot be used: .*not enabled in this build"):
        choose_learner("auto", forced="cuda")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("abort();", "ended with status -6"),
        ('puts("noise on standard output"); fflush(stdout);', "No OpenCL device found"),
    ],
)
def test_a_driver_that_fails_costs_the_trial_alone(
    code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor(tmp_path, monkeypatch, code=code)
    with pytest.raises(EngineUnavailableError, match=message):
        choose_learner("auto", forced="gpu")


@pytest.mark.parametrize(
    ("left", "message"),
    [
        (Answer(-11, b"", "no message"), "ended with status -11"),
        (Answer(1, b"", "no message"), "ended with status 1"),
        (Answer(0, b"", "no message"), "ended with status 0 and no answer"),
    ],
)
def test_a_child_without_an_answer_is_no_learner(left: Answer, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """How real children end so is for the tests of `host.child`."""
    monkeypatch.setattr(module, "answer_of", lambda code, *, time_limit: left)
    trial = module._trial("gpu", time_limit=6.0, threads=1)
    assert not trial.ok
    assert message in trial.message


def test_a_driver_that_hangs_costs_the_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor(tmp_path, monkeypatch, code="for (;;) pause();")
    trial = module._trial("gpu", time_limit=6.0, threads=1)
    assert not trial.ok
    assert trial.message == "the trial took longer than 6 s"
    assert trial.seconds < 60


@pytest.mark.usefixtures("pocl")
def test_the_opencl_learner_agrees_with_the_cpu(record_testsuite_property: Callable[[str, object], None]) -> None:
    chosen = choose_learner("auto", forced="gpu", time_limit=300.0)
    assert chosen.device_type == "gpu"
    (trial,) = chosen.tried
    assert trial.ok
    assert trial.seconds > 0
    difference = float(trial.message.partition("by ")[2].split()[0])
    record_testsuite_property("OpenCL trial", trial.message)
    assert difference < 1e-6


def test_trial_rows_hold_what_real_rows_hold() -> None:
    rows = trial_rows()
    assert rows.features.shape == (300, 200)
    assert 0.15 < np.isnan(rows.features).mean() < 0.25
    assert 30 < rows.is_bound.sum() < 90
    booster, base = fit(rows, params=parameters(QUICK.learn, seed=0), trees=60)
    explained = np.corrcoef(np.asarray(booster.predict(rows.features)) + base, rows.target)[0, 1]
    assert explained > 0.8  # there is something to learn, so learners can differ


ON_OPENCL = """
import sys
from pathlib import Path
from synthetic import QUICK, labels, table
from screening.learn import choose_learner, train
crystals = table(110, seed=0)
learner = choose_learner("auto", forced="gpu", time_limit=300.0)
train(crystals, labels(crystals, 90, seed=1, n_bounds=20), QUICK, learner=learner).save(Path(sys.argv[1]))
"""


@pytest.mark.slow  # one training of the OpenCL learner is compared in the quick tests
@pytest.mark.usefixtures("pocl")
def test_a_model_trained_on_opencl_is_that_of_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_testsuite_property: Callable[[str, object], None]
) -> None:
    # In a process of its own: PoCL's threads must not outlive the test.
    command = [sys.executable, "-c", ON_OPENCL, str(tmp_path / "model")]
    subprocess.run(command, check=True, capture_output=True, cwd=SUPPORT)
    monkeypatch.setenv("OCL_ICD_VENDORS", str(tmp_path / "none"))  # it must predict where no OpenCL is
    found = load_model(tmp_path / "model")
    assert found.header.learner is not None
    assert found.header.learner.device_type == "gpu"
    crystals = table(110, seed=0)
    known = labels(crystals, 90, seed=1, n_bounds=20)
    on_cpu = train(crystals, known, QUICK)
    features = table(60, seed=7).features
    spread = known.log_sigma.std()
    gap = np.abs(found.predict(features).mean - on_cpu.predict(features).mean).max() / spread
    folds = np.abs(found.folds["curves"] - on_cpu.folds["curves"]).max() / spread
    record_testsuite_property("OpenCL training against the CPU", {"predictions": gap, "out of fold": folds})
    assert max(gap, folds) < MAX_DIFFERENCE


def test_the_header_tells_the_learner(tmp_path: Path, planted_model: Model) -> None:
    assert planted_model.header.learner is not None
    assert planted_model.header.learner.model_dump() == {"device_type": "cpu", "lightgbm": CPU.lightgbm}
    planted_model.save(tmp_path)
    assert load_model(tmp_path).header.learner == planted_model.header.learner
    content = json.loads((tmp_path / "model.json").read_text())
    del content["learner"]  # as written before it was told
    (tmp_path / "model.json").write_text(json.dumps(content))
    assert load_model(tmp_path).header.learner is None
    (tmp_path / "model.json").write_text(json.dumps(content | {"learner": {"device_type": "tpu", "lightgbm": ""}}))
    with pytest.raises(ModelError, match="device_type"):
        load_model(tmp_path)


def test_every_fit_of_a_training_uses_the_learner(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[object, object]] = []

    def counted(rows: Rows, *, params: dict[str, object], **options: Any) -> object:
        seen.append((params.get("device_type"), params.get("gpu_use_dp")))
        on_cpu = {name: value for name, value in params.items() if name not in {"device_type", "gpu_use_dp"}}
        return fit(rows, params=on_cpu, **options)

    monkeypatch.setattr(sys.modules["screening.learn.evaluate"], "fit", counted)
    monkeypatch.setattr(sys.modules["screening.learn.train"], "fit", counted)
    crystals = table(60, seed=0)
    found = train(crystals, labels(crystals, 50, seed=1), QUICK, learner=Learner("cuda", "4.7.0", ()))
    assert set(seen) == {("cuda", True)}
    assert found.header.learner is not None
    assert found.header.learner.device_type == "cuda"
