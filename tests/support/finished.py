"""Crystals, labels, settings and the RUN that came of them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from command import SMALL, in_a_process
from made_crystals import write_set


@dataclass(frozen=True)
class Finished:
    """A folder with a finished RUN and all that it was made of; tests read it, and change copies only."""

    folder: Path

    @property
    def crystals(self) -> Path:
        """36 CIF files c000 to c035, an empty one, and the labels."""
        return self.folder / "crystals"

    @property
    def labels(self) -> Path:
        """Of the first 24 crystals."""
        return self.crystals / "labels.csv"

    @property
    def config(self) -> Path:
        return self.folder / "small.toml"

    @property
    def single(self) -> Path:
        """The same settings with a shard for each crystal."""
        return self.folder / "single.toml"

    @property
    def run(self) -> Path:
        return self.folder / "RUN"

    @property
    def store(self) -> Path:
        """Of five shards: eight rows each, five the last."""
        return self.run / "features.zarr"

    def copy(self, folder: Path) -> Path:
        """Return a copy of the RUN that may be changed."""
        return shutil.copytree(self.run, folder / "RUN")


def finish(folder: Path) -> Finished:
    """Run the command in a process of its own, as a user would."""
    made = Finished(folder)
    write_set(made.crystals)
    (made.crystals / "empty.cif").write_text("")
    made.config.write_text(SMALL)
    made.single.write_text(SMALL.replace("shard_rows = 8", "shard_rows = 1"))
    in_a_process("run", made.crystals, "--labels", made.labels, "--out", made.run, "--config", made.config)
    return made
