"""The engines, asked for by name: what each needs, which settings it takes, and what computes.

barcodes     what every engine returns, and the tick rule that makes distances comparable
periodic     exact, per unit cell of the infinite crystal (compiled)                      ← the default
supercell    flat-torus supercells reduced by RedZeD or ripser.py
ripserpp     the same by ripser++ on a GPU, in a watched process of its own
percolation  components that run on in 0, 1, 2 or 3 directions, as step functions of the radius
primitive    the smallest cell of a point set
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from screening.config import HomologyConfig
from screening.crystals import CloudBatch, FloatArray
from screening.errors import ConfigError
from screening.homology.barcodes import Barcodes
from screening.homology.percolation import PercolationRanks, barcodes_and_ranks, percolation_ranks


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine; its library is imported when it is asked for, so that nobody else needs it."""

    name: str
    module: str  # in this room
    function: str  # of the module, computes
    setting: str  # key of `[homology]` that bounds its work, handed to the function under this name
    needs_gpu: bool = False
    check: str | None = None  # function of the module that raises where the library is missing
    one_pass: bool = False  # whether bars and percolation ranks come from one pass of its kernel

    def require(self) -> None:
        """Return nothing if the engine can be used here.

        Raises
        ------
        EngineUnavailableError
            Its library is not installed.
        """
        if self.check is not None:
            self._of_module(self.check)()

    def compute(self, clouds: CloudBatch, *, r_max: FloatArray, settings: HomologyConfig, threads: int = 1) -> Barcodes:
        """Return the Rips barcodes of the clouds up to `r_max` (n_clouds,) Å.

        Parameters
        ----------
        clouds
            Point sets.
        r_max
            (n_clouds,) Å.
        settings
            Highest dimension, and the bound of this engine.
        threads
            Results do not depend on it.
        """
        bound = {self.setting: getattr(settings, self.setting)}
        found: Barcodes = self.function_itself(clouds, r_max=r_max, max_dim=settings.max_dim, threads=threads, **bound)
        return found

    def compute_with_ranks(
        self, clouds: CloudBatch, *, r_max: FloatArray, settings: HomologyConfig
    ) -> tuple[Barcodes, PercolationRanks]:
        """Return what `compute` returns, and the percolation ranks of the clouds; in one pass where that is known."""
        if self.one_pass:
            return barcodes_and_ranks(clouds, r_max=r_max, max_dim=settings.max_dim, budget=settings.budget)
        return self.compute(clouds, r_max=r_max, settings=settings), percolation_ranks(clouds, r_max=r_max)

    @property
    def function_itself(self) -> Callable[..., Any]:
        """The function that computes, with settings of its own; see its module."""
        return self._of_module(self.function)

    def _of_module(self, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(import_module(f"screening.homology.{self.module}"), name)
        return found


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine("periodic", module="periodic", function="barcodes", setting="budget", one_pass=True),
        Engine("supercell", module="supercell", function="barcodes_redzed", setting="max_points", check="rips_redzed"),
        Engine("ripser", module="supercell", function="barcodes_ripser", setting="max_points", check="rips_ripser"),
        Engine(
            "ripserpp",
            module="ripserpp",
            function="barcodes_ripserpp",
            setting="max_points",
            needs_gpu=True,
            check="library",
        ),
    )
}


def choose_engine(name: str) -> tuple[str, str]:
    """Return the engine that a setting means, and why: ``auto`` is decided here, other names are what they say."""
    if name != "auto":
        return name, "as asked for"
    return "periodic", "exact per unit cell, and on the CPU faster than the supercell engines"


def engine(name: str) -> Engine:
    """Return the engine of that name, which can be used here.

    Raises
    ------
    ConfigError
        No engine has that name.
    EngineUnavailableError
        The engine's library is not installed.
    """
    if name not in ENGINES:
        raise ConfigError(f"unknown homology engine {name!r}; there are {', '.join(ENGINES)}")
    found = ENGINES[name]
    found.require()
    return found
