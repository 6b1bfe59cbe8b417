"""Closed surfaces around cavities: certified by ranks of boundary matrices, known shapes, and the engine's order."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from made_crystals import rocksalt
from made_points import random_points
from oracles_homology import P, boundary, orbits, rank
from plain_surfaces import Piece

from screening import _kernels
from screening.config import Config
from screening.crystals import CloudBatch, IntArray
from screening.crystals.cif import read_cif
from screening.data.known import known_conductors
from screening.homology import surfaces as module
from screening.homology.barcodes import ticks
from screening.homology.drawn_holes import hole_groups
from screening.homology.periodic import flat, periodic_barcodes
from screening.homology.surfaces import Surface, Surfaces

SLOW = pytest.mark.slow
FACE_CENTRED = np.array([[0.0, 2, 2], [2, 0, 2], [2, 2, 0]])
UNITS = [int(u) for u in np.random.default_rng(7).integers(2, P - 1, 3)]


def cavities(lattice: Any, positions: Any, r_max: float) -> list[tuple[float, float, Surface | None]]:
    """Birth, death and surface of every cavity that ends."""
    found = periodic_barcodes((lattice, positions), r_max=r_max, with_simplices=True, primitive=False)
    around = Surfaces(np.asarray(lattice, float), np.asarray(positions, float)).around
    return [
        (birth, death, around(np.array([[v.site, *v.shift] for v in simplex]), birth))
        for (birth, death), simplex in zip(found.bars[2].tolist(), found.death_simplices[2], strict=True)
        if simplex
    ]


def check_surface(lattice: Any, positions: Any, surface: Surface, birth: float) -> None:
    """The laws of a surface that need no oracle: closed, oriented, and as long as its birth says."""
    edges = Counter((f[k], f[(k + 1) % 3]) for f in surface.faces.tolist() for k in range(3))
    assert all(edges[a, b] == edges[b, a] for a, b in edges)
    assert len({frozenset(face) for face in surface.faces.tolist()}) == len(surface.faces)
    assert set(surface.faces.ravel().tolist()) == set(range(len(surface.corners)))
    assert len(np.unique(surface.corners, axis=0)) == len(surface.corners)
    at = (np.asarray(positions)[surface.corners[:, 0]] + surface.corners[:, 1:]) @ np.asarray(lattice)
    lengths = [np.linalg.norm(at[a] - at[b]) for a, b in edges]
    assert int(ticks(np.array(lengths)).max()) == int(ticks(np.array(birth)))


def chain_of(surface: Surface, tick_of: dict[Any, int], first_tick: int) -> dict[Any, int]:
    """The surface as a chain of orbits, {triangle: coefficient mod P}, triangles before `first_tick` left out."""
    column: dict[Any, int] = defaultdict(int)
    vertices = [(int(v[0]), tuple(v[1:].tolist())) for v in surface.corners]
    for face in surface.faces.tolist():
        corners = [vertices[k] for k in face]
        order = sorted(range(3), key=lambda k, corners=corners: corners[k])  # type: ignore[misc]
        sign = 1 if order in ([0, 1, 2], [1, 2, 0], [2, 0, 1]) else -1
        a, b, c = (corners[k] for k in order)
        factor = sign
        for unit, exponent in zip(UNITS, a[1], strict=True):
            factor = factor * pow(unit, exponent, P) % P
        home = tuple((v[0], tuple(y - x for x, y in zip(a[1], v[1], strict=True))) for v in (a, b, c))
        if tick_of[home] >= first_tick:
            column[home] = (column[home] + factor) % P
    return {triangle: value for triangle, value in column.items() if value}


@pytest.mark.parametrize("seed", range(16))
def test_surfaces_live_as_long_as_their_bars(seed: int) -> None:
    """By ranks: until the death independent of boundaries and of all triangles before the birth, then a boundary."""
    lattice, positions, r_max = random_points(np.random.default_rng(seed), n_sites=2 + seed % 2, tied=seed % 2 == 1)
    r_max *= 1.25
    levels = orbits(lattice, positions, r_max, top=3)
    bounded = [(tick, boundary(simplex, UNITS)) for simplex, tick in levels[3].items()]
    for birth, death, surface in cavities(lattice, positions, r_max):
        if surface is None:
            continue
        check_surface(lattice, positions, surface, birth)
        first, last = int(ticks(np.array(birth))), int(ticks(np.array(death)))
        new = chain_of(surface, levels[2], first)
        older = lambda column, first=first: {t: x for t, x in column.items() if levels[2][t] >= first}  # noqa: E731
        before = [older(column) for tick, column in bounded if tick < last]
        assert rank([*before, new]) == rank(before) + 1
        after = [column for tick, column in bounded if tick <= last]
        assert rank([*after, chain_of(surface, levels[2], 0)]) == rank(after)  # a boundary: no older cycle is left


def test_most_cavities_of_random_crystals_have_one() -> None:
    """What is not found is not found in the pieces that are searched; it must be the rarer case."""
    count: Counter[bool] = Counter()
    for seed in range(40):
        lattice, positions, r_max = random_points(np.random.default_rng(seed), n_sites=3 + seed % 4, tied=seed % 2 == 1)
        for birth, _, surface in cavities(lattice, positions, 1.35 * r_max):
            count[surface is not None] += 1
            if surface is not None:
                check_surface(lattice, positions, surface, birth)
    assert count[True] >= 10
    assert count[True] > 2 * count[False]


@pytest.mark.parametrize("seed", range(10))
def test_the_engine_pairs_simplices_in_the_order_that_the_argument_uses(seed: int) -> None:
    """Reduced by the plain algorithm with orbits by (tick, corners), the engine's own pairs of simplices come out."""
    lattice, positions, r_max = random_points(np.random.default_rng(seed), n_sites=1 + seed % 3, tied=True)
    batch = CloudBatch.from_clouds([(lattice, positions, np.ones(len(positions)))])
    _, rows, _, _, wrapped = _kernels.primitive_cells(*flat(batch), tolerance=-1.0, threads=1)
    rows, wrapped = rows.reshape(3, 3), wrapped.reshape(-1, 3)
    r_max *= 1.2
    levels = orbits(rows, wrapped, r_max, top=3)
    found = periodic_barcodes((rows, wrapped), r_max=r_max, with_simplices=True, primitive=False)
    ours = {
        (birth, death)
        for births, deaths in zip(found.birth_simplices[1:], found.death_simplices[1:], strict=True)
        for birth, death in zip(births, deaths, strict=True)
        if death
    }
    theirs = set()
    for dim in (1, 2):
        place = {simplex: (tick, simplex) for simplex, tick in levels[dim].items()}
        pivots: dict[Any, dict[Any, int]] = {}
        for tick, simplex in sorted((tick, simplex) for simplex, tick in levels[dim + 1].items()):
            work = {place[face]: value for face, value in boundary(simplex, UNITS).items()}
            while work and (top := max(work)) in pivots:
                factor = work[top]
                for row, value in pivots[top].items():
                    left = (work.get(row, 0) - factor * value) % P
                    if left:
                        work[row] = left
                    else:
                        work.pop(row, None)
            if work:
                inverse = pow(work[top], -1, P)
                pivots[top] = {row: value * inverse % P for row, value in work.items()}
                if top[0] != tick:
                    theirs.add((top[1], simplex))
    assert {(tuple(map(tuple, a)), tuple(map(tuple, b))) for a, b in ours} == theirs


def test_the_kernel_finds_what_plain_python_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every piece that is searched of random crystals and of known ones: the same corners, faces and refusals."""
    answers: Counter[str] = Counter()

    def both(
        vertices: IntArray, tick: IntArray, own: list[int], birth: int, most: int
    ) -> tuple[bool, tuple[IntArray, IntArray] | None]:
        too_large, found = piece_surface(vertices, tick, own, birth, most)
        plain = Piece(vertices, tick, own, most)
        assert too_large == plain.too_large
        wanted = None if too_large else plain.surface(birth)
        answers["too large" if too_large else "none" if found is None else "found"] += 1
        assert (found is None) == (wanted is None)
        if found is not None and wanted is not None:
            assert found[0].tolist() == wanted[0].tolist()
            assert found[1].tolist() == wanted[1].tolist()
        return too_large, found

    piece_surface = _kernels.piece_surface
    monkeypatch.setattr(_kernels, "piece_surface", both)
    for seed in range(40):
        lattice, positions, r_max = random_points(np.random.default_rng(seed), n_sites=3 + seed % 4, tied=seed % 2 == 1)
        monkeypatch.setattr(module, "MOST_TETRAHEDRA", 20_000 if seed % 5 else 100)
        cavities(lattice, positions, 1.35 * r_max)
    config = Config()
    for one in known_conductors()[::20]:
        crystal = read_cif(one.to_cif().encode(), id="x", source="x", limits=config.input)
        hole_groups(crystal, config, max_bars=200, groups=12, members=1)
    assert answers["found"] > 40
    assert answers["none"] > 10
    assert answers["too large"] > 1


def test_octahedra_of_rock_salt() -> None:
    """Of the face-centred anions: six corners around the site of the other ion, eight faces."""
    config = Config()
    salt = read_cif(rocksalt().encode(), id="x", source="x", limits=config.input)
    for channel in hole_groups(salt, config, max_bars=200, groups=12, members=4):
        if channel["channel"] != "anion":
            continue
        bar = max((bar for bar in channel["bars"] if bar["dim"] == 2), key=lambda bar: bar["death"] - bar["birth"])
        surface = bar["surface"]
        assert (len(surface["corners"]), len(surface["faces"])) == (6, 8)
        at = np.array([salt.positions[corner[0][0]] + corner[0][1:] for corner in surface["corners"]])
        lithium = salt.positions[salt.numbers == 3]
        gap = at.mean(axis=0) - lithium
        assert np.linalg.norm((gap - np.rint(gap)) @ salt.lattice, axis=1).min() < 1e-6


@pytest.mark.parametrize("matrix", [np.eye(3), [[1, 1, 0], [0, 1, 0], [-1, 2, 1]]], ids=["as it is", "skew"])
def test_known_shapes_in_any_cell(matrix: Any) -> None:
    """One face-centred site: an octahedron, from the distance of neighbours to its diagonals."""
    lattice = np.asarray(matrix, float) @ FACE_CENTRED
    (one,) = [found for found in cavities(lattice, [[0.3, 0.1, 0.9]], 4.4) if found[1] - found[0] > 0.5]
    birth, death, surface = one
    assert birth == pytest.approx(8**0.5, abs=1e-4)
    assert death == pytest.approx(4, abs=1e-4)
    assert surface is not None
    check_surface(lattice, [[0.3, 0.1, 0.9]], surface, birth)
    assert (len(surface.corners), len(surface.faces)) == (6, 8)


def test_a_piece_beyond_the_bound_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(surface for _, _, surface in cavities(FACE_CENTRED, [[0.0, 0.0, 0.0]], 4.4))
    monkeypatch.setattr(module, "MOST_TETRAHEDRA", 3)
    assert not any(surface for _, _, surface in cavities(FACE_CENTRED, [[0.0, 0.0, 0.0]], 4.4))


@pytest.mark.parametrize(("every", "found", "lost"), [(12, None, None), pytest.param(1, 1154, 124, marks=SLOW)])
def test_most_cavities_of_known_conductors_have_one(every: int, found: int | None, lost: int | None) -> None:
    """Of the first four different cavities that end, of each sublattice: docs/periodic-persistence.md has the count."""
    config = Config()
    count: Counter[bool] = Counter()
    for one in known_conductors()[::every]:
        crystal = read_cif(one.to_cif().encode(), id="x", source="x", limits=config.input)
        for channel in hole_groups(crystal, config, max_bars=200, groups=12, members=1):
            for bar in channel["bars"]:
                if "surface" not in bar:
                    continue
                count[bar["surface"] is not None] += 1
                if bar["surface"]:
                    edges = Counter(frozenset((f[k - 1], f[k])) for f in bar["surface"]["faces"] for k in range(3))
                    assert all(shared % 2 == 0 for shared in edges.values())
    assert count[True] > 0.8 * count.total(), count
    assert found in (None, count[True])
    assert lost in (None, count[False])
