"""environment.yml and pyproject.toml ask for the same versions."""

from __future__ import annotations

import re
import tomllib

from paths import ROOT

# Needed by conda to build or to drive a GPU; pip brings them by extras or build requirements.
CONDA_ONLY = {
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
    gpu = dict(pinned(requirement) for requirement in project["project"]["optional-dependencies"]["gpu"])
    assert found["dask-cuda"] == gpu["dask-cuda"]
    assert found["cupy"] == gpu["cupy-cuda12x"]
