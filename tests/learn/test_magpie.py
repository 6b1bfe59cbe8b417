"""Composition statistics against matminer's own figures, their laws, and the table they come from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.elements import NUMBERS, SYMBOLS
from screening.learn.magpie import element_properties, magpie_features, magpie_names

MATMINER = {  # sum, sum of squares, every 13th value
    "Li6PS5Cl": (
        3912.096065,
        948194.5083,
        3,
        35.453,
        16,
        115.5384615,
        0.4970414201,
        0,
        0,
        0,
        2,
        1.163692308,
        84.28402367,
    ),
    "Li6.672Ge0.773P0.227S5I": (
        5936.297095,
        3111370.975,
        3,
        126.90447,
        16,
        119.5922323,
        0.4997122246,
        0,
        0,
        0,
        3,
        0.9316072264,
        80.37059166,
    ),
    "Li7La3Zr2O12": (7744.294039, 9557007.671, 3, 138.90547, 15, 110.7916667, 0.4131944444, 0, 0, 9, 8, 0, 101.2083333),
    "Li3N": (3780.352494, 980276.3274, 3, 14.0067, 14, 113.75, 0.375, 0, 0, 0, 2, 1.60925, 13.125),
    "LiHe": (6202.434364, 4014310.72, 2, 6.941, 17, 78, 0.5, 0, 0, 0, 1, 9.049, 2),
    "CsPuF6": (5325.187017, 2071359.76, 9, 244, 16, 96.625, 0.21875, 0, 0, 0, 7, 1.4775, 46.9375),
}


def row(**amounts: float) -> np.ndarray:
    values = np.zeros((1, len(SYMBOLS)), dtype=np.float32)
    for symbol, amount in amounts.items():
        values[0, NUMBERS[symbol]] = amount
    return values


def test_lithium_sulfide_by_hand() -> None:
    """Li2S: lithium Z 3, Mendeleev 1, column 1, row 2, electronegativity 0.98; sulfur 16, 88, 16, 3, 2.58."""
    found = dict(zip(magpie_names(), magpie_features(row(Li=2, S=1))[0], strict=True))
    assert found["magpie/number/minimum"] == 3
    assert found["magpie/number/maximum"] == 16
    assert found["magpie/number/range"] == 13
    assert found["magpie/number/mean"] == pytest.approx(22 / 3)
    assert found["magpie/number/avg_dev"] == pytest.approx((2 * (22 / 3 - 3) + (16 - 22 / 3)) / 3)
    assert found["magpie/number/mode"] == 3
    assert found["magpie/electronegativity/mean"] == pytest.approx((2 * 0.98 + 2.58) / 3)
    assert found["magpie/column/range"] == 15
    assert found["magpie/mendeleev_number/maximum"] == 88


def test_figures_of_matminer() -> None:
    """Sums and samples of what matminer 0.10.1's ElementProperty, preset magpie, gives for these compositions."""
    crystals = {
        "Li6PS5Cl": row(Li=6, P=1, S=5, Cl=1),
        "Li6.672Ge0.773P0.227S5I": row(Li=6.672, Ge=0.773, P=0.227, S=5, I=1),
        "Li7La3Zr2O12": row(Li=7, La=3, Zr=2, O=12),
        "Li3N": row(Li=3, N=1),
        "LiHe": row(Li=1, He=1),
        "CsPuF6": row(Cs=1, Pu=1, F=6),
    }
    for formula, (total, squares, *samples) in MATMINER.items():
        found = magpie_features(crystals[formula])[0]
        assert found.sum() == pytest.approx(total, rel=2e-6)
        assert (found**2).sum() == pytest.approx(squares, rel=2e-6)
        np.testing.assert_allclose(found[::13], samples, rtol=2e-6, atol=1e-9)


def test_mode_of_equally_abundant_elements_is_the_lowest_value() -> None:
    found = dict(zip(magpie_names(), magpie_features(row(Li=0.5, F=0.5))[0], strict=True))
    assert found["magpie/number/mode"] == 3
    assert found["magpie/mendeleev_number/mode"] == 1


def test_table_is_whole() -> None:
    names, values = element_properties()
    assert (len(names), values.shape) == (22, (119, 22))
    assert np.isfinite(values).all()
    assert values[1:113, names.index("number")].tolist() == list(range(1, 113))
    weight = values[:, names.index("atomic_weight")]
    assert weight[NUMBERS["Li"]] == pytest.approx(6.941)
    assert weight[NUMBERS["O"]] == pytest.approx(15.9994)
    # Helium has no melting point at normal pressure: it stands at the mean of the others.
    melting = values[:, names.index("melting_temperature")]
    known = [number for number in range(1, 119) if number not in (2, 87) and number < 104]
    assert melting[2] == pytest.approx(melting[known].mean())


@given(
    st.dictionaries(st.sampled_from(SYMBOLS[1:90]), st.floats(0.05, 12), min_size=1, max_size=6),
    st.floats(0.5, 8),
)
@settings(max_examples=60, deadline=None)
def test_laws(amounts, factor) -> None:
    one = magpie_features(row(**amounts)).reshape(22, 6)
    again = magpie_features(row(**{symbol: factor * amount for symbol, amount in amounts.items()})).reshape(22, 6)
    np.testing.assert_allclose(one, again, rtol=1e-4, atol=1e-4)  # the unit of amounts does not matter
    low, high, spread, mean, deviation, mode = one.T
    assert (low <= mean + 1e-9).all()
    assert (mean <= high + 1e-9).all()
    np.testing.assert_array_equal(spread, high - low)
    assert (deviation <= spread + 1e-9).all()
    assert ((low <= mode) & (mode <= high)).all()
    if len(amounts) == 1:
        assert not deviation.any()
        np.testing.assert_allclose(mean, low)
