"""The embedded measured conductors: complete, sensible, and the crystals that OBELiX publishes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from paths import SHARED

from screening.config import InputLimits
from screening.crystals import read_cif
from screening.data import write_measured
from screening.learn import read_labels

OBELIX = SHARED / "obelix-train"
LIMITS = InputLimits()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("measured")
    assert write_measured(out) == 254
    return out


def test_labels_and_crystals_belong_together(folder: Path) -> None:
    labels = read_labels(folder / "labels.csv")
    assert len(labels) == 957
    assert {path.stem for path in folder.glob("*.cif")} < set(labels.ids.tolist())
    assert labels.composition is not None
    assert (labels.composition != "").all()
    assert labels.publication is not None
    assert (labels.publication != "").mean() > 0.99
    assert labels.cell is not None
    assert labels.spacegroup is not None
    assert np.isfinite(labels.cell).all(axis=1).sum() > 430
    assert int(labels.is_bound.sum()) == 34


@pytest.mark.skipif(not OBELIX.is_dir(), reason=f"no data at {OBELIX}")
def test_the_crystals_are_those_of_the_source(folder: Path) -> None:
    for path in sorted((OBELIX / "cifs").glob("*.cif")):
        ours, theirs = (
            read_cif(one.read_bytes(), id=path.stem, source="x", limits=LIMITS) for one in (folder / path.name, path)
        )
        np.testing.assert_allclose(ours.lattice, theirs.lattice, atol=1e-7)
        np.testing.assert_allclose(ours.positions, theirs.positions, atol=1e-9)
        np.testing.assert_array_equal(ours.numbers, theirs.numbers)
        np.testing.assert_allclose(ours.occupancies, theirs.occupancies, atol=1e-9)
        assert ours.spacegroup == theirs.spacegroup
