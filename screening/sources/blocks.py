"""The bytes of one file → its data blocks, each an item with an id."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass

import gemmi

from screening.config import InputLimits
from screening.errors import Code, Rejection
from screening.sources.raw import Raw

PACKED = (".gz", ".bz2", ".xz", ".zst")
_BLOCK = re.compile(rb"^[ \t]*data_", re.IGNORECASE | re.MULTILINE)
_SUFFIX = re.compile(r"\.[A-Za-z]\w*$")


@dataclass(frozen=True, slots=True)
class Item:
    """One data block to be featurized, or the reason why it cannot be."""

    id: str  # file name without suffix; `#block` appended where the file holds several
    source: str  # path, or archive::member
    text: bytes  # CIF text of this block alone; empty where rejected
    block: str | None = None  # name of the block where the file holds several
    rejection: Rejection | None = None

    def renamed(self, id: str) -> Item:
        """Return this item under another id."""
        rejection = self.rejection and dataclasses.replace(self.rejection, id=id)
        return dataclasses.replace(self, id=id, rejection=rejection)


def name_of(file_name: str) -> str:
    """Return the id of a file: its name without folder, packing and type suffix; never empty."""
    name = file_name.replace("\\", "/").rsplit("/", maxsplit=1)[-1]
    for suffix in PACKED:
        name = name.removesuffix(suffix)
    stem = _SUFFIX.sub("", name)
    printable = "".join(char if char.isprintable() else "?" for char in stem.encode("utf-8", "replace").decode())
    return printable or "unnamed"


def items_of(raw: Raw, limits: InputLimits) -> Iterator[Item]:
    """Yield the blocks of one file; a file that does not parse is one item, refused later by the reader."""
    id = name_of(raw.name)
    source = raw.source.encode("utf-8", "backslashreplace").decode()
    if raw.code is not None:
        rejection = Rejection(id=id, source=source, stage="sources", code=raw.code, detail=raw.detail)
        yield Item(id=id, source=source, text=b"", rejection=rejection)
        return
    # Text fields may hold lines that look like headers, so several matches only mean: look closer.
    if len(_BLOCK.findall(raw.data)) < 2:
        yield Item(id=id, source=source, text=raw.data)
        return
    try:
        document = gemmi.cif.read_string(raw.data)
    except (ValueError, RuntimeError, UnicodeDecodeError):
        yield Item(id=id, source=source, text=raw.data)
        return
    if len(document) == 1:
        yield Item(id=id, source=source, text=raw.data)
        return
    if len(document) > limits.max_blocks:
        detail = f"{len(document)} data blocks, more than max_blocks = {limits.max_blocks}"
        rejection = Rejection(id=id, source=source, stage="sources", code=Code.TOO_LARGE, detail=detail)
        yield Item(id=id, source=source, text=b"", rejection=rejection)
        return
    for block in document:
        yield Item(id=f"{id}#{block.name}", source=source, text=block.as_string().encode(), block=block.name)
