"""What the GPU self-check does, section by section; each yields rows as soon as they are known."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from gpu_nvml import Nvml
from gpu_periodic import periodic as periodic_rows
from gpu_report import Outcome, Row

from screening.cluster.featurize_all import featurize_all
from screening.cluster.progress import Progress
from screening.config import Config, read_config
from screening.crystals.crystal import CloudBatch
from screening.data.known import write_known
from screening.errors import EngineUnavailableError
from screening.features.curves import betti_curves, grid, histograms
from screening.features.shard import assemble, persist, prepare
from screening.homology.barcodes import Barcodes
from screening.homology.engines import engine as engine_of
from screening.learn.labels import read_labels
from screening.learn.learner import choose_learner
from screening.learn.train import train
from screening.ranking.shap import ON_CPU, contributions
from screening.sources.blocks import Item
from screening.sources.listing import iter_items
from screening.store.read import read_table

ROOT = Path(__file__).resolve().parents[1]
REPEATS, WARM_UP = 10, 2
MOST_CRYSTALS = 300  # whose columns are compared
GROWTH = 256 * 2**20  # bytes; a child process is recycled long before it leaks so much
SAMPLES = 20  # of memory, over all calls
RADIUS = 6.0  # Å, of the supercells that both engines reduce
MARK = "pytest.mark." + "gpu"
MOST_SUPERCELLS = 24  # crystals that ripser++ and the CPU engine reduce for comparison
POINTS = 600  # most points of those: 2.7 GB for ripser++


def where_available(rows: Iterator[Row]) -> Iterator[Row]:
    """Yield the rows of a section; where a package is missing, the rest is a row that names it."""
    try:
        yield from rows
    except (EngineUnavailableError, ModuleNotFoundError) as error:
        yield Row("the rest of the section", "skipped", str(error))


def crystals_of(chosen: argparse.Namespace, folder: Path) -> list[str]:
    """Return paths of the embedded crystals, written into `folder`, and of those asked for."""
    write_known(folder)
    return [str(folder), *map(str, chosen.crystals)]


def items_of(chosen: argparse.Namespace) -> list[Item]:
    """Return the readable crystals."""
    with tempfile.TemporaryDirectory() as folder:
        found = iter_items(crystals_of(chosen, Path(folder) / "known"), Config().input)
        return [item for item in found if item.rejection is None]


def tests(chosen: argparse.Namespace) -> Iterator[Row]:
    """Run every GPU-marked test of the checkout this script stands in."""
    del chosen
    if importlib.util.find_spec("pytest") is None:
        yield Row("GPU-marked tests", "skipped", "pytest is not installed: pip install 'screening[dev]'")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "junit.xml"
        # -P: the package that is installed, not its source beside the tests, which holds nothing compiled.
        # Only files with such tests are read: others may need packages that are not installed.
        files = [str(file) for file in sorted((ROOT / "tests").rglob("test_*.py")) if MARK in file.read_text("utf-8")]
        words = ["-P", "-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", f"--junitxml={path}", *files]
        subprocess.run([sys.executable, *words], cwd=ROOT, check=False)
        yield from junit_rows(path)


def junit_rows(path: Path) -> Iterator[Row]:
    """Yield the counts of a pytest run, then a row per test that failed."""
    if not path.is_file():
        yield Row("GPU-marked tests", "failed", "pytest ended before it wrote its results")
        return
    cases = list(ET.parse(path).getroot().iter("testcase"))
    bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    counts = {"passed": len(cases) - len(bad) - len(skipped), "failed": len(bad), "skipped": len(skipped)}
    reasons = sorted({str(skip.get("message")) for case in skipped if (skip := case.find("skipped")) is not None})
    detail = "; ".join(reasons) or "none skipped"
    yield Row("GPU-marked tests", "passed" if counts["passed"] and not bad else "failed", detail, counts)
    for case in bad:
        found = case.find("failure") if case.find("failure") is not None else case.find("error")
        message = str(found.get("message") if found is not None else "")
        yield Row(f"{case.get('classname')}.{case.get('name')}", "failed", message[:300])


def arrays(chosen: argparse.Namespace) -> Iterator[Row]:
    """Compare curves by CuPy with NumPy's, and time both."""
    import cupy
    from cupyx.profiler import benchmark

    config = read_config(None, {"curves": {"histogram": True}})
    prepared = prepare(items_of(chosen)[:MOST_CRYSTALS], config)
    homology = persist(prepared, config)
    host, device = (assemble(prepared, homology, config, kind).features for kind in ("numpy", "cupy"))
    same = np.array_equal(host, device, equal_nan=True)
    different = int((~((host == device) | (np.isnan(host) & np.isnan(device)))).sum())
    yield Row(
        "all columns, bit for bit",
        "passed" if same else "failed",
        f"{different} of {host.size} values differ",
        {"crystals": host.shape[0], "columns": host.shape[1], "values that differ": different},
    )
    for channel in config.cloud.channels:
        bars, r_max = homology.barcodes[channel], config.homology.r_max[channel]
        radii = grid(r_max, config.curves.step)
        edges = np.arange(0.0, r_max + 1.0)
        for name, call in {
            "Betti curves": lambda xp, b=bars, r=radii: betti_curves(b, r, dim=1, xp=xp),
            "histograms": lambda xp, b=bars, e=edges, r=r_max: histograms(b, e, r_max=r, max_dim=2, xp=xp),
        }.items():
            told = benchmark(call, (cupy,), n_repeat=REPEATS, n_warmup=WARM_UP)
            gpu, both = (1e3 * float(np.median(times)) for times in (told.gpu_times, told.cpu_times))
            host_ms = _host_ms(lambda call=call: call(np))
            figures = {"GPU ms": gpu, "launching thread ms": both, "NumPy ms": host_ms, "bars": len(bars.birth)}
            yield Row(f"{name}, {channel}", "passed", "by CUDA events, bars copied to the GPU included", figures)


def _host_ms(call: Any) -> float:
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - begin))
    return median(times)


def _batches(chosen: argparse.Namespace, *, most: int = 10**9) -> dict[str, CloudBatch]:
    return prepare(items_of(chosen)[:most], Config()).clouds


def _one(batch: CloudBatch, index: int) -> CloudBatch:
    return CloudBatch.from_clouds([batch.cloud(index)])


def _differences(ours: Barcodes, theirs: Barcodes) -> int:
    """Return in how many clouds bars or the radius they reach differ."""
    wrong = 0
    for index in range(len(theirs)):
        bars = all(np.array_equal(ours.bars(index, dim), theirs.bars(index, dim)) for dim in range(3))
        wrong += not (bars and ours.r_cut[index] == theirs.r_cut[index])
    return wrong


def periodic(chosen: argparse.Namespace) -> Iterator[Row]:
    """Compare the exact engine on the GPU with the one on the CPU, and time it by batch size."""
    yield from periodic_rows(items_of(chosen))


def engine(chosen: argparse.Namespace) -> Iterator[Row]:
    """Compare ripser++ with the CPU engine on the same supercells, and time both."""
    gpu, cpu = engine_of("ripserpp").function_itself, engine_of("supercell").function_itself
    for channel, batch in _batches(chosen, most=MOST_SUPERCELLS).items():
        r_max = np.full(len(batch), RADIUS)
        found: list[Barcodes] = []
        seconds: list[float] = []
        for compute in (gpu, cpu):
            compute(_one(batch, 0), r_max=r_max[:1])  # starts the child process and the GPU
            begin = time.perf_counter()
            found.append(compute(batch, r_max=r_max, max_points=POINTS))
            seconds.append(time.perf_counter() - begin)
        wrong = _differences(*found)
        reasons = [fallback.reason for fallback in found[0].fallbacks]
        figures = {
            "clouds": len(batch),
            "clouds that differ": wrong,
            "bars": len(found[1].birth),
            "left to the CPU": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
            "ripser++ s": seconds[0],
            "CPU s": seconds[1],
        }
        done = len(reasons) < len(batch)
        detail = "wall time: a child process has no events to ask" if done else "the GPU did none of the clouds"
        yield Row(channel, "passed" if done and not wrong else "failed", detail, figures)


def memory(chosen: argparse.Namespace) -> Iterator[Row]:
    """Call ripser++ many times on one cloud and watch the memory of GPU, this process and its children."""
    compute = engine_of("ripserpp").function_itself
    batch = _batches(chosen)["all"]
    index = int(np.argmax(batch.counts))
    one, r_max = _one(batch, index), np.array([RADIUS])
    on_gpu: list[int] = []
    on_host: list[int] = []
    with Nvml() as nvml:
        for call in range(chosen.calls):
            bars = compute(one, r_max=r_max, max_points=POINTS)
            if bars.fallbacks:
                yield Row("calls", "failed", f"call {call} was left to the CPU: {bars.fallbacks[0].reason}")
                return
            if call % max(1, chosen.calls // SAMPLES) == 0:
                on_gpu.append(sum(nvml.used()))
                on_host.append(_resident())
    for name, used in (("GPU", on_gpu), ("host", on_host)):
        warm = used[1:] or used  # the first sample may be before buffers are made
        growth = max(warm) - warm[0]
        outcome: Outcome = "passed" if growth < GROWTH else "failed"
        figures = {"MiB": [round(value / 2**20, 1) for value in used], "growth MiB": growth / 2**20}
        yield Row(f"{name}, {chosen.calls} calls", outcome, f"grows by less than {GROWTH >> 20} MiB?", figures)


def _resident() -> int:
    here = psutil.Process()
    total = here.memory_info().rss
    for child in here.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.NoSuchProcess:  # it ended since it was listed
            continue
    return int(total)


def learner(chosen: argparse.Namespace) -> Iterator[Row]:
    """Try LightGBM's learners."""
    del chosen
    for trial in choose_learner("cuda").tried:
        refused = "refused" in trial.message
        outcome: Outcome = "passed" if trial.ok else "failed" if refused else "skipped"
        yield Row(trial.name, outcome, trial.message, {"trial s": trial.seconds})


def shap(chosen: argparse.Namespace) -> Iterator[Row]:
    """Train on the embedded crystals and compare SHAP values of GPU and CPU."""
    del chosen
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_known(folder / "known")
        config = read_config(None, {"device": "cpu", "learn": {"repeats": 1, "trees": 100}})
        featurize_all([str(folder / "known")], config=config, out=folder / "f.zarr", progress=Progress())
        table = read_table(folder / "f.zarr")
        model = train(table, read_labels(folder / "known" / "labels.csv"), config)
    told: list[tuple[float, Any]] = []
    for device in ("cpu", "cuda"):
        begin = time.perf_counter()
        found = contributions(model, table.features, device=device)
        told.append((time.perf_counter() - begin, found))
    (cpu_s, exact), (gpu_s, found) = told
    gap = float(np.abs(found.values - exact.values).max())
    refused = "refused" in found.method
    outcome: Outcome = "failed" if refused else "skipped" if found.method.startswith(ON_CPU) else "passed"
    figures = {"crystals": len(table), "largest difference": gap, "GPU s": gpu_s, "CPU s": cpu_s}
    yield Row("GPUTreeExplainer", outcome, found.method, figures)
