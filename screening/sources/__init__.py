"""Where crystals come from: files, folders, archives and lists, here or at a URL → a lazy stream of CIF blocks."""

from screening.sources.blocks import Item
from screening.sources.counting import count_up_to
from screening.sources.listing import iter_items
from screening.sources.lookup import Missing, Wanted, find_crystals
from screening.sources.raw import Raw

__all__ = [
    "Item",
    "Missing",
    "Raw",
    "Wanted",
    "count_up_to",
    "find_crystals",
    "iter_items",
]
