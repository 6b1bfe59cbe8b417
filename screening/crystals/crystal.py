"""Crystals and point clouds as flat arrays: the nouns that every stage shares.

The words of this package, one per idea:

===========  ==========================================================================
positions    fractional coordinates in [0, 1), shape (n, 3), float64
lattice      cell vectors as rows, shape (3, 3), float64, Å; cartesian = positions @ lattice
numbers      atomic numbers, shape (n,), uint8 (deuterium and tritium are hydrogen)
occupancies  share of the site that the atom fills, shape (n,), float64, in (0, 1]
offsets      where each item of a batch begins in the flat arrays, shape (n_items + 1,), int64
channel      a named sublattice: the mobile ion, ``anion``, ``cation``, ``framework`` or ``all``
birth, death radii of a bar, half open: alive where birth <= r < death, Å
radius       Rips radius = largest distance within a simplex, Å
grid         the radii at which a curve is read, Å
===========  ==========================================================================
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from screening.crystals.arrays import FloatArray, IntArray, wrap
from screening.crystals.formulas import reduced_formula
from screening.elements import SYMBOLS

_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9'*_.+-]{0,15}")  # what may be told to a terminal as it is

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


@dataclass(frozen=True, slots=True, eq=False)
class Crystal:
    """One crystal: every atom of one cell, after symmetry, one row per (site, element).

    Atoms that share a site (mixed occupation) are separate rows with equal `site_idx`.
    """

    id: str  # name in every table: file stem, or stem#block
    source: str  # path, or archive::member, for a person
    lattice: FloatArray  # (3, 3) Å, rows are cell vectors
    positions: FloatArray  # (n, 3) fractional, in [0, 1)
    numbers: NDArray[np.uint8]  # (n,) atomic number
    occupancies: FloatArray  # (n,) in (0, 1]
    site_idx: IntArray  # (n,) 0..n_sites-1, equal for atoms sharing a site
    charges: FloatArray  # (n,) oxidation state, NaN where the file states none
    spacegroup: int = 0  # international number as stated by the file, 0 = unknown
    symmetry_source: str = ""  # what the symmetry was read from: operations, hall, name, number, superspace or none
    flags: tuple[str, ...] = ()  # names, as in `screening.crystals.flags`
    unplaced: Mapping[int, float] = field(default_factory=dict)  # atomic number -> atoms per cell without coordinates
    flag_details: Mapping[str, str] = field(default_factory=dict)  # flag -> what is particular to this crystal
    labels: tuple[str, ...] = ()  # (n,) as the file names the atom that each row comes from; () where it does not say

    @property
    def n_atoms(self) -> int:
        """Number of rows (site, element)."""
        return len(self.numbers)

    def atom_names(self) -> list[str]:
        """Return a name of each row, no two alike: the file's label, and which symmetry copy of it.

        ``Li1`` where one row has that label, else ``Li1#1``, ``Li1#2`` in the order of rows. A label that does not
        begin with the element has it behind: ``M1(Fe)``. Without a label, or with one that is no plain word, the
        element and the row stand for it, with a sign that no label has: ``Li[17]``, rows counted from 1.
        """
        labels = self.labels if len(self.labels) == self.n_atoms else ("",) * self.n_atoms
        names = []
        for row, (label, number) in enumerate(zip(labels, self.numbers.tolist(), strict=True), start=1):
            symbol = SYMBOLS[number]
            if not _LABEL.fullmatch(label):
                names.append(f"{symbol}[{row}]")
            else:
                names.append(label if label.lower().startswith(symbol.lower()) else f"{label}({symbol})")
        often = Counter(names)
        seen: Counter[str] = Counter()
        for row, name in enumerate(names):
            if often[name] > 1:
                seen[name] += 1
                names[row] = f"{name}#{seen[name]}"
        return names

    @property
    def n_sites(self) -> int:
        """Number of distinct sites in the cell."""
        return int(self.site_idx.max()) + 1 if len(self.site_idx) else 0

    @property
    def volume(self) -> float:
        """Cell volume in Å³."""
        return float(abs(np.linalg.det(self.lattice)))

    def cell_parameters(self) -> tuple[float, float, float, float, float, float]:
        """Return a, b, c in Å and alpha, beta, gamma in degrees."""
        lengths = np.linalg.norm(self.lattice, axis=1)
        a, b, c = self.lattice / lengths[:, None]
        angles = np.degrees(np.arccos(np.clip([b @ c, a @ c, a @ b], -1.0, 1.0)))
        return (*map(float, lengths), *map(float, angles))  # type: ignore[return-value]

    def composition(self) -> dict[str, float]:
        """Atoms per cell by element symbol, placed and unplaced, in order of atomic number."""
        amounts: dict[int, float] = dict(self.unplaced)
        for number in np.unique(self.numbers):
            placed = float(self.occupancies[self.numbers == number].sum())
            amounts[int(number)] = amounts.get(int(number), 0.0) + placed
        return {SYMBOLS[number]: amounts[number] for number in sorted(amounts)}

    @property
    def formula(self) -> str:
        """Reduced formula in order of electronegativity, e.g. ``Li6PS5Cl``; at most 3 decimals."""
        return reduced_formula(self.composition())

    @classmethod
    def from_pymatgen(cls, structure: Structure, *, id: str = "structure", source: str = "pymatgen") -> Crystal:
        """Return the crystal of a pymatgen `Structure` (disorder and oxidation states kept)."""
        positions: list[FloatArray] = []
        rows: list[tuple[int, float, int, float]] = []
        for site_idx, site in enumerate(structure):
            for specie, occupancy in site.species.items():
                positions.append(site.frac_coords)
                charge = getattr(specie, "oxi_state", None)
                rows.append((int(specie.Z), float(occupancy), site_idx, np.nan if charge is None else float(charge)))
        table = np.array(rows, dtype=np.float64).reshape(-1, 4)
        flags = ("disordered",) if len(table) and (len(table) > len(structure) or (table[:, 1] < 1).any()) else ()
        return cls(
            id=id,
            source=source,
            lattice=np.array(structure.lattice.matrix, dtype=np.float64),
            positions=wrap(np.array(positions, dtype=np.float64).reshape(-1, 3)),
            numbers=table[:, 0].astype(np.uint8),
            occupancies=table[:, 1].copy(),
            site_idx=table[:, 2].astype(np.int64),
            charges=table[:, 3].copy(),
            flags=flags,
        )

    def to_pymatgen(self) -> Structure:
        """Return this crystal as a pymatgen `Structure`; atoms sharing a site become one disordered site."""
        from pymatgen.core.composition import Composition
        from pymatgen.core.lattice import Lattice
        from pymatgen.core.periodic_table import Species
        from pymatgen.core.structure import Structure

        species: list[Composition] = []
        positions: list[FloatArray] = []
        for site in range(self.n_sites):
            rows = np.flatnonzero(self.site_idx == site)
            content: dict[object, float] = {}
            for row in rows:
                charge = self.charges[row]
                symbol = SYMBOLS[int(self.numbers[row])]
                key: object = symbol if np.isnan(charge) else Species(symbol, float(charge))
                content[key] = content.get(key, 0.0) + float(self.occupancies[row])
            species.append(Composition(content))
            positions.append(self.positions[rows[0]])
        return Structure(Lattice(self.lattice), species, positions)


@dataclass(frozen=True, slots=True, eq=False)
class CloudBatch:
    """The point clouds of many crystals for one channel, flat with offsets: one state for a whole batch.

    No two points of one cloud, images included, lie closer than the merging tolerance, unless they fill more than one
    place between them. A cloud may be empty (a crystal without that sublattice).
    """

    lattices: FloatArray  # (n_clouds, 3, 3) Å, row vectors
    positions: FloatArray  # (n_points, 3) fractional
    occupancies: FloatArray  # (n_points,) in (0, 1]
    offsets: IntArray  # (n_clouds + 1,)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> IntArray:
        """Points per cloud, shape (n_clouds,)."""
        return np.diff(self.offsets)

    def cloud(self, index: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return (lattice, positions, occupancies) of one cloud, as views."""
        begin, end = self.offsets[index], self.offsets[index + 1]
        return self.lattices[index], self.positions[begin:end], self.occupancies[begin:end]

    def __iter__(self) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
        return (self.cloud(index) for index in range(len(self)))

    @classmethod
    def from_clouds(cls, clouds: Sequence[tuple[FloatArray, FloatArray, FloatArray]]) -> CloudBatch:
        """Return a batch from (lattice, positions, occupancies) triples."""
        counts = [len(positions) for _, positions, _ in clouds]
        return cls(
            lattices=np.array([lattice for lattice, _, _ in clouds], dtype=np.float64).reshape(-1, 3, 3),
            positions=np.concatenate([np.empty((0, 3)), *(positions for _, positions, _ in clouds)]),
            occupancies=np.concatenate([np.empty(0), *(occupancies for _, _, occupancies in clouds)]),
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        )
