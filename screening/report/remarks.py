"""What is to be said of a candidate beside its numbers, as sentences."""

from __future__ import annotations

from typing import Any

from screening.crystals import contradictions_among, flag_sentence
from screening.ranking import mark_sentence
from screening.report.text import number
from screening.report.words import BADGES, HELD_BACK


def remarks(row: dict[str, Any], *, flags: bool = True) -> list[str]:
    """Return domain, badges, marks, polymorphs, flags that contradict, and why a row of the ranking is held back.

    Without `flags` where these stand in a cell of their own.
    """
    told = [] if row["in_domain"] else [f"out of domain (distance {number(row['distance'])})"]
    marks = [mark for mark in str(row.get("marks") or "").split(";") if mark and mark != "domain"]
    marked = {mark.partition(":")[0] for mark in marks}
    told += [words for name, words in BADGES.items() if row.get(name) and name not in marked]
    told += [mark_sentence(mark) for mark in marks]
    if row.get("polymorphs"):
        count = int(row["polymorphs"])
        told.append(f"{count} more {'entry' if count == 1 else 'entries'} of the compound: {row['polymorph_ids']}")
    if flags:
        told += [flag_sentence(name) for name in contradictions_among(str(row.get("flags") or "").split(";"))]
    if row.get("held_back"):
        reasons = [HELD_BACK.get(reason, reason) for reason in str(row["held_back"]).split(";")]
        told.append(f"held back: {'; '.join(reasons)}")
    if row["elements_unseen"]:
        told.append(f"not in training: {row['elements_unseen']}")
    return told
