"""Barcodes and percolation ranks → columns, named ``channel/curve/radius``; NumPy or CuPy arrays through `xp`.

=====================  =====================================================================================
Li/beta1/3.20          rings per site alive at 3.20 Å: beta_k(r) = #{birth <= r < death} / points
Li/rank2/3.20          share of sites in components that run on in two directions (layers) at 3.20 Å
Li/hist1/3.0-4.0/0-1   rings per site born at 3 to 4 Å that live for 0 to 1 Å (off by default)
Li/number_density      points per Å³; Li/occupied_density: the same weighted with occupancy
Li/mean_occupancy      mean occupancy of the points
=====================  =====================================================================================

Curves are NaN beyond the radius to which a barcode is complete, and throughout for a sublattice without points.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from screening.cloud import channel_label
from screening.config import Config
from screening.crystal import CloudBatch, FloatArray, IntArray
from screening.homology.barcodes import Barcodes, ticks
from screening.homology.percolation import PercolationRanks

SCALARS = ("number_density", "occupied_density", "mean_occupancy")
RANKS = ("rank0", "rank1", "rank2", "rank3")


class Column(NamedTuple):
    """The parts of a column's name."""

    channel: str
    curve: str
    radius: float | None  # Å, None for scalars; of a histogram bin, the lower edge of birth


def grid(r_max: float, step: float) -> FloatArray:
    """Return the radii step, 2 step, ... up to and including r_max, (n,) Å."""
    return step * np.arange(1, int(np.floor(r_max / step + 1e-9)) + 1)


def columns(config: Config) -> list[str]:
    """Return the names of all columns, in their order."""
    names: list[str] = []
    for channel in config.cloud.channels:
        label = channel_label(channel, config.cloud)
        radii = [f"{radius:.2f}" for radius in grid(config.homology.r_max[channel], config.curves.step)]
        curves = [f"beta{dim}" for dim in range(config.homology.max_dim + 1)]
        curves += list(RANKS) if config.curves.percolation else []
        names += [f"{label}/{curve}/{radius}" for curve in curves for radius in radii]
        if config.curves.histogram:
            names += [f"{label}/{name}" for name in _histogram_names(config, channel)]
        names += [f"{label}/{scalar}" for scalar in SCALARS]
    return names


def parse_column(name: str) -> Column:
    """Return the parts of a column's name."""
    parts = name.split("/")
    if len(parts) == 2:
        return Column(parts[0], parts[1], None)
    return Column(parts[0], parts[1], float(parts[2].split("-")[0]))


def vectorize(
    config: Config,
    clouds: Mapping[str, CloudBatch],
    barcodes: Mapping[str, Barcodes],
    percolation: Mapping[str, PercolationRanks],
) -> NDArray[np.float32]:
    """Return the features of a batch, shape (n_clouds, n_columns) float32, in the order of `columns`.

    Parameters
    ----------
    config
        Channels, radii and kinds of curve.
    clouds, barcodes, percolation
        By channel; `percolation` may be empty where the config asks for none.
    """
    parts: list[Any] = []
    for channel in config.cloud.channels:
        bars = barcodes[channel]
        radii = grid(config.homology.r_max[channel], config.curves.step)
        curves = [betti_curves(bars, radii, dim=dim) for dim in range(config.homology.max_dim + 1)]
        if config.curves.percolation:
            curves += rank_curves(percolation[channel], radii)
        beyond = ticks(radii)[None, :] > ticks(bars.r_cut)[:, None]
        empty = clouds[channel].counts == 0
        for curve in curves[: config.homology.max_dim + 1]:
            curve[beyond | empty[:, None]] = np.nan
        parts += curves
        if config.curves.histogram:
            parts += _histograms(config, channel, bars)
        parts.append(densities(clouds[channel]))
    return np.concatenate(parts, axis=1).astype(np.float32)


def betti_curves(bars: Barcodes, radii: FloatArray, *, dim: int, xp: Any = np) -> Any:
    """Return beta_dim(r) per point, shape (n_clouds, n_radii) float64; NaN for a cloud without points.

    Births and deaths are compared with radii in ticks, so that a bar end exactly at a radius counts as there.
    """
    chosen = bars.dim == dim
    cloud = xp.asarray(np.repeat(np.arange(len(bars)), np.diff(bars.offsets))[chosen])
    edges = xp.asarray(ticks(radii))
    finite = np.isfinite(bars.death[chosen])
    birth = ticks(bars.birth[chosen])
    death = np.where(finite, ticks(np.where(finite, bars.death[chosen], 0.0)), np.iinfo(np.int64).max)
    width = len(radii) + 1
    # First grid radius at or above the birth, and at or above the death: alive in between.
    starts = xp.searchsorted(edges, xp.asarray(birth), side="left")
    ends = xp.searchsorted(edges, xp.asarray(death), side="left")
    size = len(bars) * width
    change = xp.bincount(cloud * width + starts, minlength=size) - xp.bincount(cloud * width + ends, minlength=size)
    alive = xp.cumsum(change.reshape(len(bars), width), axis=1)[:, :-1]
    n_points = xp.asarray(np.where(bars.n_points > 0, bars.n_points, np.nan))
    return alive / n_points[:, None]


def rank_curves(ranks: PercolationRanks, radii: FloatArray) -> list[FloatArray]:
    """Return the shares of sites in components of rank 0 to 3, four arrays (n_clouds, n_radii); NaN without points."""
    shares = np.full((4, len(ranks), len(radii)), np.nan)
    for index in np.flatnonzero(ranks.n_points > 0):
        span = slice(ranks.offsets[index], ranks.offsets[index + 1])
        event = np.searchsorted(ticks(ranks.radius[span]), ticks(radii), side="right") - 1
        shares[:, index] = ranks.counts[span][event].T / ranks.n_points[index]
    return list(shares)


def densities(clouds: CloudBatch) -> FloatArray:
    """Return number density, occupied density (Å^-3) and mean occupancy, shape (n_clouds, 3)."""
    volumes = np.abs(np.linalg.det(clouds.lattices))
    cloud = np.repeat(np.arange(len(clouds)), clouds.counts)
    occupied = np.bincount(cloud, weights=clouds.occupancies, minlength=len(clouds))
    counts = clouds.counts
    mean = np.full(len(clouds), np.nan)
    np.divide(occupied, counts, out=mean, where=counts > 0)
    return np.column_stack([counts / volumes, occupied / volumes, mean])


def _bin_edges(config: Config, channel: str) -> FloatArray:
    width = config.curves.histogram_bin
    return width * np.arange(int(np.ceil(config.homology.r_max[channel] / width - 1e-9)) + 1)


def _histogram_bins(config: Config, channel: str) -> list[tuple[int, int, int]]:
    """Return (dim, birth bin, persistence bin) of every bin that a bar can fall into.

    Components are all born at 0, so they have one birth bin; birth + persistence cannot pass r_max by more than a bin.
    """
    n_bins = len(_bin_edges(config, channel)) - 1
    bins = [(0, 0, p) for p in range(n_bins)]
    for dim in range(1, config.homology.max_dim + 1):
        bins += [(dim, b, p) for b in range(n_bins) for p in range(n_bins - b)]
    return bins


def _histogram_names(config: Config, channel: str) -> list[str]:
    edges = _bin_edges(config, channel)
    return [
        f"hist{dim}/{edges[b]:g}-{edges[b + 1]:g}/{edges[p]:g}-{edges[p + 1]:g}"
        for dim, b, p in _histogram_bins(config, channel)
    ]


def _histograms(config: Config, channel: str, bars: Barcodes) -> list[FloatArray]:
    edges = _bin_edges(config, channel)
    full = histograms(bars, edges, max_dim=config.homology.max_dim, sigma=config.curves.histogram_sigma)
    return [full[:, dim, b, p][:, None] for dim, b, p in _histogram_bins(config, channel)]


def histograms(bars: Barcodes, edges: FloatArray, *, max_dim: int, sigma: float = 0.0) -> FloatArray:
    """Return bars per site in bins of birth x persistence, shape (n_clouds, max_dim + 1, n_bins, n_bins).

    A histogram as fine as the curves would have thousands of columns per channel, most of them empty: the trouble that
    the two-dimensional histogram is known for. Here bins are 1 Å wide by default and impossible ones are not made: 36
    columns for a dimension up to 8 Å. A bar that is alive at the cut radius counts with the persistence seen so far.

    Parameters
    ----------
    bars
        Barcodes of a batch.
    edges
        Bin edges of birth and of persistence, (n_bins + 1,) Å.
    max_dim
        Highest dimension.
    sigma
        Width of a Gaussian by which each bar is spread over the bins, Å; 0 puts it in one. Source: persistence images,
        Adams et al., JMLR 18, 1 (2017).
    """
    n_bins = len(edges) - 1
    cloud = np.repeat(np.arange(len(bars)), np.diff(bars.offsets))
    death = np.where(np.isfinite(bars.death), bars.death, bars.r_cut[cloud])
    spread = [_bin_weights(values, edges, sigma) for values in (bars.birth, death - bars.birth)]
    result = np.zeros((len(bars), max_dim + 1, n_bins, n_bins))
    kept = bars.dim <= max_dim
    weights = spread[0][kept, :, None] * spread[1][kept, None, :]
    np.add.at(result, (cloud[kept], bars.dim[kept].astype(np.int64)), weights)
    n_points = np.where(bars.n_points > 0, bars.n_points, np.nan)
    return result / n_points[:, None, None, None]


def _bin_weights(values: FloatArray, edges: FloatArray, sigma: float) -> FloatArray:
    """Return the share of each value that falls into each bin, (n_values, n_bins)."""
    if sigma > 0:
        from scipy.special import ndtr

        below: FloatArray = ndtr((edges[None, :] - values[:, None]) / sigma)
        return np.diff(below, axis=1)
    # Half a tick keeps a value that is a decimal number in the bin that it opens.
    index: IntArray = np.searchsorted(edges, values + 0.5e-4, side="right") - 1
    index = np.minimum(index, len(edges) - 2)  # r_max itself belongs to the last bin
    return np.eye(len(edges) - 1)[index]
