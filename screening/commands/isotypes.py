"""Structures for a table of compounds without one: `screening isotypes LABELS.csv --templates CRYSTALS --out DIR`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from screening.config import Config
from screening.crystals import Crystal
from screening.errors import InputError, RejectionError
from screening.learn import make, read_labels, write_isotypes
from screening.sources import iter_items, read_item


def write_isotypes_of(
    labels: Path, templates: Sequence[str], out: Path, *, config: Config, say: Callable[[str], None] = lambda _: None
) -> tuple[int, int]:
    """Return how many structures were made and how many compounds refused; both stand in `out`/isotypes.csv.

    Parameters
    ----------
    labels
        CSV table of conductivities with compositions; space groups and cells where known.
    templates
        Files, folders, archives or lists of crystals.
    out
        Folder of isotypes.csv and isotypes.zip.
    config
        Settings; `learn.isotypes` is the largest distance.
    say
        Hears what was left out of the table, and how many templates cannot be read.

    Raises
    ------
    InputError
        The table cannot be read, or none of the templates holds the mobile ion.
    """
    read = read_labels(labels)
    for note in read.notes:
        say(f"labels: {note}")
    found: dict[str, Crystal] = {}
    unread = 0
    for item in iter_items(templates, config.input):
        if item.rejection is None:
            try:
                found[item.id] = read_item(item, config.input)
            except RejectionError:
                unread += 1
    if unread:
        say(f"{unread} templates cannot be read; `screening inspect` says why")
    made, crystals = make(read, set(), found, config)
    if made is None:
        bare = sum(crystal.spacegroup <= 1 for crystal in found.values())
        raise InputError(
            f"{labels}: no compound of it is near enough to one of {len(found)} templates, of which {bare} state no "
            "space group"
        )
    write_isotypes(made, crystals, out)
    return len(made), len(made.refused)
