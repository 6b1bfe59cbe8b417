"""Labels without a crystal: what of a table is used, and that they train without judging or leaking."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import QUICK, labels, table

from screening.config import Config, InputLimits
from screening.crystals import Crystal, read_cif
from screening.data import known_conductors
from screening.errors import InputError, ModelError
from screening.learn import Labels, make, read_labels
from screening.learn.compounds import cells_of, spacegroups_of
from screening.learn.dataset import Dataset, join
from screening.learn.evaluate import evaluate, made_admission
from screening.learn.load import load_model
from screening.learn.made import Made
from screening.learn.train import train
from screening.store.tables import FeatureTable

N_MADE = 30
LIMITS = InputLimits()


@pytest.fixture(scope="module")
def crystals() -> FeatureTable:
    return table(60, seed=0)


@pytest.fixture(scope="module")
def known(crystals: FeatureTable) -> Labels:
    return labels(crystals, 60, seed=1, n_bounds=5)


@pytest.fixture(scope="module")
def made(crystals: FeatureTable) -> Made:
    """Thirty compounds on templates of their own, unrelated to the crystals, with the planted law."""
    more = table(2 * N_MADE, seed=9, prefix="m")
    told = labels(more, N_MADE, seed=3, n_bounds=2)
    at = {str(id): row for row, id in enumerate(more.ids)}
    rows = np.array([at[str(id)] for id in told.ids])
    others = np.setdiff1d(np.arange(2 * N_MADE), rows)
    shares = more.composition.astype(np.float64)
    shares /= shares.sum(axis=1, keepdims=True)
    return Made(
        ids=told.ids,
        target=told.log_sigma,
        is_bound=told.is_bound,
        publication=np.array([f"10.9/{number}" for number in range(N_MADE)], dtype=object),
        template=np.arange(N_MADE),
        rule=np.array(["cell"] * N_MADE, dtype=object),
        distance=np.linspace(0, 0.05, N_MADE),
        features=more.features[rows],
        fractions=shares[rows],
        template_ids=more.ids[others],
        template_features=more.features[others],
        template_fractions=shares[others],
        refused=({"id": "late", "reason": "no template"},),
    )


@pytest.fixture(scope="module")
def data(crystals: FeatureTable, known: Labels, made: Made) -> Dataset:
    return join(crystals, known, made=made)


def test_made_compounds_train_and_never_judge(data: Dataset, crystals: FeatureTable, known: Labels) -> None:
    alone = evaluate(join(crystals, known), QUICK, repeats=2)
    beside = evaluate(data, QUICK, repeats=2)
    assert set(beside.predictions["id"]) == set(alone.predictions["id"]) == set(data.ids.tolist())
    assert beside.predictions["fold"].tolist() == alone.predictions["fold"].tolist()
    assert (beside.predictions["curves"] != alone.predictions["curves"]).all()
    assert beside.scores["curves"]["mae"] < alone.scores["curves"]["mae"]


@pytest.mark.parametrize("split", ["grouped", "publication", "random", "cluster"])
def test_a_leak_of_each_kind_changes_no_prediction_of_what_it_leaks(
    split: str, data: Dataset, crystals: FeatureTable, known: Labels, made: Made
) -> None:
    """A compound that states a crystal's value in its own paper, composition or curves: that crystal never sees it."""
    victim = 7
    plants = {
        "publication": {"publication": "https://doi.org/" + str(data.publication[victim]).upper()},
        "composition": {"fractions": data.fractions[victim]},
        "curves": {"features": data.features[victim]},
    }
    for kind, planted in plants.items():
        fields = {name: getattr(made, name).copy() for name in planted}
        for name, value in planted.items():
            fields[name][0] = value
        told = dataclasses.replace(made, **fields, target=np.where(np.arange(N_MADE) == 0, 99.0, made.target))
        leaky = join(crystals, known, made=told)
        found = evaluate(leaky, QUICK, split=split, repeats=1).predictions
        row = found["id"] == data.ids[victim]
        fold = found.loc[row, "fold"].iloc[0]
        same = found["fold"] == fold
        assert found.loc[same, "curves"].max() < 20.0, kind  # the absurd value reached no crystal of its fold


def test_a_template_that_is_tested_takes_its_compounds_along(
    data: Dataset, crystals: FeatureTable, known: Labels, made: Made
) -> None:
    names, features, shares = made.template_ids.copy(), made.template_features.copy(), made.template_fractions.copy()
    names[3], features[3], shares[3] = data.ids[5], data.features[5], data.fractions[5]
    on_labelled = join(
        crystals,
        known,
        made=dataclasses.replace(made, template_ids=names, template_features=features, template_fractions=shares),
    )
    for split in ("grouped", "random"):
        groups = data.groups if split == "grouped" else np.arange(len(data))
        admitted = made_admission(on_labelled, split, groups)
        assert not admitted(np.arange(len(data)) == 5)[3]
        assert admitted(np.arange(len(data)) == 20)[3]


def test_a_leak_that_slips_through_fails_the_run(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data.relation is not None
    monkeypatch.setattr(type(data.relation), "near", lambda self, held: np.zeros(self.n_made, dtype=np.bool_))
    planted = data.relation.pairs | {"planted": np.array([[0, len(data) + 1], [1, len(data) + 2]])}
    leaky = dataclasses.replace(data, relation=dataclasses.replace(data.relation, pairs=planted))
    with pytest.raises(ModelError, match="leak"):
        evaluate(leaky, QUICK, split="random", repeats=1)


def test_compounds_without_a_family_leave_every_family_fold(crystals: FeatureTable, known: Labels, made: Made) -> None:
    told = dataclasses.replace(known, family=np.array([f"f{row % 4}" for row in range(len(known))], dtype=object))
    joined = join(crystals, told, made=made)
    found = joined.family_groups()
    assert found is not None
    assert not made_admission(joined, "family", found[1])(np.arange(len(joined)) == 0).any()


def test_a_model_says_what_was_made_and_is_read_back(
    crystals: FeatureTable, known: Labels, made: Made, tmp_path: Path
) -> None:
    model = train(crystals, known, QUICK, made=made)
    assert model.header.made == model.scores["n_made"] == N_MADE
    assert model.header.format_version == 3
    assert model.scores["made_refused"] == [{"id": "late", "reason": "no template"}]
    assert not set(model.training.ids.tolist()) & set(made.ids.tolist())
    model.save(tmp_path)
    again = load_model(tmp_path)
    fresh = table(20, seed=4)
    for name in ("mean", "lower", "upper", "trees", "deviation"):
        np.testing.assert_array_equal(
            getattr(again.predict(fresh.features), name), getattr(model.predict(fresh.features), name)
        )
    widths = model.predict(fresh.features).upper - model.predict(fresh.features).lower
    assert np.unique(widths.round(6)).size > 10


def test_lightgbm_alone_is_the_model_of_format_1(crystals: FeatureTable, known: Labels, tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"learn": QUICK.learn.model_copy(update={"model": "lightgbm"})})
    model = train(crystals, known, config)
    model.save(tmp_path)
    assert model.header.format_version == 1
    assert not list(tmp_path.glob("kernels*"))
    said = load_model(tmp_path).predict(crystals.features)
    assert said.trees is None
    assert said.deviation is None
    np.testing.assert_array_equal(said.mean, model.tree_mean(crystals.features))


# Tables.


def test_space_groups_cells_and_bounds_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text(
        "id,composition,conductivity,bound,sg,lattice\n"
        "a,Li 6 P S5Cl,1e-3,False,216,9.8 9.8 9.8 90 90 90\n"
        "b,Li3PS4,1e-9,True,0,1 2 3\n"
        "c,Li2S,<1e-9,,231,nonsense here it is not six\n"
    )
    found = read_labels(path)
    assert found.is_bound.tolist() == [False, True, True]
    assert found.spacegroup is not None
    assert found.cell is not None
    assert found.spacegroup.tolist() == [216, 0, 0]
    assert np.isfinite(found.cell).all(axis=1).tolist() == [True, False, False]
    edges = pd.DataFrame({"a": ["5", "x"], "b": ["6", "6"], "c": ["7", "7"], "alpha": ["90"] * 2, "beta": ["90"] * 2})
    assert np.isnan(cells_of(edges)).all()
    assert np.isfinite(cells_of(edges.assign(gamma="120"))).all(axis=1).tolist() == [True, False]
    assert spacegroups_of(edges).tolist() == [0, 0]


def test_two_tables_join_and_an_id_in_both_is_an_error(known: Labels) -> None:
    more = Labels(
        ids=np.array(["z"], dtype=object),
        log_sigma=np.array([-5.0]),
        is_bound=np.array([True]),
        composition=np.array(["Li2S"], dtype=object),
        cell=np.array([[5.0, 5.0, 5.0, 90.0, 90.0, 90.0]]),
    )
    both = known.joined(more)
    assert len(both) == len(known) + 1
    assert both.cell is not None
    assert np.isnan(both.cell[:-1]).all()
    with pytest.raises(InputError, match="both"):
        both.joined(more)


def test_compounds_on_known_crystals(tmp_path: Path) -> None:
    """A table of compounds: one is made, the others are refused with what is wrong with them."""
    known = {
        one.id: read_cif(one.to_cif().encode(), id=one.id, source="embedded", limits=LIMITS)
        for one in known_conductors()
        if one.family == "argyrodite"
    }
    path = tmp_path / "l.csv"
    path.write_text(
        "id,composition,conductivity,sg\n"
        "good,Li5.7PS4.7Cl1.3,1e-3,216\n"
        "typo,LiHf2(P04)3,1e-5,167\n"
        "far,Li3YCl6,1e-4,216\n"
        "bare,,1e-4,216\n"
    )
    config = Config.model_validate({"cloud": {"channels": ["mobile", "anion"]}})
    found, structures = make(read_labels(path), set(), known, config)
    assert found is not None
    assert found.ids.tolist() == ["good"]
    assert [one.id for one in structures] == ["good"]
    assert isinstance(structures[0], Crystal)
    assert np.isfinite(found.features).any()
    reasons = {one["id"]: one["reason"] for one in found.refused}
    assert set(reasons) == {"typo", "far", "bare"}
    assert "cannot be read" in reasons["typo"]
    assert "no template" in reasons["far"]
    assert "no composition" in reasons["bare"]
    assert found.frame()["id"].tolist() == ["bare", "far", "good", "typo"]


def test_where_nothing_can_be_made_there_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,conductivity,composition\na,1e-4,Li3PS4\nb,1e-5,Q\n")
    (one, *_) = known_conductors()
    known = {one.id: read_cif(one.to_cif().encode(), id=one.id, source="embedded", limits=LIMITS)}
    assert make(read_labels(path), set(), known, Config()) == (None, [])
