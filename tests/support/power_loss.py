"""A disk that forgets what was not synced: what a power loss may leave of the files that a program wrote.

Bytes of a file are safe once the file was synced, names in a folder once the folder was. What is not safe may be there
all the same: each change of a folder by itself, and of a file nothing, zeros, a part or all. Reordering is thereby
included. Source of the model: the guarantees of POSIX `fsync`, and no more.
"""

from __future__ import annotations

import errno
import random
from dataclasses import dataclass, field
from pathlib import Path

from screening.locations import Disk


class PowerLossError(BaseException):
    """The machine stops here."""


@dataclass(eq=False)
class File:
    now: bytes = b""
    safe: bytes | None = None  # None: never synced

    def left(self, rng: random.Random) -> bytes:
        """Return what is there after a power loss."""
        if self.safe == self.now:
            return self.now
        old = self.safe or b""
        torn = self.now[: rng.randrange(len(self.now) + 1)]
        # An append keeps what was synced before it; what follows may be torn or zeros.
        kept = old if self.now.startswith(old) else b""
        zeros = kept + b"\0" * (len(self.now) - len(kept))
        return rng.choice([old, self.now, torn if len(torn) > len(kept) else kept, zeros])


@dataclass(eq=False)
class Tree:
    now: dict[str, File | Tree] = field(default_factory=dict)
    safe: dict[str, File | Tree] = field(default_factory=dict)
    pending: list[dict[str, File | Tree | None]] = field(default_factory=list)  # changes since the last sync

    def change(self, **names: File | Tree | None) -> None:
        self.pending.append(names)
        _apply(self.now, names)

    def left(self, rng: random.Random) -> dict[str, File | Tree]:
        """Return the entries that are there after a power loss."""
        found = dict(self.safe)
        for names in self.pending:
            if rng.random() < 0.5:
                _apply(found, names)
        return found


def _apply(entries: dict[str, File | Tree], names: dict[str, File | Tree | None]) -> None:
    for name, node in names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


class ForgetfulDisk(Disk):
    """Does what a disk does below one folder, remembers what would be safe, and stops at a given step."""

    def __init__(self, root: Path, *, stop: int | None = None) -> None:
        self.root = root
        self.log: list[str] = []
        self._stop = stop
        self._tree = Tree()

    @property
    def steps(self) -> int:
        return len(self.log)

    def _step(self, name: str) -> None:
        if self.steps == self._stop:
            raise PowerLossError
        self.log.append(name)

    def go_on(self) -> None:
        """Stop no more: it was the process that ended there, not the machine."""
        self._stop = None

    def _folder(self, path: Path) -> Tree:
        node: File | Tree = self._tree
        for part in path.relative_to(self.root).parts:
            assert isinstance(node, Tree)
            node = node.now[part]
        assert isinstance(node, Tree)
        return node

    def write_new(self, path: Path, data: bytes) -> None:
        self._step("write_new")
        super().write_new(path, data)
        self._folder(path.parent).change(**{path.name: File(now=data)})

    def append(self, path: Path, data: bytes) -> None:
        self._step("append")
        super().append(path, data)
        folder = self._folder(path.parent)
        node = folder.now.get(path.name)
        if node is None:
            node = File()
            folder.change(**{path.name: node})
        assert isinstance(node, File)
        node.now += data

    def make_folder(self, path: Path) -> None:
        self._step("make_folder")
        super().make_folder(path)
        self._folder(path.parent).change(**{path.name: Tree()})

    def move(self, source: Path, target: Path) -> None:
        self._step("move")
        super().move(source, target)
        assert source.parent == target.parent
        folder = self._folder(source.parent)
        folder.change(**{source.name: None, target.name: folder.now[source.name]})

    def remove(self, path: Path) -> None:
        self._step("remove")
        super().remove(path)
        self._folder(path.parent).change(**{path.name: None})

    def sync(self, path: Path) -> None:
        self._step("sync")
        super().sync(path)
        node = self._folder(path.parent).now[path.name] if path != self.root else self._tree
        if isinstance(node, File):
            node.safe = node.now
        else:
            node.safe, node.pending = dict(node.now), []

    def after_power_loss(self, target: Path, *, seed: int) -> None:
        """Write what a power loss leaves below a new folder."""
        _write(self._tree, target, random.Random(seed))


def _write(tree: Tree, target: Path, rng: random.Random) -> None:
    target.mkdir()
    for name, node in tree.left(rng).items():
        if isinstance(node, File):
            (target / name).write_bytes(node.left(rng))
        else:
            _write(node, target / name, rng)


class FailingDisk(Disk):
    """Refuses one step, and every later one that writes; what it was writing may be there in part."""

    def __init__(self, step: int, error: int = errno.ENOSPC) -> None:
        self.steps = 0
        self._from = step
        self._error = error

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self._from:
            raise OSError(self._error, "No space left on device" if self._error == errno.ENOSPC else "I/O error")

    def write_new(self, path: Path, data: bytes) -> None:
        if self.steps == self._from:
            super().write_new(path, data[: len(data) // 2])
        self._step()
        super().write_new(path, data)

    def append(self, path: Path, data: bytes) -> None:
        if self.steps == self._from:
            super().append(path, data[: len(data) // 2])
        self._step()
        super().append(path, data)

    def make_folder(self, path: Path) -> None:
        self._step()
        super().make_folder(path)

    def move(self, source: Path, target: Path) -> None:
        self._step()
        super().move(source, target)

    def sync(self, path: Path) -> None:
        self._step()
        super().sync(path)
