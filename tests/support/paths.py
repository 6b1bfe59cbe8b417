"""Where things lie."""

from __future__ import annotations

from pathlib import Path

SUPPORT = Path(__file__).resolve().parent
TESTS = SUPPORT.parent
ROOT = TESTS.parent
DATA = TESTS / "data"
CUDA_HOST = SUPPORT / "cuda_host"
CONFIGS = ROOT / "configs"
SCRIPTS = ROOT / "scripts"
SHARED = ROOT.parent / "shared" / "data"  # real crystals, beside the repository
