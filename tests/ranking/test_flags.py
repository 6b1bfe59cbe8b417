"""Flags of reading on their way to the list: a column, a reason to hold back, a line in the scores."""

from __future__ import annotations

import dataclasses

import pytest
from synthetic import QUICK, header, labels, table

from screening.config import FEATURES_VERSION
from screening.errors import ModelError
from screening.learn.model import Model
from screening.learn.scores import score_lines
from screening.learn.train import train
from screening.ranking.rank import rank
from screening.report.words import HELD_BACK
from screening.store.tables import FeatureTable


def flagged(crystals: FeatureTable, **flags: str) -> FeatureTable:
    """The same crystals, those named with other flags."""
    facts = crystals.facts.copy()
    facts["flags"] = [flags.get(str(id), old) for id, old in zip(crystals.ids, facts["flags"], strict=True)]
    return dataclasses.replace(crystals, facts=facts)


@pytest.fixture(scope="module")
def model() -> Model:
    known = flagged(table(60, seed=0), c1="contact", c2="disordered;formula")
    return train(known, labels(known, 60, seed=1), QUICK)


def test_a_contradiction_is_held_back_by_name_and_a_note_is_not(model: Model) -> None:
    crystals = flagged(table(12, seed=3, prefix="f"), f0="formula;disordered", f1="no-symmetry-stated", f2="contact")
    frame = rank([crystals], model, labelled=False, config=QUICK.rank).set_index("id")
    flags, held = frame["flags"].to_dict(), frame["held_back"].to_dict()
    assert (flags["f0"], held["f0"]) == ("formula;disordered", "flag:formula")
    assert (flags["f1"], held["f1"]) == ("no-symmetry-stated", "")
    assert held["f2"] == "flag:contact"
    assert set(frame.index[-2:]) == {"f0", "f2"}
    assert all(reason in HELD_BACK for reason in ("flag:formula", "flag:contact"))


def test_what_is_held_back_is_a_setting(model: Model) -> None:
    crystals = flagged(table(12, seed=3, prefix="f"), f0="formula", f3="disordered")
    chosen = QUICK.rank.model_copy(update={"hold_back_flags": ("disordered",), "exclude_elements": ("O",)})
    held = rank([crystals], model, labelled=False, config=chosen).set_index("id")["held_back"].to_dict()
    assert "flag" not in held["f0"]
    assert held["f3"].split(";")[-1] == "flag:disordered"


def test_flagged_labels_stay_in_training_and_are_told_with_the_score_without_them(model: Model) -> None:
    found = model.scores["flagged"]
    assert found["crystals"] == [{"id": "c1", "flags": ["contact"]}, {"id": "c2", "flags": ["formula"]}]
    assert {"c1", "c2"} <= set(model.training.ids)
    n_measured = model.scores["splits"]["grouped"]["curves"]["n_measured"]
    assert found["without"]["curves"]["n_measured"] == n_measured - 2
    lines = score_lines(model.scores)
    assert "flagged as contradictory: c1 (contact), c2 (formula)" in lines
    assert any(line.startswith("grouped  curves, without them") for line in lines)


def test_without_flags_nothing_is_told() -> None:
    known = table(60, seed=0)
    scores = train(known, labels(known, 60, seed=1), QUICK).scores
    assert scores["flagged"] == {"crystals": [], "without": None}
    assert not any("flagged" in line for line in score_lines(scores))


@pytest.mark.parametrize(("ours", "theirs"), [(1, FEATURES_VERSION), (FEATURES_VERSION, 1)])
def test_features_of_another_version_are_refused(model: Model, ours: int, theirs: int) -> None:
    older = dataclasses.replace(model, header=model.header.model_copy(update={"features_version": ours}))
    given = header() | {"features_version": theirs}
    if theirs == 1:
        del given["features_version"]  # stores of the first version do not state it
    with pytest.raises(ModelError, match=f"version of the features: {ours} here, {theirs} in the store"):
        older.check_features(given)
