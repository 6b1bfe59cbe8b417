"""The installer of ripser++, and the process on a machine that lacks it or a GPU."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import venv
from pathlib import Path

import numpy as np
import pytest
from paths import SCRIPTS
from ripserpp_bars import clouds_of

from screening.errors import DeviceUnavailableError, EngineUnavailableError
from screening.homology import ripserpp
from screening.homology.engines import engine
from screening.homology.ripserpp import barcodes_ripserpp


def test_without_a_device(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_HOST_NO_DEVICE", "1")
    monkeypatch.setenv(ripserpp.LIBRARY_VARIABLE, str(built))
    with pytest.raises(DeviceUnavailableError, match=r"no CUDA-capable device is detected.*nvidia-smi"):
        barcodes_ripserpp(clouds_of([20]), r_max=np.array([5.0]))
    ripserpp._process.cache_clear()


def test_a_library_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib.so").write_bytes(b"no library")
    monkeypatch.setenv(ripserpp.LIBRARY_VARIABLE, str(tmp_path / "lib.so"))
    with pytest.raises(DeviceUnavailableError, match="scripts/install_ripserpp"):
        barcodes_ripserpp(clouds_of([20]), r_max=np.array([5.0]))
    ripserpp._process.cache_clear()
    monkeypatch.setenv(ripserpp.LIBRARY_VARIABLE, str(tmp_path / "missing.so"))
    with pytest.raises(EngineUnavailableError, match="is no file"):
        engine("ripserpp")


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ripserpp.LIBRARY_VARIABLE, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailableError, match="scripts/install_ripserpp"):
        engine("ripserpp")


INSTALLER = SCRIPTS / "install_ripserpp"


def install(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(INSTALLER), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={**os.environ, **env},
    )


def test_the_installer_builds_anew_for_the_gpus_named(tmp_path: Path) -> None:
    """Stand-ins for nvcc and Python show what would be run."""
    (tmp_path / "nvcc").write_text("#!/bin/sh\n")
    (tmp_path / "python").write_text(
        '#!/bin/sh\necho "$@"\necho $NVCC_APPEND_FLAGS\necho minimum $CMAKE_POLICY_VERSION_MINIMUM\n'
        "cat $CMAKE_TOOLCHAIN_FILE /dev/null\n"
    )
    for name in ("nvcc", "python"):
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = install(
        "--arch", "8.6 9.0", "--python", str(tmp_path / "python"), PATH=path, CMAKE_TOOLCHAIN_FILE="/dev/null"
    )
    assert done.returncode == 0, done.stderr
    assert 'set(CUDA_ARCH_LIST "8.6 9.0" CACHE STRING "")' in done.stdout
    assert "-std=c++17 -include thrust/sort.h" in done.stdout
    assert "minimum 3.5" in done.stdout.splitlines()  # CMake 4 reads it before anything that the package could set
    # An earlier build for other GPUs, in pip's cache or installed, must not be taken for this one.
    (line,) = (line for line in done.stdout.splitlines() if "--no-binary" in line)
    assert {"--no-cache-dir", "--force-reinstall", "--no-deps", "ripserplusplus==1.1.2"} <= set(line.split())


def test_the_installer_says_what_is_missing() -> None:
    bare = install(PATH="/usr/bin:/bin", CUDA_HOME="/nowhere")
    assert bare.returncode == 1
    assert "nvcc is not found: install the CUDA compiler" in bare.stderr
    assert bare.stderr.count("\n") == 1
    assert install("--what").returncode == 2


@pytest.mark.slow
@pytest.mark.parametrize("cmake", [3, 4])
def test_the_real_build_loads_and_says_that_there_is_no_gpu(
    cmake: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The installer on the package itself, with nvcc; without a GPU a typed error, and this process lives on."""
    if not shutil.which("nvcc"):
        pytest.skip("nvcc is not installed")
    tools = tmp_path / "tools"
    venv.create(tools, with_pip=True)
    fetched = subprocess.run([tools / "bin" / "pip", "install", "-q", f"cmake=={cmake}.*"], check=False)
    if fetched.returncode:
        pytest.skip(f"CMake {cmake} cannot be fetched")
    path = f"{tools / 'bin'}:{os.environ['PATH']}"
    done = install("--arch", "8.0 9.0", "--target", str(tmp_path), PATH=path)
    assert done.returncode == 0, done.stderr[-2000:]
    built = list(tmp_path.rglob("libpyripser++*"))
    assert len(built) == 1
    for architecture in (b"sm_80", b"sm_90"):
        assert architecture in built[0].read_bytes()
    monkeypatch.setenv(ripserpp.LIBRARY_VARIABLE, str(built[0]))
    if shutil.which("nvidia-smi"):
        pytest.skip("there is a GPU; scripts/gpu_selfcheck tries it")
    with pytest.raises(DeviceUnavailableError, match=r"ripser\+\+ cannot be used here"):
        barcodes_ripserpp(clouds_of([20]), r_max=np.array([5.0]))
    ripserpp._process.cache_clear()
