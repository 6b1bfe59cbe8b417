"""LightGBM's learners: which is chosen without a GPU, on OpenCL, and where a trial crashes, hangs or disagrees."""

from __future__ import annotations

import ast
import ctypes
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from paths import SUPPORT
from synthetic import QUICK, labels, table

from screening.cluster import Progress
from screening.errors import DeviceUnavailableError, EngineUnavailableError, ModelError
from screening.host import gpu as devices
from screening.host.child import Answer
from screening.learn import learner as module
from screening.learn.boosting import Rows, fit, parameters
from screening.learn.learner import CPU, MAX_DIFFERENCE, Learner, Trial, choose_learner, training_rows, trial_rows
from screening.learn.load import load_model
from screening.learn.model import Model
from screening.learn.predictor import fit_predictor
from screening.learn.train import train
from screening.pipeline import training

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


def task(folder: Path, *, time_limit: float) -> module._Task:
    return module._Task(folder, trial_rows, QUICK.learn, trainings=1, time_limit=time_limit, threads=1)


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


@pytest.mark.slow
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

    def trial(name: module.LearnerName, task: object) -> Trial:
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


def answered(**over: float) -> dict[str, Any]:
    return {"difference": 0.0, "seconds": 0.1, "cpu_seconds": 1.0, "crystals": 247} | over


@pytest.mark.parametrize(
    ("answer", "trainings", "ok", "message"),
    [
        ({"error": "not\n in this build"}, 1, False, "not in this build"),
        (answered(difference=0.9 * MAX_DIFFERENCE), 1, True, "faster: 0.1 s for 20 trees of the 247 crystals"),
        (answered(difference=MAX_DIFFERENCE), 1, False, "refused: predictions differ"),
        (answered(difference=math.nan), 1, False, "refused: predictions differ"),
        # What a real GPU took, and the CPU beside it.
        (answered(seconds=0.28, cpu_seconds=0.03), 1, False, "slower than the CPU: 0.28 s for 20 trees of the 247 cry"),
        (answered(seconds=1.0, cpu_seconds=1.0), 1, False, "slower than the CPU"),
        (answered(seconds=math.nan), 1, False, "slower than the CPU"),
        # The CPU trains several folds at a time, a GPU one.
        (answered(seconds=0.1, cpu_seconds=1.0), 9, True, "faster"),
        (answered(seconds=0.1, cpu_seconds=1.0), 11, False, "slower than the CPU"),
    ],
)
def test_what_an_answer_allows(answer: dict[str, Any], trainings: int, ok: bool, message: str) -> None:
    trial = module._judge("gpu", json.loads(json.dumps(answer)), trainings=trainings, seconds=4.0)
    assert (trial.name, trial.ok, trial.seconds) == ("gpu", ok, 4.0)
    assert trial.message.startswith(message)
    if "error" not in answer:
        assert "on the CPU" in trial.message
        assert ("at a time" in trial.message) is (trainings > 1)
        assert (trial.fit_seconds, trial.cpu_seconds) == pytest.approx(
            (answer["seconds"], answer["cpu_seconds"]), nan_ok=True
        )


def gpu_that_answers(monkeypatch: pytest.MonkeyPatch, **over: float) -> None:
    """Put a GPU in place whose learner ``gpu`` has this outcome; there is no ``cuda``."""
    monkeypatch.setattr(devices, "DRIVER", "libcuda-that-is-not-there.so.1")
    monkeypatch.setattr(module, "opencl_gpus", lambda: ("H200",))
    monkeypatch.setattr(
        module, "answer_of", lambda code, *, time_limit: Answer(0, json.dumps(answered(**over)).encode(), "")
    )


def test_a_learner_that_is_slower_is_passed_over_and_one_line_says_both_times(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_that_answers(monkeypatch, seconds=0.28, cpu_seconds=0.03)
    chosen = choose_learner("auto")
    assert chosen.device_type == "cpu"
    line = chosen.tried[-1].message
    assert line.startswith("gpu on H200: slower than the CPU: 0.28 s for 20 trees of the 247 crystals, on the CPU 0.03")
    assert "\n" not in line
    gpu_that_answers(monkeypatch, seconds=0.02, cpu_seconds=0.03)
    assert choose_learner("auto").device_type == "gpu"


def test_a_slower_learner_trains_where_it_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_that_answers(monkeypatch, seconds=0.28, cpu_seconds=0.03)
    chosen = choose_learner("cpu", forced="gpu")
    assert (chosen.device_type, chosen.tried[0].ok) == ("gpu", True)
    assert chosen.tried[0].message.startswith("slower than the CPU: 0.28 s")
    gpu_that_answers(monkeypatch, difference=0.1)
    with pytest.raises(EngineUnavailableError, match="refused"):
        choose_learner("auto", forced="gpu")


def test_the_rows_tried_are_those_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fitted in the trial's process is what the final model is fitted to, settings included."""
    crystals = table(60, seed=0)
    known = labels(crystals, 50, seed=1, n_bounds=10)
    seen: list[Rows] = []

    def noted(rows: Rows, *, params: dict[str, object], trees: int, **options: Any) -> object:
        seen.append(rows)
        return fit(rows, params=params, trees=trees, **options)

    monkeypatch.setattr(sys.modules["screening.learn.predictor"], "fit", noted)
    train(crystals, known, QUICK)
    rows = training_rows(crystals, known, QUICK)
    wanted = next(one for one in reversed(seen) if one.features.shape == rows.features.shape)  # beside composition
    for name in ("features", "target", "is_bound", "groups"):
        np.testing.assert_array_equal(getattr(rows, name), getattr(wanted, name))

    told: list[str] = []

    def kept(code: str, *, time_limit: float) -> Answer:
        (arguments,) = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Tuple))
        name, file, settings = ast.literal_eval(arguments)
        with np.load(file) as arrays:
            np.testing.assert_array_equal(arrays["features"], wanted.features)
            np.testing.assert_array_equal(arrays["is_bound"], wanted.is_bound)
        told.extend([name, settings])
        return Answer(1, b"", "")

    gpu_that_answers(monkeypatch)
    monkeypatch.setattr(module, "answer_of", kept)
    choose_learner("auto", rows=lambda: rows, settings=QUICK.learn)
    assert told == ["gpu", QUICK.learn.model_dump_json()]


@pytest.mark.parametrize(("learner", "forced"), [("auto", None), ("gpu", "gpu"), ("cpu", "cpu")])
def test_a_run_tries_its_own_crystals(learner: str, forced: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class Enough(Exception):  # noqa: N818
        pass

    def chosen(device: str, **told: Any) -> Learner:
        asked.update(told, device=device)
        raise Enough

    crystals = table(60, seed=0)
    known = labels(crystals, 50, seed=1)
    config = QUICK.model_copy(update={"learn": QUICK.learn.model_copy(update={"learner": learner, "trees": 1000})})
    monkeypatch.setattr(training, "choose_learner", chosen)
    monkeypatch.setattr(training, "read_some", lambda *_, **__: crystals)
    with pytest.raises(Enough):
        training.train_model(
            Path("f.zarr"), known, Path("model"), config=config, device=devices.Device("cuda", "why"), rejections=[],
            threads=7, progress=Progress(),
        )  # fmt: skip
    assert (asked["device"], asked["forced"], asked["settings"], asked["trainings"]) == (
        "cuda",
        forced,
        config.learn,
        7,
    )
    np.testing.assert_array_equal(asked["rows"]().features, training_rows(crystals, known, config).features)


def test_nobody_asks_for_rows_where_no_learner_is_tried(nothing_here: None) -> None:
    del nothing_here

    def rows() -> Rows:
        raise AssertionError("asked for")

    assert choose_learner("cpu", rows=rows).device_type == "cpu"
    assert choose_learner("auto", rows=rows).device_type == "cpu"


def test_a_build_without_the_learner_says_so() -> None:
    with pytest.raises(EngineUnavailableError, match=r"'cuda' cannot be used: .*not enabled in this build"):
        choose_learner("auto", forced="cuda")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("abort();", "ended with status -6"),
        pytest.param(
            'puts("noise on standard output"); fflush(stdout);', "No OpenCL device found", marks=pytest.mark.slow
        ),
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
def test_a_child_without_an_answer_is_no_learner(
    left: Answer, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How real children end so is for the tests of `host.child`."""
    monkeypatch.setattr(module, "answer_of", lambda code, *, time_limit: left)
    trial = module._trial("gpu", task(tmp_path, time_limit=6.0))
    assert not trial.ok
    assert message in trial.message


def test_a_driver_that_hangs_costs_the_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor(tmp_path, monkeypatch, code="for (;;) pause();")
    trial = module._trial("gpu", task(tmp_path, time_limit=6.0))
    assert not trial.ok
    assert trial.message == "the trial took longer than 6 s"
    assert trial.seconds < 60


@pytest.mark.slow
@pytest.mark.usefixtures("pocl")
def test_the_opencl_learner_agrees_with_the_cpu(record_testsuite_property: Callable[[str, object], None]) -> None:
    chosen = choose_learner("auto", forced="gpu", time_limit=300.0)
    assert chosen.device_type == "gpu"
    (trial,) = chosen.tried
    assert trial.ok
    assert trial.seconds > 0
    difference = float(trial.message.partition("CPU's by ")[2].split()[0])
    record_testsuite_property("OpenCL trial", trial.message)
    assert difference < 1e-6


def test_a_compiler_that_prints_at_every_fit_is_not_heard(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As an OpenCL driver does that says "1 warning generated." below Python."""

    def noisy(params: dict[str, object], data: Any, **options: Any) -> object:
        os.write(2, b"1 warning generated.\n")
        on_cpu = {name: value for name, value in params.items() if name not in {"device_type", "gpu_use_dp"}}
        return train_booster(on_cpu, data, **options)

    train_booster = lightgbm.train
    monkeypatch.setattr(lightgbm, "train", noisy)
    rows = trial_rows()
    held, _ = fit(rows, params=parameters(QUICK.learn, seed=0, device_type="gpu"), trees=3)
    assert capfd.readouterr() == ("", "")
    heard, _ = fit(rows, params=parameters(QUICK.learn, seed=0), trees=3)
    assert capfd.readouterr().err == "1 warning generated.\n"  # on the CPU nothing is held
    assert held.num_trees() == heard.num_trees() == 3


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
    """Of folds and of the final models; the checks, which are many small fits, stay on the CPU."""
    seen: list[tuple[object, object]] = []
    asked: list[str] = []

    def counted(rows: Rows, *, params: dict[str, object], **options: Any) -> object:
        seen.append((params.get("device_type"), params.get("gpu_use_dp")))
        on_cpu = {name: value for name, value in params.items() if name not in {"device_type", "gpu_use_dp"}}
        return fit(rows, params=on_cpu, **options)

    def noted(*given: Any, device_type: str = "cpu", **options: Any) -> object:
        asked.append(device_type)
        before = len(seen)
        found = fit_predictor(*given, device_type=device_type, **options)
        assert set(seen[before:]) == {("cuda", True)}
        return found

    for name in ("evaluate", "predictor"):
        monkeypatch.setattr(sys.modules[f"screening.learn.{name}"], "fit", counted)
    for name in ("evaluate", "train"):
        monkeypatch.setattr(sys.modules[f"screening.learn.{name}"], "fit_predictor", noted)
    crystals = table(60, seed=0)
    found = train(crystals, labels(crystals, 50, seed=1), QUICK, learner=Learner("cuda", "4.7.0", ()))
    assert len(asked) > 10
    assert set(asked) == {"cuda"}
    assert found.header.learner is not None
    assert found.header.learner.device_type == "cuda"
