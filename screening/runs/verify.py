"""Proof that a RUN (or a feature store alone) is complete and unchanged: every file against what vouches for it."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from screening.errors import Code, InputError, ScreeningError, StoreError
from screening.learn import load_model
from screening.locations import Location
from screening.ranking import duplicates_path
from screening.runs.folder import FEATURES, RunPaths, output_digests, run_folder
from screening.runs.record import Counts, read_record
from screening.store import ARRAYS, FEATURIZED, REJECTED, STRINGS, FeatureStore, LedgerEntry, repair


def verify(path: Location) -> list[str]:
    """Return what is wrong with the RUN or feature store at `path`, one sentence each; empty where all is sound.

    Raises
    ------
    StoreError
        There is neither.
    """
    if (path / "zarr.json").is_file():
        return list(_store_faults(path))
    if not (path / FEATURES).is_dir():
        raise StoreError(f"{path} is neither a RUN nor a feature store")
    with run_folder(path, filled=True) as paths:
        faults = [*_store_faults(path / FEATURES), *_run_faults(paths)]
    return [fault.replace(str(paths.root), str(path)) for fault in faults]


def store_of(path: Location) -> Location:
    """Return the feature store of a RUN, or the store itself."""
    return path / FEATURES if (path / FEATURES).is_dir() else path


def metadata_covered(path: Location) -> bool:
    """Return whether the ledger of the store vouches for its metadata; those of older stores do not."""
    return FeatureStore.open(store_of(path)).metadata_covered


def repaired(path: Location) -> tuple[list[str], bool]:
    """Return what was put right in the store of a RUN or the store itself, one sentence each, and whether any is lost.

    Raises
    ------
    StoreError
        As of `store.repair`.
    """
    found = repair(store_of(path))
    lines = found.done or ["nothing was damaged"]
    lines += [f"shard {shard} is lost; run the same command again to compute it again" for shard in found.lost]
    return lines, bool(found.lost)


def _store_faults(path: Location) -> Iterator[str]:
    """Yield the faults of a store: header, ledger, every chunk, every row."""
    try:
        store = FeatureStore.open(path)
        entries = store.ledger()
    except StoreError as error:
        yield str(error)
        return
    n_shards, missing = store.n_shards, store.first_missing(entries)
    if missing is not None:
        yield f"{path} is unfinished: it holds {len(entries)} shards, and shard {missing} is missing"
    for index in sorted(index for index in entries if index >= n_shards):
        yield f"{path}: the ledger holds shard {index}, which is beyond the {store.n_rows} rows"
    for name in ARRAYS:
        known = {str(index) for index in entries}
        for chunk in store.chunks(name):
            if chunk not in known:
                yield f"{path}: array {name} has a chunk {chunk} that the ledger does not list"
    seen: dict[str, int] = {}
    for index, entry in sorted(entries.items()):
        if index < n_shards:
            yield from _shard_faults(store, entry, seen)


def _shard_faults(store: FeatureStore, entry: LedgerEntry, seen: dict[str, int]) -> Iterator[str]:
    """Yield the faults of one shard; `seen` holds the ids met so far with their rows."""
    begin = entry.shard * store.shard_rows
    if entry.rows != min(store.shard_rows, store.n_rows - begin):
        yield f"{store.path}: the ledger gives shard {entry.shard} {entry.rows} rows"
        return
    try:
        rows = store.read_shard(entry)
    except StoreError as error:
        yield str(error)
        return
    status = rows.numbers[:, 0]
    if not np.isin(status, (FEATURIZED, REJECTED)).all():
        yield f"{store.path}: shard {entry.shard} has rows that are neither featurized nor rejected"
    if int((status == REJECTED).sum()) != entry.rejected:
        yield f"{store.path}: shard {entry.shard} does not hold the {entry.rejected} rejections of its ledger line"
    codes = {code.value for code in Code}
    for row, strings in enumerate(rows.strings):
        told = dict(zip(STRINGS, map(str, strings), strict=True))
        if told["id"] in seen:
            yield f"{store.path}: id {told['id']!r} stands in rows {seen[told['id']]} and {begin + row}"
        seen[told["id"]] = begin + row
        if (status[row] == REJECTED) != (told["code"] in codes):
            place = f"row {begin + row} ({told['id']!r})"
            yield f"{store.path}: {place} has code {told['code']!r} and status {status[row]:g}"


def _run_faults(paths: RunPaths) -> Iterator[str]:
    """Yield the faults of a RUN: its record against the store, and its files against the record."""
    try:
        record = read_record(paths.record)
    except InputError as error:
        yield str(error)
        return
    if record.status != "finished" or record.outputs is None:
        yield f"{paths.record}: the run has not finished"
        return
    counts, digests = record.counts, record.outputs
    found = output_digests(paths)
    for name in sorted(digests.keys() | found.keys()):
        if found.get(name) != digests.get(name):
            state = "is missing" if name not in found else "is new" if name not in digests else "has changed"
            yield f"{paths.root / name} {state} since the run wrote it"
    try:
        store = FeatureStore.open(paths.features)
        entries = [entry for _, entry in sorted(store.ledger().items())]
        model = load_model(paths.model)
    except ScreeningError as error:
        yield str(error)
        return
    inputs = hashlib.sha256("".join(entry.inputs for entry in entries).encode()).hexdigest()
    if inputs != record.inputs_sha256:
        yield f"{paths.features} was computed from other inputs than {paths.record} says"
    rejected = sum(entry.rejected for entry in entries)
    if (store.n_rows, rejected) != (counts.found, counts.rejected):
        yield (
            f"{paths.record} counts {counts.found} found and {counts.rejected} rejected, the store holds "
            f"{store.n_rows} and {rejected}"
        )
    if model.header.features_hash != store.header["features_hash"]:
        yield f"{paths.model} was trained on features of other settings than those of {paths.features}"
    yield from _table_faults(paths, counts)


def _table_faults(paths: RunPaths, counts: Counts) -> Iterator[str]:
    with paths.rejected.open(encoding="utf-8", newline="") as file:
        rows = sum(1 for _ in csv.reader(file)) - 1
    if rows != counts.rejected:
        yield f"{paths.rejected} has {rows} rows, not {counts.rejected}"
    ranks = pd.read_csv(paths.ranking, usecols=["rank"])["rank"].to_numpy()
    if len(ranks) != counts.ranked:
        yield f"{paths.ranking} has {len(ranks)} rows, not {counts.ranked}"
    duplicates = duplicates_path(paths.ranking)
    n_duplicates = len(pd.read_csv(duplicates, usecols=["rank"])) if duplicates.is_file() else 0
    if n_duplicates != counts.duplicates:
        yield f"{duplicates} has {n_duplicates} rows, not {counts.duplicates}"
    if (np.diff(ranks) < 0).any():
        yield f"{paths.ranking} is not in the order of its ranks"
