"""Numbers, formulas and JSON as they stand on the page."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from screening.crystals import written_amounts

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
AMOUNT = re.compile(r"(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)")


def counted(counts: Mapping[str, int]) -> str:
    """Return counts by name as ``charge 2, size 1``."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def power(log10: float) -> str:
    """Return 10 to the power of `log10` as ``3.2 × 10⁻⁴``; an empty string for NaN (nothing measured)."""
    if math.isnan(log10):
        return ""
    exponent = math.floor(log10)
    mantissa = f"{10 ** (log10 - exponent):.1f}"
    if mantissa == "10.0":  # 9.96 rounds up into the next decade
        mantissa, exponent = "1.0", exponent + 1
    return f"{mantissa} × 10{str(exponent).translate(SUPERSCRIPTS)}"


def level(log10: float) -> str:
    """Return 10 to the power of a threshold: ``10⁻⁴`` where it is a whole power of ten, else as `power`."""
    return f"10{str(int(log10)).translate(SUPERSCRIPTS)}" if float(log10).is_integer() else power(log10)


def number(value: float, digits: int = 2) -> str:
    """Return a number with a true minus sign; a dash for NaN."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return "–" if math.isnan(value) else f"{value:z.{digits}f}".replace("-", "−")


def formula(text: str) -> Markup:
    """Return a formula as HTML with its amounts as subscripts; everything else in it is escaped.

    A long formula may break after an amount that another element follows, and so never before an amount.
    """
    pieces = AMOUNT.split(text)
    marked = [
        Markup("<sub>{}</sub>").format(piece) if index % 2 else Markup("<wbr>") * begins(piece, index) + escape(piece)
        for index, piece in enumerate(pieces)
    ]
    return Markup("").join(marked)


def begins(piece: str, index: int) -> bool:
    """Return whether a piece between two amounts begins with a new element or group."""
    return index > 0 and (piece[:1].isupper() or piece[:1] in ("(", "["))


def elements(text: str) -> list[str]:
    """Return the element symbols in a formula, each once, in order."""
    return list(dict.fromkeys(symbol for symbol, _ in written_amounts(text)))


def embedded_json(value: Any) -> Markup:
    """Return JSON that can stand inside ``<script>``: no ``<``, ``>`` or ``&``, so no tag can end or begin in it.

    Raises
    ------
    ValueError
        A number is NaN or infinite: JSON has no such number.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped just above
