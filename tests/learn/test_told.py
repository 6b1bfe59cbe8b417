"""Labels that state a composition alone: what is learned from them, and that none leaks into a fold."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from synthetic import QUICK, labels, table

from screening.elements import SYMBOLS
from screening.errors import LeakError, ModelError
from screening.learn.dataset import Dataset, join
from screening.learn.evaluate import evaluate, split_groups, told_admission
from screening.learn.labels import Labels
from screening.learn.leaks import TOLD_COMPOSITION, Relation
from screening.learn.load import load_model
from screening.learn.told import tell
from screening.learn.train import train
from screening.store.tables import FeatureTable

VICTIM = 7
ABSURD = 99.0  # log10 S/cm


@pytest.fixture(scope="module")
def crystals() -> FeatureTable:
    return table(60, seed=0)


@pytest.fixture(scope="module")
def known(crystals: FeatureTable) -> Labels:
    return labels(crystals, 60, seed=1, n_bounds=5)


def stating(known: Labels, *compositions: str, value: float = ABSURD, publication: str = "10.9/own") -> Labels:
    """Return the labels with others beside them, of compositions alone."""
    n = len(compositions)
    return known.joined(
        Labels(
            ids=np.array([f"z{at}" for at in range(n)], dtype=object),
            log_sigma=np.full(n, value),
            is_bound=np.zeros(n, dtype=np.bool_),
            composition=np.array(compositions, dtype=object),
            publication=np.array([publication] * n, dtype=object),
        )
    )


def written(fractions: np.ndarray) -> str:
    """Return atomic fractions as a formula."""
    return "".join(f"{SYMBOLS[at]}{fractions[at]:.9f}" for at in np.flatnonzero(fractions))


def shifted(fractions: np.ndarray, by: float) -> str:
    """Return a composition whose largest difference in atomic fractions is `by`."""
    first, second = np.argsort(-fractions)[:2]
    moved = fractions.copy()
    moved[first] -= by
    moved[second] += by
    return written(moved)


def admitted(data: Dataset, split: str, held: np.ndarray) -> np.ndarray:
    return told_admission(data, split, split_groups(data, split)[1])(held)


def test_what_is_told_is_what_can_be_read_and_has_no_crystal(known: Labels) -> None:
    every = stating(known, "Li3PS4", "LiHf2(P04)3", "", value=-4.0)
    found = tell(every, {str(id) for id in known.ids})
    assert found is not None
    assert found.ids.tolist() == ["z0"]
    np.testing.assert_allclose(found.fractions.sum(axis=1), 1.0)
    assert found.fractions[0, [3, 15, 16]].tolist() == [0.375, 0.125, 0.5]
    assert tell(stating(known, "Li3PS4", value=0.5), {str(id) for id in known.ids}) is None  # above 1 S/cm
    assert tell(known, {str(id) for id in known.ids}) is None


@pytest.mark.parametrize("split", ["grouped", "publication", "random"])
def test_an_absurd_value_reaches_no_crystal_that_it_is_related_to(
    split: str, crystals: FeatureTable, known: Labels
) -> None:
    """By its paper under another spelling, by the very composition, and by one within the tolerance."""
    data = join(crystals, known)
    fractions = data.fractions[VICTIM]
    planted = {
        "publication": stating(
            known, "Cs7Ta2At9", value=-0.5, publication="https://doi.org/" + str(data.publication[VICTIM]).upper()
        ),
        "composition": stating(known, written(fractions), value=-0.5),
        "near": stating(known, shifted(fractions, 0.9 * TOLD_COMPOSITION), value=-0.5),
    }
    for kind, told in planted.items():
        leaky = join(crystals, told)
        assert leaky.told is not None
        leaky = dataclasses.replace(leaky, told=dataclasses.replace(leaky.told, target=np.array([ABSURD])))
        found = evaluate(leaky, QUICK, split=split, repeats=1).predictions
        fold = found.loc[found["id"] == data.ids[VICTIM], "fold"].iloc[0]
        clean = evaluate(data, QUICK, split=split, repeats=1).predictions
        same = (found["fold"] == fold).to_numpy()
        for name in ("composition_alone", "composition", "curves"):
            np.testing.assert_array_equal(found.loc[same, name], clean.loc[same, name], err_msg=kind)
        assert (found.loc[~same, "composition_alone"] != clean.loc[~same, "composition_alone"]).any(), kind


def test_one_beyond_the_tolerance_trains(crystals: FeatureTable, known: Labels) -> None:
    data = join(crystals, known)
    far = join(crystals, stating(known, shifted(data.fractions[VICTIM], 1.2 * TOLD_COMPOSITION), value=-0.5))
    held = np.arange(len(data)) == VICTIM
    assert admitted(far, "random", held).all()


def test_a_path_through_other_compositions_leads_nowhere_near_a_group(crystals: FeatureTable, known: Labels) -> None:
    """A crystal, a composition near it, and one near that: both hang on the crystal's group."""
    data = join(crystals, known)
    fractions = data.fractions[VICTIM]
    chain = [shifted(fractions, factor * TOLD_COMPOSITION) for factor in (0.9, 1.8)]
    joined = join(crystals, stating(known, *chain, value=-0.5))
    held = np.arange(len(data)) == VICTIM
    assert admitted(joined, "random", held).tolist() == [False, True]
    assert admitted(joined, "grouped", data.groups == data.groups[VICTIM]).tolist() == [False, False]


def test_families_left_out_take_what_is_nearest_to_them_along(crystals: FeatureTable, known: Labels) -> None:
    family = np.array([f"f{row % 4}" if row % 5 else "" for row in range(len(known))], dtype=object)
    papers = np.array([f"10.7/{row}" for row in range(len(known))], dtype=object)
    told = stating(dataclasses.replace(known, family=family, publication=papers), "Cs7Ta2At9", value=-0.5)
    data = join(crystals, told)
    assert data.told is not None
    relation = Relation.of_told(
        fractions=data.fractions, publication=data.publication, told=data.told, family=data.family
    )
    nearest = int(relation.pairs["family"][0, 0])
    found = data.family_groups()
    assert found is not None
    groups = relation.whole(found[1])
    assert len(np.unique(groups)) >= 4
    for group in np.unique(groups):
        trains = admitted(data, "family", groups == group)[0]
        assert trains == (data.family[nearest] != "" and groups[nearest] != group)


def test_a_leak_that_slips_through_fails_the_run(
    crystals: FeatureTable, known: Labels, monkeypatch: pytest.MonkeyPatch
) -> None:
    fractions = join(crystals, known).fractions[VICTIM]
    leaky = join(crystals, stating(known, written(fractions), value=-0.5))
    monkeypatch.setattr(Relation, "near", lambda self, held: np.zeros(self.n_made, dtype=np.bool_))
    with pytest.raises(LeakError, match="leak: z0"):
        evaluate(leaky, QUICK, split="random", repeats=1)


def test_composition_is_the_mean_of_the_curves_and_of_itself(
    crystals: FeatureTable, known: Labels, tmp_path: Path
) -> None:
    model = train(crystals, stating(known, "Cs7Ta2Cl9", "Li9Ta2Cl9", value=-1.0), QUICK)
    assert model.header.told == model.scores["n_told"] == 2
    folds = model.folds
    np.testing.assert_array_equal(folds["composition"], (folds["curves"] + folds["composition_alone"]) / 2)
    model.save(tmp_path)
    again = load_model(tmp_path)
    fresh = table(20, seed=4)
    mean = model.predict(fresh.features).mean
    both = [one.with_composition(mean, fresh.composition) for one in (model, again)]
    np.testing.assert_array_equal(both[0], both[1])
    np.testing.assert_array_equal(model.with_composition(mean[3:4], fresh.composition[3:4]), both[0][3:4])
    # The amounts of a cell twice as large are the same composition.
    np.testing.assert_allclose(model.with_composition(mean, 2 * fresh.composition), both[0], rtol=1e-12)


def test_a_model_without_it_says_so(crystals: FeatureTable, known: Labels) -> None:
    config = QUICK.model_copy(update={"learn": QUICK.learn.model_copy(update={"model": "lightgbm"})})
    model = train(crystals, stating(known, "Li3PS4", value=-4.0), config)
    assert not model.knows_composition
    with pytest.raises(ModelError, match="train it again"):
        model.with_composition(np.zeros(1), crystals.composition[:1])


def test_told_values_help_where_the_composition_decides(crystals: FeatureTable, known: Labels) -> None:
    """A law of the lithium share alone, learned from ten crystals and from sixty compositions beside them."""
    data = join(crystals, known)
    law = -12.0 + 10.0 * data.fractions[:, 3]
    few = dataclasses.replace(known, log_sigma=law[np.argsort(np.argsort(known.ids.astype(str)))])
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.1, 0.9, 60)
    more = known_joined(few, shares)
    alone = evaluate(join(crystals, few), QUICK, split="random", repeats=1).scores["composition_alone"]["mae"]
    told = evaluate(join(crystals, more), QUICK, split="random", repeats=1).scores["composition_alone"]["mae"]
    assert told < alone


def known_joined(few: Labels, shares: np.ndarray) -> Labels:
    n = len(shares)
    return few.joined(
        Labels(
            ids=np.array([f"z{at}" for at in range(n)], dtype=object),
            log_sigma=-12.0 + 10.0 * shares,
            is_bound=np.zeros(n, dtype=np.bool_),
            composition=np.array([f"Li{one:.6f}Cl{1 - one:.6f}" for one in shares], dtype=object),
            publication=np.array([f"10.8/{at}" for at in range(n)], dtype=object),
        )
    )
