"""The same crystal met again: in another file, cell, setting or origin, or with its sites in another order.

Features, atomic fractions and volume per atom are those of the infinite crystal, so they agree for every way to write
it, up to float noise. Of each crystal a signature of some 70 bytes is kept; only crystals whose signatures agree are
read again and compared. What agrees here may still differ in what no feature sees: which of two elements of one
sublattice sits where (`same_structure` sees that), or left and right.

Source: ours.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.crystals import Crystal, FloatArray, IntArray, written_amounts
from screening.elements import SYMBOLS
from screening.learn import Training
from screening.ranking.batches import Batch
from screening.sources import Missing
from screening.store import FeatureTable

VALUE_TOLERANCE = 1e-5  # between features; float noise is below 1e-6
# Between volumes per atom, relative. Curves say nothing of moves that cross no grid radius, so orderings of two metals
# on one framework may differ in their volume alone: four of Li4Cr3GaO8 in the Materials Project by 2e-5 and more. Of
# its 1,164 pairs of equal formula and volume within 1e-4, the one that is left is the one that is the same structure.
VOLUME_TOLERANCE = 1e-5
FRACTION_TOLERANCE = 1e-4  # between atomic fractions
FORMULA_TOLERANCE = 2e-3  # between atomic fractions taken from formulas, which have three decimals
N_SKETCH = 4
SKETCH_TOLERANCE = VALUE_TOLERANCE * 1.001 + 1e-9  # a mean differs by no more than its terms; the rest is rounding
READ_ROWS = 16_384  # crystals compared at a time: with 2,400 columns, 160 MB

Confirm = Callable[[str, str], bool]  # whether the crystals with two ids are one

_FIELDS = [
    ("elements", np.int32),  # number of the set of elements
    ("missing", np.int32),  # features not computed
    ("table", np.int32),  # where to read it again
    ("row", np.int32),
    ("volume", np.float64),  # log of the volume per atom
    ("sketch", np.float64, (N_SKETCH,)),
]


def sketch(features: NDArray[Any]) -> FloatArray:
    """Return the mean known feature of every fourth column, (n, N_SKETCH); 0 where none is known.

    Crystals whose features agree within a tolerance, and lack the same ones, have sketches that agree within it.
    """
    return np.column_stack([_mean_of_part(features, part) for part in range(N_SKETCH)])


def _mean_of_part(features: NDArray[Any], part: int) -> FloatArray:
    """Return one number of the sketch, (n,)."""
    values = np.ascontiguousarray(features[:, part::N_SKETCH])
    total = values.sum(axis=1, dtype=np.float64)
    count = np.full(len(values), values.shape[1])
    rows = np.flatnonzero(np.isnan(total))  # few crystals lack a feature
    known = ~np.isnan(values[rows])
    count[rows] = known.sum(axis=1)
    total[rows] = np.where(known, values[rows], 0.0).sum(axis=1, dtype=np.float64)
    mean: FloatArray = np.divide(total, count, out=np.zeros(len(values)), where=count > 0)
    return mean


@dataclass(frozen=True, slots=True, eq=False)
class Signed:
    """Signatures of a batch, whose sets of elements have no numbers yet."""

    part: NDArray[Any]  # (n,) of _FIELDS; elements are -1 of crystals that stand for themselves
    sets: NDArray[np.uint8]  # (n, n_bytes) bits of the elements

    @classmethod
    def of(cls, batch: Batch, *, alone: NDArray[np.bool_]) -> Signed:
        """Return the signatures of a batch; crystals `alone` (n,) stand for themselves, whatever they equal."""
        part = np.zeros(len(batch.ids), dtype=_FIELDS)
        part["elements"][alone] = -1
        part["missing"] = np.isnan(batch.features).sum(axis=1)
        part["table"], part["row"] = batch.table, batch.row
        part["volume"] = np.log(batch.facts["volume"] / batch.composition.sum(axis=1, dtype=np.float64))
        part["sketch"] = sketch(batch.features)
        return cls(part, np.packbits(batch.composition > 0, axis=1))


class Signatures:
    """What is kept of each crystal to find its duplicates."""

    def __init__(self) -> None:
        self._parts: list[NDArray[Any]] = []
        self._elements: dict[bytes, int] = {}

    def add(self, signed: Signed) -> None:
        """Keep the signatures of a batch."""
        numbers = [self._elements.setdefault(one.tobytes(), len(self._elements)) for one in signed.sets]
        signed.part["elements"] = np.where(signed.part["elements"] < 0, -1, numbers)
        self._parts.append(signed.part)

    def joined(self) -> NDArray[Any]:
        """Return the signatures of all crystals, in the order they were added."""
        return np.concatenate([np.zeros(0, dtype=_FIELDS), *self._parts])


def representatives(
    signatures: NDArray[Any],
    tables: Sequence[FeatureTable],
    *,
    ids: NDArray[np.object_],
    confirm: Confirm | None = None,
) -> IntArray:
    """Return for each crystal the one that stands for it, an index into `signatures`, (n,); itself if it is the first.

    The crystals are gone through by their `ids` (n,): each is a duplicate of the first one before it that stands for
    itself and that it equals, so the answer does not depend on how they are stored. Equal means: the same elements, and
    atomic fractions, volume per atom and every feature within the tolerances above, with the same features not
    computed; and that `confirm`, if given, agrees, which is asked with the ids of two crystals of which this holds.
    """
    place = places(ids)
    result = np.arange(len(signatures))
    suspects, bucket = suspected(signatures)
    order = np.lexsort((place[suspects], bucket, _first_tables(signatures[suspects], bucket)))
    suspects, bucket = suspects[order], bucket[order]
    firsts: list[tuple[int, _Content]] = []
    current = -1
    for begin in range(0, len(suspects), READ_ROWS):
        chunk = suspects[begin : begin + READ_ROWS]
        contents = _read(signatures[chunk], tables)
        for index, which, content in zip(chunk, bucket[begin : begin + READ_ROWS], contents, strict=True):
            if which != current:
                firsts, current = [], which
            equal = (first for first, other in firsts if content.equals(other))
            found = next((one for one in equal if confirm is None or confirm(str(ids[one]), str(ids[index]))), None)
            if found is None:
                firsts.append((index, content))
            else:
                result[index] = found
    return result


def places(ids: NDArray[np.object_]) -> IntArray:
    """Return the place of each id in their order, (n,)."""
    result = np.empty(len(ids), dtype=np.int64)
    result[np.argsort(ids, kind="stable")] = np.arange(len(ids))
    return result


def suspected(signatures: NDArray[Any]) -> tuple[IntArray, IntArray]:
    """Return the crystals that may have a duplicate, as indices (n,), and the bucket of each (n,).

    Equal crystals share a bucket: one is split only between values farther apart than the tolerance, never at a
    rounding edge.
    """
    chosen = np.flatnonzero(signatures["elements"] >= 0)
    bucket = signatures["elements"][chosen].astype(np.int64)
    parts: list[tuple[Any, float]] = [(signatures["missing"], 0.0)]
    parts.append((signatures["volume"], np.log1p(VOLUME_TOLERANCE) * 1.001 + 1e-9))
    parts += [(signatures["sketch"][:, part], SKETCH_TOLERANCE) for part in range(N_SKETCH)]
    for values, gap in parts:
        order = np.lexsort((values[chosen], bucket))
        chosen, bucket = chosen[order], bucket[order]
        fresh = (np.diff(bucket) != 0) | (np.diff(values[chosen].astype(np.float64)) > gap)
        bucket = np.concatenate([np.zeros(min(1, len(chosen)), dtype=np.int64), np.cumsum(fresh)])
        crowded = np.bincount(bucket)[bucket] > 1 if len(bucket) else np.zeros(0, dtype=np.bool_)
        chosen, bucket = chosen[crowded], bucket[crowded]
    return chosen, bucket


def _first_tables(signatures: NDArray[Any], bucket: IntArray) -> IntArray:
    """Return the first table that each crystal's bucket occurs in: buckets read together lie together."""
    first = np.full(int(bucket.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, bucket, signatures["table"].astype(np.int64))
    return first[bucket]


@dataclass(frozen=True, slots=True, eq=False)
class _Content:
    features: NDArray[np.float32]  # (n_columns,)
    fractions: FloatArray  # (119,)
    volume: float  # log of the volume per atom

    def equals(self, other: _Content) -> bool:
        return (
            abs(self.volume - other.volume) <= np.log1p(VOLUME_TOLERANCE)
            and bool((np.abs(self.fractions - other.fractions) <= FRACTION_TOLERANCE).all())
            and equal_features(self.features, other.features)
        )


def equal_features(left: NDArray[Any], right: NDArray[Any]) -> bool:
    """Return whether two rows of features (n_columns,) agree within `VALUE_TOLERANCE` and lack the same ones."""
    gap = np.abs(left - right)
    return not bool((gap > VALUE_TOLERANCE).any()) and bool((np.isnan(left) == np.isnan(right)).all())


def _read(signatures: NDArray[Any], tables: Sequence[FeatureTable]) -> list[_Content]:
    """Return what is compared of some crystals, in their order; each table is read once."""
    contents: dict[int, _Content] = {}
    for number in np.unique(signatures["table"]):
        table = tables[int(number)]
        for index in np.flatnonzero(signatures["table"] == number):
            row = int(signatures["row"][index])
            amounts = table.composition[row].astype(np.float64)
            contents[int(index)] = _Content(
                features=table.features[row].copy(),
                fractions=amounts / amounts.sum(),
                volume=float(signatures["volume"][index]),
            )
    return [contents[index] for index in range(len(signatures))]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCrystals:
    """The crystals of a training set, to find which of them a candidate is."""

    training: Training
    order: IntArray  # (n,) by the first number of the sketch
    sketches: FloatArray  # (n,) the first numbers, sorted

    @classmethod
    def of(cls, training: Training) -> LabelledCrystals:
        """Return the crystals of a training set."""
        first = _mean_of_part(training.features, 0)
        order = np.argsort(first, kind="stable")
        return cls(training=training, order=order, sketches=first[order])

    def same_as(self, features: NDArray[Any], formulas: NDArray[np.object_]) -> NDArray[np.object_]:
        """Return for each crystal the id of the first labelled one that it equals, or nothing.

        Equal means: every feature within the tolerance, the same features not computed, and the atomic fractions of the
        formulas equal up to their decimals. Densities are among the features, so the volume per atom agrees too.
        """
        first = _mean_of_part(features, 0)
        begin = np.searchsorted(self.sketches, first - SKETCH_TOLERANCE, side="left")
        end = np.searchsorted(self.sketches, first + SKETCH_TOLERANCE, side="right")
        found = np.full(len(features), "", dtype=object)
        for row in np.flatnonzero(end > begin):
            known = (
                self.training.ids[one] for one in self._equal(features[row], str(formulas[row]), begin[row], end[row])
            )
            found[row] = str(next(known, ""))
        return found

    def _equal(self, features: NDArray[Any], formula: str, begin: int, end: int) -> Iterator[int]:
        for one in np.sort(self.order[begin:end]):
            if equal_features(features, self.training.features[one]):
                gap = np.abs(fractions_of(formula) - fractions_of(str(self.training.formula[one])))
                if (gap <= FORMULA_TOLERANCE).all():
                    yield int(one)


def fractions_of(formula: str) -> FloatArray:
    """Return the atomic fractions (119,) of a formula as `Crystal.formula` writes it, e.g. ``Li0.5CoO2``."""
    amounts = np.zeros(len(SYMBOLS))
    for symbol, amount in written_amounts(formula):
        amounts[SYMBOLS.index(symbol)] += amount
    return np.asarray(amounts / amounts.sum(), dtype=np.float64)


def same_structure(left: Crystal, right: Crystal) -> bool:
    """Return whether pymatgen's StructureMatcher finds two crystals to be one structure: elements, places, occupancies.

    Slow, for crystals whose CIF text is at hand, and stricter than features where these are blind: it knows which
    element sits where. Cells are made primitive but not scaled; sites may be 1 % of a site's mean spacing apart.
    Charges are left aside, occupancies compared to three decimals, mirror images taken as one.

    Source: Ong et al., Comput. Mater. Sci. 68 (2013) 314.
    """
    from pymatgen.analysis.structure_matcher import ElementComparator, StructureMatcher

    matcher = StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.5, scale=False, comparator=ElementComparator())
    return bool(matcher.fit(_plain(left).to_pymatgen(), _plain(right).to_pymatgen()))


class StructureCheck:
    """Answers whether two crystals whose features agree are one structure, and counts its answers.

    Parameters
    ----------
    crystals
        By id, the crystals that can be compared, or why not; of all others the features alone decide.
    counts
        Of pairs ``confirmed``, ``refuted`` and ``unread``; added to.
    """

    def __init__(self, crystals: Mapping[str, Crystal | Missing], counts: Counter[str]) -> None:
        self._crystals = crystals
        self.counts = counts

    def __call__(self, left: str, right: str) -> bool:
        """Return whether the crystals with these ids are one."""
        one, other = self._crystals.get(left), self._crystals.get(right)
        if not isinstance(one, Crystal) or not isinstance(other, Crystal):
            self.counts["unread"] += 1
            return True
        same = same_structure(one, other)
        self.counts["confirmed" if same else "refuted"] += 1
        return same


def _plain(crystal: Crystal) -> Crystal:
    return dataclasses.replace(
        crystal, charges=np.full(len(crystal.charges), np.nan), occupancies=np.round(crystal.occupancies, 3)
    )
