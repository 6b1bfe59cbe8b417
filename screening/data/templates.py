"""Crystals into which ions are substituted: their sites grouped in classes, one class per ion.

All that a candidate needs is worked out once per template: bonds and shortest distances by pair of classes. A
substitution then is a scale factor and a few comparisons, whatever the size of the cell.
"""

from __future__ import annotations

import gzip
import importlib.util
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

import numpy as np

from screening.crystals import Crystal, FloatArray, IntArray, periodic_pairs, wrap, written_amounts
from screening.data.ions import CHARGE_TOLERANCE, balanced_charges, ionic_radius
from screening.elements import NUMBERS
from screening.errors import InputError

# Contacts between ions are looked up to here; the longest first-shell bond, Cs-I, is 4.0 Å.
CONTACT_RADIUS = 4.5
# A bond belongs to the first shell if it is at most this much longer than the shortest of its cation.
FIRST_SHELL = 1.25
# Rows closer than this share a site or are the halves of a split one; the shortest bond, H-O, is 0.96 Å.
SPLIT_DISTANCE = 0.6
# Prototypes with more sites are alloys and elements (alpha-Mn, sigma phase), not salts.
MAX_PROTOTYPE_SITES = 60
CATION_CHARGES = (1, 2, 3, 4, 5, 6)
ANION_CHARGES = (-1, -2, -3)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A crystal with its sites in classes, ready for substitution.

    Attributes
    ----------
    bonds
        Shape (n_bonds, 4): cation class, anion class, weight, reference length (Å): the sum of the radii of the ions
        that were there, or the mean distance where the prototype's own atoms are no ions.
    shortest
        Shape (n_classes, n_classes): shortest distance between sites that may be filled at once, Å; infinite beyond
        `CONTACT_RADIUS`.
    """

    label: str  # of the crystal it comes from
    prototype: str  # equal for crystals that are alike but for their ions
    lattice: FloatArray  # (3, 3) Å
    positions: FloatArray  # (n, 3) fractional
    class_idx: IntArray  # (n,)
    occupancies: FloatArray  # (n,)
    elements: tuple[str, ...]  # (n_classes,), "" where the prototype's own atoms do not count
    charges: tuple[int, ...]  # (n_classes,) e
    coordination: tuple[int, ...]  # (n_classes,)
    bonds: FloatArray
    shortest: FloatArray

    @property
    def amounts(self) -> FloatArray:
        """Atoms per cell by class, shape (n_classes,)."""
        return _amounts(self.class_idx, self.occupancies, len(self.charges))


def template_of(crystal: Crystal, *, prototype: str | None = None) -> Template | None:
    """Return the template of a crystal, or None if its ions are not plain: no neutral charges, radii or bonds.

    Parameters
    ----------
    crystal
        Oxidation states in it are not read: one charge per element is chosen so that the cell is neutral.
    prototype
        Name shared by alike crystals; made up from space group, sites and anonymous formula if not given.
    """
    charges = balanced_charges(crystal.composition())
    if charges is None or crystal.unplaced or not crystal.n_atoms:
        return None
    elements = tuple(charges)
    index = {NUMBERS[element]: k for k, element in enumerate(elements)}
    class_idx = np.array([index[int(number)] for number in crystal.numbers], dtype=np.int64)
    signs = tuple(charges.values())
    shell = _shell(crystal.lattice, crystal.positions, crystal.occupancies, class_idx, signs)
    if shell is None:
        return None
    bonds, coordination, shortest = shell
    radii = [
        ionic_radius(element, charge=charge, coordination=number)
        for element, charge, number in zip(elements, signs, coordination, strict=True)
    ]
    if any(radius is None for radius in radii):
        return None
    lengths = np.array(radii, dtype=np.float64)
    bonds[:, 3] = lengths[bonds[:, 0].astype(int)] + lengths[bonds[:, 1].astype(int)]
    return Template(
        label=crystal.id,
        prototype=prototype or _anonymous(crystal),
        lattice=crystal.lattice,
        positions=crystal.positions,
        class_idx=class_idx,
        occupancies=crystal.occupancies,
        elements=elements,
        charges=signs,
        coordination=coordination,
        bonds=bonds,
        shortest=shortest,
    )


def prototype_templates(ion_charge: int) -> Iterator[Template]:
    """Yield a template for each salt-like way to charge the sites of each AFLOW prototype bundled with pymatgen.

    Parameters
    ----------
    ion_charge
        Only ways in which some class has this charge (e), the mobile ion's.

    Raises
    ------
    InputError
        The installed pymatgen bundles no prototypes.

    Source: Mehl et al., Comput. Mater. Sci. 136, S1 (2017).
    """
    for entry in json.loads(gzip.decompress(_prototype_file().read_bytes())):
        sites = entry["snl"]["sites"]
        symbols = [site["species"][0]["element"] for site in sites]
        kinds = sorted(set(symbols))
        if len(kinds) < 2 or len(sites) > MAX_PROTOTYPE_SITES:
            continue
        class_idx = np.array([kinds.index(symbol) for symbol in symbols], dtype=np.int64)
        lattice = np.array(entry["snl"]["lattice"]["matrix"], dtype=np.float64)
        positions = wrap(np.array([site["abc"] for site in sites], dtype=np.float64))
        counts = np.bincount(class_idx)
        for charges in itertools.product(CATION_CHARGES + ANION_CHARGES, repeat=len(kinds)):
            if ion_charge not in charges or abs(float(counts @ np.array(charges))) > CHARGE_TOLERANCE:
                continue
            shell = _shell(lattice, positions, np.ones(len(sites)), class_idx, charges)
            if shell is None or not _is_salt(shell[2], charges):
                continue
            yield Template(
                label=entry["tags"]["aflow"],
                prototype=entry["tags"]["aflow"],
                lattice=lattice,
                positions=positions,
                class_idx=class_idx,
                occupancies=np.ones(len(sites)),
                elements=("",) * len(kinds),
                charges=charges,
                coordination=shell[1],
                bonds=shell[0],
                shortest=shell[2],
            )


def _prototype_file() -> Path:
    # The package is found but not imported: its import takes seconds and nothing of it is run.
    spec = importlib.util.find_spec("pymatgen")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        for name in ("analysis/prototypes/aflow_prototypes.json.gz", "analysis/aflow_prototypes.json.gz"):
            if (Path(folder) / name).is_file():
                return Path(folder) / name
    raise InputError("the installed pymatgen bundles no AFLOW prototypes: install pymatgen 2025.10.7 or later")


def _shell(
    lattice: FloatArray,
    positions: FloatArray,
    occupancies: FloatArray,
    class_idx: IntArray,
    charges: tuple[int, ...],
) -> tuple[FloatArray, tuple[int, ...], FloatArray] | None:
    """Return (bonds with mean lengths, coordination numbers, shortest distances), or None if a class has no bond."""
    count = len(charges)
    i, j, distance = _contacts(lattice, positions)
    sign = np.sign(np.array(charges))[class_idx]
    opposite = sign[i] * sign[j] < 0
    # Of sites filled by less than one atom in sum each may be empty where the other is filled: no contact but a bond.
    met = opposite | (occupancies[i] + occupancies[j] > 1.02)
    shortest = np.full((count, count), np.inf)
    np.minimum.at(shortest, (class_idx[i[met]], class_idx[j[met]]), distance[met])
    nearest = np.full(len(positions), np.inf)
    np.minimum.at(nearest, i[opposite], distance[opposite])
    # The first shell of either end: the bromine of Li3OBr is far from lithium, which is bound to oxygen.
    bonded = (sign[i] > 0) & (sign[j] < 0) & (distance <= FIRST_SHELL * np.maximum(nearest[i], nearest[j]))
    i, j, distance = i[bonded], j[bonded], distance[bonded]
    weight = occupancies[i] * occupancies[j]
    total = np.zeros((count, count))
    np.add.at(total, (class_idx[i], class_idx[j]), weight)
    length = np.zeros((count, count))
    np.add.at(length, (class_idx[i], class_idx[j]), weight * distance)
    numbers = (total.sum(axis=0) + total.sum(axis=1)) / _amounts(class_idx, occupancies, count)
    if (numbers == 0).any():
        return None
    rows, columns = np.nonzero(total)
    bonds = np.column_stack([rows, columns, total[rows, columns], length[rows, columns] / total[rows, columns]])
    return bonds, tuple(round(number) for number in numbers.tolist()), shortest


def _amounts(class_idx: IntArray, occupancies: FloatArray, count: int) -> FloatArray:
    return np.bincount(class_idx, weights=occupancies, minlength=count).astype(np.float64)


def _contacts(lattice: FloatArray, positions: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Return pairs of rows up to `CONTACT_RADIUS` apart, both ways round; not those that share or split a site."""
    pairs = periodic_pairs(lattice, positions, CONTACT_RADIUS)
    apart = pairs.distance > SPLIT_DISTANCE
    i, j, distance = pairs.i[apart], pairs.j[apart], pairs.distance[apart]
    return np.concatenate([i, j]), np.concatenate([j, i]), np.concatenate([distance, distance])


def _is_salt(shortest: FloatArray, charges: tuple[int, ...]) -> bool:
    """Return whether the nearest neighbour of every class has the opposite charge."""
    signs = np.sign(np.array(charges))
    opposite = signs[:, None] * signs[None, :] < 0
    nearest = np.where(opposite, shortest, np.inf).min(axis=1)
    alike = np.where(opposite, np.inf, shortest).min(axis=1)
    return bool((nearest < alike).all() and np.isfinite(nearest).all())


def _anonymous(crystal: Crystal) -> str:
    """Return e.g. ``216-A5B-52``: space group, anonymous formula, sites."""
    ordered = sorted(amount for _, amount in written_amounts(crystal.formula))
    letters = "".join(
        f"{letter}{'' if amount == 1 else f'{amount:g}'}"
        for letter, amount in zip(ascii_uppercase, ordered, strict=False)
    )
    return f"{crystal.spacegroup}-{letters}-{crystal.n_sites}"
