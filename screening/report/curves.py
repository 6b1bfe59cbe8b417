"""Curves of candidates, of their nearest conductors, and the training range, packed for the page.

A curve is stored as 16-bit steps between 0 and its own maximum, base64 coded: 65,534 is the maximum, 65,535 means
not computed. That is exact to 1/131,068 of the maximum, far below a pixel, at a fifth of the size of JSON numbers.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.errors import InputError

STEPS = 65_534
MISSING = 65_535
RADII_SHOWN = 100  # most radii per curve on the page; a finer curve is read at every k-th radius
BAND = (10, 90)  # percentiles of the training crystals


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One curve of one channel: where it stands in the features."""

    channel: str
    name: str  # beta0, beta1, beta2, rank0, ..., rank3
    radii: NDArray[np.float64]  # (n_radii,) Å, rising
    columns: NDArray[np.int64]  # (n_radii,) feature columns


def find_curves(columns: Sequence[str]) -> list[Curve]:
    """Return the Betti and percolation curves among feature names, in their order; other features are left out."""
    points: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for index, column in enumerate(columns):
        parts = column.split("/")
        if len(parts) == 3 and parts[1][:-1] in ("beta", "rank") and parts[1][-1].isdigit():
            points[parts[0], parts[1]].append((float(parts[2]), index))
    curves = []
    for (channel, name), pairs in points.items():
        every = -(-len(pairs) // RADII_SHOWN)
        radii, places = zip(*sorted(pairs)[::every], strict=True)
        curves.append(Curve(channel=channel, name=name, radii=np.array(radii), columns=np.array(places)))
    return curves


def pack(values: NDArray[np.floating[Any]]) -> list[Any]:
    """Return ``[maximum, base64 of little-endian uint16]`` of one curve (n_radii,) that is nowhere negative.

    Raises
    ------
    InputError
        A value is negative or infinite, which no count of holes or sites is.
    """
    (packed,) = _packed(values[None])
    return packed


def _packed(values: NDArray[np.floating[Any]]) -> list[list[Any]]:
    """Return what `pack` does of each of some curves (n, n_radii)."""
    known = ~np.isnan(values)
    if np.isinf(values).any() or (values < 0).any():
        raise InputError("a curve holds a negative or infinite value: the feature store is not sound")
    filled = np.where(known, values, 0).astype(np.float64)
    maximum = filled.max(axis=1, initial=0.0)
    steps = np.rint(filled / np.where(maximum > 0, maximum, 1.0)[:, None] * STEPS)
    coded = np.where(known, steps, MISSING).astype("<u2")
    return [
        [float(f"{most:.6g}"), base64.b64encode(row.tobytes()).decode("ascii")]
        for most, row in zip(maximum.tolist(), coded, strict=True)
    ]


def pack_rows(curves: list[Curve], features: NDArray[np.float32]) -> list[list[list[Any]]]:
    """Return per crystal its packed curves, in the order of `curves`; features (n, n_columns)."""
    of_curves = [_packed(features[:, curve.columns]) for curve in curves]
    return [list(of_crystal) for of_crystal in zip(*of_curves, strict=True)] if curves else [[] for _ in features]


def band(curves: list[Curve], features: NDArray[np.float32]) -> list[dict[str, list[Any]]]:
    """Return per curve the packed 10th and 90th percentile over the training crystals (n, n_columns), NaN left out."""
    packed = []
    for curve in curves:
        values = features[:, curve.columns]
        edges = np.full((2, len(curve.columns)), np.nan)
        known = np.isfinite(values).any(axis=0)
        if known.any():
            edges[:, known] = np.nanpercentile(values[:, known], BAND, axis=0)
        packed.append({"low": pack(edges[0]), "high": pack(edges[1])})
    return packed
