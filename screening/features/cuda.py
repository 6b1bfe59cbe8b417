"""Launches the CUDA kernels of `kernels/cuda/` on CuPy arrays: what array code does badly on ragged batches.

==================  ======================================================================
count_alive         Betti curves from ragged bars
count_in_bins       2-D histograms from ragged bars
spread_over_bins    the same with each bar spread over bins
==================  ======================================================================

All comes out to the bit as from NumPy: nothing depends on the order of threads, and products and sums are not fused.
CuPy is imported at the first launch; the source is compiled once per device and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from screening.errors import DeviceUnavailableError, EngineUnavailableError, MissingExtraError

BLOCK = 256  # threads of a block
MAX_BLOCKS = 65_535  # kernels stride over what is beyond
OPTIONS = ("-std=c++17", "--fmad=false")


def source() -> Path:
    """Return the folder of the kernels' source: beside the installed package, or in the checkout it is run from."""
    installed = Path(__file__).parents[1] / "cuda_source"
    checkout = Path(__file__).parents[2] / "kernels" / "cuda"
    for folder in (installed, checkout):
        if (folder / "kernels.cu").is_file():
            return folder
    raise EngineUnavailableError("the source of the CUDA kernels is not where the package was installed; install again")


def array_module(name: Literal["numpy", "cupy"]) -> Any:
    """Return the array module of that name; CuPy is imported when it is asked for.

    Raises
    ------
    MissingExtraError
        CuPy is not installed.
    DeviceUnavailableError
        No GPU answers.
    """
    return np if name == "numpy" else _cupy()


def is_device(xp: Any) -> bool:
    """Return whether arrays of a module are on a GPU, where kernels take the place of array formulas."""
    return bool(xp.__name__ == "cupy")


def source_text(name: str = "kernels.cu") -> str:
    """Return a source file as one text, its own headers in place of their includes.

    CuPy keeps compiled programs on disk under a hash of the text it is given; headers that it found by itself would not
    be part of it, and a newer one would run as the old.
    """
    seen = set[Path]()

    def text(path: Path) -> str:
        if path in seen:
            return ""
        seen.add(path)
        lines = path.read_text(encoding="utf-8").replace("#pragma once\n", "").splitlines()
        return "\n".join(
            text(path.parent / line.split('"')[1]) if line.startswith('#include "') else line for line in lines
        )

    return text(source() / name)


def count_alive(birth: Any, death: Any, offsets: Any, radii: Any) -> Any:
    """Return how many bars of each cloud are alive at each radius, (n_clouds, n_radii) int64.

    Parameters
    ----------
    birth, death
        (n_bars,) int64 ticks on the device; a bar that never dies has a death beyond every radius.
    offsets
        (n_clouds + 1,) int64: the bars of cloud k are offsets[k] .. offsets[k + 1].
    radii
        (n_radii,) int64 ticks.

    Raises
    ------
    TypeError, ValueError
        An array is of another type or shape, or not contiguous.
    """
    _check({"birth": birth, "death": death, "offsets": offsets, "radii": radii}, np.int64)
    if len(birth) != len(death):
        raise ValueError(f"{len(birth)} births and {len(death)} deaths are no bars")
    cupy = _cupy()
    _check_offsets(offsets, len(birth))
    alive = cupy.zeros((len(offsets) - 1, len(radii)), dtype=np.int64)
    arguments = (birth, death, offsets, np.int64(len(offsets) - 1), radii, np.int64(len(radii)), alive)
    _launch("screening_count_alive", arguments, threads=alive.size)
    return alive


def count_in_bins(birth: Any, death: Any, group: Any, edges: Any, *, n_groups: int) -> Any:
    """Return how many bars of each group fall into each bin of birth and length, (n_groups, n_bins, n_bins) int64.

    Parameters
    ----------
    birth, death
        (n_bars,) int64 ticks on the device, 0 <= birth <= death <= the last edge.
    group
        (n_bars,) int64, 0 <= group < n_groups.
    edges
        (n_bins + 1,) int64 ticks, ascending from 0.
    n_groups
        Number of groups.

    Raises
    ------
    TypeError, ValueError
        An array is of another type or shape, or not contiguous.
    """
    _check({"birth": birth, "death": death, "group": group, "edges": edges}, np.int64)
    if not len(birth) == len(death) == len(group) or len(edges) < 2:
        raise ValueError(f"{len(birth)} births, {len(death)} deaths, {len(group)} groups, {len(edges)} edges")
    cupy = _cupy()
    n_bins = len(edges) - 1
    bins = cupy.zeros((n_groups, n_bins, n_bins), dtype=np.int64)
    arguments = (birth, death, group, np.int64(len(birth)), edges, np.int64(n_bins), bins)
    _launch("screening_count_in_bins", arguments, threads=len(birth))
    return bins


def spread_over_bins(born: Any, lived: Any, dim: Any, offsets: Any, *, n_dims: int) -> Any:
    """Return sums over bars of the share of birth x the share of length, (n_clouds, n_dims, n_bins, n_bins) float64.

    Parameters
    ----------
    born, lived
        (n_bars, n_bins) float64 on the device: the share of each bar's birth, and of its length, in each bin.
    dim
        (n_bars,) int64, 0 <= dim < n_dims.
    offsets
        (n_clouds + 1,) int64: the bars of cloud k are offsets[k] .. offsets[k + 1].
    n_dims
        Number of dimensions.

    Raises
    ------
    TypeError, ValueError
        An array is of another type or shape, or not contiguous.
    """
    _check({"born": born, "lived": lived}, np.float64, ndim=2)
    _check({"dim": dim, "offsets": offsets}, np.int64)
    if born.shape != lived.shape or len(born) != len(dim):
        raise ValueError(f"shares {born.shape} and {lived.shape} and {len(dim)} dimensions are no bars")
    cupy = _cupy()
    _check_offsets(offsets, len(dim))
    n_bins = born.shape[1]
    bins = cupy.zeros((len(offsets) - 1, n_dims, n_bins, n_bins), dtype=np.float64)
    counts = (np.int64(len(offsets) - 1), np.int64(n_dims), np.int64(n_bins))
    _launch("screening_spread_over_bins", (born, lived, dim, offsets, *counts, bins), threads=bins.size)
    return bins


def _check(arrays: dict[str, Any], dtype: type[np.generic], *, ndim: int = 1) -> None:
    for name, array in arrays.items():
        if array.dtype != dtype:
            raise TypeError(f"{name} must be {np.dtype(dtype)}, not {array.dtype}")
        if not array.flags.c_contiguous:
            raise ValueError(f"{name} must be contiguous")
        if array.ndim != ndim:
            raise ValueError(f"{name} must have {ndim} dimension{'s' * (ndim > 1)}, not {array.ndim}")


def _check_offsets(offsets: Any, n_items: int) -> None:
    # A kernel that reads beyond an array ends every later call of the process; this waits for the device once.
    if len(offsets) == 0 or bool((offsets[1:] < offsets[:-1]).any()) or (offsets[0], offsets[-1]) != (0, n_items):
        raise ValueError(f"offsets must ascend from 0 to the number of items, {n_items}")


def _launch(name: str, arguments: Sequence[Any], *, threads: int) -> None:
    if threads:
        blocks = min(-(-threads // BLOCK), MAX_BLOCKS)
        _kernel(name, _device())((blocks,), (BLOCK,), tuple(arguments))


@cache
def _kernel(name: str, device: int) -> Callable[..., None]:
    kernel: Callable[..., None] = _module(device).get_function(name)
    return kernel


@cache
def _module(device: int) -> Any:
    return _cupy().RawModule(code=source_text(), options=OPTIONS)


def _device() -> int:
    return int(_cupy().cuda.Device().id)


def _cupy() -> Any:
    try:
        import cupy
    except ImportError as error:
        raise MissingExtraError("CUDA kernels need CuPy: pip install 'screening[gpu]'") from error
    if not cupy.is_available():
        raise DeviceUnavailableError("CUDA kernels need a GPU that answers; see `screening doctor`")
    return cupy
