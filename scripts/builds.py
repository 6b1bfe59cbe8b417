"""Builds of this tree and of earlier commits, side by side, for scripts that time one against the other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("kernels", "screening", "CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE")
EARLIER = "f823789"  # what figures are given against unless another commit is named


def build(commit: str | None, folder: Path) -> Path:
    """Build the package of a commit, or of this tree, and return the folder to import it from."""
    source, target = folder / "source", folder / "package"
    source.mkdir(parents=True)
    if commit is None:
        for name in SOURCES:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, source / name)
        for stale in (source / "screening").glob("_kernels*.so"):
            stale.unlink()
    else:
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "x"], cwd=source, input=archive, check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True)
    return target


def start(script: str, package: Path, work: Path) -> subprocess.Popen[str]:
    """Start `script --work FILE` with a built package; what it says and is told goes through pipes.

    Without `site`, so that an editable installation of this tree does not come first.
    """
    paths = [str(package), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return subprocess.Popen(
        [sys.executable, "-S", script, "--work", str(work)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
