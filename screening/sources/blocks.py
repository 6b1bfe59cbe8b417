"""The bytes of one file or entry → its crystals, each an item with an id."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import gemmi

from screening.config import InputLimits
from screening.crystals import Crystal, parsed, read_entry
from screening.errors import Code, Rejection, RejectionError
from screening.sources.files import PACKED
from screening.sources.raw import Raw
from screening.spreadsheet import seen

_BLOCK = re.compile(rb"(?:^|\r|\A\xef\xbb\xbf)[ \t]*data_", re.IGNORECASE | re.MULTILINE)
_SUFFIX = re.compile(r"\.[A-Za-z]\w*$")
_CRYSTAL_TAGS = [
    f"_{name.replace('.', dot)}"
    for name in ("atom_site.fract_x", "atom_site.Cartn_x", "atom_site.label", "cell.length_a")
    for dot in "_."
]
# A file system allows 255 bytes in a name; members of archives and data blocks may be named by megabytes.
LONGEST_ID = 255
LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Item:
    """One crystal to be featurized, or the reason why it cannot be."""

    id: str  # what the entry calls itself, or the file name; `#block` appended where the file holds several crystals
    source: str  # path, archive::member or file::entry
    text: bytes  # CIF text of this block alone, or the entry in another `format`; empty where rejected
    block: str | None = None  # name of the block where the file holds several
    rejection: Rejection | None = None
    format: str = "cif"  # of the text, as in `screening.crystals.read_entry`
    properties: Mapping[str, float] = field(default_factory=dict)  # numbers that the entry carries

    def __reduce__(self) -> tuple[type[Item], tuple[object, ...]]:
        """Pickle by the fields: what a dataclass with slots does by itself takes three times as long."""
        fields = (self.id, self.source, self.text, self.block, self.rejection)
        return (type(self), fields if self.format == "cif" and not self.properties else (*fields, *self._more()))

    def _more(self) -> tuple[str, dict[str, float]]:
        return (self.format, dict(self.properties))

    def renamed(self, id: str) -> Item:
        """Return this item under another id."""
        rejection = self.rejection and dataclasses.replace(self.rejection, id=id)
        return dataclasses.replace(self, id=id, rejection=rejection)

    def carrying(self, properties: Mapping[str, float]) -> Item:
        """Return this item with the numbers that its entry carries."""
        return dataclasses.replace(self, properties=properties) if properties else self


def read_item(item: Item, limits: InputLimits, *, id: str | None = None) -> Crystal:
    """Return the crystal of an item, under another id where one is given.

    Raises
    ------
    RejectionError
        It cannot be used; the code tells why.
    """
    if item.rejection is not None:
        raise RejectionError(item.rejection.code, item.rejection.detail)
    return read_entry(item.text, format=item.format, id=id or item.id, source=item.source, limits=limits)


def name_of(file_name: str) -> str:
    """Return the id of a file: its name without folder, packing and type suffix; never empty.

    A POSCAR has the name of its folder.
    """
    folder, _, name = file_name.replace("\\", "/").rpartition("/")
    if name.lower().endswith(PACKED):
        name = name.rsplit(".", maxsplit=1)[0]
    if name.upper() in ("POSCAR", "CONTCAR", "POSCAR.VASP", "CONTCAR.VASP") and folder:
        name = folder.rpartition("/")[2]
    else:
        name = _SUFFIX.sub("", name)
        if name.lower().endswith((".cif", ".mcif")):  # x.cif.txt
            name = _SUFFIX.sub("", name)
    return _short(_printable(name)) or "unnamed"


def _printable(name: str) -> str:
    """Return the name with ``?`` for each character that a table or terminal cannot show."""
    if name.isprintable():
        return name
    return "".join(char if char.isprintable() else "?" for char in name.encode("utf-8", "replace").decode())


def _short(name: str) -> str:
    """Return the name, or its beginning with a digest of all of it where it is longer than any file name."""
    if len(name) <= LONGEST_ID:
        return name
    return f"{name[:200]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def items_of(raw: Raw, limits: InputLimits) -> Iterator[Item]:
    """Yield the blocks of one file; a file that does not parse is one item, refused later by the reader."""
    id = name_of(raw.name) if raw.id is None else _short(_printable(raw.id)) or "unnamed"
    source = seen(raw.source)
    if raw.code is not None:
        rejection = Rejection(
            id=id, source=source, stage="sources", code=raw.code, detail=_printable(raw.detail)[:LONGEST_DETAIL]
        )
        yield Item(id=id, source=source, text=b"", rejection=rejection)
        return
    if raw.format != "cif":
        yield Item(id=id, source=source, text=raw.data, format=raw.format, properties=raw.properties)
        return
    yield from (item.carrying(raw.properties) for item in _blocks(raw, id, source, limits))


def _blocks(raw: Raw, id: str, source: str, limits: InputLimits) -> Iterator[Item]:
    """Yield the data blocks of CIF text."""
    # Text fields may hold lines that look like headers, so several matches only mean: look closer.
    # Counting comes first: it is ten times faster than the expression.
    if raw.data.lower().count(b"data_") < 2 or len(_BLOCK.findall(raw.data)) < 2:
        yield Item(id=id, source=source, text=raw.data)
        return
    try:
        # Blocks may have one name, ids tell them apart; tags that a block has twice are the reader's to refuse.
        document = parsed(raw.data)
        document.check_for_missing_values()
    except (ValueError, RuntimeError, RejectionError):
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
    crystals = [block for block in document if _is_about_a_crystal(block)]
    # One crystal among blocks on the publication or the measurement is what the file is: it has the file's name.
    alone = len(crystals) == 1
    for block in crystals if alone else document:
        name = _short(_printable(block.name.strip()))
        yield Item(id=id if alone else f"{id}#{name}", source=source, text=block.as_string().encode(), block=name)


def _is_about_a_crystal(block: gemmi.cif.Block) -> bool:
    """Return whether a block has atoms or a cell; one with neither is on the publication or the measurement."""
    return any(len(block.find_values(tag)) for tag in _CRYSTAL_TAGS)
