"""The barriers of many crystals, on several cores, in the order in which they are given."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from screening.crystals import Crystal, FloatArray
from screening.energy.charges import NoBarrier, NoBarrierError
from screening.energy.landscape import Landscape, landscape
from screening.host import in_parts
from screening.sources import Missing, Wanted

BARRIERS_VERSION = 1  # of what the numbers mean
PART = 8  # crystals handed to a worker at a time
DIGITS = 4  # of energies: 0.1 meV
PLACES = 3  # decimals of the points of a pathway
STRAIGHT = 0.15  # a point nearer than this to the line between its neighbours is left out of a pathway, Å
MOST_WAYS = 400  # of one crystal, those over the lowest passes


class BarrierRow(NamedTuple):
    """What is kept of one crystal; plain JSON."""

    id: str
    source: str
    formula: str
    code: str  # why there is no barrier; empty where there is one
    detail: str
    barriers: tuple[float, ...] = ()  # E1D, E2D, E3D above the lowest point of what runs on, eV
    from_minimum: tuple[float, ...] = ()  # above the lowest point of the grid, eV
    charges: str = ""  # of the other elements, such as P +5, S -2
    grid: tuple[int, ...] = ()  # points along the reduced cell
    ways: tuple[tuple[int, float, list[float]], ...] = ()  # level, energy of the pass in eV, x y z x y z ... fractional
    ways_left_out: int = 0  # further ways, over higher passes


def barrier_rows(
    crystals: Sequence[tuple[Wanted, Crystal | Missing]], *, ion: str, grid: float, workers: int
) -> Iterator[list[BarrierRow]]:
    """Yield the rows of the crystals in their order, a few at a time; no number depends on `workers`.

    Parameters
    ----------
    crystals
        Each as its source holds it, or why it cannot be had.
    ion
        Symbol of the mobile ion.
    grid
        Largest distance of neighbouring grid points, Å.
    workers
        Processes; with one, all is computed here.
    """
    yield from in_parts(partial(_part, ion=ion, grid=grid), crystals, part=PART, workers=workers)


def _part(part: Sequence[tuple[Wanted, Crystal | Missing]], ion: str, grid: float) -> list[BarrierRow]:
    return [barrier_row(wanted, crystal, ion=ion, grid=grid) for wanted, crystal in part]


def barrier_row(wanted: Wanted, crystal: Crystal | Missing, *, ion: str, grid: float) -> BarrierRow:
    """Return the row of one crystal."""
    name = (wanted.id, wanted.source, wanted.formula)
    if isinstance(crystal, Missing):
        return BarrierRow(*name, NoBarrier.UNREADABLE.value, crystal.reason)
    try:
        found = landscape(crystal, ion=ion, grid=grid, with_pathway=True)
    except NoBarrierError as error:
        return BarrierRow(*name, error.code.value, str(error))
    ways = _ways(found, crystal.lattice)
    return BarrierRow(
        *name,
        "",
        "",
        tuple(round(barrier, DIGITS) for barrier in found.barriers),
        tuple(round(barrier, DIGITS) for barrier in found.from_minimum),
        ", ".join(f"{symbol} {charge:+.3g}" for symbol, charge in found.charges.items()),
        found.dims,
        ways[:MOST_WAYS],
        max(0, len(ways) - MOST_WAYS),
    )


def _ways(found: Landscape, lattice: FloatArray) -> tuple[tuple[int, float, list[float]], ...]:
    path = found.pathway
    rows = []
    for energy, level, points in zip(path.energies.tolist(), path.levels.tolist(), path.ways, strict=True):
        kept = points[straightened(points @ lattice)]
        kept -= np.floor(kept[len(kept) // 2])  # drawn from the cell
        rows.append((int(level), round(float(energy), DIGITS), np.round(kept, PLACES).ravel().tolist()))
    return tuple(rows)


def straightened(points: FloatArray) -> list[int]:
    """Return which points of a line (n, 3) in Å to keep, so that none is farther than `STRAIGHT` from the new line.

    Source: Douglas and Peucker, Cartographica 10, 112 (1973).
    """
    kept = {0, len(points) - 1}
    waiting = [(0, len(points) - 1)]
    while waiting:
        begin, end = waiting.pop()
        if end - begin < 2:
            continue
        along = points[end] - points[begin]
        offsets = points[begin + 1 : end] - points[begin]
        length2 = float(along @ along)
        share = np.clip(offsets @ along / length2, 0.0, 1.0) if length2 > 0 else np.zeros(len(offsets))
        away = np.linalg.norm(offsets - share[:, None] * along, axis=1)
        farthest = int(away.argmax())
        if away[farthest] > STRAIGHT:
            middle = begin + 1 + farthest
            kept.add(middle)
            waiting += [(begin, middle), (middle, end)]
    return sorted(kept)


def row_of(value: Any) -> BarrierRow:
    """Return a row from plain JSON.

    Raises
    ------
    ValueError
        It is none.
    """
    if not isinstance(value, dict) or set(value) != set(BarrierRow._fields):
        raise ValueError("not the row of a crystal")
    row = BarrierRow(**value)
    texts = (row.id, row.source, row.formula, row.code, row.detail, row.charges)
    ways = [(level, energy, points) for level, energy, points in row.ways]
    numbers = [*row.barriers, *row.from_minimum, *row.grid, *(x for _, e, points in ways for x in (e, *points))]
    if not all(isinstance(text, str) for text in texts) or not all(map(_is_number, numbers)):
        raise ValueError("not the row of a crystal")
    lengths = (len(row.barriers), len(row.from_minimum), len(row.grid))
    if lengths != ((0, 0, 0) if row.code else (3, 3, 3)):
        raise ValueError("not the barriers of a crystal")
    if not all(level in (1, 2, 3) and len(points) % 3 == 0 for level, _, points in ways):
        raise ValueError("not the pathway of a crystal")
    return row._replace(
        barriers=tuple(row.barriers), from_minimum=tuple(row.from_minimum), grid=tuple(row.grid), ways=tuple(ways)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
