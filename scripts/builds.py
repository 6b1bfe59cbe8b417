"""Builds of this tree and of earlier commits, side by side, for scripts that time one against the other."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("kernels", "screening", "CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE")
HERE = "this tree"
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


def both(against: str, folder: Path, *, kept: Path | None = None) -> dict[str, Path]:
    """Return by name the packages of an earlier commit and of this tree, built unless they are `kept` from before."""
    places = {against: (kept or folder) / against, HERE: (kept or folder) / f"this-{_digest()}"}
    for name, place in places.items():
        if not (place / "package").is_dir():
            shutil.rmtree(place, ignore_errors=True)
            build(against if name == against else None, place)
    return {name: place / "package" for name, place in places.items()}


def _digest() -> str:
    """Return what tells this tree's sources from those of another moment."""
    found = hashlib.sha256()
    for name in SOURCES:
        files = sorted((ROOT / name).rglob("*")) if (ROOT / name).is_dir() else [ROOT / name]
        for file in files:
            if file.is_file() and file.suffix not in (".so", ".pyc"):
                found.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def start(script: str, package: Path, work: Path) -> subprocess.Popen[str]:
    """Start `script --work FILE` with a built package; what it says and is told goes through pipes.

    By an interpreter that knows the package and what is installed here, but no editable installation of this tree: that
    would come first, in the processes that the script starts too.
    """
    return subprocess.Popen(
        [interpreter(package), script, "--work", str(work)],
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def interpreter(package: Path) -> str:
    """Return a Python that knows a built package and what is installed here beside this tree."""
    folder = package.parent / "environment"
    venv.create(folder, symlinks=True)
    places = {scheme: sysconfig.get_path(scheme) for scheme in ("purelib", "platlib")}
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    # The files .pth of folders that are named in one are not followed.
    (own / "beside.pth").write_text("\n".join(dict.fromkeys((str(package.resolve()), *places.values()))) + "\n")
    return str(folder / "bin" / "python")
