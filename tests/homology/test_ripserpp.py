"""The ripser++ engine end to end through its published source on the host: bars, crashes, hangs, and who is told."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from made_crystals import rocksalt
from ripserpp_bars import clouds_of, compare

from screening.cluster.featurize_all import open_store
from screening.config import CloudConfig, InputLimits, read_config
from screening.crystals.cif import read_cif
from screening.crystals.clouds import channel_clouds
from screening.crystals.crystal import CloudBatch
from screening.errors import RejectionError
from screening.features.shard import featurize_shard
from screening.homology import ripserpp, ripserpp_process
from screening.homology.engines import engine
from screening.homology.ripserpp import barcodes_ripserpp
from screening.homology.ripserpp_process import RipserppProcess
from screening.homology.supercell import barcodes_redzed, barcodes_ripser
from screening.sources.blocks import Item
from screening.sources.listing import iter_items


def test_bars_equal_those_of_ripser(process: RipserppProcess) -> None:
    for seed in range(200):
        compare(process, seed)
    assert process.started == 1


@pytest.mark.slow
def test_bars_of_thousands_of_clouds(process: RipserppProcess) -> None:
    for seed in range(200, 4200):
        compare(process, seed)
    assert process.started == 8  # replaced after every 500 calls


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_bars_of_real_crystals(shared_data: Path) -> None:
    """Lithium and anions of the labelled crystals, supercells of up to 150 points: the bars of ripser.py."""
    config = CloudConfig(channels=("mobile", "anion"))
    clouds: list[Any] = []
    for item in iter_items([str(shared_data / "obelix-train" / "cifs")], InputLimits()):
        try:
            crystal = read_cif(item.text, id=item.id, source=item.source, limits=InputLimits())
            clouds += channel_clouds(crystal, config).values()
        except RejectionError:
            continue
    batch = CloudBatch.from_clouds(clouds)
    r_max = np.full(len(batch), 5.0)
    found = barcodes_ripserpp(batch, r_max=r_max, max_points=150)
    assert_same(found, barcodes_ripser(batch, r_max=r_max, max_points=150))
    assert len(batch) > 450
    assert len(found.fallbacks) < 0.1 * len(batch)
    assert {one.reason for one in found.fallbacks} <= {"few-points"}


def assert_same(one: object, other: object) -> None:
    for name in ("birth", "death", "dim", "offsets", "n_points", "r_cut"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.usefixtures("installed")
def test_the_engine_gives_what_the_cpu_engines_give() -> None:
    rng = np.random.default_rng(5)
    small = [
        (np.diag(rng.uniform(3, 5, 3)), rng.uniform(size=(int(n), 3)), np.ones(int(n))) for n in (2, 2, 3, 4, 2)
    ]  # supercells of 16 and more
    skewed = [(np.array([[4.0, 0, 0], [1.9, 3.8, 0], [-1.7, 1.2, 5.0]]), rng.uniform(size=(3, 3)), np.ones(3))]
    empty = [(np.eye(3), np.empty((0, 3)), np.empty(0))]
    batch = CloudBatch.from_clouds(small + skewed + empty)
    r_max = np.full(len(batch), 4.0)
    found = engine("ripserpp").function_itself(batch, r_max=r_max)
    assert found.fallbacks == ()
    assert_same(found, barcodes_redzed(batch, r_max=r_max))
    assert_same(found, barcodes_ripser(batch, r_max=r_max))
    assert np.isinf(found.death).any()


@pytest.mark.usefixtures("installed")
def test_what_ripserpp_cannot_do_is_done_by_redzed_and_told() -> None:
    batch = clouds_of([5, 12, 9, 40])
    r_max = np.full(4, 5.0)
    few = barcodes_ripserpp(batch, r_max=r_max)
    assert [(one.cloud, one.reason) for one in few.fallbacks] == [(0, "few-points"), (2, "few-points")]
    tight = barcodes_ripserpp(batch, r_max=r_max, memory=100_000)
    assert [(one.cloud, one.reason) for one in tight.fallbacks] == [
        (0, "few-points"),
        (2, "few-points"),
        (3, "memory"),
    ]
    flat = barcodes_ripserpp(batch, r_max=r_max, max_dim=0)
    assert [one.reason for one in flat.fallbacks] == ["few-points", "dimension", "few-points", "dimension"]
    assert_same(few, barcodes_redzed(batch, r_max=r_max))
    assert_same(tight, few)
    assert_same(flat, barcodes_redzed(batch, r_max=r_max, max_dim=0))


@pytest.mark.parametrize("turns", [3, pytest.param(8, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("installed")
def test_many_crashes_and_hangs_in_one_run(monkeypatch: pytest.MonkeyPatch, turns: int) -> None:
    """Clouds of 17, 19 and 23 points kill, end and hang the process (one more point is added to each)."""
    for variable, points in (("CRASH", 17), ("EXIT", 19), ("HANG", 23)):
        monkeypatch.setenv(f"CUDA_HOST_{variable}_AT", str(points + 1))
    sizes = [size for turn in range(turns) for size in (14, 17, 21, 19, 25, *([23] if turn < turns // 2 else []))]
    batch = clouds_of(sizes)
    r_max = np.full(len(batch), 5.0)
    found = barcodes_ripserpp(batch, r_max=r_max, time_limit=1.0)
    told = {17: "crash", 19: "crash", 23: "timeout"}
    assert [(one.cloud, one.reason) for one in found.fallbacks] == [
        (index, told[size]) for index, size in enumerate(sizes) if size in told
    ]
    assert len(found.fallbacks) == 2 * turns + turns // 2
    assert_same(found, barcodes_redzed(batch, r_max=r_max))


@pytest.mark.parametrize("name", ["supercell", "ripser", "ripserpp"])
@pytest.mark.usefixtures("installed")
def test_what_is_no_number_is_refused_and_coincident_points_are_not(name: str) -> None:
    fine = np.random.default_rng(0).uniform(size=(14, 3))
    broken, doubled = fine.copy(), fine.copy()
    broken[3, 1] = np.nan
    doubled[3], doubled[7], doubled[8] = doubled[4], doubled[9], doubled[9]
    r_max = np.array([5.0, 5.0])
    wanted = {"bad-site": (np.eye(3) * 11.0, broken), "bad-cell": (np.full((3, 3), np.inf), fine)}
    for code, (lattice, positions) in wanted.items():
        batch = CloudBatch.from_clouds([(np.eye(3) * 11.0, fine, np.ones(14)), (lattice, positions, np.ones(14))])
        with pytest.raises(RejectionError, match=f"{code}.*cloud 1"):
            engine(name).function_itself(batch, r_max=r_max)
    batch = CloudBatch.from_clouds([(np.eye(3) * 11.0, one, np.ones(14)) for one in (fine, doubled)])
    found = engine(name).function_itself(batch, r_max=r_max)
    assert found.fallbacks == ()
    assert_same(found, barcodes_redzed(batch, r_max=r_max))
    assert np.diff(found.offsets)[0] > np.diff(found.offsets)[1] > 0


DRIVER = (
    "int cuMemGetInfo_v2(unsigned long* free, unsigned long* total) { *free = BYTES; *total = BYTES; return STATUS; }"
)


def put_driver(folder: Path, monkeypatch: pytest.MonkeyPatch, *, free: int, status: int = 0) -> None:
    (folder / "driver.c").write_text(DRIVER)
    flags = [f"-DBYTES={free}ul", f"-DSTATUS={status}", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, str(folder / "driver.c"), "-o", str(folder / "libcuda.so.1")], check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(folder))


def test_free_memory_of_the_gpu_is_asked_for(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for status, wanted in ((0, 60 * 2**30), (201, None)):
        put_driver(tmp_path, monkeypatch, free=60 * 2**30, status=status)
        kept = RipserppProcess(str(built))
        assert kept.free_memory() == wanted
        kept.close()


@pytest.mark.usefixtures("installed")
def test_what_does_not_fit_into_free_memory_is_done_by_redzed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_driver(tmp_path, monkeypatch, free=76 * 41 * 40 * 39 // 6)  # holds the triangles of 41 points, not of 42
    batch = clouds_of([40, 41])
    r_max = np.full(2, 5.0)
    found = barcodes_ripserpp(batch, r_max=r_max)
    assert [(one.cloud, one.reason) for one in found.fallbacks] == [(1, "memory")]
    assert_same(found, barcodes_redzed(batch, r_max=r_max))
    enough = barcodes_ripserpp(batch, r_max=r_max, memory=2**30)
    assert enough.fallbacks == ()
    host = psutil.virtual_memory()._replace(available=48 * 41 * 40 * 39 // 6)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: host)
    tight = barcodes_ripserpp(batch, r_max=r_max, memory=2**30)
    assert [(one.cloud, one.reason) for one in tight.fallbacks] == [(1, "memory")]


@pytest.mark.usefixtures("installed")
def test_clouds_of_every_size_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ripserpp_process, "AHEAD", 5)
    sizes = [int(size) for size in np.random.default_rng(8).integers(0, 22, size=60)]
    batch = clouds_of(sizes, seed=9)
    r_max = np.full(len(batch), 5.0)
    found = barcodes_ripserpp(batch, r_max=r_max)
    assert [one.cloud for one in found.fallbacks] == [index for index, size in enumerate(sizes) if 2 <= size < 10]
    assert_same(found, barcodes_redzed(batch, r_max=r_max))


@pytest.mark.usefixtures("installed")
def test_fallbacks_stand_in_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = {
        "homology": {"engine": "ripserpp", "r_max": {"mobile": 4.0, "anion": 4.0}},
        "cloud": {"channels": ["mobile"]},
    }
    config = read_config(None, over)
    items = [Item(f"c{k}", f"c{k}.cif", rocksalt(anion="Cl", scale=1 + k / 50).encode(), None, None) for k in range(3)]
    store = open_store(tmp_path / "s", config)
    store.reserve(3)
    clean = featurize_shard(str(store.path), 0, items, config)
    assert clean.fallbacks == ()
    points = int(engine("ripserpp").function_itself(clouds_of([12]), r_max=np.array([4.0])).n_points[0])
    assert points == 12
    monkeypatch.setattr(ripserpp, "MIN_POINTS", 10_000)
    told = featurize_shard(str(store.path), 0, items, config)
    assert told.fallbacks == tuple((f"c{k}", "Li", "few-points") for k in range(3))
    assert told.chunks == clean.chunks
    store.commit(told)
    assert store.ledger()[0].fallbacks == told.fallbacks
