"""Which engine and device featurizes a sample of the user's crystals fastest on this machine, measured by doing it."""

from __future__ import annotations

import importlib.util
import random
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from screening.cluster import Progress, featurize_all
from screening.config import Config
from screening.errors import InputError, RejectionError, UnavailableError
from screening.homology import ENGINES
from screening.host import cores
from screening.report import p1_cif
from screening.sources import Item, iter_items, read_item

# The reference engine is no candidate: it exists to be compared with.
CANDIDATES = tuple(
    (engine.name, device)
    for engine in ENGINES.values()
    if engine.name != "ripser"
    for device in ("cpu", "cuda")
    if device == "cuda" or not engine.needs_gpu
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One engine on one device."""

    engine: str
    device: str
    rate: float | None  # crystals a second with all workers, without the start of the cluster; None = not available
    watts: float | None  # mean power of all GPUs meanwhile; None = not told
    note: str  # why it is not available, or what was left to another engine


def sample(crystals: Sequence[str], *, n: int, config: Config, seed: int) -> list[Item]:
    """Return `n` inputs drawn evenly from all that can be read, or all of them if there are fewer.

    Raises
    ------
    InputError
        There is none.
    """
    generator = random.Random(seed)  # noqa: S311 - no secret
    drawn: list[Item] = []
    readable = (item for item in iter_items(crystals, config.input) if item.rejection is None)
    for index, item in enumerate(readable):
        if index < n:
            drawn.append(item)
            continue
        place = generator.randrange(index + 1)
        if place < n:
            drawn[place] = item
    if not drawn:
        raise InputError("no crystal found: none of the given paths holds a CIF file that can be read")
    return drawn


def measure(items: Sequence[Item], config: Config, *, tell: Callable[[str], None] = lambda _: None) -> list[Measured]:
    """Return what each engine and device does with `items`, fastest first, those that are not available last.

    Every candidate runs the whole way from CIF to a store in a temporary folder, with the workers of the config.
    """
    found: list[Measured] = []
    # Shards so small that every worker has several.
    workers = config.cluster.workers or cores()
    rows = max(1, min(config.store.shard_rows, len(items) // (4 * workers)))
    config = config.model_copy(update={"store": config.store.model_copy(update={"shard_rows": rows})})
    with tempfile.TemporaryDirectory(prefix="screening-bench-") as folder:
        crystals = Path(folder) / "crystals"
        crystals.mkdir()
        for index, item in enumerate(items):
            (crystals / f"{index:06d}.cif").write_bytes(_as_cif(item, config))
        for engine, device in CANDIDATES:
            tell(f"{engine} on {device}")
            homology = config.homology.model_copy(update={"engine": engine})
            candidate = config.model_copy(update={"homology": homology, "device": device})
            out = Path(folder) / f"{engine}-{device}.zarr"
            found.append(_measure(crystals, candidate, out, engine=engine, device=device))
    return sorted(found, key=lambda one: -(one.rate or 0.0))


def _as_cif(item: Item, config: Config) -> bytes:
    """Return the text of an item; a crystal of another format than CIF as CIF, one that cannot be read as it is."""
    if item.format == "cif":
        return item.text
    try:
        return p1_cif(read_item(item, config.input)).encode()
    except RejectionError:
        return item.text


def _measure(crystals: Path, config: Config, out: Path, *, engine: str, device: str) -> Measured:
    progress = Progress()
    with _Power(watched=device == "cuda") as power:
        try:
            featurize_all([str(crystals)], config=config, out=out, progress=progress)
        except UnavailableError as error:
            return Measured(engine, device, None, None, str(error))
        seconds = time.perf_counter() - progress.started
    note = ", ".join(f"{count} clouds by another engine: {reason}" for reason, count in progress.fallbacks.items())
    return Measured(engine, device, progress.done / seconds, power.mean, note)


def config_lines(best: Measured) -> str:
    """Return the lines of a config that ask for the engine and device of `best`."""
    return f'device = "{best.device}"\n\n[homology]\nengine = "{best.engine}"\n'


class _Power:
    """Mean power of all GPUs while the context is open, asked of NVML five times a second."""

    def __init__(self, *, watched: bool) -> None:
        self.mean: float | None = None
        self._samples: list[float] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._nvml: Any = None
        if watched and importlib.util.find_spec("pynvml") is not None:
            import pynvml

            # Without a driver there is nothing to ask: the power stays untold.
            with suppress(pynvml.NVMLError):
                pynvml.nvmlInit()
                self._nvml = pynvml

    def __enter__(self) -> _Power:
        if self._nvml is not None:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def _watch(self) -> None:
        nvml = self._nvml
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        while not self._stop.wait(0.2):
            self._samples.append(sum(nvml.nvmlDeviceGetPowerUsage(handle) for handle in handles) / 1000.0)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._nvml.nvmlShutdown()
        if self._samples:
            self.mean = sum(self._samples) / len(self._samples)
