"""The same crystal written down another way: basis, supercell, origin, order of sites."""

from __future__ import annotations

import numpy as np

from screening.crystals.arrays import wrap
from screening.crystals.crystal import Crystal
from screening.data.known import known_conductors
from screening.elements import SYMBOLS

CRYSTALS = {entry.id: entry for entry in known_conductors()}
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
