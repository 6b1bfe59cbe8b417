"""RUN and crystals on object stores: fsspec's memory for the parts, a real S3 server on loopback for whole runs."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
import zarr
from child_runs import wait_for
from command import arrays
from command import screening as screening_command
from finished import Finished
from made_store import COLUMNS, HEADER, files, filled, rows

import screening.store.lease
from screening.config import InputLimits
from screening.errors import Code, InputError, StoreError
from screening.locations import remote, transfer
from screening.locations.location import is_url, location
from screening.locations.remote import Remote
from screening.locations.transfer import delivered, fetched, publish
from screening.runs.status import status
from screening.runs.verify import verify
from screening.sources.listing import iter_items
from screening.store.read import read_rejections, read_some, read_table
from screening.store.store import FeatureStore
from screening.store.tables import ARRAYS

LIMITS = InputLimits()
SECRET = "wJalrXUtnFEMI-secret"


@pytest.fixture
def memory() -> Iterator[Remote]:
    """An empty folder of fsspec's store in memory."""
    fsspec.filesystem("memory").store.clear()
    found = location("memory://bucket/folder")
    assert isinstance(found, Remote)
    yield found
    fsspec.filesystem("memory").store.clear()


def objects(folder: Remote) -> dict[str, bytes]:
    """Every object below a folder, by its name from there."""
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        name = entry.location.name
        if entry.folder:
            found |= {f"{name}/{key}": value for key, value in objects(entry.location).items()}
        else:
            found[name] = entry.location.read_bytes()
    return found


# Places


def test_a_place_is_a_path_or_a_url(memory: Remote) -> None:
    assert location("a/b") == Path("a/b")
    assert location("file:///a/b") == Path("/a/b")
    assert (memory / "a.zarr/x").url == "memory://bucket/folder/a.zarr/x"
    assert (memory.name, memory.parent.url, (memory / "a.csv").suffix) == ("folder", "memory://bucket", ".csv")
    assert is_url("s3://b/k")
    assert not is_url("file:///b")
    assert not is_url("a::b/c")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"memory://user:{SECRET}@bucket/x", "holds credentials"),
        (f"https://host/x?X-Amz-Signature={SECRET}", "credentials or a query"),
        ("memory://bucket/../x", "is not the URL of one file or folder"),
        ("memory://a::file://b", "is not the URL of one file or folder"),
        ("memory://", "is not the URL of one file or folder"),
        ("nosuch://bucket/x", "no protocol that fsspec knows"),
    ],
)
def test_a_url_that_is_no_place_is_refused_without_its_secret(url: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        location(url)
    assert SECRET not in str(caught.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ImportError("no module")

    monkeypatch.setattr(fsspec, "filesystem", refuse)
    with pytest.raises(InputError, match=r"s3:// needs s3fs: pip install 'screening\[cloud\]'"):
        location("s3://bucket/x")


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", ""])
def test_no_name_leads_out_of_a_place(memory: Remote, name: str) -> None:
    with pytest.raises(InputError, match="leads out"):
        memory / name


def test_a_lost_connection_is_an_error_that_says_how_to_go_on(memory: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object, **__: object) -> None:
        raise TimeoutError(SECRET)

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "cat_file", lost)
    with pytest.raises(StoreError, match=r"cannot be reached \(TimeoutError\); the same command goes on") as caught:
        memory.read_bytes()
    assert SECRET not in str(caught.value)


def test_a_folder_goes_there_and_back_whole(memory: Remote, tmp_path: Path) -> None:
    with delivered(memory / "model") as folder:
        (folder / "below").mkdir(parents=True)
        (folder / "below" / "a.txt").write_bytes(b"a")
        (folder / "b.txt").write_bytes(b"b")
    with fetched(memory / "model", without="b.txt") as back:
        assert {str(file.relative_to(back)) for file in back.rglob("*") if file.is_file()} == {"below/a.txt"}
    with delivered(memory / "model") as folder:
        folder.mkdir()
        (folder / "c.txt").write_bytes(b"c")
    assert objects(memory) == {"model/c.txt": b"c"}  # nothing of the old model is left in the new one
    with pytest.raises(StoreError, match=r"memory://bucket/folder/x is bad"), delivered(memory / "x") as folder:
        raise StoreError(f"{folder} is bad")
    assert not (memory / "x").exists()
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "other.csv").write_text("a")
    publish(tmp_path, memory / "RUN", last="run.json", without="other.csv")
    assert objects(memory / "RUN") == {"run.json": b"{}"}


@pytest.mark.parametrize("name", ["../b", "a/../../b", "/b", "a\\..\\..\\b", "a\0b"])
def test_an_object_named_to_lead_out_is_not_fetched(memory: Remote, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (memory / "model/a").write_bytes(b"x")
    named = Remote(f"{memory}/model/{name}")  # a key of an object store may be any text
    monkeypatch.setattr(transfer, "_below", lambda folder, skipped: iter([named]))
    monkeypatch.setattr(Remote, "read_bytes", lambda self: b"x")
    with pytest.raises(InputError, match="leads out"), fetched(memory / "model"):
        pass


# The store


def test_a_store_there_has_the_bytes_of_a_store_here(memory: Remote, tmp_path: Path) -> None:
    filled(tmp_path / "s", order=(1, 0, 2))
    filled(memory / "s", order=(1, 0, 2))  # type: ignore[arg-type]
    there = objects(memory / "s")
    assert there.pop("ledger.jsonl") == (tmp_path / "s" / "ledger.jsonl").read_bytes()
    assert there == files(tmp_path / "s")


def test_zarr_and_all_readers_read_it(memory: Remote, tmp_path: Path) -> None:
    filled(tmp_path / "s")
    filled(memory / "s")  # type: ignore[arg-type]
    here, there = read_table(tmp_path / "s"), read_table(memory / "s")
    assert here.ids.tolist() == there.ids.tolist() == ["id0", "id1", "id3", "id4", "id6", "id7", "id9"]
    assert here.features.tobytes() == there.features.tobytes()
    assert read_rejections(memory / "s") == read_rejections(tmp_path / "s")
    assert read_some(memory / "s", ids={"id4"}, others=2).ids.tolist() == (
        read_some(tmp_path / "s", ids={"id4"}, others=2).ids.tolist()
    )
    group = zarr.open_group("memory://bucket/folder/s", mode="r")
    assert group["strings"][:, 0].tolist() == [f"id{n}" for n in range(10)]  # type: ignore[index, union-attr]
    assert verify(memory / "s") == []


def test_memory_does_not_grow_with_the_store(memory: Remote) -> None:
    store = filled(memory / "s")  # type: ignore[arg-type]
    for _ in store.iter_shards():
        pass
    store.write_shard(0, rows(0, 4), inputs="inputs0")
    assert sorted(store.sound()) == [0, 1, 2]
    held = store._files._memory  # type: ignore[attr-defined]
    assert sorted(held) == sorted(["zarr.json", *(f"{name}/zarr.json" for name in ARRAYS)])


def test_an_interrupted_store_goes_on(memory: Remote, tmp_path: Path) -> None:
    store = FeatureStore.create(memory / "s", columns=COLUMNS, channels=["Li"], header=HEADER)
    store.reserve(12)
    with store.locked():
        store.commit(store.write_shard(2, rows(8, 2), inputs="inputs2"))
        store.write_shard(0, rows(0, 4), inputs="inputs0")  # a chunk without a line: it does not count
    again = FeatureStore.open(memory / "s")
    again.mend_ledger()
    assert sorted(again.ledger()) == [2]
    with pytest.raises(StoreError, match="unfinished"):
        read_table(memory / "s")
    for index in (0, 1):
        again.commit(again.write_shard(index, rows(index * 4, 4), inputs=f"inputs{index}"))
    again.finish(10)
    assert verify(memory / "s") == []
    filled(tmp_path / "s", order=(2, 0, 1))
    assert objects(memory / "s")["ledger.jsonl"] == (tmp_path / "s" / "ledger.jsonl").read_bytes()


def test_shrinking_forgets_lines_and_chunks(memory: Remote) -> None:
    filled(memory / "s")  # type: ignore[arg-type]
    FeatureStore.open(memory / "s").finish(4)
    assert sorted(FeatureStore.open(memory / "s").ledger()) == [0]
    assert {name for name in objects(memory / "s") if "/c/" in name} == {f"{name}/c/0/0" for name in ARRAYS}
    assert verify(memory / "s") == []


def test_two_writers_never_write_the_same_line(memory: Remote) -> None:
    one = FeatureStore.create(memory / "s", columns=COLUMNS, channels=["Li"], header=HEADER)
    one.reserve(8)
    other = FeatureStore.open(memory / "s")
    one.commit(one.write_shard(0, rows(0, 4), inputs="a"))
    other._end = (HEADER["features_hash"], 0)  # type: ignore[assignment] # it looked before that line was put
    with pytest.raises(StoreError, match="written by another run meanwhile"):
        other.commit(other.write_shard(1, rows(4, 4), inputs="b"))
    assert sorted(FeatureStore.open(memory / "s").ledger()) == [0]


def torn(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]


@pytest.mark.parametrize("change", [torn, flipped, None])
@pytest.mark.parametrize("name", ["features/c/1/0", "strings/c/2/0", "composition/c/0/0", "ledger.jsonl"])
def test_damage_is_found(memory: Remote, name: str, change: Callable[[bytes], bytes] | None) -> None:
    filled(memory / "s")  # type: ignore[arg-type]
    target = memory / "s" / name
    if change is None:
        target.unlink()
    else:
        target.write_bytes(change(target.read_bytes()))
    assert verify(memory / "s") != []


def test_a_line_that_was_taken_out_or_edited_is_found(memory: Remote) -> None:
    def unpacked() -> FeatureStore:
        fsspec.filesystem("memory").store.clear()
        store = FeatureStore.create(memory / "s", columns=COLUMNS, channels=["Li"], header=HEADER)
        store.reserve(12)
        for index in range(3):
            store.commit(store.write_shard(index, rows(index * 4, 4), inputs=f"inputs{index}"))
        return store

    lines = [name for name in objects(unpacked().path) if name.startswith("ledger/")]  # type: ignore[arg-type]
    assert len(lines) == 3
    for damage in ("removed", "edited", "swapped"):
        unpacked()
        first, second = memory / "s" / lines[0], memory / "s" / lines[1]
        if damage == "removed":
            first.unlink()
        elif damage == "edited":
            first.write_bytes(first.read_bytes().replace(b"inputs0", b"inputs9"))
        else:
            before = first.read_bytes()
            first.write_bytes(second.read_bytes())
            second.write_bytes(before)
        with pytest.raises(StoreError, match="is not as it was written"):
            FeatureStore.open(memory / "s").ledger()


# The lock


def test_a_second_run_is_refused_while_the_first_lives(memory: Remote) -> None:
    store = filled(memory / "s")  # type: ignore[arg-type]
    other = FeatureStore.open(memory / "s")
    with store.locked(), pytest.raises(StoreError, match="being written by another run"), other.locked():
        pass
    with other.locked():
        pass
    assert not (memory / "s" / "lock").exists()


def lock_of(folder: Remote, **changes: object) -> Remote:
    """Leave the lock of another run."""
    state = {
        "pid": 2**22 + 1,  # beyond any pid
        "born": 0.0,
        "host": socket.gethostname(),
        "machine": screening.store.lease._machine(),
        "token": "other",
        "beat": 0,
    }
    lock = folder / "00000007.json"
    lock.write_bytes(json.dumps({**state, **changes}).encode())
    return lock


def test_the_lock_of_a_killed_run_is_taken_over_at_once(memory: Remote) -> None:
    lock_of(memory / "lock")
    with screening.store.lease.held(memory / "lock"):
        assert list(objects(memory / "lock")) == ["00000008.json"]
    assert objects(memory / "lock") == {}


def test_the_lock_of_a_run_elsewhere_is_watched(memory: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening.store.lease, "PATIENCE", 0.5)
    lock_of(memory / "lock", machine="elsewhere")
    begin = time.monotonic()
    with screening.store.lease.held(memory / "lock"):
        assert time.monotonic() - begin >= 0.5  # it stood still, so its holder is dead
    lock_of(memory / "lock", machine="elsewhere")
    waits = []

    def renew(seconds: float) -> None:
        waits.append(seconds)
        lock_of(memory / "lock", machine="elsewhere", beat=len(waits))

    monkeypatch.setattr(time, "sleep", renew)
    with pytest.raises(StoreError, match="being written by another run"), screening.store.lease.held(memory / "lock"):
        pass


def test_a_run_that_lost_its_lock_commits_no_more(memory: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening.store.lease, "BEAT", 0.01)
    store = filled(memory / "s")  # type: ignore[arg-type]
    with store.locked():
        time.sleep(0.1)  # renewed several times
        held = objects(memory / "s" / "lock")
        assert json.loads(held["00000001.json"])["beat"] > 1
        (memory / "s" / "lock" / "00000001.json").unlink()
        deadline = time.monotonic() + 10
        while store._files._lease._lost == "":  # type: ignore[attr-defined]
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(StoreError, match="taken over by another run"):
            store.commit(store.write_shard(0, rows(0, 4), inputs="inputs0"))


# Crystals


def crystals_in(folder: Remote | Path) -> None:
    """Put a folder of files, packed files, archives and others."""
    tar, zipped = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        for name in ("t1.cif", "../t2.cif"):
            info = tarfile.TarInfo(name)
            info.size = len(name)
            archive.addfile(info, io.BytesIO(name.encode()))
    with zipfile.ZipFile(zipped, "w") as archive:
        for number in range(5):
            archive.writestr(f"in/z{number}.cif", f"data_z{number}")
    contents = {
        "b.cif": b"data_b",
        "a.cif": b"data_a\n_x 1\ndata_a2\n_x 2\n",
        "c/last.cif": b"data_last",
        "a/deep.cif": b"data_deep",
        "a/b.cif": b"data_again",
        "notes.txt": b"no crystal",
        ".hidden/x.cif": b"data_x",
        "k [1]*?.cif": b"data_k",
        "m.tar.gz": tar.getvalue(),
        "n.zip": zipped.getvalue(),
        "torn.cif.gz": b"\x1f\x8b\x08",
        "empty.cif": b"",
    }
    for name, content in contents.items():
        target = folder / name
        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def told(folder: Remote | Path) -> list[tuple[object, ...]]:
    root = folder.as_posix()
    return [
        (item.id, item.source.removeprefix(root), item.text, item.rejection and item.rejection.code)
        for item in iter_items([str(folder)], LIMITS)
    ]


def test_crystals_there_are_those_here_in_the_same_order(memory: Remote, tmp_path: Path) -> None:
    crystals_in(memory)
    crystals_in(tmp_path)
    assert told(memory) == told(tmp_path)
    assert len(told(memory)) == len(told(tmp_path)) >= 16


def test_limits_hold_before_anything_is_read(memory: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    (memory / "big.cif").write_bytes(b"x" * 2000)
    (memory / "small.cif").write_bytes(b"x" * 10)
    read: list[str] = []
    filesystem = type(fsspec.filesystem("memory"))
    cat = filesystem.cat_file

    def watched(self: Any, path: str, *span: Any) -> Any:
        read.append(path)
        return cat(self, path, *span)

    monkeypatch.setattr(filesystem, "cat_file", watched)
    items = list(iter_items([str(memory)], InputLimits(max_file_bytes=1000)))
    assert [item.rejection and item.rejection.code for item in items] == [Code.TOO_LARGE, None]
    assert len(read) == 1
    assert read[0].endswith("small.cif")


def test_lists_name_urls_and_lead_nowhere_else(memory: Remote, tmp_path: Path) -> None:
    crystals_in(memory)
    (memory / "list.txt").write_bytes(b"# mine\nb.cif\n../up.cif\n/etc/passwd\nmemory://bucket/folder/a\nnosuch.cif\n")
    items = list(iter_items([f"@{memory}/list.txt"], LIMITS))
    assert [item.rejection and item.rejection.code for item in items] == [
        None,
        Code.UNSAFE_PATH,
        Code.UNSAFE_PATH,
        None,
        None,
        Code.UNREADABLE,
    ]
    (tmp_path / "list.txt").write_text(f"{memory}/b.cif\nmemory://u:{SECRET}@bucket/x\n")
    items = list(iter_items([f"@{tmp_path / 'list.txt'}"], LIMITS))
    assert [item.text for item in items] == [b"data_b", b""]
    assert items[1].rejection is not None
    assert items[1].rejection.code is Code.UNSAFE_PATH
    assert SECRET not in items[1].rejection.detail


def test_what_is_not_there_is_said_at_once(memory: Remote) -> None:
    for path in (f"{memory}/nosuch", f"@{memory}/nosuch.txt"):
        with pytest.raises(InputError, match="no such"):
            iter_items([path], LIMITS)


def test_a_connection_lost_in_an_archive_is_no_damage_of_the_archive(
    memory: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    crystals_in(memory)
    items = iter_items([f"{memory}/n.zip"], LIMITS)
    next(items)

    def lost(self: object, buffer: object) -> int:
        with remote._reaching(str(memory)):
            raise ConnectionResetError

    monkeypatch.setattr(remote._Stream, "readinto", lost)
    with pytest.raises(StoreError, match="the same command goes on"):
        list(iter_items([f"{memory}/n.zip"], LIMITS))


# A real S3 server on loopback


class Server:
    """A moto server, in a process of its own, and what the client's environment needs to find it."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("s3fs", reason="s3fs is not installed: no S3 tested (pip install 'screening[cloud]')")
    pytest.importorskip("moto.server", reason="moto[server] is not installed: no S3 tested")
    found = Server()
    found.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in found.environment.items():
            patch.setenv(name, value)
        yield found
    found.stop()


@pytest.fixture(scope="module")
def s3(server: Server) -> Remote:
    """A bucket with crystals/ and labels.csv in it."""
    fsspec.filesystem("s3", use_listings_cache=False).mkdir("bucket")
    found = location("s3://bucket")
    assert isinstance(found, Remote)
    return found


@pytest.fixture(scope="module")
def runs(s3: Remote, finished_run: Finished) -> Finished:
    """A finished RUN here; its crystals and a RUN of them in the bucket too."""
    for file in sorted(finished_run.crystals.iterdir()):
        (s3 / f"crystals/{file.name}").write_bytes(file.read_bytes())
    screening_command(
        *("run", f"{s3}/crystals", "--labels", f"{s3}/crystals/labels.csv", "--out", f"{s3}/RUN"),
        *("--config", finished_run.config, "--workers", "2"),
    )
    return finished_run


def test_conditional_puts_and_pages_on_s3(s3: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    (s3 / "once").write_new(b"1")
    (s3 / "once").write_new(b"1")  # as a request that is sent again
    with pytest.raises(FileExistsError):
        (s3 / "once").write_new(b"2")
    assert (s3 / "once").read_bytes() == b"1"
    monkeypatch.setattr(remote, "PAGE", 3)
    for number in range(10):
        (s3 / f"pages/{number}.cif").write_bytes(f"data_{number}".encode())
        (s3 / f"pages/below{number}/x.cif").write_bytes(b"data_x")
    ids = [item.id for item in iter_items([f"{s3}/pages"], LIMITS)]
    assert ids == [*(str(number) for number in range(10)), "x", *(f"x~{number}" for number in range(2, 11))]


def test_crystals_on_s3_are_those_here(s3: Remote, tmp_path: Path) -> None:
    crystals_in(s3 / "mixed")
    crystals_in(tmp_path)
    assert told(s3 / "mixed") == told(tmp_path)


def test_zarr_reads_the_store_on_s3(s3: Remote) -> None:
    filled(s3 / "plain.zarr")  # type: ignore[arg-type]
    group = zarr.open_group("s3://bucket/plain.zarr", mode="r")
    assert group["strings"][:, 0].tolist() == [f"id{n}" for n in range(10)]  # type: ignore[index, union-attr]


def local(text: str, runs: Finished) -> str:
    return text.replace("s3://bucket/crystals", runs.crystals.as_posix())


def test_a_run_on_s3_equals_a_run_here(s3: Remote, runs: Finished) -> None:
    here, there = runs.run, objects(s3 / "RUN")
    for name in ("ranking.csv", "duplicates.csv", "rejected.csv", "explanation/kinds.csv", "model/scores.json"):
        assert local(there[name].decode(), runs) == (here / name).read_text(), name
    boosters = sorted(name for name in there if name.startswith("model/booster"))
    assert boosters
    for name in boosters:
        assert there[name] == (here / name).read_bytes()
    stored = {name: data for name, data in there.items() if name.startswith("features.zarr/")}
    mine = arrays(here / "features.zarr")
    assert stored.keys() - {"features.zarr/ledger.jsonl"} == {f"features.zarr/{name}" for name in mine} - {
        "features.zarr/lock"
    }
    for name in mine:
        if name.startswith(("features", "composition", "numbers")):
            assert stored[f"features.zarr/{name}"] == mine[name], name
    record = json.loads(there["run.json"])
    assert record["status"] == "finished"
    assert record["crystals"] == ["s3://bucket/crystals"]
    assert SECRET.encode() not in b"".join(there.values())
    assert b"report.html" in b" ".join(name.encode() for name in there)
    assert len(there["report.html"]) > 10_000


def test_a_url_with_a_secret_reaches_no_file(runs: Finished, tmp_path: Path) -> None:
    told = screening_command(
        *("run", f"s3://key:{SECRET}@bucket/crystals", "--labels", runs.labels),
        *("--out", tmp_path / "RUN"),
        check=1,
    )
    assert "holds credentials" in told.stderr
    assert SECRET not in told.stderr + told.stdout
    assert all(SECRET not in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


def test_every_command_takes_urls(s3: Remote, runs: Finished, tmp_path: Path) -> None:
    run = f"{s3}/RUN"
    assert "complete and unchanged" in screening_command("verify", run).stdout
    assert screening_command("status", run).stdout.startswith("finished")
    screening_command(
        *("train", "--features", f"{run}/features.zarr", "--labels", f"{s3}/crystals/labels.csv"),
        *("--out", f"{s3}/M", "--config", runs.config),
    )
    assert (s3 / "M/booster-0.txt").read_bytes() == (s3 / "RUN/model/booster-0.txt").read_bytes()
    again = ("--features", f"{run}/features.zarr", "--model", f"{s3}/M")
    screening_command("rank", *again, "--out", f"{s3}/new.csv", "--config", runs.config)
    assert (s3 / "new.csv").read_bytes() == (s3 / "RUN/ranking.csv").read_bytes()
    assert (s3 / "new-duplicates.csv").is_file()
    screening_command("explain", *again, "--out", f"{s3}/E")
    assert (s3 / "E/kinds.csv").is_file()
    screening_command("export", f"{run}/features.zarr", "--out", f"{s3}/f.parquet")
    screening_command("export", runs.store, "--out", tmp_path / "f.parquet")
    assert (s3 / "f.parquet").read_bytes() == (tmp_path / "f.parquet").read_bytes()
    before = (s3 / "RUN/report.html").read_bytes()
    (s3 / "RUN/report.html").unlink()
    assert screening_command("report", run).stdout.strip() == f"{run}/report.html"
    assert (s3 / "RUN/report.html").read_bytes()[:1000] == before[:1000]
    told = screening_command("verify", f"{s3}/nosuch", check=1).stderr
    assert "neither a RUN nor a feature store" in told


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("features.zarr/features/c/1/0", torn, "missing or damaged"),
        ("features.zarr/strings/c/0/0", flipped, "missing or damaged"),
        ("features.zarr/numbers/c/2/0", None, "missing or damaged"),
        ("features.zarr/ledger.jsonl", flipped, "ledger.jsonl, line"),
        ("ranking.csv", flipped, "ranking.csv has changed"),
        ("model/booster-0.txt", None, "booster-0.txt is missing"),
    ],
)
def test_damage_on_s3_is_found(
    s3: Remote, runs: Finished, name: str, change: Callable[[bytes], bytes] | None, told: str
) -> None:
    target = s3 / f"RUN/{name}"
    before = target.read_bytes()
    try:
        if change is None:
            target.unlink()
        else:
            target.write_bytes(change(before))
        faults = verify(s3 / "RUN")
        assert any(told in fault for fault in faults), faults
        assert all("s3://bucket/RUN" in fault for fault in faults), faults
    finally:
        target.write_bytes(before)
    assert verify(s3 / "RUN") == []


def begin(runs: Finished, out: str) -> subprocess.Popen[str]:
    """Start featurizing into `out` in a process group of its own, two workers, a shard per crystal."""
    command = [sys.executable, "-m", "screening", "featurize", "s3://bucket/crystals", "--out", out]
    return subprocess.Popen(
        [*command, "--config", str(runs.single), "--workers", "2"],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def committed(store: Remote) -> int:
    return sum(len(list(folder.location.iterdir())) for folder in (store / "ledger").iterdir())


@pytest.mark.slow
def test_a_killed_client_is_resumed_and_a_second_one_refused(s3: Remote, runs: Finished) -> None:
    store = s3 / "killed.zarr"
    run = begin(runs, str(store))
    wait_for(lambda: committed(store) >= 5, run)
    os.kill(run.pid, signal.SIGSTOP)  # so that it still holds the store when the other comes
    other = begin(runs, str(store))
    assert other.wait(timeout=120) == 1
    assert "is being written by another run" in (other.communicate()[1])
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    done = committed(store)
    assert 5 <= done < 37
    assert (store / "lock/00000001.json").is_file()  # what a killed run leaves behind
    again = begin(runs, str(store))
    told = again.communicate(timeout=240)
    assert again.returncode == 0, told
    whole = begin(runs, f"{s3}/whole.zarr")
    assert whole.wait(timeout=240) == 0, whole.communicate()
    whole.communicate()
    first, second = objects(store), objects(s3 / "whole.zarr")
    assert {name: data for name, data in first.items() if name != "ledger.jsonl"} == {
        name: data for name, data in second.items() if name != "ledger.jsonl"
    }
    assert verify(store) == []


@pytest.mark.slow
def test_a_server_that_stands_still_is_waited_for(server: Server, s3: Remote, runs: Finished) -> None:
    store = s3 / "lost.zarr"
    run = begin(runs, str(store))
    wait_for(lambda: committed(store) >= 3, run)
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(20)  # longer than a read may take
    server.process.send_signal(signal.SIGCONT)
    _, told = run.communicate(timeout=240)
    assert run.returncode == 0, told
    assert verify(store) == []


@pytest.mark.slow
def test_a_server_that_goes_away_ends_the_run_with_one_line(
    server: Server, runs: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Server()
    own.start()
    s3fs = fsspec.filesystem("s3", endpoint_url=own.environment["AWS_ENDPOINT_URL"], use_listings_cache=False)
    s3fs.mkdir("other")
    monkeypatch.setenv("AWS_ENDPOINT_URL", own.environment["AWS_ENDPOINT_URL"])
    command = [sys.executable, "-m", "screening", "featurize", str(runs.crystals), "--workers", "2"]
    run = subprocess.Popen(
        [*command, "--out", "s3://other/x.zarr", "--config", str(runs.single)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: len(s3fs.find("other/x.zarr/ledger")) >= 3, run)
    own.stop()
    _, told = run.communicate(timeout=300)
    assert run.returncode == 1
    assert "Traceback" not in told
    assert "cannot be reached" in told
    assert "the same command goes on from here" in told


def test_a_bucket_or_server_that_is_not_there_is_one_line(s3: Remote, runs: Finished, tmp_path: Path) -> None:
    told = screening_command("featurize", runs.crystals, "--out", "s3://nosuch/x.zarr", check=1).stderr
    assert "Traceback" not in told
    assert "NoSuchBucket" in told or "does not exist" in told
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{probe.getsockname()[1]}", "AWS_MAX_ATTEMPTS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "screening", "featurize", str(runs.crystals), "--out", "s3://bucket/x.zarr"],
        env={**os.environ, **nobody},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    assert "s3://bucket/x.zarr" in done.stderr
    assert "the same command goes on from here" in done.stderr
    assert SECRET not in done.stderr + done.stdout


@pytest.mark.slow
def test_status_from_another_process_while_it_runs(s3: Remote, runs: Finished) -> None:
    labels = f"{s3}/crystals/labels.csv"
    command = [sys.executable, "-m", "screening", "run", f"{s3}/crystals", "--labels", labels]
    run = subprocess.Popen(
        [*command, "--out", f"{s3}/LIVE", "--config", str(runs.single), "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: committed(s3 / "LIVE/features.zarr") >= 2, run)
    found = status(s3 / "LIVE")
    assert found.state == "running"
    assert found.done >= 2
    _, told = run.communicate(timeout=240)
    assert run.returncode == 0, told
    assert status(s3 / "LIVE").state == "finished"
    events = [json.loads(line)["event"] for line in (s3 / "LIVE/run.log").read_text().splitlines()]
    assert events[0] == "start"
    assert events[-1] == "finished"
