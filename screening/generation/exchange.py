"""The ions of one crystal put in the place of another's, by role: mobile ion, anions, other cations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import linprog

from screening.crystals import ANIONS, BoolArray, Crystal, FloatArray, anion_mask
from screening.elements import NUMBERS, SYMBOLS

LOST = 0.02  # of the atomic fractions that a made crystal may differ by from the composition wanted
RESIZED = 0.2  # cost of an atom more or less on the sites of an element, in units of Pettifor's scale over 100
LEAST = 1e-4  # occupancies below are left out


def exchanged(  # noqa: PLR0913
    template: Crystal,
    *,
    id: str,
    composition: Mapping[str, float],
    cell: tuple[float, float, float, float, float, float] | None,
    ion: str,
    scale: FloatArray,
) -> tuple[Crystal | None, str]:
    """Return the template with the ions of a composition on its sites, or None and why there is no room for them.

    Anions and other cations are moved at the least cost along the chemical scale, keeping the number of atoms on the
    sites of each element as near as the composition allows; the amount is set by the number of anions. The mobile
    ion's occupancies are scaled as one, none above the room that its site has.

    Parameters
    ----------
    template
        The crystal whose sites are taken.
    id
        Of the crystal that is made.
    composition
        Atoms per formula unit by element symbol.
    cell
        Measured cell in the setting of the template, or None to keep the template's.
    ion
        Symbol of the mobile ion.
    scale
        (119,) places on the chemical scale by atomic number.
    """
    mobile = template.numbers == NUMBERS[ion]
    is_anion = anion_mask(template) & ~mobile
    anions = set(template.numbers[is_anion].tolist())
    cations = set(template.numbers[~is_anion & ~mobile].tolist())
    wanted = {NUMBERS[symbol]: amount for symbol, amount in composition.items() if amount > 0}
    usual = {NUMBERS[symbol] for symbol in ANIONS}
    as_anion = {
        number
        for number in wanted
        if number != NUMBERS[ion] and (number in anions or (number in usual and number not in cations))
    }
    total = sum(wanted[number] for number in as_anion)
    if not as_anion or not is_anion.any():
        return None, "it has no anions"
    factor = float(template.occupancies[is_anion].sum()) / total
    rows: list[tuple[int, int, float]] = []
    for mask, numbers in ((is_anion, as_anion), (~is_anion & ~mobile, set(wanted) - as_anion - {NUMBERS[ion]})):
        placed = _placed(template, mask, {one: wanted[one] * factor for one in numbers}, scale=scale)
        if placed is None:
            return None, "there is no room for the atoms of the composition"
        rows += placed
    lithium = _scaled_ion(template, mobile, rows, wanted[NUMBERS[ion]] * factor)
    rows += [
        (int(row), NUMBERS[ion], float(filled)) for row, filled in zip(np.flatnonzero(mobile), lithium, strict=True)
    ]
    rows = sorted((int(row), number, filled) for row, number, filled in rows if filled > LEAST)
    crystal = _crystal(template, rows, id=id, cell=cell)
    if _difference(crystal, wanted) > LOST:
        return None, "there is no room for the atoms of the composition"
    return crystal, ""


def _placed(
    template: Crystal, mask: BoolArray, wanted: Mapping[int, float], *, scale: FloatArray
) -> list[tuple[int, int, float]] | None:
    """Return (row of the template, atomic number, occupancy) of the atoms wanted on the rows of `mask`.

    The transport of least cost: from the elements that are there to those wanted; sites of an element may hold more
    atoms than before, up to one each, or fewer, at the cost `RESIZED` per atom.
    """
    if not wanted:
        return []
    if not mask.any():
        return None
    there = sorted(set(template.numbers[mask].tolist()))
    targets = sorted(wanted)
    supply = np.array([template.occupancies[mask & (template.numbers == number)].sum() for number in there])
    filled = np.zeros(template.n_sites)
    np.add.at(filled, template.site_idx[mask], template.occupancies[mask])
    room = np.array(
        [
            sum(max(0.0, 1.0 - filled[site]) for site in set(template.site_idx[mask & (template.numbers == number)]))
            for number in there
        ]
    )
    n, m = len(there), len(targets)
    cost = np.abs(scale[there][:, None] - scale[targets][None, :])
    # Unknowns: atoms moved (n x m), atoms fewer (n), atoms more (n).
    weights = np.concatenate([np.nan_to_num(cost, nan=1.0).ravel(), np.full(2 * n, RESIZED)])
    equal = np.zeros((n + m, n * m + 2 * n))
    for i in range(n):
        equal[i, i * m : (i + 1) * m] = 1.0
        equal[i, n * m + i] = 1.0
        equal[i, n * m + n + i] = -1.0
    for j in range(m):
        equal[n + j, j : n * m : m] = 1.0
    bounds = [(0.0, None)] * (n * m + n) + [(0.0, float(most)) for most in room]
    found = linprog(
        weights,
        A_eq=equal,
        b_eq=np.concatenate([supply, [wanted[number] for number in targets]]),
        bounds=bounds,
        method="highs-ds",
    )
    if not found.success:
        return None
    moved = np.maximum(found.x[: n * m].reshape(n, m), 0.0)
    rows: list[tuple[int, int, float]] = []
    for i, number in enumerate(there):
        for row in np.flatnonzero(mask & (template.numbers == number)):
            share = float(template.occupancies[row]) / float(supply[i])
            rows += [(int(row), targets[j], share * float(moved[i, j])) for j in range(m) if moved[i, j] > 0]
    return rows


def _scaled_ion(
    template: Crystal, mobile: BoolArray, others: list[tuple[int, int, float]], wanted: float
) -> FloatArray:
    """Return the occupancies (n_mobile,) of the ion's rows: the old ones times one factor, none beyond its room."""
    filled = np.zeros(template.n_sites)
    for row, _, amount in others:
        filled[template.site_idx[row]] += amount
    rows = np.flatnonzero(mobile)
    room = np.clip(1.0 - filled[template.site_idx[rows]], 0.0, 1.0)
    old = template.occupancies[rows]
    low, high = 0.0, 1.0 / max(LEAST, float(old.min()))
    for _ in range(60):  # the sum rises with the factor: halving is enough
        middle = (low + high) / 2.0
        low, high = (middle, high) if np.minimum(old * middle, room).sum() < wanted else (low, middle)
    return np.asarray(np.minimum(old * high, room), dtype=np.float64)


def _crystal(
    template: Crystal, rows: list[tuple[int, int, float]], *, id: str, cell: tuple[float, ...] | None
) -> Crystal:
    index = np.array([row for row, _, _ in rows], dtype=np.int64)
    _, sites = np.unique(template.site_idx[index], return_inverse=True)
    occupancies = np.array([min(1.0, filled) for _, _, filled in rows])
    shared = np.zeros(int(sites.max()) + 1)
    np.add.at(shared, sites, occupancies)
    occupancies /= np.maximum(1.0, shared)[sites]
    return Crystal(
        id=id,
        source=f"made on {template.id}",
        lattice=template.lattice if cell is None else _lattice(cell),
        positions=template.positions[index],
        numbers=np.array([number for _, number, _ in rows], dtype=np.uint8),
        occupancies=occupancies,
        site_idx=sites.astype(np.int64),
        charges=np.full(len(rows), np.nan),
        spacegroup=template.spacegroup,
    )


def _lattice(cell: tuple[float, ...]) -> FloatArray:
    """Return the cell vectors (3, 3) as rows, Å: a along x, b in the xy plane."""
    a, b, c = cell[:3]
    cos_alpha, cos_beta, cos_gamma = np.cos(np.radians(cell[3:]))
    sin_gamma = float(np.sin(np.radians(cell[5])))
    y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    z = float(np.sqrt(max(0.0, 1.0 - cos_beta**2 - y**2)))
    rows = [[a, 0.0, 0.0], [b * cos_gamma, b * sin_gamma, 0.0], [c * cos_beta, c * y, c * z]]
    return np.array(rows, dtype=np.float64)


def _difference(crystal: Crystal, wanted: Mapping[int, float]) -> float:
    """Return the largest difference of an atomic fraction between a crystal and a composition."""
    made = dict.fromkeys(wanted, 0.0)
    for number, amount in zip(crystal.numbers.tolist(), crystal.occupancies.tolist(), strict=True):
        made[number] = made.get(number, 0.0) + amount
    total, held = sum(wanted.values()), sum(made.values())
    return max(abs(made[number] / held - wanted.get(number, 0.0) / total) for number in made)


def crystal_cif(crystal: Crystal) -> str:
    """Return CIF text of a crystal without symmetry: cell and every atom of it, atoms of one site at one position."""
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = [f"data_{crystal.id}"]
    lines += [f"_cell_{name} {value:.6f}" for name, value in zip(names, crystal.cell_parameters(), strict=True)]
    lines += ["_space_group_name_H-M_alt 'P 1'", "_space_group_IT_number 1"]
    lines += ["loop_", "_space_group_symop_operation_xyz", "'x,y,z'"]
    lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += ["_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy"]
    for row in range(crystal.n_atoms):
        symbol = SYMBOLS[int(crystal.numbers[row])]
        x, y, z = crystal.positions[row]
        lines.append(f"{symbol}{row + 1} {symbol} {x:.6f} {y:.6f} {z:.6f} {crystal.occupancies[row]:.6g}")
    return "\n".join(lines) + "\n"
