"""Arrays of atoms that need no symmetry → `Crystal`, by the rules that CIF files are held to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from screening import _kernels
from screening.config import InputLimits
from screening.crystals.arrays import FloatArray, IntArray, wrap
from screening.crystals.columns import MOST_DECIMALS
from screening.crystals.consistency import contact_contradiction, crowded_pairs, site_radii
from screening.crystals.crystal import Crystal
from screening.crystals.neighbours import contiguous
from screening.crystals.sites import OCCUPANCY_ROUNDING, READINGS, RULES, Expansion, Reading
from screening.crystals.syntax import lattice_of
from screening.elements import SYMBOLS
from screening.errors import Code, RejectionError

# Sites per Å³, split sites counted singly; the most among 14,592 lithium compounds and 254 conductors is 0.18.
MOST_SITES_PER_VOLUME = 1.0
LARGEST_COORDINATE = 1e4
LEAST_OCCUPANCY, MOST_OCCUPANCY = 1e-6, 1.5


def crystal_of_arrays(  # noqa: PLR0913
    *,
    id: str,
    source: str,
    lattice: NDArray[np.generic],
    positions: NDArray[np.generic],
    numbers: NDArray[np.generic],
    occupancies: NDArray[np.generic],
    charges: NDArray[np.generic] | None = None,
    unplaced: Mapping[int, float] | None = None,
    limits: InputLimits,
) -> Crystal:
    """Return the crystal whose cell holds exactly these atoms.

    The cell is turned so that a lies along x and b in the xy plane, as a CIF file has it. Atoms at equal positions
    share a site.

    Parameters
    ----------
    id, source
        Names to carry along.
    lattice
        (3, 3) Å, rows are cell vectors of any handedness.
    positions
        (n, 3) fractional.
    numbers
        (n,) atomic numbers.
    occupancies
        (n,) share of the site that the atom fills; atoms with 0 are left out, and flagged.
    charges
        (n,) oxidation states, NaN where unknown; None for no charges.
    unplaced
        Atomic number → atoms per cell without coordinates.
    limits
        Sizes beyond which it is refused.

    Raises
    ------
    RejectionError
        With the code that tells why no crystal has such a cell or such atoms.
    """
    n_rows = len(numbers)
    if n_rows == 0:
        raise RejectionError(Code.NO_ATOMS, "the structure has no atoms")
    if n_rows > 100 * limits.max_sites:
        raise RejectionError(Code.TOO_LARGE, f"{n_rows} atoms")
    cell = _standard(np.asarray(lattice, dtype=np.float64))
    places = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    shares = np.asarray(occupancies, dtype=np.float64)
    kinds = np.asarray(numbers, dtype=np.int64)
    states = np.full(n_rows, np.nan) if charges is None else np.asarray(charges, dtype=np.float64)
    _check_atoms(places, shares, kinds)
    flags: dict[str, str] = {}
    if (shares == 0).any():
        flags["zero-occupancy"] = ""
        held = shares > 0
        places, shares, kinds, states = places[held], shares[held], kinds[held], states[held]
        if not len(kinds):
            raise RejectionError(Code.NO_ATOMS, "no atom has an occupancy above 0")
    if unplaced:
        flags["atoms-without-coordinates"] = ""
    exact = np.full((len(kinds), 3), MOST_DECIMALS, dtype=np.int8)  # no coordinate is rounded by being written
    _, n_sites, places, rows, site_idx, images = _kernels.expanded(
        cell, np.eye(3)[None], np.zeros((1, 3)), contiguous(places), contiguous(shares), np.full(len(kinds), np.nan),
        exact, exact, READINGS[Reading.USUAL], RULES,
    )  # fmt: skip
    plain = n_sites == len(kinds)
    expansion = Expansion(places, rows, site_idx, images, {}, plain=plain)
    check_size(n_sites, cell, limits)
    kinds, shares, states = kinds[rows], shares[rows], states[rows]
    flags |= _flags(expansion, cell, kinds, shares)
    return Crystal(
        id=id,
        source=source,
        lattice=cell,
        positions=wrap(places),
        numbers=kinds.astype(np.uint8),
        occupancies=shares,
        site_idx=site_idx,
        charges=states,
        symmetry_source="none",
        flags=tuple(sorted(flags)),
        unplaced=dict(unplaced or {}),
        flag_details={name: flags[name] for name in sorted(flags) if flags[name]},
    )


def _standard(lattice: FloatArray) -> FloatArray:
    """Return the cell with a along x and b in the xy plane.

    Raises
    ------
    RejectionError
        no-cell: vectors are missing; bad-cell: they are no numbers, or enclose no volume.
    """
    if lattice.shape != (3, 3):
        raise RejectionError(Code.NO_CELL, "the structure has no cell of three vectors")
    if not np.isfinite(lattice).all():
        raise RejectionError(Code.BAD_CELL, "a cell vector is no number")
    lengths = np.linalg.norm(lattice, axis=1)
    if not lengths.all():
        raise RejectionError(Code.NO_CELL, "a cell vector is zero: the structure is not periodic in three directions")
    if lengths.max() >= LARGEST_COORDINATE:
        raise RejectionError(Code.BAD_CELL, f"a cell vector is {lengths.max():.4g} Å long")
    a, b, c = lattice / lengths[:, None]
    cosines = np.clip([b @ c, a @ c, a @ b], -1.0, 1.0)
    angles = [90.0 if abs(cosine) < 1e-15 else float(np.degrees(np.arccos(cosine))) for cosine in cosines]
    if not all(0.0 < angle < 180.0 for angle in angles):
        raise RejectionError(Code.BAD_CELL, "two cell vectors are parallel")
    return lattice_of([*map(float, lengths), *angles])


def _check_atoms(positions: FloatArray, occupancies: FloatArray, numbers: IntArray) -> None:
    if not np.isfinite(positions).all() or (np.abs(positions) > LARGEST_COORDINATE).any():
        raise RejectionError(Code.BAD_SITE, f"a coordinate is no number, or beyond ±{LARGEST_COORDINATE:g}")
    wrong = ~((occupancies == 0) | ((occupancies >= LEAST_OCCUPANCY) & (occupancies <= MOST_OCCUPANCY)))
    if wrong.any():
        raise RejectionError(Code.BAD_SITE, f"an occupancy is {float(occupancies[wrong][0]):g}")
    unknown = (numbers < 1) | (numbers >= len(SYMBOLS))
    if unknown.any():
        raise RejectionError(Code.BAD_ELEMENT, f"no element has the atomic number {int(numbers[unknown][0])}")


def check_size(n_sites: int, lattice: FloatArray, limits: InputLimits) -> None:
    """Return nothing if a cell, with a along x and b in the xy plane, has room for its sites; else raise."""
    if n_sites > limits.max_sites:
        raise RejectionError(Code.TOO_LARGE, f"{n_sites} sites, more than max_sites = {limits.max_sites}")
    volume = float(lattice[0, 0] * lattice[1, 1] * lattice[2, 2])
    if n_sites > 1 + MOST_SITES_PER_VOLUME * volume:
        raise RejectionError(Code.BAD_CELL, f"{n_sites} sites in {volume:.4g} Å³ are more than atoms have room for")


def _flags(expansion: Expansion, lattice: FloatArray, numbers: IntArray, occupancies: FloatArray) -> dict[str, str]:
    """Return what should be known of the atoms, each flag with its detail."""
    flags: dict[str, str] = {}
    site_idx = expansion.site_idx
    summed = np.bincount(site_idx, weights=occupancies).astype(np.float64)
    if (occupancies < 1).any() or len(summed) < len(occupancies):
        flags["disordered"] = ""

    def names() -> list[str]:
        return [SYMBOLS[number] for number in numbers[expansion.first_rows()].tolist()]

    most = int(summed.argmax())
    if summed[most] > 1.0 + OCCUPANCY_ROUNDING:
        flags["occupancy"] = f"{summed[most]:.4g} at {names()[most]}"
    radii = site_radii(numbers, site_idx)
    pairs = crowded_pairs(lattice, expansion, radii, summed)
    contact = contact_contradiction(pairs, radii, summed, names)
    if contact is not None:
        flags["contact"] = contact
    return flags
