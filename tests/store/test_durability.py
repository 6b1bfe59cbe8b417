"""What was reported as written survives a power loss at any moment, a full disk and a failing one; a run goes on."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from made_store import COLUMNS, HEADER, files, rows
from power_loss import FailingDisk, ForgetfulDisk, PowerLossError

from screening.errors import StoreError
from screening.locations import Disk, disk, write_whole
from screening.runs.verify import verify
from screening.store import folder
from screening.store import store as module
from screening.store.store import FeatureStore

AHEAD, N_SHARDS, SIZE = 2, 5, 4  # room is made twice
TOTAL = N_SHARDS * SIZE - 2


def use(given: Disk, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(folder, "DISK", given)
    patch.setattr(disk, "DISK", given)


def run(path: Path, committed: set[int] | None = None) -> bool:
    """Do what a run does to a store, new or to be gone on with; note each shard that was reported as committed."""
    if path.exists():
        store = FeatureStore.open(path)
        store.mend_ledger()
    else:
        store = FeatureStore.create(path, columns=COLUMNS, channels=["Li"], header=HEADER)
    sound = store.sound()
    with store.locked():
        # Not in order, as workers bring them.
        for index in sorted(range(N_SHARDS), key=lambda index: (index // 3, -index)):
            if index in sound:
                continue
            store.reserve((index + 1) * SIZE)
            count = min(SIZE, TOTAL - index * SIZE)
            store.commit(store.write_shard(index, rows(index * SIZE, count), inputs=f"inputs{index}"))
            if committed is not None:
                committed.add(index)
        store.finish(TOTAL)
    return True


@pytest.fixture(scope="module", autouse=True)
def little_room() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RESERVED_AHEAD", AHEAD)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, little_room: None) -> Path:
    path = tmp_path_factory.mktemp("whole") / "s"
    run(path)
    return path


def steps_of(tmp_path: Path) -> list[str]:
    """Return what a run asks of the disk, in order."""
    root = tmp_path / "count"
    root.mkdir()
    counting = ForgetfulDisk(root)
    with pytest.MonkeyPatch.context() as patch:
        use(counting, patch)
        run(root / "s")
    shutil.rmtree(root)
    return counting.log


def cut_short(root: Path, stop: int) -> tuple[ForgetfulDisk, set[int], bool]:
    """Run until the given step; return the disk, the shards reported as committed, and whether the run ended."""
    root.mkdir()
    disk = ForgetfulDisk(root, stop=stop)
    committed: set[int] = set()
    ended = False
    with pytest.MonkeyPatch.context() as patch:
        use(disk, patch)
        with suppress(PowerLossError):
            ended = run(root / "s", committed)
    return disk, committed, ended


@pytest.mark.timeout(3600)  # slow: hundreds of runs
@pytest.mark.parametrize(
    ("seeds", "every"), [(1, 9), pytest.param(3, 1, marks=pytest.mark.slow)], ids=["some", "at every step"]
)
def test_nothing_that_was_reported_is_lost_by_a_power_loss(whole: Path, tmp_path: Path, seeds: int, every: int) -> None:
    steps = len(steps_of(tmp_path))
    assert steps > 150
    points = 0
    for stop in range(0, steps + 1, every):
        lost, committed, ended = cut_short(tmp_path / "before", stop)
        for seed in range(seeds):
            after = tmp_path / "after"
            lost.after_power_loss(after, seed=1000 * stop + seed)
            store = after / "s"
            if committed or ended:
                found = FeatureStore.open(store)
                assert committed <= found.sound().keys(), (stop, seed)
            if ended:
                assert verify(store) == [], (stop, seed)
            run(store)
            assert files(store) == files(whole), (stop, seed)
            assert verify(store) == [], (stop, seed)
            shutil.rmtree(after)
            points += 1
        shutil.rmtree(tmp_path / "before")
    assert points >= (500 if every == 1 else 20)


def test_what_a_killed_process_left_unsynced_is_synced_by_the_next(whole: Path, tmp_path: Path) -> None:
    """The machine lives on, so the folder is there; only a power loss after the second run would take it."""
    steps = steps_of(tmp_path)
    made = [number for number, name in enumerate(steps, start=1) if name == "make_folder"]
    for stop in made[-6::2]:  # folders of chunks
        disk, _, _ = cut_short(tmp_path / "before", stop)
        disk.go_on()
        with pytest.MonkeyPatch.context() as patch:
            use(disk, patch)
            run(tmp_path / "before" / "s")
        for seed in range(4):
            after = tmp_path / "after"
            disk.after_power_loss(after, seed=seed)
            assert files(after / "s") == files(whole)
            assert verify(after / "s") == []
            shutil.rmtree(after)
        shutil.rmtree(tmp_path / "before")


def only(sync: Callable[[Path], None], spared: Callable[[int], bool] | None) -> Callable[[Path], None]:
    """Return a sync that does nothing but for what is spared: folders, files, or nothing."""

    def some(path: Path) -> None:
        if spared is not None and spared(path.stat().st_mode):
            sync(path)

    return some


@pytest.mark.slow
def test_a_model_that_never_syncs_loses_what_was_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above notices: without syncs, and without those of files or folders alone, committed shards are lost."""
    for spared in (None, stat.S_ISDIR, stat.S_ISREG):
        losses = 0
        for seed in range(12):
            root = tmp_path / f"{spared}{seed}"
            root.mkdir()
            lost = ForgetfulDisk(root)
            with monkeypatch.context() as patch:
                patch.setattr(lost, "sync", only(lost.sync, spared))
                use(lost, patch)
                committed: set[int] = set()
                run(root / "s", committed)
            lost.after_power_loss(tmp_path / f"after{spared}{seed}", seed=seed)
            try:
                losses += not committed <= FeatureStore.open(tmp_path / f"after{spared}{seed}" / "s").sound().keys()
            except StoreError:
                losses += 1
        assert losses > 0, spared


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("every", [19, pytest.param(1, marks=pytest.mark.slow)])
def test_a_disk_that_refuses_ends_the_run_in_words_and_the_next_goes_on(
    whole: Path, tmp_path: Path, error: int, every: int
) -> None:
    for step in range(0, len(steps_of(tmp_path)), every):
        store = tmp_path / f"s{step}"
        committed: set[int] = set()
        with pytest.MonkeyPatch.context() as patch:
            use(FailingDisk(step, error), patch)
            with pytest.raises((OSError, StoreError), match=r"No space|I/O error"):
                run(store, committed)
        if committed:
            assert committed <= FeatureStore.open(store).ledger().keys()
        run(store)
        assert files(store) == files(whole), step
        assert verify(store) == []
        shutil.rmtree(store)


def test_syncing_is_asked_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk that is used syncs the very files and folders that it is asked to."""
    synced: list[tuple[int, int]] = []
    true = os.fsync

    def watched(descriptor: int) -> None:
        status = os.fstat(descriptor)
        synced.append((status.st_dev, status.st_ino))
        true(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    target = tmp_path / "x"
    write_whole(target, b"text")
    assert synced == [(path.stat().st_dev, path.stat().st_ino) for path in (target, tmp_path)]
    synced.clear()
    store = FeatureStore.create(tmp_path / "s", columns=COLUMNS, channels=["Li"], header=HEADER)
    store.reserve(4)
    entry = store.write_shard(0, rows(0, 4), inputs="x")
    chunks = [tmp_path / "s" / name / "c" / "0" for name in entry.chunks]
    wanted = {path.stat().st_ino for chunk in chunks for path in (chunk / "0", chunk, chunk.parent)}
    assert wanted <= {inode for _, inode in synced}
    synced.clear()
    store.commit(entry)
    assert [inode for _, inode in synced] == [(tmp_path / "s" / "ledger.jsonl").stat().st_ino]
