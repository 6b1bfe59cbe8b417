"""A file or folder of an object store; credentials are those of the environment or profile, never of a URL."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

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

    location: Remote
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
        ``protocol://bucket/key``; made by `location`, which checks it.
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
            info = filesystem_of(self.url).info(_key(self.url))
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
        filesystem = filesystem_of(self.url)
        pages = _s3_pages if hasattr(filesystem, "call_s3") else _whole_listing
        protocol, key = URL.fullmatch(self.url).groups()  # type: ignore[union-attr] # checked by `location`
        yield from pages(filesystem, protocol, key)

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Return the object as a stream of bytes that can seek; little of it is in memory at any time."""
        if mode != "rb":
            raise ValueError("objects are written whole")
        with _reaching(self.url):
            stream = filesystem_of(self.url).open(_key(self.url), "rb", block_size=BLOCK_BYTES)
        return io.BufferedReader(_Stream(stream, self.url), BLOCK_BYTES // 16)

    def read_bytes(self) -> bytes:
        """Return the bytes of the object.

        Raises
        ------
        FileNotFoundError
            There is none.
        """
        with _reaching(self.url):
            content: bytes = filesystem_of(self.url).cat_file(_key(self.url))
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
            filesystem = filesystem_of(self.url)
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
                filesystem_of(self.url).rm_file(_key(self.url))
            except FileNotFoundError:
                return


def read_all(targets: Sequence[Remote]) -> list[bytes | FileNotFoundError]:
    """Return the bytes of many objects, asked for at once; an error in the place of one that is not there."""
    if not targets:
        return []
    filesystem = filesystem_of(targets[0].url)
    keys, nones = [_key(one.url) for one in targets], [None] * len(targets)
    with _reaching(targets[0].url):
        found = filesystem.cat_ranges(keys, nones, nones, on_error="return")
    for one, content in zip(targets, found, strict=True):
        if isinstance(content, BaseException) and not isinstance(content, FileNotFoundError):
            with _reaching(one.url):
                raise content
    return list(found)


def write_all(contents: dict[Remote, bytes]) -> None:
    """Put many objects at once, in no order."""
    if contents:
        first = next(iter(contents))
        with _reaching(first.url):
            filesystem_of(first.url).pipe({_key(one.url): data for one, data in contents.items()})


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


def filesystem_of(url: str) -> Any:
    """Return the file system of a URL; fsspec keeps one per protocol and process."""
    import fsspec  # of use for URLs alone, and slow to import

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
