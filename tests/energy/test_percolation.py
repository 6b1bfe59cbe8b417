"""Barriers of grids of any energies, held against a flood fill that follows every closed walk."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from oracles_energy import STEPS, barrier_levels, regions

from screening import _kernels

LEVEL = 1e-6  # eV: energies nearer than this are one level


def found(energies: np.ndarray, *, with_pathway: bool = False):
    return _kernels.bvse_barriers(
        np.ascontiguousarray(energies.ravel(), dtype=np.float64), np.array(energies.shape), with_pathway
    )


SHAPES = st.tuples(*[st.integers(1, 5)] * 3)
GRIDS = SHAPES.flatmap(lambda shape: arrays(np.float64, shape, elements=st.integers(0, 6).map(float)))


@settings(max_examples=25, deadline=None)
@given(GRIDS)
def test_a_flood_fill_says_the_same(energies: np.ndarray) -> None:
    levels, lowest, minimum, *_ = found(energies)
    wanted, bottoms = barrier_levels(energies)
    assert levels.tolist() == wanted
    assert lowest.tolist() == bottoms
    assert minimum == energies.min()


@settings(max_examples=15, deadline=None)
@given(GRIDS, st.integers(0, 2**32 - 1))
def test_what_a_grid_is_written_as_does_not_matter(energies: np.ndarray, seed: int) -> None:
    """Not its origin, nor the order, the sense or the multiple of its axes."""
    rng = np.random.default_rng(seed)
    levels, lowest, minimum, *_ = found(energies)
    assert (np.diff(levels) >= 0).all()
    assert (np.diff(levels - lowest) >= 0).all()
    shifted = np.roll(energies, rng.integers(0, 5, 3), axis=(0, 1, 2))
    turned = np.flip(np.transpose(energies, rng.permutation(3)), axis=int(rng.integers(0, 3)))
    repeated = np.tile(energies, rng.integers(1, 4, 3))
    for other in (shifted, turned, repeated):
        again = found(other)
        np.testing.assert_array_equal(again[0], levels)
        np.testing.assert_array_equal(again[1], lowest)
        assert again[2] == minimum


def test_a_path_that_closes_only_after_two_cells() -> None:
    """Strand a goes on as strand b in the next cell and b as a: a point is joined to its second translate alone."""
    energies = np.full((7, 12, 9), 5.0)
    for x in range(7):
        energies[x, 1 + x, 0] = energies[x, 7 - x, 4] = 0.0
    energies[6, 7, 0:5] = energies[6, 1, 0:5] = 0.0  # from the end of each to the height at which the other begins
    ((rank, _, walks),) = regions(energies <= 0.0)
    assert rank == 1
    assert {abs(int(walk[0])) for walk in walks} == {0, 2}
    levels, lowest, *_ = found(energies)
    assert (levels[0], lowest[0]) == (0.0, 0.0)
    assert levels[1] == 5.0


@pytest.mark.parametrize(("axes", "rank"), [((0,), 1), ((0, 1), 2), ((0, 1, 2), 3)])
def test_channels_planes_and_all(axes: tuple[int, ...], rank: int) -> None:
    energies = np.full((7, 7, 7), 9.0)
    for axis in axes:
        where: list[object] = [3, 3, 3]
        where[axis] = slice(None)
        energies[tuple(where)] = float(1 + axis)  # type: ignore[index]
    energies[3, 3, 3] = -1.0
    levels, lowest, minimum, *_ = found(energies)
    assert [level < 9.0 for level in levels] == [dim <= rank for dim in (1, 2, 3)]
    assert levels[:rank].tolist() == [float(1 + axis) for axis in axes]
    assert lowest[0] == minimum == -1.0


def test_a_deeper_pocket_beside_the_channel() -> None:
    """The barrier is counted from the channel, and from the minimum in the columns that say so."""
    energies = np.full((5, 9, 9), 4.0)
    energies[:, 2, 2] = 1.0
    energies[0, 2, 2] = 0.5
    energies[2, 6, 6] = -3.0
    levels, lowest, minimum, *_ = found(energies)
    assert (levels[0], lowest[0], minimum) == (1.0, 0.5, -3.0)
    assert lowest[2] == -3.0  # when all runs on, the pocket is part of it


@settings(max_examples=20, deadline=None)
@given(GRIDS, st.integers(0, 2**32 - 1))
def test_the_pathway_is_what_runs_on(energies: np.ndarray, seed: int) -> None:
    """Its ways lead over passes no higher than the barrier, from minimum to minimum, in as many directions."""
    energies = energies + 1e-3 * np.random.default_rng(seed).random(energies.shape)
    dims = np.array(energies.shape)
    levels, _, _, passes, first, offsets, points = found(energies, with_pathway=True)
    assert (np.diff(passes) >= 0).all()
    values = energies[tuple((points % dims).T)]
    graph: list[tuple[int, tuple, tuple]] = []
    for k, (begin, end) in enumerate(pairwise(offsets)):
        way = points[begin:end]
        assert np.abs(np.diff(way, axis=0)).max() <= 1
        assert values[begin:end].max() == passes[k] <= levels[first[k] - 1] + LEVEL
        for tip in (way[0], way[-1]):
            around = [energies[tuple((tip + step) % dims)] for step in [(0, 0, 0), *STEPS]]
            assert energies[tuple(tip % dims)] == min(around)
        graph.append((first[k], tuple(way[0]), tuple(way[-1])))
    for rank in (1, 2, 3):
        assert rank_of_ways([(a, b) for level, a, b in graph if level <= rank], dims) >= rank


def rank_of_ways(ways: list[tuple[tuple, tuple]], dims: np.ndarray) -> int:
    """The highest rank of the closed walks of a graph whose edges join points of a lattice."""
    near: dict[tuple, list[tuple[tuple, np.ndarray]]] = {}
    for a, b in ways:
        (i, s), (j, t) = ((tuple(np.array(p) % dims), np.array(p) // dims) for p in (a, b))
        near.setdefault(i, []).append((j, t - s))
        near.setdefault(j, []).append((i, s - t))
    best, at = 0, {}
    for start in near:
        if start in at:
            continue
        at[start], waiting, walks = np.zeros(3, int), [start], [np.zeros(3, int)]
        while waiting:
            point = waiting.pop()
            for other, shift in near[point]:
                if other not in at:
                    at[other] = at[point] + shift
                    waiting.append(other)
                else:
                    walks.append(at[point] + shift - at[other])
        best = max(best, int(np.linalg.matrix_rank(np.array(walks))))
    return best


def test_the_oracle_counts_directions() -> None:
    inside = np.zeros((3, 4, 5), dtype=bool)
    inside[:, 1, 1] = True
    assert [rank for rank, *_ in regions(inside)] == [1]
    inside[:, :, 1] = True
    assert [rank for rank, *_ in regions(inside)] == [2]
