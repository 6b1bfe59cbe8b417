"""What is planted, under the short names of the tests of learning; a module may have others of its own."""

from __future__ import annotations

import pytest

from screening.learn.labels import Labels
from screening.learn.model import Model
from screening.store.tables import FeatureTable


@pytest.fixture(scope="module")
def crystals(planted_table: FeatureTable) -> FeatureTable:
    return planted_table


@pytest.fixture(scope="module")
def known(planted_labels: Labels) -> Labels:
    return planted_labels


@pytest.fixture(scope="module")
def model(planted_model: Model) -> Model:
    return planted_model
