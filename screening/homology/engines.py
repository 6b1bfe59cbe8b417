"""Persistent homology of point clouds: interchangeable engines with one signature, asked for by name.

barcodes     what every engine returns, and the tick rule that makes distances comparable
periodic     exact, per unit cell of the infinite crystal (compiled)                      ← the default
supercell    flat-torus supercells reduced by RedZeD or ripser.py
ripserpp     the same by ripser++ on a GPU, in a watched process of its own
percolation  components that run on in 0, 1, 2 or 3 directions, as step functions of the radius
primitive    the smallest cell of a point set
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from screening.errors import ConfigError
from screening.homology.barcodes import PHASE, RESOLUTION, Barcodes, Engine, Fallback, radii_of, ticks
from screening.homology.percolation import PercolationRanks, percolation_ranks
from screening.homology.periodic import PeriodicBarcode, Vertex, periodic_barcodes
from screening.homology.primitive import primitive_cells

# name -> module, function, and what raises where its library is missing; imported when asked for, so that an engine's
# library is needed by nobody else
ENGINES: dict[str, tuple[str, str, str | None]] = {
    "periodic": ("screening.homology.periodic", "barcodes", None),
    "supercell": ("screening.homology.supercell", "barcodes_redzed", "rips_redzed"),
    "ripser": ("screening.homology.supercell", "barcodes_ripser", "rips_ripser"),
    "ripserpp": ("screening.homology.ripserpp", "barcodes_ripserpp", "library"),
}

GPU_ENGINES = ("ripserpp",)  # these compute on a GPU


def choose_engine(name: str) -> tuple[str, str]:
    """Return the engine that a setting means, and why: ``auto`` is decided here, other names are what they say."""
    if name != "auto":
        return name, "as asked for"
    return "periodic", "exact per unit cell, and on the CPU faster than the supercell engines"


def engine(name: str) -> Engine:
    """Return the engine of that name.

    Raises
    ------
    ConfigError
        No engine has that name.
    EngineUnavailableError
        The engine's library is not installed.
    """
    if name not in ENGINES:
        raise ConfigError(f"unknown homology engine {name!r}; there are {', '.join(ENGINES)}")
    module, function, check = ENGINES[name]
    loaded = import_module(module)
    if check is not None:
        getattr(loaded, check)()
    return cast(Engine, getattr(loaded, function))


__all__ = [
    "ENGINES",
    "GPU_ENGINES",
    "PHASE",
    "RESOLUTION",
    "Barcodes",
    "Engine",
    "Fallback",
    "PercolationRanks",
    "PeriodicBarcode",
    "Vertex",
    "choose_engine",
    "engine",
    "percolation_ranks",
    "periodic_barcodes",
    "primitive_cells",
    "radii_of",
    "ticks",
]
