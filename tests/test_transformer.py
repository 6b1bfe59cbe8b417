"""The transformer: scikit-learn's contract, and the very numbers of a feature store."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_crystals import write_set
from pymatgen.core import Lattice, Structure
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

import screening
from screening import BettiTransformer, Crystal
from screening.cluster.featurize_all import featurize_all
from screening.cluster.progress import Progress
from screening.config import Config
from screening.crystals.cif import read_cif
from screening.errors import ConfigError, InputError
from screening.sources.listing import iter_items
from screening.store.read import read_table

SMALL: dict[str, Any] = {"channels": ("mobile", "anion"), "step": 0.5}


def salt(a: float = 5.14) -> Structure:
    """Rock salt; written out, for pymatgen takes a second to apply a space group."""
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Structure(Lattice.cubic(a), ["Li"] * 4 + ["Cl"] * 4, np.vstack([corners, corners + np.array([0.5, 0, 0])]))


class OfRows(BettiTransformer):
    """The transformer over a table: each row becomes a crystal, so that checks that feed numbers apply."""

    def fit(self, X, y=None):  # noqa: N803
        return super().fit(crystals_of(validate_data(self, X)), y)

    def transform(self, X):  # noqa: N803
        check_is_fitted(self, "n_features_out_")  # as everywhere in scikit-learn, before the input is looked at
        rows = crystals_of(validate_data(self, X, reset=False))
        plain = inspect.unwrap(BettiTransformer.transform)  # this class names the columns of its output itself
        return plain(self, rows)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.no_validation = False
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def crystals_of(rows: np.ndarray) -> list[Structure]:
    """Two lithium and a chlorine in a cell, moved by the numbers of the row."""
    found = []
    for row in np.asarray(rows, dtype=float):
        u, v, w = np.tanh([row.mean() / 5, row.max() / 5, row.min() / 5])
        found.append(
            Structure(
                Lattice.orthorhombic(4.2 + 0.3 * u, 4.6 + 0.3 * v, 5.0 + 0.3 * w),
                ["Li", "Li", "Cl"],
                [[0, 0, 0], [0.5 + 0.05 * u, 0.4, 0.5], [0.25, 0.75, 0.2 + 0.05 * v]],
            )
        )
    return found


def of_rows() -> OfRows:
    return OfRows(channels=("mobile",), step=0.5, r_max={"mobile": 5.0})


@parametrize_with_checks([of_rows()])
def test_contract_of_scikit_learn_over_rows(estimator, check) -> None:
    """Every check of scikit-learn, none left out."""
    check(estimator)


# Not asked: that names given as `input_features` fit the columns of X, for X has none.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")  # the checks mix frames and arrays
@pytest.mark.parametrize(
    "check",
    [
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_global_output_transform_pandas",
    ],
)
def test_contract_of_names_and_output(check: str) -> None:
    getattr(estimator_checks, check)("OfRows", of_rows())


# What scikit-learn asks of an estimator whose X is no table can be asked of the class itself.
@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_transformers_unfitted",
        "check_valid_tag_types",
    ],
)
def test_contract_of_scikit_learn(check: str) -> None:
    getattr(estimator_checks, check)("BettiTransformer", BettiTransformer())


def test_fit_changes_no_parameter_and_returns_itself() -> None:
    transformer = BettiTransformer(**SMALL)
    before = transformer.get_params()
    assert transformer.fit([salt()]) is transformer
    assert transformer.get_params() == before
    first = transformer.transform([salt()])
    np.testing.assert_array_equal(first, transformer.fit([salt(5.5)]).transform([salt()]))  # nothing is learned
    np.testing.assert_array_equal(first, clone(transformer).fit_transform([salt()]))


def test_the_numbers_are_those_of_a_store(tmp_path: Path, scheduler: str) -> None:
    write_set(tmp_path / "crystals", labelled=12, candidates=6)
    config = Config.model_validate({"cluster": {"scheduler": scheduler}})
    featurize_all([str(tmp_path / "crystals")], config=config, out=tmp_path / "F.zarr", progress=Progress())
    table = read_table(tmp_path / "F.zarr")
    crystals = [
        read_cif(item.text, id=item.id, source=item.source, limits=config.input)
        for item in iter_items([str(tmp_path / "crystals")], config.input)
        if item.rejection is None
    ]
    of = {crystal.id: crystal for crystal in crystals}
    transformer = BettiTransformer().fit([])
    assert transformer.get_feature_names_out().tolist() == list(table.columns)
    features = transformer.transform([of[id] for id in table.ids])
    np.testing.assert_array_equal(features, table.features)
    assert features.dtype == np.float32


def test_batches_order_and_cell_do_not_matter() -> None:
    many = [salt(4.6 + 0.01 * k) for k in range(70)]
    transformer = BettiTransformer(**SMALL).fit(many)
    whole = transformer.transform(many)
    turned = transformer.transform(many[::-1])
    np.testing.assert_array_equal(whole[::-1], turned)
    doubled = salt().make_supercell([2, 1, 1], in_place=False)
    np.testing.assert_allclose(transformer.transform([doubled]), transformer.transform([salt()]), rtol=1e-6)


def test_processes_change_nothing() -> None:
    without = Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    many = [salt(4.6 + 0.005 * k) for k in range(140)]
    many[130] = without
    one = BettiTransformer(**SMALL, on_error="nan").fit_transform(many)
    two = BettiTransformer(**SMALL, on_error="nan", n_jobs=2).fit_transform(many)
    np.testing.assert_array_equal(one, two)
    assert np.flatnonzero(np.isnan(one).all(axis=1)).tolist() == [130]
    with pytest.raises(InputError, match="structure 130 cannot be used"):
        BettiTransformer(**SMALL, n_jobs=2).fit_transform(many)


def test_radii_are_as_asked() -> None:
    narrow = BettiTransformer(**SMALL, r_max={"mobile": 4.0}).fit([])
    names = narrow.get_feature_names_out()
    wide = BettiTransformer(**SMALL).fit([])
    shared = np.isin(wide.get_feature_names_out(), names)
    assert "Li/beta1/4.00" in names
    assert "Li/beta1/4.50" not in names
    assert "anion/beta1/4.50" in names
    np.testing.assert_array_equal(narrow.transform([salt()]), wide.transform([salt()])[:, shared])


def test_in_a_pipeline_with_named_columns() -> None:
    structures = [salt(4.6 + 0.05 * k) for k in range(12)]
    frame = BettiTransformer(**SMALL).set_output(transform="pandas").fit_transform(structures)
    assert list(frame.columns) == BettiTransformer(**SMALL).fit([]).get_feature_names_out().tolist()
    series = pd.Series(structures, index=[f"s{k}" for k in range(12)])
    named = BettiTransformer(**SMALL).set_output(transform="pandas").fit_transform(series)
    assert list(named.index) == list(series.index)
    filled = BettiTransformer(channels=("mobile",), step=0.5)
    model = make_pipeline(filled, StandardScaler(), Ridge(1e-3))
    model.fit(structures, np.arange(12.0))
    assert np.corrcoef(model.predict(structures), np.arange(12.0))[0, 1] > 0.9


def test_a_structure_without_the_ion_raises_or_is_nan_as_asked() -> None:
    without = Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    with pytest.raises(InputError, match=r"structure 1 cannot be used: no-mobile-ion"):
        BettiTransformer(**SMALL).fit_transform([salt(), without])
    lenient = BettiTransformer(**SMALL, on_error="nan")
    rows = lenient.fit_transform([salt(), without])
    assert np.isnan(rows[1]).all()
    assert not np.isnan(rows[0]).all()
    reasons = lenient.rejections([salt(), without])
    assert list(reasons) == [1]
    assert reasons[1].startswith("no-mobile-ion")
    assert np.isfinite(BettiTransformer(mobile_ion="Na", **SMALL).fit_transform([without])).any()


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"channels": ("lithium",)}, ConfigError),
        ({"step": -1.0}, ConfigError),
        ({"mobile_ion": "Xx"}, ConfigError),
        ({"r_max": {"lithium": 3.0}}, ConfigError),
        ({"r_max": {"mobile": -3.0}}, ConfigError),
        ({"on_error": "ignore"}, InputError),
    ],
)
def test_unfit_parameters_are_told_at_fit(params: dict, error: type) -> None:
    transformer = BettiTransformer(**params)  # never at construction
    with pytest.raises(error):
        transformer.fit([salt()])


@pytest.mark.parametrize("wrong", [[np.zeros(3)], [1], [None], "a.cif"])
def test_what_is_no_structure_is_refused(wrong) -> None:
    with pytest.raises(InputError):
        BettiTransformer(**SMALL).fit(wrong)
    with pytest.raises(InputError, match="list of structures"):
        BettiTransformer(**SMALL).fit(salt())


def test_saved_as_text_and_read_again(tmp_path: Path) -> None:
    transformer = BettiTransformer(**SMALL, histogram=True).fit([])
    transformer.save(tmp_path / "t.json")
    again = BettiTransformer.load(tmp_path / "t.json")
    assert again.get_params() == transformer.get_params()
    np.testing.assert_array_equal(again.transform([salt()]), transformer.transform([salt()]))
    for text in ("", "[]", '{"format": "x"}', '{"format": "screening-transformer", "version": 1, "evil": 1}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(InputError):
            BettiTransformer.load(tmp_path / "bad.json")


def test_crystals_are_taken_too() -> None:
    crystal = Crystal.from_pymatgen(salt())
    np.testing.assert_array_equal(
        BettiTransformer(**SMALL).fit_transform([crystal]), BettiTransformer(**SMALL).fit_transform([salt()])
    )


def test_names_of_the_package() -> None:
    for name in screening.__all__:
        assert getattr(screening, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = screening.nothing
