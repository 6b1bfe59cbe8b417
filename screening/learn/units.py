"""Units of conductivity and temperature, and the numbers that people write in tables of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
LENGTHS = {"cm": 1.0, "m": 0.01}  # 1/m is 0.01/cm
# What a header may say in brackets that is no unit.
NO_UNIT = re.compile(
    r"(?:rt|r\.t\.?|room temp\w*|at rt|bulk|total|ionic|grain|exp\w*|measured|log(?:10)?"
    r"|[\d.,]+\s*(?:°|deg\w*|º)?\s*[ck]?)",
    re.IGNORECASE,
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_POWER = r"(?:(?:[x×*]\s*)?10\s*\^?\s*\(?([-+]?\d{1,2})\)?|1e([-+]?\d{1,2}))"
# Siemens, or one over ohm; by a length, or times one over it. Case matters: M is mega, and S is no second.
_SIEMENS = (
    r"(?:([mun]?)S\s*(?:/\s*(cm|m)(?:\s*\^?-?1)?|\s*(cm|m)\s*\^?\s*-\s*1|\s+(cm|m))(?![a-zA-Z0-9])"
    r"|(?:ohm|Ohm|OHM|Ω)\s*\^?\s*-\s*1\s*(cm|m)\s*\^?\s*-\s*1(?![a-zA-Z0-9])"
    r"|1\s*/\s*\(?(?:ohm|Ohm|Ω)\s*(cm|m)\)?(?![a-zA-Z0-9]))"
)
_UNIT = re.compile(rf"(?:{_POWER}\s*)?(?<![a-zA-Z]){_SIEMENS}")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_VALUE = re.compile(
    rf"(?:({_NUMBER})\s*[x×*·]\s*10\s*\^?\s*\(?([-+]?\d{{1,3}})\)?"
    rf"|10\s*\^\s*\(?([-+]?\d{{1,3}})\)?|({_NUMBER}))"
)
_TEMPERATURE = re.compile(rf"({_NUMBER})\s*(?:°|º|deg\w*\.?)?\s*([CK])?(?:elvin|elsius)?", re.IGNORECASE)
_HEADER_UNIT = re.compile(
    r"(?:[(\[/_]|\bin\b|\s)\s*(?:°|º|deg\w*\.?\s*)?(C|K)(?:elsius|elvin)?\s*[)\]]?\s*$", re.IGNORECASE
)
ROOM = re.compile(r"(?:rt|r\.t\.?|room(?: temp\w*\.?)?|ambient)", re.IGNORECASE)
KELVIN = 273.15


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number in a table is to be multiplied by to be in S/cm."""

    text: str  # as the table has it
    factor: float

    @property
    def is_plain(self) -> bool:
        """Whether it is S/cm itself."""
        return self.factor == 1.0


def plain(text: str) -> str:
    """Return text with the signs of one meaning written in one way: µ, superscripts, minus, middle dots."""
    text = text.replace("μ", "u").replace("µ", "u").replace("Ω", "Ω").translate(_SUPERSCRIPTS)
    text = re.sub(r"[−–‒]", "-", text)
    return re.sub(r"(?<=[A-Za-zΩ\d])\s*[·⋅∙]\s*(?=[A-Za-z])", " ", text).replace("\u00a0", " ").replace("\u202f", " ")


def unit_in(text: str) -> Unit | None:
    """Return the unit that a text holds, None where it holds none."""
    found = _UNIT.search(plain(text)) or _UNIT.search(plain(text).replace("_", " "))
    if found is None:
        return None
    power, short, prefix, *lengths = found.groups()
    length = next((one for one in lengths if one), "cm")
    factor = PREFIXES[prefix or ""] * LENGTHS[length] * 10.0 ** int(power or short or 0)
    return Unit(found[0].strip(), factor)


def is_unknown_unit(text: str) -> bool:
    """Return whether brackets in a header, or what stands after a slash, look like a unit that is not known."""
    for bracket in re.findall(r"[(\[]([^()\[\]]*)[)\]]", text):
        told = bracket.strip()
        if told and not NO_UNIT.fullmatch(told) and (unit_in(told) is None):
            return bool(re.search(r"[SΩ/]|ohm|mho|-1", plain(told)) or re.fullmatch(r"10\s*\^?\s*-?\d+", plain(told)))
    return bool(re.search(r"[x×*]\s*10\s*\^?\s*-?\d", plain(text))) and unit_in(text) is None


def value_of(text: str) -> float | None:
    """Return a number as people write it: 1.2e-3, 1.2 × 10^-3, 1.2·10⁻³, 10^-3; None where it is none."""
    told = re.sub(r"[−–‒]", "-", text.translate(_SUPERSCRIPTS)).strip()
    found = _VALUE.fullmatch(told)
    if found is None:
        return None
    mantissa, power, alone, number = found.groups()
    try:
        if number is not None:
            return float(number)
        return (1.0 if mantissa is None else float(mantissa)) * 10.0 ** int(power or alone)
    except OverflowError:
        return math.inf


def value_and_unit(text: str) -> tuple[float | None, Unit | None]:
    """Return number and unit of a cell that may hold both, such as 2.05 mS/cm."""
    number = value_of(text)
    if number is not None:
        return number, None
    told = plain(text)
    unit = unit_in(told)
    if unit is None or not told.strip().endswith(unit.text):
        return None, None
    # The power of a cell belongs to its number, not to the unit.
    bare = re.search(_SIEMENS, told)
    assert bare is not None
    return value_of(told[: bare.start()]), unit_in(told[bare.start() :])


def celsius(text: str, *, header: str) -> float | None:
    """Return a temperature in °C; None where the cell is no temperature, or it is not clear in what unit.

    The unit is that of the cell, else that of the header, else °C; above 200 without a unit it might be either.
    """
    told = text.strip()
    if ROOM.fullmatch(told):
        return 25.0
    found = _TEMPERATURE.fullmatch(told)
    if found is None:
        return None
    value = float(found[1])
    unit = (found[2] or _header_unit(header)).upper()
    if unit == "K":
        return value - KELVIN
    if not unit and value > 200.0:
        return None
    return value


def _header_unit(header: str) -> str:
    found = _HEADER_UNIT.search(header)
    return found[1] if found else ""
