"""Features do not depend on how a crystal is written down: cell, supercell, setting, origin, order of sites."""

from __future__ import annotations

import numpy as np
import pytest

from screening.config import Config
from screening.crystals.arrays import wrap
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal
from screening.data.known import known_conductors
from screening.elements import SYMBOLS
from screening.features.shard import featurize
from screening.sources.blocks import Item

CONFIG = Config()
CRYSTALS = {entry.id: entry for entry in known_conductors()}
CHOSEN = sorted(CRYSTALS, key=lambda name: len(CRYSTALS[name].to_cif()))[:60:6]
BASES = {
    "2x1x1": [[2, 0, 0], [0, 1, 0], [0, 0, 1]],
    "1x2x3": [[1, 0, 0], [0, 2, 0], [0, 0, 3]],
    "skewed": [[1, 1, 0], [0, 1, 0], [-1, 2, 1]],
    "skewed supercell": [[2, 1, 0], [0, 1, 1], [1, 0, 1]],
    "left-handed": [[0, 1, 0], [1, 0, 0], [0, 0, 1]],
}


def as_cif(crystal: Crystal) -> bytes:
    """Write every atom in P 1 with all digits."""
    lengths = np.linalg.norm(crystal.lattice, axis=1)
    a, b, c = crystal.lattice / lengths[:, None]
    angles = np.degrees(np.arccos([b @ c, a @ c, a @ b]))
    lines = ["data_x"]
    lines += [f"_cell_length_{name} {value:.15g}" for name, value in zip("abc", lengths, strict=True)]
    lines += [f"_cell_angle_{n} {value:.15g}" for n, value in zip(("alpha", "beta", "gamma"), angles, strict=True)]
    lines += [
        "loop_",
        "_atom_site_type_symbol",
        *(f"_atom_site_fract_{axis}" for axis in "xyz"),
        "_atom_site_occupancy",
    ]
    for number, place, share in zip(crystal.numbers, crystal.positions, crystal.occupancies, strict=True):
        lines.append(f"{SYMBOLS[number]} " + " ".join(f"{value:.15g}" for value in place) + f" {share:.15g}")
    return "\n".join(lines).encode()


def rewritten(crystal: Crystal, basis: np.ndarray, seed: int) -> bytes:
    """The crystal on another basis, with another origin and order of sites (a CIF states no orientation)."""
    rng = np.random.default_rng(seed)
    copies = round(abs(np.linalg.det(basis)))
    reach = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3, indexing="ij"), -1).reshape(-1, 3)
    inside = reach @ np.linalg.inv(basis)
    inside = reach[((inside > -1e-9) & (inside < 1 - 1e-9)).all(axis=1)]
    assert len(inside) == copies
    places = ((crystal.positions[None] + inside[:, None]) @ np.linalg.inv(basis)).reshape(-1, 3)
    order = rng.permutation(len(places))
    return as_cif(
        Crystal(
            id="x",
            source="x",
            lattice=basis @ crystal.lattice,
            positions=wrap(places + rng.random(3))[order],
            numbers=np.tile(crystal.numbers, copies)[order],
            occupancies=np.tile(crystal.occupancies, copies)[order],
            site_idx=np.arange(len(places)),
            charges=np.full(len(places), np.nan),
        )
    )


@pytest.mark.parametrize("id", CHOSEN)
def test_features_do_not_depend_on_how_a_crystal_is_written(id: str) -> None:
    crystal = read_cif(CRYSTALS[id].to_cif().encode(), id=id, source=id, limits=CONFIG.input)
    texts = {"as published": CRYSTALS[id].to_cif().encode(), "P 1": as_cif(crystal)}
    texts |= {name: rewritten(crystal, np.array(basis), seed) for seed, (name, basis) in enumerate(BASES.items())}
    rows = featurize([Item(id=name, source=name, text=text) for name, text in texts.items()], CONFIG)
    assert not any(rows.strings[:, 4]), rows.strings[:, 4:]
    for name, features in zip(texts, rows.features, strict=True):
        np.testing.assert_allclose(features, rows.features[0], atol=1e-6, rtol=0, err_msg=name)
