"""What was made of labels without a crystal, for people: a table of templates and reasons, and the structures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from screening.crystals import Crystal
from screening.data import write_members
from screening.generation import crystal_cif
from screening.learn.made import Made
from screening.spreadsheet import plain_cell

TABLE, STRUCTURES = "isotypes.csv", "isotypes.zip"


def write_isotypes(made: Made, crystals: Sequence[Crystal], folder: Path) -> None:
    """Write isotypes.csv (template, rule, distance, or reason, by label) and isotypes.zip, the structures, to `folder`.

    Parameters
    ----------
    made
        Labels without a crystal, made and refused.
    crystals
        The structures, in the order of `made`; file names are numbers in that order, for ids may hold anything.
    folder
        Made if it is not there.
    """
    frame = made.frame()
    texts = {name: frame[name].map(plain_cell) for name in ("id", "template", "reason")}
    folder.mkdir(parents=True, exist_ok=True)
    file = {str(id): f"{number:04d}.cif" for number, id in enumerate(made.ids)}
    frame = frame.assign(file=frame["id"].map(file).fillna(""), **texts)
    frame.to_csv(folder / TABLE, index=False, float_format="%.6g", lineterminator="\n")
    members = ((f"{number:04d}.cif", crystal_cif(one).encode()) for number, one in enumerate(crystals))
    write_members(folder / STRUCTURES, members)
