#!/usr/bin/env python
"""Writes the barriers that bvlain finds, to which tests/energy hold ours: tests/data/bvlain.csv.

bvlain is no part of this program, so it gets an environment of its own, in which this script runs:

    python -m venv /tmp/bvlain && /tmp/bvlain/bin/pip install bvlain==0.25.1
    /tmp/bvlain/bin/python scripts/bvlain_reference.py CIFS tests/data/bvlain.csv mp-985592 mp-676109 ...

CIFS: folder of one CIF file per crystal, all ordered. Each row: the charges that pymatgen's BVAnalyzer gives, as bvlain
asks it to; the points of bvlain's grid at 0.2 angstrom, whose last ones repeat its first; its barriers in eV above the
lowest point, from all neighbours within 10 angstrom and softBV's radii. Rows that are there already stay.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import warnings
from pathlib import Path

COLUMNS = ("id", "formula", "charges", "points", "E_1D", "E_2D", "E_3D")
CUTOFF = 10.0  # angstrom
SPARE = 1.4  # times the neighbours that a sphere of the mean density holds: none within the cutoff is left out


def reference(path: Path) -> dict[str, object]:
    """Return what bvlain says of one crystal."""
    from bvlain import Lain  # type: ignore[import-not-found]

    lain = Lain(verbose=False)
    atoms = lain.read_file(str(path))
    density = sum(symbol != "Li" for symbol in atoms.symbols) / atoms.get_volume()
    neighbours = int(SPARE * density * 4 / 3 * math.pi * CUTOFF**3) + 20
    lain.bvse_distribution(mobile_ion="Li1+", k=neighbours, use_softbv_covalent_radii=True)
    charges: dict[str, set[int]] = {}
    for symbol, charge in zip(atoms.symbols, atoms.arrays["oxi_states"], strict=True):
        charges.setdefault(str(symbol), set()).add(int(charge))
    found = lain.percolation_barriers()
    return {
        "id": path.stem,
        "formula": atoms.get_chemical_formula(mode="metal", empirical=True),
        "charges": json.dumps({symbol: sorted(states) for symbol, states in sorted(charges.items())}),
        "points": " ".join(map(str, lain.size)),
        **{name: f"{float(found[name]):.4f}" for name in COLUMNS[4:]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cifs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("ids", nargs="+")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    rows: dict[str, dict[str, object]] = {}
    if given.out.is_file():
        with given.out.open(newline="") as file:
            rows = {row["id"]: dict(row) for row in csv.DictReader(file)}
    for id in given.ids:
        if id in rows:
            continue
        try:
            rows[id] = reference(given.cifs / f"{id}.cif")
        except (KeyError, ValueError) as error:  # no parameters, or no charges
            print(f"{id}: {error!r:.200}")
            continue
        print(*rows[id].values(), flush=True)
        with given.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[id] for id in sorted(rows))


if __name__ == "__main__":
    main()
