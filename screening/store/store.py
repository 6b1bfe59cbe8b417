"""The feature store: one Zarr v3 group of four arrays, a header, and an append-only ledger of finished shards.

::

    features.zarr/
      zarr.json          group; its attributes are the header (format, config, versions, columns)
      features           (n_rows, n_columns) float32, NaN = not computed
      composition        (n_rows, 119) float32, atoms per cell by atomic number
      numbers            (n_rows, n_facts) float64, the columns named in the header: status, n_sites, volume, ...,
                         r_cut/<channel>, distance/<pair>/<k>
      strings            (n_rows, 6) str: id, source, formula, flags, code, detail
      ledger.jsonl       the metadata as the store was made; then one line per finished shard: rows, digest of its
                         inputs, checksums of its chunks, seconds, and a link to the line before it
      lock               held by the run that writes

It is a folder, or the same below a URL on an object store; `backend` says how either is kept safe.

Row i is the i-th input in listing order, rejected ones included, so nothing can get lost. A shard is `shard_rows`
consecutive rows: one chunk of each array, written whole by one task. A shard counts only once its line is in the
ledger; chunks without a line are overwritten. Arrays depend on inputs and config alone; times stand in the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from screening.errors import StoreError
from screening.locations import Location, Remote
from screening.store.backend import LEDGER, Storage
from screening.store.bucket import Bucket
from screening.store.decode import decoded
from screening.store.folder import Folder
from screening.store.ledger import Ledger, LedgerEntry, ledger_line, ledger_text, read_ledger
from screening.store.metadata import check, metadata_names, with_rows
from screening.store.pointer import pointed
from screening.store.tables import (
    ARRAYS,
    DISTANCE,
    FEATURIZED,
    N_ELEMENTS,
    NUMBERS,
    REJECTED,
    STRINGS,
    FeatureTable,
    ShardRows,
)

FORMAT = "screening-features"
FORMAT_VERSION = 1
ASKED_AT_ONCE = 16  # shards
RESERVED_AHEAD = 16  # shards


class FeatureStore:
    """A feature store, opened for reading or writing.

    Parameters
    ----------
    path
        The folder or URL, usually ``features.zarr``.
    group
        Its opened Zarr group; use `create` or `open`.
    files
        What keeps its files.
    covered
        Whether the ledger vouches for the metadata; those of older stores do not.
    """

    def __init__(self, path: Location, group: zarr.Group, files: Storage, *, covered: bool) -> None:
        self.path = path
        self.metadata_covered = covered
        self._files = files
        self.header: dict[str, Any] = dict(group.attrs)
        self.columns: tuple[str, ...] = tuple(self.header["columns"])
        self.shard_rows: int = int(self.header["shard_rows"])
        self._end: tuple[str, int] | None = None  # link of the last ledger line and the number of lines, once known
        self._arrays: dict[str, zarr.Array[Any]] = {name: _array(group, name) for name in ARRAYS}

    @classmethod
    def create(
        cls,
        path: Location,
        *,
        columns: list[str],
        channels: list[str],
        header: dict[str, Any],
        distances: Sequence[str] = (),
    ) -> FeatureStore:
        """Return a new, empty store.

        Parameters
        ----------
        path
            Folder or URL to make; must not exist.
        columns
            Feature names.
        channels
            Channel labels, for the ``r_cut/<channel>`` facts.
        distances
            Names of the distances between sublattices, for facts of the same name.
        header
            Must hold ``config``, ``features_hash``, ``engine``, ``shard_rows``, ``versions``.

        Raises
        ------
        StoreError
            The folder exists.
        """
        files = storage(path, ARRAYS)
        if files.exists():
            raise StoreError(f"{path} exists already")
        numbers = number_names(channels, distances)
        shapes: dict[str, tuple[int, Any, Any]] = {
            "features": (len(columns), "float32", np.nan),
            "composition": (N_ELEMENTS, "float32", 0.0),
            "numbers": (len(numbers), "float64", np.nan),
            "strings": (len(STRINGS), "str", ""),
        }
        attributes = {
            **header,
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "columns": columns,
            "numbers": numbers,
            "strings": list(STRINGS),
        }

        def fill(target: Any) -> None:
            group = zarr.open_group(target, mode="w", zarr_format=3, attributes=attributes)
            for name, (width, dtype, fill_value) in shapes.items():
                group.create_array(
                    name,
                    shape=(0, width),
                    chunks=(int(header["shard_rows"]), width),
                    dtype=dtype,
                    fill_value=fill_value,
                    compressors=ZstdCodec(level=3),
                )

        files.create(fill)
        return cls.open(path)

    @classmethod
    def open(cls, path: Location) -> FeatureStore:
        """Return the store at `path`, once its metadata are found to be those that its ledger keeps.

        Raises
        ------
        StoreError
            There is none, it is not a feature store, of a newer format, or its metadata were changed.
        """
        path = pointed(path)
        files = storage(path, ARRAYS)
        if not files.is_store():
            lost = (path / LEDGER).is_file()
            hint = f"; `screening verify --repair {path}` puts it back from the ledger" if lost else ""
            raise StoreError(f"{path} is not a feature store: there is no zarr.json in it{hint}")
        try:
            kept = None
            with suppress(StoreError):  # what is wrong with a ledger is told by those who read it
                kept = read_ledger(files.head(), chain="", path="").metadata
            check(path, files.metadata(), kept)
            group = files.group()
            header = dict(group.attrs)
            if header.get("format") != FORMAT:
                raise StoreError(f"{path} is a Zarr group, but not a feature store (format {header.get('format')!r})")
            if header.get("format_version") != FORMAT_VERSION:
                raise StoreError(
                    f"{path} has format version {header.get('format_version')}, this program reads {FORMAT_VERSION}: "
                    "compute it again, or use the version that wrote it"
                )
            return cls(path, group, files, covered=kept is not None)
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise StoreError(f"{path} cannot be read as a feature store: {error!r}") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store for the one process that hands out shards; released when it ends, however it ends.

        Raises
        ------
        StoreError
            Another process holds it.
        """
        with self._files.lock():
            yield

    @property
    def n_rows(self) -> int:
        """Number of rows, finished or not: those that all arrays have, which a power loss may leave unlike."""
        return min(int(array.shape[0]) for array in self._arrays.values())

    def reserve(self, n_rows: int) -> None:
        """Make room for more than `n_rows` rows; called by the one process that hands out shards.

        Some shards more get room at once: a new shape is four files, or four requests. There is always room that no
        shard has filled, so a store never looks finished before `finish` takes that room back.
        """
        if n_rows >= self.n_rows:
            self._resize(n_rows + RESERVED_AHEAD * self.shard_rows)

    def finish(self, n_rows: int) -> None:
        """Set the final number of rows, and delete what lies beyond and what killed writers left behind."""
        last = (n_rows + self.shard_rows - 1) // self.shard_rows
        ledger = self._ledger()
        kept = [entry for entry in ledger.entries.values() if entry.shard < last]
        if len(kept) < len(ledger.entries):
            self._rewrite(kept, ledger.metadata)
        if any(array.shape[0] != n_rows for array in self._arrays.values()):
            self._resize(n_rows)
        with self._writing():
            self._files.settle(ARRAYS, n_chunks=last)

    def _rewrite(self, entries: Sequence[LedgerEntry], metadata: dict[str, str] | None) -> None:
        """Replace the ledger by one of these entries, linked anew."""
        text, chain, lines = ledger_text(entries, metadata, chain=str(self.header["features_hash"]))
        with self._writing():
            self._files.replace_ledger(text)
        self._end = chain, lines

    def _resize(self, n_rows: int) -> None:
        texts = self._files.loaded()
        with self._writing():
            self._files.put({name: with_rows(texts[name].decode(), n_rows).encode() for name in _array_metadata()})
        group = self._files.group()
        self._arrays = {name: _array(group, name) for name in ARRAYS}

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Tell the errors of a file system in words."""
        try:
            yield
        except OSError as error:
            self._end = None  # a line may be torn
            told = error.strerror or str(error)
            raise StoreError(f"{self.path} cannot be written: {told}; the same command goes on from here") from error

    def write_shard(self, index: int, rows: ShardRows, *, inputs: str) -> LedgerEntry:
        """Write one whole shard durably and return its ledger entry, which `commit` makes count.

        May run twice for one shard, on any process: the same bytes are written.
        """
        begin = index * self.shard_rows
        n_rows = len(rows.strings)
        fills = {"features": np.nan, "composition": 0.0, "numbers": np.nan, "strings": ""}
        for name in ARRAYS:
            data = getattr(rows, name)
            array = self._arrays[name]
            room = min(self.shard_rows, array.shape[0] - begin)
            padded = np.full((room, array.shape[1]), fills[name], dtype=data.dtype)
            padded[:n_rows] = data
            array[begin : begin + room] = padded
        refused = rows.numbers[:, 0] == REJECTED
        return LedgerEntry(
            shard=index,
            rows=n_rows,
            rejected=int(refused.sum()),
            inputs=inputs,
            chunks=dict(zip(ARRAYS, self._files.keep(_keys(index)), strict=True)),
            seconds=round(rows.seconds, 6),
            codes=dict(sorted(Counter(rows.strings[:, STRINGS.index("code")][refused].tolist()).items())),
            cut=rows.cut,
            fallbacks=rows.fallbacks,
        )

    def commit(self, entry: LedgerEntry) -> None:
        """Append a finished shard to the ledger and sync it; one process only."""
        if self._end is None:
            self.mend_ledger()
            ledger = self._ledger()
            self._end = ledger.end, ledger.lines
        chain, number = self._end
        line, chain = ledger_line(entry, chain)
        with self._writing():
            self._files.append(line, number=number)
        self._end = chain, number + 1

    def ledger(self) -> dict[int, LedgerEntry]:
        """Return the finished shards by index; a torn last line counts as not written.

        Raises
        ------
        StoreError
            A line is damaged, or is not the one that was written after the line before it.
        """
        return self._ledger().entries

    def _ledger(self) -> Ledger:
        chain = str(self.header["features_hash"])
        return read_ledger(self._files.ledger(), chain=chain, path=str(self.path / LEDGER))

    def mend_ledger(self) -> None:
        """Cut off a last line that a crash left torn; called before anything is appended."""
        text = self._files.ledger()
        if text and not text.endswith(b"\n"):
            with self._writing():
                self._files.replace_ledger(text[: text.rfind(b"\n") + 1].decode())
            self._end = None

    def chunks(self, array: str) -> list[str]:
        """Return the names of the chunks that there are of an array, whether the ledger vouches for them or not."""
        return self._files.chunks(array)

    def read_shard(self, entry: LedgerEntry) -> ShardRows:
        """Return the rows of a finished shard.

        Raises
        ------
        StoreError
            A chunk is missing or its bytes are not those that the ledger vouches for.
        """
        keys = _keys(entry.shard)
        for name, digest in zip(ARRAYS, self._files.fetch(keys), strict=True):
            if digest != entry.chunks[name]:
                raise StoreError(
                    f"{self.path}: shard {entry.shard} of array {name} is missing or damaged; "
                    "run the same command again to compute it again"
                )
        contents = zip(ARRAYS, self._files.held(keys), strict=True)
        data: dict[str, Any] = {name: decoded(self._arrays[name], one)[: entry.rows] for name, one in contents}
        self._files.release(keys)
        return ShardRows(**data, seconds=entry.seconds)

    def read_names(self, entry: LedgerEntry) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
        """Return status (n,) and strings (n, 6) of the rows of a finished shard, without reading features.

        Raises
        ------
        StoreError
            A chunk of these is missing or its bytes are not those that the ledger vouches for.
        """
        keys = [key for key in _keys(entry.shard) if key.startswith(("numbers", "strings"))]
        for name, digest in zip(("numbers", "strings"), self._files.fetch(keys), strict=True):
            if digest != entry.chunks[name]:
                raise StoreError(
                    f"{self.path}: shard {entry.shard} of array {name} is missing or damaged; "
                    "run the same command again to compute it again"
                )
        numbers, strings = self._files.held(keys)
        self._files.release(keys)
        status: NDArray[np.float64] = decoded(self._arrays["numbers"], numbers)[: entry.rows, 0].copy()
        return status, decoded(self._arrays["strings"], strings)[: entry.rows]

    def is_sound(self, entry: LedgerEntry) -> bool:
        """Return whether the chunks of a finished shard are all there and unchanged."""
        return bool(self._sound([entry]))

    def sound(self) -> dict[int, LedgerEntry]:
        """Return those finished shards, by index, whose chunks are all there and unchanged."""
        entries = list(self.ledger().values())
        # Several shards at once: on an object store each request takes its time, and many can be under way.
        groups = (entries[start : start + ASKED_AT_ONCE] for start in range(0, len(entries), ASKED_AT_ONCE))
        return {entry.shard: entry for group in groups for entry in self._sound(group)}

    def _sound(self, entries: list[LedgerEntry]) -> list[LedgerEntry]:
        keys = [key for entry in entries for key in _keys(entry.shard)]
        digests = iter(self._files.fetch(keys))
        self._files.release(keys)
        found = [[next(digests) for _ in ARRAYS] for _ in entries]
        return [entry for entry, own in zip(entries, found, strict=True) if own == [*map(entry.chunks.get, ARRAYS)]]

    def iter_shards(self) -> Iterator[ShardRows]:
        """Yield the rows of every shard in order.

        Raises
        ------
        StoreError
            A shard is unfinished or damaged: an incomplete store is never read as if it were whole.
        """
        for entry in self.entries():
            yield self.read_shard(entry)

    def entries(self) -> list[LedgerEntry]:
        """Return the ledger entries of all shards in order.

        Raises
        ------
        StoreError
            A shard is unfinished.
        """
        entries = self.ledger()
        missing = self.first_missing(entries)
        if missing is not None:
            raise StoreError(
                f"{self.path} is unfinished: it holds {len(entries)} shards, and shard {missing} is missing; "
                "run the same command again to go on"
            )
        return [entries[index] for index in range(self.n_shards)]

    @property
    def n_shards(self) -> int:
        """Number of shards that the rows make."""
        return (self.n_rows + self.shard_rows - 1) // self.shard_rows

    def first_missing(self, entries: Collection[int]) -> int | None:
        """Return the first shard that is not among those finished, None where all are; however many rows are stated."""
        return next((index for index in range(self.n_shards) if index not in entries), None)

    def table(self, rows: ShardRows) -> FeatureTable:
        """Return the featurized rows of a shard as a table."""
        import pandas as pd  # workers that featurize do without it

        chosen = rows.numbers[:, 0] == FEATURIZED
        strings = rows.strings[chosen]
        told = ("source", "formula", "flags")
        facts = {name: strings[:, column] for column, name in enumerate(STRINGS) if name in told}
        names = dict(enumerate(self.header["numbers"]))
        apart = [column for column, name in names.items() if name.startswith(DISTANCE)]
        others = {name: at for at, name in names.items() if at and not name.startswith(DISTANCE)}
        numbers: dict[str, NDArray[Any]] = {name: rows.numbers[chosen, at] for name, at in others.items()}
        for name in ("n_sites", "spacegroup"):
            numbers[name] = numbers[name].astype(np.int64)
        frame = pd.DataFrame({**facts, **numbers})
        return FeatureTable(
            ids=strings[:, 0],
            columns=self.columns,
            features=rows.features[chosen],
            facts=frame,
            composition=rows.composition[chosen],
            header=self.header,
            distances=rows.numbers[np.ix_(chosen, apart)].astype(np.float32) if apart else None,
        )


def number_names(channels: Sequence[str], distances: Sequence[str] = ()) -> list[str]:
    """Return the names of the columns of the array `numbers`."""
    return [*NUMBERS, *(f"r_cut/{channel}" for channel in channels), *distances]


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    member = group[name]
    if not isinstance(member, zarr.Array):
        raise StoreError(f"{group.store_path}: {name} is not an array")
    # A chunk of nothing but fill values (a shard of rejects) is written too: absent must mean unfinished.
    return member.with_config({"write_empty_chunks": True})


def _array_metadata() -> list[str]:
    """Return the names of the metadata of the arrays, in the order in which new shapes are written."""
    return metadata_names(ARRAYS)[1:]


def _keys(shard: int) -> list[str]:
    """Return the names of the chunks of a shard, one per array."""
    return [f"{name}/c/{shard}/0" for name in ARRAYS]


def exists(path: Location) -> bool:
    """Return whether there is something at `path` that keeps a new store from being made there."""
    return storage(path, ARRAYS).exists()


def storage(path: Location, arrays: Sequence[str]) -> Storage:
    """Return the storage for a store of these arrays at `path`."""
    return Bucket(path, arrays) if isinstance(path, Remote) else Folder(path, arrays)
