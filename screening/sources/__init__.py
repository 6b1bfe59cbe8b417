"""Where crystals come from: files, folders, archives and lists, here or at a URL → a lazy stream of crystals."""

from screening.sources.apart import Listed, ListedApart
from screening.sources.blocks import Item, read_item
from screening.sources.counting import count_up_to
from screening.sources.listing import iter_items
from screening.sources.lookup import Missing, Wanted, absent, find_crystals
from screening.sources.passed import Passed
from screening.sources.raw import Raw
from screening.sources.shards import ListedHere, Shard, inputs_digest, unpacked

__all__ = [
    "Item",
    "Listed",
    "ListedApart",
    "ListedHere",
    "Missing",
    "Passed",
    "Raw",
    "Shard",
    "Wanted",
    "absent",
    "count_up_to",
    "find_crystals",
    "inputs_digest",
    "iter_items",
    "read_item",
    "unpacked",
]
