"""Candidate crystals by charge-balanced ionic substitution: a stream of CIF texts, or a folder or archive of them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from screening.config import InputLimits
from screening.crystals import read_cif
from screening.data import (
    Template,
    known_conductors,
    prototype_templates,
    substitutes,
    template_of,
    usual_charges,
    write_members,
)
from screening.errors import InputError, RejectionError
from screening.generation.substitution import Candidate, Picks, formula_of, substituted
from screening.sources import iter_items, read_item

# Candidates taken from one crystal before the next is asked; a user's crystals are read anew in each round.
ROUND_KNOWN, ROUND_PROTOTYPE, ROUND_USER = 3, 1, 8
# Substitutions tried for one crystal in one round: some have millions and hardly a sensible one.
ROUND_TRIES = 500
LABEL_LENGTH = 40


def write_candidates(path: Path, *, n: int, seed: int, ion: str = "Li", seeds_from: Sequence[str] | None = None) -> int:
    """Return how many candidates were written: `n` CIF files in a folder or an archive, the same bytes every time.

    Parameters
    ----------
    path
        A folder, new or empty, or a file name ending in .zip, .tar.gz or .tgz, replaced if there.
    n, seed, ion, seeds_from
        As for `generate`.

    Raises
    ------
    InputError
        As for `generate`; or the path cannot be written. Nothing is left behind then.
    """
    candidates = generate(n=n, seed=seed, ion=ion, seeds_from=seeds_from)
    return write_members(path, ((f"{id}.cif", text.encode()) for id, text in candidates))


def generate(
    *, n: int, seed: int, ion: str = "Li", seeds_from: Sequence[str] | None = None
) -> Iterator[tuple[str, str]]:
    """Return a stream of `n` candidates as (id, CIF text); the first k are the same for every n >= k.

    No two candidates have the same formula and prototype, nor does one have those of a crystal it could be made from.

    Parameters
    ----------
    n
        How many, at least 1.
    seed
        Not negative; another seed gives another order and choice.
    ion
        Element that every candidate holds as mobile ion.
    seeds_from
        Files, folders or archives of crystals to substitute into; the embedded table and the AFLOW prototypes bundled
        with pymatgen if not given. Crystals that cannot be read, or whose ions are not plain (no neutral charges, no
        radii), are passed over.

    Raises
    ------
    InputError
        At once: a number out of range, an element that is no ion here, a path that does not exist. At the end of the
        stream: fewer candidates than asked for, with their number.
    """
    if n < 1 or seed < 0:
        raise InputError(f"n must be at least 1 and seed at least 0, not {n} and {seed}")
    charge = next(iter(usual_charges(ion)), 0)
    if ion not in substitutes(charge):
        raise InputError(f"{ion!r} is not an ion that substitution supports")
    search = _Search(seed=seed, ion=ion, charge=charge)
    if seeds_from is None:
        return _numbered(search.from_embedded(), n=n, search=search)
    iter_items(seeds_from, InputLimits())  # complains about a missing path now
    return _numbered(search.from_users(seeds_from), n=n, search=search)


def _numbered(candidates: Iterable[Candidate], *, n: int, search: _Search) -> Iterator[tuple[str, str]]:
    count = 0
    for count, candidate in enumerate(candidates, start=1):
        id = f"gen-{count - 1:05d}-{candidate.formula}-{_label(candidate.template)}"
        yield id, candidate.to_cif(id)
        if count == n:
            return
    raise InputError(f"only {count} candidates can be made, not {n}: {search.account}")


def _label(template: Template) -> str:
    plain = (char if char.isascii() and (char.isalnum() or char in "._") else "-" for char in template.label)
    return "".join(plain)[:LABEL_LENGTH]


@dataclass
class _Search:
    """Templates asked in turn for their next sensible substitution."""

    seed: int
    ion: str
    charge: int  # e, of the ion
    seen: set[tuple[str, str]] = field(default_factory=set)  # (formula, prototype)
    account: str = "there are no crystals to substitute into"

    def from_embedded(self) -> Iterator[Candidate]:
        """Yield candidates from the embedded table and the AFLOW prototypes, round by round until all are exhausted."""
        known = list(_known_templates())
        prototypes = list(prototype_templates(self.charge))
        self.account = f"{len(known)} embedded crystals and {len(prototypes)} charged prototypes are exhausted"
        for template in known:
            self._exclude(template)
        quotas = [ROUND_KNOWN] * len(known) + [ROUND_PROTOTYPE] * len(prototypes)
        picks = [self._picks(template, number) for number, template in enumerate(known + prototypes)]
        begun = {int(number): 0 for number in np.random.default_rng(self.seed).permutation(len(picks))}
        while begun:
            for number in list(begun):
                begun[number] = yield from self._next(picks[number], begin=begun[number], quota=quotas[number])
                if begun[number] >= picks[number].count:
                    del begun[number]

    def from_users(self, paths: Sequence[str]) -> Iterator[Candidate]:
        """Yield candidates from crystals read anew in each round: one number per crystal is kept, not the crystals."""
        begun: list[int] = []
        unfinished = True
        while unfinished:
            unfinished = False
            usable = 0
            for number, template in enumerate(_user_templates(paths)):
                if number == len(begun):
                    begun.append(0)
                if template is None:
                    continue
                usable += 1
                self._exclude(template)
                picks = self._picks(template, number)
                begun[number] = yield from self._next(picks, begin=begun[number], quota=ROUND_USER)
                unfinished |= begun[number] < picks.count
            self.account = (
                f"{usable} of {len(begun)} crystals have plain ions to replace, and no further ones can be made"
            )

    def _picks(self, template: Template, number: int) -> Picks:
        return Picks(template, ion=self.ion, charge=self.charge, key=(self.seed, number))

    def _exclude(self, template: Template) -> None:
        self.seen.add((formula_of(template, template.elements), template.prototype))

    def _next(self, picks: Picks, *, begin: int, quota: int) -> Generator[Candidate, None, int]:
        """Yield at most `quota` candidates from the `ROUND_TRIES` substitutions from `begin`; return where to go on."""
        end = min(begin + ROUND_TRIES, picks.count)
        for k in range(begin, end):
            candidate = substituted(picks.template, picks.elements(k))
            if candidate is None or candidate.key in self.seen:
                continue
            self.seen.add(candidate.key)
            quota -= 1
            yield candidate
            if quota == 0:
                return k + 1
        return end


def _known_templates() -> Iterator[Template]:
    for known in known_conductors():
        crystal = read_cif(known.to_cif().encode(), id=known.id, source="embedded", limits=InputLimits())
        template = template_of(crystal)
        if template is not None:
            yield template


def _user_templates(paths: Sequence[str]) -> Iterator[Template | None]:
    """Yield the template of each crystal in order, None for one that is passed over."""
    limits = InputLimits()
    for item in iter_items(paths, limits):
        if item.rejection is not None:
            yield None
            continue
        try:
            crystal = read_item(item, limits)
            yield template_of(crystal)
        except RejectionError:
            yield None
