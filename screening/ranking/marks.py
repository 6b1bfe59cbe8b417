"""Marks: what a person should know of a candidate before making it. A mark holds nothing back.

A mark is a word, with the elements that it is for: ``redox:Fe,Mn``; a cell holds them joined by ``;``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray

from screening.crystals import BoolArray
from screening.data import hard_elements
from screening.elements import SYMBOLS

HARD = ("toxic", "radioactive", "scarce", "costly")  # kinds of the table of hard elements

SENTENCES = {
    "redox": "{} may take up or give off electrons: the phase may conduct electrons, or react at an electrode",
    "full": "all sites of the mobile ion are full in an ordered, stoichiometric phase: few carriers without doping",
    "toxic": "compounds of {} are classed as toxic",
    "radioactive": "{} has no stable isotope",
    "scarce": "{} makes up at most 0.25 ppm of the Earth's crust",
    "costly": "{} cost 1,000 USD/kg or more",
    "domain": "outside the training domain: the prediction is a guess",
}


def marks(
    composition: NDArray[np.float32], *, disordered: BoolArray, in_domain: BoolArray, redox_active: Collection[str]
) -> NDArray[np.object_]:
    """Return the marks of crystals, (n,) text.

    Parameters
    ----------
    composition
        (n, 119) atoms by atomic number.
    disordered
        (n,) which have partly filled or mixed sites; in all others every site of the mobile ion is full.
    in_domain
        (n,) which are like what was trained on.
    redox_active
        Symbols of elements.
    """
    holds = composition != 0
    lists = {"redox": frozenset(redox_active), **{kind: hard_elements(kind) for kind in HARD}}
    # Few combinations occur: each is put into words once.
    listed = frozenset().union(*lists.values())
    matters = np.array([number for number, symbol in enumerate(SYMBOLS) if symbol in listed], dtype=np.int64)
    bits = np.packbits(np.column_stack([holds[:, matters], disordered, in_domain]), axis=1)
    _, first, same = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    texts = np.full(len(first), "", dtype=object)
    for place, row in enumerate(first.tolist()):
        told = []
        held_here = [SYMBOLS[number] for number in matters[holds[row, matters]].tolist()]
        for name, chosen in lists.items():
            if held := [symbol for symbol in held_here if symbol in chosen]:
                told.append(f"{name}:{','.join(held)}")
            if name == "redox" and not disordered[row]:
                told.append("full")
        texts[place] = ";".join([*told, *([] if in_domain[row] else ["domain"])])
    found: NDArray[np.object_] = texts[same.reshape(-1)]
    return found


def mark_sentence(mark: str) -> str:
    """Return what a mark means; one that is not known is called by its name."""
    name, _, elements = mark.partition(":")
    return SENTENCES[name].format(elements.replace(",", ", ")) if name in SENTENCES else mark


def count_reasons(cells: Iterable[str]) -> dict[str, int]:
    """Return how many cells hold each word, of marks without their elements, sorted by falling count."""
    count = Counter(word for cell in cells for word in {_word(one) for one in str(cell).split(";")} - {""})
    return dict(sorted(count.items(), key=lambda item: (-item[1], item[0])))


def _word(text: str) -> str:
    name = text.partition(":")[0]
    return name if name in SENTENCES else text
