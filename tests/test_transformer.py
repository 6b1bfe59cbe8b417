"""The transformer: scikit-learn's contract, and the very numbers of a feature store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from crystals import write_set
from pymatgen.core import Lattice, Structure
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

import screening
from screening import BettiTransformer, Crystal
from screening.cif import read_cif
from screening.config import Config
from screening.errors import ConfigError, InputError
from screening.pipeline import Progress, featurize_all
from screening.sources import iter_items
from screening.store import read_table

# Those of scikit-learn's checks that need no table of numbers: X is a list of structures here.
CHECKS = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
)
SMALL = {"channels": ("mobile", "anion"), "step": 0.5}


def salt(a: float = 5.14) -> Structure:
    """Rock salt; written out, for pymatgen takes a second to apply a space group."""
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Structure(Lattice.cubic(a), ["Li"] * 4 + ["Cl"] * 4, np.vstack([corners, corners + np.array([0.5, 0, 0])]))


@pytest.mark.parametrize("check", CHECKS)
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


def test_the_numbers_are_those_of_a_store(tmp_path: Path) -> None:
    write_set(tmp_path / "crystals", labelled=12, candidates=6)
    config = Config()
    featurize_all([str(tmp_path / "crystals")], config=config, out=tmp_path / "F.zarr", progress=Progress())
    table = read_table(tmp_path / "F.zarr")
    crystals = [
        read_cif(item.text, id=item.id, source=item.source, limits=config.input)
        for item in iter_items([str(tmp_path / "crystals")], config.input)
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


def test_in_a_pipeline_with_named_columns() -> None:
    pytest.importorskip("pandas")
    structures = [salt(4.6 + 0.05 * k) for k in range(12)]
    frame = BettiTransformer(**SMALL).set_output(transform="pandas").fit_transform(structures)
    assert list(frame.columns) == BettiTransformer(**SMALL).fit([]).get_feature_names_out().tolist()
    filled = BettiTransformer(channels=("mobile",), step=0.5)
    model = make_pipeline(filled, StandardScaler(), Ridge(1e-3))
    model.fit(structures, np.arange(12.0))
    assert np.corrcoef(model.predict(structures), np.arange(12.0))[0, 1] > 0.9


def test_a_structure_without_the_ion_raises_or_is_nan_as_asked() -> None:
    without = Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(InputError, match=r"structure 1 cannot be used: no-mobile-ion"):
        BettiTransformer(**SMALL).fit_transform([salt(), without])
    lenient = BettiTransformer(**SMALL, on_error="nan")
    rows = lenient.fit_transform([salt(), without])
    assert np.isnan(rows[1]).all()
    assert not np.isnan(rows[0]).all()
    assert [place for place, _ in lenient.rejections_] == [1]
    assert np.isfinite(BettiTransformer(mobile_ion="Na", **SMALL).fit_transform([without])).any()


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"channels": ("lithium",)}, ConfigError),
        ({"step": -1.0}, ConfigError),
        ({"mobile_ion": "Xx"}, ConfigError),
        ({"on_error": "ignore"}, InputError),
    ],
)
def test_unfit_parameters_are_told_at_fit(params: dict, error: type) -> None:
    transformer = BettiTransformer(**params)  # never at construction
    with pytest.raises(error):
        transformer.fit([salt()])


@pytest.mark.parametrize("wrong", [[np.zeros(3)], [1], ["a.cif"], "a.cif"])
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
