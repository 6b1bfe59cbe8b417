"""Launches the CUDA kernels of `kernels/cuda/` on CuPy arrays: what array code does badly on ragged batches.

==================  ======================================================================
count_alive         Betti curves from ragged bars
count_in_bins       2-D histograms from ragged bars
torus_ticks         minimum-image distances within each cloud of a ragged batch
==================  ======================================================================

Whole numbers come out the same as from NumPy, and distances to the bit: nothing depends on the order of threads, and
products and sums are not fused. CuPy is imported at the first launch; the source is compiled once per device and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from screening.errors import DeviceUnavailableError, EngineUnavailableError

BLOCK = 256  # threads of a block
MAX_BLOCKS = 65_535  # kernels stride over what is beyond
OPTIONS = ("-std=c++17", "--fmad=false")


def source() -> Path:
    """Return the folder of the kernels' source: beside the installed package, or in the checkout it is run from."""
    installed = Path(__file__).parent / "cuda_source"
    checkout = Path(__file__).parents[1] / "kernels" / "cuda"
    for folder in (installed, checkout):
        if (folder / "kernels.cu").is_file():
            return folder
    raise EngineUnavailableError("the source of the CUDA kernels is not where the package was installed; install again")


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
    if len(birth) != len(death) or len(offsets) == 0:
        raise ValueError(f"{len(birth)} births, {len(death)} deaths and {len(offsets)} offsets are no batch of bars")
    cupy = _cupy()
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


def torus_ticks(bases: Any, positions: Any, offsets: Any, *, resolution: float, phase: float) -> tuple[Any, Any]:
    """Return distances of all pairs within each cloud as ticks, (n_pairs,) int32, and where each cloud's matrix begins.

    Parameters
    ----------
    bases
        (n_clouds, 3, 3) float64 Å on the device, rows, each Minkowski-reduced.
    positions
        (n_points, 3) float64, fractional in the basis of their cloud.
    offsets
        (n_clouds + 1,) int64: the points of cloud k are offsets[k] .. offsets[k + 1].
    resolution, phase
        A distance d has the tick floor(d / resolution + phase).

    Returns
    -------
    ticks, pair_offsets
        The matrix of cloud k, (n_k, n_k) in C order, is ticks[pair_offsets[k] : pair_offsets[k + 1]].

    Raises
    ------
    TypeError, ValueError
        An array is of another type or shape, or not contiguous.
    """
    _check({"bases": bases, "positions": positions}, np.float64)
    _check({"offsets": offsets}, np.int64)
    n_clouds = len(offsets) - 1
    if bases.shape != (n_clouds, 3, 3) or positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(f"bases {bases.shape}, positions {positions.shape}, {len(offsets)} offsets are no batch")
    cupy = _cupy()
    pair_offsets = cupy.zeros(n_clouds + 1, dtype=np.int64)
    pair_offsets[1:] = cupy.cumsum((offsets[1:] - offsets[:-1]) ** 2)
    n_pairs = int(pair_offsets[-1])
    ticks = cupy.zeros(n_pairs, dtype=np.int32)
    counts = (np.int64(n_clouds), np.float64(resolution), np.float64(phase))
    _launch("screening_torus_ticks", (bases, positions, offsets, pair_offsets, *counts, ticks), threads=n_pairs)
    return ticks, pair_offsets


def _check(arrays: dict[str, Any], dtype: type[np.generic]) -> None:
    for name, array in arrays.items():
        if array.dtype != dtype:
            raise TypeError(f"{name} must be {np.dtype(dtype)}, not {array.dtype}")
        if not array.flags.c_contiguous:
            raise ValueError(f"{name} must be contiguous")


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
    folder = source()
    code = (folder / "kernels.cu").read_text(encoding="utf-8")
    return _cupy().RawModule(code=code, options=(*OPTIONS, f"-I{folder}"))


def _device() -> int:
    return int(_cupy().cuda.Device().id)


def _cupy() -> Any:
    try:
        import cupy
    except ImportError as error:
        raise EngineUnavailableError("CUDA kernels need CuPy: pip install 'screening[gpu]'") from error
    if not cupy.is_available():
        raise DeviceUnavailableError("CUDA kernels need a GPU that answers; see `screening doctor`")
    return cupy
