"""A place of an object store: found, read, filled and left alone, in fsspec's memory."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from object_stores import SECRET, objects

from screening.errors import InputError, StoreError
from screening.locations import transfer
from screening.locations.location import is_url, location
from screening.locations.remote import Remote
from screening.locations.transfer import delivered, fetched, publish


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
