"""All inputs of a run → a lazy stream of CIF blocks with ids of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from screening.config import InputLimits
from screening.sources.blocks import Item, items_of
from screening.sources.inputs import resolve
from screening.sources.names import named


def iter_items(paths: Sequence[str], limits: InputLimits) -> Iterator[Item]:
    """Return a stream of data blocks in a fixed order: arguments as given, folders and archives sorted as they say.

    A file or archive member that cannot be read is an item with a rejection; nothing is left out. An id that was seen
    before gets ``~2``, ``~3``, ... appended, in listing order.

    Parameters
    ----------
    paths
        Files, folders (recursive), archives, or ``@list.txt`` with one path a line, relative to the list's folder;
        each may be a URL (``s3://bucket/folder``).
    limits
        What may be read.

    Raises
    ------
    InputError
        A path does not exist; raised at once, before anything is read.
    """
    inputs = [resolve(path) for path in paths]
    return named(item for one in inputs for raw in one.files(limits) for item in items_of(raw, limits))
