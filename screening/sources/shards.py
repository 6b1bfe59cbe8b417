"""Inputs → shards, packed for their way to a worker: what hands them out does not look into them."""

from __future__ import annotations

import hashlib
import itertools
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import zstandard

from screening.config import InputLimits
from screening.sources.blocks import Item
from screening.sources.listing import iter_items
from screening.sources.passed import Passed

LEVEL = 1  # of zstd: CIF text becomes a quarter, in 15 microseconds a crystal


def inputs_digest(items: Sequence[Item]) -> str:
    """Return the SHA-256 (hex) of everything a shard is computed from: ids, sources, texts, rejections."""
    digest = hashlib.sha256()
    for item in items:
        refusal = f"{item.rejection.code.value}\0{item.rejection.detail}" if item.rejection else ""
        text = item.text if item.format == "cif" else f"{item.format}\0".encode() + item.text
        parts = (item.id.encode(), item.source.encode(), text, refusal.encode())
        digest.update(b"".join([piece for part in parts for piece in (len(part).to_bytes(8, "little"), part)]))
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Shard:
    """Some crystals of a run, in listing order."""

    index: int
    count: int  # of crystals
    inputs: str  # SHA-256 (hex), see `inputs_digest`
    size: int  # bytes of the texts
    packed: bytes  # the crystals, see `unpacked`
    properties: tuple[tuple[str, dict[str, float]], ...] = ()  # id and numbers of the entries that carry any

    @classmethod
    def of(cls, index: int, items: Sequence[Item]) -> Shard:
        """Return the crystals as a shard."""
        return cls(
            index=index,
            count=len(items),
            inputs=inputs_digest(items),
            size=sum(len(item.text) for item in items),
            packed=zstandard.compress(pickle.dumps(list(items), pickle.HIGHEST_PROTOCOL), LEVEL),
            properties=tuple((item.id, dict(item.properties)) for item in items if item.properties),
        )

    def __reduce__(self) -> tuple[type[Shard], tuple[object, ...]]:
        """Pickle by the fields: what a dataclass with slots does by itself takes three times as long."""
        return type(self), (self.index, self.count, self.inputs, self.size, self.packed, self.properties)


def unpacked(packed: bytes) -> list[Item]:
    """Return the crystals of a shard; only for what `Shard.of` packed in this run."""
    items: list[Item] = pickle.loads(zstandard.decompress(packed))  # noqa: S301 - this program's own, over its own pipes
    return items


def groups_of(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of `size`, the last one shorter."""
    while group := list(itertools.islice(items, size)):
        yield group


class ListedHere:
    """The crystals of a run, listed in this process as they are asked for.

    Parameters
    ----------
    crystals
        Paths, see `iter_items`.
    limits
        What may be read.

    Raises
    ------
    InputError
        A path does not exist.
    """

    def __init__(self, crystals: Sequence[str], limits: InputLimits) -> None:
        self.passed = Passed()  # complete at the end
        self._items = iter_items(crystals, limits, self.passed)

    def groups(self, size: int) -> Iterator[list[Item]]:
        """Yield them in lists of `size`, once."""
        return groups_of(self._items, size)

    def shards(self, size: int) -> Iterator[Shard]:
        """Yield them in shards of `size`, once."""
        return (Shard.of(index, group) for index, group in enumerate(self.groups(size)))

    def close(self) -> None:
        """List no more."""
