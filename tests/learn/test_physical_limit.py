"""No prediction, interval or chance goes beyond what an ion conductor can do."""

from __future__ import annotations

import numpy as np

from screening.learn.intervals import HIGHEST, cut
from screening.learn.model import Model


def test_predictions_and_intervals_are_cut_at_1_siemens_per_centimetre(planted_model: Model) -> None:
    mean = np.array([-9.0, -3.0, -0.2, 0.4, 7.0])
    deviation = np.full(len(mean), 1.5)
    found = planted_model.interval(mean, deviation=deviation, trees=mean)
    assert HIGHEST == 0.0
    np.testing.assert_array_equal(found.mean, [-9.0, -3.0, -0.2, 0.0, 0.0])
    assert found.trees is not None
    np.testing.assert_array_equal(found.trees, found.mean)
    assert (found.lower <= found.mean).all()
    assert (found.mean <= found.upper).all()
    assert (found.upper <= HIGHEST).all()
    whole_lower, whole_upper = planted_model._bands.at(mean[:2], deviation[:2])
    np.testing.assert_allclose(found.lower[:2], mean[:2] + whole_lower)  # far below, nothing changes
    np.testing.assert_allclose(found.upper[0], mean[0] + whole_upper[0])


def test_chances_are_of_what_was_cut(planted_model: Model) -> None:
    mean, deviation = np.array([-3.0, 0.0, 5.0]), np.full(3, 1.5)
    chance = planted_model.chance(mean, target=-4.0, deviation=deviation)
    assert chance[1] == chance[2]
    np.testing.assert_array_equal(planted_model.chance(mean, target=0.1, deviation=deviation), [0.0, 0.0, 0.0])
    assert (planted_model.chance(mean, target=-4.0, deviation=deviation) > 0).all()


def test_what_is_not_known_stays_unknown() -> None:
    np.testing.assert_array_equal(cut(np.array([np.nan, 1.0, -1.0])), [np.nan, 0.0, -1.0])
