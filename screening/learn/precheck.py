"""Whether labels and crystals fit, found out before a night of computing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from screening.config import Config
from screening.errors import Code, ModelError
from screening.features import rows_apart
from screening.learn.dataset import MIN_LABELS
from screening.learn.labels import Labels
from screening.sources import Item
from screening.store import REJECTED, STRINGS

LONGEST_LOOK = 60.0  # s of listing; what is not found by then is found out later
MOST_READ = 300  # labelled crystals that are read now
SHOWN = 3


def check_count(labels: Labels) -> None:
    """Return nothing if there are labels enough to train on; raise `ModelError` otherwise."""
    measured = int((~labels.is_bound).sum())
    if measured < MIN_LABELS:
        raise ModelError(f"the labels hold {measured} measured values, at least {MIN_LABELS} are needed")


def check_match(
    items: Iterable[Item], labels: Labels, config: Config, *, say: Callable[[str], None] = lambda _: None
) -> None:
    """Return nothing if labels enough belong to crystals that can be used; raise otherwise.

    The listing is followed until all labelled crystals are found, or a minute has passed. These are read, and their
    sublattices made, in a process of its own: a crystal that kills it costs one row.

    Parameters
    ----------
    items
        All crystals, as they will be listed.
    labels
        Measured values.
    config
        Settings; the mobile ion counts.
    say
        Hears what does not stop the run, but should be known.

    Raises
    ------
    ModelError
        Fewer than `MIN_LABELS` measured labels can be used; the message says of how many why.
    """
    check_count(labels)
    wanted, found, others, whole = _found(items, labels)
    if whole and _measured(labels, found) < MIN_LABELS:
        missing = sorted(wanted - found.keys())
        raise ModelError(
            f"{len(found)} of {len(labels)} labels are crystals of the given paths, and at least {MIN_LABELS} measured "
            f"ones are needed (do the ids match the file names?): the labels name {', '.join(missing[:SHOWN])}, the "
            f"crystals are named {', '.join(others[:SHOWN]) or 'not at all'}"
        )
    if whole and len(found) < len(wanted):
        missing = sorted(wanted - found.keys())
        shown = ", ".join(missing[:SHOWN]) + (", ..." if missing[SHOWN:] else "")
        say(f"{len(missing)} of {len(labels)} labels are no crystal of the given paths: {shown}")
    read = list(found.values())[:MOST_READ]
    reasons = refusals(read, config)
    usable = {id for id in found if id not in reasons}
    if (whole and _measured(labels, usable) < MIN_LABELS) or (read and len(reasons) == len(read)):
        raise ModelError(_why(reasons, n_read=len(read), config=config))
    if reasons:
        say(_why(reasons, n_read=len(read), config=config))


def _found(items: Iterable[Item], labels: Labels) -> tuple[set[str], dict[str, Item], list[str], bool]:
    """Return the ids that have labels, their items, the first ids of others, and whether all was listed."""
    wanted = set(map(str, labels.ids))
    found: dict[str, Item] = {}
    others: list[str] = []
    begun = time.monotonic()
    for item in items:
        if item.id in wanted:
            found[item.id] = item
            if len(found) == len(wanted):
                return wanted, found, others, True
        elif len(others) < SHOWN and item.rejection is None:
            others.append(item.id)
        if time.monotonic() - begun > LONGEST_LOOK:
            return wanted, found, others, False
    return wanted, found, others, True


def _measured(labels: Labels, ids: Iterable[str]) -> int:
    chosen = set(ids)
    return sum(str(id) in chosen and not bound for id, bound in zip(labels.ids, labels.is_bound, strict=True))


def refusals(items: Sequence[Item], config: Config) -> dict[str, Code]:
    """Return by id why an item cannot be used, as far as reading it and making its sublattices shows."""
    if not items:
        return {}
    # Persistence is not what is asked about: with the least radius it costs nothing.
    least = dict.fromkeys(config.homology.r_max, 0.5)
    homology = config.homology.model_copy(update={"engine": "periodic", "r_max": least})
    rows = rows_apart(items, config.model_copy(update={"homology": homology}))
    code = STRINGS.index("code")
    refused = np.flatnonzero(rows.numbers[:, 0] == REJECTED).tolist()
    return {items[row].id: Code(str(rows.strings[row, code])) for row in refused}


def _why(reasons: dict[str, Code], *, n_read: int, config: Config) -> str:
    counts = Counter(reasons.values())
    ion = config.cloud.mobile_ion
    lacking = counts.pop(Code.NO_MOBILE_ION, 0)
    parts = [f"{lacking} of {n_read} labelled crystals hold no {ion}"] if lacking else []
    parts += [
        f"{count} of {n_read} labelled crystals are refused ({code.value})" for code, count in counts.most_common()
    ]
    return "; ".join(parts)
