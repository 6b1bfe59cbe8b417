"""Whether the charges of a crystal can balance at all: what a list of candidates holds back for.

Narrower readings stand elsewhere (`charge_balanced`, usual states alone, for structures that are made). Here every
known state of an element counts, since what is held back should be no salt in any reading.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.crystals.arrays import BoolArray, FloatArray
from screening.crystals.chemistry import CHARGE_SLACK
from screening.elements import SYMBOLS

# Refined occupancies of lithium are good to about a tenth, and lithium is up to half of the atoms. Elementary charges
# per atom that a disordered crystal may be off.
DISORDERED_SLACK = 0.05
# States that pymatgen's table has not, of solids that are well known: aurides (CsAu), platinides (Cs2Pt), bismuthides
# and plumbides, hydrides of palladium(0), nitridonickelates(0), perbromates. Source: Greenwood and Earnshaw, Chemistry
# of the Elements, 2nd ed. (1997), chapters 13, 10, 17, 27, 28.
FURTHER_STATES = {"Au": (-1,), "Pt": (-2,), "Bi": (-3,), "Pb": (-4,), "Pd": (0,), "Ni": (0,), "Br": (7,)}


@cache
def known_states() -> tuple[FloatArray, FloatArray]:
    """Return the lowest and the highest oxidation state (119,) that an element may have; NaN where none is known.

    The states are the common ones and those of at least ten entries of the ICSD, the positive ones that are known at
    all of a metal or half-metal (iron up to +6; negative ones of metals are those of carbonyls), and `FURTHER_STATES`.

    Source: pymatgen's element table.
    """
    from pymatgen.core.periodic_table import Element  # workers that featurize do without it

    low, high = np.full(len(SYMBOLS), np.nan), np.full(len(SYMBOLS), np.nan)
    for number, symbol in enumerate(SYMBOLS):
        if not number or not Element.is_valid_symbol(symbol):
            continue
        element = Element(symbol)
        states = {*element.common_oxidation_states, *element.icsd_oxidation_states, *FURTHER_STATES.get(symbol, ())}
        if element.is_metal or element.is_metalloid:
            states |= {state for state in element.oxidation_states if state > 0}
        if states:
            low[number], high[number] = min(states), max(states)
    return low, high


def charges_can_balance(composition: NDArray[Any], disordered: BoolArray | None = None) -> NDArray[np.bool_]:
    """Return (n,) whether oxidation states can sum to zero, for compositions (n, 119), atoms by atomic number.

    Each element may stand anywhere between its lowest and its highest known state, as in a phase of mixed valence: the
    answer is no only where even all lowest states together are too positive, or all highest ones too negative (or an
    element has no known state). Oxygen is -2: peroxides, superoxides, and crystals whose hydrogen is not listed, fail.

    Parameters
    ----------
    composition
        (n, 119) atoms of a cell, of a disordered crystal its average.
    disordered
        (n,) which crystals have partly filled or mixed sites: their charges may be off by `DISORDERED_SLACK` per atom,
        those of the others by `CHARGE_SLACK`.

    Source: ours.
    """
    amounts = np.asarray(composition, dtype=np.float64)
    low, high = known_states()
    unknown = (amounts > 0) @ np.isnan(low)
    loose = np.zeros(len(amounts), dtype=np.bool_) if disordered is None else disordered
    slack = np.where(loose, DISORDERED_SLACK, CHARGE_SLACK) * amounts.sum(axis=1)
    least, most = amounts @ np.nan_to_num(low), amounts @ np.nan_to_num(high)
    return np.asarray((unknown == 0) & (least <= slack) & (most >= -slack), dtype=np.bool_)
