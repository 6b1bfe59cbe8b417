"""Formulas: written in order of electronegativity, or by amounts alone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from screening.elements import NUMBERS

# Elements in order of electronegativity, as in a written formula. Source: Pauling scale as tabulated in pymatgen.
FORMULA_ORDER: tuple[str, ...] = tuple(
    """
    Fr Cs K Rb Ba Ra Na Sr Li Ca La Tb Yb Ac Ce Pr Pm Nd Sm Eu Gd Y Dy Ho Er Tm Lu Pu Hf Th Am Cm Bk Cf Es Fm Md No Lr
    Mg Zr Sc Np U Ta Pa Ti Mn Be Nb Al Tl V Zn Cr Cd In Ga Fe Co Si Cu Tc Re Ni Ag Sn Hg Po Ge Bi B Sb Te Mo As P H Ru
    Pd Os Ir At Rn Rh Pt Pb W Au C Se S Xe I Br Kr N Cl O F He Ne Ar Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
    """.split()
)


_ORDERED_NUMBERS = np.array([NUMBERS[symbol] for symbol in FORMULA_ORDER])
_FORMULA_RANK = {symbol: rank for rank, symbol in enumerate(FORMULA_ORDER)}
# Characters of a stated formula that is read at all; the longest of 14,592 lithium compounds has fewer than 60.
LONGEST_FORMULA = 500
_DECIMAL = r"\d+\.?\d*|\.\d+"
# A dot that sets off a part (·, *, or a full stop that stands alone), and the number before a part.
_PART = re.compile(r"\s*[·•∙*,;]\s*|\s+\.\s+")
# In SO4.2H2O the dot may be that of a decimal number or of a part.
_AMBIGUOUS_DOT = re.compile(r"\d\.\d+\(?[HD]2O")
_LEAD = re.compile(rf"\s*({_DECIMAL})?\s*")
_TOKEN = re.compile(
    rf"(?:(?P<symbol>[A-Z][a-z]?)|(?P<open>[(\[{{])|[)\]}}])(?P<amount>(?<![(\[{{])(?:{_DECIMAL}))?(?:(?<=[\d.])\(\d+\))?\s*"
)


# An element and its amount, as `reduced_formula` writes them and as polars and NumPy columns are searched for.
WRITTEN_SYMBOL = "[A-Z][a-z]?"
_WRITTEN = re.compile(rf"({WRITTEN_SYMBOL})(\d*\.?\d*)")


def written_amounts(formula: str) -> list[tuple[str, float]]:
    """Return elements and amounts in their order in a formula as `reduced_formula` writes it; brackets are passed over.

    For formulas as files state them, with brackets, water and charges, there is `parsed_formula`.
    """
    return [(symbol, float(amount.strip(".") or 1.0)) for symbol, amount in _WRITTEN.findall(formula)]


def written_formula(formula: str) -> dict[str, float] | None:
    """Return the amounts of a formula that is nothing but elements and amounts, such as Li6PS5Cl; None for others."""
    if not formula or re.fullmatch(rf"(?:{_WRITTEN.pattern})+", formula) is None:
        return None
    amounts: dict[str, float] = {}
    for symbol, amount in written_amounts(formula):
        amounts[symbol] = amounts.get(symbol, 0.0) + amount
    return amounts


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
    symbols = sorted(amounts, key=_FORMULA_RANK.__getitem__)
    return _written(symbols, [amounts[symbol] for symbol in symbols])


def formulas_of(amounts: NDArray[np.float64]) -> list[str]:
    """Return the reduced formulas of atoms per cell by atomic number, (n, 119), as `reduced_formula`."""
    ordered = amounts[:, _ORDERED_NUMBERS]
    rows, columns = np.nonzero(ordered > 1e-6)
    values, symbols = ordered[rows, columns].tolist(), [FORMULA_ORDER[column] for column in columns.tolist()]
    ends = np.searchsorted(rows, np.arange(len(amounts) + 1)).tolist()
    return [_written(symbols[begin:end], values[begin:end]) for begin, end in pairwise(ends)]


def _written(symbols: Sequence[str], amounts: Sequence[float]) -> str:
    divisor = _divisor(amounts)
    texts = [_amount_text(amount / divisor) for amount in amounts]
    return "".join([symbol + text for symbol, text in zip(symbols, texts, strict=True)])


@lru_cache(maxsize=16384)
def _amount_text(amount: float) -> str:
    text = f"{amount:.3f}".rstrip("0").rstrip(".")
    return "" if text == "1" else text


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
    return anonymous_amounts(list(composition.values()))


def anonymous_amounts(amounts: Sequence[float]) -> str:
    """Return what `anonymous_formula` does of the amounts (n_elements,) alone, in any order."""
    return _without_elements(tuple(sorted([amount for amount in amounts if amount > 1e-6])))


@lru_cache(maxsize=16384)
def _without_elements(amounts: tuple[float, ...]) -> str:
    """Return the reduced formula of rising amounts."""
    divisor = _divisor(amounts)
    texts = (f"{amount / divisor:.3f}".rstrip("0").rstrip(".") for amount in amounts)
    return "".join(f"{_letter(index)}{'' if text == '1' else text}" for index, text in enumerate(texts))


def _letter(index: int) -> str:
    """Return A to Z, then Aa, Ab, ... for the kinds of a formula."""
    first, second = divmod(index, 26)
    return chr(65 + second) if first == 0 else f"{chr(64 + first)}{chr(97 + second)}"


class StatedFormula(NamedTuple):
    """What a written formula says."""

    amounts: dict[str, float]  # atoms per formula unit by element symbol; deuterium and tritium are hydrogen
    symbols: frozenset[str]  # the symbols as written, D and T among them


def parsed_formula(text: str) -> StatedFormula | None:
    """Return what a written formula says, e.g. ``Li6 P S5 Cl``, ``Li2SO4·H2O`` or ``Ca3(P O4)2``; None if unreadable.

    Amounts may be decimal and carry a standard uncertainty in parentheses. A formula in capitals alone is read by its
    blanks (``LI2 MN O4``), and not at all where a pair of letters may be one element or two (``CO``).

    Parameters
    ----------
    text
        As it stands in the file, unquoted.
    """
    text = text.strip()
    plain = _one_element_a_word(text) if len(text) <= LONGEST_FORMULA else None
    if plain:
        return StatedFormula(plain, frozenset(plain))
    if not 0 < len(text) <= LONGEST_FORMULA or _AMBIGUOUS_DOT.search(text):
        return None
    if not any(char.islower() for char in text):
        capitals = _capitals(text)
        if capitals is None:
            return None
        text = capitals
    summed = _summed(text)
    if not summed or not all(math.isfinite(amount) and amount >= 0 for amount in summed.values()):
        return None
    summed = {symbol: amount for symbol, amount in summed.items() if amount > 0}
    amounts: dict[str, float] = {}
    for symbol, amount in summed.items():
        element = "H" if symbol in {"D", "T"} else symbol
        amounts[element] = amounts.get(element, 0.0) + amount
    return StatedFormula(amounts, frozenset({*summed, *amounts})) if amounts else None


def _one_element_a_word(text: str) -> dict[str, float] | None:
    """Return the amounts of a formula as the dictionary wants it, nearly always; None for others."""
    amounts: dict[str, float] = {}
    small = False  # a formula in capitals alone is read elsewhere
    words = text.split()
    for word in words:
        two = word[:2]
        symbol, amount = (two, word[2:]) if two in _FORMULA_RANK else (word[0], word[1:])
        if symbol not in _FORMULA_RANK or (amount and not amount.replace(".", "", 1).isdecimal()):
            return None
        amounts[symbol] = float(amount) if amount else 1.0
        small = small or len(symbol) == 2
    if not small or len(amounts) < len(words) or min(amounts.values()) <= 0:
        return None
    return amounts


def _capitals(text: str) -> str | None:
    """Return a formula of capitals with its two-letter symbols written as such; None where they may be two elements."""
    words = re.findall(r"[A-Z]+|[^A-Z]+", text)
    for index, word in enumerate(words):
        if len(word) == 1 or not word.isalpha():
            continue
        one = len(word) == 2 and word.capitalize() in _FORMULA_RANK
        many = all(letter in _FORMULA_RANK or letter in "DT" for letter in word)
        if one == many:
            return None
        words[index] = word.capitalize() if one else word
    return "".join(words)


def _summed(text: str) -> dict[str, float] | None:
    """Return the amounts of a formula's symbols: parts set off by dots or commas, each with its multiplier."""
    result: dict[str, float] = {}
    for part in _PART.split(text):
        stack: list[dict[str, float]] = [{}]
        lead = _LEAD.match(part)
        factor = float(lead[1]) if lead and lead[1] else 1.0
        at = lead.end() if lead else 0
        while at < len(part):
            token = _TOKEN.match(part, at)
            if token is None:
                return None
            at = token.end()
            amount = float(token["amount"] or 1.0)
            if token["symbol"]:
                if token["symbol"] not in _FORMULA_RANK and token["symbol"] not in {"D", "T"}:
                    return None
                stack[-1][token["symbol"]] = stack[-1].get(token["symbol"], 0.0) + amount
            elif token["open"]:
                stack.append({})
            else:
                if len(stack) == 1:
                    return None
                for symbol, count in stack.pop().items():
                    stack[-1][symbol] = stack[-1].get(symbol, 0.0) + count * amount
        if len(stack) != 1:
            return None
        for symbol, count in stack[0].items():
            result[symbol] = result.get(symbol, 0.0) + count * factor
    return result
