"""From bars to atoms: simplices of the stated lengths, atoms that lie where the points are, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from command import screening
from made_crystals import random_crystal, rocksalt

from screening import _kernels
from screening.config import Config, read_config
from screening.crystals.cif import read_cif
from screening.crystals.clouds import channel_clouds, channel_members
from screening.crystals.crystal import CloudBatch, Crystal
from screening.data.known import known_conductors
from screening.errors import InputError
from screening.homology.drawn_holes import hole_groups
from screening.homology.holes import hole_atoms, hole_lines, hole_table, percolation_events
from screening.homology.percolation import percolation_ranks
from screening.homology.periodic import periodic_barcodes

CONFIG = read_config(
    None, {"homology": {"r_max": {"mobile": 6.0, "anion": 5.5, "cation": 6.0, "framework": 4.5, "all": 4.0}}}
)


def crystal(text: str) -> Crystal:
    return read_cif(text.encode(), id="x", source="x", limits=CONFIG.input)


def some() -> list[Crystal]:
    """Random crystals, and known conductors with split sites and mixed occupation."""
    known = [one for one in known_conductors() if one.family in ("argyrodite", "garnet", "LGPS")]
    return [*(crystal(random_crystal(seed)) for seed in range(3)), *(crystal(one.to_cif()) for one in known[:3])]


def longest(lattice: np.ndarray, corners: np.ndarray) -> float:
    points = corners @ lattice
    return max((float(np.linalg.norm(a - b)) for a, b in combinations(points, 2)), default=0.0)


@pytest.mark.parametrize("index", range(6))
def test_members_are_the_atoms_of_their_points(index: int) -> None:
    one = some()[index]
    clouds = channel_clouds(one, CONFIG.cloud)
    for channel, (cloud, members) in channel_members(one, CONFIG.cloud).items():
        for ours, theirs in zip(cloud, clouds[channel], strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert len(set(members.atom.tolist())) == len(members.atom)  # every atom once
        assert set(members.point.tolist()) == set(range(len(cloud[1])))  # every point of some
        near = one.positions[members.atom] + members.shift
        gap = np.linalg.norm((near - cloud[1][members.point]) @ one.lattice, axis=1)
        alone = np.bincount(members.point)[members.point] == 1
        assert gap[alone].max(initial=0.0) < 1e-6
        assert gap.max(initial=0.0) < 1.5  # split sites lie beside what they were merged to
        filled = np.bincount(members.point, weights=one.occupancies[members.atom], minlength=len(cloud[1]))
        np.testing.assert_allclose(np.minimum(filled, 1.0), cloud[2], atol=1e-6)


@pytest.mark.parametrize("index", range(6))
def test_simplices_have_the_lengths_of_their_bars(index: int) -> None:
    one = some()[index]
    table = {entry["channel"]: entry for entry in hole_table(one, CONFIG, max_bars=10_000)["channels"]}
    for channel in ("mobile", "anion"):
        holes = hole_atoms(one, channel, CONFIG)
        cloud = channel_clouds(one, CONFIG.cloud)[channel]
        bars = periodic_barcodes(cloud[:2], r_max=CONFIG.homology.r_max[channel], primitive=False).bars
        for dim in range(3):
            ours = sorted((hole.birth, hole.death) for hole in holes if hole.dim == dim)
            np.testing.assert_allclose(ours, sorted(map(tuple, bars[dim].tolist())), atol=1e-9)
        for hole in holes:
            assert (len(hole.birth_corners), len(hole.birth_atoms)) == (hole.dim + 1, hole.dim + 1)
            assert longest(one.lattice, hole.birth_corners) == pytest.approx(hole.birth, abs=2e-4)
            if np.isfinite(hole.death):
                assert len(hole.death_atoms) == hole.dim + 2
                assert longest(one.lattice, hole.death_corners) == pytest.approx(hole.death, abs=2e-4)
            assert len(hole.ring) == len(hole.ring_corners) >= (3 if hole.dim == 1 else 0)
            if hole.dim == 1:
                around = (np.roll(hole.ring_corners, -1, axis=0) - hole.ring_corners) @ one.lattice
                assert np.linalg.norm(around, axis=1).max() == pytest.approx(hole.birth, abs=2e-4)
                assert (hole.ring[0], hole.ring[-1]) == hole.birth_atoms
                assert len(np.unique(hole.ring_corners.round(6), axis=0)) == len(hole.ring)
            else:
                assert hole.ring == ()
            for corner, atoms in zip(
                [*hole.death_corners, *hole.ring_corners], [*hole.death_atoms, *hole.ring], strict=True
            ):
                for atom, *shift in atoms:
                    gap = (one.positions[atom] + np.array(shift) - corner) @ one.lattice
                    assert np.linalg.norm(gap) < 1.5
        order = [(hole.dim, hole.birth - hole.death) for hole in holes]
        assert order == sorted(order)
        told = [(len(bar["ring"]), bar["ring_size"]) for bar in table[channel]["bars"]]
        assert told == [(len(hole.ring), len(hole.ring) or None) for hole in holes if hole.dim]


def test_octahedral_holes_of_rock_salt() -> None:
    """Chlorine is face-centred: one cavity per atom, from the nearest distance to the cell edge, where lithium is."""
    salt = crystal(rocksalt())
    a = float(np.linalg.norm(salt.lattice[0]))
    cavities = [hole for hole in hole_atoms(salt, "anion", CONFIG) if hole.dim == 2 and hole.death - hole.birth > 0.5]
    chlorine = int((salt.numbers == 17).sum())
    assert len(cavities) == chlorine
    lithium = salt.positions[salt.numbers == 3]
    for cavity in cavities:
        assert cavity.birth == pytest.approx(a / np.sqrt(2), abs=2e-4)
        assert cavity.death == pytest.approx(a, abs=2e-4)
        # The simplex that closes it is a quarter of the octahedron: two opposite corners, whose middle is the lithium.
        pairs = combinations(cavity.death_corners, 2)
        middle = next(
            (one + two) / 2 for one, two in pairs if np.linalg.norm((one - two) @ salt.lattice) > cavity.death - 1e-3
        )
        gap = (lithium - middle) - np.rint(lithium - middle)
        assert np.linalg.norm(gap @ salt.lattice, axis=1).min() < 1e-3


@pytest.mark.parametrize("index", range(6))
def test_percolation_events_are_those_of_the_ranks(index: int) -> None:
    one = some()[index]
    cloud = channel_clouds(one, CONFIG.cloud)["mobile"]
    events = percolation_events(cloud, 6.0)
    ranks = percolation_ranks(CloudBatch.from_clouds([cloud]), r_max=6.0, primitive=False)
    for event in events:
        first = np.flatnonzero(ranks.counts[:, event.rank])[0]
        assert (event.radius, event.sites) == (ranks.radius[first], ranks.counts[first, event.rank])
        assert event.edges
        for (i, _), (j, shift) in event.edges:
            length = np.linalg.norm((cloud[1][j] + shift - cloud[1][i]) @ cloud[0])
            assert length == pytest.approx(event.radius, abs=2e-4)
    assert [event.rank for event in events] == [rank for rank in (1, 2, 3) if ranks.counts[:, rank].any()]


Shift = tuple[int, int, int]


def grouped(bars: list[dict[str, Any]], groups: int, members: int) -> list[dict[str, Any]]:
    """Return bars of a table with equal dimension, birth and death as one, the plain way."""
    same: dict[tuple[int, float, float | None], list[dict[str, Any]]] = {}
    for bar in bars:
        same.setdefault((bar["dim"], bar["birth"], bar["death"]), []).append(bar)
    entries = []
    for dim in (1, 2):
        for (_, birth, death), equal in [one for one in same.items() if one[0][0] == dim][:groups]:
            drawn = [[bar["ring"] or bar["birth_atoms"], bar["death_atoms"], bar["centre"]] for bar in equal[:members]]
            entries.append({"dim": dim, "birth": birth, "death": death, "n": len(equal), "members": drawn})
    return entries


@pytest.mark.parametrize("index", range(6))
@pytest.mark.parametrize(("most", "groups", "members"), [(200, 100, 1000), (7, 3, 2), (1, 5, 5)])
def test_groups_are_those_of_the_table(index: int, most: int, groups: int, members: int) -> None:
    one = some()[index]
    table = hole_table(one, CONFIG, max_bars=most)["channels"]
    found = hole_groups(one, CONFIG, max_bars=most, groups=groups, members=members)
    for channel, whole in zip(found, table, strict=True):
        with_surface = [bar for bar in channel["bars"] if "surface" in bar]
        assert all(bar["dim"] == 2 and bar["death"] is not None for bar in with_surface)
        assert len(with_surface) <= 4
        for bar in with_surface:
            del bar["surface"]
        wanted = grouped(whole["bars"], groups, members)
        assert {**channel, "bars": None} == {**whole, "bars": None}
        assert [(bar["dim"], bar["birth"], bar["death"], bar["n"]) for bar in channel["bars"]] == [
            (bar["dim"], bar["birth"], bar["death"], bar["n"]) for bar in wanted
        ]
        if most == 200:  # rings of all were looked for in both
            assert channel["bars"] == wanted
    json.dumps(found, allow_nan=False)


def plain_ranks(n: int, joined: list[tuple[int, int, Shift]]) -> tuple[list[int], list[int]]:
    """Return the component of each point, and each component's number of independent periods."""
    neighbours: list[list[tuple[int, Shift]]] = [[] for _ in range(n)]
    for i, j, (a, b, c) in joined:
        neighbours[i].append((j, (a, b, c)))
        neighbours[j].append((i, (-a, -b, -c)))
    component = [-1] * n
    place: list[Shift] = [(0, 0, 0)] * n
    ranks: list[int] = []
    for seed in range(n):
        if component[seed] >= 0:
            continue
        component[seed], stack, basis = len(ranks), [seed], Basis()
        while stack:
            point = stack.pop()
            x, y, z = place[point]
            for other, (a, b, c) in neighbours[point]:
                if component[other] < 0:
                    component[other], place[other] = len(ranks), (x + a, y + b, z + c)
                    stack.append(other)
                elif basis.rank < 3:
                    u, v, w = place[other]
                    basis.add((x + a - u, y + b - v, z + c - w))
        ranks.append(basis.rank)
    return component, ranks


class Basis:
    """Independent whole vectors among those added, exactly."""

    def __init__(self) -> None:
        self.rank = 0
        self._first: Shift = (0, 0, 0)
        self._normal: Shift = (0, 0, 0)  # of the first two

    def add(self, period: Shift) -> None:
        """Count a vector if it is independent of those before it."""
        if self.rank == 0:
            self._first, self.rank = period, int(any(period))
        elif self.rank == 1:
            (a, b, c), (u, v, w) = self._first, period
            self._normal = (b * w - c * v, c * u - a * w, a * v - b * u)
            self.rank += any(self._normal)
        elif self.rank == 2:
            self.rank += sum(a * b for a, b in zip(self._normal, period, strict=True)) != 0


@pytest.mark.parametrize("seed", range(30))
def test_ranks_of_components_are_those_of_a_plain_walk(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, n_edges = int(rng.integers(1, 12)), int(rng.integers(0, 20))
    ends = rng.integers(0, n, (n_edges, 2))
    shifts = rng.integers(-2, 3, (n_edges, 3)) @ rng.integers(-1, 2, (3, 3))
    first, second = np.ascontiguousarray(ends.T)
    found = _kernels.component_ranks(n, first, second, np.ascontiguousarray(shifts))
    joined = [(i, j, (a, b, c)) for (i, j), (a, b, c) in zip(ends.tolist(), shifts.tolist(), strict=True)]
    component, ranks = plain_ranks(n, joined)
    assert found.tolist() == [ranks[one] for one in component]


@pytest.mark.parametrize("seed", range(20))
def test_independent_periods_are_counted_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    periods = rng.integers(-2, 3, (int(rng.integers(0, 6)), 3)) @ rng.integers(-1, 2, (3, 3))
    basis = Basis()
    for a, b, c in periods.tolist():
        basis.add((a, b, c))
    assert basis.rank == (np.linalg.matrix_rank(periods) if len(periods) else 0)


def test_table_is_json_and_says_what_it_leaves_out() -> None:
    one = some()[3]
    table = json.loads(json.dumps(hole_table(one, CONFIG, max_bars=2), allow_nan=False))
    whole = hole_table(one, CONFIG, max_bars=10_000)
    for channel, full in zip(table["channels"], whole["channels"], strict=True):
        assert full["left_out"] == {"1": 0, "2": 0}
        for dim in (1, 2):
            shown = [bar for bar in channel["bars"] if bar["dim"] == dim]
            total = [bar for bar in full["bars"] if bar["dim"] == dim]
            assert len(shown) == min(2, len(total))
            assert channel["left_out"][str(dim)] == len(total) - len(shown)
            assert shown == total[: len(shown)]
    with pytest.raises(ValueError, match="negative"):
        hole_table(one, CONFIG, max_bars=-1)


def test_unknown_channels_are_told() -> None:
    with pytest.raises(InputError, match="no channel"):
        hole_atoms(some()[0], "lithium", Config())


def test_command_names_the_atoms(tmp_path) -> None:
    (tmp_path / "salt.cif").write_text(rocksalt())
    told = screening("hole", tmp_path / "salt.cif", "--channel", "anion", "--dim", "2", "--bars", "1").stdout
    assert "cavity" in told
    assert told.count("Cl") >= 4
    assert "corners" not in told
    table = json.loads(screening("hole", tmp_path / "salt.cif", "--json").stdout)
    assert {channel["channel"] for channel in table["channels"]} == {"mobile", "anion", "framework", "all"}


def test_lines_name_the_corners_of_rings() -> None:
    salt = crystal(rocksalt())
    rings = [hole for hole in hole_atoms(salt, "all", CONFIG) if hole.dim == 1]
    for hole, line in zip(rings, hole_lines(salt, rings), strict=True):
        ring = line.split("; ")[-1]
        assert ring.startswith("4 corners: ")
        assert len(ring.split(": ")[1].split()) == len(hole.ring)
    lost = replace(rings[0], ring=(), ring_corners=np.empty((0, 3)))
    assert hole_lines(salt, [lost])[0].endswith("ring not found")
