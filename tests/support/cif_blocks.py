"""CIF text of one block, put together from its parts, for tests of the reader."""

from __future__ import annotations

import gemmi

from screening.config import InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal

LIMITS = InputLimits()
AXES = ("fract_x", "fract_y", "fract_z")


def block(
    rows: str,
    *,
    columns: str = "label type_symbol fract_x fract_y fract_z occupancy",
    cell: tuple[float, ...] = (5, 5, 5, 90, 90, 90),
    group: str | None = "P 1",
    **stated: object,
) -> bytes:
    """Return a block; `stated` are further tags without their underscore: chemical_formula_sum="Li Cl"."""
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = ["data_x", *(f"_cell_{name} {value}" for name, value in zip(names, cell, strict=True))]
    lines += [f"_{tag} '{value}'" for tag, value in stated.items()]
    if group is not None:
        lines.append(f"_symmetry_space_group_name_H-M '{group}'")
    lines += ["loop_", *(f"_atom_site_{column}" for column in columns.split()), rows]
    return ("\n".join(lines) + "\n").encode()


def read(text: bytes) -> Crystal:
    """Return the crystal of a block."""
    return read_cif(text, id="x", source="x.cif", limits=LIMITS)


def images(group: str, place: tuple[float, float, float]) -> list[tuple[float, float, float]]:
    """Return the distinct images of a place under a group, in [0, 1), as exact as floats are."""
    found: list[tuple[float, float, float]] = []
    for operation in gemmi.SpaceGroup(group).operations():
        image = tuple(value % 1.0 for value in operation.apply_to_xyz(list(place)))
        if not any(all(abs((a - b + 0.5) % 1.0 - 0.5) < 1e-6 for a, b in zip(image, o, strict=True)) for o in found):
            found.append((image[0], image[1], image[2]))
    return found
