"""Whether charges can balance: salts of every kind can, what is no salt in any reading cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.crystals import charges_can_balance, written_amounts
from screening.crystals.charges import DISORDERED_SLACK, known_states
from screening.elements import NUMBERS, SYMBOLS


def composition(formula: str) -> np.ndarray:
    row = np.zeros((1, len(SYMBOLS)))
    for symbol, amount in written_amounts(formula):
        row[0, NUMBERS[symbol]] += amount
    return row


@pytest.mark.parametrize(
    "formula",
    """Li6PS5Cl Li7La3Zr2O12 Li3YBr6 Li3OCl Li3N LiTi2P3O12 Li7P3S11 Li10GeP2S12 LiCoO2 Li0.5CoO2 LiFePO4 FePO4
    LiMn2O4 Li2FeO3 LiFeO2 Li5FeO4 LiBH4 LiAlH4 LiNH2 Li2NH LiAuF6 CsLiAu2 Li2PdH2 LiOsO4 LiBrO4 Li2S4 LiN3""".split(),
)
def test_salts_balance(formula: str) -> None:
    assert charges_can_balance(composition(formula))[0]


@pytest.mark.parametrize(
    "formula", "Li8O Ba14LiN6Na14 LiF3 LiAlO3 LiZnO2 LiErO3 KLiNb4O12 Li2O2 LiO2 Sr2LiN Li LiHe Li3Rh".split()
)
def test_what_is_no_salt_in_any_reading_does_not(formula: str) -> None:
    assert not charges_can_balance(composition(formula))[0]


def test_refined_occupancies_may_be_off_a_little() -> None:
    garnet = composition("Li6.4La3Zr2O12")  # 0.6 lithium of 7 lost in the refinement
    assert DISORDERED_SLACK * garnet.sum() > 0.6
    assert charges_can_balance(garnet, np.array([True]))[0]
    assert not charges_can_balance(garnet, np.array([False]))[0]
    assert not charges_can_balance(composition("Li4.47La3Zr2O12"), np.array([True]))[0]


@given(
    st.lists(st.tuples(st.sampled_from(["Li", "O", "S", "Fe", "P", "Au"]), st.integers(1, 9)), min_size=1, max_size=4)
)
@settings(max_examples=60, deadline=None)
def test_against_every_assignment(parts) -> None:
    """Some mixture of states balances if and only if the interval between their sums holds zero."""
    amounts: dict[str, int] = {}
    for symbol, amount in parts:
        amounts[symbol] = amounts.get(symbol, 0) + amount
    low, high = known_states()
    sums = {0}
    for symbol, amount in amounts.items():
        for _ in range(amount):  # each atom has a state of its own
            ends = (int(low[NUMBERS[symbol]]), int(high[NUMBERS[symbol]]))
            sums = {total + state for total in sums for state in ends}
    slack = 0.02 * sum(amounts.values())
    possible = min(sums) <= slack and max(sums) >= -slack
    formula = "".join(f"{symbol}{amount}" for symbol, amount in amounts.items())
    assert charges_can_balance(composition(formula))[0] == possible
    assert charges_can_balance(3 * composition(formula))[0] == possible
