"""The GPU self-check where there is no GPU: its report, its isolation, and its sections on stand-ins."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gpu_host
import numpy as np
import psutil
import pytest
from made_crystals import rocksalt
from paths import ROOT

from screening.config import read_config
from screening.features.shard import assemble
from screening.homology.barcodes import Barcodes, Fallback
from screening.homology.supercell import barcodes_redzed
from screening.host import gpu as device

sys.path.append(str(ROOT / "scripts"))

import gpu_periodic as periodic_sections
import gpu_report as report
import gpu_sections as sections
import gpu_selfcheck as script

SECTION = r"""
import json, os, sys, time
def row(name, outcome="passed"):
    with open(sys.argv[1], "a") as out:
        out.write(json.dumps({"name": name, "outcome": outcome, "detail": "d", "figures": {"a": 1.5}}) + "\n")
"""


def ran(code: str, tmp_path: Path, *, time_limit: float = 30.0) -> report.Section:
    path = tmp_path / "section.py"
    path.write_text(SECTION + code)
    return report.run_section(
        "s", title="S", command=lambda rows: [sys.executable, str(path), str(rows)], time_limit=time_limit
    )


def test_rows_are_told_as_they_come(tmp_path: Path) -> None:
    seen: list[int] = []
    path = tmp_path / "section.py"
    path.write_text(SECTION + "row('a'); time.sleep(1.5); row('b'); time.sleep(1.5)")
    report.run_section(
        "s",
        title="S",
        command=lambda rows: [sys.executable, str(path), str(rows)],
        time_limit=30,
        told=lambda rows, _: seen.append(len(rows)),
    )
    assert seen == [1, 2]


@pytest.mark.parametrize(
    ("code", "outcome", "rows", "told"),
    [
        ("row('a'); row('b', 'skipped')", "passed", 2, "d"),
        ("row('a', 'skipped')", "skipped", 1, "d"),
        ("row('a'); row('b', 'failed')", "failed", 2, "d"),
        ("row('a'); raise ValueError('what went wrong')", "failed", 2, "status 1: ValueError: what went wrong"),
        ("row('a'); os.abort()", "failed", 2, "status -6: no message"),
        ("row('a'); print('CUDA error', file=sys.stderr); os._exit(1)", "failed", 2, "status 1: CUDA error"),
        ("row('a'); time.sleep(1000)", "failed", 2, "longer than 2 s"),
        ("pass", "failed", 1, "no row was written"),
    ],
)
def test_a_section_that_fails_is_a_row(code: str, outcome: str, rows: int, told: str, tmp_path: Path) -> None:
    found = ran(code, tmp_path, time_limit=2.0 if "sleep" in code else 30.0)
    assert found.outcome == outcome
    assert len(found.rows) == rows
    assert told in found.rows[-1].detail


def test_what_a_section_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    code = "import subprocess; p = subprocess.Popen(['sleep', '1000']); row(str(p.pid)); os._exit(1)"
    left = int(ran(code, tmp_path).rows[0].name)
    deadline = time.monotonic() + 20
    while psutil.pid_exists(left) and psutil.Process(left).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def check_schema(found: dict[str, Any]) -> None:
    assert (found["format"], found["format_version"]) == ("screening-gpu-selfcheck", 1)
    assert set(found) == {"format", "format_version", "outcome", "no_gpu", "machine", "sections"}
    assert found["outcome"] in {"passed", "failed", "no-gpu"}
    assert (found["no_gpu"] is None) == (found["outcome"] != "no-gpu")
    assert set(found["machine"]) >= {"system", "python", "cores", "CUDA of the driver", "packages"}
    for section in found["sections"]:
        assert set(section) == {"name", "title", "seconds", "rows", "outcome"}
        assert section["outcome"] in {"passed", "failed", "skipped"}
        assert section["rows"]
        for row in section["rows"]:
            assert set(row) == {"name", "outcome", "detail", "figures"}
            assert row["outcome"] in {"passed", "failed", "skipped"}
            assert row["detail"]


def test_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(device, "DRIVER", "libcuda-that-is-not-there.so.1")
    monkeypatch.setattr(script, "run_section", None)  # nothing is run
    assert script.check(script.arguments(["--out", str(tmp_path)])) == 3
    found = json.loads((tmp_path / "report.json").read_text())
    check_schema(found)
    assert "libcuda-that-is-not-there" in found["no_gpu"]
    assert [section["name"] for section in found["sections"]] == list(script.SECTIONS)
    assert {section["outcome"] for section in found["sections"]} == {"skipped"}
    page = (tmp_path / "report.md").read_text()
    assert page.startswith("# GPU self-check\n\n**no-gpu**: no CUDA GPU here")
    assert page.count("no GPU answers") == len(script.SECTIONS)
    assert "no GPU: no CUDA GPU here" in capsys.readouterr().out


def test_the_command_itself(tmp_path: Path) -> None:
    """As a person calls it; a driver that sees no device makes any machine one without a GPU."""
    source, library = tmp_path / "driver.c", tmp_path / "libcuda.so.1"
    source.write_text("int cuInit(unsigned f) { return 100; } int cuDriverGetVersion(int* v) { *v = 13000; return 0; }")
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    environment = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(tmp_path), "SCREENING_VENV": sys.prefix}
    command = [str(ROOT / "scripts" / "gpu_selfcheck"), "--out", str(tmp_path / "out"), "--only", "learner"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, "")
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    check_schema(found)
    assert "the driver sees no device" in found["no_gpu"]
    assert found["machine"]["CUDA of the driver"] == "13.0"
    assert [section["name"] for section in found["sections"]] == ["learner"]


@pytest.mark.parametrize(
    "words", [["--crystals", "/nowhere"], ["-n", "0"], ["--calls", "0"], ["--time-limit", "0"], ["--only", "x"]]
)
def test_wrong_arguments(words: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        script.arguments(words)
    assert error.value.code == 2


@pytest.mark.parametrize(("outcome", "status"), [("passed", 0), ("skipped", 0), ("failed", 1)])
def test_with_a_gpu_every_section_is_run(
    outcome: report.Outcome, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def run(name: str, *, title: str, command: Callable[[Path], list[str]], **_: object) -> report.Section:
        seen.append(command(Path("ROWS")))
        outcomes = outcome if name == "engine" else "passed"
        return report.Section(name, title, 1.0, [report.Row("r | s", outcomes, "d", {"x": 1.23456, "y": [1, 2]})])

    monkeypatch.setattr(script, "find_gpus", lambda: (device.Gpu(0, "A GPU", 80 << 30, (9, 0)),))
    monkeypatch.setattr(script, "run_section", run)
    words = ["--out", str(tmp_path), "--crystals", str(tmp_path), "--calls", "7"]
    assert script.check(script.arguments(words)) == status
    assert [words[3] for words in seen] == list(script.SECTIONS)
    assert seen[0][-2:] == ["--crystals", str(tmp_path)]
    assert "7" in seen[0]
    found = json.loads((tmp_path / "report.json").read_text())
    check_schema(found)
    assert found["machine"]["GPUs"] == ["A GPU (80 GiB)"]
    assert "| r \\| s | passed | d | x 1.235, y 1, 2 |" in (tmp_path / "report.md").read_text()


JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="good"/>
<testcase classname="tests.a" name="bad"><failure message="1 != 2">trace</failure></testcase>
<testcase classname="tests.a" name="worse"><error message="no kernel image">trace</error></testcase>
<testcase classname="tests.a" name="left"><skipped message="no second GPU"/></testcase>
</testsuite></testsuites>"""


def test_counts_of_a_pytest_run(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(JUNIT)
    counts, *bad = sections.junit_rows(path)
    assert counts.figures == {"passed": 1, "failed": 2, "skipped": 1}
    assert (counts.outcome, counts.detail) == ("failed", "no second GPU")
    assert [(row.name, row.outcome, row.detail) for row in bad] == [
        ("tests.a.bad", "failed", "1 != 2"),
        ("tests.a.worse", "failed", "no kernel image"),
    ]
    path.write_text('<testsuites><testsuite><testcase classname="a" name="b"/></testsuite></testsuites>')
    assert [row.outcome for row in sections.junit_rows(path)] == ["passed"]
    path.write_text("<testsuites><testsuite/></testsuites>")
    assert [row.outcome for row in sections.junit_rows(path)] == ["failed"]  # a check of nothing is none
    path.unlink()
    assert [row.outcome for row in sections.junit_rows(path)] == ["failed"]


def test_a_missing_package_is_a_row() -> None:
    def rows() -> Iterator[report.Row]:
        yield report.Row("a", "passed", "d")
        importlib.import_module("a_package_that_is_not_there")

    first, last = sections.where_available(rows())
    assert (first.outcome, last.outcome) == ("passed", "skipped")
    assert "a_package_that_is_not_there" in last.detail


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    """Arguments of a section, with three of the embedded crystals."""
    items = sections.items_of
    monkeypatch.setattr(sections, "items_of", lambda chosen: items(chosen)[:3])
    return script.arguments(["-n", "2", "--calls", "6"])


def test_crystals_are_the_embedded_ones_and_those_asked_for(tmp_path: Path) -> None:
    (tmp_path / "mine.cif").write_text(rocksalt())
    embedded = sections.items_of(script.arguments([]))
    assert len(embedded) > 50
    assert len(sections.items_of(script.arguments(["--crystals", str(tmp_path)]))) == len(embedded) + 1


def shifted(clouds: Any, **options: Any) -> Barcodes:
    """The CPU engine with the first bar of each batch born a tick later."""
    found = barcodes_redzed(clouds, **options)
    birth = found.birth.copy()
    birth[:1] += 1e-4
    return Barcodes(birth, found.death, found.dim, found.offsets, found.n_points, found.r_cut)


def left_out(clouds: Any, **options: Any) -> Barcodes:
    found = barcodes_redzed(clouds, **options)
    reasons = tuple(Fallback(cloud, "crash") for cloud in range(len(found)))
    return Barcodes(found.birth, found.death, found.dim, found.offsets, found.n_points, found.r_cut, reasons)


def engine_is(function: Callable[..., Barcodes], monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins = {"ripserpp": function, "supercell": barcodes_redzed}
    monkeypatch.setattr(
        sections,
        "engine_of",
        {name: SimpleNamespace(function_itself=found) for name, found in stand_ins.items()}.__getitem__,
    )


@pytest.mark.parametrize(
    ("function", "outcome"), [(barcodes_redzed, "passed"), (shifted, "failed"), (left_out, "failed")]
)
def test_the_engine_section(
    function: Callable[..., Barcodes], outcome: str, few: argparse.Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_is(function, monkeypatch)
    monkeypatch.setattr(sections, "POINTS", 60)
    rows = list(sections.engine(few))
    assert [row.name for row in rows] == ["mobile", "anion", "cation", "framework", "all"]
    assert {row.outcome for row in rows} == {outcome}
    assert rows[0].figures["clouds"] == 3
    assert rows[0].figures["clouds that differ"] == (1 if function is shifted else 0)
    assert rows[0].figures["left to the CPU"] == ({"crash": 3} if function is left_out else {})


class Pynvml(types.ModuleType):
    """NVML of a machine with two GPUs, the first of which is half busy and uses more memory at every question."""

    def __init__(self, *, growth: int = 0) -> None:
        super().__init__("pynvml")
        self.growth, self.asked, self.open = growth, 0, 0

    def nvmlInit(self) -> None:  # noqa: N802
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> types.SimpleNamespace:  # noqa: N802
        self.asked += handle == 0
        return types.SimpleNamespace(used=(1 << 30) + (handle == 0) * self.growth * self.asked)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> types.SimpleNamespace:  # noqa: N802
        return types.SimpleNamespace(gpu=50 if handle == 0 else 0)


@pytest.mark.parametrize(("growth", "outcome"), [(0, "passed"), (1 << 28, "failed")])
def test_the_memory_section(
    growth: int, outcome: str, few: argparse.Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml = Pynvml(growth=growth)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(sections, "POINTS", 60)
    engine_is(barcodes_redzed, monkeypatch)
    gpu, host = sections.memory(few)
    assert (gpu.outcome, host.outcome) == (outcome, "passed")
    assert len(gpu.figures["MiB"]) == 6
    assert gpu.figures["growth MiB"] == 4 * growth / 2**20
    assert host.figures["MiB"][0] > 10
    assert nvml.open == 0
    engine_is(left_out, monkeypatch)
    (row,) = sections.memory(few)
    assert (row.outcome, row.detail) == ("failed", "call 0 was left to the CPU: crash")


def test_the_section_on_the_whole_path(few: argparse.Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Pynvml())
    on_cpu = read_config

    def quick(path: None, over: dict[str, Any]) -> Any:
        return on_cpu(path, {**over, "device": "cpu", "cluster": {"workers": 1}, "cloud": {"channels": ["mobile"]}})

    monkeypatch.setattr(periodic_sections, "read_config", quick)
    cpu, gpu, same = periodic_sections.whole_path(few)
    assert [row.outcome for row in (cpu, gpu, same)] == ["passed"] * 3
    assert cpu.figures["crystals"] == gpu.figures["crystals"] >= 2
    assert gpu.figures["busy %"] == [50.0, 0.0]
    assert same.figures["files"] > 5
    assert same.figures["files that differ"] == 0


def test_the_section_on_the_exact_engine(
    few: argparse.Namespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    library = gpu_host.build(tmp_path)
    monkeypatch.setattr(periodic_sections, "CudaDevice", lambda **_: gpu_host.HostDevice(library))
    monkeypatch.setattr(periodic_sections, "BATCHES", (3,))
    first, compared, batch, shares = sections.periodic(few)
    assert [row.outcome for row in (first, compared, batch, shares)] == ["passed"] * 4
    assert compared.figures["bars"] > 100
    assert compared.figures["clouds with other bars"] == compared.figures["clouds with other values"] == 0
    monkeypatch.setattr(periodic_sections, "packed_bars", lambda cells, _: [np.zeros(0, np.uint64)] * len(cells))
    assert list(sections.periodic(few))[1].outcome == "failed"


def cupy_is_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put NumPy in CuPy's place."""

    def benchmark(call: Callable[..., Any], args: tuple[Any, ...] = (), *, n_repeat: int, n_warmup: int) -> Any:
        assert n_warmup > 0
        call(*(np for _ in args))
        return types.SimpleNamespace(gpu_times=np.full((1, n_repeat), 1e-3), cpu_times=np.full(n_repeat, 2e-3))

    modules = {name: types.ModuleType(name) for name in ("cupy", "cupyx", "cupyx.profiler")}
    modules["cupy"].asarray = modules["cupy"].asnumpy = np.asarray  # type: ignore[attr-defined]
    modules["cupyx.profiler"].benchmark = benchmark  # type: ignore[attr-defined]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("error", [0.0, 1e-7])
def test_the_arrays_section(error: float, few: argparse.Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    real = assemble

    def computed(prepared: Any, found: Any, config: Any, kind: str) -> Any:
        rows = real(prepared, found, config)
        if kind == "cupy":
            rows.features.ravel()[np.flatnonzero(rows.features.ravel() == 1.0)[0]] += np.float32(error)
        return rows

    cupy_is_numpy(monkeypatch)
    monkeypatch.setattr(sections, "assemble", computed)
    monkeypatch.setattr(sections, "REPEATS", 2)
    first, *timed = sections.arrays(few)
    outcome = "failed" if error else "passed"
    assert (first.outcome, first.figures["values that differ"]) == (outcome, int(error > 0))
    assert first.figures["crystals"] == 3
    assert [row.name for row in timed[:2]] == ["Betti curves, mobile", "histograms, mobile"]
    assert len(timed) == 10
    assert timed[0].figures["GPU ms"] == 1.0
    assert timed[0].figures["launching thread ms"] == 2.0
    assert timed[0].figures["NumPy ms"] > 0


def test_the_learner_section(few: argparse.Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "DRIVER", "libcuda-that-is-not-there.so.1")
    monkeypatch.setattr("screening.learn.learner.OPENCL", "libOpenCL-that-is-not-there.so.1")
    rows = list(sections.learner(few))
    assert [(row.name, row.outcome) for row in rows] == [("cuda", "skipped"), ("gpu", "skipped"), ("cpu", "passed")]
    assert "no CUDA GPU here" in rows[0].detail


@pytest.mark.slow
def test_the_shap_section(few: argparse.Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "DRIVER", "libcuda-that-is-not-there.so.1")
    (row,) = sections.shap(few)
    assert row.outcome == "skipped"
    assert row.figures["largest difference"] == 0.0
    assert row.figures["crystals"] > 50
