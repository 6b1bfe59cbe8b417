"""Versions that decide a result."""

from __future__ import annotations

import platform
from importlib.metadata import version

import screening

PACKAGES = ("numpy", "gemmi", "pymatgen", "zarr", "dask", "lightgbm", "scikit-learn", "redzed-tda")


def versions() -> dict[str, str]:
    """Return the versions that decide a result: this package, Python, and the libraries that compute."""
    found = {name: version(name) for name in PACKAGES}
    return {"screening": screening.__version__, "python": platform.python_version(), **found}
