"""Curves on their way from the GPU's process: the same bytes come out of fewer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from screening.gpu.pipeline import compact

numbers = st.floats(width=32) | st.integers(0, 70_000).map(float) | st.integers(0, 300).map(float)


@given(arrays(np.float32, st.integers(0, 40), elements=numbers))
def test_the_same_bytes_come_back(values: NDArray[np.float32]) -> None:
    assert compact(values).astype(np.float32).tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], np.uint8),
        ([0, 255], np.uint8),
        ([0, 256, 65_535], np.uint16),
        ([65_536], np.float32),
        ([0.5], np.float32),
        ([-0.0], np.float32),
        ([-1], np.float32),
        ([np.nan, 1], np.float32),
        ([np.inf], np.float32),
    ],
)
def test_the_smallest_type_that_holds_them(values: list[float], kind: type) -> None:
    assert compact(np.array(values, dtype=np.float32)).dtype == kind
