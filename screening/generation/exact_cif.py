"""A crystal as CIF text without symmetry, with every digit of its numbers and the charges of its ions."""

from __future__ import annotations

import numpy as np

from screening.crystals import Crystal
from screening.elements import SYMBOLS

LONGEST = 100  # characters of a name


def plain_name(id: str) -> str:
    """Return an id as the name of a file or data block: other characters than letters, digits and ``._-`` are dashes.

    Never empty, never a path, at most `LONGEST` characters.
    """
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in id[:LONGEST])
    return f"-{plain.lstrip('.')}" if plain.startswith(".") or not plain else plain


def exact_cif(crystal: Crystal) -> str:
    """Return CIF text of a crystal: cell, oxidation states where known, and every atom of it, in full precision.

    What is read of it has the same positions and occupancies to the last bit, and the same cell to within rounding.
    """
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = [f"data_{plain_name(crystal.id)}"]
    lines += [f"_cell_{name} {value!r}" for name, value in zip(names, crystal.cell_parameters(), strict=True)]
    lines += ["_space_group_name_H-M_alt 'P 1'", "_space_group_IT_number 1"]
    lines += ["loop_", "_space_group_symop_operation_xyz", "'x,y,z'"]
    types = [_type(int(n), float(q)) for n, q in zip(crystal.numbers, crystal.charges, strict=True)]
    stated = {name: float(q) for name, q in zip(types, crystal.charges, strict=True) if not np.isnan(q)}
    if stated:
        lines += ["loop_", "_atom_type_symbol", "_atom_type_oxidation_number"]
        lines += [f"{name} {stated[name]:+.12g}" for name in sorted(stated)]
    lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += ["_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy"]
    for row in range(crystal.n_atoms):
        place = " ".join(repr(float(value)) for value in crystal.positions[row])
        label = f"{SYMBOLS[int(crystal.numbers[row])]}{row + 1}"
        lines.append(f"{label} {types[row]} {place} {float(crystal.occupancies[row])!r}")
    return "\n".join(lines) + "\n"


def _type(number: int, charge: float) -> str:
    """Return the type symbol of an atom, e.g. ``Zr4+``; the bare symbol where no charge is known."""
    if np.isnan(charge):
        return SYMBOLS[number]
    return f"{SYMBOLS[number]}{abs(charge):.12g}{'-' if charge < 0 else '+'}"
