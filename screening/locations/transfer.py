"""Files and folders brought here and put there: whole, or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from screening.errors import InputError, ScreeningError
from screening.locations.disk import write_whole
from screening.locations.location import Location
from screening.locations.remote import Remote


def replace_text(target: Location, text: str) -> None:
    """Write a small file whole or not at all."""
    if isinstance(target, Remote):
        target.write_bytes(text.encode())
        return
    write_whole(target, text.encode(), safe=False)


def append_text(target: Location, text: str) -> None:
    """Add to a small text file, such as a log; on an object store it is put anew, whole."""
    if isinstance(target, Remote):
        try:
            before = target.read_bytes()
        except FileNotFoundError:
            before = b""
        target.write_bytes(before + text.encode())
        return
    with target.open("a", encoding="utf-8") as file:
        file.write(text)


def make_folder(target: Location) -> None:
    """Make a folder and those above it; an object store has none to make."""
    if isinstance(target, Path):
        target.mkdir(parents=True, exist_ok=True)


@contextmanager
def fetched(source: Location, *, without: str | None = None) -> Iterator[Path]:
    """Yield a local path that holds the file or folder; what is remote is copied to a temporary folder, gone later.

    Parameters
    ----------
    source
        The file or folder.
    without
        Name of an entry of the folder that is not copied.
    """
    if isinstance(source, Path):
        yield source
        return
    with (
        tempfile.TemporaryDirectory(prefix="screening-") as folder,
        _named(folder, source.url.rsplit("/", maxsplit=1)[0]),
    ):
        target = Path(folder) / source.name
        if source.is_file():
            target.write_bytes(source.read_bytes())
        else:
            for file in _below(source, skipped=without):
                name = file.url.removeprefix(f"{source.url}/")
                if ".." in name.split("/") or name.startswith("/") or "\\" in name or "\0" in name:
                    raise InputError(f"{file.url!r:.200} has a name that leads out of its folder")
                local = target / name
                local.parent.mkdir(parents=True, exist_ok=True)
                local.write_bytes(file.read_bytes())
        yield target


@contextmanager
def scratch(target: Remote) -> Iterator[Path]:
    """Yield an empty local folder for files that will be put at the target; errors name the target."""
    with tempfile.TemporaryDirectory(prefix="screening-") as folder, _named(folder, target.url):
        yield Path(folder)


def publish(folder: Path, target: Location, *, last: str, without: str | None = None) -> None:
    """Put the files of a local folder at the target, so that it holds no others in their subfolders.

    Parameters
    ----------
    folder
        The folder; nothing is done where it is the target.
    target
        Where they go, under the same names.
    last
        Name of the file that is put last: where it is, the others are.
    without
        Name of a file that stays here.
    """
    if isinstance(target, Path):
        return
    names = [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*")) if file.is_file()]
    names = [name for name in names if name != without]
    for top in sorted({name.split("/")[0] for name in names if "/" in name}):
        for old in list(_below(target / top)):
            if old.url.removeprefix(f"{target.url}/") not in names:
                old.unlink()
    for name in sorted(names, key=lambda name: (name == last, name)):
        (target / name).write_bytes((folder / name).read_bytes())


@contextmanager
def delivered(target: Location) -> Iterator[Path]:
    """Yield a local path to write a file or folder to; where the target is remote it is put there at the end.

    Files beside it, in the same folder, go along. Nothing is put if an error comes before the end.
    """
    if isinstance(target, Path):
        yield target
        return
    with tempfile.TemporaryDirectory(prefix="screening-") as folder, _named(folder, target.parent.url):
        yield Path(folder) / target.name
        publish(Path(folder), target.parent, last=target.name)


@contextmanager
def _named(folder: str, url: str) -> Iterator[None]:
    """Tell errors about files of a temporary folder under the names that the user gave."""
    try:
        yield
    except ScreeningError as error:
        if folder not in str(error) or error.args != (str(error),):
            raise
        raise type(error)(str(error).replace(folder, url)) from error


def _below(folder: Remote, *, skipped: str | None = None) -> Iterator[Remote]:
    """Yield every object below a folder, but for one entry of it."""
    for entry in folder.iterdir():
        if entry.location.name == skipped:
            continue
        if entry.folder:
            yield from _below(entry.location)
        else:
            yield entry.location
