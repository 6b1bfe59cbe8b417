"""Crystals from databases into one file that every command reads: OPTIMADE servers, and mirrors of the COD.

An OPTIMADE answer comes page by page. Each page is a gzip member of its own at the end of ``OUT.part``, and after it
``OUT.state.json`` says how far the file is sound and where the next page is: the same command goes on there. The file
gets its name once the last page is in it, and ``OUT.about.json`` says where it came from, with licence and filter.
"""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

from screening.errors import InputError, MissingExtraError

FIELDS = (
    "lattice_vectors", "cartesian_site_positions", "species_at_sites", "species", "dimension_types", "nsites",
    "chemical_formula_reduced", "immutable_id", "last_modified", "structure_features",
)  # fmt: skip
PAGE = 100  # entries asked for at a time
PAUSE = 0.5  # s between two requests
TRIES = 6
LONGEST_WAIT = 300.0  # s, also where a server asks for more
PAGE_BYTES = 200_000_000
TIMEOUT = 60.0  # s without a byte
NEEDS = "pip install 'screening[fetch]' asks OPTIMADE servers"
GOES_ON = "the same command goes on from here"

Say = Callable[[str], None]


class Query(NamedTuple):
    """What is asked of an OPTIMADE server."""

    url: str  # base URL, with or without /v1
    filter: str = ""
    fields: tuple[str, ...] = ()  # beside those that a structure needs, such as _mp_stability

    def first(self) -> str:
        """Return the address of the first page."""
        asked = {"page_limit": PAGE, "response_fields": ",".join((*FIELDS, *self.fields)), "response_format": "json"}
        if self.filter:
            asked["filter"] = self.filter
        return f"{self.base()}/structures?{urlencode(asked)}"

    def base(self) -> str:
        """Return the base URL with its version."""
        url = self.url.rstrip("/")
        return url if re.search(r"/v\d+(?:\.\d+)*$", url) else f"{url}/v1"


def check_query(query: Query) -> None:
    """Return nothing if a query can be asked.

    Raises
    ------
    InputError
        The URL is none, holds credentials, or the filter is not OPTIMADE's language.
    MissingExtraError
        optimade-python-tools is not installed.
    """
    parts = urlsplit(query.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"{query.url!r:.200} is no address of a server: https://HOST/optimade")
    if parts.username or parts.password or parts.query:
        raise InputError("the address holds credentials or a query")
    for field in query.fields:
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", field):
            raise InputError(f"{field!r:.100} is no name of a property")
    if not query.filter:
        return
    try:
        from optimade.exceptions import BadRequest
        from optimade.filterparser import LarkParser, ParserError
    except ImportError as error:
        raise MissingExtraError(NEEDS) from error
    try:
        LarkParser().parse(query.filter)
    except (ParserError, BadRequest) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"the filter {query.filter!r:.200} is not of OPTIMADE's language: {reason}") from error


def fetch_optimade(query: Query, out: Path, *, say: Say, pause: float = PAUSE) -> int:
    """Return how many structures a server has given; they are the lines of `out`, a ``.jsonl.gz``.

    Raises
    ------
    InputError
        `out` has another suffix, is there already or was begun with another query; the server cannot be reached,
        refuses, or answers something else than OPTIMADE. Where it may be asked again later, the same command goes on.
    MissingExtraError
        The extra `fetch` is not installed.
    """
    check_query(query)
    if not out.name.endswith(".jsonl.gz"):
        raise InputError(f"{out}: structures are written as .jsonl.gz")
    if out.exists():
        raise InputError(f"{out} is there already; remove it, or give another --out")
    server = _Server(query, pause=pause, say=say)
    begun = _Begun.of(out, query)
    begun.about = begun.about or server.about()
    begun.about["pages_from"] = begun.about.get("pages_from") or _now()
    begun.keep()
    out.parent.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    while begun.next:
        if begun.next in seen:
            raise InputError(f"the server names a page twice as the next: {begun.next:.200}")
        seen.add(begun.next)
        entries, following = server.page(begun.next)
        begun.add(entries, following)
        total = f" of {server.available}" if server.available else ""
        say(f"{begun.count}{total} structures")
    begun.finish()
    return begun.count


class _Server:
    """An OPTIMADE server that is asked politely: one request at a time, with pauses, and again where it is busy."""

    def __init__(self, query: Query, *, pause: float, say: Say) -> None:
        try:
            import requests
        except ImportError as error:
            raise MissingExtraError(NEEDS) from error
        self._query, self._pause, self._say = query, pause, say
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "screening (OPTIMADE client)"
        self._faults = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
        self._asked = -pause
        self.available = 0

    def about(self) -> dict[str, Any]:
        """Return what the server says of itself: provider, implementation, licence."""
        told = self._json(f"{self._query.base()}/info")
        meta = _part(told, "meta")
        attributes = _part(_part(told, "data"), "attributes")
        licence = attributes.get("license") or attributes.get("available_licenses") or meta.get("license")
        return {
            "url": self._query.url,
            "filter": self._query.filter,
            "fields": list(self._query.fields),
            "provider": meta.get("provider"),
            "database": meta.get("database"),
            "implementation": meta.get("implementation"),
            "api_version": meta.get("api_version"),
            "license": licence if licence else "not stated by the server: ask the provider",
        }

    def page(self, address: str) -> tuple[list[dict[str, Any]], str]:
        """Return the entries of a page, and the address of the next, empty after the last."""
        told = self._json(address)
        data = told.get("data")
        if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
            raise InputError(f"{address:.200} is no page of structures: its data are no list of entries")
        available = _part(told, "meta").get("data_returned")
        self.available = available if isinstance(available, int) else self.available
        following = _part(told, "links").get("next")
        if isinstance(following, dict):
            following = following.get("href")
        if not following:
            return data, ""
        if not isinstance(following, str):
            raise InputError(f"{address:.200}: the link to the next page is no address")
        following = urljoin(address, following)
        if urlsplit(following)[:2] != urlsplit(address)[:2]:
            raise InputError(f"the server sends on to another one, {urlsplit(following).hostname}: ask that one")
        return data, following

    def _json(self, address: str) -> dict[str, Any]:
        fault = ""
        for attempt in range(TRIES):
            wait, fault, content = self._answer(address, attempt)
            if content is not None:
                return self._parsed(address, content)
            if attempt + 1 < TRIES:
                self._say(f"{fault}; asking again in {wait:.0f} s")
                time.sleep(wait)
        raise InputError(f"{address:.200}: {fault}, {TRIES} times; {GOES_ON}")

    def _answer(self, address: str, attempt: int) -> tuple[float, str, bytes | None]:
        """Return how long to wait, what is wrong, and the content where nothing is."""
        time.sleep(max(0.0, self._asked + self._pause - time.monotonic()))
        self._asked = time.monotonic()
        wait = min(LONGEST_WAIT, self._pause * 4**attempt)
        try:
            with self._session.get(address, timeout=TIMEOUT, stream=True, allow_redirects=False) as answer:
                if answer.status_code in (429, 500, 502, 503, 504):
                    told = answer.headers.get("Retry-After", "")
                    wait = min(LONGEST_WAIT, float(told)) if re.fullmatch(r"\d{1,6}", told) else wait
                    return wait, f"the server answers {answer.status_code}", None
                content = _bounded(answer.iter_content(2**16))
                if answer.status_code != 200:
                    raise InputError(f"{address:.200}: {answer.status_code} {_errors(content)}")
                length = answer.headers.get("Content-Length")
                if length and "Content-Encoding" not in answer.headers and int(length) != len(content):
                    return wait, "the answer was cut off", None
                return 0.0, "", content
        except self._faults as error:
            return wait, f"no answer ({type(error).__name__})", None

    def _parsed(self, address: str, content: bytes) -> dict[str, Any]:
        try:
            told = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{address:.200} answers something else than JSON; is it an OPTIMADE server?") from error
        if not isinstance(told, dict) or "errors" in told:
            raise InputError(f"{address:.200}: {_errors(content)}")
        return told


def _part(told: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object of an answer, empty where there is none."""
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _bounded(chunks: Iterator[bytes]) -> bytes:
    parts, held = [], 0
    for chunk in chunks:
        held += len(chunk)
        if held > PAGE_BYTES:
            raise InputError(f"a page has more than {PAGE_BYTES} bytes")
        parts.append(chunk)
    return b"".join(parts)


def _errors(content: bytes) -> str:
    """Return what an answer says of an error, on one printable line."""
    try:
        errors = json.loads(content)["errors"]
        text = "; ".join(str(one.get("detail") or one.get("title")) for one in errors)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        text = content[:200].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))[:300]


class _Begun:
    """A file that grows page by page, and where it is to be gone on with."""

    def __init__(self, out: Path, query: Query) -> None:
        self._out = out
        self._part = out.with_name(f"{out.name}.part")
        self._state = out.with_name(f"{out.name}.state.json")
        self._query = query._asdict() | {"fields": list(query.fields)}
        self.next, self.count, self.bytes = query.first(), 0, 0
        self.about: dict[str, Any] = {}

    @classmethod
    def of(cls, out: Path, query: Query) -> _Begun:
        """Return the file as it was left, or a new one."""
        begun = cls(out, query)
        if not begun._state.is_file():
            begun._part.unlink(missing_ok=True)
            return begun
        try:
            told = json.loads(begun._state.read_text(encoding="utf-8"))
            if told["query"] != begun._query:
                raise InputError(f"{out} was begun with another query; remove {begun._state}, or give another --out")
            begun.next, begun.count, begun.bytes = str(told["next"]), int(told["count"]), int(told["bytes"])
            begun.about = dict(told["about"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{begun._state} cannot be read; remove it to begin anew") from error
        size = begun._part.stat().st_size if begun._part.exists() else 0
        if size < begun.bytes:
            raise InputError(f"{begun._part} is shorter than it was; remove {begun._state} to begin anew")
        return begun

    def add(self, entries: list[dict[str, Any]], following: str) -> None:
        """Add a page; it counts once the state says so."""
        lines = "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries)
        self._part.touch()
        with self._part.open("r+b") as file:
            file.truncate(self.bytes)
            file.seek(self.bytes)
            if entries:
                file.write(gzip.compress(lines.encode(), mtime=0))
            self.bytes = file.tell()
        self.count += len(entries)
        self.next = following
        self.keep()

    def keep(self) -> None:
        """Write down how far the file is."""
        self._out.parent.mkdir(parents=True, exist_ok=True)
        told = {
            "query": self._query, "next": self.next, "count": self.count, "bytes": self.bytes, "about": self.about,
        }  # fmt: skip
        beside = self._state.with_name(f"{self._state.name}.new")
        beside.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        beside.replace(self._state)

    def finish(self) -> None:
        """Give the file its name, and say beside it where it came from."""
        self._part.touch()
        with self._part.open("r+b") as file:
            file.truncate(self.bytes)
        about = {**self.about, "structures": self.count, "finished": _now()}
        beside = self._out.with_name(f"{self._out.name}.about.json")
        beside.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        self._part.replace(self._out)
        self._state.unlink()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def list_cod(mirror: Path, out: Path, *, first: int, last: int) -> int:
    """Return how many files of a local mirror of the COD have numbers from `first` to `last`; `out` lists them.

    The mirror is that of `rsync rsync://www.crystallography.net/cif/`: ``1/00/00/1000000.cif``, or a folder above.

    Raises
    ------
    InputError
        There is no such mirror, no number in the range, or the range is none.
    """
    if not 1_000_000 <= first <= last <= 9_999_999:
        raise InputError(f"numbers of the COD have seven digits: {first} to {last} is no range of them")
    root = mirror / "cif" if (mirror / "cif").is_dir() else mirror
    paths = sorted(
        path
        for folder in _cod_folders(root, first, last)
        for path in folder.glob("*.cif")
        if re.fullmatch(r"\d{7}", path.stem) and first <= int(path.stem) <= last
    )
    if not paths:
        raise InputError(f"{mirror} has no file of the COD from {first} to {last} (1/00/00/1000000.cif, ...)")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(f"{path.absolute()}\n" for path in paths), encoding="utf-8")
    return len(paths)


def _cod_folders(root: Path, first: int, last: int) -> Iterator[Path]:
    """Yield the folders of a mirror that hold numbers of a range: 100 numbers each."""
    for one in sorted(path for path in root.glob("[1-9]") if path.is_dir()):
        for two in sorted(path for path in one.glob("[0-9][0-9]") if path.is_dir()):
            for three in sorted(path for path in two.glob("[0-9][0-9]") if path.is_dir()):
                begin = int(f"{one.name}{two.name}{three.name}00")
                if first <= begin + 99 and begin <= last:
                    yield three
