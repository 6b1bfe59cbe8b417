"""Chunks and metadata of a store in memory, between Zarr and the place where their bytes are kept."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import zarr
from zarr.abc.store import Store
from zarr.buffer import cpu
from zarr.storage import MemoryStore

from screening.errors import StoreError
from screening.locations import Location
from screening.store.backend import LEDGER, digest_of
from screening.store.ledger import head_line
from screening.store.metadata import metadata_names

Place = TypeVar("Place", bound=Location)


class Encoded(Generic[Place]):
    """What a folder and an object store have in common; they differ in how whole files are read and written."""

    def __init__(self, path: Place, arrays: Sequence[str]) -> None:
        self._path = path
        self._arrays = tuple(arrays)
        self._memory: dict[str, cpu.Buffer] = {}

    @abstractmethod
    def _read(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return files, None for those that are not there."""

    @abstractmethod
    def put(self, contents: dict[str, bytes]) -> None:
        """Write files whole, one after the other; they are safe on return."""

    def group(self) -> zarr.Group:
        """Return the Zarr group, its chunks those that were fetched."""
        keys = metadata_names(self._arrays)
        missing = [key for key, digest in zip(keys, self.fetch(keys), strict=True) if digest is None]
        if missing:
            raise StoreError(f"{self._path}: there is no {missing[0]} in it")
        return zarr.open_group(
            MemoryStore(self._memory),  # type: ignore[arg-type]
            mode="r+",
            zarr_format=3,
            use_consolidated=False,
        )

    def metadata(self) -> dict[str, bytes]:
        """Return the files of metadata that there are, by name, as they stand."""
        keys = metadata_names(self._arrays)
        return {key: text for key, text in zip(keys, self._read(keys), strict=True) if text is not None}

    def loaded(self) -> dict[str, bytes]:
        """Return the files of metadata that the group was opened from."""
        return {key: self._memory[key].to_bytes() for key in metadata_names(self._arrays)}

    def keep(self, keys: Sequence[str]) -> list[str]:
        """Write chunks and return their SHA-256 (hex)."""
        contents = {key: self._memory[key].to_bytes() for key in keys}
        self.put(contents)
        self.release(keys)
        return [digest_of(content) for content in contents.values()]

    def fetch(self, keys: Sequence[str]) -> list[str | None]:
        """Load files, and return their SHA-256 (hex), None for those that are not there."""
        digests: list[str | None] = []
        for key, content in zip(keys, self._read(keys), strict=True):
            if content is not None:
                self._memory[key] = cpu.Buffer.from_bytes(content)
            digests.append(None if content is None else digest_of(content))
        return digests

    def held(self, keys: Sequence[str]) -> list[bytes]:
        """Return the bytes of chunks that were fetched."""
        return [self._memory[key].to_bytes() for key in keys]

    def release(self, keys: Sequence[str]) -> None:
        """Forget chunks."""
        for key in keys:
            self._memory.pop(key, None)

    def _made(self, fill: Callable[[Store], object]) -> dict[str, bytes]:
        """Return the files of a new store that `fill` writes, by name."""
        fill(MemoryStore(self._memory))  # type: ignore[arg-type]
        contents = {name: self._memory[name].to_bytes() for name in metadata_names(self._arrays)}
        line, _ = head_line({name: text.decode() for name, text in contents.items()})
        return {**contents, LEDGER: line.encode()}
