"""Types of the compiled kernels; their behaviour is described where they are wrapped."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

def periodic_pairs(
    lattice: NDArray[np.float64], positions: NDArray[np.float64], cutoff: float
) -> tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]: ...
def nearest_means(
    lattices: NDArray[np.float64],
    centres: NDArray[np.float64],
    centre_offsets: NDArray[np.int64],
    points: NDArray[np.float64],
    point_offsets: NDArray[np.int64],
    same: bool,
    k: int,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]: ...
def component_ranks(
    n: int, first: NDArray[np.int64], second: NDArray[np.int64], shifts: NDArray[np.int64]
) -> NDArray[np.int32]: ...
def city_block(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]: ...
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

class SiteRules:
    def __init__(
        self,
        *,
        exact: float,
        special: float,
        full: float,
        rounding: float,
        occupancy_rounding: float,
        most_shared: float,
        part: float,
        offset: float,
        few_decimals: int,
        most_decimals: int,
    ) -> None: ...

class CellRules:
    def __init__(
        self,
        sites: SiteRules,
        *,
        contact_factor: float,
        nearest: float,
        most_shared: float,
        most_sites: float,
        most_sites_per_volume: float,
    ) -> None: ...

class AnionRules:
    def __init__(self, *, roles: list[int], ranks: list[int], bonds: list[float], bonded_occupancy: float) -> None: ...

class ChannelRules:
    def __init__(
        self,
        anions: AnionRules,
        *,
        channels: list[int],
        tolerances: list[float],
        mobile: int,
        most_shared: float,
        tie: float,
        noise: float,
    ) -> None: ...

def expanded(
    lattice: NDArray[np.float64],
    rotations: NDArray[np.float64],
    translations: NDArray[np.float64],
    positions: NDArray[np.float64],
    occupancies: NDArray[np.float64],
    multiplicities: NDArray[np.float64],
    decimals: NDArray[np.int8],
    significant: NDArray[np.int8],
    reading: int,
    rules: SiteRules,
) -> tuple[bool, int, NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]: ...
def cells(
    lattices: NDArray[np.float64],
    offsets: NDArray[np.int64],
    positions: NDArray[np.float64],
    numbers: NDArray[np.int64],
    occupancies: NDArray[np.float64],
    multiplicities: NDArray[np.float64],
    decimals: NDArray[np.int8],
    significant: NDArray[np.int8],
    rotations: NDArray[np.float64],
    translations: NDArray[np.float64],
    first_operation: NDArray[np.int64],
    n_operations: NDArray[np.int64],
    radii: NDArray[np.float64],
    rules: CellRules,
) -> tuple[
    NDArray[np.uint32],
    NDArray[np.int8],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.int64],
    NDArray[np.int64],
]: ...
def channel_clouds(
    lattices: NDArray[np.float64],
    offsets: NDArray[np.int64],
    positions: NDArray[np.float64],
    occupancies: NDArray[np.float64],
    sites: NDArray[np.int64],
    numbers: NDArray[np.uint8],
    charges: NDArray[np.float64],
    rules: ChannelRules,
) -> tuple[NDArray[np.int32], list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]]: ...
def anion_mask(
    lattice: NDArray[np.float64],
    positions: NDArray[np.float64],
    occupancies: NDArray[np.float64],
    sites: NDArray[np.int64],
    numbers: NDArray[np.uint8],
    charges: NDArray[np.float64],
    rules: AnionRules,
) -> tuple[int, NDArray[np.int8]]: ...
def plain_coordinates(
    x: list[str], y: list[str], z: list[str], most: float
) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.int8]] | None: ...
def plain_rows(
    x: list[str],
    y: list[str],
    z: list[str],
    names: list[str],
    kinds: dict[str, tuple[int, float]],
    occupancy: list[str] | None,
    multiplicity: list[str] | None,
    most: float,
    least_occupancy: float,
    most_occupancy: float,
) -> (
    tuple[
        tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.int8]],
        NDArray[np.int64],
        NDArray[np.float64],
        NDArray[np.float64],
        NDArray[np.float64],
        bool,
    ]
    | None
): ...
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
def reduced_cell(
    lattice: NDArray[np.float64],
) -> tuple[bool, NDArray[np.float64], NDArray[np.int64]]: ...
def bvse_grid(
    lattice: NDArray[np.float64],
    positions: NDArray[np.float64],
    kinds: NDArray[np.int64],
    weights: NDArray[np.float64],
    table: NDArray[np.float64],
    dims: NDArray[np.int64],
    cutoff: float,
) -> NDArray[np.float64]: ...
def bvse_barriers(
    energies: NDArray[np.float64], dims: NDArray[np.int64], with_pathway: bool = False
) -> tuple[
    NDArray[np.float64],
    NDArray[np.float64],
    float,
    NDArray[np.float64],
    NDArray[np.int32],
    NDArray[np.int64],
    NDArray[np.int64],
]: ...
def tree_sums(
    node_begins: NDArray[np.int64],
    leaf_begins: NDArray[np.int64],
    nodes: NDArray[np.int64],
    thresholds: NDArray[np.float64],
    missing_left: NDArray[np.bool_],
    leaf_values: NDArray[np.float64],
    leaf_counts: NDArray[np.int64],
    rows: NDArray[np.float32],
) -> NDArray[np.float64]: ...
def tree_contributions(
    node_begins: NDArray[np.int64],
    leaf_begins: NDArray[np.int64],
    nodes: NDArray[np.int64],
    thresholds: NDArray[np.float64],
    missing_left: NDArray[np.bool_],
    leaf_values: NDArray[np.float64],
    leaf_counts: NDArray[np.int64],
    rows: NDArray[np.float32],
) -> NDArray[np.float64]: ...
def drawn_holes(
    birth: NDArray[np.float64],
    death: NDArray[np.float64],
    dim: NDArray[np.int8],
    vertices: NDArray[np.int64],
    begins: NDArray[np.int64],
    rings: NDArray[np.int64],
    ring_begins: NDArray[np.int64],
    positions: NDArray[np.float64],
    atoms: NDArray[np.int64],
    atom_begins: NDArray[np.int64],
    *,
    max_dim: int,
    groups: int,
    members: int,
    max_bars: int,
) -> list[list[list[Any]]]: ...
def piece_surface(
    vertices: NDArray[np.int64], ticks: NDArray[np.int64], own: list[int], birth: int, most: int
) -> tuple[bool, tuple[NDArray[np.int64], NDArray[np.int64]] | None]: ...
