"""Types of the compiled kernels; their behaviour is described where they are wrapped."""

import numpy as np
from numpy.typing import NDArray

def periodic_pairs(
    lattice: NDArray[np.float64], positions: NDArray[np.float64], cutoff: float
) -> tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]: ...
def channel_points(
    lattice: NDArray[np.float64],
    positions: NDArray[np.float64],
    occupancies: NDArray[np.float64],
    sites: NDArray[np.int64],
    masks: NDArray[np.bool_],
    tolerances: list[float],
    most_shared: float,
    tie: float,
    noise: float,
) -> tuple[
    int,
    list[int],
    NDArray[np.float64],
    NDArray[np.float64],
    list[int],
    NDArray[np.int64],
    NDArray[np.int64],
]: ...
def crowded_pairs(
    lattice: NDArray[np.float64],
    positions: NDArray[np.float64],
    radii: NDArray[np.float64],
    occupancies: NDArray[np.float64],
    asked: list[int],
    factor: float,
    least: float,
    most_shared: float,
) -> tuple[int, tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]] | None]: ...
def image_shifts(
    lattice: NDArray[np.float64],
    rotations: NDArray[np.float64],
    translations: NDArray[np.float64],
    positions: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def expanded(
    rotations: NDArray[np.float64],
    translations: NDArray[np.float64],
    positions: NDArray[np.float64],
    part: float,
    offset: float,
) -> tuple[int, NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]: ...
def plain_coordinates(x: list[str], y: list[str], z: list[str], most: float) -> NDArray[np.float64] | None: ...
def metric_misfit(lattice: NDArray[np.float64], rotations: NDArray[np.float64]) -> float: ...
def held_occupancies(
    lattice: NDArray[np.float64],
    positions: NDArray[np.float64],
    occupancies: NDArray[np.float64],
    atoms: NDArray[np.bool_],
    partners: NDArray[np.bool_],
    low: float,
    high: float,
) -> tuple[int, NDArray[np.float64]]: ...
def barcodes(
    lattices: NDArray[np.float64],
    positions: NDArray[np.float64],
    offsets: NDArray[np.int64],
    r_max: NDArray[np.float64],
    *,
    resolution: float,
    phase: float,
    max_dim: int,
    threads: int,
    budget: int,
    tolerance: float,
    prime: int,
    seed: int,
    with_simplices: bool,
    ring_groups: int,
    ring_members: int,
    wide: bool = False,
) -> tuple[
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int64],
    NDArray[np.int8],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int64],
]: ...
def barcodes_and_percolation(
    lattices: NDArray[np.float64],
    positions: NDArray[np.float64],
    offsets: NDArray[np.int64],
    r_max: NDArray[np.float64],
    *,
    resolution: float,
    phase: float,
    max_dim: int,
    threads: int,
    budget: int,
    tolerance: float,
    prime: int,
    seed: int,
    ready: bool = False,
) -> tuple[
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int64],
    NDArray[np.int8],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int64],
]: ...
def percolation(
    lattices: NDArray[np.float64],
    positions: NDArray[np.float64],
    offsets: NDArray[np.int64],
    r_max: NDArray[np.float64],
    *,
    resolution: float,
    phase: float,
    threads: int,
    tolerance: float,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]: ...
def primitive_cells(
    lattices: NDArray[np.float64],
    positions: NDArray[np.float64],
    offsets: NDArray[np.int64],
    *,
    tolerance: float,
    threads: int,
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]: ...
