"""Named texts → a folder, .zip or .tar.gz with the same bytes every time: fixed order, times and owners."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from screening.errors import InputError
from screening.locations import new_folder, replaced

Members = Iterable[tuple[str, bytes]]
ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that the format can say
PACKED = (".gz", ".tgz", ".tar", ".xz", ".bz2", ".zst", ".7z", ".rar")


def write_members(path: Path, members: Members) -> int:
    """Return how many members were written. An error leaves `path` as it was.

    Parameters
    ----------
    path
        A folder, new or empty, or a file name ending in .zip, .tar.gz or .tgz, replaced if there.
    members
        (name, content), in the order in which they are written.

    Raises
    ------
    InputError
        The folder holds files, the kind of archive is unknown, or the disk refuses.
    """
    name = path.name.lower()
    if name.endswith(".zip"):
        write = _write_zip
    elif name.endswith((".tar.gz", ".tgz")):
        write = _write_tar
    elif name.endswith(PACKED):
        raise InputError(f"{path}: cannot write this kind of archive; use .zip, .tar.gz or a folder")
    else:
        write = _write_folder
    if write is _write_folder and path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"{path}: is there already and is no empty folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if write is _write_folder:
            with new_folder(path) as folder:  # takes the place of an empty one
                return write(folder, members)
        with replaced(path) as file:
            return write(file, members)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}") from error


def _write_folder(path: Path, members: Members) -> int:
    count = 0
    for name, content in members:
        count += 1
        (path / name).write_bytes(content)
    return count


def _write_zip(path: Path, members: Members) -> int:
    count = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            count += 1
            info = zipfile.ZipInfo(name, ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, on whatever system this runs
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return count


def _write_tar(path: Path, members: Members) -> int:
    count = 0
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in members:
            count += 1
            info = tarfile.TarInfo(name)  # time, owner and group are zero
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return count
