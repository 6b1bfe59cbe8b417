"""The lines of a list of paths: each an entry, or the row of one that cannot be used."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from screening.errors import Code
from screening.locations import Location, Remote, holds_credentials, is_url
from screening.sources.raw import Raw

LONGEST = 4096  # characters of a line: Linux takes no longer path


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a list."""

    list_file: Location
    number: int  # from 1
    entry: str

    def refused(self, code: Code, detail: str) -> Raw:
        """Return the row of an entry that cannot be used, which repeats none of it: it may hold a secret."""
        return refused(self.list_file, self.number, code, detail)


def iter_lines(file: IO[bytes], list_file: Location) -> Iterator[Line | Raw]:
    """Yield the entries of a list, and a refusal for each that no path or URL can be; the file is closed at the end.

    Bytes that are no UTF-8 are kept in a path, which may hold any, by Python's surrogates.
    """
    number = 0
    with io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape") as text:
        while line := text.readline(LONGEST + 1):
            number += 1
            entry = line.strip()
            if len(line) > LONGEST and not line.endswith("\n"):
                while (rest := text.readline(LONGEST)) and not rest.endswith("\n"):
                    pass
                if not entry.startswith("#"):
                    yield refused(list_file, number, Code.UNREADABLE, f"a line of more than {LONGEST} characters")
            elif entry and not entry.startswith("#"):
                yield _checked(Line(list_file, number, entry))


def _checked(line: Line) -> Line | Raw:
    if "\0" in line.entry:
        return line.refused(Code.UNSAFE_PATH, "the line holds a NUL byte, which no path can; is the list UTF-8?")
    if holds_credentials(line.entry):
        detail = "the line holds credentials or a query; give them by environment or profile"
        return line.refused(Code.UNSAFE_PATH, detail)
    is_remote = is_url(line.entry) or isinstance(line.list_file, Remote)
    if is_remote and any("\ud800" <= letter <= "\udfff" for letter in line.entry):
        return line.refused(Code.UNREADABLE, "the line is no UTF-8 text, which a URL must be")
    return line


def refused(list_file: Location, number: int, code: Code, detail: str) -> Raw:
    """Return the row of a line, named by its number alone."""
    return Raw(f"{list_file.name} line {number}", f"{list_file}::line {number}", code=code, detail=detail)
