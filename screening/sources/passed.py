"""Files of a folder or archive that are no crystals, counted by suffix so that none of them vanishes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from screening.errors import Code
from screening.sources.raw import Raw

HIDDEN = ".*"
MOST_SUFFIXES = 200  # told apart; suffixes are names, of which an archive may hold millions
LONGEST_SUFFIX = 12


@dataclass(slots=True)
class Passed:
    """What was passed over so far: how many files of each suffix, and the first of them."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)  # folders of this program's own, which are never walked into

    def add(self, name: str, source: str) -> None:
        """Count one file or hidden folder."""
        suffix = suffix_of(name)
        if suffix not in self.counts and len(self.counts) >= MOST_SUFFIXES:
            suffix = "others"
        self.counts[suffix] = self.counts.get(suffix, 0) + 1
        self.first.setdefault(suffix, source)

    def rows(self) -> Iterator[Raw]:
        """Yield one refusal for each suffix, in the order of their names."""
        for suffix in sorted(self.counts):
            detail = f"{_words(suffix, self.counts[suffix])}: passed over, no crystal by name and content"
            id = f"(passed over: {suffix})"
            yield Raw(id, self.first[suffix], code=Code.PASSED_OVER, detail=detail, id=id)


def _words(suffix: str, count: int) -> str:
    if suffix == HIDDEN:
        return "1 hidden file or folder" if count == 1 else f"{count} hidden files and folders"
    return f"1 file {suffix}" if count == 1 else f"{count} files {suffix}"


def suffix_of(name: str) -> str:
    """Return the suffix that a file is counted under; ``.*`` for hidden ones."""
    base = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    if base.startswith("."):
        return HIDDEN
    suffix = PurePosixPath(base).suffix.lower()
    return suffix if suffix and len(suffix) <= LONGEST_SUFFIX and suffix.isprintable() else "(no suffix)"
