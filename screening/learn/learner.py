"""Which of LightGBM's learners trains: a GPU's where a trial on the training crystals agrees and is faster.

The order is ``cuda`` (CUDA build of LightGBM), ``gpu`` (OpenCL), ``cpu``. A trial is a few short fits in a process of
its own, which may crash, hang or abort without harm to the run. A learner whose predictions differ from the CPU's is
refused, so a model does not depend on the device; one that is slower is passed over unless it was asked for by name.
"""

from __future__ import annotations

import ctypes
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from screening.config import Config, LearnConfig
from screening.crystals import FloatArray
from screening.errors import DeviceUnavailableError, EngineUnavailableError, Rejection, UnavailableError
from screening.host import Wanted, answer_of, find_gpus
from screening.learn.boosting import Rows, fit, parameters
from screening.learn.dataset import join
from screening.learn.labels import Labels
from screening.learn.view import View
from screening.store import FeatureTable

LearnerName = Literal["cuda", "gpu", "cpu"]
MAX_DIFFERENCE = 1e-4  # of predictions, relative to the spread of the targets
TRIAL_SECONDS = 120.0  # an OpenCL driver compiles LightGBM's kernels at their first use, some tens of seconds
TREES = 20
FITS = 3  # timed of each learner; the shortest counts
OPENCL = "libOpenCL.so.1"
_GPU_TYPE = 1 << 2  # CL_DEVICE_TYPE_GPU
_NO_DEVICE = -1  # CL_DEVICE_NOT_FOUND
_NO_PLATFORM = -1001  # CL_PLATFORM_NOT_FOUND_KHR
_MAX_MESSAGE = 300
SLOWER = "slower than the CPU"


class Trial(NamedTuple):
    """What became of one learner."""

    name: LearnerName
    ok: bool  # whether it trains
    message: str  # one sentence for a person
    seconds: float  # wall time of the trial, start of its process included; 0 = there was none
    fit_seconds: float | None = None  # of one of its fits; None = none was made
    cpu_seconds: float | None = None  # of the same fit on one core


@dataclass(frozen=True, slots=True)
class Learner:
    """The learner that trains, and why this one."""

    device_type: LearnerName
    lightgbm: str  # version
    tried: tuple[Trial, ...]  # in order; the last one is the learner chosen


LIGHTGBM = version("lightgbm")  # not of the module, which brings in scikit-learn: two seconds for every command
CPU = Learner("cpu", LIGHTGBM, (Trial("cpu", ok=True, message="cpu, as asked for", seconds=0.0),))


def choose_learner(  # noqa: PLR0913
    device: Wanted,
    *,
    forced: LearnerName | None = None,
    rows: Callable[[], Rows] | None = None,
    settings: LearnConfig | None = None,
    trainings: int = 1,
    time_limit: float = TRIAL_SECONDS,
    threads: int = 1,
) -> Learner:
    """Return the learner that `device` means here, with what became of those before it.

    ``cpu`` tries nothing. ``auto`` and ``cuda`` take the first learner that finds a GPU, survives its trial, agrees
    with the CPU and is faster. That LightGBM cannot use the GPU, or is slower on it, is told in `tried` and no error,
    also for ``cuda``: the trees are the same and a few hundred labels train in seconds on any device.

    Parameters
    ----------
    device
        What the user asked for.
    forced
        This learner and no other, faster or not, on whatever device its library finds (an OpenCL platform of CPUs
        too).
    rows
        Gives what will be trained on; called only where a learner is tried. `trial_rows` if not given.
    settings
        How it will be trained; the defaults if not given.
    trainings
        How many trainings the CPU does at a time, where a GPU does one.
    time_limit
        Longest time of one trial, s.
    threads
        Threads of a trial.

    Raises
    ------
    EngineUnavailableError
        The forced learner does not pass its trial.
    """
    if forced == "cpu" or (forced is None and device == "cpu"):
        return CPU
    with tempfile.TemporaryDirectory() as folder:
        task = _Task(Path(folder), rows or trial_rows, settings or LearnConfig(), trainings, time_limit, threads)
        if forced is not None:
            trial = _trial(forced, task)
            if not (trial.ok or trial.message.startswith(SLOWER)):
                raise EngineUnavailableError(f"LightGBM's learner {forced!r} cannot be used: {trial.message}")
            return Learner(forced, LIGHTGBM, (trial._replace(ok=True),))
        tried: list[Trial] = []
        for name in ("cuda", "gpu"):
            try:
                found = ", ".join(gpu.name for gpu in find_gpus()) if name == "cuda" else ", ".join(opencl_gpus())
            except UnavailableError as error:
                tried.append(Trial(name, ok=False, message=str(error), seconds=0.0))
                continue
            trial = _trial(name, task)
            tried.append(trial._replace(message=f"{found}: {trial.message}"))
            if trial.ok:
                return Learner(name, LIGHTGBM, tuple(tried))
    tried.append(Trial("cpu", ok=True, message=_why_cpu(tried), seconds=0.0))
    return Learner("cpu", LIGHTGBM, tuple(tried))


def _why_cpu(tried: Sequence[Trial]) -> str:
    """Return why the CPU trains, in one line: what the GPU learners that were tried came to, with their times."""
    told = [f"{trial.name} on {trial.message}" for trial in tried if trial.seconds]
    return "; ".join(told) if told else "no GPU learner can be used here"


def training_rows(table: FeatureTable, labels: Labels, config: Config, *, rejections: Sequence[Rejection] = ()) -> Rows:
    """Return what the final model learns from: the labelled crystals as the trees see them.

    Raises
    ------
    ModelError
        As of `screening.learn.dataset.join`.
    """
    data = join(table, labels, rejections=rejections)
    seen = View.of(data.columns, band=config.learn.band)(data.features)
    return Rows(seen, data.target, data.is_bound, data.groups).under(config.learn.bounds)


def opencl_gpus() -> tuple[str, ...]:
    """Return the names of the OpenCL devices that are GPUs, asked through the loader alone.

    LightGBM takes the first GPU among all platforms, and a CPU where there is none; so one GPU here means that it
    takes a GPU.

    Raises
    ------
    EngineUnavailableError
        There is no OpenCL loader.
    DeviceUnavailableError
        No OpenCL device is a GPU.
    """
    try:
        loader = ctypes.CDLL(OPENCL)
    except OSError as error:
        raise EngineUnavailableError(
            f"no OpenCL here: {OPENCL} is not found; apt-get install ocl-icd-libopencl1 (conda: ocl-icd-system)"
        ) from error
    names: list[str] = []
    for platform in _handles(loader.clGetPlatformIDs, what="platforms"):
        for device in _handles(loader.clGetDeviceIDs, ctypes.c_void_p(platform), ctypes.c_uint64(_GPU_TYPE)):
            text = ctypes.create_string_buffer(256)
            _check(loader.clGetDeviceInfo(ctypes.c_void_p(device), 0x102B, ctypes.c_size_t(256), text, None), "names")
            names.append(text.value.decode(errors="replace"))
    if not names:
        raise DeviceUnavailableError("no OpenCL device is a GPU: install the GPU vendor's OpenCL driver")
    return tuple(names)


def _handles(call: ctypes._NamedFuncPointer, *where: object, what: str = "devices") -> list[int]:
    """Return what an OpenCL call lists, which is asked first for the number and then for the handles."""
    count = ctypes.c_uint32(0)
    status = int(call(*where, 0, None, ctypes.byref(count)))
    if status in {_NO_DEVICE, _NO_PLATFORM}:
        return []
    _check(status, what)
    found = (ctypes.c_void_p * count.value)()
    _check(int(call(*where, count, found, None)), what)
    return [handle for handle in found if handle is not None]


def _check(status: int, what: str) -> None:
    if status != 0:
        raise DeviceUnavailableError(f"OpenCL fails to list its {what} (error {status})")


@dataclass(frozen=True, slots=True)
class _Task:
    """What the trials of one choice have in common."""

    folder: Path  # where the rows are written once
    rows: Callable[[], Rows]
    settings: LearnConfig
    trainings: int
    time_limit: float  # s
    threads: int

    def file(self) -> Path:
        """Return the file of the rows."""
        path = self.folder / "rows.npz"
        if not path.exists():
            rows = self.rows()
            np.savez(path, features=rows.features, target=rows.target, is_bound=rows.is_bound, groups=rows.groups)
        return path


def _trial(name: LearnerName, task: _Task) -> Trial:
    """Return what became of a learner's trial in a child process."""
    told = (name, str(task.file()), task.settings.model_dump_json())
    code = f"from screening.learn.learner import _answer; _answer(*{told!r}, threads={task.threads})"
    begin = time.monotonic()
    try:
        answer = answer_of(code, time_limit=task.time_limit)
    except TimeoutError as error:
        return Trial(name, ok=False, message=f"the trial {error}", seconds=time.monotonic() - begin)
    seconds = time.monotonic() - begin
    if answer.status != 0 or not answer.output:
        message = f"the trial's process ended with status {answer.status} and no answer"
        return Trial(name, ok=False, message=message, seconds=seconds)
    return _judge(name, json.loads(answer.output), trainings=task.trainings, seconds=seconds)


def _judge(name: LearnerName, answer: dict[str, str | float], *, trainings: int, seconds: float) -> Trial:
    """Return what a trial's answer allows its learner, and why."""
    if "error" in answer:
        message = " ".join(str(answer["error"]).split())[:_MAX_MESSAGE]
        return Trial(name, ok=False, message=message, seconds=seconds)
    difference, took, cpu_took = (float(answer[key]) for key in ("difference", "seconds", "cpu_seconds"))
    together = f", {trainings} at a time" if trainings > 1 else ""
    times = (
        f"{took:.3g} s for {TREES} trees of the {answer['crystals']} crystals, on the CPU {cpu_took:.3g} s{together}"
    )
    agreement = f"predictions differ from the CPU's by {difference:.1g} of the spread"
    trial = Trial(name, ok=False, message="", seconds=seconds, fit_seconds=took, cpu_seconds=cpu_took)
    if not difference < MAX_DIFFERENCE:  # so that NaN is refused
        return trial._replace(message=f"refused: {agreement}; {times}")
    if not took < cpu_took / trainings:
        return trial._replace(message=f"{SLOWER}: {times}; {agreement}")
    return trial._replace(ok=True, message=f"faster: {times}; {agreement}")


def _answer(name: LearnerName, file: str, settings: str, *, threads: int) -> None:
    """Write the outcome of a trial as JSON to standard output, which LightGBM itself is kept from."""
    from lightgbm.basic import LightGBMError

    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with np.load(file, allow_pickle=False) as arrays:
        rows = Rows(**{key: arrays[key] for key in ("features", "target", "is_bound", "groups")})
    learn = LearnConfig.model_validate_json(settings)
    outcome: dict[str, str | float]
    try:
        predictions, seconds = zip(*(_fit(one, rows, learn, threads=threads) for one in ("cpu", name)), strict=True)
    except LightGBMError as error:
        outcome = {"error": str(error)}
    else:
        difference = float(np.abs(predictions[1] - predictions[0]).max()) / float(np.std(rows.target))
        outcome = {
            "difference": difference,
            "seconds": seconds[1],
            "cpu_seconds": seconds[0],
            "crystals": len(rows.target),
        }
    json.dump(outcome, replies)
    replies.flush()


def trial_rows() -> Rows:
    """Return what a trial learns from: 300 rows of 200 columns with NaN, and upper bounds among the targets."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 200)).astype(np.float32)
    target = 2.0 * features[:, :5].sum(axis=1, dtype=np.float64) + rng.normal(0.0, 0.5, 300) - 6.0
    features[rng.random(features.shape) < 0.2] = np.nan
    is_bound = rng.random(300) < 0.2
    return Rows(features, np.where(is_bound, target + 1.0, target), is_bound, np.arange(300, dtype=np.int64))


def _fit(name: str, rows: Rows, settings: LearnConfig, *, threads: int) -> tuple[FloatArray, float]:
    """Return predictions of the rows by a learner, and the seconds of the shortest of its fits."""
    params = parameters(settings, seed=0, threads=threads, device_type=name)
    fit(rows, params=params, trees=1)  # first use compiles kernels, which a driver keeps
    seconds = []
    for _ in range(FITS):
        begin = time.perf_counter()
        booster, base = fit(rows, params=params, trees=TREES)
        seconds.append(time.perf_counter() - begin)
    return np.asarray(booster.predict(rows.features, num_threads=1), dtype=np.float64) + base, min(seconds)
