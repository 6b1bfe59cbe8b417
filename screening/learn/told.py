"""Labels that state a composition and no crystal: what the composition alone is learned from, beside the crystals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from screening.crystals import BoolArray, FloatArray
from screening.generation import share_vector
from screening.learn.labels import Labels, ObjectArray
from screening.learn.made import compound


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Labelled compositions of which the features hold no crystal, in order of id."""

    ids: ObjectArray  # (n,) str
    target: FloatArray  # (n,) log10 S/cm, or the bound
    is_bound: BoolArray  # (n,)
    publication: ObjectArray  # (n,) str
    fractions: FloatArray  # (n, 119) atomic fractions

    def __len__(self) -> int:
        return len(self.ids)


def tell(labels: Labels, placed: set[str]) -> Told | None:
    """Return the labels whose composition can be read and whose id is not `placed`; None if there are none.

    Parameters
    ----------
    labels
        All labels.
    placed
        Ids that the features hold: they are learned from as crystals.
    """
    chosen, fractions = [], []
    for row in np.argsort(labels.ids.astype(str), kind="stable").tolist():
        if str(labels.ids[row]) in placed:
            continue
        stated = compound(labels, row)
        if not isinstance(stated, str):
            chosen.append(row)
            fractions.append(share_vector(stated.composition))
    if not chosen:
        return None
    rows = np.array(chosen, dtype=np.int64)
    unstated = np.full(len(rows), "", dtype=object)
    return Told(
        ids=labels.ids[rows],
        target=labels.log_sigma[rows],
        is_bound=labels.is_bound[rows],
        publication=unstated if labels.publication is None else labels.publication[rows],
        fractions=np.array(fractions),
    )
