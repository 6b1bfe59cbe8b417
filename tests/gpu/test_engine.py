"""The exact engine's CUDA source on the host: bars and curves are the CPU engine's; what is left has a reason."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gpu_clouds import cells_of_files, random_batch, random_cells
from gpu_host import FIRST, HostFlow
from paths import SHARED

from screening.config import Config, read_config
from screening.crystals import CloudBatch
from screening.gpu.cells import Cells, CurveSettings
from screening.gpu.device import REASONS
from screening.gpu.host import host_curves, packed_bars
from screening.homology import PRIME, SEED, unit_powers

SETTINGS = CurveSettings.of(Config())
CODE = {name: code for code, name in REASONS.items()}


def flow(library: Path, **options: object) -> HostFlow:
    return HostFlow(ctypes.CDLL(str(library)), n_bars=2_000_000, **options)  # type: ignore[arg-type]


def check(cells: Cells, library: Path, settings: CurveSettings = SETTINGS) -> int:
    """Hold every cloud that is done against the CPU engine; return how many are."""
    own = flow(library)
    values, outcomes = own.compute(cells, settings)
    wanted, _ = host_curves(cells, settings)
    offsets = cells.value_offsets(settings)
    done = np.flatnonzero(outcomes == 0)
    bars = packed_bars(cells, settings)
    for cloud in done:
        assert np.array_equal(own.bars[cloud], bars[cloud])
        span = slice(offsets[cloud], offsets[cloud + 1])
        assert values[span].tobytes() == wanted[span].tobytes()
    return len(done)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
def test_random_clouds_are_those_of_the_cpu_engine(library: Path, seed: int) -> None:
    cells = random_cells(seed, count=40)
    assert check(cells, library) >= 35


@pytest.mark.parametrize("max_dim", [0, 1])
def test_lower_dimensions_alone(library: Path, max_dim: int) -> None:
    settings = CurveSettings.of(read_config(None, {"homology": {"max_dim": max_dim}}))
    assert check(random_cells(9, count=20), library, settings) == 20


def test_betti_curves_alone_and_other_radii(library: Path) -> None:
    settings = CurveSettings.of(
        read_config(
            None,
            {
                "curves": {"percolation": False, "step": 0.037},
                "homology": {"r_max": dict.fromkeys(Config().cloud.channels, 5.3)},
            },
        )
    )
    assert check(random_cells(10, count=20), library, settings) == 20


def test_clouds_without_points_are_nan(library: Path) -> None:
    empty = CloudBatch.from_clouds([(np.eye(3) * 4, np.empty((0, 3)), np.empty(0))] * 2)
    cells = Cells.of([empty, random_batch(3, count=2)])
    values, outcomes = flow(library).compute(cells, SETTINGS)
    offsets = cells.value_offsets(SETTINGS)
    assert (outcomes == 0).all()
    assert np.isnan(values[: offsets[2]]).all()
    assert not np.isnan(values[offsets[2] :]).any()
    assert values[: offsets[2]].tobytes() == host_curves(cells, SETTINGS)[0][: offsets[2]].tobytes()


def test_a_cloud_does_not_depend_on_what_stands_beside_it(library: Path) -> None:
    cells = random_cells(5, count=30)
    values, _ = flow(library).compute(cells, SETTINGS)
    chosen = np.random.default_rng(0).permutation(len(cells))[:11]
    some, _ = flow(library).compute(cells.take(chosen), SETTINGS)
    offsets = cells.value_offsets(SETTINGS)
    assert some.tobytes() == np.concatenate([values[offsets[k] : offsets[k + 1]] for k in chosen]).tobytes()


@pytest.mark.parametrize("change", ["supercell", "origin", "order", "rotation"])
def test_curves_do_not_depend_on_how_a_cloud_is_written(library: Path, change: str) -> None:
    """Translations, permutations, rigid motions and supercells: of clouds whose distances stay in their ticks."""
    batch = random_batch(21, count=12, most=5)
    rng = np.random.default_rng(1)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    changed = []
    for lattice, positions, occupancies in batch:
        if change == "supercell":
            doubled = np.concatenate([positions, positions + np.array([0, 0, 1])]) / [1, 1, 2]
            changed.append((lattice * [[1], [1], [2]], doubled, np.tile(occupancies, 2)))
        elif change == "origin":
            changed.append((lattice, positions + rng.random(3), occupancies))
        elif change == "order":
            changed.append((lattice, positions[rng.permutation(len(positions))], occupancies))
        else:
            changed.append((lattice @ rotation, positions, occupancies))
    first, second = Cells.of([batch]), Cells.of([CloudBatch.from_clouds(changed)])
    one, _ = flow(library).compute(first, SETTINGS)
    other, _ = flow(library).compute(second, SETTINGS)
    # A distance may cross a tick by noise: then one radius of a curve may differ, by one bar.
    assert (one != other).mean() < 1e-3


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real crystals are not beside this checkout")
def test_real_crystals(library: Path) -> None:
    files = sorted((SHARED / "obelix-train" / "cifs").glob("*.cif"))[::16]
    assert check(cells_of_files(files, Config()), library) >= 60


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the real crystals are not beside this checkout")
def test_all_labelled_crystals(library: Path) -> None:
    files = sorted((SHARED / "obelix-train" / "cifs").glob("*.cif"))
    assert check(cells_of_files(files, Config()), library) >= 1230


def left(cells: Cells, library: Path, settings: CurveSettings = SETTINGS, **tier: int) -> list[int]:
    first = replace(FIRST, **tier)
    return flow(library, first=first, second=None).compute(cells, settings)[1].tolist()


def with_radius(radius: float, **homology: object) -> CurveSettings:
    radii = dict.fromkeys(Config().cloud.channels, radius)
    return CurveSettings.of(read_config(None, {"homology": {"r_max": radii, **homology}}))


def test_what_does_not_fit_is_left_with_its_reason(library: Path) -> None:
    cells = Cells.of([random_batch(2, count=3, most=6)])
    assert left(cells, library, slab_bytes=1 << 16) == [CODE["slab"]] * 3
    assert set(left(cells, library, most_work=1)) <= {0, CODE["work"]}
    assert CODE["work"] in left(cells, library, most_work=1)
    assert left(cells, library, most_bars=2) == [CODE["list"]] * 3
    assert left(cells, library, with_radius(40.0)) == [CODE["degree"]] * 3
    assert left(cells, library, with_radius(8.0, budget=10)) == [CODE["work"]] * 3


def test_a_neighbour_many_cells_away_is_left(library: Path) -> None:
    needle = CloudBatch.from_clouds([(np.diag([0.02, 30.0, 30.0]), np.zeros((1, 3)), np.ones(1))])
    assert left(Cells.of([needle]), library, with_radius(5.5)) == [CODE["shift"]]


def test_two_points_in_one_place_are_left(library: Path) -> None:
    twice = CloudBatch.from_clouds([(np.eye(3) * 5, np.array([[0, 0, 0], [1e-8, 0, 0]]), np.ones(2))])
    cells = Cells(twice.lattices, twice.positions, twice.offsets, np.zeros(1, dtype=np.int32))
    assert left(cells, library) == [CODE["coincident"]]


def test_a_unit_that_acts_as_one_is_left(library: Path) -> None:
    own = flow(library)
    own._powers = np.ones_like(own._powers)
    _, outcomes = own.compute(random_cells(0, count=1), SETTINGS)
    assert outcomes.tolist() == [CODE["unit"]]


def test_units_and_their_powers() -> None:
    powers = unit_powers(PRIME, SEED, 3).astype(object)
    assert (powers[:, 3] == 1).all()
    assert ((powers[:, 4] * powers[:, 2]) % PRIME == 1).all()
    assert (powers[:, 6] == powers[:, 4] ** 3 % PRIME).all()
    assert len(set(powers[:, 4].tolist())) == 3


@pytest.mark.parametrize("seed", [0, 77, pytest.param(1, marks=pytest.mark.slow)])
def test_32_lanes_in_any_order_give_the_same(fiber_library: Path, library: Path, seed: int) -> None:
    cells = random_cells(seed, count=8, most=4)
    values, outcomes = flow(fiber_library, seed=seed).compute(cells, SETTINGS)
    wanted, expected = flow(library).compute(cells, SETTINGS)
    assert outcomes.tolist() == expected.tolist() == [0] * len(cells)
    assert values.tobytes() == wanted.tobytes()
