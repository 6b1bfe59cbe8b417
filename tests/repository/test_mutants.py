"""The faults that scripts/mutants plants can be planted, and name tests that there are."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from paths import ROOT


@pytest.fixture(scope="module")
def mutants() -> ModuleType:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        spec = importlib.util.spec_from_file_location("mutants", ROOT / "scripts" / "mutants.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["mutants"] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return module


def test_every_fault_can_be_planted(mutants: ModuleType) -> None:
    faults = mutants.read_faults()
    assert len(faults) >= 60
    assert len({fault.name for fault in faults}) == len(faults)
    for fault in faults:
        whole = (ROOT / "screening" / fault.file).read_text(encoding="utf-8")
        changed = mutants.planted(fault, whole)
        ast.parse(changed)
        assert changed != whole
        for path in fault.tests.split():
            assert Path(ROOT / path).is_file(), (fault.name, path)
