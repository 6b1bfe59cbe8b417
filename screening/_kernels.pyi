"""Types of the compiled kernels; their behaviour is described where they are wrapped."""

import numpy as np
from numpy.typing import NDArray

def periodic_pairs(
    lattice: NDArray[np.float64], positions: NDArray[np.float64], cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]] | bool | None: ...
