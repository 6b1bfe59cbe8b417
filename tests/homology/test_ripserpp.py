"""The ripser++ engine end to end through its published source on the host: bars, crashes, hangs, and who is told."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import ripserpp_host
from made_crystals import rocksalt
from paths import SCRIPTS
from ripser import ripser

from screening.cluster.featurize_all import open_store
from screening.config import CloudConfig, InputLimits, read_config
from screening.crystals.cif import read_cif
from screening.crystals.clouds import channel_clouds
from screening.crystals.crystal import CloudBatch
from screening.errors import DeviceUnavailableError, EngineUnavailableError, RejectionError
from screening.features.shard import featurize_shard
from screening.homology import ripserpp, ripserpp_process
from screening.homology.engines import engine
from screening.homology.ripserpp import barcodes_ripserpp, cone_request, coned
from screening.homology.ripserpp_process import ChildDiedError, RipserppProcess
from screening.homology.supercell import barcodes_redzed, barcodes_ripser
from screening.sources.blocks import Item
from screening.sources.listing import iter_items


@pytest.fixture(scope="module")
def built() -> Path:
    return ripserpp_host.library()


@pytest.fixture
def installed(built: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine finds the host library; the process that it keeps ends with the test."""
    monkeypatch.setenv(ripserpp.LIBRARY_VARIABLE, str(built))
    yield
    ripserpp._process(str(built), os.getpid()).close()
    ripserpp._process.cache_clear()


@pytest.fixture
def process(built: Path) -> Iterator[RipserppProcess]:
    kept = RipserppProcess(str(built))
    yield kept
    kept.close()


def tick_distances(rng: np.random.Generator, n: int) -> np.ndarray:
    """Distances of points in general position, on a lattice (many ties), or none of any geometry."""
    kind = rng.integers(3)
    if kind == 2:
        free = np.triu(rng.integers(1, 40, size=(n, n)), 1)
        return (free + free.T).astype(np.float64)
    points = rng.uniform(0, 800, size=(n, 3)) if kind else rng.permutation(np.indices((6, 6, 6)).reshape(3, -1).T)[:n]
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2) * (7 if kind else 700)
    return np.rint(gaps) * (1 - np.eye(n))


def ordered(bars: np.ndarray) -> np.ndarray:
    lasting = np.asarray(bars, dtype=np.float64).reshape(-1, 2)
    lasting = lasting[lasting[:, 1] > lasting[:, 0]]
    return lasting[np.lexsort(lasting.T[::-1])]


def compare(process: RipserppProcess, seed: int) -> None:
    rng = np.random.default_rng(seed)
    distances = tick_distances(rng, int(rng.integers(10, 45)))
    limit = int(np.quantile(distances, rng.uniform(0.05, 1)))
    found = coned(distances, 1 + seed % 2, limit, process=process, time_limit=60)
    wanted = ripser(distances, maxdim=1 + seed % 2, thresh=float(limit), distance_matrix=True)["dgms"]
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(ordered(ours), ordered(theirs))


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


def clouds_of(sizes: list[int], seed: int = 0, width: float = 11.0) -> CloudBatch:
    """Clouds whose supercell for a radius of 5 Å is the cell itself."""
    rng = np.random.default_rng(seed)
    return CloudBatch.from_clouds([(np.eye(3) * width, rng.uniform(size=(size, 3)), np.ones(size)) for size in sizes])


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


def test_a_fork_leaves_the_process_alone(process: RipserppProcess) -> None:
    compare(process, 1)
    before = process.pid
    fork = os.fork()
    if fork == 0:
        process.close()
        os._exit(0)
    os.waitpid(fork, 0)
    compare(process, 2)
    assert (process.pid, process.started) == (before, 1)


def test_a_crash_costs_one_call(process: RipserppProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_HOST_CRASH_AT", "18")
    distances = tick_distances(np.random.default_rng(1), 17)
    with pytest.raises(ChildDiedError, match="SIGSEGV"):
        coned(distances, 2, 300, process=process, time_limit=60)
    compare(process, 3)
    assert process.started == 2


def test_a_process_that_does_not_even_read_is_ended_in_time(process: RipserppProcess) -> None:
    compare(process, 3)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    distances = np.full((200, 200), 100.0)  # 80 kB, more than a pipe holds
    with pytest.raises(TimeoutError):
        coned(distances, 1, 300, process=process, time_limit=0.5)
    compare(process, 4)
    assert process.started == 2


def test_the_process_is_replaced_after_so_many_calls(built: Path) -> None:
    kept = RipserppProcess(str(built), calls=5)
    for seed in range(12):
        compare(kept, seed)
    assert kept.started == 3
    kept.close()
    assert kept.pid is None


def requests_of(count: int) -> list[bytes]:
    made = np.random.default_rng(3)
    return [cone_request(tick_distances(made, int(made.integers(12, 30))), 1, 300) for _ in range(count)]


def same_answers(found: list[Any], wanted: list[Any]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        for ours, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.fixture
def alone(process: RipserppProcess) -> list[Any]:
    """The answers to `requests_of(40)`, each asked for by itself."""
    found: list[Any] = []
    for one in requests_of(40):
        with process:
            found += process.answers(iter([one]), time_limit=60)
    return found


@pytest.mark.parametrize(("calls", "started"), [(500, 1), (7, 6)])
def test_clouds_go_ahead_of_the_answers(
    calls: int, started: int, built: Path, alone: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ripserpp_process, "AHEAD", 12)
    kept = RipserppProcess(str(built), calls=calls)
    read: list[int] = []
    answered: list[Any] = []

    def requests() -> Iterator[bytes]:
        for place, one in enumerate(requests_of(40)):
            read.append(place)
            assert len(read) - len(answered) <= 12  # bounded
            yield one

    with kept:
        for answer in kept.answers(requests(), time_limit=60):
            if not answered:
                assert len(read) >= min(calls, 12)
            answered.append(answer)
    assert kept.started == started
    kept.close()
    same_answers(answered, alone)


def test_bytes_ahead_are_bounded(process: RipserppProcess, alone: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ripserpp_process, "AHEAD_BYTES", 1)  # so each goes alone
    open_now, most = 0, 0

    def requests() -> Iterator[bytes]:
        nonlocal open_now, most
        for one in requests_of(40):
            open_now += 1
            most = max(most, open_now)
            yield one

    found: list[Any] = []
    with process:
        for answer in process.answers(requests(), time_limit=60):
            open_now -= 1
            found.append(answer)
    assert most == 1
    same_answers(found, alone)


def test_answers_of_a_batch_that_was_given_up_are_not_taken_for_others(
    process: RipserppProcess, alone: list[Any]
) -> None:
    asked = requests_of(40)
    with process:
        answers = process.answers(iter(asked), time_limit=60)
        same_answers([next(answers), next(answers)], alone[:2])
    with process:
        same_answers(list(process.answers(iter(asked[30:]), time_limit=60)), alone[30:])
    with pytest.raises(ZeroDivisionError), process:
        list(process.answers((one if place < 5 else asked[1 // 0] for place, one in enumerate(asked)), time_limit=60))
    with process:
        same_answers(list(process.answers(iter(asked[20:]), time_limit=60)), alone[20:])


def test_a_process_killed_from_outside_costs_one_cloud(
    process: RipserppProcess, alone: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that it gave before are read all the same, those after it come from a new process."""
    monkeypatch.setattr(ripserpp_process, "AHEAD", 5)  # so that there is more to send when it is killed
    found: list[Any] = []
    with process:
        for answer in process.answers(iter(requests_of(40)), time_limit=60):
            found.append(answer)
            if len(found) == 10:
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
    died = [place for place, answer in enumerate(found) if isinstance(answer, ChildDiedError)]
    assert len(died) == 1
    assert 10 <= died[0] <= 15
    same_answers(found[: died[0]] + found[died[0] + 1 :], alone[: died[0]] + alone[died[0] + 1 :])


@pytest.mark.usefixtures("installed")
def test_clouds_of_every_size_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ripserpp_process, "AHEAD", 5)
    sizes = [int(size) for size in np.random.default_rng(8).integers(0, 22, size=60)]
    batch = clouds_of(sizes, seed=9)
    r_max = np.full(len(batch), 5.0)
    found = barcodes_ripserpp(batch, r_max=r_max)
    assert [one.cloud for one in found.fallbacks] == [index for index, size in enumerate(sizes) if 2 <= size < 10]
    assert_same(found, barcodes_redzed(batch, r_max=r_max))


def test_threads_take_turns(process: RipserppProcess) -> None:
    faults: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for seed in range(first, first + 25):
                compare(process, seed)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(1000 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert process.started == 1


def test_without_a_device(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_HOST_NO_DEVICE", "1")
    monkeypatch.setenv(ripserpp.LIBRARY_VARIABLE, str(built))
    with pytest.raises(DeviceUnavailableError, match=r"no CUDA-capable device is detected.*nvidia-smi"):
        barcodes_ripserpp(clouds_of([20]), r_max=np.array([5.0]))
    ripserpp._process.cache_clear()


def test_a_library_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib.so").write_bytes(b"no library")
    monkeypatch.setenv(ripserpp.LIBRARY_VARIABLE, str(tmp_path / "lib.so"))
    with pytest.raises(DeviceUnavailableError, match="scripts/install_ripserpp"):
        barcodes_ripserpp(clouds_of([20]), r_max=np.array([5.0]))
    ripserpp._process.cache_clear()
    monkeypatch.setenv(ripserpp.LIBRARY_VARIABLE, str(tmp_path / "missing.so"))
    with pytest.raises(EngineUnavailableError, match="is no file"):
        engine("ripserpp")


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ripserpp.LIBRARY_VARIABLE, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailableError, match="scripts/install_ripserpp"):
        engine("ripserpp")


def test_distances_that_float32_does_not_hold_are_refused(process: RipserppProcess) -> None:
    for wrong in (np.nan, np.inf, -1.0):
        distances = np.full((12, 12), 5.0)
        distances[0, 1] = distances[1, 0] = wrong
        with pytest.raises(ValueError, match="whole numbers"):
            coned(distances, 2, 10, process=process, time_limit=60)
    with pytest.raises(ValueError, match="whole numbers"):
        coned(np.full((12, 12), 5.0), 2, 2**24, process=process, time_limit=60)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_the_process_ends_with_its_parent(built: Path, ending: signal.Signals) -> None:
    code = (
        "import sys, time, numpy as np\n"
        "from screening.homology.ripserpp_process import RipserppProcess, request\n"
        "kept = RipserppProcess(sys.argv[1])\n"
        "one = request(np.ones(66, dtype=np.float32), n_points=12, max_dim=1, threshold=2.0)\n"
        "list(kept.answers(iter([one]), time_limit=60))\n"
        "print(kept.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(built)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(ending)
    parent.communicate()
    deadline = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


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


INSTALLER = SCRIPTS / "install_ripserpp"


def install(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(INSTALLER), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={**os.environ, **env},
    )


def test_the_installer_builds_anew_for_the_gpus_named(tmp_path: Path) -> None:
    """Stand-ins for nvcc and Python show what would be run."""
    (tmp_path / "nvcc").write_text("#!/bin/sh\n")
    (tmp_path / "python").write_text(
        '#!/bin/sh\necho "$@"\necho $NVCC_APPEND_FLAGS\necho minimum $CMAKE_POLICY_VERSION_MINIMUM\n'
        "cat $CMAKE_TOOLCHAIN_FILE /dev/null\n"
    )
    for name in ("nvcc", "python"):
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = install(
        "--arch", "8.6 9.0", "--python", str(tmp_path / "python"), PATH=path, CMAKE_TOOLCHAIN_FILE="/dev/null"
    )
    assert done.returncode == 0, done.stderr
    assert 'set(CUDA_ARCH_LIST "8.6 9.0" CACHE STRING "")' in done.stdout
    assert "-std=c++17 -include thrust/sort.h" in done.stdout
    assert "minimum 3.5" in done.stdout.splitlines()  # CMake 4 reads it before anything that the package could set
    # An earlier build for other GPUs, in pip's cache or installed, must not be taken for this one.
    (line,) = (line for line in done.stdout.splitlines() if "--no-binary" in line)
    assert {"--no-cache-dir", "--force-reinstall", "--no-deps", "ripserplusplus==1.1.2"} <= set(line.split())


def test_the_installer_says_what_is_missing() -> None:
    bare = install(PATH="/usr/bin:/bin", CUDA_HOME="/nowhere")
    assert bare.returncode == 1
    assert "nvcc is not found: install the CUDA compiler" in bare.stderr
    assert bare.stderr.count("\n") == 1
    assert install("--what").returncode == 2


@pytest.mark.slow
@pytest.mark.parametrize("cmake", [3, 4])
def test_the_real_build_loads_and_says_that_there_is_no_gpu(
    cmake: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The installer on the package itself, with nvcc; without a GPU a typed error, and this process lives on."""
    if not shutil.which("nvcc"):
        pytest.skip("nvcc is not installed")
    tools = tmp_path / "tools"
    venv.create(tools, with_pip=True)
    fetched = subprocess.run([tools / "bin" / "pip", "install", "-q", f"cmake=={cmake}.*"], check=False)
    if fetched.returncode:
        pytest.skip(f"CMake {cmake} cannot be fetched")
    path = f"{tools / 'bin'}:{os.environ['PATH']}"
    done = install("--arch", "8.0 9.0", "--target", str(tmp_path), PATH=path)
    assert done.returncode == 0, done.stderr[-2000:]
    built = list(tmp_path.rglob("libpyripser++*"))
    assert len(built) == 1
    for architecture in (b"sm_80", b"sm_90"):
        assert architecture in built[0].read_bytes()
    monkeypatch.setenv(ripserpp.LIBRARY_VARIABLE, str(built[0]))
    if shutil.which("nvidia-smi"):
        pytest.skip("there is a GPU; scripts/gpu_selfcheck tries it")
    with pytest.raises(DeviceUnavailableError, match=r"ripser\+\+ cannot be used here"):
        barcodes_ripserpp(clouds_of([20]), r_max=np.array([5.0]))
    ripserpp._process.cache_clear()
