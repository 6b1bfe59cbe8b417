"""Which of LightGBM's learners trains: a GPU's where a short trial fit in a process of its own agrees with the CPU's.

The order is ``cuda`` (CUDA build of LightGBM), ``gpu`` (OpenCL), ``cpu``. A trial may crash, hang or abort without
harm to the run; a learner whose predictions differ from the CPU's is refused, so a model does not depend on the device.
"""

from __future__ import annotations

import ctypes
import json
import os
import time
from dataclasses import dataclass
from typing import Literal, NamedTuple

import lightgbm
import numpy as np

from screening.config import LearnConfig
from screening.crystals import FloatArray
from screening.errors import DeviceUnavailableError, EngineUnavailableError, UnavailableError
from screening.host import Wanted, answer_of, find_gpus
from screening.learn.boosting import Rows, fit, parameters

LearnerName = Literal["cuda", "gpu", "cpu"]
MAX_DIFFERENCE = 1e-4  # of predictions, relative to the spread of the targets
TRIAL_SECONDS = 120.0  # an OpenCL driver compiles LightGBM's kernels at their first use, some tens of seconds
TREES = 20
OPENCL = "libOpenCL.so.1"
_GPU_TYPE = 1 << 2  # CL_DEVICE_TYPE_GPU
_NO_DEVICE = -1  # CL_DEVICE_NOT_FOUND
_NO_PLATFORM = -1001  # CL_PLATFORM_NOT_FOUND_KHR
_MAX_MESSAGE = 300


class Trial(NamedTuple):
    """What became of one learner."""

    name: LearnerName
    ok: bool
    message: str  # one sentence for a person
    seconds: float  # wall time of the trial, start of its process included; 0 = there was none


@dataclass(frozen=True, slots=True)
class Learner:
    """The learner that trains, and why this one."""

    device_type: LearnerName
    lightgbm: str  # version
    tried: tuple[Trial, ...]  # in order; the last one is the learner chosen


CPU = Learner("cpu", lightgbm.__version__, (Trial("cpu", ok=True, message="cpu, as asked for", seconds=0.0),))


def choose_learner(
    device: Wanted, *, forced: LearnerName | None = None, time_limit: float = TRIAL_SECONDS, threads: int = 1
) -> Learner:
    """Return the learner that `device` means here, with what became of those before it.

    ``cpu`` tries nothing. ``auto`` and ``cuda`` take the first learner that finds a GPU, survives its trial and agrees
    with the CPU. That LightGBM cannot use the GPU is told in `tried` and no error, also for ``cuda``: the trees are
    the same and a few hundred labels train in seconds on any device.

    Parameters
    ----------
    device
        What the user asked for.
    forced
        This learner and no other, on whatever device its library finds (an OpenCL platform of CPUs too).
    time_limit
        Longest time of one trial, s.
    threads
        Threads of a trial.

    Raises
    ------
    EngineUnavailableError
        The forced learner does not pass its trial.
    """
    if forced is not None:
        trial = CPU.tried[0] if forced == "cpu" else _trial(forced, time_limit=time_limit, threads=threads)
        if not trial.ok:
            raise EngineUnavailableError(f"LightGBM's learner {forced!r} cannot be used: {trial.message}")
        return Learner(forced, lightgbm.__version__, (trial,))
    if device == "cpu":
        return CPU
    tried: list[Trial] = []
    for name in ("cuda", "gpu"):
        try:
            found = ", ".join(gpu.name for gpu in find_gpus()) if name == "cuda" else ", ".join(opencl_gpus())
        except UnavailableError as error:
            tried.append(Trial(name, ok=False, message=str(error), seconds=0.0))
            continue
        trial = _trial(name, time_limit=time_limit, threads=threads)
        tried.append(trial._replace(message=f"{found}: {trial.message}"))
        if trial.ok:
            return Learner(name, lightgbm.__version__, tuple(tried))
    tried.append(Trial("cpu", ok=True, message="cpu: no GPU learner can be used here", seconds=0.0))
    return Learner("cpu", lightgbm.__version__, tuple(tried))


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


def _trial(name: LearnerName, *, time_limit: float, threads: int) -> Trial:
    """Return what became of a learner's trial in a child process."""
    code = f"from screening.learn.learner import _answer; _answer({name!r}, threads={threads})"
    begin = time.monotonic()
    try:
        answer = answer_of(code, time_limit=time_limit)
    except TimeoutError as error:
        return Trial(name, ok=False, message=f"the trial {error}", seconds=time.monotonic() - begin)
    seconds = time.monotonic() - begin
    if answer.status != 0 or not answer.output:
        message = f"the trial's process ended with status {answer.status} and no answer"
        return Trial(name, ok=False, message=message, seconds=seconds)
    ok, message = _judge(json.loads(answer.output))
    return Trial(name, ok=ok, message=message, seconds=seconds)


def _judge(answer: dict[str, str | float]) -> tuple[bool, str]:
    """Return whether a trial's answer allows its learner, and why."""
    if "error" in answer:
        return False, " ".join(str(answer["error"]).split())[:_MAX_MESSAGE]
    difference = float(answer["difference"])
    told = (
        f"predictions differ from the CPU's by {difference:.1g} of the spread; "
        f"{answer['seconds']:.2f} s, on the CPU {answer['cpu_seconds']:.2f} s"
    )
    # Written so that NaN is refused.
    return (True, told) if difference < MAX_DIFFERENCE else (False, f"refused: {told}")


def _answer(name: LearnerName, *, threads: int) -> None:
    """Write the outcome of a trial as JSON to standard output, which LightGBM itself is kept from."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    outcome: dict[str, str | float]
    try:
        predictions, seconds = zip(*(_fit(one, threads=threads) for one in ("cpu", name)), strict=True)
    except lightgbm.basic.LightGBMError as error:
        outcome = {"error": str(error)}
    else:
        spread = float(np.std(trial_rows().target))
        difference = float(np.abs(predictions[1] - predictions[0]).max()) / spread
        outcome = {"difference": difference, "seconds": seconds[1], "cpu_seconds": seconds[0]}
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


def _fit(name: str, *, threads: int) -> tuple[FloatArray, float]:
    """Return predictions of the trial rows by a learner, and the seconds of the second of two fits."""
    rows = trial_rows()
    params = parameters(LearnConfig(), seed=0, threads=threads, device_type=name)
    fit(rows, params=params, trees=1)  # first use compiles kernels, which a driver keeps
    begin = time.monotonic()
    booster, base = fit(rows, params=params, trees=TREES)
    seconds = time.monotonic() - begin
    return np.asarray(booster.predict(rows.features, num_threads=1), dtype=np.float64) + base, seconds
