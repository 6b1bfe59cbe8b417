"""Zip archives read member by member, against `zipfile` of the standard library."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zipfile
import zlib
from typing import Literal

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from screening.sources.archives import BROKEN
from screening.sources.zips import iter_members, read_member

SURROGATES: tuple[Literal["Cs"]] = ("Cs",)
NAMES = st.text(st.characters(exclude_categories=SURROGATES, exclude_characters="\0"), min_size=1, max_size=30)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class Unseekable(io.RawIOBase):
    """A pipe: what is written to it has sizes and checksums behind each member."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        self.written += memoryview(data)  # type: ignore[arg-type]
        return len(memoryview(data))  # type: ignore[arg-type]


def zipped(
    members: list[tuple[str, bytes, int]], *, piped: bool = False, force_zip64: bool = False, comment: bytes = b""
) -> bytes:
    target: Unseekable | io.BytesIO = Unseekable() if piped else io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data, method in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with archive.open(info, "w", force_zip64=force_zip64) as file:
                file.write(data)
        archive.comment = comment
    return bytes(target.written) if isinstance(target, Unseekable) else target.getvalue()


def ours(data: bytes) -> list[tuple[str, bytes]]:
    file = io.BytesIO(data)
    return [(member.name, read_member(file, member)) for member in iter_members(file)]


def theirs(data: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(info.orig_filename, archive.read(info)) for info in archive.infolist()]


@given(
    members=st.lists(
        st.tuples(NAMES, st.binary(max_size=300), st.sampled_from(METHODS)),
        max_size=6,
        unique_by=lambda member: member[0].replace("\\", "/"),
    ),
    piped=st.booleans(),
    force_zip64=st.booleans(),
    # zipfile takes some signatures where they stand by chance for what they announce, and gives up.
    comment=st.binary(max_size=40).filter(lambda comment: b"PK" not in comment),
    before=st.binary(max_size=40).filter(lambda before: b"PK" not in before),
)
def test_what_the_standard_library_reads(
    members: list[tuple[str, bytes, int]], piped: bool, force_zip64: bool, comment: bytes, before: bytes
) -> None:
    data = before + zipped(members, piped=piped, force_zip64=force_zip64, comment=comment)
    assert ours(data) == theirs(data)


def test_more_members_than_two_bytes_count() -> None:
    """Beyond 65,535 the directory's numbers stand in records of 8 bytes; it is also longer than one block."""
    data = zipped([(f"folder/crystal-{number}.cif", b"x" * (number % 7), 0) for number in range(66_000)])
    found = ours(data)
    assert len(found) == 66_000
    assert found == theirs(data)
    # Beyond 4 GiB the old record holds neither size nor offset of the directory: those of 8 bytes count.
    beyond = bytearray(data)
    struct.pack_into("<2L", beyond, data.rindex(b"PK\5\6") + 12, 0xFFFFFFFF, 0xFFFFFFFF)
    assert ours(bytes(beyond)) == found


def test_offsets_of_eight_bytes() -> None:
    """A directory whose sizes and offset are all in the extra field, as beyond 4 GiB."""
    data = bytearray(zipped([("a.cif", b"content" * 30, zipfile.ZIP_DEFLATED)]))
    entry = data.index(b"PK\1\2")
    packed, size = struct.unpack_from("<2L", data, entry + 20)
    struct.pack_into("<2L", data, entry + 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<L", data, entry + 42, 0xFFFFFFFF)
    extra = struct.pack("<2H", 0x9999, 2) + b"no" + struct.pack("<2H3Q", 1, 24, size, packed, 0)
    struct.pack_into("<H", data, entry + 30, len(extra))
    data[entry + 46 + 5 : entry + 46 + 5] = extra
    end = data.index(b"PK\5\6")
    struct.pack_into("<L", data, end + 12, end - entry)
    assert ours(bytes(data)) == theirs(bytes(data)) == [("a.cif", b"content" * 30)]


@pytest.mark.parametrize("length", [0, 63, 64, 65, 200, 60_000])
def test_extra_fields_of_any_length(length: int) -> None:
    """What stands between the name of a member and its content may be longer than what is read at first."""
    info = zipfile.ZipInfo("a.cif")
    info.extra = struct.pack("<2H", 0x9999, length - 4) + bytes(length - 4) if length else b""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(info, b"content" * 30)
        archive.writestr("b.cif", b"more")
    assert ours(target.getvalue()) == theirs(target.getvalue()) == [("a.cif", b"content" * 30), ("b.cif", b"more")]


def test_zstd() -> None:
    """Method 93, which the standard library reads from 3.14 on."""
    content = b"data_x\n" * 500
    packed = zstandard.compress(content)
    data = bytearray(zipped([("a.cif", packed, zipfile.ZIP_STORED)]))
    for signature, at in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        begin = data.index(signature)
        struct.pack_into("<H", data, begin + at, 93)
        struct.pack_into("<L", data, begin + at + 6, zlib.crc32(content))
        struct.pack_into("<L", data, begin + at + 14, len(content))
    assert ours(bytes(data)) == [("a.cif", content)]


def test_a_member_longer_than_it_says_is_refused() -> None:
    """No more is unpacked than is stated: the stated size is what the limits have judged."""
    for method in METHODS[1:]:
        data = bytearray(zipped([("a.cif", b" " * 30_000_000, method)]))
        begin = data.index(b"PK\1\2")
        struct.pack_into("<L", data, begin + 24, 1000)
        file = io.BytesIO(data)
        (member,) = iter_members(file)
        tracemalloc.start()
        with pytest.raises(zipfile.BadZipFile, match="shorter or longer"):
            read_member(file, member)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10_000_000, method  # the dictionary of LZMA is 8 MiB


def test_damage_is_an_error_and_never_other_bytes() -> None:
    rng = random.Random(2)
    whole = zipped([(f"{method}.cif", rng.randbytes(40) * 5, method) for method in METHODS])
    right = dict(ours(whole))
    seen = 0
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 1, 3])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        file = io.BytesIO(data[: rng.choice([len(data), len(data), rng.randrange(len(data))])])
        try:
            members = list(iter_members(file))
        except BROKEN:
            seen += 1
            continue
        for member in members:
            try:
                content = read_member(file, member) if member.size < 10_000 else b""
            except BROKEN:
                seen += 1
            else:
                # A directory that was damaged may leave members out, or call one by another name.
                assert content in (b"", *right.values())
    assert seen > 1500


def test_memory_does_not_grow_with_the_directory() -> None:
    data = zipped([(f"crystal-{number}.cif", b"", 0) for number in range(40_000)])
    file = io.BytesIO(data)
    tracemalloc.start()
    count = sum(1 for _ in iter_members(file))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 40_000
    assert peak < 3 * 2**20  # zipfile: 30 MB
