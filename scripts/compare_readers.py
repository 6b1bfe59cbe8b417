#!/usr/bin/env python
"""Reads crystals here, by pymatgen and by ASE, and counts flags and disagreements in composition and number of sites.

scripts/compare_readers.py NAME=PATH ... [--every N]
scripts/compare_readers.py --cases FOLDER

Writes its section of docs/inputs.md. ASE is compared where it is installed, and where a crystal is ordered: its CIF
reader keeps one atom a site.

A folder of cases holds files and `expected.json`, which says of each file what is right: `composition` and `n_sites` of
the cell (null: any), elements that must `never` come out, and whether to `refuse` it, or to read it with a `flag`, is
right too. Each file on which readers disagree becomes a line that says who is right.
"""

from __future__ import annotations

import argparse
import io
import json
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import ROOT, record
from pymatgen.io.cif import CifParser

from screening.config import Config
from screening.crystals import Crystal, read_cif
from screening.errors import Code, RejectionError
from screening.sources import Item, iter_items

PAGE = ROOT / "docs" / "inputs.md"
SHARE = 0.01  # of an amount that compositions may differ by
Read = tuple[dict[str, float], int]  # atoms per cell by symbol, number of sites


def by_pymatgen(text: str) -> Read:
    structure = CifParser(io.StringIO(text), occupancy_tolerance=100).parse_structures(primitive=False)[0]
    amounts = {symbol: float(amount) for symbol, amount in structure.composition.get_el_amt_dict().items()}
    return amounts, len(structure)


def by_ase(text: str) -> Read:
    from ase.io import read

    symbols: list[str] = read(io.StringIO(text), format="cif").get_chemical_symbols()  # type: ignore[union-attr,unused-ignore]
    return {symbol: float(count) for symbol, count in Counter(symbols).items()}, len(symbols)


def agrees(ours: Read, theirs: Read) -> bool:
    """Return whether two readers found the same; deuterium and tritium count as hydrogen."""
    first, second = by_element(ours[0]), by_element(theirs[0])
    return ours[1] == theirs[1] and all(
        abs(first.get(symbol, 0.0) - second.get(symbol, 0.0)) <= SHARE * max(first.get(symbol, 0.0), 1.0)
        for symbol in {*first, *second}
    )


def by_element(amounts: dict[str, float]) -> dict[str, float]:
    summed: dict[str, float] = {}
    for symbol, amount in amounts.items():
        element = {"D": "H", "T": "H"}.get(symbol, symbol)
        summed[element] = summed.get(element, 0.0) + amount
    return summed


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
        same = agrees((crystal.composition(), crystal.n_sites), theirs)
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
            counts["no crystal" if item.rejection.code is Code.PASSED_OVER else "refused"] += 1
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


def answers(text: bytes, name: str, others: dict[str, Callable[[str], Read]]) -> dict[str, Read | str]:
    """Return what each reader, this program first, makes of a file: what it read, or how it refused."""
    found: dict[str, Read | str] = {}
    flags: frozenset[str] = frozenset()
    try:
        crystal = read_cif(text, id=name, source=name, limits=Config().input)
        flags = frozenset(crystal.flags)
        found["here"] = (crystal.composition(), crystal.n_sites)
    except RejectionError as error:
        found["here"] = str(error)
    for reader, read in others.items():
        if reader == "ASE" and "disordered" in flags:
            continue
        try:
            found[reader] = read(text.decode())
        except Exception as error:  # whatever another reader ends with is its answer
            found[reader] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return found


def is_right(answer: Read | str, expected: dict[str, Any]) -> bool:
    """Return whether an answer is among those that a case allows; a flag is not looked at here."""
    if isinstance(answer, str):
        return "refuse" in expected["also_right"]
    composition, n_sites = answer
    if set(by_element(composition)) & set(by_element(dict.fromkeys(expected.get("never", ()), 1.0))):
        return False
    amounts = composition if expected["composition"] is None else expected["composition"]
    return agrees((amounts, n_sites if expected["n_sites"] is None else expected["n_sites"]), answer)


def in_words(answer: Read | str) -> str:
    if isinstance(answer, str):
        plain = " ".join(answer.replace("|", "/").split())
        return f"refused: {plain[:77] + '…' if len(plain) > 78 else plain}"
    amounts = " ".join(f"{symbol}{amount:g}" for symbol, amount in sorted(answer[0].items()))
    return f"{amounts} on {answer[1]}"


def disagreements(folder: Path, others: dict[str, Callable[[str], Read]]) -> str:
    """Return a table of the cases that readers do not agree on, one a line, and how often each is right."""
    rows: list[str] = []
    counts: Counter[str] = Counter()
    right_count: Counter[str] = Counter()
    cases: dict[str, dict[str, Any]] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    for name, expected in sorted(cases.items()):
        found = answers((folder / name).read_bytes(), Path(name).stem, others)
        right = [reader for reader, answer in found.items() if is_right(answer, expected)]
        right_count.update(right)
        ours = found.pop("here")
        kinds = [kind(ours, answer) for answer in found.values()]
        counts.update(kinds)
        found["here"] = ours
        if set(kinds) - {"same"}:
            cells = [in_words(found[reader]) if reader in found else "not compared" for reader in ("here", *others)]
            rows.append(f"| {len(rows) + 1} | `{name}` | {' | '.join(cells)} | {', '.join(right) or 'nobody'} |")
    head = f"| | file | here | {' | '.join(others)} | right |\n|---|---|---|{'---|' * len(others)}---|"
    sums = ", ".join(f"{reader} {right_count[reader]}" for reader in ("here", *others))
    said = (
        f"Of {len(cases)} files these are read or refused rightly: {sums}. Answers of another reader that differ from "
        f"the one here: {counts['differs']} in composition or number of sites, {counts['refuses']} refusals, "
        f"{counts['refused here']} readings of a file that is refused here. Whether another reader's refusal names "
        "its cause was not judged."
    )
    return "\n".join([*textwrap.wrap(said, 118), "", head, *rows])


def kind(ours: Read | str, theirs: Read | str) -> str:
    if isinstance(ours, str):
        return "same" if isinstance(theirs, str) else "refused here"
    if isinstance(theirs, str):
        return "refuses"
    return "same" if agrees(ours, theirs) else "differs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="NAME=PATH")
    parser.add_argument("--cases", type=Path, metavar="FOLDER", help="files with what is right of each")
    parser.add_argument("--every", type=int, default=1, help="compare every so many with the other readers")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    others: dict[str, Callable[[str], Read]] = {"pymatgen": by_pymatgen}
    if find_spec("ase") is not None:
        others["ASE"] = by_ase
    if options.cases is not None:
        record("cases", "Where readers disagree, one by one", disagreements(options.cases, others), page=PAGE)
    if not options.sets:
        return
    found = {}
    for one in options.sets:
        name, equals, path = one.partition("=")
        if not equals:
            parser.error(f"{one!r} is not NAME=PATH")
        found[name], told = survey(path, options.every, others)
        print(f"{name}: {dict(found[name])}")
        print("\n".join(told))
    keys = sorted({key for counts in found.values() for key in counts})
    table = [f"| | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    table += [f"| {key} | {' | '.join(str(counts[key]) for counts in found.values())} |" for key in keys]
    record("readers", "What was flagged, and what other readers say", "\n".join(table), page=PAGE)


if __name__ == "__main__":
    main()
