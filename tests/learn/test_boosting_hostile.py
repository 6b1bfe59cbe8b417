"""Model folders from strangers: refused in words or harmless, and never a crash, an endless loop or another reading."""

from __future__ import annotations

import json
import re
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from booster_mutations import check, predicted
from hostile_models import KINDS, write_folders

from screening.config import LearnConfig
from screening.errors import ModelError
from screening.host import answer_of
from screening.learn.boosting import fit, parameters, read_booster
from screening.learn.learner import trial_rows
from screening.learn.load import load_model
from screening.learn.trees import read_trees

DATA = Path(__file__).resolve().parents[1] / "data"
SUPPORT = Path(__file__).resolve().parents[1] / "support"
OWN = sorted(DATA.glob("*/**/booster-*.txt"))
# Not refused, since nothing that they change is followed.
HARMLESS = {
    "booster: sizes that lead out of the text",
    "booster: sizes of other trees",
    "booster: a linear tree among the parameters",
    "booster: categories nested deep",
    "booster: counts that do not add up",  # shares of SHAP that are not those of the training crystals
}


def in_child(call: str, *, time_limit: float) -> list[str]:
    # LightGBM looks for scikit-learn, which takes most of a start and which no model is read by.
    start = f"import sys; sys.modules['sklearn'] = None; sys.path.insert(0, {str(SUPPORT)!r})"
    code = f"{start}; import booster_mutations as one; one.{call}"
    answer = answer_of(code, time_limit=time_limit)
    assert answer.status == 0, (answer.status, answer.words, answer.output.decode()[-500:])
    return answer.output.decode().splitlines()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("strangers")
    names = write_folders(DATA / "model-format-1", root)
    lines = in_child(f"load_all({str(root)!r})", time_limit=400.0)
    return dict(zip(names, (json.loads(line.partition(" ")[2]) for line in lines), strict=True))


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) >= 80
    assert sum(name.startswith("booster: ") for name in KINDS) >= 60


def test_every_folder_is_refused_or_harmless(outcomes: dict[str, str]) -> None:
    assert {name for name, outcome in outcomes.items() if outcome == "read"} == HARMLESS
    assert all(outcome.startswith("refused: ") for name, outcome in outcomes.items() if name not in HARMLESS)


def own_texts() -> list[str]:
    rows = trial_rows()
    fresh = [
        fit(rows, params=parameters(LearnConfig(extra_trees=extra, leaves=leaves), seed=seed), trees=40)[0]
        for seed, extra, leaves in ((0, True, 15), (1, False, 15), (2, True, 63))
    ]
    few = rows[np.arange(len(rows.target)) < 9]  # too few to split: one leaf
    fresh.append(fit(few, params=parameters(LearnConfig(), seed=0), trees=3)[0])
    return [path.read_text(encoding="utf-8") for path in OWN] + [one.model_to_string() for one in fresh]


def test_what_lightgbm_wrote_is_written_again() -> None:
    """The same text up to the end of the trees, infinite thresholds and single leaves included, so the same bits."""
    texts = own_texts()
    assert len(texts) >= 7
    assert any("=inf" in text or " inf" in text for text in texts)
    features = trial_rows().features
    for text in texts:
        n_features = int(re.findall(r"^max_feature_idx=(\d+)$", text, re.MULTILINE)[0]) + 1
        seen = features[:40, :n_features]
        written = read_trees(text, n_features=n_features)
        assert written.text().partition("end of trees")[0] == text.partition("end of trees")[0]
        before, after = lgb.Booster(model_str=text), read_booster(text, n_features=n_features)
        for how in ({}, {"pred_contrib": True}, {"pred_leaf": True}):
            assert np.asarray(before.predict(seen, **how)).tobytes() == np.asarray(after.predict(seen, **how)).tobytes()
        assert [predicted(written.trees, row) for row in seen] == list(np.asarray(before.predict(seen, num_threads=1)))
        assert not check(text, seen)


@pytest.fixture(scope="module")
def tries(request: pytest.FixtureRequest) -> int:
    """How often the larger part of the property tests tries; a slow run tries more."""
    return 600 if request.config.getoption("--slow") else 250


@pytest.mark.parametrize("source", [pytest.param("kept", marks=pytest.mark.slow), "fresh"])
def test_any_change_is_refused_or_means_what_was_checked(source: str, tmp_path: Path, tries: int) -> None:
    path = tmp_path / "booster.txt"
    if source == "kept":
        path.write_bytes(OWN[0].read_bytes())
    else:
        path.write_text(fit(trial_rows(), params=parameters(LearnConfig(), seed=3), trees=3)[0].model_to_string())
    (line,) = in_child(f"run({str(path)!r}, examples={tries}, seed=0)", time_limit=300.0)
    count = json.loads(line)
    assert count["refused"] > tries // 6
    assert count["read"] > tries // 60


def test_a_folder_of_the_first_format_predicts_as_before() -> None:
    model = load_model(DATA / "model-format-1")
    values, expected = model.contributions(model.training.features)
    whole = model.tree_mean(model.training.features)
    np.testing.assert_allclose(values.sum(axis=1) + expected, whole, atol=1e-9)


def test_counts_that_do_not_add_up_give_no_shares(tmp_path: Path) -> None:
    """LightGBM divides by them: the shares are not those of a tree, and are refused instead of shown."""
    text = OWN[0].read_text(encoding="utf-8").replace("leaf_count=3 8 5 5 5 5", "leaf_count=0 0 0 0 0 0")
    for name in ("model.json", "scores.json", "training.parquet", "folds.csv"):
        (tmp_path / name).write_bytes((DATA / "model-format-1" / name).read_bytes())
    (tmp_path / "booster-0.txt").write_text(text, encoding="utf-8")
    model = load_model(tmp_path)
    with pytest.raises(ModelError, match="do not add up"):
        model.contributions(model.training.features[:5])


def test_damaged_bytes_are_refused_or_read(tmp_path: Path, tries: int) -> None:
    """Whatever Parquet, CSV and JSON make of them, it is a `ModelError`."""
    rounds = tries // 6
    (line,) = in_child(
        f"damage({str(DATA / 'model-format-1')!r}, {str(tmp_path / 'model')!r}, rounds={rounds}, seed=0)",
        time_limit=300.0,
    )
    count = json.loads(line)
    assert count["refused"] > 1.5 * rounds
    assert count["read"] >= rounds // 20
