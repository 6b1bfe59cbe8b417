"""The ordered list: ties, honesty about known crystals, warnings, and cells a spreadsheet cannot run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import QUICK, header, labels, planted, table

from screening.crystal import NUMBERS
from screening.errors import Code, InputError, ModelError, Rejection
from screening.learn import Model, train
from screening.rank import COLUMNS, rank, write_ranking, write_rejections
from screening.store import FeatureTable


@pytest.fixture(scope="module")
def known() -> FeatureTable:
    return table(90, seed=0)


@pytest.fixture(scope="module")
def model(known: FeatureTable) -> Model:
    return train(known, labels(known, 90, seed=1, n_bounds=8), QUICK)


@pytest.fixture(scope="module")
def fresh() -> FeatureTable:
    return table(60, seed=5, prefix="f")


def ranked(tables: list[FeatureTable], model: Model, *, labelled: bool = False) -> pd.DataFrame:
    return rank(tables, model, labelled=labelled, config=QUICK.rank)


def part(whole: FeatureTable, rows: list[int] | np.ndarray) -> FeatureTable:
    return dataclasses.replace(
        whole,
        ids=whole.ids[rows],
        features=whole.features[rows],
        facts=whole.facts.iloc[rows].reset_index(drop=True),
        composition=whole.composition[rows],
    )


def test_columns_order_and_values(model: Model, fresh: FeatureTable) -> None:
    frame = ranked([fresh], model)
    assert tuple(frame.columns) == COLUMNS
    assert frame["rank"].tolist() == list(range(1, 61))
    assert frame["prediction"].is_monotonic_decreasing
    prediction = dict(zip(fresh.ids, model.predict(fresh.features).mean, strict=True))
    assert frame["prediction"].tolist() == [prediction[id] for id in frame["id"]]
    np.testing.assert_allclose(np.log10(frame["conductivity"]), frame["prediction"])
    assert (frame["lower"] < frame["prediction"]).all()
    assert (frame["prediction"] < frame["upper"]).all()
    assert frame["measured"].isna().all()
    assert set(frame["prediction_kind"]) == {"model"}
    truth = dict(zip(fresh.ids, planted(fresh.features), strict=True))
    assert frame["id"].map(truth).head(15).mean() > frame["id"].map(truth).tail(15).mean() + 1.0


def test_shards_and_their_order_do_not_matter(model: Model, fresh: FeatureTable) -> None:
    whole = ranked([fresh], model)
    pieces = [part(fresh, np.arange(begin, begin + 20)) for begin in (40, 0, 20)]
    split = ranked(pieces, model)
    pd.testing.assert_frame_equal(whole, split, rtol=1e-12)


def test_ties_are_ordered_by_id(model: Model, fresh: FeatureTable) -> None:
    same = part(fresh, [3] * 5)
    same = dataclasses.replace(same, ids=np.array(["b", "e", "a", "d", "c"], dtype=object))
    assert ranked([same], model)["id"].tolist() == ["a", "b", "c", "d", "e"]


def test_labelled_crystals_are_left_out_or_judged_out_of_fold(
    model: Model, known: FeatureTable, fresh: FeatureTable
) -> None:
    assert set(ranked([known, fresh], model)["id"]) == set(fresh.ids)
    frame = ranked([known, fresh], model, labelled=True).set_index("id")
    assert len(frame) == 150
    old = frame.loc[list(known.ids)]
    assert set(old["prediction_kind"]) == {"out-of-fold"}
    assert old["prediction"].tolist() == [model.out_of_fold[id] for id in known.ids]
    assert (old["prediction"].to_numpy() != model.predict(known.features).mean).all()
    target = dict(zip(model.training.ids, model.training.log_sigma, strict=True))
    assert old["measured"].tolist() == [target[id] for id in known.ids]
    assert (old["nearest"].to_numpy() != old.index.to_numpy()).all()
    assert (old["distance"] > 0).all()
    assert 0.9 <= (old["distance"] <= 1).mean() <= 0.97  # the radius is their 95th percentile


def test_a_copy_of_a_known_crystal_is_near_it(model: Model, known: FeatureTable) -> None:
    copy = dataclasses.replace(part(known, [4]), ids=np.array(["copy"], dtype=object))
    row = ranked([copy], model).iloc[0]
    assert (row["nearest"], row["nearest_formula"]) == ("c4", known.facts["formula"][4])
    assert row["distance"] == pytest.approx(0.0, abs=1e-6)
    assert row["nearest_measured"] == model.training.log_sigma[list(model.training.ids).index("c4")]
    assert bool(row["in_domain"])


def test_a_stranger_and_an_unseen_element_are_out_of_domain(model: Model, known: FeatureTable) -> None:
    far = part(known, [4, 5])
    far.features[0] += 100.0
    far.composition[1, NUMBERS["Pu"]] = 1.0
    far.composition[1, NUMBERS["Ac"]] = 1.0
    frame = ranked([dataclasses.replace(far, ids=np.array(["far", "odd"], dtype=object))], model).set_index("id")
    assert frame.loc["far", "distance"] > 5
    assert not frame["in_domain"].any()
    assert frame["elements_unseen"].to_dict() == {"far": "", "odd": "Ac;Pu"}
    assert frame["radioactive"].to_dict() == {"far": False, "odd": True}


@pytest.mark.parametrize(("element", "flag"), [("Tl", "toxic"), ("Ir", "scarce"), ("U", "radioactive")])
def test_elements_raise_their_flag(model: Model, fresh: FeatureTable, element: str, flag: str) -> None:
    one = part(fresh, [0, 1])
    one.composition[:] = 0
    one.composition[:, NUMBERS["Li"]] = 1
    one.composition[1, NUMBERS[element]] = 1
    frame = ranked([one], model).set_index("id")
    assert frame[flag].to_dict() == {"f0": False, "f1": True}


def test_facts_of_the_crystal_are_passed_on(model: Model, fresh: FeatureTable) -> None:
    frame = ranked([fresh], model).set_index("id").loc[list(fresh.ids)]
    assert frame["disordered"].tolist() == [row % 3 == 0 for row in range(60)]
    assert frame["radius_cut"].tolist() == [row % 5 == 0 for row in range(60)]  # 4 Å where 8 Å are asked for
    assert frame["source"].tolist() == fresh.facts["source"].tolist()
    assert frame["formula"].tolist() == fresh.facts["formula"].tolist()


def test_features_of_another_engine_are_refused(model: Model, fresh: FeatureTable) -> None:
    other = dataclasses.replace(fresh, header=header() | {"engine": "supercell"})
    with pytest.raises(ModelError, match="engine"):
        ranked([other], model)


def test_nothing_to_rank_is_an_empty_list(model: Model, known: FeatureTable, tmp_path: Path) -> None:
    frame = ranked([known], model)
    assert (len(frame), tuple(frame.columns)) == (0, COLUMNS)
    write_ranking(frame, tmp_path / "ranking.csv")
    assert (tmp_path / "ranking.csv").read_text() == ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize("id", ["=1+1", "+x", "-x", "@x", "\tx", '=HYPERLINK("http://x")'])
def test_no_text_cell_begins_a_formula(model: Model, fresh: FeatureTable, tmp_path: Path, id: str) -> None:
    one = dataclasses.replace(part(fresh, [0]), ids=np.array([id], dtype=object))
    one.facts["formula"] = id
    one.facts["source"] = id
    frame = ranked([one], model)
    write_ranking(frame, tmp_path / "ranking.csv")
    back = pd.read_csv(tmp_path / "ranking.csv", dtype=str)
    assert back[["id", "source", "formula"]].iloc[0].tolist() == [f"'{id}"] * 3
    assert float(back["prediction"][0]) < 0  # a number keeps its sign
    write_ranking(frame, tmp_path / "ranking.parquet")
    assert pd.read_parquet(tmp_path / "ranking.parquet")["id"].tolist() == [id]


def test_written_tables_hold_the_ranking(model: Model, fresh: FeatureTable, tmp_path: Path) -> None:
    frame = ranked([fresh], model)
    for name in ("ranking.csv", "ranking.parquet"):
        write_ranking(frame, tmp_path / name)
        write_ranking(ranked([fresh], model), tmp_path / f"again-{name}")
        assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "ranking.parquet"), frame, check_dtype=False)
    back = pd.read_csv(tmp_path / "ranking.csv")
    assert back["id"].tolist() == frame["id"].tolist()
    np.testing.assert_allclose(back["prediction"], frame["prediction"], rtol=1e-5)
    with pytest.raises(InputError, match=r"\.csv or \.parquet"):
        write_ranking(frame, tmp_path / "ranking.xlsx")


def test_rejections_are_written_as_rows(tmp_path: Path) -> None:
    rows = [Rejection(id="=a", source="x.zip::a", stage="featurize", code=Code.NOT_CIF, detail='a, "b"')]
    write_rejections(rows, tmp_path / "rejected.csv")
    assert (tmp_path / "rejected.csv").read_text() == 'id,source,code,detail\n\'=a,x.zip::a,not-cif,"a, ""b"""\n'
    write_rejections([], tmp_path / "rejected.csv")
    assert (tmp_path / "rejected.csv").read_text() == "id,source,code,detail\n"
