"""The trial that tells which engine and device to use."""

from __future__ import annotations

import importlib.util
import sys
import time
import tomllib
import types
from pathlib import Path

import pytest
from made_crystals import rocksalt

from screening.commands import bench
from screening.config import Config, read_config
from screening.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(9):
        (tmp_path / f"c{index}.cif").write_text(rocksalt(anion="Cl", scale=1 + index / 100))
    return tmp_path


def test_a_sample_is_drawn_by_its_seed(folder: Path) -> None:
    draws = {
        seed: [item.id for item in bench.sample([str(folder)], n=4, config=Config(), seed=seed)] for seed in range(30)
    }
    assert draws[3] == [item.id for item in bench.sample([str(folder)], n=4, config=Config(), seed=3)]
    assert all(len(set(ids)) == 4 for ids in draws.values())
    assert {id for ids in draws.values() for id in ids} == {f"c{index}" for index in range(9)}
    assert len(bench.sample([str(folder)], n=100, config=Config(), seed=0)) == 9


def test_nothing_to_draw_from(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no crystal found"):
        bench.sample([str(tmp_path)], n=4, config=Config(), seed=0)


def test_candidates() -> None:
    assert ("periodic", "cpu") in bench.CANDIDATES
    assert ("periodic", "cuda") in bench.CANDIDATES
    assert ("ripserpp", "cpu") not in bench.CANDIDATES


def test_measured_rates_and_what_is_not_available(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "CANDIDATES", (("periodic", "cuda"), ("periodic", "cpu"), ("supercell", "cpu")))
    monkeypatch.setattr("screening.host.gpu.DRIVER", "libcuda-that-is-not-there.so.1")
    config = read_config(None, {"cluster": {"workers": 1}, "cloud": {"channels": ["mobile"]}})
    said: list[str] = []
    found = bench.measure(bench.sample([str(folder)], n=5, config=config, seed=0), config, tell=said.append)
    assert len(said) == 3
    assert {(one.engine, one.device) for one in found[:2]} == {("periodic", "cpu"), ("supercell", "cpu")}
    assert found[0].rate is not None
    assert found[1].rate is not None
    assert found[0].rate >= found[1].rate > 0
    assert found[2].rate is None
    assert "no CUDA GPU here" in found[2].note


def test_the_lines_it_prints_are_a_config(tmp_path: Path) -> None:
    text = bench.config_lines(bench.Measured("supercell", "cuda", 3.0, None, ""))
    assert tomllib.loads(text) == {"device": "cuda", "homology": {"engine": "supercell"}}
    (tmp_path / "c.toml").write_text(text)
    assert read_config(tmp_path / "c.toml").homology.engine == "supercell"


def test_power_is_the_mean_over_all_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    class NVMLError(Exception):
        pass

    readings = {0: 100_000, 1: 50_000}
    stand_in = types.SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetPowerUsage=lambda handle: readings[handle],
    )
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with bench._Power(watched=True) as power:
        time.sleep(0.5)
    assert power.mean == pytest.approx(150.0)
    with bench._Power(watched=False) as power:
        pass
    assert power.mean is None

    def refuse() -> None:
        raise NVMLError("no driver")

    stand_in.nvmlInit = refuse
    with bench._Power(watched=True) as power:
        pass
    assert power.mean is None
