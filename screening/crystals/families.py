"""The chemical families of a candidate, by the anions that its formula names: what the list is filtered by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from screening.crystals.formulas import written_amounts

# In the order in which they are listed.
ANIONS = {
    "O": "oxide",
    "S": "sulfide",
    "Se": "selenide",
    "Te": "telluride",
    "N": "nitride",
    "F": "fluoride",
    "Cl": "chloride",
    "Br": "bromide",
    "I": "iodide",
}
CENTRES = {"P": "phosphate", "S": "sulfate", "B": "borate", "Si": "silicate", "C": "carbonate", "N": "nitrate"}
WITHOUT = {"H": "hydride", "P": "phosphide", "C": "carbide"}  # where none of the anions above is there
FAMILIES = (*CENTRES.values(), *ANIONS.values(), *WITHOUT.values(), "other")
HELD = 5.0  # most oxygen atoms per centre in a salt of oxoanions: PO4 has 4; the rest of the oxygen may be oxide
FEWEST = 1.5  # least oxygen per centre, that of B2O3; a thiophosphate with less of it is an oxide and a sulfide
SURROUNDED = 3.0  # oxygen per S or N that is a centre, not an anion: sulfite, nitrate


def families(formula: str) -> tuple[str, ...]:
    """Return the families of a formula: ``("sulfide", "chloride")`` for Li6PS5Cl, ``("phosphate",)`` for Li3PO4.

    Oxygen makes an oxide, or, where the P, S, B, Si, C and N beside it are many enough to hold it, a phosphate,
    sulfate, ... named after the most frequent of these. Amounts alone are looked at, no bond; brackets are passed over.
    """
    amounts: dict[str, float] = defaultdict(float)
    for symbol, amount in written_amounts(formula):
        amounts[symbol] += amount
    oxygen = amounts.get("O", 0.0)
    centres = {
        symbol: amounts[symbol]
        for symbol in CENTRES
        if amounts.get(symbol, 0.0) > 0.0 and (symbol not in ANIONS or oxygen >= SURROUNDED * amounts[symbol])
    }
    held: set[str] = set()
    found = []
    if centres and FEWEST <= oxygen / sum(centres.values()) <= HELD:
        held = {"O", *centres}
        found.append(CENTRES[max(centres, key=lambda symbol: centres[symbol])])
    found += [name for symbol, name in ANIONS.items() if amounts.get(symbol, 0.0) > 0.0 and symbol not in held]
    if not found:
        found = [name for symbol, name in WITHOUT.items() if amounts.get(symbol, 0.0) > 0.0][:1] or ["other"]
    return tuple(name for name in FAMILIES if name in found)


def family_words(formula: str) -> str:
    """Return the families of a formula in one cell, ``sulfide, chloride``."""
    return ", ".join(families(formula))


def families_among(cells: Iterable[str]) -> list[str]:
    """Return the families that stand in some cells, the known ones in their order, then others by name."""
    found = {name.strip() for cell in cells for name in cell.split(",")} - {""}
    return [*(name for name in FAMILIES if name in found), *sorted(found - set(FAMILIES))]
