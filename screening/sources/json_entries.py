"""The entries of a JSON file, one at a time: a list, an object of entries, an object that holds a list, or lines.

A file that is no larger than one entry may be is parsed whole; of larger ones memory holds an entry.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import IO, Any, cast

from screening.errors import MissingExtraError
from screening.sources.faults import BoundError, DamagedError, NoStructureError
from screening.sources.found import MOST_DEPTH, Source, structure_of, too_deep
from screening.sources.raw import Raw

CHUNK = 2**16
NO_ENTRIES = frozenset({"meta", "links", "jsonapi"})  # what an OPTIMADE page says beside its data
# Python writes these, JSON does not know them.
_NOT_FINITE = re.compile(rb"(?:\A|(?<=[:,\[\s]))-?(?:NaN|Infinity)(?=[\s,\]}]|\Z)")
LONGEST_TOKEN = 16
MOST_HELD = 4096
_OPENS = frozenset({"start_map", "start_array"})
_CLOSES = frozenset({"end_map", "end_array"})


def iter_json(stream: IO[bytes], source: Source) -> Iterator[Raw]:
    """Yield the entries of a JSON file; elements between them that hold no structure are rows that say so.

    Raises
    ------
    NoStructureError
        No element holds a structure.
    DamagedError, BoundError
        The file breaks off, or passes a limit.
    MissingExtraError
        The file is larger than one entry may be, and ijson is not installed.
    """
    most = source.limits.max_file_bytes
    begin = _read(stream, most + 1)
    if len(begin) <= most:
        yield from _told(_of_whole(begin), source)
        return
    lines = _lines(begin)
    rest = cast("IO[bytes]", _Joined(begin, stream))
    yield from _told(_of_lines(rest, source) if lines else _of_stream(rest, source), source)


Element = tuple[str | None, Any]  # the name under which it stands, and the value


def _told(elements: Iterator[Element], source: Source) -> Iterator[Raw]:
    """Yield a row for each element, those without a structure too where any has one."""
    number, seen = 0, False
    for number, (key, value) in enumerate(elements, start=1):
        name = source.stem if isinstance(value, _Alone) else key if key is None or not key.isdigit() else None
        raw = source.entry(value, key=name, number=number)
        if raw is not None and not seen:
            yield from (source.empty(before) for before in range(1, number))
            seen = True
        if raw is not None or seen:
            yield raw or source.empty(number)
    if not seen:
        raise NoStructureError(f"JSON of {number} elements, none of which holds a structure")


def _read(stream: IO[bytes], most: int) -> bytes:
    parts: list[bytes] = []
    held = 0
    while held < most and (part := stream.read(min(CHUNK * 16, most - held))):
        parts.append(part)
        held += len(part)
    return b"".join(parts)


def _lines(begin: bytes) -> bool:
    """Return whether each line is a value of its own: the first line is a whole object, and another follows."""
    line, mark, rest = begin.lstrip().partition(b"\n")
    if not mark or not rest.strip().startswith((b"{", b"[")):
        return False
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        return False


def _of_whole(data: bytes) -> Iterator[Element]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DamagedError(f"no UTF-8 text: {error.reason} at byte {error.start}") from error
    if _lines(data):
        for line in text.splitlines():
            if line.strip():
                yield None, _value(line)
        return
    if not text.strip():
        raise NoStructureError("nothing")
    yield from _elements(_value(text))


def _value(text: str) -> Any:
    if too_deep(text):
        raise BoundError(f"nested more than {MOST_DEPTH} deep")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"no JSON: {error}") from error


def _elements(value: Any) -> Iterator[Element]:
    """Yield the elements of a whole file: of a list, of an object's lists and objects, or the object itself."""
    if isinstance(value, list):
        yield from ((None, element) for element in value)
        return
    if not isinstance(value, dict):
        yield None, value
        return
    if _is_entry(value):
        yield None, _Alone(value)
        return
    for key, one in value.items():
        if isinstance(one, list):
            yield from ((None, element) for element in one if isinstance(element, dict))
        elif isinstance(one, dict) and key not in NO_ENTRIES:
            yield key, one


class _Alone(dict[str, Any]):
    """The only entry of a file, which has the file's name where it has none of its own."""


def _is_entry(value: dict[str, Any]) -> bool:
    return structure_of(value) is not None


def _of_lines(stream: IO[bytes], source: Source) -> Iterator[Element]:
    most = source.limits.max_file_bytes
    reader = io.BufferedReader(stream)  # type: ignore[type-var]
    while line := reader.readline(most + 1):
        if len(line) > most:
            raise BoundError(f"a line of more than max_file_bytes = {most}")
        if line.strip():
            yield None, _value(line.decode("utf-8", "replace"))


def _of_stream(stream: IO[bytes], source: Source) -> Iterator[Element]:
    """Yield the elements of a file that is too large for memory."""
    try:
        import ijson
    except ImportError as error:
        raise MissingExtraError(
            f"pip install 'screening[formats]' reads JSON of more than {source.limits.max_file_bytes} bytes"
        ) from error
    counted = _Finite(stream)
    builder = _Builder(counted, most=source.limits.max_file_bytes)
    try:
        yield from builder.elements(ijson.basic_parse(counted, use_float=True, buf_size=CHUNK))
    except ijson.JSONError as error:
        detail = re.sub(r"\s+", " ", str(error))[:120]
        raise DamagedError(f"no JSON from byte {counted.count} on, or cut off there: {detail}") from error


class _Builder:
    """Values made of the events of a parser: the elements of the root, or of the lists in a root object."""

    def __init__(self, stream: _Finite, *, most: int) -> None:
        self._stream = stream
        self._most = most

    def elements(self, events: Iterator[tuple[str, Any]]) -> Iterator[Element]:
        """Yield the elements."""
        kind, value = next(events, ("end", None))
        if kind == "start_array":
            yield from ((None, element) for element in self._array(events))
            return
        if kind != "start_map":
            yield None, value
            return
        for kind, key in events:
            if kind == "end_map":
                return
            following, _ = next(events)
            if following == "start_array":
                yield from ((None, element) for element in self._array(events) if isinstance(element, dict))
            elif following == "start_map":
                value = self._value(events, {})
                if key not in NO_ENTRIES:
                    yield key, value

    def _array(self, events: Iterator[tuple[str, Any]]) -> Iterator[Any]:
        for kind, value in events:
            if kind == "end_array":
                return
            yield self._value(events, {} if kind == "start_map" else []) if kind in _OPENS else value

    def _value(self, events: Iterator[tuple[str, Any]], root: dict[str, Any] | list[Any]) -> Any:
        """Return an object or list whose opening bracket was just read."""
        begin = self._stream.count
        stack: list[Any] = [root]
        keys: list[Any] = [None]
        for kind, scalar in events:
            if self._stream.count - begin > self._most + 2 * CHUNK:
                raise BoundError(f"an entry of more than max_file_bytes = {self._most}; the rest was not read")
            top = stack[-1]
            if kind in _CLOSES:
                stack.pop()
                keys.pop()
                if not stack:
                    return root
                continue
            if kind == "map_key":
                keys[-1] = scalar
                continue
            opens = kind in _OPENS
            value: Any = ({} if kind == "start_map" else []) if opens else scalar
            if type(top) is dict:
                top[keys[-1]] = value
            else:
                top.append(value)
            if opens:
                stack.append(value)
                keys.append(None)
                if len(stack) >= MOST_DEPTH:
                    raise BoundError(f"nested more than {MOST_DEPTH} deep; the rest was not read")
        raise DamagedError("the JSON ends in the middle of an entry")


class _Joined(io.RawIOBase):
    """Bytes that were read already, and the stream that they came from."""

    def __init__(self, begin: bytes, stream: IO[bytes]) -> None:
        self._begin = io.BytesIO(begin)
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._begin.read(size) or self._stream.read(size)

    def readinto(self, buffer: Any, /) -> int:
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


class _Finite:
    """A stream in which NaN and Infinity, which JSON does not know, are null."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._held = b""
        self.count = 0  # bytes read so far

    def read(self, size: int = -1) -> bytes:
        """Return about `size` bytes; none at the end alone."""
        if size == 0:
            return b""
        part = self._stream.read(size if size > 0 else CHUNK)
        self.count += len(part)
        data = self._held + part
        if not part:
            self._held = b""
        else:
            # A word may be cut in two: what follows the last comma waits, if that is not far.
            cut = data.rfind(b",", len(data) - MOST_HELD) + 1 or max(0, len(data) - LONGEST_TOKEN)
            self._held, data = data[cut:], data[:cut]
            if not data:
                return self.read(size)
        return _NOT_FINITE.sub(b"null", data) if b"NaN" in data or b"Infinity" in data else data
