"""Why the model says what it says of one crystal: kinds of hole joined over bands, beside what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.crystals import FloatArray
from screening.ranking import Kind

SHOWN = 10  # reasons named; the others are summed


class Reasons:
    """Reasons in the order of their weight.

    Parameters
    ----------
    kinds
        Kinds of hole, the bands of one curve side by side.
    training
        (n, n_columns) features of the training crystals.
    """

    def __init__(self, kinds: Sequence[Kind], training: NDArray[np.float32]) -> None:
        self.kinds = kinds
        self.training = training
        self._typical: dict[tuple[int, int], float | None] = {}

    def of(self, shap: FloatArray, features: NDArray[np.float32], *, expected: float) -> dict[str, Any]:
        """Return the strongest reasons, ``kinds`` = [[first kind, last kind, log units, its value, typical one], ...].

        Neighbouring bands of one curve that push the same way are one reason: the model shares one signal between
        them. Values are means of the curve over the bands, null where none is known; typical is the median of the
        training crystals. The other reasons are counted and summed by sign: ``higher`` and ``lower``.

        Parameters
        ----------
        shap
            (n_kinds,) log units.
        features
            (n_columns,).
        expected
            Mean prediction, from which the reasons start.
        """
        found = sorted(joined(self.kinds, shap), key=lambda reason: -abs(reason[2]))
        rest = np.array([value for _, _, value in found[SHOWN:]])
        return {
            "expected": round(expected, 4),
            "kinds": [
                [first, last, round(value, 4), *self._values(first, last, features)]
                for first, last, value in found[:SHOWN]
            ],
            "higher": [int((rest > 0).sum()), round(float(rest[rest > 0].sum()), 4)],
            "lower": [int((rest < 0).sum()), round(float(rest[rest < 0].sum()), 4)],
        }

    def _values(self, first: int, last: int, features: NDArray[np.float32]) -> list[float | None]:
        columns = [column for kind in self.kinds[first : last + 1] for column in kind.columns]
        if (first, last) not in self._typical:
            usual = _means(self.training[:, columns])
            self._typical[first, last] = _short(float(np.median(usual))) if len(usual) else None
        own = _means(features[None, columns])
        return [_short(float(own[0])) if len(own) else None, self._typical[first, last]]


def joined(kinds: Sequence[Kind], shap: FloatArray) -> list[tuple[int, int, float]]:
    """Return (first kind, last kind, sum) of neighbouring bands of one curve whose values have one sign, none zero."""
    found: list[tuple[int, int, float]] = []
    for place, value in enumerate(shap.tolist()):
        if value == 0.0:
            continue
        if found and found[-1][1] == place - 1 and _adjoin(kinds[place - 1], kinds[place]) and found[-1][2] * value > 0:
            found[-1] = (found[-1][0], place, found[-1][2] + value)
        else:
            found.append((place, place, value))
    return found


def _adjoin(one: Kind, other: Kind) -> bool:
    same = (one.channel, one.curve) == (other.channel, other.curve)
    return same and one.radius_to is not None and one.radius_to == other.radius_from


def _means(values: NDArray[np.float32]) -> FloatArray:
    """Return the mean of each row over what is known in it; rows without anything known are left out."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1, dtype=np.float64)
    return np.asarray(total[count > 0] / count[count > 0], dtype=np.float64)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
