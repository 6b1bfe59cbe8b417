"""Which device is meant, with no GPU, a stand-in driver, and drivers that fail."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from screening.errors import DeviceUnavailableError, EngineUnavailableError, MissingExtraError
from screening.host import gpu as device

DRIVER = r"""
#include <string.h>
int cuInit(unsigned flags) { return INIT; }
int cuDeviceGetCount(int* count) { *count = COUNT; return 0; }
int cuDeviceGet(int* device, int index) { *device = index; return BROKEN; }
int cuDeviceGetName(char* name, int size, int device) { strncpy(name, device ? "Second" : "First", size); return 0; }
int cuDeviceTotalMem_v2(unsigned long* bytes, int device) { *bytes = 80ul << 30; return 0; }
int cuDeviceGetAttribute(int* value, int attribute, int device) { *value = attribute == 75 ? 9 : 0; return 0; }
int cuDriverGetVersion(int* version) { *version = 12040; return 0; }
"""


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, *, init: int = 0, count: int = 2, broken: int = 0) -> None:
    source, library = folder / "driver.c", folder / f"driver-{init}-{count}-{broken}.so"
    source.write_text(DRIVER)
    flags = [f"-DINIT={init}", f"-DCOUNT={count}", f"-DBROKEN={broken}"]
    subprocess.run(["cc", "-shared", "-fPIC", *flags, str(source), "-o", str(library)], check=True)
    monkeypatch.setattr(device, "DRIVER", str(library))


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "DRIVER", "libcuda-that-is-not-there.so.1")


def packages(
    monkeypatch: pytest.MonkeyPatch, *, there: bool, wheels: tuple[str, ...] = ("cupy-cuda13x", "cupy-cuda13x")
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if there else None)
    monkeypatch.setattr(device, "_named_cupy", list)
    monkeypatch.setattr(device, "packages_distributions", lambda: {"cupy": list(wheels)} if there else {})


@pytest.mark.usefixtures("no_driver")
def test_without_a_driver() -> None:
    with pytest.raises(DeviceUnavailableError, match="install the NVIDIA driver"):
        device.resolve("cuda")
    chosen = device.resolve("auto")
    assert (chosen.kind, chosen.arrays) == ("cpu", "numpy")
    assert "no CUDA GPU here" in chosen.why
    assert device.driver_version() is None


def test_gpus_that_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch)
    packages(monkeypatch, there=True)
    for wanted in ("auto", "cuda"):
        chosen = device.resolve(wanted)
        assert (chosen.kind, chosen.arrays) == ("cuda", "cupy")
        assert [gpu.name for gpu in chosen.gpus] == ["First", "Second"]
        assert chosen.gpus[1] == device.Gpu(1, "Second", 80 << 30, (9, 0))
        assert "2 GPU(s), First, Second" in chosen.why
    assert device.driver_version() == "12.4"
    assert device.resolve("cpu").kind == "cpu"


def test_a_gpu_without_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch)
    packages(monkeypatch, there=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'screening\[gpu\]'"):
        device.resolve("cuda")
    assert device.resolve("auto").kind == "cpu"


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_cupy_of_two_cuda_versions_stops(
    wanted: device.Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both wheels write the folder cupy/: which files are there is chance, so nothing is computed with them."""
    stand_in(tmp_path, monkeypatch)
    packages(monkeypatch, there=True, wheels=("cupy-cuda13x", "cupy-cuda12x", "cupy-cuda12x"))
    with pytest.raises(EngineUnavailableError, match=r"as cupy-cuda12x and cupy-cuda13x, .*pip uninstall cupy-cuda12x"):
        device.resolve(wanted)
    assert device.resolve("cpu").kind == "cpu"
    packages(monkeypatch, there=True, wheels=("cupy",))  # conda's
    assert device.resolve(wanted).kind == "cuda"


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({"init": 100}, "sees no device"),
        ({"count": 0}, "sees no device"),
        ({"init": 999}, "fails with error 999"),
        ({"broken": 46}, "does not answer"),
    ],
)
def test_drivers_that_fail(
    faults: dict[str, int], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, **faults)
    packages(monkeypatch, there=True)
    with pytest.raises(DeviceUnavailableError, match=message):
        device.resolve("cuda")
    assert device.resolve("auto").kind == "cpu"


def test_workers_elsewhere_are_used_only_if_asked_for() -> None:
    assert device.resolve("auto", remote=True).kind == "cpu"
    assert device.resolve("cuda", remote=True).kind == "cuda"


def test_importing_and_asking_for_the_cpu_load_no_cuda() -> None:
    # Zarr imports a CuPy that is installed, which loads no driver; nothing else may import it.
    code = (
        "import sys, zarr; sys.modules.pop('cupy', None);"
        "import screening, screening.cli, screening.pipeline, screening.host.gpu as d; d.resolve('cpu');"
        "maps = open('/proc/self/maps').read();"
        "assert 'libcuda' not in maps and 'libnvrtc' not in maps, 'a CUDA library is loaded';"
        "assert not {'cupy', 'dask_cuda', 'rmm', 'ripserplusplus'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_cupy_is_found_by_the_names_of_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what a package brings, not by its name alone, and without reading any other package."""
    written = {
        "cupy_cuda13x-14.2.0": ("cupy-cuda13x", {"top_level.txt": "cupy\ncupyx\n"}),
        "cupy-14.1.0": ("cupy", {"RECORD": "cupy/__init__.py,sha256=x,1\n"}),
        "cupy_xarray-0.1": ("cupy-xarray", {"RECORD": "cupy_xarray/__init__.py,sha256=x,1\n"}),
        "CuPyTools-1.0": ("CuPyTools", {"top_level.txt": "tools\n"}),
    }
    for folder, (name, files) in written.items():
        info = tmp_path / f"{folder}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        for file, text in files.items():
            (info / file).write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(device, "packages_distributions", lambda: pytest.fail("all packages are read"))
    assert device.cupy_wheels() == ("cupy", "cupy-cuda13x")
