"""All inputs of a run → a lazy stream of crystals with ids of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from screening.config import InputLimits
from screening.sources.archives import iter_archive
from screening.sources.blocks import Item, items_of
from screening.sources.inputs import Archive, Input, RemoteInput, resolve
from screening.sources.kinds import is_archive
from screening.sources.names import named
from screening.sources.passed import Passed


def iter_items(paths: Sequence[str], limits: InputLimits, passed: Passed | None = None) -> Iterator[Item]:
    """Return a stream of crystals in a fixed order: arguments as given, folders and archives sorted as they say.

    A file or archive member that cannot be read is an item with a rejection. Nothing is left out: files of folders and
    archives that are no crystals are counted by suffix, and each suffix is a rejected item at the end. An id that was
    seen before gets ``~2``, ``~3``, ... appended, in listing order.

    Parameters
    ----------
    paths
        Files, folders (recursive), archives, or ``@list.txt`` with one path a line, relative to the list's folder;
        each may be a URL (``s3://bucket/folder``).
    limits
        What may be read.
    passed
        Counts the files that are no crystals, for those who want to know more than the items say.

    Raises
    ------
    InputError
        A path does not exist; raised at once, before anything is read.
    """
    inputs = [resolve(path) for path in paths]
    return named(_items(inputs, limits, Passed() if passed is None else passed))


def _items(inputs: Sequence[Input], limits: InputLimits, passed: Passed) -> Iterator[Item]:
    for one in inputs:
        for raw in one.files(limits, passed):
            yield from items_of(raw, limits)
    for raw in passed.rows():
        yield from items_of(raw, limits)


def iter_sources(container: str, sources: Collection[str], limits: InputLimits) -> Iterator[Item]:
    """Yield the crystals of one file or archive, under ids that may be equal.

    Of an archive only what some of the `sources` name is read (``archive::member``, ``archive::member::entry``).

    Raises
    ------
    InputError
        The container does not exist.
    """
    one = resolve(container)
    archive = one.path if isinstance(one, Archive) else one.target if isinstance(one, RemoteInput) else None
    if archive is not None and is_archive(archive.name):
        around = {source[:end] for source in sources for end in _ends(source)}
        raws = iter_archive(archive, limits, Passed(), sources=around)
    else:
        raws = one.files(limits, Passed())
    for raw in raws:
        yield from items_of(raw, limits)


def _ends(source: str) -> Iterator[int]:
    """Yield where the names end that a source is made of; a name may hold ``::`` too."""
    at = source.find("::")
    while at >= 0:
        yield at
        at = source.find("::", at + 1)
    yield len(source)
