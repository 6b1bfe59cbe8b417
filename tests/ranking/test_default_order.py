"""The list as it comes by default: what orders it, what stands behind, one row a compound, prototypes and marks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic import table

from screening.config import RankConfig, read_config
from screening.crystals import written_amounts
from screening.elements import NUMBERS
from screening.errors import ConfigError, ModelError
from screening.learn import NEAR_DUPLICATE
from screening.learn.model import Model
from screening.ranking import count_reasons, mark_sentence, rank, write_ranking
from screening.ranking.compounds import folded_into
from screening.ranking.rank import Labelling, labelling, objective_of
from screening.runs import read_polymorphs, read_ranking
from screening.sources import Wanted
from screening.store.tables import FeatureTable

SALTS = ["Li6PS5Cl", "Li3N", "Li3PS4", "LiBH4", "Li3PS4", "Li7La3Zr2O12", "Li3PS4", "Li2S", "Li3N", "LiTi2P3O12"]
NO_ANION = ["LiAl", "Li3P", "Li15Si4", "LiC6"]
NO_BALANCE = ["Li8O", "LiAlO3"]


def crystals(formulas: Sequence[str], *, ordered: bool = True, seed: int = 3) -> FeatureTable:
    """Crystals of these formulas with random curves."""
    made = table(len(formulas), seed=seed, prefix="f")
    composition = np.zeros_like(made.composition)
    for row, formula in enumerate(formulas):
        for symbol, amount in written_amounts(formula):
            composition[row, NUMBERS[symbol]] += 4 * amount
    facts = made.facts.assign(formula=list(formulas), flags="" if ordered else "disordered")
    return dataclasses.replace(made, composition=composition, facts=facts)


def ranked(crystals: FeatureTable, model: Model, *, label: Labelling | None = None, **settings: Any) -> pd.DataFrame:
    return rank([crystals], model, labelled=False, config=RankConfig(**settings), label=label)


@pytest.fixture(scope="module")
def mixed() -> FeatureTable:
    return crystals([*SALTS, *NO_ANION, *NO_BALANCE])


@pytest.fixture(scope="module")
def frame(planted_model: Model, mixed: FeatureTable) -> pd.DataFrame:
    return ranked(mixed, planted_model)


def test_ordered_by_the_prediction_less_a_deviation_of_the_crystal(frame: pd.DataFrame, mixed: FeatureTable) -> None:
    assert sorted(frame["id"]) == sorted(mixed.ids)  # nothing is dropped
    assert frame["rank"].tolist() == list(range(1, len(frame) + 1))
    np.testing.assert_allclose(frame["objective"], frame["prediction"] - frame["deviation"], rtol=1e-12)
    assert frame["deviation"].nunique() > 1
    held = (frame["held_back"] != "").to_numpy()
    assert not held[: int((~held).sum())].any()
    for rows in (frame[~held], frame[held]):
        assert rows["objective"].is_monotonic_decreasing


def test_what_is_no_salt_stands_behind_with_its_reason(frame: pd.DataFrame) -> None:
    why = dict(zip(frame["formula"], frame["held_back"].str.split(";"), strict=True))
    assert all("anion" in why[formula] for formula in NO_ANION)
    assert all(why[formula] == ["charge"] for formula in NO_BALANCE)
    assert not any("anion" in why[formula] or "charge" in why[formula] for formula in SALTS)
    counts = count_reasons(frame["held_back"])
    assert counts["anion"] == len(NO_ANION)
    assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_each_reason_is_a_setting(planted_model: Model, mixed: FeatureTable) -> None:
    free = ranked(mixed, planted_model, require_any_anion=(), charge_balance=False, fold="none")
    assert (free["held_back"] == "").all()
    sulfides = ranked(mixed, planted_model, require_any_anion=("S",), charge_balance=False, fold="none")
    assert set(sulfides.loc[sulfides["held_back"] == "", "formula"]) == {"Li6PS5Cl", "Li3PS4", "Li2S"}
    with pytest.raises(ConfigError):
        read_config(None, {"rank": {"require_any_anion": ["Xx"]}})


def test_one_row_a_compound_names_the_others(frame: pd.DataFrame) -> None:
    free = frame[frame["held_back"] == ""]
    assert not free["formula"].duplicated().any()
    first = free.set_index("formula").loc["Li3PS4"]
    folded = frame[frame["held_back"] == "polymorph"]
    same = folded[folded["formula"] == "Li3PS4"]
    assert (first["polymorphs"], first["polymorph_ids"].split(";")) == (2, same["id"].tolist())
    assert set(same["polymorph_of"]) == {first["id"]}
    assert (same["objective"] <= first["objective"]).all()
    assert frame["polymorphs"].sum() == len(folded) == 3
    assert (frame.loc[frame["held_back"] != "polymorph", "polymorph_of"] == "").all()


def test_all_entries_are_listed_where_that_is_asked_for(planted_model: Model, mixed: FeatureTable) -> None:
    frame = ranked(mixed, planted_model, fold="none")
    assert frame.loc[frame["held_back"] == "", "formula"].duplicated().sum() == 3
    assert (frame["polymorphs"] == 0).all()


def test_by_structure_only_one_prototype_or_nearly_the_same_features_are_folded(planted_model: Model) -> None:
    of = crystals(["Li3PS4"] * 5 + ["Li3N"])
    features = of.features.copy()
    features[4] = features[0] + 1e-4  # beyond a duplicate, within a near one
    of = dataclasses.replace(of, features=features)
    types = {"f0": "A_1", "f1": "A_1", "f2": "unknown", "f3": "unknown", "f4": "B_2", "f5": "A_1"}
    frame = ranked(of, planted_model, fold="structure", label=lambda wanted: {one.id: types[one.id] for one in wanted})
    groups = [{"f0", "f1", "f4"}, {"f2"}, {"f3"}, {"f5"}]
    for group in groups:
        rows = frame[frame["id"].isin(group)]
        assert (rows["held_back"] == "").sum() == 1
        assert set(rows["polymorph_of"]) - {""} <= group
    points = planted_model.space.project(features)
    gaps = np.linalg.norm(points[0] - points[1:5], axis=1)
    assert gaps[3] < NEAR_DUPLICATE < gaps[:3].min()


def test_folding_is_of_the_first_of_each_formula() -> None:
    formulas = np.array(["A", "B", "A", "C", "A", "B"], dtype=object)
    assert folded_into(formulas, np.array([4, 1, 0, 5, 2])) == {0: 4, 2: 4, 5: 1}


def test_prototypes_are_found_for_the_first_alone(planted_model: Model, mixed: FeatureTable) -> None:
    asked: list[str] = []

    def label(wanted: Sequence[Wanted]) -> dict[str, str]:
        asked.extend(one.id for one in wanted)
        return {one.id: f"{one.formula}_type" for one in wanted}

    frame = ranked(mixed, planted_model, fold="none", prototypes=4, label=label)
    assert asked == frame["id"].head(4).tolist()
    assert frame["structure_type"].head(4).tolist() == [f"{formula}_type" for formula in frame["formula"].head(4)]
    assert (frame["structure_type"].iloc[4:] == "").all()
    assert frame["prototype"].str.fullmatch(r"\S+-1").all()  # the older column stays
    asked.clear()
    ranked(mixed, planted_model, prototypes=0, label=label)
    assert not asked


def test_the_best_of_each_prototype_found(planted_model: Model) -> None:
    of = crystals([f"Li{k}PS{k // 2 + 2}" for k in (1, 3, 5, 7)] + ["Li2S", "Li2O"])
    types = dict(zip(of.ids, ["a", "a", "a", "unknown", "unknown", "a"], strict=True))
    settings = {"per_prototype": 1, "charge_balance": False}
    frame = ranked(of, planted_model, label=lambda wanted: {one.id: types[one.id] for one in wanted}, **settings)
    free = frame[frame["held_back"] == ""]
    assert (free["structure_type"] == "a").sum() == 1
    assert (free["structure_type"] == "unknown").sum() == 2
    assert set(frame["held_back"]) == {"", "prototype"}


def test_a_crystal_that_is_gone_has_an_unknown_prototype() -> None:
    found = labelling(read_config(None, {}))([Wanted("x", "/nowhere/x.cif", "LiCl")])
    assert found == {"x": "unknown"}


def test_marks_say_what_to_know_and_hold_nothing_back(planted_model: Model) -> None:
    formulas = ["LiFePO4", "Li2CdCl4", "Li10GeP2S12", "Li3InCl6", "LiUO3", "Li3N"]
    frame = ranked(crystals(formulas), planted_model).set_index("formula")
    told = {str(formula): set(marks.split(";")) - {"domain"} for formula, marks in frame["marks"].items()}
    assert told["LiFePO4"] == {"redox:Fe", "full"}
    assert told["Li2CdCl4"] == {"full", "toxic:Cd", "scarce:Cd"}
    assert told["Li10GeP2S12"] == {"full", "costly:Ge"}
    assert told["Li3InCl6"] == {"full", "scarce:In"}
    assert told["LiUO3"] == {"redox:U", "full", "radioactive:U"}
    assert told["Li3N"] == {"full"}
    assert (frame["held_back"] == "").all()
    assert all(
        ("domain" in marks.split(";")) == (not inside)
        for marks, inside in zip(frame["marks"], frame["in_domain"], strict=True)
    )
    mixed = ranked(crystals(formulas, ordered=False), planted_model, redox_active=("In",))
    of = dict(zip(mixed["formula"], mixed["marks"].str.split(";"), strict=True))
    assert not any("full" in marks for marks in of.values())
    assert "redox:In" in of["Li3InCl6"]
    assert not any(mark.startswith("redox") for mark in of["LiFePO4"])
    assert mark_sentence("redox:Fe,Mn").startswith("Fe, Mn may take up")
    assert mark_sentence("other:Fe") == "other:Fe"
    assert count_reasons(["redox:Fe;full", "redox:Mn", ""]) == {"redox": 2, "full": 1}


def test_a_model_without_deviations_is_ordered_by_the_lower_bound_and_says_so(planted_model: Model) -> None:
    of = crystals(SALTS)
    frame = ranked(of, planted_model)
    said: list[str] = []
    bare = frame.assign(deviation=np.nan)
    np.testing.assert_array_equal(objective_of(bare, RankConfig(), said.append), bare["lower"])
    assert "ordered by the lower bound" in said[0]
    by_composition = objective_of(frame, RankConfig(model="composition"), said.append)
    np.testing.assert_array_equal(by_composition, frame["prediction_composition"])
    assert "no deviation" in said[1]
    with pytest.raises(ModelError, match=r"needs rank\.model = topology"):
        objective_of(frame, RankConfig(model="composition", objective="lower"))


def test_the_polymorphs_of_a_list_are_read_from_either_form(frame: pd.DataFrame, tmp_path: Path) -> None:
    for name in ("ranking.csv", "ranking.parquet"):
        write_ranking(frame, tmp_path / name)
        whole = read_ranking(tmp_path / name)
        ids = whole["id"].head(7).tolist()
        found = read_polymorphs(tmp_path / name, ids, each=1, most=10, skip=7)
        assert found["polymorph_of"].is_unique
        wanted = [id for id in ids if id in set(whole["polymorph_of"])]
        assert found["polymorph_of"].tolist() == wanted
        assert found["id"].tolist() == [whole.set_index("id").loc[id, "polymorph_ids"].split(";")[0] for id in wanted]
        assert len(read_polymorphs(tmp_path / name, ids, each=9, most=2)) == 2
        assert read_polymorphs(tmp_path / name, [], each=1, most=1).empty
