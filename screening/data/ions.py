"""What ions there are: radii by coordination number, which ions replace each other, and the charges of a crystal."""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

# Published occupancies close the charge to about a hundredth of an electron per atom. e.
CHARGE_TOLERANCE = 0.02
# Combinations of charges tried for one crystal; more only come from alloys of many transition metals.
MAX_COMBINATIONS = 20_000


@cache
def _table() -> dict[str, dict[str, object]]:
    text = resources.files(__package__).joinpath("ions.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def ionic_radius(element: str, *, charge: int, coordination: int) -> float | None:
    """Return the ionic radius in Å at the tabulated coordination number nearest to the one given, or None.

    Parameters
    ----------
    element
        Symbol.
    charge
        Oxidation state, e.
    coordination
        Number of neighbours of opposite charge; of two equally near ones the smaller is taken.

    Source: Shannon, Acta Cryst. A32, 751 (1976).
    """
    radii = _table()["radii"].get(f"{element}{charge:+d}")
    if radii is None:
        return None
    by_number = {int(number): float(radius) for number, radius in radii.items()}  # type: ignore[attr-defined]
    return by_number[min(by_number, key=lambda number: (abs(number - coordination), number))]


@cache
def substitutes(charge: int) -> tuple[str, ...]:
    """Return the elements offered as ions of this charge (e), in a fixed order; empty if there are none."""
    return tuple(str(_table()["substitutes"].get(f"{charge:+d}", "")).split())


@cache
def usual_charges(element: str) -> tuple[int, ...]:
    """Return the charges (e) tried for an element, the usual one first; empty if it forms no ion here."""
    return tuple(_table()["charges"].get(element, ()))  # type: ignore[arg-type]


def balanced_charges(composition: Mapping[str, float]) -> dict[str, int] | None:
    """Return one charge (e) per element that makes the composition neutral, or None if there is none.

    Of several, the one that departs least from the usual charges, more electronegative elements first.

    Parameters
    ----------
    composition
        Atoms by element symbol.

    Source: ours.
    """
    elements = sorted(composition)
    options = [usual_charges(element) for element in elements]
    found = neutral_charges([composition[element] for element in elements], options)
    return None if found is None else dict(zip(elements, found, strict=True))


def neutral_charges(amounts: Sequence[float], options: Sequence[Sequence[int]]) -> tuple[int, ...] | None:
    """Return one charge (e) of each kind of ion, out of its options, that together are neutral, or None.

    Of several, the one that departs least from the first options. None too where there are more than
    `MAX_COMBINATIONS`, or not charges of both signs.

    Parameters
    ----------
    amounts
        Atoms of each kind.
    options
        Charges of each kind, the usual one first.

    Source: ours.
    """
    if not all(options) or math.prod(map(len, options)) > MAX_COMBINATIONS:
        return None
    total = sum(amounts)
    ranked = sorted(itertools.product(*(range(len(option)) for option in options)), key=lambda pick: (sum(pick), pick))
    for pick in ranked:
        charges = tuple(option[index] for option, index in zip(options, pick, strict=True))
        net = sum(amount * charge for amount, charge in zip(amounts, charges, strict=True))
        if abs(net) <= CHARGE_TOLERANCE * total and min(charges) < 0 < max(charges):
            return charges
    return None
