"""CIF text of crystals whose symmetry is written in many ways."""

from __future__ import annotations

import gemmi
import pytest

from screening.config import InputLimits
from screening.crystals import Crystal, read_cif
from screening.crystals.symmetry import Symmetry, read_symmetry
from screening.errors import Code, RejectionError

ORTHORHOMBIC = (10.329, 6.0065, 4.6908, 90, 90, 90)
HEXAGONAL = (2.8156, 2.8156, 14.0542, 90, 90, 120)
SPINEL_CELL = (8.2476, 8.2476, 8.2476, 90, 90, 90)
CUBIC = (5, 5, 5, 90, 90, 90)
PNMA = (
    "x,y,z",
    "-x+1/2,-y,z+1/2",
    "-x,y+1/2,-z",
    "x+1/2,-y+1/2,-z+1/2",
    "-x,-y,-z",
    "x+1/2,y,-z+1/2",
    "x,-y+1/2,z",
    "-x+1/2,y+1/2,z+1/2",
)
LIFEPO4 = (
    "Li1 Li 0 0 0 1\nFe1 Fe 0.28222 0.25 0.97472 1\nP1 P 0.09486 0.25 0.41820 1\nO1 O 0.09678 0.25 0.74279 1\n"
    "O2 O 0.45710 0.25 0.20602 1\nO3 O 0.16558 0.04646 0.28478 1\n"
)
LIFEPO4_CELL = {"Li": 4, "Fe": 4, "P": 4, "O": 16}
LICOO2 = "Li1 Li 0 0 0.5 1\nCo1 Co 0 0 0 1\nO1 O 0 0 0.2395 1\n"
LICOO2_CELL = {"Li": 3, "Co": 3, "O": 6}
SPINEL = "Li1 Li 0.125 0.125 0.125 1\nMn1 Mn 0.5 0.5 0.5 1\nO1 O 0.2632 0.2632 0.2632 1\n"
SPINEL_1 = "Li1 Li 0 0 0 1\nMn1 Mn 0.625 0.625 0.625 1\nO1 O 0.3882 0.3882 0.3882 1\n"
SPINEL_ATOMS = {"Li": 8, "Mn": 16, "O": 32}
LICL = "Li1 Li 0 0 0 1\nCl1 Cl .5 .5 .5 1\n"
LICL_CELL = {"Li": 4, "Cl": 4}
LIMITS = InputLimits()


def cif(lines: str, atoms: str, cell: tuple[float, ...]) -> bytes:
    """A block of these lines, atoms and cell."""
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    head = "data_x\n" + "".join(f"_cell_{name} {value}\n" for name, value in zip(names, cell, strict=True))
    columns = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
    header = "".join(f"_atom_site_{name}\n" for name in columns)
    return f"{head}{lines}\nloop_\n{header}{atoms}".encode()


def read(lines: str, atoms: str, cell: tuple[float, ...]) -> Crystal:
    """The crystal of such a block."""
    return read_cif(cif(lines, atoms, cell), id="x", source="x.cif", limits=LIMITS)


def refusal(lines: str, atoms: str = LICL, cell: tuple[float, ...] = CUBIC) -> str:
    """Why the symmetry of such a block is refused."""
    with pytest.raises(RejectionError) as caught:
        read(lines, atoms, cell)
    assert caught.value.code is Code.BAD_SYMMETRY
    assert caught.value.detail.isprintable()
    return caught.value.detail


def loop(tag: str, values: tuple[str, ...]) -> str:
    """A loop of one tag."""
    return f"loop_\n{tag}\n" + "".join(f"'{value}'\n" for value in values)


def block(lines: str) -> gemmi.cif.Block:
    """Lines as gemmi reads them."""
    return gemmi.cif.read_string(f"data_x\n{lines}\n")[0]


def symmetry(lines: str) -> Symmetry:
    """What lines state of symmetry."""
    return read_symmetry(block(lines), LIMITS)
