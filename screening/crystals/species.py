"""What a type symbol or a label of the atom loop means: elements, charge, hydrogen; refused with its name otherwise.

A name is read where its meaning is certain: symbols with charges, isotopes (7Li), names of scattering factors (Cval),
mixed symbols (0.75Li + 0.25Na), groups that are one heavy atom with its hydrogen (OH, H2O, NH4). Where the file states
a formula, a label never becomes an element that the formula lacks.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

from screening.crystals.syntax import shown
from screening.elements import NUMBERS
from screening.errors import Code, RejectionError

# No ion carries more; a larger number is a slip that chemistry would take at its word.
LARGEST_CHARGE = 20.0
# The longest symbol with a charge, such as Fe2.6666667+, leaves room to spare; a mixed one holds several.
LONGEST_SYMBOL = 40
LONGEST_MIXED = 200
# The shares of a mixed symbol sum to at most this.
MOST_SHARES = 1.02
# Elements of which no crystal structure is known; their symbols are those of groups and sites (No, Nh, Cn, Md, Ts).
FIRST_UNKNOWN = 99

_AMOUNT = r"(\d+\.?\d*|\.\d+)?"
_TYPE_SYMBOL = re.compile(rf"([A-Za-z]{{1,2}})(?:{_AMOUNT}([+-]){_AMOUNT}|\d*)\Z")
_ISOTOPE = re.compile(r"[\^(]?(\d{1,3})[\^)]?([A-Z][a-z]?)(?![a-z])(.*)\Z", re.DOTALL)
_SHARE = r"(?:\d+\.\d*|\.\d+|1)"
_CHARGED = r"\d*\.?\d*[+-]?"
_LEADING = re.compile(rf"({_SHARE})\s*([A-Z][A-Za-z0-9]*?)({_CHARGED})\Z")
_TRAILING = re.compile(rf"([A-Z][a-z]?)({_SHARE})")
_BETWEEN = re.compile(r"\s+\+\s*|\+\s*(?=\d*\.\d)|\s*[,;/&]\s*")
_LABEL = re.compile(r"[A-Za-z]+")
_HYDROGEN = {"D": 1, "T": 1}
# Labels and types of what is no atom: vacancies, dummies, sites. Each begins with the symbol of an element.
_NO_ATOM = re.compile(r"(?:dum[a-z]*|du|dm|vac[a-z]*|va|vc|kk|st|xx)\Z", re.IGNORECASE)
# Names of valence scattering factors, Int. Tables C 6.1.1.4.
_SCATTERING = {"Cval": "C", "Sival": "Si", "Siva": "Si"}
# Groups of one heavy atom and its hydrogen: the atom, and how many hydrogen atoms it holds.
_WITH_HYDROGEN = {
    **dict.fromkeys(("OH", "Oh", "HO"), ("O", 1.0)),
    **dict.fromkeys(("H2O", "OH2", "HOH", "D2O", "Wat", "WAT", "wat", "Water"), ("O", 2.0)),
    "H3O": ("O", 3.0),
    "NH": ("N", 1.0),
    "NH2": ("N", 2.0),
    "NH3": ("N", 3.0),
    "NH4": ("N", 4.0),
    "BH4": ("B", 4.0),
    "CH": ("C", 1.0),
    "CH2": ("C", 2.0),
    "CH3": ("C", 3.0),
}
# What a label tells of hydrogen: digits after OH and Wat are numbers of the atom.
_WATER = re.compile(r"(?:wat(?:er)?|hoh)(?![a-z])|h2o(?![a-z])", re.IGNORECASE)
# Pairs of capitals that are groups where no formula tells that they are cobalt, holmium, polonium or californium.
_GROUP_PAIRS = frozenset("CN NO NH CO HO PO SO BO BH BF PF CF CH".split())
# Symbols of elements without a known crystal that are also those of borohydride (BH4), cyanide, nitrosyl, imide.
_GROUP_LIKE = frozenset({"Bh", "Cn", "No", "Nh"})
# First letters that stand for their element whatever follows: Ow, OA, HW, CB, NT.
_FREE_LETTERS = frozenset("OHCN")


class Species(NamedTuple):
    """The atoms that one row of the atom loop stands for."""

    parts: tuple[tuple[int, float], ...]  # atomic number, share of the row's occupancy
    charge: float  # oxidation state, NaN where none is stated or several elements share the row
    hydrogens: float = 0.0  # hydrogen atoms that the name counts but does not place


# Symbols that mean their element whatever the file states.
PLAIN_SYMBOLS = {
    symbol: Species(((number, 1.0),), math.nan) for symbol, number in NUMBERS.items() if symbol not in _GROUP_LIKE
}


@lru_cache(maxsize=4096)
def species_of(symbol: str | None, label: str | None, *, stated: frozenset[str] | None, capitals: bool) -> Species:
    """Return what a row of the atom loop stands for, by its type symbol, else by its label.

    Parameters
    ----------
    symbol, label
        Unquoted; None or empty where the file has none.
    stated
        Symbols of the stated formula, None where none can be read.
    capitals
        Whether the file writes its symbols in capitals (LI1, CL1), so that CO1 is cobalt.

    Raises
    ------
    RejectionError
        bad-element, with the name that cannot be read.
    """
    return _of_type(symbol, stated) if symbol else _of_label(label or "", stated, capitals=capitals)


def _of_type(text: str, stated: frozenset[str] | None) -> Species:
    match = _TYPE_SYMBOL.match(text) if len(text) <= LONGEST_SYMBOL else None
    if match and not _doubtful(match[1], text, stated):
        number = number_of(match[1])
        if number is not None:
            if match[3] is None:
                return Species(((number, 1.0),), math.nan)
            return Species(((number, 1.0),), checked_charge(float(match[3] + (match[2] or match[4] or "1")), text))
    # NH4+ and OH1-: the digits before the sign are of the group or of the charge.
    for bare in (re.sub(pattern, "", text).strip("() ") for pattern in (r"[+-]\Z", r"\(?\d?[+-]\d?\)?\Z")):
        if bare in _SCATTERING:
            return Species(((NUMBERS[_SCATTERING[bare]], 1.0),), math.nan)
        if bare in _WITH_HYDROGEN and (bare != "HO" or stated is not None):
            heavy, hydrogens = _WITH_HYDROGEN[bare]
            return Species(((NUMBERS[heavy], 1.0),), math.nan, hydrogens)
    return _isotope(text) or _mixed(text, stated) or _refused(f"{shown(text)!r} names no element")


def _doubtful(letters: str, text: str, stated: frozenset[str] | None) -> bool:
    """Return whether a symbol that is an element's is more likely a group's or a site's."""
    name = letters.capitalize()
    if stated is not None and name in stated:
        return False
    if name in _GROUP_LIKE or (name == "T" and (text[1:].isdigit() or (stated is not None and "H" not in stated))):
        return True
    # CO is cobalt in capitals where no formula says otherwise.
    return letters in _GROUP_PAIRS and stated is not None


def _isotope(text: str) -> Species | None:
    """Return the element of an isotope such as 7Li or (2)H: its mass lies between Z and 3 Z."""
    match = _ISOTOPE.match(text) if len(text) <= LONGEST_SYMBOL else None
    number = NUMBERS.get(match[2]) if match else None
    if match is None or number is None or not number <= int(match[1]) <= 3 * number:
        return None
    charge = re.fullmatch(rf"{_AMOUNT}([+-]){_AMOUNT}", match[3])
    if charge is None:
        return Species(((number, 1.0),), math.nan) if not match[3] else None
    value = float(charge[2] + (charge[1] or charge[3] or "1"))
    return Species(((number, 1.0),), checked_charge(value, text))


def _mixed(text: str, stated: frozenset[str] | None) -> Species | None:
    """Return the elements that share a site and their shares; what is vacant has none."""
    if len(text) > LONGEST_MIXED:
        return None
    shares: list[tuple[float, str]] = []
    words = _BETWEEN.split(text.strip())
    if len(words) == 1:
        words = re.split(r"\s+(?=[\d.])", words[0])
    trailing = _TRAILING.findall(text)
    if len(trailing) > 1 and re.fullmatch(r"[\s,;/+]*", _TRAILING.sub("", text)):
        shares = [(float(share), name) for name, share in trailing]
    else:
        parts = [_LEADING.match(word) for word in words]
        if len(parts) < 2 or not all(parts):
            return None
        shares = [(float(part[1]), part[2]) for part in parts if part]
    if not 0 < sum(share for share, _ in shares) <= MOST_SHARES:
        return None
    found: dict[int, float] = {}
    hydrogens = 0.0
    for share, name in shares:
        if _NO_ATOM.match(name):
            continue
        single = _of_type(name, stated)
        found[single.parts[0][0]] = found.get(single.parts[0][0], 0.0) + share
        hydrogens += share * single.hydrogens
    return Species(tuple(found.items()), math.nan, hydrogens) if found else None


def _of_label(  # noqa: PLR0911 - one way out for each kind of name
    text: str, stated: frozenset[str] | None, *, capitals: bool
) -> Species:
    isotope = re.match(r"\d{1,3}([A-Z][a-z]?)(?![a-z])", text)
    if isotope and (found := _isotope(isotope[0])):
        return found
    match = _LABEL.match(text)
    letters = match[0] if match else ""
    named = f"the label {shown(text)!r} names no element"
    if not letters or letters == "T" or _NO_ATOM.match(letters) or letters.lower().startswith(("dum", "vac")):
        return _refused(named)
    water = _WATER.match(text)
    hydroxyl = letters in {"OH", "Oh"}
    if water or hydroxyl:
        if not _may_be("O", stated):
            return _refused(named)
        return Species(((8, 1.0),), math.nan, 2.0 if water else 1.0)
    group = re.match(r"(?:NH4|NH3|BH4|H3O)(?!\d)", text)
    if group and stated is not None and {"H", group[0].strip("H34")} <= stated and not {"Nh", "Bh"} & stated:
        heavy, hydrogens = _WITH_HYDROGEN[group[0]]
        return Species(((NUMBERS[heavy], 1.0),), math.nan, hydrogens)
    symbol = _label_symbol(letters, stated, capitals=capitals)
    number = number_of(symbol) if symbol else None
    if number is None:
        return _refused(named if stated is None else f"{named} of the stated formula")
    # Ow is the oxygen of water where the formula has hydrogen; elsewhere its hydrogen is nobody's business.
    of_water = letters in {"OW", "Ow"} and stated is not None and "H" in stated
    return Species(((number, 1.0),), math.nan, 2.0 if of_water else 0.0)


def _label_symbol(  # noqa: PLR0911 - the same
    letters: str, stated: frozenset[str] | None, *, capitals: bool
) -> str | None:
    """Return the symbol that the leading letters of a label mean, None where that is not certain."""
    if letters in _SCATTERING:
        return _SCATTERING[letters] if _may_be(_SCATTERING[letters], stated) else None
    pair, rest = letters[:2], letters[2:]
    two = pair.capitalize()
    group = pair in _GROUP_PAIRS
    known = len(pair) == 2 and two in NUMBERS and _may_be(two, stated)
    if known and (stated is not None or (NUMBERS[two] < FIRST_UNKNOWN and (not group or capitals))):
        # Alt, SiT, FeM: one more letter, or capitals, tell the kind of site.
        return two if len(rest) < 2 or rest.isupper() else None
    first = letters[0].upper()
    if NUMBERS.get(two, 0) >= FIRST_UNKNOWN:
        return None
    if not _may_be(first, stated) or number_of(first) is None:
        return None
    if len(letters) == 1:
        return first
    if group and stated is None:
        return None
    if group:
        # HO1 is the hydrogen at O1; CO3, NO3 and SO4 are groups.
        return first if pair == "HO" and stated is not None and "O" in stated else None
    if stated is None and two in NUMBERS and first not in _FREE_LETTERS:
        return None
    if first in _FREE_LETTERS:
        return first
    return first if stated is not None and len(letters) == 2 else None


def _may_be(symbol: str, stated: frozenset[str] | None) -> bool:
    return stated is None or symbol in stated


def number_of(symbol: str) -> int | None:
    """Return the atomic number of a symbol in any case, deuterium and tritium being hydrogen; None if there is none."""
    name = symbol.capitalize()
    return NUMBERS.get(name) or _HYDROGEN.get(name)


def checked_charge(charge: float, symbol: str) -> float:
    """Return the charge of an ion.

    Raises
    ------
    RejectionError
        bad-element: no ion has that charge.
    """
    if not abs(charge) <= LARGEST_CHARGE:
        raise RejectionError(Code.BAD_ELEMENT, f"{shown(symbol)!r} with charge {charge:g}: no ion has that")
    return charge


def _refused(detail: str) -> Species:
    raise RejectionError(Code.BAD_ELEMENT, detail)
