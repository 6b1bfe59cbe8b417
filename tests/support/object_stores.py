"""Folders of object stores: what lies below one, crystals of every kind put there, and damage."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

from screening.config import InputLimits
from screening.locations.remote import Remote
from screening.sources.listing import iter_items

LIMITS = InputLimits()
SECRET = "wJalrXUtnFEMI-secret"


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


def torn(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]
