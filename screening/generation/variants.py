"""All series of one crystal: which dopants on which sites, in which steps."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from screening.crystals import Crystal
from screening.elements import NUMBERS
from screening.energy import NoBarrierError, atom_charges
from screening.errors import InputError
from screening.generation.dopants import (
    POSSIBLE,
    Dopant,
    Kind,
    check_elements,
    dopants_of,
    kinds_of,
    likely_dopants,
)
from screening.generation.filling import TINY
from screening.generation.series import (
    Parent,
    Variant,
    frenkel_series,
    parent_of,
    parent_variant,
    substituted_series,
)

MOST_STEPS = 200  # of one series
MOST_VARIANTS = 5_000  # of one crystal


@dataclass(frozen=True, slots=True)
class Series:
    """The variants of one crystal."""

    parent: Parent
    variants: tuple[Variant, ...]  # the parent first, then series by series, x rising
    notes: tuple[str, ...]  # what could not be made, a sentence each


def series_of(  # noqa: PLR0913
    crystal: Crystal,
    *,
    ion: str = "Li",
    dopants: Sequence[str] = (),
    sites: Sequence[str] = (),
    step: float = 0.05,
    most: float = 0.25,
    barred: Collection[str] = (),
) -> Series:
    """Return series of charge-balanced variants of a crystal; nothing in them is drawn at random.

    Parameters
    ----------
    crystal
        The parent, ordered or disordered.
    ion
        Symbol of the mobile ion.
    dopants
        Elements to be put in; where none are given those that are nearest in charge and radius.
    sites
        Elements that are replaced; all where none are given.
    step, most
        Amounts x per formula unit: step, 2 step, ... up to and including `most`.
    barred
        Elements that are no dopants unless they are named.

    Raises
    ------
    InputError
        An element that is none here or not in the crystal, charges that cannot be told, steps out of range, or nothing
        that can be made.

    Source: ours.
    """
    steps = steps_up_to(step, most)
    check_elements(dopants)
    parent = _parent(crystal, ion)
    chosen = _chosen(parent, sites)
    picked = list(_named(parent, chosen, dopants) if dopants else _likely(parent, chosen, barred))
    if len(picked) * len(steps) > MOST_VARIANTS:
        raise InputError(f"{len(picked)} series of {len(steps)} steps are too many: {MOST_VARIANTS} variants at most")
    variants, notes = [parent_variant(parent)], []
    for kind, dopant in picked:
        made, note = substituted_series(parent, kind, dopant, steps)
        variants += made
        notes += [note] if note else []
    if not dopants and (not sites or ion in sites) and _full(parent) and len(parent.voids.radius):
        made, note = frenkel_series(parent, steps)
        variants += made
        notes += [note] if note else []
    if len(variants) == 1:
        why = "; ".join(notes) or "no ion that is near in charge and radius replaces one of it; name some by --with"
        raise InputError(f"{crystal.id}: no variant can be made: {why}")
    return Series(parent, tuple(variants), tuple(notes))


def steps_up_to(step: float, most: float) -> list[float]:
    """Return the amounts step, 2 step, ... up to and including `most`.

    Raises
    ------
    InputError
        Not 0 < step <= most, or too many.
    """
    if not 0.0 < step <= most < math.inf:
        raise InputError(f"steps of x must be above 0 and at most the largest x, not {step:g} and {most:g}")
    if most / step >= MOST_STEPS + 1:
        raise InputError(f"{most / step:.3g} steps of x are too many: {MOST_STEPS} at most")
    count = int(most / step + 1e-9)
    return [round(step * k, 10) for k in range(1, count + 1)]


def _parent(crystal: Crystal, ion: str) -> Parent:
    if not (crystal.numbers == NUMBERS.get(ion, 0)).any():
        raise InputError(f"{crystal.id}: {crystal.formula} places no {ion}, which is to balance the charge")
    try:
        charges, of_ion = atom_charges(crystal, ion)
    except NoBarrierError as error:
        raise InputError(f"{crystal.id}: no charges, so none can be balanced: {error}") from error
    return parent_of(crystal, charges, kinds_of(crystal, charges, ion), ion=ion, ion_charge=of_ion)


def _chosen(parent: Parent, sites: Sequence[str]) -> list[Kind]:
    held = {kind.element for kind in parent.kinds}
    for element in sites:
        if element not in held:
            raise InputError(f"--site {element!r:.20}: {parent.crystal.formula} holds none")
    return [kind for kind in parent.kinds if not sites or kind.element in sites]


def _full(parent: Parent) -> bool:
    """Return whether all sites of the mobile ion are full."""
    mobile = parent.crystal.numbers == NUMBERS[parent.ion]
    return bool((parent.crystal.occupancies[mobile] > 1.0 - TINY).all())


def _likely(parent: Parent, kinds: Sequence[Kind], barred: Collection[str]) -> Iterator[tuple[Kind, Dopant]]:
    held = {*parent.crystal.composition(), *barred}
    for kind in kinds:
        yield from ((kind, dopant) for dopant in likely_dopants(kind, held))


def _named(parent: Parent, kinds: Sequence[Kind], elements: Sequence[str]) -> Iterator[tuple[Kind, Dopant]]:
    """Yield the kinds of site that each element fits on, in the order of kinds."""
    placed: set[str] = set()
    for kind in kinds:
        for dopant in dopants_of(kind, elements):
            placed.add(dopant.element)
            yield kind, dopant
    for element in sorted(set(elements) - placed):
        raise InputError(
            f"--with {element} fits no site of {parent.crystal.formula} ({', '.join(kind.label for kind in kinds)}): "
            f"its charge differs in sign or by more than 2, or its radius by more than {POSSIBLE[0]:.0%} and the bond "
            f"by more than {POSSIBLE[1]:.0%}"
        )
