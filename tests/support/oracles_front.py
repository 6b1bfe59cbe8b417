"""What the kernels between CIF text and clouds compute, in plain Python: equal bit for bit."""

from __future__ import annotations

import numpy as np

from screening.crystals.arrays import BoolArray, FloatArray, IntArray
from screening.crystals.neighbours import Pairs, periodic_pairs


def image_shifts(
    lattice: FloatArray, rotations: FloatArray, translations: FloatArray, positions: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the ways from atoms to their images (k, m, 3), cells, and their squared lengths (m, k), Å²."""
    shift = np.array([[_image(r, t, x) - x for x in positions] for r, t in zip(rotations, translations, strict=True)])
    shift -= np.round(shift)
    squared = np.empty((len(positions), len(rotations)))
    for operation, of_atoms in enumerate(shift):
        for atom, (a, b, c) in enumerate(of_atoms):
            v = a * lattice[0] + b * lattice[1] + c * lattice[2]
            squared[atom, operation] = v[0] * v[0] + v[1] * v[1] + v[2] * v[2]
    return shift, squared


def _image(rotation: FloatArray, translation: FloatArray, x: FloatArray) -> FloatArray:
    return np.asarray(rotation[:, 0] * x[0] + rotation[:, 1] * x[1] + rotation[:, 2] * x[2] + translation)


def expanded(
    rotations: FloatArray, translations: FloatArray, positions: FloatArray, part: float, offset: float
) -> tuple[int, FloatArray, IntArray, IntArray, IntArray]:
    """Return sites, and of each atom of the cell its position, row and site; and the images of each row."""
    steps = round(1.0 / part)
    sites: dict[tuple[int, ...], int] = {}
    rows: list[tuple[FloatArray, int, int]] = []
    for atom, x in enumerate(positions):
        met: set[int] = set()
        for rotation, translation in zip(rotations, translations, strict=True):
            image = _image(rotation, translation, x)
            image = image - np.floor(image)
            key = tuple(int(np.floor(value / part + offset)) % steps for value in image)
            site = sites.setdefault(key, len(sites))
            if site not in met:
                met.add(site)
                rows.append((image, atom, site))
    atoms = np.array([atom for _, atom, _ in rows])
    images = np.bincount(atoms, minlength=len(positions))
    return len(sites), np.array([x for x, _, _ in rows]), atoms, np.array([site for *_, site in rows]), images


def metric_misfit(lattice: FloatArray, rotations: FloatArray) -> float:
    """Return the largest |RᵀGR - G| of two cell vectors on the scale of their lengths."""
    metric = lattice @ lattice.T
    lengths = np.sqrt(np.diag(metric))
    moved = rotations.transpose(0, 2, 1) @ metric @ rotations
    return float((np.abs(moved - metric) / np.outer(lengths, lengths)).max())


def held(
    lattice: FloatArray,
    positions: FloatArray,
    occupancies: FloatArray,
    atoms: BoolArray,
    partners: BoolArray,
    low: float,
    high: float,
) -> FloatArray:
    """Return the summed occupancy of `partners` at a distance from `low` to `high` of each of `atoms`, (n,)."""
    pairs = periodic_pairs(lattice, positions, high)
    close = pairs.distance >= low
    result = np.zeros(len(atoms))
    for left, right in ((pairs.i, pairs.j), (pairs.j, pairs.i)):
        chosen = close & atoms[left] & partners[right]
        result += np.bincount(left[chosen], weights=occupancies[right[chosen]], minlength=len(atoms))
    return result


def crowded(
    lattice: FloatArray,
    positions: FloatArray,
    radii: FloatArray,
    occupancies: FloatArray,
    factor: float,
    least: float,
    most_shared: float,
) -> Pairs:
    """Return the pairs of sites that are too close, sorted by sites."""
    pairs = periodic_pairs(lattice, positions, max(2 * factor * float(radii.max(initial=0.0)), least))
    near = pairs.distance < np.maximum(factor * (radii[pairs.i] + radii[pairs.j]), least)
    near &= occupancies[pairs.i] + occupancies[pairs.j] > most_shared
    return Pairs(pairs.i[near], pairs.j[near], pairs.shift[near], pairs.distance[near])
