"""Well-known lithium crystals shipped with the package: structures, measured conductivities and their sources."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import gemmi

from screening.crystals import written_formula
from screening.errors import InputError

LABEL_COLUMNS = ("id", "conductivity", "doi", "family", "composition")


@dataclass(frozen=True, slots=True)
class Site:
    """One site of the asymmetric unit."""

    content: tuple[tuple[str, float], ...]  # (element symbol, occupancy)
    position: tuple[float, float, float]  # fractional


@dataclass(frozen=True, slots=True)
class KnownConductor:
    """One published crystal with its measured room-temperature ionic conductivity."""

    id: str
    name: str
    formula: str  # of one formula unit, e.g. Li6PS5Cl
    z: int  # formula units per cell
    family: str  # e.g. argyrodite
    spacegroup: str  # Hermann-Mauguin symbol with setting, as gemmi reads it
    cell: tuple[float, float, float, float, float, float]  # a, b, c in Å; alpha, beta, gamma in degrees
    sites: tuple[Site, ...]
    conductivity: str  # S/cm as printed; "<1E-10" is an upper bound
    doi: str  # of the measurement
    source: str  # who collected the number: "OBELiX" or "article"

    def composition(self) -> dict[str, float]:
        """Atoms per formula unit by element symbol, as the formula says."""
        return parse_formula(self.formula)

    def to_cif(self) -> str:
        """Return this crystal as CIF text: space group, its operations, and the sites of the asymmetric unit."""
        return write_cif(
            self.id, cell=self.cell, spacegroup=self.spacegroup, sites=self.sites, formula=_spaced(self.formula)
        )


def parse_formula(formula: str) -> dict[str, float]:
    """Return atoms per formula unit by element symbol, for a formula without brackets.

    Raises
    ------
    InputError
        The text is no such formula.
    """
    amounts = written_formula(formula)
    if amounts is None:
        raise InputError(f"{formula!r} is not a formula without brackets, such as Li6PS5Cl")
    return amounts


def write_cif(
    id: str,
    *,
    cell: tuple[float, float, float, float, float, float],
    spacegroup: str,
    sites: tuple[Site, ...],
    formula: str,
) -> str:
    """Return CIF text with the operations of `spacegroup` and one line per (site, element).

    Parameters
    ----------
    id
        Name of the data block.
    cell
        a, b, c in Å; alpha, beta, gamma in degrees.
    spacegroup
        Hermann-Mauguin symbol with setting, as gemmi reads it.
    sites
        The asymmetric unit.
    formula
        Sum formula, elements set apart by blanks.

    Raises
    ------
    InputError
        The space group symbol is unknown.
    """
    group = gemmi.find_spacegroup_by_name(spacegroup)
    if group is None:
        raise InputError(f"{id}: space group {spacegroup!r} is unknown")
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = [f"data_{id}"]
    lines += [f"_cell_{name} {value:.6g}" for name, value in zip(names, cell, strict=True)]
    lines += [
        f"_space_group_name_H-M_alt '{group.xhm()}'",
        f"_space_group_IT_number {group.number}",
        f"_chemical_formula_sum '{formula}'",
        "loop_",
        "_space_group_symop_operation_xyz",
        *_operations(group.xhm()),
        "loop_",
        "_atom_site_label",
        "_atom_site_type_symbol",
        "_atom_site_fract_x",
        "_atom_site_fract_y",
        "_atom_site_fract_z",
        "_atom_site_occupancy",
    ]
    for number, site in enumerate(sites, start=1):
        x, y, z = site.position
        lines += [
            f"{element}{number} {element} {x:.6f} {y:.6f} {z:.6f} {occupancy:g}" for element, occupancy in site.content
        ]
    return "\n".join(lines) + "\n"


@cache
def _operations(symbol: str) -> tuple[str, ...]:
    group = gemmi.find_spacegroup_by_name(symbol)
    return tuple(f"'{operation.triplet()}'" for operation in group.operations())


@cache
def known_conductors() -> tuple[KnownConductor, ...]:
    """Return the embedded table of well-known lithium crystals, in file order."""
    text = resources.files(__package__).joinpath("known_conductors.toml").read_text(encoding="utf-8")
    return tuple(_row(row) for row in tomllib.loads(text)["crystal"])


def write_known(folder: Path) -> int:
    """Return how many crystals were written: one `<id>.cif` each, and `labels.csv` with their conductivities.

    Parameters
    ----------
    folder
        Made if it is not there. Files of the same names are replaced.

    Raises
    ------
    InputError
        The folder cannot be made or written.
    """
    crystals = known_conductors()
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(LABEL_COLUMNS)
    writer.writerows((c.id, c.conductivity, c.doi, c.family, c.formula) for c in crystals)
    return write_crystals(folder, ((one.id, one.to_cif()) for one in crystals), labels=table.getvalue())


def write_crystals(folder: Path, cifs: Iterable[tuple[str, str]], *, labels: str) -> int:
    """Return how many crystals (id, CIF text) were written: one `<id>.cif` each, and `labels.csv`.

    Raises
    ------
    InputError
        The folder cannot be made or written.
    """
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for id, text in cifs:
            (folder / f"{id}.cif").write_text(text, encoding="utf-8", newline="\n")
            count += 1
        (folder / "labels.csv").write_text(labels, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"{folder}: cannot write the embedded crystals: {error}") from error
    return count


def _spaced(formula: str) -> str:
    return " ".join(f"{element}{amount:g}" for element, amount in parse_formula(formula).items())


def _row(row: dict[str, Any]) -> KnownConductor:
    values = dict(row)
    a, b, c, alpha, beta, gamma = values.pop("cell")
    sites = tuple(_site(*site) for site in values.pop("sites"))
    return KnownConductor(cell=(a, b, c, alpha, beta, gamma), sites=sites, **values)


def _site(content: str, x: float, y: float, z: float) -> Site:
    parts = [part.partition(":") for part in content.split()]
    return Site(content=tuple((element, float(filled or 1)) for element, _, filled in parts), position=(x, y, z))
