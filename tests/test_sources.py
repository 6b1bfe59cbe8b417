"""Files, folders, lists and archives: everything found is an item, hostile members are refused, nothing is unpacked."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from screening.config import InputLimits
from screening.errors import Code, InputError
from screening.sources import Item, iter_items

LIMITS = InputLimits()
GOOD = b"data_a\n_cell_length_a 5\n"


def items(*paths: Path | str, limits: InputLimits = LIMITS) -> list[Item]:
    return list(iter_items([str(path) for path in paths], limits))


def outcome(item: Item) -> str:
    return item.rejection.code.value if item.rejection else "read"


def tar_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def test_folders_are_sorted_and_recursive(tmp_path: Path) -> None:
    for name in ("b.cif", "a/z.cif", "a/c.CIF", "noise.csv", ".hidden.cif", "binary.bin"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(GOOD)
    found = items(tmp_path)
    assert [item.id for item in found] == ["b", "binary", "c", "z"]
    assert found[0].source == (tmp_path / "b.cif").as_posix()
    assert found[0].text == GOOD


def test_a_repeated_id_is_numbered(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.cif").write_bytes(GOOD)
    (tmp_path / "c" / "x~2.cif").write_bytes(GOOD)
    assert [item.id for item in items(tmp_path)] == ["x", "x~2", "x~3", "x~2~2"]


def test_blocks_become_items_and_text_fields_do_not(tmp_path: Path) -> None:
    (tmp_path / "two.cif").write_bytes(b"data_one\n_x 1\ndata_two\n_y 'a b'\n")
    (tmp_path / "field.cif").write_bytes(b"data_one\n_x\n;\ndata_two\n;\n")
    (tmp_path / "broken.cif").write_bytes(b"data_one\n_x\ndata_two\n_y 1\n")
    found = {item.id: item for item in items(tmp_path)}
    assert set(found) == {"two#one", "two#two", "field", "broken"}
    assert b"_y 'a b'" in found["two#two"].text
    assert b"data_one" not in found["two#two"].text


def test_block_limit(tmp_path: Path) -> None:
    (tmp_path / "many.cif").write_bytes(b"".join(b"data_%d\n_x 1\n" % n for n in range(5)))
    (only,) = items(tmp_path, limits=InputLimits(max_blocks=4))
    assert outcome(only) == "too-large"


def test_size_limit_does_not_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.cif"
    with huge.open("wb") as file:
        file.truncate(300_000_000)
    (only,) = items(huge)
    assert outcome(only) == "too-large"


def test_packed_files(tmp_path: Path) -> None:
    (tmp_path / "a.cif.gz").write_bytes(gzip.compress(GOOD))
    (tmp_path / "bomb.cif.gz").write_bytes(gzip.compress(b" " * 200_000))
    (tmp_path / "torn.cif.gz").write_bytes(gzip.compress(GOOD)[:-6])
    found = {item.id: outcome(item) for item in items(tmp_path, limits=InputLimits(max_file_bytes=100_000))}
    assert found == {"a": "read", "bomb": "too-large", "torn": "unreadable"}


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip"])
def test_archives(tmp_path: Path, suffix: str) -> None:
    members = {"x/b.cif": GOOD, "x/a.cif": GOOD + b"_b 1\n", "x/readme.md": b"no crystal"}
    path = tmp_path / f"crystals{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    elif suffix == ".tar.zst":
        path.write_bytes(zstandard.compress(tar_bytes(members)))
    else:
        mode = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}[suffix]
        with tarfile.open(path, mode) as archive:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    found = items(tmp_path)
    assert [(item.id, item.text) for item in found] == [("b", GOOD), ("a", GOOD + b"_b 1\n")]
    assert found[0].source == f"{path.as_posix()}::x/b.cif"


def test_hostile_members_are_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    tar = tmp_path / "a.tar"
    with tarfile.open(tar, "w") as archive:
        for name in ("../evil.cif", "/etc/abs.cif", "a/../../up.cif", "good.cif"):
            info = tarfile.TarInfo(name)
            info.size = len(GOOD)
            archive.addfile(info, io.BytesIO(GOOD))
        link = tarfile.TarInfo("link.cif")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    zipped = tmp_path / "b.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        for name in ("..\\evil.cif", "C:/abs.cif", "/abs.cif", "good2.cif"):
            archive.writestr(name, GOOD)
    before = sorted(tmp_path.rglob("*"))
    found = items(tmp_path)
    assert [outcome(item) for item in found] == ["unsafe-path"] * 3 + ["read", "unsafe-path"] + ["unsafe-path"] * 3 + [
        "read"
    ]
    assert sorted(tmp_path.rglob("*")) == before
    assert not (tmp_path.parent / "evil.cif").exists()


def test_a_torn_archive_gives_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    data = tar_bytes({f"{n}.cif": os.urandom(4000) for n in range(20)})
    path.write_bytes(gzip.compress(data)[:40_000])
    found = items(path)
    assert outcome(found[-1]) == "unreadable"
    assert {outcome(item) for item in found[:-1]} == {"read"}
    assert len(found) > 5


def test_bombs(tmp_path: Path) -> None:
    zipped = tmp_path / "bomb.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.cif", b" " * 15_000_000)
        archive.writestr("good.cif", GOOD)
    assert [outcome(item) for item in items(zipped)] == ["too-large", "read"]
    tarred = tmp_path / "bomb.tar.gz"
    tarred.write_bytes(gzip.compress(tar_bytes({f"{n}.cif": b" " * 19_000_000 for n in range(5)})))
    found = [outcome(item) for item in items(tarred)]
    assert found[-1] == "too-large"
    assert len(found) < 5
    assert [outcome(item) for item in items(tarred, limits=InputLimits(max_members=1))][-1] == "too-large"


def test_encrypted_and_garbage_archives(tmp_path: Path) -> None:
    path = tmp_path / "locked.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.cif", GOOD)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    (tmp_path / "junk.zip").write_bytes(b"junk")
    (tmp_path / "junk.tar.xz").write_bytes(b"junk")
    assert [outcome(item) for item in items(tmp_path)] == ["unreadable"] * 3


def test_lists_and_missing_paths(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_bytes(GOOD)
    listing = tmp_path / "list.txt"
    listing.write_text("# crystals\na.cif\n\ngone.cif\n")
    assert [(item.id, outcome(item)) for item in items(f"@{listing}")] == [("a", "read"), ("gone", "unreadable")]
    with pytest.raises(InputError, match="nowhere"):
        iter_items([str(tmp_path / "nowhere")], LIMITS)


def test_rejections_carry_the_id_and_source(tmp_path: Path) -> None:
    with (tmp_path / "x.cif").open("wb") as file:
        file.truncate(LIMITS.max_file_bytes + 1)
    (only,) = items(tmp_path)
    assert only.rejection is not None
    assert (only.rejection.id, only.rejection.code) == ("x", Code.TOO_LARGE)
    assert only.rejection.source.endswith("x.cif")
