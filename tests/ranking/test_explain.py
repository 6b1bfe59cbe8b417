"""Explanations: SHAP values that add up, summed to kinds of hole, the planted one first."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic import COLUMNS, PLANTED, QUICK, labels

from screening.errors import ModelError
from screening.learn.boosting import read_booster
from screening.learn.model import Model
from screening.learn.train import train
from screening.ranking.explain import Explanation, explain
from screening.ranking.kinds import Kind, kinds_of
from screening.store.tables import FeatureTable


@pytest.fixture(scope="module")
def crystals(planted_table: FeatureTable) -> FeatureTable:
    return planted_table


@pytest.fixture(scope="module")
def model(planted_model: Model) -> Model:
    return planted_model


@pytest.fixture(scope="module")
def explanation(crystals: FeatureTable, model: Model) -> Explanation:
    return explain(crystals, model, seed=0)


def test_the_planted_kind_comes_first_and_points_up(explanation: Explanation) -> None:
    first = explanation.kinds.iloc[0]
    assert (first["kind"], first["direction"]) == (PLANTED, 1)
    assert first["share"] > 0.3
    assert (first["radius_from"], first["radius_to"]) == (3.0, 4.0)


def test_a_planted_kind_that_lowers_the_target_points_down(crystals: FeatureTable) -> None:
    known = labels(crystals, 90, seed=1)
    upside_down = train(crystals, dataclasses.replace(known, log_sigma=-known.log_sigma), QUICK)
    first = explain(crystals, upside_down).kinds.iloc[0]
    assert (first["kind"], first["direction"]) == (PLANTED, -1)


def test_labels_that_follow_lithium_layers_alone_are_explained_by_them(crystals: FeatureTable) -> None:
    layers = [index for index, name in enumerate(COLUMNS) if name.startswith("Li/rank2/3.")]
    noise = np.random.default_rng(6).normal(0, 0.1, 90)
    target = -8.0 + 0.6 * crystals.features[:90, layers].mean(axis=1).astype(np.float64) + noise
    known = dataclasses.replace(labels(crystals, 90, seed=1), log_sigma=target)
    first = explain(crystals, train(crystals, known, QUICK)).kinds.iloc[0]
    assert (first["kind"], first["direction"]) == ("Li/rank2/3-4", 1)


def test_real_crystals_with_labels_that_follow_layers_are_explained_by_them(
    shared_data: Path, scheduler: str, tmp_path: Path
) -> None:
    """Measured structures, invented labels: over how many Å of radius lithium percolates in layers alone."""
    from screening.cluster.featurize_all import featurize_all
    from screening.cluster.progress import Progress
    from screening.config import Config
    from screening.learn.labels import Labels
    from screening.store.read import read_table

    learn = {"repeats": 1, "folds": 3, "seeds": 2, "trees": 100, "learning_rate": 0.1}
    config = Config.model_validate(
        {"cluster": {"scheduler": scheduler}, "cloud": {"channels": ["mobile", "anion"]}, "learn": learn}
    )
    paths = [str(shared_data / "obelix-train" / "cifs")]
    featurize_all(paths, config=config, out=tmp_path / "F.zarr", progress=Progress())
    real = read_table(tmp_path / "F.zarr")
    window = real.features[:, [name.startswith("Li/rank2/") for name in real.columns]].sum(axis=1) * 0.1
    known = Labels(
        ids=real.ids,
        log_sigma=-8.0 + 1.5 * window.astype(np.float64) + np.random.default_rng(0).normal(0, 0.2, len(real)),
        is_bound=np.zeros(len(real), dtype=np.bool_),
    )
    kinds = explain(real, train(real, known, config)).kinds
    assert kinds.iloc[0]["kind"].startswith("Li/rank2/")
    assert kinds.iloc[0]["direction"] == 1
    assert kinds.loc[kinds["kind"].str.startswith("Li/rank2/"), "share"].sum() > 0.4


def test_values_add_up_to_the_prediction(explanation: Explanation, crystals: FeatureTable, model: Model) -> None:
    prediction = model.tree_mean(crystals.features)
    np.testing.assert_allclose(explanation.shap.sum(axis=1) + explanation.expected, prediction, atol=1e-6)
    assert explanation.kinds["share"].sum() == pytest.approx(1.0)


def test_shap_values_are_shapleys(crystals: FeatureTable, known_small: tuple[FeatureTable, Model]) -> None:
    """Against the definition: the average over all orders of adding features, other paths weighted by cover."""
    small, model = known_small
    values, expected = model.contributions(small.features[:3])
    dump = read_booster(model.texts[0], n_features=len(model.view.names)).dump_model()["tree_info"]
    n = len(model.columns)

    def conditional(node: dict[str, Any], row: np.ndarray, given: frozenset[int]) -> float:
        if "leaf_value" in node:
            return float(node["leaf_value"])
        left, right = node["left_child"], node["right_child"]
        if node["split_feature"] in given:
            return conditional(left if row[node["split_feature"]] <= node["threshold"] else right, row, given)
        weights = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
        parts = [conditional(child, row, given) for child in (left, right)]
        return float(np.average(parts, weights=weights))

    def worth(row: np.ndarray, given: frozenset[int]) -> float:
        return sum(conditional(tree["tree_structure"], row, given) for tree in dump)

    import itertools

    for row, found in zip(small.features[:3].astype(np.float64), values, strict=True):
        slow = np.zeros(n)
        orders = list(itertools.permutations(range(n)))
        for order in orders:
            for position, feature in enumerate(order):
                before = frozenset(order[:position])
                slow[feature] += worth(row, before | {feature}) - worth(row, before)
        np.testing.assert_allclose(found, slow / len(orders), atol=1e-9)
        assert expected == pytest.approx(model.header.base + worth(row, frozenset()))


@pytest.fixture(scope="module")
def known_small(crystals: FeatureTable) -> tuple[FeatureTable, Model]:
    """Four columns and one booster: few enough for every order of features."""
    chosen = [COLUMNS.index(name) for name in ("Li/beta1/3.00", "Li/beta1/4.00", "anion/beta1/3.00", "Li/rank2/2.00")]
    names = tuple(COLUMNS[column] for column in chosen)
    small = dataclasses.replace(
        crystals,
        columns=names,
        features=crystals.features[:, chosen].copy(),
        header=crystals.header | {"columns": list(names)},
    )
    learn = QUICK.learn.model_copy(update={"seeds": 1, "trees": 8, "repeats": 1, "column_share": 1.0})
    return small, train(small, labels(crystals, 90, seed=1), QUICK.model_copy(update={"learn": learn}))


def test_values_that_do_not_add_up_are_refused(model: Model, crystals: FeatureTable) -> None:
    class Liar:
        def __init__(self, honest: Any) -> None:
            self.honest = honest

        def predict(self, features: np.ndarray, **options: Any) -> np.ndarray:
            return np.asarray(self.honest.predict(features, **options))

        def contributions(self, features: np.ndarray) -> np.ndarray:
            return np.asarray(self.honest.contributions(features) + 1e-3)

    lying = dataclasses.replace(model)
    lying.__dict__["_forests"] = tuple(Liar(forest) for forest in model._forests)
    with pytest.raises(ModelError, match="do not add up"):
        explain(crystals, lying)


def test_only_the_rows_asked_for_in_that_order(explanation: Explanation, crystals: FeatureTable, model: Model) -> None:
    some = explain(crystals, model, ids=["c7", "c2"])
    assert some.ids.tolist() == ["c7", "c2"]
    np.testing.assert_allclose(some.shap, explanation.shap[[7, 2]], atol=1e-12)
    with pytest.raises(ModelError, match="'nope'"):
        explain(crystals, model, ids=["nope"])
    with pytest.raises(ModelError, match="no crystal to explain"):
        explain(crystals, model, ids=[])


def test_reasons_in_words(explanation: Explanation) -> None:
    row = int(np.argmax(explanation.shap[:, [kind.name for kind in explanation.by_kind].index(PLANTED)]))
    reasons = explanation.reasons(row, top=2)
    assert reasons[0].startswith("lithium rings (β₁) alive at 3–4 Å: +")
    assert len(reasons) == 2


@pytest.mark.parametrize(
    ("column", "kind", "words"),
    [
        ("Li/beta1/3.10", "Li/beta1/3-4", "lithium rings (β₁) alive at 3–4 Å"),
        ("Li/beta1/2.90", "Li/beta1/2-3", "lithium rings (β₁) alive at 2–3 Å"),
        ("anion/beta2/8.00", "anion/beta2/7-8", "anion cavities (β₂) alive at 7–8 Å"),
        ("all/beta0/0.50", "all/beta0/0-1", "all-atom components (β₀) alive at 0–1 Å"),
        ("Na/rank3/4.10", "Na/rank3/4-5", "sodium sites in a 3-D framework at 4–5 Å"),
        ("Li/number_density", "Li/number_density", "lithium sites per volume"),
        ("Li/hist1/3.0-4.0/0.0-1.0", "Li/hist1/3-4", "lithium rings (β₁) born at 3–4 Å"),
    ],
)
def test_columns_fall_into_kinds(column: str, kind: str, words: str) -> None:
    (found,) = kinds_of([column])
    assert (found.name, found.words, found.columns) == (kind, words, (0,))


def test_every_column_is_in_one_kind() -> None:
    members = [column for kind in kinds_of(COLUMNS) for column in kind.columns]
    assert sorted(members) == list(range(len(COLUMNS)))


@pytest.mark.parametrize("column", ["volume", "Li/beta1/wide"])
def test_a_column_of_another_name_is_refused(column: str) -> None:
    with pytest.raises(ModelError, match="not named channel/curve/radius"):
        kinds_of([column])


def test_saved_tables(explanation: Explanation, tmp_path: Path) -> None:
    odd = dataclasses.replace(explanation, ids=np.array(["=1+1", *explanation.ids[1:]], dtype=object))
    odd.save(tmp_path)
    kinds = pd.read_csv(tmp_path / "kinds.csv")
    assert kinds.columns.tolist() == [
        "kind",
        "channel",
        "curve",
        "radius_from",
        "radius_to",
        "mean_abs_shap",
        "share",
        "direction",
    ]
    assert kinds["kind"][0] == PLANTED
    assert kinds["radius_from"].isna().sum() == 1  # the scalar column
    swarm = pd.read_csv(tmp_path / "beeswarm.csv")
    assert swarm["id"][0] == "'=1+1"
    assert len(swarm) == len(kinds.iloc[:20]) * len(explanation.ids)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    odd.save(tmp_path)
    assert first == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_curves_that_were_not_computed_have_no_value_and_no_direction() -> None:
    kinds = (Kind(name="a/b", channel="a", curve="b", radius_from=None, radius_to=None, columns=(0,)),)
    empty = Explanation(
        ids=np.array(["x", "y"], dtype=object),
        by_kind=kinds,
        shap=np.array([[0.1], [0.2]]),
        values=np.full((2, 1), np.nan),
        expected=-5.0,
        seed=0,
    )
    assert empty.kinds["direction"].tolist() == [0]
