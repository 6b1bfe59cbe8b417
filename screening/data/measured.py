"""Measured lithium conductors that train a model where nobody gives labels: 254 crystals, and compounds without one.

Facts from OBELiX (Therrien et al., arXiv:2502.14234, 2025; its training part), Laskowski et al., Energy Environ. Sci.
16 (2023) 1264, and Hargreaves et al., npj Comput. Mater. 9 (2023) 9, the last two as OBELiX redistributes them; CC BY
4.0.
`scripts/measured_table.py` writes both files. The crystals' positions carry OBELiX's small random displacements.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from screening.data.known import write_crystals


def measured_cifs() -> Iterator[tuple[str, str]]:
    """Yield id and CIF text of the measured crystals, in order of id."""
    text = resources.files(__package__).joinpath("measured_crystals.jsonl").read_text(encoding="utf-8")
    for line in text.splitlines():
        row = json.loads(line)
        yield str(row["id"]), _cif(row)


def write_measured(folder: Path) -> int:
    """Return how many crystals were written: one `<id>.cif` each, and `labels.csv` with all labels.

    The labels of compounds without a crystal are among them, with composition, space group and cell where published.

    Parameters
    ----------
    folder
        Made if it is not there. Files of the same names are replaced.

    Raises
    ------
    InputError
        The folder cannot be made or written.
    """
    labels = resources.files(__package__).joinpath("measured_labels.csv").read_text(encoding="utf-8")
    return write_crystals(folder, measured_cifs(), labels=labels)


def _cif(row: dict[str, Any]) -> str:
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = [f"data_{row['id']}"]
    lines += [f"_cell_{name} {value:.8f}" for name, value in zip(names, row["cell"], strict=True)]
    lines += [f"_space_group_IT_number {row['spacegroup']}", "loop_", "_space_group_symop_operation_xyz"]
    lines += [f"'{operation}'" for operation in row["operations"]]
    lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += ["_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy"]
    lines += [
        f"{symbol}{at} {symbol} {x:.8f} {y:.8f} {z:.8f} {occupancy!r}"
        for at, (symbol, x, y, z, occupancy) in enumerate(row["sites"], start=1)
    ]
    return "\n".join(lines) + "\n"
