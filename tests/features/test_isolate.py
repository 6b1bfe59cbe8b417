"""The child that computes a crystal by itself: what stands in the current folder is none of its business."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_crystals import crowded, rocksalt

from screening.config import read_config
from screening.features.isolate import rows_apart
from screening.features.shard import featurize
from screening.sources.blocks import Item
from screening.store.tables import STRINGS

QUICK = read_config(None, {"cloud": {"channels": ["mobile"]}, "homology": {"r_max": {"mobile": 4.0}}})


def test_files_of_the_current_folder_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gemmi.py or screening.py where the command is started would be imported instead of the package."""
    for name in ("gemmi", "numpy", "pickle", "screening"):
        (tmp_path / f"{name}.py").write_text(f"open('ran-{name}', 'w')\nraise SystemExit(3)\n")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)  # what the flag is for
    monkeypatch.chdir(tmp_path)
    items = [Item(id="x", source="x.cif", text=rocksalt().encode())]
    rows = rows_apart(items, QUICK)
    np.testing.assert_array_equal(rows.features, featurize(items, QUICK).features)
    assert not list(tmp_path.glob("ran-*"))


def test_a_crystal_that_takes_too_long_in_native_code_is_a_row_and_its_neighbours_are_not_lost() -> None:
    """The kernel itself is busy, which no signal handler of Python's ends."""
    config = read_config(None, {"cloud": {"channels": ["mobile"]}, "input": {"time_limit": 1.5, "max_sites": 20_000}})
    texts = {"before": rocksalt(), "crowded": crowded(16_000, length=63.0), "after": rocksalt(anion="Br")}
    items = [Item(id=id, source=f"{id}.cif", text=text.encode()) for id, text in texts.items()]
    rows = rows_apart(items, config)
    assert rows.strings[:, STRINGS.index("code")].tolist() == ["", "time-limit", ""]
    alone = featurize([items[0], items[2]], config)
    np.testing.assert_array_equal(rows.features[[0, 2]], alone.features)
