"""Structures for compounds of which composition, space group and cell are known alone: made on the nearest template.

A compound takes the sites of a crystal of its structure type: the measured cell is put in, the ions are exchanged by
role (mobile ion, anions, other cations) and the occupancies of the mobile ion scaled to the composition. What comes out
is as good as the template is near, so each row records template, rule and distance, and beyond a limit it is not used.

Source: ours. Isotypy as the International Tables use the word; the distance is an earth mover's distance along
Pettifor's chemical scale (Solid State Communications 51 (1984) 31) as Hargreaves et al., Chem. Mater. 32 (2020) 10610
use it between compositions, here of all atoms but the mobile ion, plus the difference of the mobile ion's share of
the atoms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from screening.crystals import ANIONS, BoolArray, Crystal, FloatArray, charge_balanced, chemical_scale
from screening.elements import NUMBERS, SYMBOLS
from screening.errors import InputError
from screening.generation.exchange import exchanged

Cell = tuple[float, float, float, float, float, float]  # a, b, c in Å; alpha, beta, gamma in degrees

EDGES = 0.06  # relative difference of cell edges within which a cell is that of a template
ANGLES = 6.0  # degrees, likewise
MAX_DISTANCE = 0.08  # beyond it a template is none; fixed before any score was looked at
RULES = ("cell", "spacegroup", "anions")


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A compound without coordinates."""

    id: str
    composition: Mapping[str, float]  # atoms per formula unit by element symbol
    spacegroup: int = 0  # international number, 0 = unknown
    cell: Cell | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Isotype:
    """A structure that was made, and what it was made from."""

    crystal: Crystal
    template: str  # id
    rule: str  # one of `RULES`
    distance: float


class NoTemplateError(Exception):
    """A compound that no template is near enough to; the message says why."""


def share_vector(composition: Mapping[str, float]) -> FloatArray:
    """Return atomic fractions (119,) by atomic number."""
    amounts = np.zeros(len(SYMBOLS))
    for symbol, amount in composition.items():
        amounts[NUMBERS[symbol]] += amount
    return np.asarray(amounts / amounts.sum(), dtype=np.float64)


class Templates:
    """Crystals that structures can be made on.

    Parameters
    ----------
    crystals
        Those without the mobile ion are passed over.
    ion
        Symbol of the mobile ion.
    """

    def __init__(self, crystals: Iterable[Crystal], *, ion: str = "Li") -> None:
        self._ion = NUMBERS[ion]
        kept = sorted(
            (one for one in crystals if (one.numbers == self._ion).any()), key=lambda one: (len(one.id), one.id)
        )
        if not kept:
            raise InputError(f"none of the templates holds {ion}")
        self._crystals: Sequence[Crystal] = kept
        self._shares = np.array([share_vector(one.composition()) for one in kept])
        self._groups = np.array([one.spacegroup for one in kept], dtype=np.int64)
        self._cells = np.array([one.cell_parameters() for one in kept])
        self._ordered = np.array(
            [bool((one.occupancies > 0.999).all()) and one.n_sites == one.n_atoms for one in kept], dtype=np.bool_
        )
        order = np.argsort(np.nan_to_num(chemical_scale(), nan=1.1), kind="stable")
        self._order = order
        self._steps = np.diff(np.nan_to_num(chemical_scale(), nan=1.1)[order])
        self._cumulated = np.cumsum(self._others(self._shares)[:, order], axis=1)
        self._anions = self._shares[:, _anion_numbers()] > 0

    def __len__(self) -> int:
        return len(self._crystals)

    def _others(self, shares: FloatArray) -> FloatArray:
        """Return the shares of all atoms but the mobile ion, summing to 1."""
        rest = shares.copy()
        rest[..., self._ion] = 0.0
        return np.asarray(rest / np.maximum(rest.sum(axis=-1, keepdims=True), 1e-12), dtype=np.float64)

    def distances(self, composition: Mapping[str, float]) -> FloatArray:
        """Return the distance (n_templates,) of a composition from that of each template."""
        shares = share_vector(composition)
        cumulated = np.cumsum(self._others(shares)[self._order])
        chemical = np.abs(self._cumulated - cumulated)[:, :-1] @ self._steps
        return np.asarray(chemical + np.abs(self._shares[:, self._ion] - shares[self._ion]), dtype=np.float64)

    def made(self, compound: Unplaced, *, limit: float = MAX_DISTANCE, rules: Sequence[str] = RULES) -> Isotype:
        """Return the structure of a compound on its nearest template.

        A template of the same space group and cell comes first, then one of the same space group, then an ordered one
        with the same anions, as far as `rules` names these; within a rule the nearest, of equally near ones the first
        by id. A template that has no room for the compound's atoms is passed over.

        Raises
        ------
        NoTemplateError
            None is within `limit`, or the composition cannot be a salt of the mobile ion.
        """
        self._check(compound)
        distances = self.distances(compound.composition)
        near = distances <= limit
        fitting = self._rules(compound)
        why = "no crystal has its space group or anions"
        if (nearest := _nearest(distances, [fitting[rule] for rule in rules])) is not None:
            why = f"the nearest that fits is at {nearest:.3f}"
        for rule in rules:
            rows = np.flatnonzero(fitting[rule] & near)
            for row in rows[np.argsort(distances[rows], kind="stable")]:
                template = self._crystals[row]
                crystal, reason = exchanged(
                    template,
                    id=compound.id,
                    composition=compound.composition,
                    cell=compound.cell if rule == "cell" else None,
                    ion=SYMBOLS[self._ion],
                    scale=chemical_scale(),
                )
                if crystal is not None:
                    return Isotype(crystal, template.id, rule, float(distances[row]))
                why = f"{template.id} at {distances[row]:.3f}: {reason}"
        raise NoTemplateError(f"no template within {limit:g}: {why}")

    def _check(self, compound: Unplaced) -> None:
        amounts = np.zeros((1, len(SYMBOLS)))
        for symbol, amount in compound.composition.items():
            amounts[0, NUMBERS[symbol]] += amount
        if amounts[0, self._ion] <= 0:
            raise NoTemplateError(f"the composition holds no {SYMBOLS[self._ion]}")
        if not charge_balanced(amounts)[0]:
            raise NoTemplateError("usual oxidation states of the composition cannot sum to zero")

    def _rules(self, compound: Unplaced) -> dict[str, BoolArray]:
        """Return which templates fit under each rule, (n_templates,) each."""
        none = np.zeros(len(self), dtype=np.bool_)
        same = (self._groups == compound.spacegroup) if compound.spacegroup > 1 else none
        cell = none
        if compound.cell is not None:
            stated = np.array(compound.cell)
            cell = same & (np.abs(self._cells[:, :3] / stated[:3] - 1.0) <= EDGES).all(axis=1)
            cell &= (np.abs(self._cells[:, 3:] - stated[3:]) <= ANGLES).all(axis=1)
        anions = (self._anions == (share_vector(compound.composition)[_anion_numbers()] > 0)).all(axis=1)
        return {"cell": cell, "spacegroup": same, "anions": anions & self._ordered}


def _nearest(distances: FloatArray, fits: Sequence[BoolArray]) -> float | None:
    fitting = np.any(fits, axis=0)
    return float(distances[fitting].min()) if fitting.any() else None


@cache
def _anion_numbers() -> list[int]:
    return sorted(NUMBERS[symbol] for symbol in ANIONS)
