"""The matminer featurizer gives the transformer's columns through matminer's own interface."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure

from screening import BettiTransformer

SMALL: dict[str, Any] = {"channels": ("mobile", "anion"), "step": 0.5}


def salt(a: float) -> Structure:
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Structure(Lattice.cubic(a), ["Li"] * 4 + ["Cl"] * 4, np.vstack([corners, corners + np.array([0.5, 0, 0])]))


def test_without_matminer_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matminer", "matminer.featurizers", "matminer.featurizers.base"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "screening.matminer", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'screening\[matminer\]'"):
        import screening.matminer  # noqa: F401


@pytest.mark.filterwarnings("default")  # matminer's own imports warn
class TestWithMatminer:
    @pytest.fixture(autouse=True)
    def _matminer(self) -> None:
        pytest.importorskip("matminer", reason="matminer asks for pandas 2; install screening[matminer] to test this")

    def test_the_columns_are_those_of_the_transformer(self) -> None:
        from screening.matminer import BettiFeaturizer

        featurizer = BettiFeaturizer(**SMALL)
        transformer = BettiTransformer(**SMALL).fit([])
        assert featurizer.feature_labels() == transformer.get_feature_names_out().tolist()
        np.testing.assert_array_equal(
            np.array(featurizer.featurize(salt(5.14)), dtype=np.float32), transformer.transform([salt(5.14)])[0]
        )
        assert all(entry.startswith("@") for entry in featurizer.citations())
        assert featurizer.implementors()

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_a_table_of_structures(self, n_jobs: int) -> None:
        from screening.errors import InputError
        from screening.matminer import BettiFeaturizer

        without = Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
        frame = pd.DataFrame({"structure": [salt(5.0), without, salt(5.2)]})
        featurizer = BettiFeaturizer(**SMALL)
        featurizer.set_n_jobs(n_jobs)
        table = featurizer.featurize_dataframe(frame, "structure", ignore_errors=True, return_errors=True, pbar=False)
        labels = featurizer.feature_labels()
        expected = BettiTransformer(**SMALL, on_error="nan").fit_transform(list(frame["structure"]))
        np.testing.assert_array_equal(table[labels].to_numpy(dtype=np.float32), expected)
        assert "no-mobile-ion" in table["BettiFeaturizer Exceptions"][1]
        with pytest.raises(InputError, match="no-mobile-ion"):
            featurizer.featurize(without)

    def test_in_a_multiple_featurizer(self) -> None:
        from matminer.featurizers.base import MultipleFeaturizer
        from matminer.featurizers.structure import DensityFeatures

        from screening.matminer import BettiFeaturizer

        both = MultipleFeaturizer([DensityFeatures(), BettiFeaturizer(**SMALL)])
        values = both.featurize(salt(5.14))
        assert len(values) == len(both.feature_labels())
        assert values[0] == pytest.approx(salt(5.14).density, rel=1e-3)
