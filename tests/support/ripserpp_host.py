"""The published source of ripser++, unchanged, compiled for the host: for tests where there is no GPU.

The source distribution is fetched once into a cache; only the kernel launches are rewritten, into plain calls, on the
way to the compiler.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
from paths import CUDA_HOST

VERSION = "1.1.2"
SHIM = CUDA_HOST
CACHE = Path(os.environ.get("SCREENING_TEST_CACHE", Path.home() / ".cache" / "screening-tests"))
LAUNCH = re.compile(r"<<\s*<.*?>>\s*>\s*(?=\()", re.DOTALL)


def source() -> Path:
    """Folder of the unpacked source distribution; the test is skipped where it cannot be had."""
    folder = CACHE / f"ripserplusplus-{VERSION}"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            fetched = subprocess.run(
                [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest",
                 scratch, f"ripserplusplus=={VERSION}"],
                capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
            archives = list(Path(scratch).glob("*.tar.gz"))
            if not archives:
                pytest.skip(f"the source of ripser++ cannot be fetched: {fetched.stderr.strip()[-200:]}")
            with tarfile.open(archives[0]) as archive:
                archive.extractall(scratch, filter="data")
            unpacked = Path(scratch) / f"ripserplusplus-{VERSION}"
            try:
                unpacked.rename(folder)
            except OSError:  # another test run was faster
                assert folder.is_dir()
    return folder / "ripserplusplus"


def library() -> Path:
    """Shared library with the interface of ripser++ and its algorithm, on the host."""
    root = source()
    text = (root / "ripser++.cu").read_text()
    headers = [path.read_bytes() for path in sorted(SHIM.rglob("*.h"))]
    digest = hashlib.sha256(b"\0".join([text.encode(), *headers, Path(__file__).read_bytes()])).hexdigest()[:16]
    target = CACHE / f"ripserpp-host-{digest}.so"
    if target.exists():
        return target
    launches = text.count("<<<") + len(re.findall(r"<<\s+<", text))
    rewritten, count = LAUNCH.subn("", text)
    assert count == launches > 0
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        (Path(scratch) / "ripserpp.cpp").write_text(rewritten)
        (Path(scratch) / "omp.h").write_text("")  # included, and hardly used
        built = Path(scratch) / "library.so"
        subprocess.run(
            ["c++", "-std=c++17", "-O2", "-w", "-shared", "-fPIC", "-I", str(SHIM), "-I", str(root / "include"),
             "-I", scratch, str(Path(scratch) / "ripserpp.cpp"),
             str(root / "include" / "phmap_interface" / "phmap_interface.cpp"), "-o", str(built)],
            check=True, timeout=300,
        )  # fmt: skip
        shutil.move(built, target)
    return target
