"""A store whose metadata or ledger were damaged, put right as far as what is left of it proves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from screening.errors import StoreError
from screening.locations import Location
from screening.store.backend import GROUP, LEDGER, Storage
from screening.store.ledger import LedgerEntry, ledger_text, parsed_line
from screening.store.metadata import changed, metadata_names, rows_of, with_rows
from screening.store.pointer import pointed
from screening.store.store import RESERVED_AHEAD, FeatureStore, storage
from screening.store.tables import ARRAYS

BEFORE = "ledger.before-repair"


@dataclass(slots=True)
class Repair:
    """What was put right, one sentence each, and the shards that were lost: they are computed again."""

    done: list[str] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)


def repair(path: Location) -> Repair:
    """Put metadata back from the ledger, and link anew those lines of the ledger whose chunks are as they say.

    The old ledger is kept as ``ledger.before-repair``. A shard is lost where its line is, or where its bytes are not
    those that its line vouches for; the command that made the store computes it again.

    Raises
    ------
    StoreError
        There is no store, another run writes it, or neither ledger nor metadata say what its arrays are.
    """
    path = pointed(path)
    files = storage(path, ARRAYS)
    if not (files.is_store() or (path / LEDGER).is_file()):
        raise StoreError(f"{path} is not a feature store: there is neither zarr.json nor {LEDGER} in it")
    with files.lock():
        found = Repair()
        _repaired(path, files, found)
    return found


def _repaired(path: Location, files: Storage, found: Repair) -> None:
    if not (path / LEDGER).is_file():
        files.put({LEDGER: b""})
    before = files.ledger()
    kept, entries, broken = _parsed(before, found)
    stands = files.metadata()
    if kept is None:
        kept = _as_it_stands(path, stands)
        found.done.append("the ledger does not keep the metadata: they were taken as they stand, unchecked")
    _put_metadata(files, stands, kept, entries, found)
    chain = str(json.loads(kept[GROUP])["attributes"]["features_hash"])
    # With all lines that can be read, so that the store opens and its chunks can be held against them.
    text, _, _ = ledger_text(entries, kept, chain=chain)
    _replace_ledger(path, files, text, before)
    store = FeatureStore.open(path)
    sound = store.sound()
    last = {entry.shard: entry for entry in entries}  # of several lines of one shard the last counts
    whole = [entry for shard, entry in last.items() if shard in sound]
    lost = {shard for shard in last if shard not in sound}
    lost |= {int(chunk) for name in ARRAYS for chunk in store.chunks(name) if chunk.isdecimal()} - last.keys()
    if broken:
        lost |= set(range(max(last, default=-1) + 1)) - last.keys()
    found.lost = sorted(lost)
    if len(whole) < len(last):
        text, _, _ = ledger_text(whole, kept, chain=chain)
        _replace_ledger(path, files, text, before)
    if text.encode() != before:
        found.done.append(f"the ledger was written anew with {len(whole)} shards; the old one is {BEFORE}")


def _replace_ledger(path: Location, files: Storage, text: str, before: bytes) -> None:
    """Replace the ledger unless it is so already; the one before the repair is kept once."""
    if text.encode() != files.ledger():
        if files.ledger() == before:
            files.put({_free_name(path): before})
        files.replace_ledger(text)


def _parsed(text: bytes, found: Repair) -> tuple[dict[str, str] | None, list[LedgerEntry], bool]:
    """Return the metadata that a ledger keeps, its entries, each line once, and whether lines were damaged or lost."""
    kept: dict[str, str] | None = None
    entries: list[LedgerEntry] = []
    broken = not text
    chain: str | None = None
    seen: set[str] = set()
    for number, line in enumerate(text.split(b"\n"), start=1):
        if not line:
            continue
        try:
            said, stated = parsed_line(line)
        except ValueError:
            found.done.append(f"line {number} of the ledger cannot be read and was left out")
            broken = True
            continue
        if isinstance(said, LedgerEntry):
            proper = ledger_text([said], None, chain=chain)[1] if chain is not None else stated
            if stated in seen:
                found.done.append(f"line {number} of the ledger stands there twice and was left out once")
                continue
            broken |= proper != stated
            entries.append(said)
        elif ledger_text([], said, chain="")[1] == stated:
            kept = said
        seen.add(stated)
        chain = stated
    return kept, entries, broken


def _as_it_stands(path: Location, stands: dict[str, bytes]) -> dict[str, str]:
    """Return metadata without rows from the files of metadata that there are.

    Raises
    ------
    StoreError
        One is missing or cannot be read.
    """
    try:
        texts = {name: stands[name].decode() for name in metadata_names(ARRAYS)}
        return {name: text if name == GROUP else with_rows(text, 0) for name, text in texts.items()}
    except (KeyError, ValueError, TypeError) as error:
        raise StoreError(
            f"{path}: neither its metadata nor the first line of its ledger say what its arrays are; compute it again"
        ) from error


def _put_metadata(
    files: Storage, stands: dict[str, bytes], kept: dict[str, str], entries: list[LedgerEntry], found: Repair
) -> None:
    wrong = changed(stands, kept)
    rows: list[int] = []
    for name in metadata_names(ARRAYS)[1:]:
        try:
            rows.append(rows_of(stands.get(name, b"")))
        except ValueError:
            if name not in wrong:
                wrong.append(name)
    if rows:
        n_rows = max(set(rows), key=lambda count: (rows.count(count), -count))
    else:
        # As if it were being written: the command that made the store finds out how many there are.
        size = int(json.loads(kept[GROUP])["attributes"]["shard_rows"])
        n_rows = (max((entry.shard for entry in entries), default=-1) + 1 + RESERVED_AHEAD) * size
        found.done.append("no array says how many rows there are: run the same command again to finish the store")
    texts = {name: text if name == GROUP else with_rows(text, n_rows) for name, text in kept.items()}
    put = {name: text.encode() for name, text in texts.items() if stands.get(name) != text.encode()}
    files.put(put)
    found.done += [f"{name} was put back" for name in put]


def _free_name(path: Location) -> str:
    names = (BEFORE if number == 1 else f"{BEFORE}-{number}" for number in range(1, 10_000))
    return next(name for name in names if not (path / name).is_file())
