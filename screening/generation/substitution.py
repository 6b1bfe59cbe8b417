"""Ions put in each other's place: the substitutions of a template in a seeded order, and the crystal that one gives.

The fractional coordinates stay; the cell is scaled as a whole by the sums of ionic radii over the bonds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from screening.crystals import FloatArray, reduced_formula
from screening.data import Template, ionic_radius, substitutes

# After scaling no bond may differ by more than this share from what the sum of its radii asks for. Li3SbS4 made from
# Li3PS4, which has the same structure, differs by 0.14.
MAX_STRAIN = 0.15
# Shortest contacts allowed: as a share of the sum of radii for bonds and between anions (the edge of a PO4 or SO4
# tetrahedron is 0.85 of it, of a BO3 triangle 0.84); in Å between cations.
MIN_BOND = 0.75
MIN_ANION_CONTACT = 0.74
MIN_CATION_CONTACT = 2.0
# Å³ per atom: Li2BeF4 has 6.7, CsI 47.
ATOM_VOLUME = (5.5, 60.0)


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One substituted crystal."""

    template: Template
    elements: tuple[str, ...]  # (n_classes,)
    scale: float  # of the template's cell vectors
    formula: str  # reduced

    @property
    def key(self) -> tuple[str, str]:
        """What must be distinct: formula and prototype."""
        return (self.formula, self.template.prototype)

    def to_cif(self, id: str) -> str:
        """Return CIF text without symmetry: cell, oxidation states, and every atom of the cell."""
        lattice = self.template.lattice * self.scale
        lengths = np.linalg.norm(lattice, axis=1)
        cosines = [
            lattice[(k + 1) % 3] @ lattice[(k + 2) % 3] / (lengths[(k + 1) % 3] * lengths[(k + 2) % 3])
            for k in range(3)
        ]
        cell = [*lengths, *np.degrees(np.arccos(np.array(cosines)))]
        names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
        lines = [f"data_{id}", *(f"_cell_{name} {value:.5f}" for name, value in zip(names, cell, strict=True))]
        lines += ["_space_group_name_H-M_alt 'P 1'", "_space_group_IT_number 1"]
        lines += ["loop_", "_space_group_symop_operation_xyz", "'x,y,z'"]
        lines += ["loop_", "_atom_type_symbol", "_atom_type_oxidation_number"]
        lines += [
            f"{element} {charge:+d}" for element, charge in zip(self.elements, self.template.charges, strict=True)
        ]
        lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
        lines += ["_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy"]
        elements = self.elements
        lines += [f"{elements[k]}{label} {elements[k]} {place}" for k, label, place in _places(self.template)]
        return "\n".join(lines) + "\n"


class Picks:
    """The substitutions of one template in a seeded order, each once, without a list of them all.

    Parameters
    ----------
    template
        Where to substitute.
    ion, charge
        The mobile ion, in every substitution: at its own sites if the template holds it, else at those of one class of
        its charge (e).
    key
        Seed of the order.
    """

    def __init__(self, template: Template, *, ion: str, charge: int, key: Sequence[int]) -> None:
        self.template = template
        self._options = _options(template, ion=ion, charge=charge)
        self.count = sum(math.prod(map(len, option)) for option in self._options)
        if self.count:
            generator = np.random.default_rng(key)
            self._start = int(generator.integers(self.count))
            self._step = int(generator.integers(1, self.count + 1))
            # k -> (step k + start) mod count visits every number once if step and count have no common divisor.
            while math.gcd(self._step, self.count) != 1:
                self._step += 1

    def elements(self, k: int) -> tuple[str, ...]:
        """Return the elements by class of the k-th substitution, 0 <= k < count."""
        number = (self._step * k + self._start) % self.count
        option = 0
        while number >= (size := math.prod(map(len, self._options[option]))):
            number -= size
            option += 1
        picked = []
        for choices in self._options[option]:
            number, index = divmod(number, len(choices))
            picked.append(choices[index])
        return tuple(picked)


def substituted(template: Template, elements: tuple[str, ...]) -> Candidate | None:
    """Return the crystal with these elements by class, or None if it would be no sensible one.

    Refused are repeated elements, a bond strained beyond `MAX_STRAIN`, contacts too short, and a volume per atom
    outside `ATOM_VOLUME`.

    Source: ours.
    """
    if len(set(elements)) < len(elements):
        return None
    radii = _radii(template, elements)
    cations, anions = template.bonds[:, 0].astype(int), template.bonds[:, 1].astype(int)
    weights, before = template.bonds[:, 2], template.bonds[:, 3]
    after = radii[cations] + radii[anions]
    scale = float((weights @ after) / (weights @ before))
    if (np.abs(scale * before / after - 1.0) > MAX_STRAIN).any():
        return None
    amounts = template.amounts
    volume = abs(float(np.linalg.det(template.lattice))) * scale**3
    if not ATOM_VOLUME[0] <= volume / amounts.sum() <= ATOM_VOLUME[1]:
        return None
    if (template.shortest * scale < _least_contacts(template.charges, radii)).any():
        return None
    return Candidate(template, elements, scale, formula_of(template, elements))


def formula_of(template: Template, elements: tuple[str, ...]) -> str:
    """Return the reduced formula of the template with these distinct elements by class."""
    return reduced_formula(dict(zip(elements, template.amounts.tolist(), strict=True)))


def _radii(template: Template, elements: tuple[str, ...]) -> FloatArray:
    return np.array(
        [
            ionic_radius(element, charge=charge, coordination=number)
            for element, charge, number in zip(elements, template.charges, template.coordination, strict=True)
        ],
        dtype=np.float64,
    )


def _least_contacts(charges: tuple[int, ...], radii: FloatArray) -> FloatArray:
    """Return the shortest distance allowed by pair of classes, shape (n_classes, n_classes), Å."""
    sums = radii[:, None] + radii[None, :]
    positive = np.array(charges) > 0
    least = np.where(positive[:, None] != positive[None, :], MIN_BOND * sums, MIN_ANION_CONTACT * sums)
    return np.where(positive[:, None] & positive[None, :], MIN_CATION_CONTACT, least)


def _options(template: Template, *, ion: str, charge: int) -> list[list[tuple[str, ...]]]:
    """Return the choices of elements by class, once for each class that the mobile ion can take."""
    ion_classes = [k for k, element in enumerate(template.elements) if element == ion]
    if not ion_classes:
        ion_classes = [k for k, other in enumerate(template.charges) if other == charge]
    choices = [_choices(template, k) for k in range(len(template.charges))]
    return [
        [(ion,) if k == ion_class else tuple(e for e in choice if e != ion) for k, choice in enumerate(choices)]
        for ion_class in ion_classes
        if template.charges[ion_class] == charge
    ]


def _choices(template: Template, k: int) -> tuple[str, ...]:
    own, charge, number = template.elements[k], template.charges[k], template.coordination[k]
    offered = substitutes(charge)
    # Ions that are not on the list (H, C, Be, Hg) stay where they are.
    if own and own not in offered:
        return (own,)
    return tuple(e for e in offered if ionic_radius(e, charge=charge, coordination=number) is not None)


@lru_cache(maxsize=1024)
def _places(template: Template) -> tuple[tuple[int, int, str], ...]:
    """Return (class, number of the row, coordinates and occupancy as CIF text) of every row."""
    return tuple(
        (int(k), row, f"{x:.6f} {y:.6f} {z:.6f} {occupancy:.6g}")
        for row, (k, (x, y, z), occupancy) in enumerate(
            zip(template.class_idx, template.positions, template.occupancies, strict=True), start=1
        )
    )
