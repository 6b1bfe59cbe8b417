"""Formulas: written in order of electronegativity, or by amounts alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

# Elements in order of electronegativity, as in a written formula. Source: Pauling scale as tabulated in pymatgen.
FORMULA_ORDER: tuple[str, ...] = tuple(
    """
    Fr Cs K Rb Ba Ra Na Sr Li Ca La Tb Yb Ac Ce Pr Pm Nd Sm Eu Gd Y Dy Ho Er Tm Lu Pu Hf Th Am Cm Bk Cf Es Fm Md No Lr
    Mg Zr Sc Np U Ta Pa Ti Mn Be Nb Al Tl V Zn Cr Cd In Ga Fe Co Si Cu Tc Re Ni Ag Sn Hg Po Ge Bi B Sb Te Mo As P H Ru
    Pd Os Ir At Rn Rh Pt Pb W Au C Se S Xe I Br Kr N Cl O F He Ne Ar Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
    """.split()
)


_FORMULA_RANK = {symbol: rank for rank, symbol in enumerate(FORMULA_ORDER)}


def reduced_formula(composition: Mapping[str, float]) -> str:
    """Return the reduced formula, elements in order of electronegativity, e.g. ``Li6PS5Cl``.

    Amounts per cell are divided by the largest divisor of the whole amounts that leaves every amount with at most two
    decimals, or if none does by their greatest common divisor; at most three decimals are written. Whole amounts give
    the same formula for every cell of a crystal. Broken ones may not: Li0.5CoO2 in a doubled cell is LiCo2O4.

    Parameters
    ----------
    composition
        Atoms per cell by element symbol.

    Source: ours; the order of elements is pymatgen's.
    """
    amounts = {symbol: amount for symbol, amount in composition.items() if amount > 1e-6}
    divisor = _divisor(list(amounts.values()))
    parts = []
    for symbol in sorted(amounts, key=_FORMULA_RANK.__getitem__):
        text = f"{amounts[symbol] / divisor:.3f}".rstrip("0").rstrip(".")
        parts.append(symbol if text == "1" else f"{symbol}{text}")
    return "".join(parts)


def _divisor(amounts: Sequence[float]) -> int:
    """Return what to divide amounts per cell by, an integer of at least 1."""
    whole = [round(amount) for amount in amounts if round(amount) > 0 and abs(amount - round(amount)) < 2e-3]
    if not whole:
        return 1
    common = math.gcd(*whole)
    if len(whole) == len(amounts):
        return common
    below = [divisor for divisor in range(1, math.isqrt(common) + 1) if common % divisor == 0]
    divisors = sorted({*below, *(common // divisor for divisor in below)}, reverse=True)
    for divisor in divisors:
        hundredths = [amount / divisor * 100.0 for amount in amounts]
        if all(abs(value - round(value)) < 0.11 for value in hundredths):
            return divisor
    return common


def anonymous_formula(composition: Mapping[str, float]) -> str:
    """Return the reduced formula without its elements, smallest amount first: ``ABC5D6`` for Li6PS5Cl.

    Parameters
    ----------
    composition
        Atoms per cell by element symbol; reduced as `reduced_formula` does.
    """
    amounts = [amount for amount in composition.values() if amount > 1e-6]
    divisor = _divisor(amounts)
    texts = (f"{amount / divisor:.3f}".rstrip("0").rstrip(".") for amount in sorted(amounts))
    return "".join(f"{_letter(index)}{'' if text == '1' else text}" for index, text in enumerate(texts))


def _letter(index: int) -> str:
    """Return A to Z, then Aa, Ab, ... for the kinds of a formula."""
    first, second = divmod(index, 26)
    return chr(65 + second) if first == 0 else f"{chr(64 + first)}{chr(97 + second)}"
