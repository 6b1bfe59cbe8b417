"""Clouds as a GPU takes them: cells made ready, flat, of many crystals and channels at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.config import Config
from screening.crystals import CloudBatch, FloatArray, IntArray
from screening.features import grid
from screening.homology import primitive_cells, ticks

# One cloud of a launch, as CloudTask of kernels/cuda/periodic/layout.cuh.
TASK = np.dtype(
    [
        ("rows", np.float64, 9),
        ("n", np.int32),
        ("last", np.int32),
        ("first_point", np.uint32),
        ("first_radius", np.uint32),
        ("n_radii", np.uint32),
        ("pad", np.uint32),
        ("first_value", np.uint64),
    ]
)


@dataclass(frozen=True, slots=True)
class CurveSettings:
    """What is computed of every cloud: of each channel the largest radius, and the radii at which curves are read."""

    r_max: tuple[float, ...]  # per channel, Å
    radii: tuple[tuple[int, ...], ...]  # per channel, ticks, ascending
    max_dim: int
    with_ranks: bool
    budget: int  # most triangles and tetrahedra of a cloud

    @classmethod
    def of(cls, config: Config) -> CurveSettings:
        """Return the settings of a run."""
        r_max = tuple(config.homology.r_max[channel] for channel in config.cloud.channels)
        return cls(
            r_max=r_max,
            radii=tuple(tuple(ticks(grid(radius, config.curves.step)).tolist()) for radius in r_max),
            max_dim=config.homology.max_dim,
            with_ranks=config.curves.percolation,
            budget=config.homology.budget,
        )

    @property
    def n_curves(self) -> int:
        """Curves of one cloud."""
        return self.max_dim + 1 + (4 if self.with_ranks else 0)

    def widths(self) -> IntArray:
        """Return how many values a cloud of each channel has, (n_channels,) int64."""
        return np.array([self.n_curves * len(radii) for radii in self.radii], dtype=np.int64)

    def last_ticks(self) -> NDArray[np.int32]:
        """Return the tick of the largest radius of each channel, (n_channels,) int32."""
        return ticks(np.array(self.r_max)).astype(np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Primitive cells with reduced bases and wrapped points: what distances are computed from, on either device."""

    rows: FloatArray  # (n_clouds, 3, 3) cell vectors, Å
    points: FloatArray  # (n_points, 3) fractional, in [0, 1)
    offsets: IntArray  # (n_clouds + 1,)
    channel: NDArray[np.int32]  # (n_clouds,) index of the channel

    def __len__(self) -> int:
        return len(self.channel)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self.rows.nbytes + self.points.nbytes + self.offsets.nbytes + self.channel.nbytes

    @classmethod
    def of(cls, clouds: Sequence[CloudBatch]) -> Cells:
        """Return the cells of one batch of clouds per channel, channel after channel.

        Raises
        ------
        RejectionError
            A cell without volume or a coordinate that is no number.
        """
        ready = [primitive_cells(batch) for batch in clouds]
        parts = [
            cls(
                rows=np.ascontiguousarray(batch.lattices),
                points=np.ascontiguousarray(batch.positions),
                offsets=batch.offsets,
                channel=np.full(len(batch), index, dtype=np.int32),
            )
            for index, batch in enumerate(ready)
        ]
        return cls.joined(parts)

    @classmethod
    def joined(cls, parts: Sequence[Cells]) -> Cells:
        """Return the clouds of all parts, one after the other."""
        counts = np.concatenate([np.empty(0, dtype=np.int64), *(np.diff(part.offsets) for part in parts)])
        return cls(
            rows=np.concatenate([np.empty((0, 3, 3)), *(part.rows for part in parts)]),
            points=np.concatenate([np.empty((0, 3)), *(part.points for part in parts)]),
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            channel=np.concatenate([np.empty(0, dtype=np.int32), *(part.channel for part in parts)]),
        )

    def take(self, chosen: IntArray) -> Cells:
        """Return some of the clouds, in the order of `chosen`."""
        spans = [np.arange(self.offsets[k], self.offsets[k + 1]) for k in chosen]
        return Cells(
            rows=self.rows[chosen],
            points=self.points[np.concatenate([np.empty(0, dtype=np.int64), *spans])],
            offsets=np.concatenate([[0], np.cumsum(np.diff(self.offsets)[chosen])]).astype(np.int64),
            channel=self.channel[chosen],
        )

    def value_offsets(self, settings: CurveSettings) -> IntArray:
        """Return where the values of each cloud begin and end, (n_clouds + 1,) int64."""
        return np.concatenate([[0], np.cumsum(settings.widths()[self.channel])]).astype(np.int64)

    def tasks(self, settings: CurveSettings) -> NDArray[np.void]:
        """Return one record per cloud, dtype `TASK`."""
        n_radii = np.array([len(radii) for radii in settings.radii], dtype=np.int64)
        tasks = np.zeros(len(self), dtype=TASK)
        tasks["rows"] = self.rows.reshape(-1, 9)
        tasks["n"] = np.diff(self.offsets)
        tasks["last"] = settings.last_ticks()[self.channel]
        tasks["first_point"] = self.offsets[:-1]
        tasks["first_radius"] = (np.cumsum(n_radii) - n_radii)[self.channel]
        tasks["n_radii"] = n_radii[self.channel]
        tasks["first_value"] = self.value_offsets(settings)[:-1]
        return tasks

    def order(self, settings: CurveSettings) -> NDArray[np.uint32]:
        """Return the clouds by expected work, the largest first: n times the square of the number of neighbours."""
        n = np.diff(self.offsets).astype(np.float64)
        volume = np.abs(np.linalg.det(self.rows))
        neighbours = n / volume * (4.0 / 3.0 * np.pi) * np.array(settings.r_max)[self.channel] ** 3
        return np.argsort(-(n * neighbours**2), kind="stable").astype(np.uint32)
