"""Types of arrays that every stage shares, and coordinates moved into the cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
SmallArray = NDArray[np.int8]


def wrap(positions: FloatArray) -> FloatArray:
    """Return fractional coordinates moved into [0, 1); -1e-17 becomes 0.0, never 1.0."""
    wrapped = positions - np.floor(positions)
    wrapped[wrapped >= 1.0] = 0.0
    return wrapped
