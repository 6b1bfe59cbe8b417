"""Files, folders, lists and archives: everything found is an item, hostile members are refused, nothing is unpacked."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from screening.config import InputLimits
from screening.errors import Code, InputError
from screening.sources.blocks import Item
from screening.sources.listing import iter_items
from screening.sources.names import named

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
    assert [item.id for item in found] == ["b", "binary", "noise", "c", "z", "(passed over: .*)"]
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


def test_blocks_beyond_the_limit_are_not_compared(tmp_path: Path) -> None:
    """The names of n blocks compared with each other take n² steps: 200,000 took 19 s, a file may hold a million."""
    (tmp_path / "many.cif").write_bytes(b"".join(b"data_%d\n_x 1\n" % n for n in range(200_000)))
    started = time.perf_counter()
    (only,) = items(tmp_path)
    assert outcome(only) == "too-large"
    assert time.perf_counter() - started < 5.0


def test_a_block_with_a_repeated_tag_does_not_spoil_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "two.cif").write_bytes(b"data_one\n_x 1\n_x 2\ndata_two\n_y 1\n")
    assert [item.id for item in items(tmp_path)] == ["two#one", "two#two"]


def test_long_names_become_short_ids_of_their_own(tmp_path: Path) -> None:
    long = "x" * 3000
    (tmp_path / "two.cif").write_bytes(f"data_{long}a\n_x 1\ndata_{long}b\n_x 1\n".encode())
    (tmp_path / "a.tar").write_bytes(
        tar_bytes({f"{long}a.cif": GOOD, f"{long}b.cif": GOOD, f"{'d/' * 3000}y.cif": GOOD})
    )
    found = items(tmp_path)
    assert [outcome(item) for item in found] == ["read", "read", "too-large", "read", "read"]
    assert len({item.id for item in found}) == 5
    assert max(len(item.id) for item in found) < 300
    assert max(len(item.source) for item in found) < 5000


def test_a_packed_file_gives_no_more_than_the_ratio(tmp_path: Path) -> None:
    """Thousands of small files that unpack to the limit of bytes each would fill the memory of every worker."""
    packed = gzip.compress(b" " * 15_000_000)
    (tmp_path / "bomb.cif.gz").write_bytes(packed)
    (tmp_path / "fine.cif.gz").write_bytes(gzip.compress(GOOD + b"# " + b"x" * 900_000))
    (tmp_path / "inside.tar").write_bytes(tar_bytes({"bomb2.cif.gz": packed}))
    found = {item.id: outcome(item) for item in items(tmp_path)}
    assert found == {"bomb": "too-large", "fine": "read", "bomb2": "too-large"}


def test_details_are_one_short_printable_line(tmp_path: Path) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text("a" * 5000 + "\x1b[31m\n")
    (only,) = items(f"@{listing}")
    assert only.rejection is not None
    assert only.rejection.detail.isprintable()
    assert len(only.rejection.detail) <= 300


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
        mode: Any = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}[suffix]
        with tarfile.open(path, mode) as archive:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    found = items(tmp_path)
    assert [(item.id, item.text) for item in found[:2]] == [("b", GOOD), ("a", GOOD + b"_b 1\n")]
    assert [item.id for item in found[2:]] == ["(passed over: .md)"]
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


def test_an_archive_is_read_up_to_its_largest_number_of_members(tmp_path: Path) -> None:
    members = {f"{n}.cif": GOOD for n in range(3)}
    (tmp_path / "a.tar").write_bytes(tar_bytes(members))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    for name in ("a.tar", "a.zip"):
        assert [outcome(item) for item in items(tmp_path / name, limits=InputLimits(max_members=3))] == ["read"] * 3
        *read, last = items(tmp_path / name, limits=InputLimits(max_members=2))
        assert [outcome(item) for item in read] == ["read"] * 2
        assert last.rejection is not None
        assert last.rejection.detail == "more than max_members = 2; the rest was not read"


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


@pytest.mark.parametrize(
    "data",
    [
        "data_a\n_p 'Müller'\ndata_b\n_p 'Ü'\n".encode("latin-1"),
        b"\xef\xbb\xbfdata_a\n_p 1\ndata_b\n_p 2\n",
        b"data_a\r\n_p 1\r\ndata_b\r\n_p 2\r\n",
        b"data_a\r_p 1\rdata_b\r_p 2\r",
    ],
    ids=["latin-1", "byte order mark", "CRLF", "CR"],
)
def test_blocks_in_every_encoding_and_line_end(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.cif").write_bytes(data)
    found = items(tmp_path)
    assert [item.id for item in found] == ["x#a", "x#b"]
    assert all(item.text.decode("utf-8").startswith(f"data_{item.block}") for item in found)


def test_blocks_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "x.cif").write_bytes(b"data_a\n_p 1\ndata_a\n_p 2\n")
    found = items(tmp_path)
    assert [item.id for item in found] == ["x#a", "x#a~2"]
    assert b"_p 2" in found[1].text.replace(b"  ", b"")


@pytest.mark.parametrize("damage", ["cut between members", "cut within a header", "cut within a member", "header"])
def test_a_damaged_tar_never_ends_in_silence(tmp_path: Path, damage: str) -> None:
    """Two of five members are whole; tarfile itself takes most of this damage for the end of the archive."""
    data = bytearray(tar_bytes({f"{n}.cif": GOOD for n in range(5)}))
    third = 2 * 1024
    if damage == "header":
        data[third + 150] ^= 0xFF
    else:
        data = data[
            : third + {"cut between members": 0, "cut within a header": 100, "cut within a member": 520}[damage]
        ]
    (tmp_path / "a.tar").write_bytes(data)
    assert [(item.id, outcome(item)) for item in items(tmp_path)] == [
        ("0", "read"),
        ("1", "read"),
        ("a", "unreadable"),
    ]


def test_zstd_frames_are_joined_and_a_cut_is_noticed(tmp_path: Path) -> None:
    text = GOOD + os.urandom(100_000).hex().encode()
    whole = zstandard.compress(text[:70_000]) + zstandard.compress(text[70_000:])
    (tmp_path / "whole.cif.zst").write_bytes(whole)
    (tmp_path / "torn.cif.zst").write_bytes(whole[:-20])
    (tmp_path / "bomb.cif.zst").write_bytes(zstandard.compress(b" " * 30_000_000))
    found = {item.id: item for item in items(tmp_path)}
    assert found["whole"].text == text
    assert outcome(found["torn"]) == "unreadable"
    assert outcome(found["bomb"]) == "too-large"


def test_packed_members_of_archives_are_unpacked(tmp_path: Path) -> None:
    members = {
        "a.cif.gz": gzip.compress(GOOD),
        "torn.cif.gz": gzip.compress(GOOD)[:-6],
        "bomb.cif.gz": gzip.compress(b" " * 200_000),
    }
    (tmp_path / "a.tar").write_bytes(tar_bytes(members))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    found = items(tmp_path, limits=InputLimits(max_file_bytes=100_000))
    assert [outcome(item) for item in found] == ["read", "unreadable", "too-large"] * 2
    assert (found[0].id, found[0].text) == ("a", GOOD)


def test_a_zip_whose_members_unpack_to_too_much_together(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(8):
            archive.writestr(f"{number}.cif", b" " * 15_000_000)
    found = [outcome(item) for item in items(path, limits=InputLimits(max_ratio=300))]
    assert found == ["too-large"] * 8  # each member by its own ratio
    found = [outcome(item) for item in items(path, limits=InputLimits(max_ratio=1_000))]
    assert found == ["read"] * 8
    mixed = tmp_path / "mixed.zip"
    with zipfile.ZipFile(mixed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(80):
            archive.writestr(f"{number}.cif", b" " * 900_000)  # each within the free bytes of a member
    found = [outcome(item) for item in items(mixed, limits=InputLimits(max_ratio=10))]
    assert found == ["read"] * (len(found) - 1) + ["too-large"]
    assert len(found) < 80


def test_damaged_archives_never_raise(tmp_path: Path) -> None:
    """Random bytes overwritten and cut: whatever comes, it comes as items."""
    rng = random.Random(1)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.cif", GOOD)
    tar = tar_bytes({f"{n}.cif": GOOD for n in range(3)})
    packed = {"zip": buffer.getvalue(), "tar": tar, "tar.gz": gzip.compress(tar), "tar.zst": zstandard.compress(tar)}
    for suffix, data in packed.items():
        for _ in range(150):
            damaged = bytearray(data)
            for _ in range(rng.choice([1, 2, 8])):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            path = tmp_path / f"x.{suffix}"
            path.write_bytes(damaged[: rng.choice([len(damaged), rng.randrange(len(damaged))])])
            assert all(item.id for item in items(path))


def test_links_in_circles_pipes_and_names_too_long(tmp_path: Path) -> None:
    folder = tmp_path / "crystals"
    folder.mkdir()
    (folder / "x.cif").write_bytes(GOOD)
    (folder / "again").symlink_to(folder)
    (folder / "self.cif").symlink_to(folder / "self.cif")
    os.mkfifo(folder / "pipe.cif")
    assert {item.id: outcome(item) for item in items(folder)} == {
        "x": "read",
        "self": "unreadable",
        "pipe": "unreadable",
    }
    listing = tmp_path / "list.txt"
    listing.write_text("a" * 5000 + "\ncrystals/x.cif\n")
    assert [outcome(item) for item in items(f"@{listing}")] == ["unreadable", "read"]
    with pytest.raises(InputError, match="too long"):
        iter_items(["a" * 5000], LIMITS)


def test_a_folder_that_cannot_be_listed_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The permission is refused by hand: tests may run as root, whom no permission stops."""
    (tmp_path / "locked").mkdir()
    (tmp_path / "x.cif").write_bytes(GOOD)
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [(item.id, outcome(item)) for item in items(tmp_path)] == [("x", "read"), ("locked", "unreadable")]


def test_names_are_printable_and_never_empty(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/a\x1b[31m.cif", GOOD)
    assert [item.id for item in items(tmp_path)] == ["a?[31m"]
    (tmp_path / ".cif").write_bytes(GOOD)
    assert [item.id for item in items(tmp_path / ".cif")] == ["unnamed"]


@given(
    ids=st.lists(st.sampled_from(["a", "b", "a~2", "a~3", "a~2~2", "c", "d", "e"]), max_size=200), long=st.booleans()
)
def test_ids_are_made_unique_as_one_after_the_other(ids: list[str], long: bool) -> None:
    """Against a plain dictionary; texts so long that they are not looked up together change nothing."""
    seen: dict[str, int] = {}
    expected = []
    for id in ids:
        name, count = id, seen.get(id, 0)
        while name in seen:
            count += 1
            name = f"{id}~{count}"
        if name != id:
            seen[id] = count
        seen[name] = 1
        expected.append(name)
    text = b" " * (2**19 if long else 1)
    found = [item.id for item in named(Item(id=id, source="", text=text) for id in ids)]
    assert found == expected
    assert len(set(found)) == len(found)
