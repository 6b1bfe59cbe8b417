"""Exact persistent homology of the infinite crystal, per unit cell: the engine `periodic`.

The Rips complex of all images of a cloud is reduced orbit by orbit, with coefficients in a prime field on which each
lattice translation acts by a fixed random unit. See docs/periodic-persistence.md for the algorithm and its laws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from screening import _kernels
from screening.config import CHANNELS, CloudConfig, HomologyConfig
from screening.crystals import CloudBatch, FloatArray, IntArray, as_crystal, channel_clouds
from screening.errors import Code, InputError, RejectionError
from screening.homology.barcodes import PHASE, RESOLUTION, Barcodes, radii_of

PRIME = 2**31 - 1  # the largest the kernel takes; the chance that random units are not generic falls as 1 / PRIME
SEED = 1
BUDGET = 200_000_000  # triangles and tetrahedra per cell
PRIMITIVE_TOLERANCE = 1e-6  # Å, a hundredth of a tick
ALL = 2**31 - 1  # of something that can be limited
NAMES = ("components", "rings", "cavities")
NEVER = 2**31 - 1  # death tick of a bar that is alive at the largest radius

_CODES = {
    1: (Code.BAD_CELL, "the cell vectors are not finite or span no volume"),
    2: (Code.BAD_SITE, "a fractional coordinate is not finite or beyond a million cells"),
    3: (Code.BAD_SITE, "two points of the cloud coincide"),
}


class Vertex(NamedTuple):
    """A point of the infinite crystal: site of the cell, and the cell it lies in."""

    site: int
    shift: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class PeriodicBarcode:
    """The bars of one crystal per unit cell, with the simplices that open and close them if asked for."""

    bars: tuple[FloatArray, ...]  # one (n, 2) array of birth, death per dimension, Å
    n_points: int  # points the bars were counted over
    r_cut: float  # Å, radius up to which the bars are complete
    birth_simplices: tuple[tuple[tuple[Vertex, ...], ...], ...] = ()  # [dim][bar]
    death_simplices: tuple[tuple[tuple[Vertex, ...], ...], ...] = ()  # [dim][bar], () for a bar that never dies
    rings: tuple[tuple[Vertex, ...], ...] = ()  # [bar of dimension 1], () where none was looked for or found

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(bars)} {name}" for bars, name in zip(self.bars, NAMES, strict=False))
        return f"<PeriodicBarcode of {self.n_points} points up to {self.r_cut:g} Å: {counts}>"


def barcodes(  # noqa: PLR0913 - keyword settings with defaults
    clouds: CloudBatch,
    *,
    r_max: ArrayLike,
    max_dim: int = 2,
    threads: int = 1,
    budget: int = BUDGET,
    primitive: bool = True,
    prime: int = PRIME,
    seed: int = SEED,
) -> Barcodes:
    """Return the Rips barcodes of the infinite crystals, counted per (primitive) cell.

    Parameters
    ----------
    clouds
        Point sets, one per crystal.
    r_max
        Largest radius, scalar or (n_clouds,), Å.
    max_dim
        Highest homology dimension, 0, 1 or 2.
    threads
        Worker threads; the result does not depend on it.
    budget
        Most triangles and tetrahedra per cell; a cloud beyond it is computed up to the largest tick within it, and
        `r_cut` says so.
    primitive
        Compute in the smallest cell of the point set. Bars per point are the same either way.
    prime, seed
        Field and seed of the units; the bars depend on neither, short of torsion and chances of order 1 / prime.

    Raises
    ------
    RejectionError
        A cell without volume, a coordinate that is no number, or coincident points; the detail names the cloud.
    ValueError
        Radii, dimension, budget, threads or prime out of range.

    Source: ours; Lück, L2-Invariants (2002), Lemma 1.34, for why ranks at generic units are the right ones.
    """
    found = _run(clouds, r_max, max_dim, threads, budget, primitive, prime, seed)
    return found.barcodes


def _points(structure: Any, channel: str, ion: str) -> tuple[ArrayLike, ArrayLike]:
    """Return lattice and fractional positions of a sublattice."""
    if channel not in CHANNELS:
        raise InputError(f"no channel is named {channel!r}; there are {', '.join(CHANNELS)}")
    if isinstance(structure, tuple):
        return structure
    if channel == "all" and hasattr(structure, "lattice") and hasattr(structure, "frac_coords"):
        return structure.lattice.matrix, structure.frac_coords
    crystal = as_crystal(structure)
    if channel == "all":
        first = np.unique(crystal.site_idx, return_index=True)[1]
        return crystal.lattice, crystal.positions[first]
    return channel_clouds(crystal, CloudConfig(mobile_ion=ion, channels=(channel,)))[channel][:2]


def periodic_barcodes(  # noqa: PLR0913 - keyword settings with defaults
    structure: Any,
    *,
    r_max: float | None = None,
    channel: str = "all",
    ion: str = "Li",
    max_dim: int = 2,
    with_simplices: bool = False,
    with_rings: bool | tuple[int, int] = False,
    budget: int = BUDGET,
    primitive: bool = True,
) -> PeriodicBarcode:
    """Return the barcode of one sublattice of a crystal.

    The crystal is a Structure of pymatgen, Atoms of ASE, CIF text, a path of a file with one crystal, or (lattice,
    fractional positions). Of the channel ``all`` the points are all sites as given; of the others, the sublattice of
    the mobile `ion`, or ``anion``, ``cation``, ``framework``, split sites merged. `r_max` is in Å; where it is not
    given, it is the channel's default.

    With simplices or rings, the cell is taken as given, so that sites are those of the input; each simplex is a tuple
    of vertices (site, shift) whose first vertex has shift 0, any translate of it being as good.

    The ring of a bar of dimension 1 is an edge e as long as the birth edge, in ticks, and a shortest path between the
    ends of e through the infinite crystal by edges no longer than e, less this one instance of e. Other translates of e
    may be used: where e links translates of an infinite component, the ring goes out by one and back by another. It
    begins with the first vertex of e and ends with the second. Lengths are added in ticks; of equal paths one of fewest
    corners is taken, then by the order of vertices.

    There is always one. The bar says that a combination of its birth edge e and earlier edges, with polynomials in the
    translations as coefficients, has no boundary: a finite cycle of the infinite crystal in which some translate of e
    has a coefficient that is not zero. A simple cycle in its support passes through that translate; moved to e and
    without it, it is a path.

    Of the rings through the edges of that length, the shortest that was tried is taken at which the bar's cocycle is
    not zero and those of the bars with the same birth and a longer life are. So it is a cycle born with the bar,
    neither a boundary nor made of older cycles as long as the bar lives, and at the death a boundary up to rings that
    are older (the elder rule). Rings of equal bars are independent. Where no such ring is found, and where a crystal
    has too many edges of one length, e is the birth edge and edges of its length count in the order of the filtration
    alone: older is then meant in that order. A search of a million steps ends, and the ring is ().
    ``with_rings=(groups, members)`` looks for the rings of so many different bars, the most persistent, and of so many
    of each.

    Raises
    ------
    RejectionError, ValueError
        As `barcodes`.
    """
    lattice, positions = _points(structure, channel, ion)
    r_max = HomologyConfig().r_max[channel] if r_max is None else r_max
    points = np.array(positions, dtype=np.float64).reshape(-1, 3)
    cloud = (np.array(lattice, dtype=np.float64), points, np.ones(len(points)))
    batch = CloudBatch.from_clouds([cloud])
    limits = (ALL if with_rings else 0, ALL) if isinstance(with_rings, bool) else with_rings
    smallest = primitive and not (with_simplices or with_rings)
    found = _run(batch, r_max, max_dim, 1, budget, smallest, PRIME, SEED, with_simplices, limits)
    dims = found.barcodes.dim
    births: list[tuple[tuple[Vertex, ...], ...]] = []
    deaths: list[tuple[tuple[Vertex, ...], ...]] = []
    if with_simplices:
        pairs = _split(found.vertices, dims, found.barcodes.death)
        for dim in range(max_dim + 1):
            births.append(tuple(pair[0] for pair, d in zip(pairs, dims, strict=True) if d == dim))
            deaths.append(tuple(pair[1] for pair, d in zip(pairs, dims, strict=True) if d == dim))
    return PeriodicBarcode(
        bars=tuple(found.barcodes.bars(0, dim) for dim in range(max_dim + 1)),
        n_points=int(found.barcodes.n_points[0]),
        r_cut=float(found.barcodes.r_cut[0]),
        birth_simplices=tuple(births),
        death_simplices=tuple(deaths),
        rings=_rings(found.rings, found.ring_sizes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class BarTable:
    """The bars of one crystal in its cell as read, flat; their simplices and rings are taken out one by one."""

    birth: FloatArray  # (n,) Å
    death: FloatArray  # (n,) Å, inf = open
    dim: NDArray[np.int8]  # (n,)
    r_cut: float  # Å, radius up to which the bars are complete
    vertices: IntArray  # (n_vertices, 4) site and shift, birth then death simplex of each bar
    begins: IntArray  # (n + 1,) where the vertices of each bar begin
    rings: IntArray  # (n_corners, 4) of the bars of dimension 1
    ring_begins: IntArray  # (n + 1,) where those of each bar begin

    def simplices(self, bar: int) -> tuple[tuple[Vertex, ...], tuple[Vertex, ...]]:
        """Return the birth simplex of a bar and its death simplex, () for one that never dies."""
        rows = _vertices(self.vertices[self.begins[bar] : self.begins[bar + 1]])
        corners = int(self.dim[bar]) + 1
        return rows[:corners], rows[corners:]

    def ring(self, bar: int) -> tuple[Vertex, ...]:
        """Return the ring of a bar, () where none was looked for or found."""
        return _vertices(self.rings[self.ring_begins[bar] : self.ring_begins[bar + 1]])

    def ring_sizes(self) -> IntArray:
        """Return the corners of the ring of each bar, (n,)."""
        return np.diff(self.ring_begins)


def bar_table(  # noqa: PLR0913 - the settings of an engine
    lattice: FloatArray,
    positions: FloatArray,
    *,
    r_max: float,
    max_dim: int,
    budget: int,
    rings: bool | tuple[int, int],
) -> BarTable:
    """Return the bars of one crystal with simplices and rings, as `periodic_barcodes` does, not yet taken apart."""
    batch = CloudBatch.from_clouds([(lattice, positions, np.ones(len(positions)))])
    limits = (ALL if rings else 0, ALL) if isinstance(rings, bool) else rings
    found = _run(batch, r_max, max_dim, 1, budget, False, PRIME, SEED, True, limits)
    bars = found.barcodes
    sizes = bars.dim.astype(np.int64) + 1
    sizes += np.where(np.isfinite(bars.death), sizes + 1, 0)
    ring_sizes = np.zeros(len(sizes), dtype=np.int64)
    if len(found.ring_sizes):
        ring_sizes[bars.dim == 1] = found.ring_sizes
    return BarTable(
        birth=bars.birth,
        death=bars.death,
        dim=bars.dim,
        r_cut=float(bars.r_cut[0]),
        vertices=found.vertices,
        begins=np.concatenate([[0], np.cumsum(sizes)]),
        rings=found.rings,
        ring_begins=np.concatenate([[0], np.cumsum(ring_sizes)]),
    )


def _vertices(rows: IntArray) -> tuple[Vertex, ...]:
    return tuple([Vertex(site, (a, b, c)) for site, a, b, c in rows.tolist()])


class _Found(NamedTuple):
    barcodes: Barcodes
    vertices: IntArray  # (n, 4) site and shift, birth then death simplex of each bar
    ring_sizes: NDArray[np.int32]  # (n_h1,) corners of the ring of each bar of dimension 1
    rings: IntArray  # (n, 4) site and shift of these corners


def _run(  # noqa: PLR0913, PLR0917
    clouds: CloudBatch,
    r_max: ArrayLike,
    max_dim: int,
    threads: int,
    budget: int,
    primitive: bool,
    prime: int,
    seed: int,
    with_simplices: bool = False,
    rings: tuple[int, int] = (0, 0),
) -> _Found:
    radii = checked_radii(r_max, len(clouds))
    check_settings(max_dim=max_dim, threads=threads, budget=budget, prime=prime)
    status, points, cuts, offsets, dims, births, deaths, vertices, ring_sizes, corners = _kernels.barcodes(
        *flat(clouds),
        radii,
        resolution=RESOLUTION,
        phase=PHASE,
        max_dim=max_dim,
        threads=threads,
        budget=budget,
        tolerance=PRIMITIVE_TOLERANCE if primitive else -1.0,
        prime=prime,
        seed=seed,
        with_simplices=with_simplices,
        ring_groups=rings[0],
        ring_members=rings[1],
    )
    raise_for_status(status)
    bars = kernel_barcodes(radii, points, cuts, offsets, dims, births, deaths)
    return _Found(bars, vertices, ring_sizes, corners)


def kernel_barcodes(  # noqa: PLR0913, PLR0917 - what the kernel gives, in its order
    radii: FloatArray,
    points: NDArray[np.int32],
    cuts: NDArray[np.int32],
    offsets: IntArray,
    dims: NDArray[np.int8],
    births: NDArray[np.int32],
    deaths: NDArray[np.int32],
) -> Barcodes:
    """Return what the kernel gives as `Barcodes`; radii (n_clouds,) Å are those that were asked for."""
    asked = np.floor(radii / RESOLUTION + PHASE).astype(np.int64)
    return Barcodes(
        birth=radii_of(births),
        death=np.where(deaths == NEVER, np.inf, radii_of(deaths)),
        dim=dims,
        offsets=offsets,
        n_points=points.astype(np.float64),
        r_cut=np.where(cuts < asked, radii_of(cuts), radii),
    )


def flat(clouds: CloudBatch) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return lattices, positions and offsets as the kernels take them: contiguous, of the right type."""
    lattices = np.ascontiguousarray(clouds.lattices, dtype=np.float64)
    positions = np.ascontiguousarray(clouds.positions, dtype=np.float64)
    offsets = np.ascontiguousarray(clouds.offsets, dtype=np.int64)
    if lattices.shape != (len(clouds), 3, 3) or positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(f"lattices {lattices.shape} and positions {positions.shape} are no batch of clouds")
    if offsets[0] != 0 or offsets[-1] != len(positions) or (np.diff(offsets) < 0).any():
        raise ValueError("offsets do not partition the positions")
    return lattices, positions, offsets


def checked_radii(r_max: ArrayLike, n_clouds: int) -> FloatArray:
    """Return one radius per cloud, (n_clouds,) float64 Å; ValueError for one that is negative, not finite or > 1000."""
    radii = np.array(np.broadcast_to(np.asarray(r_max, dtype=np.float64), (n_clouds,)))
    if not (np.isfinite(radii) & (radii >= 0) & (radii <= 1000)).all():
        raise ValueError("r_max must be lengths between 0 and 1000 Å")
    return radii


def raise_for_status(status: NDArray[np.int32]) -> None:
    """Raise the RejectionError of the first cloud that the kernel refused."""
    refused = np.flatnonzero(status)
    if len(refused):
        code, detail = _CODES[int(status[refused[0]])]
        raise RejectionError(code, f"cloud {refused[0]}: {detail}")


def check_settings(*, max_dim: int, threads: int, budget: int, prime: int) -> None:
    """Raise ValueError where a setting of the kernel is out of range."""
    if max_dim not in {0, 1, 2}:
        raise ValueError(f"max_dim must be 0, 1 or 2, not {max_dim}")
    if threads < 1 or budget < 1:
        raise ValueError("threads and budget must be at least 1")
    if not 2**20 < prime < 2**31 or not _is_prime(prime):
        raise ValueError(f"prime must be a prime between 2**20 and 2**31, not {prime}")


def _is_prime(number: int) -> bool:
    """Miller-Rabin with the bases 2, 3, 5, 7: exact below 3.2e9."""
    if number % 2 == 0:
        return number == 2
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7):
        x = pow(base, odd, number)
        if x in {1, number - 1, 0}:
            continue
        for _ in range(twos - 1):
            x = x * x % number
            if x == number - 1:
                break
        else:
            return False
    return True


def unit_powers(prime: int, seed: int, widest: int) -> NDArray[np.uint32]:
    """Return the units that translations act by, to all powers from -widest to widest, (3, 2 widest + 1) modulo prime.

    The same as the kernel draws from the seed. Source: splitmix64 (Steele, Lea and Flood 2014).
    """
    powers = np.empty((3, 2 * widest + 1), dtype=np.uint32)
    for axis in range(3):
        seed = (seed + 0x9E3779B97F4A7C15) % 2**64
        x = seed
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        unit = 2 + (x ^ (x >> 31)) % (prime - 3)
        powers[axis] = [pow(unit, exponent, prime) for exponent in range(-widest, widest + 1)]
    return powers


def _split(
    vertices: IntArray, dims: NDArray[np.int8], deaths: FloatArray
) -> list[tuple[tuple[Vertex, ...], tuple[Vertex, ...]]]:
    """Return (birth simplex, death simplex) of each bar from the kernel's flat rows."""
    rows = [Vertex(site, (a, b, c)) for site, a, b, c in vertices.tolist()]
    pairs: list[tuple[tuple[Vertex, ...], tuple[Vertex, ...]]] = []
    at = 0
    for dim, death in zip(dims.tolist(), deaths.tolist(), strict=True):
        middle = at + dim + 1
        end = middle + (dim + 2 if np.isfinite(death) else 0)
        pairs.append((tuple(rows[at:middle]), tuple(rows[middle:end])))
        at = end
    return pairs


def _rings(vertices: IntArray, sizes: NDArray[np.int32]) -> tuple[tuple[Vertex, ...], ...]:
    rows = [Vertex(site, (a, b, c)) for site, a, b, c in vertices.tolist()]
    ends = np.cumsum(sizes).tolist()
    return tuple(tuple(rows[end - size : end]) for size, end in zip(sizes.tolist(), ends, strict=True))
