"""Structures for a table of compounds without one: `screening isotypes LABELS.csv --templates CRYSTALS --out DIR`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from screening.config import Config
from screening.crystals import Crystal, read_cif
from screening.errors import InputError, RejectionError
from screening.learn import make, read_labels, write_isotypes
from screening.sources import iter_items


def write_isotypes_of(labels: Path, templates: Sequence[str], out: Path, *, config: Config) -> tuple[int, int]:
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

    Raises
    ------
    InputError
        The table cannot be read, or none of the templates holds the mobile ion.
    """
    found: dict[str, Crystal] = {}
    for item in iter_items(templates, config.input):
        if item.rejection is None:
            try:
                found[item.id] = read_cif(item.text, id=item.id, source=item.source, limits=config.input)
            except RejectionError:
                continue  # no template; `screening inspect` says why
    made, crystals = make(read_labels(labels), set(), found, config)
    if made is None:
        raise InputError(f"{labels}: no compound of it is near enough to one of {len(found)} templates")
    write_isotypes(made, crystals, out)
    return len(made), len(made.refused)
