"""Files, links, names and archives that are bad or hostile, each a kind of its own."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import zstandard
from hostile_kinds import (
    CONTENT,
    READ,
    files,
    good,
)

# Files, links and names


@files("folder-named-cif", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    (folder / f"{stem}.cif").mkdir()
    (folder / f"{stem}.cif" / f"{stem}.cif").write_text(good(rng))


@files("links", "unreadable", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    target = rng.choice(
        [f"{stem}.cif", "nowhere.cif", "/dev/zero", "/dev/null", "/dev/tty", "..", "/proc/self/mem", "/"]
    )
    (folder / f"{stem}.cif").symlink_to(target)


@files("pipe", "unreadable")
def _(rng: random.Random, folder: Path, stem: str) -> None:
    os.mkfifo(folder / f"{stem}.cif")


@files("hole", "too-large", "not-cif")
def _(rng: random.Random, folder: Path, stem: str) -> None:
    with (folder / f"{stem}.cif").open("wb") as file:
        file.truncate(rng.choice([10**6, 10**10]))


@files("strange-names", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    odd = [
        "a\nb",
        'a"b,c',
        "\u202egnp",
        "😀",
        "=1+1",
        "x" * 200,
        "\x1b[2J",
        "a;b",
        "$(id)",
        "-rf",
        "<b>",
        "a\\b",
        "\t",
        "#1",
        "~2",
    ]
    name = f"{stem}-{rng.choice(odd)}".encode() + rng.choice([b"", b"\xff\xfe", b"\xe9"])
    (Path(os.fsdecode(os.fsencode(folder))) / os.fsdecode(name + b".cif")).write_text(good(rng))


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gz", gzip.compress),
    ("bz2", bz2.compress),
    ("xz", lzma.compress),
    ("zst", zstandard.compress),
]


@files("packed-bomb", "too-large")
def _(rng: random.Random, folder: Path, stem: str) -> None:
    data = rng.choice([b" ", b"\0", b"data_x\n"]) * 1_500_000 * rng.choice([1, 3])
    pack = rng.choice(PACKERS)
    (folder / f"{stem}.cif.{pack[0]}").write_bytes(pack[1](data))


@files("packed-good", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    pack = rng.choice(PACKERS)
    (folder / f"{stem}.cif.{pack[0]}").write_bytes(pack[1](good(rng).encode()))


@files("packed-damage", "unreadable", "not-cif", "empty", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    suffix, pack = rng.choice(PACKERS)
    (folder / f"{stem}.cif.{suffix}").write_bytes(damaged(rng, pack(good(rng).encode())))


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return the bytes with one to eight of them changed, half of the time cut off as well."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 2, 8])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed[: rng.choice([len(changed), rng.randrange(len(changed))])])


def member_names(rng: random.Random, stem: str) -> list[str]:
    """Return names that lead out of an archive, and one that does not."""
    out = [
        "../escaped.cif",
        "/tmp/escaped.cif",
        "a/../../escaped.cif",
        "..\\escaped.cif",
        "C:\\escaped.cif",
        "//x/escaped.cif",
    ]
    return [rng.choice(out), f"{stem}-inside.cif"]


def zipped(members: list[tuple[str, bytes]]) -> bytes:
    """Return a zip of the members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(members: list[tuple[str, bytes]], *special: tarfile.TarInfo) -> bytes:
    """Return a tar of the members, and of special ones."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info in special:
            archive.addfile(info)
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@files("path-traversal", "unsafe-path", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    members = [(name, good(rng).encode()) for name in member_names(rng, stem)]
    suffix, pack = rng.choice([("zip", zipped), ("tar", tarred)])
    (folder / f"{stem}.{suffix}").write_bytes(pack(members))


@files("devices-in-tar", "unsafe-path", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    special = []
    for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE):
        info = tarfile.TarInfo(f"{stem}-{kind.decode()}.cif")
        info.type, info.linkname, info.devmajor, info.devminor = kind, "/etc/passwd", 1, 5
        special.append(info)
    (folder / f"{stem}.tar").write_bytes(tarred([(f"{stem}-inside.cif", good(rng).encode())], *special))


@files("archive-damage", "unreadable", "unsafe-path", "too-large", "empty", *CONTENT)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    members = [(f"{stem}-{n}.cif", good(rng).encode()) for n in range(3)]
    suffix = rng.choice(["zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst"])
    data = zipped(members) if suffix == "zip" else tarred(members)
    packer = dict(PACKERS).get(suffix.rsplit(".", maxsplit=1)[-1])
    (folder / f"{stem}.{suffix}").write_bytes(damaged(rng, packer(data) if packer else data))


@files("nested-archive", "unreadable")
def _(rng: random.Random, folder: Path, stem: str) -> None:
    data = good(rng).encode()
    for depth in range(rng.randrange(2, 20)):
        data = zipped([(f"{stem}-{depth}.{'cif' if depth == 0 else 'zip'}", data)])
    (folder / f"{stem}.zip").write_bytes(data)


@files("archive-bomb", "too-large", "empty", most=2)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    members = [(f"{stem}-{n}.cif", b" " * 19_000_000) for n in range(4)]
    suffix, data = rng.choice([("zip", zipped(members)), ("tar.gz", gzip.compress(tarred(members), 1))])
    (folder / f"{stem}.{suffix}").write_bytes(data)


@files("strange-members", READ, "unsafe-path", "too-large")
def _(rng: random.Random, folder: Path, stem: str) -> None:
    odd = ["x" * 10_000, "a\nb", "\u202ea", "😀", "n\0n", "=1", "a" * 300, "\x1b[2J", "d/" * 2000 + "x"]
    suffix, pack = rng.choice([("zip", zipped), ("tar", tarred)])
    (folder / f"{stem}.{suffix}").write_bytes(pack([(f"{stem}-{rng.choice(odd)}.cif", good(rng).encode())]))
