"""Features do not depend on how a crystal is written down: cell, supercell, setting, origin, order of sites."""

from __future__ import annotations

import numpy as np
import pytest
from rewritten import BASES, CRYSTALS, as_cif, rewritten

from screening.config import Config
from screening.crystals.cif import read_cif
from screening.features.shard import featurize
from screening.sources.blocks import Item

CONFIG = Config()
CHOSEN = sorted(CRYSTALS, key=lambda name: len(CRYSTALS[name].to_cif()))[:60:6]


@pytest.mark.parametrize("id", CHOSEN)
def test_features_do_not_depend_on_how_a_crystal_is_written(id: str) -> None:
    crystal = read_cif(CRYSTALS[id].to_cif().encode(), id=id, source=id, limits=CONFIG.input)
    texts = {"as published": CRYSTALS[id].to_cif().encode(), "P 1": as_cif(crystal)}
    texts |= {name: rewritten(crystal, np.array(basis), seed) for seed, (name, basis) in enumerate(BASES.items())}
    rows = featurize([Item(id=name, source=name, text=text) for name, text in texts.items()], CONFIG)
    assert not any(rows.strings[:, 4]), rows.strings[:, 4:]
    for name, features in zip(texts, rows.features, strict=True):
        np.testing.assert_allclose(features, rows.features[0], atol=1e-6, rtol=0, err_msg=name)
