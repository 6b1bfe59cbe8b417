"""Many crystals as one state: flat arrays with offsets, and what is said of each in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, starmap

import numpy as np
from numpy.typing import NDArray

from screening.crystals.arrays import FloatArray, IntArray
from screening.crystals.crystal import Crystal
from screening.crystals.formulas import formulas_of
from screening.elements import SYMBOLS


@dataclass(frozen=True, slots=True, eq=False)
class CrystalBatch:
    """The atoms of n crystals, one after the other, as those of a `Crystal`."""

    names: Sequence[tuple[str, str]]  # (n,) id and source
    lattices: FloatArray  # (n, 3, 3) Å, rows
    offsets: IntArray  # (n + 1,) where the atoms of each crystal begin
    positions: FloatArray  # (n_atoms, 3) fractional, in [0, 1)
    numbers: NDArray[np.uint8]  # (n_atoms,) atomic number
    occupancies: FloatArray  # (n_atoms,)
    site_idx: IntArray  # (n_atoms,) within the crystal, equal for atoms sharing a site
    charges: FloatArray  # (n_atoms,) NaN where none is stated
    n_sites: IntArray  # (n,)
    spacegroups: Sequence[int]  # (n,) international number, 0 = unknown
    flags: Sequence[tuple[str, ...]]  # (n,)
    unplaced: Sequence[Mapping[int, float]]  # (n,) atomic number -> atoms per cell without coordinates

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def from_crystals(cls, crystals: Sequence[Crystal]) -> CrystalBatch:
        """Return a batch of crystals."""
        counts = [crystal.n_atoms for crystal in crystals]
        return cls(
            names=[(crystal.id, crystal.source) for crystal in crystals],
            lattices=np.array([crystal.lattice for crystal in crystals], dtype=np.float64).reshape(-1, 3, 3),
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            positions=np.concatenate([np.empty((0, 3)), *(crystal.positions for crystal in crystals)]),
            numbers=np.concatenate([np.empty(0, np.uint8), *(crystal.numbers for crystal in crystals)]),
            occupancies=np.concatenate([np.empty(0), *(crystal.occupancies for crystal in crystals)]),
            site_idx=np.concatenate([np.empty(0, np.int64), *(crystal.site_idx for crystal in crystals)]),
            charges=np.concatenate([np.empty(0), *(crystal.charges for crystal in crystals)]),
            n_sites=np.array([crystal.n_sites for crystal in crystals], dtype=np.int64),
            spacegroups=[crystal.spacegroup for crystal in crystals],
            flags=[crystal.flags for crystal in crystals],
            unplaced=[crystal.unplaced for crystal in crystals],
        )

    @classmethod
    def joined(cls, batches: Sequence[CrystalBatch]) -> CrystalBatch:
        """Return several batches as one, in order."""
        if len(batches) == 1:
            return batches[0]
        ends = np.cumsum([0, *(batch.offsets[-1] for batch in batches)])
        shifted = [batch.offsets[1:] + end for batch, end in zip(batches, ends, strict=False)]
        return cls(
            names=[name for batch in batches for name in batch.names],
            offsets=np.concatenate([np.zeros(1, np.int64), *shifted]).astype(np.int64),
            spacegroups=[number for batch in batches for number in batch.spacegroups],
            flags=[flags for batch in batches for flags in batch.flags],
            unplaced=[amounts for batch in batches for amounts in batch.unplaced],
            **{name: np.concatenate([getattr(batch, name) for batch in batches]) for name in _ARRAYS},
        )

    def part(self, begin: int, end: int) -> CrystalBatch:
        """Return the crystals from `begin` to before `end`, as views."""
        first, last = int(self.offsets[begin]), int(self.offsets[end])
        of_atoms = {name: getattr(self, name)[first:last] for name in _OF_ATOMS}
        return CrystalBatch(
            names=self.names[begin:end],
            lattices=self.lattices[begin:end],
            offsets=self.offsets[begin : end + 1] - first,
            n_sites=self.n_sites[begin:end],
            spacegroups=self.spacegroups[begin:end],
            flags=self.flags[begin:end],
            unplaced=self.unplaced[begin:end],
            **of_atoms,
        )

    def without(self, places: Sequence[int]) -> CrystalBatch:
        """Return the batch without the crystals at some places."""
        if not places:
            return self
        edges = [-1, *sorted(places), len(self)]
        return CrystalBatch.joined([self.part(a + 1, b) for a, b in pairwise(edges)])

    def compositions(self) -> FloatArray:
        """Return atoms per cell by atomic number, placed and unplaced, (n, 119)."""
        length = len(self) * len(SYMBOLS)
        amounts = np.bincount(self._elements(), weights=self.occupancies, minlength=length)
        return self._with_unplaced(amounts.astype(np.float64))

    def _elements(self) -> IntArray:
        """Return one number for crystal and element of each atom, (n_atoms,)."""
        crystal = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        return np.asarray(crystal * len(SYMBOLS) + self.numbers)

    def _with_unplaced(self, placed: FloatArray) -> FloatArray:
        amounts = placed.reshape(-1, len(SYMBOLS))
        for place, unplaced in enumerate(self.unplaced):
            for number, amount in unplaced.items():
                amounts[place, number] += amount
        return amounts

    def formulas(self) -> list[str]:
        """Return the reduced formulas, as `Crystal.formula`."""
        key = self._elements()
        order = np.argsort(key, kind="stable")
        kinds, starts = np.unique(key[order], return_index=True)
        amounts = np.zeros(len(self) * len(SYMBOLS))
        if len(starts):
            filled = self.occupancies[order]
            sums = np.add.reduceat(filled, starts)
            # Broken amounts as `sum` adds them: at a half of the third decimal the order matters.
            ends = [*starts[1:].tolist(), len(filled)]
            whole = (np.minimum.reduceat(filled, starts) == 1.0) & (np.maximum.reduceat(filled, starts) == 1.0)
            for place in np.flatnonzero(~whole).tolist():
                sums[place] = filled[starts[place] : ends[place]].sum()
            amounts[kinds] = sums
        return formulas_of(self._with_unplaced(amounts))

    def volumes(self) -> FloatArray:
        """Return the volumes of the cells, (n,) Å³, as `Crystal.volume`."""
        return np.asarray(np.abs(np.linalg.det(self.lattices)))

    def cell_parameters(self) -> FloatArray:
        """Return a, b, c in Å and alpha, beta, gamma in degrees, (n, 6), as `Crystal.cell_parameters`."""
        lengths = np.linalg.norm(self.lattices.reshape(-1, 3), axis=1).reshape(-1, 3)
        a, b, c = (self.lattices / lengths[:, :, None]).transpose(1, 0, 2)
        cosines = np.stack(list(starmap(_dots, ((b, c), (a, c), (a, b)))), axis=1)
        return np.concatenate([lengths, np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))], axis=1)


def _dots(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the products of rows, each summed as `@` sums it."""
    return np.asarray((one[:, None, :] @ other[:, :, None])[:, 0, 0])


_OF_ATOMS = ("positions", "numbers", "occupancies", "site_idx", "charges")
_ARRAYS = ("lattices", "n_sites", *_OF_ATOMS)
