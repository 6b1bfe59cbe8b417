"""Where files are: a folder here (a `pathlib.Path`) or an object store (a `Remote`), told apart by ``://``.

What is written to an object store is put whole, since it knows neither appending nor renaming. Credentials come from
the environment or the profile of the user, as the libraries of the providers find them; a URL that holds any is
refused, so that none can reach a record, a log or a message.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import fsspec

from screening.errors import InputError, ScreeningError, StoreError

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "http": "aiohttp", "https": "aiohttp"}
# Bytes read at a time from a file that is streamed: a request a second at 4 MB/s.
BLOCK_BYTES = 4 * 2**20
PAGE = 1000  # names listed at a time; S3 gives no more
GOES_ON = "the same command goes on from here"


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a remote folder."""

    place: Remote
    size: int  # bytes; 0 for a folder
    folder: bool

    @property
    def st_size(self) -> int:
        """Size in bytes, under the name that `os.stat` gives it."""
        return self.size


@dataclass(frozen=True, slots=True)
class Remote:
    """A file or folder of an object store, with those methods of `pathlib.Path` that the stages use.

    Parameters
    ----------
    url
        ``protocol://bucket/key``; made by `place`, which checks it.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def as_posix(self) -> str:
        """Return the URL."""
        return self.url

    def __truediv__(self, name: str) -> Remote:
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise InputError(f"{name!r:.200} leads out of {self.url}")
        return Remote(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return self.url.rstrip("/").rsplit("/", maxsplit=1)[-1]

    @property
    def suffix(self) -> str:
        """The suffix of the name, with its dot."""
        return PurePosixPath(self.name).suffix

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def parent(self) -> Remote:
        """The folder that it is in."""
        above = self.url.rsplit("/", maxsplit=1)[0]
        if above.endswith(":/"):
            raise InputError(f"{self.url} is a bucket; name a folder or file in it")
        return Remote(above)

    def resolve(self) -> Remote:
        """Return this place, which is absolute."""
        return self

    def with_name(self, name: str) -> Remote:
        """Return the place of this name in the same folder."""
        return self.parent / name

    def stat(self) -> Listed:
        """Return what the store says of this object.

        Raises
        ------
        FileNotFoundError
            There is none.
        """
        with _reaching(self.url):
            info = _filesystem(self.url).info(_key(self.url))
        return Listed(self, int(info.get("size") or 0), folder=info["type"] == "directory")

    def is_file(self) -> bool:
        """Return whether there is an object of this name."""
        try:
            return not self.stat().folder
        except FileNotFoundError:
            return False

    def is_dir(self) -> bool:
        """Return whether there is any object below this name."""
        return any(True for _ in self.iterdir())

    def exists(self) -> bool:
        """Return whether there is an object of this name, or one below it."""
        return self.is_file() or self.is_dir()

    def iterdir(self) -> Iterator[Listed]:
        """Yield what is directly below, page by page where the protocol has pages (S3); nothing where nothing is."""
        filesystem = _filesystem(self.url)
        pages = _s3_pages if hasattr(filesystem, "call_s3") else _whole_listing
        protocol, key = URL.fullmatch(self.url).groups()  # type: ignore[union-attr] # checked by `place`
        yield from pages(filesystem, protocol, key)

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Return the object as a stream of bytes that can seek; little of it is in memory at any time."""
        if mode != "rb":
            raise ValueError("objects are written whole")
        with _reaching(self.url):
            stream = _filesystem(self.url).open(_key(self.url), "rb", block_size=BLOCK_BYTES)
        return io.BufferedReader(_Stream(stream, self.url), BLOCK_BYTES // 16)

    def read_bytes(self) -> bytes:
        """Return the bytes of the object.

        Raises
        ------
        FileNotFoundError
            There is none.
        """
        with _reaching(self.url):
            content: bytes = _filesystem(self.url).cat_file(_key(self.url))
            return content

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the text of the object."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, data: bytes) -> None:
        """Put the object, whole or not at all."""
        write_all({self: data})

    def write_new(self, data: bytes) -> None:
        """Put the object if there is none of this name: one request on S3 and GCS; elsewhere it looks first.

        Raises
        ------
        FileExistsError
            There is one.
        """
        with _reaching(self.url):
            filesystem = _filesystem(self.url)
            try:
                filesystem.pipe_file(_key(self.url), data, mode="create")
            except NotImplementedError:  # a server of the S3 protocol that knows no conditions
                if self.is_file():
                    raise FileExistsError(self.url) from None
                filesystem.pipe_file(_key(self.url), data)
            except FileExistsError:
                # A request whose answer got lost is sent again, and then meets itself.
                if filesystem.cat_file(_key(self.url)) != data:
                    raise

    def unlink(self) -> None:
        """Remove the object; nothing happens where there is none."""
        with _reaching(self.url):
            try:
                _filesystem(self.url).rm_file(_key(self.url))
            except FileNotFoundError:
                return


Place: TypeAlias = Path | Remote


def is_url(text: str) -> bool:
    """Return whether a path is the URL of something that is not on this machine's file system."""
    match = URL.fullmatch(text)
    return match is not None and match[1].lower() not in ("file", "local")


def place(text: str | Path) -> Place:
    """Return the place that a path or URL names.

    Raises
    ------
    InputError
        The URL holds credentials or a query, chains protocols, leads upwards, or its protocol is unknown or not
        installed.
    """
    match = None if isinstance(text, Path) else URL.fullmatch(text)
    if match is None:
        return Path(text)
    protocol, rest = match[1].lower(), match[2]
    if protocol in ("file", "local"):
        return Path(rest)
    host = rest.split("/", maxsplit=1)[0]
    if "@" in host or (protocol in ("http", "https") and "?" in rest):
        raise InputError(f"a {protocol}:// URL holds credentials or a query; give them by environment or profile")
    if "::" in rest or ".." in rest.split("/") or not host or "\0" in rest:
        raise InputError(f"{text!r:.200} names no single place")
    found = Remote(f"{protocol}://{rest.rstrip('/')}")
    _filesystem(found.url)
    return found


def read_all(places: Sequence[Remote]) -> list[bytes | FileNotFoundError]:
    """Return the bytes of many objects, asked for at once; an error in the place of one that is not there."""
    if not places:
        return []
    filesystem = _filesystem(places[0].url)
    keys, nones = [_key(one.url) for one in places], [None] * len(places)
    with _reaching(places[0].url):
        found = filesystem.cat_ranges(keys, nones, nones, on_error="return")
    for one, content in zip(places, found, strict=True):
        if isinstance(content, BaseException) and not isinstance(content, FileNotFoundError):
            with _reaching(one.url):
                raise content
    return list(found)


def write_all(contents: dict[Remote, bytes]) -> None:
    """Put many objects at once, in no order."""
    if contents:
        first = next(iter(contents))
        with _reaching(first.url):
            _filesystem(first.url).pipe({_key(one.url): data for one, data in contents.items()})


def replace_text(target: Place, text: str) -> None:
    """Write a small file whole or not at all."""
    if isinstance(target, Remote):
        target.write_bytes(text.encode())
        return
    temporary = target.with_name(f"{target.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target)


def append_text(target: Place, text: str) -> None:
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


def make_folder(target: Place) -> None:
    """Make a folder and those above it; an object store has none to make."""
    if isinstance(target, Path):
        target.mkdir(parents=True, exist_ok=True)


@contextmanager
def fetched(source: Place, *, without: str | None = None) -> Iterator[Path]:
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


def publish(folder: Path, target: Place, *, last: str, without: str | None = None) -> None:
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
def delivered(target: Place) -> Iterator[Path]:
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
        if entry.place.name == skipped:
            continue
        if entry.folder:
            yield from _below(entry.place)
        else:
            yield entry.place


def _s3_pages(filesystem: Any, protocol: str, key: str) -> Iterator[Listed]:
    """Yield the entries of one S3 folder, a page of names in memory at a time, sorted by name within their kind."""
    bucket, _, prefix = key.partition("/")
    prefix = f"{prefix}/" if prefix else ""
    following: dict[str, str] = {}
    while True:
        url = f"{protocol}://{bucket}"
        try:
            with _reaching(url):
                page = filesystem.call_s3(
                    "list_objects_v2", Bucket=bucket, Prefix=prefix, Delimiter="/", MaxKeys=PAGE, **following
                )
        except FileNotFoundError:
            return
        for one in page.get("Contents", ()):
            if not one["Key"].endswith("/"):  # the mark of an empty folder
                yield Listed(Remote(f"{url}/{one['Key']}"), int(one["Size"]), folder=False)
        for one in page.get("CommonPrefixes", ()):
            yield Listed(Remote(f"{url}/{one['Prefix'][:-1]}"), 0, folder=True)
        if not page.get("IsTruncated"):
            return
        following = {"ContinuationToken": page["NextContinuationToken"]}


def _whole_listing(filesystem: Any, protocol: str, key: str) -> Iterator[Listed]:
    url = f"{protocol}://{key}"
    try:
        with _reaching(url):
            entries = filesystem.ls(_key(url), detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in sorted(entries, key=lambda entry: str(entry["name"])):
        name = str(entry["name"]).rstrip("/")
        name = URL.fullmatch(name)[2] if URL.fullmatch(name) else name.lstrip("/")  # type: ignore[index]
        if name != key:  # some list a file as its own content
            folder = entry["type"] == "directory"
            yield Listed(Remote(f"{protocol}://{name}"), 0 if folder else int(entry.get("size") or 0), folder=folder)


def _key(url: str) -> str:
    """Return the name by which the file system of a URL knows it."""
    match = URL.fullmatch(url)
    assert match is not None
    return url if match[1] in ("http", "https") else match[2]


def _filesystem(url: str) -> Any:
    """Return the file system of a URL; fsspec keeps one per protocol and process."""
    protocol = url.partition("://")[0]
    try:
        # Listings are not kept: others write there too.
        return fsspec.filesystem(protocol, use_listings_cache=False)
    except ImportError as error:
        package = PACKAGES.get(protocol, "the fsspec package of that protocol")
        raise InputError(f"{protocol}:// needs {package}: pip install 'screening[cloud]'") from error
    except ValueError as error:
        raise InputError(f"{protocol}:// is no protocol that fsspec knows") from error


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Turn what went wrong on the way to a store into an error that holds no more than the URL and what kind it is."""
    try:
        yield
    except (ScreeningError, FileNotFoundError, FileExistsError, NotADirectoryError):
        raise
    except PermissionError as error:
        raise StoreError(f"{url}: access is refused; check the credentials of this environment. {GOES_ON}") from error
    except Exception as error:
        kind = type(error).__name__
        if kind == "NoCredentialsError":
            raise StoreError(f"{url}: no credentials found in the environment or profile") from error
        raise StoreError(f"{url} cannot be reached ({kind}); {GOES_ON}") from error


class _Stream(io.RawIOBase):
    """A remote file whose connection errors are ours, so that no stage takes them for damage of the file."""

    def __init__(self, stream: Any, url: str) -> None:
        self._stream = stream
        self._url = url

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def _told(self, call: Callable[[], Any]) -> Any:
        with _reaching(self._url):
            return call()

    def readinto(self, buffer: Any, /) -> int:
        data = self._told(lambda: self._stream.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return int(self._told(lambda: self._stream.seek(offset, whence)))

    def tell(self) -> int:
        return int(self._stream.tell())

    def close(self) -> None:
        self._stream.close()
        super().close()
