"""The bond-valence site energy of a mobile ion in a crystal, and the barriers at which its region runs on."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from screening import _kernels
from screening.crystals import Crystal, FloatArray, IntArray, wrap
from screening.elements import NUMBERS, SYMBOLS
from screening.energy.charges import NoBarrier, NoBarrierError, atom_charges
from screening.energy.parameters import cation, wells

CUTOFF = 10.0  # Å, all neighbours
COULOMB = 14.4  # e² / (4 pi eps0), eV Å
SCREENING = 0.74  # of the sum of two radii
MOST_POINTS = 3_000_000  # of a grid: 24,000 Å³ at 0.2 Å
WHOLE = 1e-6  # of a grid step: an edge this much longer than a whole number of steps has no more points


class Field(NamedTuple):
    """What acts on the mobile ion."""

    positions: FloatArray  # (n, 3) fractional
    kinds: IntArray  # (n,) row of `table`
    weights: FloatArray  # (n,) share of the site that the atom fills
    table: FloatArray  # (n_kinds, 5) r_min Å, alpha 1/Å, d0 eV, coulomb eV Å, screening Å


@dataclass(frozen=True, slots=True, eq=False)
class Pathway:
    """The ways of steepest descent from each pass of what runs on to the two minima beside it."""

    energies: FloatArray = field(default_factory=lambda: np.empty(0))  # (n,) of the passes above the minimum, eV
    levels: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))  # (n,) 1, 2, 3: E1D, E2D, E3D
    ways: tuple[FloatArray, ...] = ()  # (n_points, 3) each, fractional, not wrapped: minimum, pass, minimum


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """Barriers of one crystal, each for one, two and three directions, eV."""

    barriers: tuple[float, float, float]  # above the lowest point of all that runs on at the barrier
    from_minimum: tuple[float, float, float]  # above the lowest point of the grid
    minimum: float  # energy there
    charge: int  # of the mobile ion, e
    charges: dict[str, float]  # mean charge of the other elements, e
    dims: tuple[int, int, int]  # points of the grid along the reduced cell
    pathway: Pathway


def landscape(crystal: Crystal, *, ion: str, grid: float, with_pathway: bool = False) -> Landscape:
    """Return the barriers of a crystal for a mobile ion.

    Parameters
    ----------
    crystal
        All of its atoms but the mobile ion's act on it.
    ion
        Symbol of the mobile ion.
    grid
        Largest distance of neighbouring grid points along a cell vector, Å.
    with_pathway
        Whether the pathway is found too.

    Raises
    ------
    NoBarrierError
        It has none; `code` says why.

    Source: the form of softBV, Chen, Wong and Adams, Acta Cryst. B75, 18 (2019); the periodic merge tree, ours.
    """
    charges, charge = _charges(crystal, ion)
    acting = field_of(crystal, charges, ion=ion, charge=charge)
    rows, to = reduced(crystal.lattice)
    dims = grid_dims(rows, grid)
    if np.prod(dims, dtype=np.float64) > MOST_POINTS:
        raise NoBarrierError(NoBarrier.TOO_LARGE, f"a grid of {' x '.join(map(str, dims))} points is too large")
    # Given row = inverse(to) @ reduced rows, so positions in the reduced cell are positions @ inverse(to).
    back = np.rint(np.linalg.inv(to))
    inside = acting._replace(positions=wrap(acting.positions @ back))
    energies = energy_grid(rows, inside, dims)
    levels, lowest, minimum, passes, first, offsets, points = _kernels.bvse_barriers(energies, dims, with_pathway)
    framework = crystal.numbers != NUMBERS[ion]
    return Landscape(
        barriers=tuple(float(level - low) for level, low in zip(levels, lowest, strict=True)),  # type: ignore[arg-type]
        from_minimum=tuple(float(level - minimum) for level in levels),  # type: ignore[arg-type]
        minimum=minimum,
        charge=charge,
        charges=_by_element(crystal, charges, framework),
        dims=(int(dims[0]), int(dims[1]), int(dims[2])),
        pathway=Pathway(passes - minimum, first, _ways(points / dims @ to, offsets)) if with_pathway else Pathway(),
    )


def _charges(crystal: Crystal, ion: str) -> tuple[FloatArray, int]:
    if not (crystal.numbers == NUMBERS[ion]).any():
        raise NoBarrierError(NoBarrier.NO_MOBILE_ION, f"it has no {ion} whose place is known")
    others = sorted(SYMBOLS[number] for number in crystal.unplaced if number != NUMBERS[ion])
    if others:
        raise NoBarrierError(NoBarrier.UNPLACED, f"the places of its {', '.join(others)} are not known")
    return atom_charges(crystal, ion)


def field_of(crystal: Crystal, charges: FloatArray, *, ion: str, charge: int) -> Field:
    """Return the atoms that act on the mobile ion, with their parameters; atoms without a charge do not.

    Raises
    ------
    NoBarrierError
        There are no parameters for one of them.
    """
    rows = np.flatnonzero((crystal.numbers != NUMBERS[ion]) & (charges != 0))
    if not (charges[rows] < 0).any():
        raise NoBarrierError(NoBarrier.NO_CHARGES, "none of its other atoms is an anion")
    kinds: dict[tuple[str, float], int] = {}
    table: list[tuple[float, float, float, float, float]] = []
    kind = np.empty(len(rows), dtype=np.int64)
    for place, (number, q) in enumerate(zip(crystal.numbers[rows].tolist(), charges[rows].tolist(), strict=True)):
        key = (SYMBOLS[number], q)
        if key not in kinds:
            kinds[key] = len(table)
            table.append(_kind(*key, ion=ion, charge=charge))
        kind[place] = kinds[key]
    return Field(
        np.ascontiguousarray(crystal.positions[rows]),
        kind,
        np.ascontiguousarray(crystal.occupancies[rows]),
        np.array(table, dtype=np.float64),
    )


def _kind(element: str, q: float, *, ion: str, charge: int) -> tuple[float, float, float, float, float]:
    if q < 0:
        well = wells()[ion, charge].get((element, int(q))) if q.is_integer() else None
        if well is None:
            raise NoBarrierError(NoBarrier.NO_PARAMETERS, f"there are no parameters for {ion} beside {element}{q:+g}")
        return (*well, 0.0, 1.0)
    mobile, other = cation(ion), cation(element)
    if mobile is None or other is None:
        raise NoBarrierError(NoBarrier.NO_PARAMETERS, f"there are no parameters for {element}{q:+g}")
    strength = COULOMB * charge * q / (mobile.n * other.n) ** 0.5
    return (0.0, 1.0, 0.0, strength, SCREENING * (mobile.radius + other.radius))


def reduced(lattice: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the Minkowski-reduced cell (3, 3), rows in Å, and the whole numbers (3, 3) with rows = these @ given."""
    sound, rows, to = _kernels.reduced_cell(np.ascontiguousarray(lattice, dtype=np.float64))
    if not sound:
        raise NoBarrierError(NoBarrier.UNREADABLE, "its cell has no volume")
    return rows, to.astype(np.float64)


def grid_dims(rows: FloatArray, grid: float) -> IntArray:
    """Return the number of grid points along each cell vector (3,): the fewest that are at most `grid` Å apart."""
    lengths = np.linalg.norm(rows, axis=1)
    points: IntArray = np.maximum(1, np.ceil(lengths / grid - WHOLE)).astype(np.int64)
    return points


def energy_grid(rows: FloatArray, acting: Field, dims: IntArray) -> FloatArray:
    """Return the energies (n0 * n1 * n2,) in eV at i/n0, j/n1, k/n2 of the cell, the last fastest."""
    return _kernels.bvse_grid(
        np.ascontiguousarray(rows), np.ascontiguousarray(acting.positions), acting.kinds, acting.weights,
        acting.table, np.ascontiguousarray(dims), CUTOFF,
    )  # fmt: skip


def _by_element(crystal: Crystal, charges: FloatArray, framework: NDArray[np.bool_]) -> dict[str, float]:
    found: dict[str, float] = {}
    for number in np.unique(crystal.numbers[framework]).tolist():
        rows = framework & (crystal.numbers == number)
        found[SYMBOLS[number]] = float(np.average(charges[rows], weights=crystal.occupancies[rows]))
    return found


def _ways(points: FloatArray, offsets: IntArray) -> tuple[FloatArray, ...]:
    return tuple(points[begin:end] for begin, end in pairwise(offsets))
