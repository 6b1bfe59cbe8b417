"""The self-check's sections on the exact engine: bars and curves against the CPU engine's, rates, the whole path."""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gpu_nvml import Nvml, Sampler
from gpu_report import Row

from screening.cluster.featurize_all import featurize_all
from screening.cluster.progress import Progress
from screening.config import Config, read_config
from screening.features.shard import prepare
from screening.generation.generate import write_candidates
from screening.gpu.cells import Cells, CurveSettings
from screening.gpu.collector import MOST_CLOUDS
from screening.gpu.compiled import default_cache
from screening.gpu.device import REASONS, CudaDevice
from screening.gpu.host import host_curves, packed_bars
from screening.sources.blocks import Item
from screening.sources.listing import iter_items

STAGES = ("neighbours", "sort", "components", "matrices", "edges", "loops", "triangles", "order", "cavities", "rows")
SAMPLE = 1500  # most crystals whose bars are compared
BATCHES = (1_000, 4_000, 16_000, MOST_CLOUDS)


def cells_of(items: list[Item], config: Config) -> Cells:
    """Return the cells of all channels of the crystals that can be used."""
    clouds = prepare(items, config).clouds
    return Cells.of([clouds[channel] for channel in config.cloud.channels])


def periodic(items: list[Item]) -> Iterator[Row]:
    """Compare the exact engine on the GPU with the one on the CPU, and time it by batch size."""
    config = Config()
    settings = CurveSettings.of(config)
    step = max(1, math.ceil(len(items) / SAMPLE))
    cells = cells_of(items[::step], config)
    begin = time.perf_counter()
    device = CudaDevice(memory_share=config.cluster.gpu_memory_limit, cache=default_cache()[0])
    figures: dict[str, Any] = {"opened in s": time.perf_counter() - begin, "kernel from the cache": device.from_cache}
    plan = device.plan
    figures |= {"warps": plan.first.warps, "flows": plan.flows, "slabs GiB": _slab_bytes(device) / 2**30}
    yield Row("device", "passed", device.name, figures)
    flow = device.flow()
    begin = time.process_time()
    wanted, _ = host_curves(cells, settings)
    cpu = time.process_time() - begin
    expected = packed_bars(cells, settings)
    n_bars = sum(map(len, expected))
    values, outcomes = flow.compute(cells, settings, most_bars=2 * n_bars + 100_000)
    offsets = cells.value_offsets(settings)
    done = np.flatnonzero(outcomes == 0)
    wrong_bars = sum(not np.array_equal(flow.bars[k], expected[k]) for k in done)
    spans = [slice(offsets[k], offsets[k + 1]) for k in done]
    wrong_values = sum(values[span].tobytes() != wanted[span].tobytes() for span in spans)
    left = {REASONS[int(code)]: int((outcomes == code).sum()) for code in np.unique(outcomes[outcomes != 0])}
    yield Row(
        "bars and curves against the CPU engine",
        "passed" if len(done) and not wrong_bars and not wrong_values else "failed",
        "bar for bar, and every value bit for bit",
        {
            "clouds": len(cells),
            "bars": n_bars,
            "clouds with other bars": wrong_bars,
            "clouds with other values": wrong_values,
            "left to the host": left,
            "CPU engine, clouds a core second": len(cells) / cpu,
        },
    )
    rng = np.random.default_rng(0)
    for size in BATCHES:
        batch = cells.take(rng.permutation(np.arange(size) % len(cells)))
        flow.compute(batch, settings)  # buffers are made
        flow.clocks[:] = 0
        flow.seconds = dict.fromkeys(flow.seconds, 0.0)
        begin = time.perf_counter()
        _, ended = flow.compute(batch, settings)
        seconds = time.perf_counter() - begin
        figures = {
            "clouds/s, all told": size / seconds,
            "clouds/s, first launch": size / flow.seconds["first"],
            "left to the host": int((ended != 0).sum()),
            "s": dict(flow.seconds),
        }
        yield Row(f"batch of {size:,} clouds", "passed", "wall time of one flow, warm", figures)
    total = max(1.0, float(flow.clocks.sum()))
    shares = {stage: 100 * float(spent) / total for stage, spent in zip(STAGES, flow.clocks, strict=True)}
    yield Row("shares of stages, %", "passed", "clocks of all warps in the largest batch", shares)


def _slab_bytes(device: CudaDevice) -> int:
    first, second = device.plan.first, device.plan.second
    return device.plan.flows * first.warps * first.slab_bytes + second.warps * second.slab_bytes


def whole_path(chosen: argparse.Namespace) -> Iterator[Row]:
    """Featurize one list on the CPU and with the GPU: rates, bytes, and how busy the GPU was."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [str(path) for path in chosen.crystals]
        found = sum(1 for _ in iter_items(paths, Config().input)) if paths else 0
        if found < chosen.n:
            write_candidates(folder / "candidates.zip", n=chosen.n, seed=0)
            paths.append(str(folder / "candidates.zip"))
        rates: dict[str, float] = {}
        for device in ("cpu", "cuda"):
            config = read_config(None, {"device": device})
            progress, begin = Progress(), time.perf_counter()
            with Nvml() as nvml, Sampler(nvml) as sampler:
                featurize_all(paths, config=config, out=folder / f"{device}.zarr", progress=progress)
            seconds = time.perf_counter() - begin
            rates[device] = progress.done / seconds
            figures: dict[str, Any] = {
                "crystals": progress.done,
                "crystals/s, start included": rates[device],
                "crystals/s once workers were there": progress.rate,
                "left to the host": dict(progress.fallbacks),
            }
            if device == "cuda":
                figures |= sampler.figures() | progress.gpu
            yield Row(f"--device {device}", "passed" if progress.done else "failed", "one list, as it is", figures)
        one, other = (_files(folder / f"{device}.zarr") for device in ("cpu", "cuda"))
        different = [file for file in one if one[file] != other.get(file)]
        yield Row(
            "the same store",
            "passed" if one and one.keys() == other.keys() and not different else "failed",
            "every file byte for byte, but for the ledger, which holds times and reasons",
            {"files": len(one), "files that differ": len(different), "ratio": rates["cuda"] / rates["cpu"]},
        )


def _files(store: Path) -> dict[str, bytes]:
    kept = [path for path in sorted(store.rglob("*")) if path.is_file() and path.name != "ledger.jsonl"]
    return {str(path.relative_to(store)): path.read_bytes() for path in kept}
