"""Which device computes: one meaning of auto, cuda and cpu everywhere, decided before work starts.

======  ==========================================================================================
auto    a CUDA GPU if one answers and CuPy is installed, the CPU otherwise; what was chosen is said
cuda    a CUDA GPU, or an error before any work
cpu     the CUDA driver is not loaded
======  ==========================================================================================
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, packages_distributions
from pathlib import Path
from typing import Literal

from screening.errors import DeviceUnavailableError, EngineUnavailableError, MissingExtraError, UnavailableError

Wanted = Literal["auto", "cuda", "cpu"]
DRIVER = "libcuda.so.1"
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
REMEDY = "install the NVIDIA driver and make a GPU visible (nvidia-smi, CUDA_VISIBLE_DEVICES), or use --device cpu"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One CUDA device that answers."""

    index: int  # among the visible ones
    name: str
    memory: int  # bytes in all
    capability: tuple[int, int]  # compute capability, major and minor


@dataclass(frozen=True, slots=True)
class Device:
    """Where arrays are computed, and why there."""

    kind: Literal["cuda", "cpu"]
    why: str  # one sentence for a person
    gpus: tuple[Gpu, ...] = ()  # of this machine; empty where the workers are elsewhere
    arrays: Literal["numpy", "cupy"] = "numpy"  # array module of the vectorizing stage


def resolve(wanted: Wanted, *, remote: bool = False) -> Device:
    """Return the device that `wanted` means here.

    Parameters
    ----------
    wanted
        What the user asked for.
    remote
        The workers are on other machines: their GPUs cannot be seen from here, so only an explicit ``cuda`` uses them.

    Raises
    ------
    DeviceUnavailableError
        ``cuda`` was asked for and no GPU answers here.
    MissingExtraError
        ``cuda`` was asked for and CuPy is not installed.
    EngineUnavailableError
        A GPU answers, and CuPy is installed for two CUDA versions at once; also with ``auto``, since a broken
        installation is no reason to compute elsewhere.
    """
    if wanted == "cpu":
        return Device("cpu", "cpu, as asked for")
    if remote:
        if wanted == "cuda":
            return Device("cuda", "cuda, on the workers", arrays="cupy")
        return Device("cpu", "cpu: the workers are elsewhere; --device cuda uses their GPUs")
    try:
        gpus = find_gpus()
        _check_packages()
    except UnavailableError as error:
        if wanted == "cuda":
            raise
        return Device("cpu", f"cpu: {str(error).partition(';')[0]}")  # nothing was asked for: no remedy
    check_one_cupy(cupy_wheels())
    names = ", ".join(sorted({gpu.name for gpu in gpus}))
    return Device("cuda", f"cuda: {len(gpus)} GPU(s), {names}", gpus=gpus, arrays="cupy")


def find_gpus() -> tuple[Gpu, ...]:
    """Return the CUDA devices that answer, asked through the driver alone.

    No context is made, so nothing is held on a device.

    Raises
    ------
    DeviceUnavailableError
        There is no driver, or no device answers; the message says which and what to do.
    """
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError as error:
        raise DeviceUnavailableError(f"no CUDA GPU here: {DRIVER} is not found; {REMEDY}") from error
    status = int(driver.cuInit(0))
    count = ctypes.c_int(0)
    if status == 0:
        status = int(driver.cuDeviceGetCount(ctypes.byref(count)))
    if status == _NO_DEVICE or (status == 0 and count.value == 0):
        raise DeviceUnavailableError(f"no CUDA GPU here: the driver sees no device; {REMEDY}")
    if status != 0:
        raise DeviceUnavailableError(f"no CUDA GPU here: the driver fails with error {status}; {REMEDY}")
    return tuple(_describe(driver, index) for index in range(count.value))


def driver_version() -> str | None:
    """Return the CUDA version that the driver supports, such as ``12.4``; None without a driver."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return None
    version = ctypes.c_int(0)
    if int(driver.cuDriverGetVersion(ctypes.byref(version))) != 0:
        return None
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def _describe(driver: ctypes.CDLL, index: int) -> Gpu:
    device, memory = ctypes.c_int(0), ctypes.c_size_t(0)
    name = ctypes.create_string_buffer(256)
    major, minor = ctypes.c_int(0), ctypes.c_int(0)
    calls = (
        driver.cuDeviceGet(ctypes.byref(device), index),
        driver.cuDeviceGetName(name, len(name), device),
        driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device),
        driver.cuDeviceGetAttribute(ctypes.byref(major), 75, device),
        driver.cuDeviceGetAttribute(ctypes.byref(minor), 76, device),
    )
    if any(calls):
        raise DeviceUnavailableError(f"CUDA GPU {index} does not answer (driver errors {calls}); {REMEDY}")
    return Gpu(index, name.value.decode(errors="replace"), memory.value, (major.value, minor.value))


def cupy_wheels() -> tuple[str, ...]:
    """Return the names of the installed packages that bring CuPy: one for each CUDA version that it is built for."""
    # Of all packages only those of this name are read: in an image of hundreds asking them all takes two seconds.
    found = {wheel.name for wheel in map(Distribution.at, _named_cupy()) if _brings_cupy(wheel)}
    return tuple(sorted(found or set(packages_distributions().get("cupy", ()))))


def _named_cupy() -> list[Path]:
    return [folder for entry in sys.path for folder in Path(entry).glob("[cC]u[pP]y*.dist-info")]


def _brings_cupy(wheel: Distribution) -> bool:
    modules = wheel.read_text("top_level.txt")
    if modules is not None:
        return "cupy" in modules.split()
    return any(line.startswith("cupy/") for line in (wheel.read_text("RECORD") or "").splitlines())


def check_one_cupy(wheels: tuple[str, ...]) -> None:
    """Return nothing if CuPy is installed once, as its packages' names (`cupy_wheels`) tell.

    Raises
    ------
    EngineUnavailableError
        Twice: the packages write the same files, and which of them win is chance.
    """
    if len(wheels) > 1:
        raise EngineUnavailableError(
            f"CuPy is installed {len(wheels)} times, as {' and '.join(wheels)}, whose files overwrite each other: "
            f"pip uninstall {' '.join(wheels)}, then pip install 'screening[gpu-cu13]' or 'screening[gpu-cu12]', "
            "whichever the driver supports; or use --device cpu"
        )


def _check_packages() -> None:
    missing = [name for name in ("cupy",) if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"the GPU path needs {' and '.join(missing)}: pip install 'screening[gpu]', or use --device cpu"
        )
