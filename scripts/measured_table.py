#!/usr/bin/env python
"""Writes the embedded table of measured crystals and labels from the folders that OBELiX and others published.

    scripts/measured_table.py CIFS LABELS MORE_LABELS

CIFS: one CIF per crystal, as pymatgen writes it; LABELS: OBELiX's table; MORE_LABELS: compounds without a crystal.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from pathlib import Path

import gemmi

OUT = Path(__file__).resolve().parents[1] / "screening" / "data"
COLUMNS = ("id", "conductivity", "composition", "doi", "family", "spacegroup", "lattice", "temperature", "source")
OBELIX = "OBELiX"
SOURCES = {"obelix-nocif": OBELIX, "laskowski": "Laskowski 2023", "liverpool": "Hargreaves 2023"}


def crystal(path: Path) -> dict[str, object]:
    """Return what the embedded table keeps of a CIF file."""
    block = gemmi.cif.read_string(path.read_text()).sole_block()
    edges = [float(block.find_value(f"_cell_length_{name}")) for name in "abc"]
    angles = [float(block.find_value(f"_cell_angle_{name}")) for name in ("alpha", "beta", "gamma")]
    names = ["type_symbol", "fract_x", "fract_y", "fract_z", "occupancy"]
    sites = [[row[0], *(float(row[at]) for at in (1, 2, 3, 4))] for row in block.find("_atom_site_", names)]
    operations = [
        gemmi.cif.as_string(text).replace(" ", "") for text in block.find_values("_symmetry_equiv_pos_as_xyz")
    ]
    return {
        "id": path.stem,
        "cell": [*edges, *angles],
        "spacegroup": int(block.find_value("_symmetry_Int_Tables_number")),
        "operations": operations,
        "sites": sites,
    }


MOST_CONDUCTIVE = 1.0  # S/cm; what states more has a wrong unit or a slip, and no reader of labels takes it


def rows(labels: Path, more: Path) -> list[dict[str, str]]:
    """Return the labels: crystals first, then compounds, each in the order of its table."""
    found = []
    with labels.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            cell = " ".join(row[name] for name in ("a", "b", "c", "alpha", "beta", "gamma"))
            found.append({
                "id": row["ID"], "conductivity": row["Ionic conductivity (S cm-1)"],
                "composition": row["Reduced Composition"], "doi": row["DOI"], "family": row["Family"],
                "spacegroup": row["Space group #"], "lattice": cell, "temperature": "", "source": OBELIX,
            })  # fmt: skip
    with more.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            if float(row["conductivity_S_cm"]) > MOST_CONDUCTIVE:
                print(f"left out: {row['id']} states {row['conductivity_S_cm']} S/cm")
                continue
            bound = "<" if row["bound"] == "True" else ""
            found.append({
                "id": row["id"], "conductivity": bound + row["conductivity_S_cm"],
                "composition": re.sub(r"\s+", "", row["composition"]), "doi": row["doi"], "family": "",
                "spacegroup": "" if row["sg"] in {"", "0"} else row["sg"], "lattice": row["lattice"],
                "temperature": row["T_C"], "source": SOURCES[row["src"]],
            })  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("cifs", "labels", "more"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    lines = [json.dumps(crystal(path), separators=(",", ":")) for path in sorted(options.cifs.glob("*.cif"))]
    (OUT / "measured_crystals.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    table = rows(options.labels, options.more)
    with (OUT / "measured_labels.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    print(f"{len(lines)} crystals, {len(table)} labels")


if __name__ == "__main__":
    main()
