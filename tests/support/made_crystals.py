"""Small real crystals as CIF text, for tests that need files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

ROCKSALT = """data_{name}
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Li1 Li 0 0 0
X1 {anion} 0.5 0.5 0.5
"""
ANIONS = {"F": 4.03, "Cl": 5.14, "Br": 5.50, "I": 6.00}


def rocksalt(*, anion: str = "Cl", scale: float = 1.0) -> str:
    """Return CIF text of a lithium halide with its cell scaled."""
    return ROCKSALT.format(name=f"Li{anion}", a=round(ANIONS[anion] * scale, 5), anion=anion)


def random_crystal(seed: int) -> str:
    """Return CIF text of a random P 1 crystal of lithium, phosphorus and a chalcogen, of a composition of its own."""
    rng = np.random.default_rng(seed)
    cell = 5 + 2 * rng.random(3)
    rows = [
        f"{symbol}{index} {symbol} " + " ".join(f"{value:.4f}" for value in rng.random(3))
        for index, symbol in enumerate(
            ["Li"] * (2 + seed % 4) + ["P"] + [("O", "S", "Se")[seed % 3]] * (3 + seed // 4 % 5)
        )
    ]
    text = ROCKSALT.format(name=f"random{seed}", a=6, anion="S").split("Li1 Li")[0].replace("F m -3 m", "P 1")
    for axis, length in zip("abc", cell, strict=True):
        text = text.replace(f"_cell_length_{axis} 6", f"_cell_length_{axis} {length:.4f}")
    return text + "\n".join(rows) + "\n"


def write_set(folder: Path, *, labelled: int = 24, candidates: int = 12) -> Path:
    """Write random crystals and a table of made-up conductivities; return the path of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    lines = ["id,conductivity,doi"]
    for index in range(labelled + candidates):
        (folder / f"c{index:03d}.cif").write_text(random_crystal(index))
        if index < labelled:
            bound = "<" if index % 9 == 0 else ""
            lines.append(f"c{index:03d},{bound}{10 ** rng.uniform(-9, -2):.3e},10.1/{index // 2}")
    table = folder / "labels.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


def crowded(count: int, *, length: float) -> str:
    """Return CIF text of `count` lithium at random places of a cube: no symmetry, long to compute."""
    rng = np.random.default_rng(4)
    head = random_crystal(0).split("Li0 Li")[0]
    for axis in "abc":
        head = re.sub(rf"(_cell_length_{axis}) \S+", rf"\1 {length}", head)
    return (
        head
        + "\n".join(f"Li{n} Li {x:.4f} {y:.4f} {z:.4f}" for n, (x, y, z) in enumerate(rng.random((count, 3))))
        + "\n"
    )
