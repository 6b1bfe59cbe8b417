#!/usr/bin/env python
"""Reads crystals here, by pymatgen and by ASE, and counts flags and disagreements in composition and number of sites.

scripts/compare_readers.py NAME=PATH ... [--every N]

Writes its section of docs/inputs.md. ASE is compared where it is installed, and where a crystal is ordered: its CIF
reader keeps one atom a site.
"""

from __future__ import annotations

import argparse
import io
import warnings
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec

from benchmarks import ROOT, record
from pymatgen.io.cif import CifParser

from screening.config import Config
from screening.crystals import Crystal, read_cif
from screening.errors import RejectionError
from screening.sources import Item, iter_items

PAGE = ROOT / "docs" / "inputs.md"
SHARE = 0.01  # of an amount that compositions may differ by
Read = tuple[dict[str, float], int]  # atoms per cell by symbol, number of sites


def by_pymatgen(text: str) -> Read:
    structure = CifParser(io.StringIO(text), occupancy_tolerance=100).parse_structures(primitive=False)[0]
    amounts = {symbol: float(amount) for symbol, amount in structure.composition.get_el_amt_dict().items()}
    return {{"D": "H", "T": "H"}.get(symbol, symbol): amount for symbol, amount in amounts.items()}, len(structure)


def by_ase(text: str) -> Read:
    from ase.io import read

    symbols: list[str] = read(io.StringIO(text), format="cif").get_chemical_symbols()  # type: ignore[union-attr,unused-ignore]
    return {symbol: float(count) for symbol, count in Counter(symbols).items()}, len(symbols)


def agrees(crystal: Crystal, theirs: Read) -> bool:
    ours = crystal.composition()
    return crystal.n_sites == theirs[1] and all(
        abs(ours.get(symbol, 0.0) - theirs[0].get(symbol, 0.0)) <= SHARE * max(ours.get(symbol, 0.0), 1.0)
        for symbol in {*ours, *theirs[0]}
    )


def compared(item: Item, crystal: Crystal, counts: Counter[str], others: dict[str, Callable[[str], Read]]) -> list[str]:
    """Count agreement with each other reader; return a line for each disagreement."""
    told = []
    for name, read in others.items():
        if name == "ASE" and "disordered" in crystal.flags:
            continue
        try:
            theirs = read(item.text.decode())
        except Exception as error:  # whatever another reader ends with is its answer
            counts[f"{name} fails"] += 1
            told.append(f"{item.id}: {name} fails: {type(error).__name__}: {str(error).splitlines()[0][:100]}")
            continue
        same = agrees(crystal, theirs)
        counts[f"{name} {'agrees' if same else 'differs'}"] += 1
        if not same:
            told.append(
                f"{item.id}: here {crystal.composition()} on {crystal.n_sites}, {name} {theirs[0]} on {theirs[1]}"
            )
    return told


def survey(path: str, every: int, others: dict[str, Callable[[str], Read]]) -> tuple[Counter[str], list[str]]:
    counts: Counter[str] = Counter()
    told: list[str] = []
    limits = Config().input
    for number, item in enumerate(iter_items([path], limits)):
        if item.rejection is not None:
            counts["refused"] += 1
            continue
        try:
            crystal = read_cif(item.text, id=item.id, source=item.source, limits=limits)
        except RejectionError as error:
            counts["refused"] += 1
            told.append(f"{item.id}: refused, {error}")
            continue
        counts["read"] += 1
        counts.update(f"flag {name}" for name in crystal.flags)
        if number % every == 0:
            told += compared(item, crystal, counts, others)
    return counts, told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", metavar="NAME=PATH")
    parser.add_argument("--every", type=int, default=1, help="compare every so many with the other readers")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    others: dict[str, Callable[[str], Read]] = {"pymatgen": by_pymatgen}
    if find_spec("ase") is not None:
        others["ASE"] = by_ase
    found = {}
    for one in options.sets:
        name, _, path = one.partition("=")
        found[name], told = survey(path, options.every, others)
        print(f"{name}: {dict(found[name])}")
        print("\n".join(told))
    keys = sorted({key for counts in found.values() for key in counts})
    table = [f"| | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    table += [f"| {key} | {' | '.join(str(counts[key]) for counts in found.values())} |" for key in keys]
    record("readers", "What was flagged, and what other readers say", "\n".join(table), page=PAGE)


if __name__ == "__main__":
    main()
