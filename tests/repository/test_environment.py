"""environment.yml and pyproject.toml ask for the same versions."""

from __future__ import annotations

import re
import tomllib

from paths import ROOT

# Needed by conda to build or to drive a GPU; pip brings them by extras or build requirements.
CONDA_ONLY = {
    "cuda-version",
    "cupy",
    "dask-cuda",
    "cuda-nvcc",
    "cuda-cudart-dev",
    "cxx-compiler",
    "cmake",
    "ninja",
    "scikit-build-core",
    "nanobind",
    "pip",
    "python",
}


def pinned(requirement: str) -> tuple[str, str]:
    match = re.fullmatch(r"([A-Za-z0-9_-]+)(?:\[[^]]*\])?(.*)", requirement.strip())
    assert match, requirement
    return match[1], match[2].replace("==", "=")


def conda() -> dict[str, str]:
    lines = (ROOT / "environment.yml").read_text().splitlines()
    begin = lines.index("dependencies:")
    entries = [line.strip().removeprefix("- ") for line in lines[begin + 1 :]]
    return dict(pinned(entry) for entry in entries if not entry.endswith(":"))


def test_same_versions_as_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = dict(pinned(requirement) for requirement in project["project"]["dependencies"])
    found = conda()
    assert {name: bound for name, bound in found.items() if name not in CONDA_ONLY} == wanted
    assert found["python"] == project["project"]["requires-python"]
    build = dict(pinned(requirement) for requirement in project["build-system"]["requires"])
    assert {name: found[name] for name in build} == build
    gpu = extra("gpu-cu13")
    assert found["dask-cuda"] == gpu["dask-cuda"]
    assert found["cupy"] == gpu["cupy-cuda13x"]
    assert found["cuda-version"] == "=13.*"


def extra(name: str) -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return dict(pinned(requirement.partition(";")[0]) for requirement in project["optional-dependencies"][name])


def test_an_extra_for_each_cuda_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert project["gpu"] == ["screening[gpu-cu13]"]
    for cuda, nvrtc in ((12, "nvidia-cuda-nvrtc-cu12"), (13, "nvidia-cuda-nvrtc")):
        found = extra(f"gpu-cu{cuda}")
        assert set(found) == {f"cupy-cuda{cuda}x", nvrtc, "dask-cuda"}
        assert f"dask-cuda[cu{cuda}]==26.10.*" in project[f"gpu-cu{cuda}"]
    # Both are installed where the tests run on a GPU, and two wheels of CuPy would overwrite each other.
    for name, bound in extra("dev").items():
        if name.startswith(("cupy", "nvidia")):
            assert extra("gpu-cu13")[name] == bound
