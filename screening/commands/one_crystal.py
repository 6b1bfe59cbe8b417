"""One crystal out of a file, folder, archive or list, or one candidate of a RUN, by its id."""

from __future__ import annotations

from screening.config import Config, InputLimits
from screening.crystals import Crystal
from screening.errors import InputError, RejectionError
from screening.ranking import duplicates_path
from screening.runs import RunPaths, ranking_path, read_ranking, read_record
from screening.sources import Missing, Wanted, find_crystals, iter_items, read_item


def find_crystal(path: str, id: str | None, config: Config) -> Crystal:
    """Return the crystal of a file, folder, archive or list that has an id; the only one where none is given.

    Raises
    ------
    InputError
        There is none, it cannot be read, or there are several and no id.
    """
    found: Crystal | None = None
    why = f"{path}: no crystal in it" if id is None else f"{path}: no crystal in it has the id {id!r}"
    for item in iter_items([path], config.input):
        if id is not None and item.id != id:
            continue
        if found is not None:
            raise InputError(f"{path} holds several crystals: name one by --id, such as {found.id}")
        if item.rejection is not None:
            why = f"{path}: {item.rejection.detail}"
            continue
        try:
            found = read_item(item, config.input)
        except RejectionError as error:
            why = f"{path}: {error}"
        if id is not None:
            break
    if found is None:
        raise InputError(why)
    return found


def find_candidate(paths: RunPaths, id: str | None) -> Crystal:
    """Return a candidate of a RUN, or a further entry of one, read again from where the run found it.

    Raises
    ------
    InputError
        No id is given, none has it, or its source is gone.
    """
    if id is None:
        raise InputError(f"{paths.root} is a RUN: name one of its candidates by --id")
    ranking = ranking_path(paths.root)
    limits = InputLimits.model_validate(read_record(paths.record).section("input"))
    for path in (ranking, duplicates_path(ranking)):
        rows = read_ranking(path) if path.is_file() else None
        if rows is None or not (rows["id"] == id).any():
            continue
        row = rows[rows["id"] == id].iloc[0]
        found = find_crystals([Wanted(id, str(row["source"]), str(row["formula"]))], limits)[id]
        if isinstance(found, Missing):
            raise InputError(f"{id}: {found.reason}")
        return found
    raise InputError(f"no candidate of {paths.root} has the id {id!r}")
