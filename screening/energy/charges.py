"""The charge of every atom of a crystal: stated, or formal ones of the anions and what balances them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from screening.crystals import Crystal, FloatArray, anion_mask, periodic_pairs
from screening.data import CHARGE_TOLERANCE, MAX_COMBINATIONS, neutral_charges, usual_charges
from screening.elements import NUMBERS, SYMBOLS
from screening.energy.parameters import mobile_charges, positive_states

# Anions of one element nearer than this are bonded to each other, as in a peroxide: 1.2 times the sum of their covalent
# radii (Cordero et al., Dalton Trans. 2008, 2832), Å. Ions that only touch are at least 0.5 Å farther apart.
BONDED = {
    "N": 1.70, "O": 1.58, "F": 1.37, "S": 2.52, "Cl": 2.45, "Se": 2.88, "Br": 2.88, "Te": 3.31, "I": 3.34,
}  # fmt: skip
# Pairs that fill less than this between them are alternatives for one place.
SHARED = 1.05


class NoBarrier(StrEnum):
    """Why a crystal has no bond-valence barrier."""

    UNREADABLE = "unreadable"
    NO_MOBILE_ION = "no-mobile-ion"
    UNPLACED = "unplaced-atoms"
    BONDED_ANIONS = "bonded-anions"
    NO_CHARGES = "no-charges"
    NO_PARAMETERS = "no-parameters"
    TOO_LARGE = "too-large"


class NoBarrierError(Exception):
    """A crystal has no bond-valence barrier; `code` says why, the text what is particular to it."""

    def __init__(self, code: NoBarrier, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def atom_charges(crystal: Crystal, ion: str) -> tuple[FloatArray, int]:
    """Return the charge of each atom (n_atoms,) in e, and that of the mobile ion.

    Stated ones where the file states all and they sum to zero. Else each anion has its formal charge, the mobile ion
    its own, and the other elements one allowed state each, the usual ones first; where none of these is neutral, one
    element is between two of its states (mixed valence), which changes its usual state least.

    Parameters
    ----------
    crystal
        With at least one atom of the mobile ion.
    ion
        Symbol of the mobile ion.

    Raises
    ------
    NoBarrierError
        Nothing known is neutral, anions are bonded to each other, or the mobile ion has no parameters.

    Source: ours.
    """
    if not mobile_charges(ion):
        raise NoBarrierError(NoBarrier.NO_PARAMETERS, f"there are no parameters for mobile {ion}")
    stated = _stated(crystal, ion)
    if stated is not None:
        return stated
    is_anion = anion_mask(crystal) & (crystal.numbers != NUMBERS[ion])
    _refuse_bonded(crystal, is_anion)
    return _formal(crystal, ion, is_anion)


def _stated(crystal: Crystal, ion: str) -> tuple[FloatArray, int] | None:
    charges, mobile = crystal.charges, crystal.numbers == NUMBERS[ion]
    if np.isnan(charges).any() or crystal.unplaced or not (charges[mobile] == charges[mobile][0]).all():
        return None
    net, total = float(crystal.occupancies @ charges), float(crystal.occupancies.sum())
    of_ion = charges[mobile][0]
    if of_ion not in mobile_charges(ion) or abs(net) > CHARGE_TOLERANCE * total:
        return None
    return charges.copy(), int(of_ion)


def _refuse_bonded(crystal: Crystal, is_anion: np.ndarray) -> None:
    for number in np.unique(crystal.numbers[is_anion]).tolist():
        limit = BONDED.get(SYMBOLS[number])
        if limit is None:
            continue
        rows = np.flatnonzero(is_anion & (crystal.numbers == number))
        pairs = periodic_pairs(crystal.lattice, crystal.positions[rows], limit)
        filled = crystal.occupancies[rows]
        bonded = filled[pairs.i] + filled[pairs.j] > SHARED
        if bonded.any():
            shortest = float(pairs.distance[bonded].min())
            raise NoBarrierError(
                NoBarrier.BONDED_ANIONS, f"{SYMBOLS[number]} is bonded to {SYMBOLS[number]} at {shortest:.2f} Å"
            )


def _formal(crystal: Crystal, ion: str, is_anion: np.ndarray) -> tuple[FloatArray, int]:
    """Return charges of anions, and of cations that balance them; an element may be both, as nitrogen in a nitrate."""
    kinds: list[tuple[str, bool]] = []
    amounts: list[float] = []
    options: list[Sequence[int]] = []
    placed = {(SYMBOLS[n], a) for n, a in zip(crystal.numbers.tolist(), is_anion.tolist(), strict=True)}
    unplaced = {SYMBOLS[number]: amount for number, amount in crystal.unplaced.items()}
    for symbol, anion in sorted({*placed, *((symbol, False) for symbol in unplaced)}):
        rows = (crystal.numbers == NUMBERS[symbol]) & (is_anion == anion)
        kinds.append((symbol, anion))
        amounts.append(float(crystal.occupancies[rows].sum()) + (0.0 if anion else unplaced.get(symbol, 0.0)))
        options.append(_options(symbol, ion, anion=anion))
    missing = [symbol for (symbol, _), found in zip(kinds, options, strict=True) if not found]
    if missing:
        raise NoBarrierError(NoBarrier.NO_CHARGES, f"no formal charge is known for {', '.join(missing)}")
    picked = neutral_charges(amounts, options)
    charges = list(map(float, picked)) if picked is not None else _mixed(kinds, amounts, options, ion)
    if charges is None:
        raise NoBarrierError(NoBarrier.NO_CHARGES, f"no allowed charges of {crystal.formula} sum to zero")
    by_kind = dict(zip(kinds, charges, strict=True))
    found = [by_kind[SYMBOLS[n], a] for n, a in zip(crystal.numbers.tolist(), is_anion.tolist(), strict=True)]
    return np.array(found, dtype=np.float64), int(by_kind[ion, False])


def _options(symbol: str, ion: str, *, anion: bool) -> tuple[int, ...]:
    usual = usual_charges(symbol)
    if anion:
        return tuple(charge for charge in usual if charge < 0)[:1]
    if symbol == ion:
        return mobile_charges(ion)
    return tuple(dict.fromkeys([*(charge for charge in usual if charge > 0), *positive_states(symbol)]))


def _mixed(
    kinds: Sequence[tuple[str, bool]], amounts: Sequence[float], options: Sequence[Sequence[int]], ion: str
) -> list[float] | None:
    """Return charges with one element between two of its states and the others in one each, the usual ones first."""
    if math.prod(map(len, options)) > MAX_COMBINATIONS:
        return None
    cations = [at for at, (symbol, anion) in enumerate(kinds) if not anion and symbol != ion and amounts[at] > 0]
    ranked = sorted(itertools.product(*(range(len(option)) for option in options)), key=lambda pick: (sum(pick), pick))
    for pick in ranked:
        charges = [float(option[index]) for option, index in zip(options, pick, strict=True)]
        if min(charges) > 0:
            return None
        net = sum(amount * charge for amount, charge in zip(amounts, charges, strict=True))
        changes = []
        for at in cations:
            charge = charges[at] - net / amounts[at]
            if pick[at] == 0 and min(options[at]) <= charge <= max(options[at]):
                changes.append((abs(charge - charges[at]), at))
        if changes:
            _, at = min(changes)
            charges[at] -= net / amounts[at]
            return charges
    return None
