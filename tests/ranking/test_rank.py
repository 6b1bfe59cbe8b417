"""The ordered list: ties, honesty about known crystals, warnings, and cells a spreadsheet cannot run."""

from __future__ import annotations

import dataclasses
import pickle
import weakref
from collections.abc import Sequence
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from synthetic import QUICK, header, planted, table

from screening.config import read_config
from screening.elements import NUMBERS
from screening.errors import Code, ConfigError, InputError, ModelError, Rejection
from screening.learn.model import Model
from screening.ranking import batches, spans
from screening.ranking.columns import COLUMNS
from screening.ranking.rank import OBJECTIVES, rank
from screening.ranking.write import duplicates_path, write_ranking, write_rejections
from screening.store.tables import FeatureTable


class WeakTable(FeatureTable):
    """A table that can be watched for being let go."""


@pytest.fixture(scope="module")
def known(planted_table: FeatureTable) -> FeatureTable:
    return part(planted_table, np.arange(90))


@pytest.fixture(scope="module")
def model(planted_model: Model) -> Model:
    return planted_model


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
    pd.testing.assert_frame_equal(whole, split, check_exact=True)


@pytest.mark.parametrize(("batch", "threads"), [(1, 1), (7, 2), (64, 1), (10_000, 2)])
def test_batches_and_threads_do_not_matter(
    model: Model, known: FeatureTable, fresh: FeatureTable, monkeypatch: pytest.MonkeyPatch, batch: int, threads: int
) -> None:
    tables = [part(fresh, np.arange(0, 33)), known, part(fresh, np.arange(33, 60))]
    whole = ranked(tables, model, labelled=True)
    monkeypatch.setattr(batches, "BATCH", batch)
    again = rank(tables, model, labelled=True, config=QUICK.rank, threads=threads)
    pd.testing.assert_frame_equal(whole, again, check_exact=True)


class Parts(list[FeatureTable]):
    """Tables that stand for a store at a path."""

    everything: FeatureTable

    def __init__(self, path: int) -> None:
        self.path = path  # rows of each table
        super().__init__(part(self.everything, rows) for rows in np.array_split(np.arange(60), 60 // path))
        self.n_rows = 60


def test_spans_of_a_store_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, model: Model, known: FeatureTable, fresh: FeatureTable
) -> None:
    """Each is read by itself and judged by a model that was sent; duplicates are found across them."""
    copies = dataclasses.replace(part(fresh, np.arange(20)), ids=np.array([f"g{k}" for k in range(20)], dtype=object))
    facts = pd.concat([copies.facts, fresh.facts.iloc[:40]], ignore_index=True)
    Parts.everything = dataclasses.replace(
        fresh,
        ids=np.concatenate([copies.ids, fresh.ids[:40]]),
        features=np.concatenate([copies.features, fresh.features[:40]]),
        facts=facts,
        composition=np.concatenate([copies.composition, fresh.composition[:40]]),
    )
    monkeypatch.setattr(spans, "StoredTables", Parts)
    whole = rank(Parts(5), model, labelled=False, config=QUICK.rank)
    assert (whole["duplicates"] == 1).sum() == 40
    monkeypatch.setattr(spans, "WORTHWHILE", 1)
    sent = pickle.loads(pickle.dumps(model))
    with joblib.parallel_config(backend="threading"):
        for rows, threads in ((5, 2), (10, 3)):
            frame = rank(Parts(rows), sent, labelled=False, config=QUICK.rank, threads=threads)
            pd.testing.assert_frame_equal(frame, whole)


def test_distances_are_those_of_the_definition(model: Model, fresh: FeatureTable) -> None:
    frame = ranked([fresh], model).set_index("id").loc[list(fresh.ids)]
    space = model.space
    gaps = np.linalg.norm(space.project(fresh.features)[:, None] - space.points[None], axis=2)
    assert frame["nearest"].tolist() == model.training.ids[gaps.argmin(axis=1)].tolist()
    np.testing.assert_allclose(frame["distance"], gaps.min(axis=1) / model.domain_radius, rtol=1e-12)
    np.testing.assert_array_equal(frame["in_domain"], frame["distance"] <= 1)


def test_features_are_let_go(model: Model) -> None:
    """Of 40 tables made on the way, no more are alive at a time than a batch takes."""
    alive: weakref.WeakSet[FeatureTable] = weakref.WeakSet()
    most = 0

    class Source(Sequence[FeatureTable]):
        def __len__(self) -> int:
            return 40

        def __getitem__(self, index):
            nonlocal most
            if not 0 <= index < 40:
                raise IndexError
            made = table(5, seed=index, prefix=f"s{index}-")
            made = WeakTable(**{f.name: getattr(made, f.name) for f in dataclasses.fields(made)})
            alive.add(made)
            most = max(most, len(alive))
            return made

    frame = ranked(Source(), model)  # type: ignore[arg-type]
    assert len(frame) == 200
    assert most <= 2
    assert not alive


def test_duplicates_follow_what_stands_for_them(model: Model, fresh: FeatureTable, tmp_path: Path) -> None:
    rows = [*range(60), 7, 7, 31, 7]
    ids = [*map(str, fresh.ids), "a7", "z7", "a31", "=7"]
    tables = dataclasses.replace(part(fresh, rows), ids=np.array(ids, dtype=object))
    frame = ranked([tables], model)
    assert sorted(frame["id"]) == sorted(ids)  # nothing is dropped
    listed = frame[frame["duplicate_of"] == ""]
    assert listed["rank"].tolist() == list(range(1, 61))
    assert listed["prediction"].is_monotonic_decreasing
    counts = listed[listed["duplicates"] > 0].set_index("id")["duplicates"]
    assert counts.to_dict() == {"=7": 3, "a31": 1}
    place = frame.index[frame["id"] == "=7"][0]
    assert frame["id"].iloc[place : place + 4].tolist() == ["=7", "a7", "f7", "z7"]
    assert frame["rank"].iloc[place : place + 4].nunique() == 1
    assert frame["duplicate_of"].iloc[place : place + 4].tolist() == ["", "=7", "=7", "=7"]
    for suffix, guarded in ((".csv", "'=7"), (".parquet", "=7")):
        write_ranking(frame, tmp_path / f"ranking{suffix}")
        read = pd.read_csv if suffix == ".csv" else pd.read_parquet
        kept, others = read(tmp_path / f"ranking{suffix}"), read(tmp_path / f"duplicates{suffix}")
        assert (tuple(kept.columns), tuple(others.columns)) == (COLUMNS, COLUMNS)
        assert len(kept) + len(others) == len(frame)
        assert kept["duplicates"].sum() == len(others)
        assert kept["rank"].tolist() == list(range(1, 61))
        assert dict(zip(others["id"], others["duplicate_of"], strict=True)) == {
            "a7": guarded, "f7": guarded, "z7": guarded, "f31": "a31"
        }  # fmt: skip
        ranks = dict(zip(kept["id"], kept["rank"], strict=True))
        assert [ranks[id] for id in others["duplicate_of"]] == others["rank"].tolist()
    assert duplicates_path(tmp_path / "best.csv") == tmp_path / "best-duplicates.csv"


def test_no_table_of_duplicates_where_none_were_looked_for(model: Model, fresh: FeatureTable, tmp_path: Path) -> None:
    write_ranking(ranked(iter([fresh]), model), tmp_path / "ranking.csv")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["ranking.csv"]
    assert pd.read_csv(tmp_path / "ranking.csv")["duplicates"].isna().all()


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
    assert frame["distance"]["far"] > 5
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


def test_a_table_is_written_as_pandas_writes_it(model: Model, fresh: FeatureTable, tmp_path: Path) -> None:
    frame = ranked([fresh], model)
    n = len(frame)
    odd = ['a "quoted" one', "two\nlines", "one, two", "", "d\u00e9j\u00e0", "one\rtwo", "plain"]
    frame["formula"] = [odd[row % len(odd)] for row in range(n)]
    frame["words"] = [odd[(row + 3) % len(odd)] for row in range(n)]
    frame["count"] = pd.array([pd.NA if row % 3 else row for row in range(n)], dtype="Int64")
    frame["given"] = pd.array([pd.NA if row % 2 else row / 7 for row in range(n)], dtype="Float64")
    frame["single"] = np.linspace(-1e-9, 1e9, n).astype(np.float32)
    frame["yes"] = [row % 2 == 0 for row in range(n)]
    frame["far"] = [np.inf, -np.inf, np.nan, -0.0, *[1e300] * (n - 4)]
    write_ranking(frame, tmp_path / "ranking.csv")
    listed = frame[frame["duplicate_of"] == ""]
    theirs = listed.to_csv(index=False, float_format="%.6g", lineterminator="\n", encoding="utf-8")
    assert (tmp_path / "ranking.csv").read_bytes().decode() == theirs


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


# Policy: what is best, and what is held back.


@pytest.mark.parametrize("objective", ["mean", "lower", "chance"])
def test_objective_decides_the_order(model: Model, fresh: FeatureTable, objective: str) -> None:
    config = QUICK.rank.model_copy(update={"objective": objective, "target": -5.0})
    frame = rank([fresh], model, labelled=False, config=config)
    by = frame[OBJECTIVES[objective]].to_numpy()
    assert (np.diff(by) <= 0).all()
    ties = by[1:] == by[:-1]
    assert (np.diff(frame["prediction"].to_numpy())[ties] <= 0).all()
    assert ((frame["chance"] > 0) & (frame["chance"] < 1)).all()
    likely = frame["chance"].to_numpy()[frame["prediction"].to_numpy().argsort()]
    assert likely[-1] > likely[0]


def test_chance_needs_residuals(model: Model, fresh: FeatureTable) -> None:
    old = dataclasses.replace(model, header=model.header.model_copy(update={"residual_quantiles": ()}))
    frame = rank([fresh], old, labelled=False, config=QUICK.rank)
    assert frame["chance"].isna().all()
    with pytest.raises(ModelError, match="train it again"):
        rank([fresh], old, labelled=False, config=QUICK.rank.model_copy(update={"objective": "chance"}))


def test_filters_hold_back_and_say_why_but_lose_nothing(model: Model, fresh: FeatureTable) -> None:
    composition = fresh.composition.copy()
    composition[:5, NUMBERS["Cd"]] = 1.0
    composition[5:9] = 0.0
    composition[5:9, NUMBERS["Li"]] = 3.0
    composition[5:9, NUMBERS["Cu"]] = 1.0  # an alloy
    facts = fresh.facts.assign(n_sites=[500 if row == 9 else 8 for row in range(60)])
    mixed = dataclasses.replace(fresh, composition=composition, facts=facts)
    config = QUICK.rank.model_copy(update={"exclude_elements": ("Cd",), "charge_balance": True, "max_atoms": 100})
    frame = rank([mixed], model, labelled=False, config=config)
    assert sorted(frame["id"]) == sorted(fresh.ids)
    why = dict(zip(frame["id"], frame["held_back"], strict=True))
    assert all("elements" in why[id].split(";") for id in fresh.ids[:5])
    assert all(why[id] == "charge" for id in fresh.ids[5:9])
    assert why[fresh.ids[9]].split(";")[-1] == "size"
    held = (frame["held_back"] != "").to_numpy()
    assert not held[: int((~held).sum())].any()  # behind all others
    for part_of in (frame[~held], frame[held]):
        assert part_of["prediction"].is_monotonic_decreasing
    assert (frame["charge_balanced"].to_numpy() | held).all()
    plain = rank([mixed], model, labelled=False, config=QUICK.rank)
    assert (plain["held_back"] == "").all()
    needs = rank([mixed], model, labelled=False, config=QUICK.rank.model_copy(update={"require_elements": ("Cu",)}))
    with_copper = set(fresh.ids[mixed.composition[:, NUMBERS["Cu"]] > 0])
    assert with_copper >= set(fresh.ids[5:9])
    assert set(needs.loc[needs["held_back"] == "", "id"]) == with_copper


def test_copies_of_a_prototype_stand_behind(model: Model, fresh: FeatureTable) -> None:
    composition = np.zeros_like(fresh.composition)
    composition[:, NUMBERS["Li"]] = np.where(np.arange(60) < 40, 2, 3)
    composition[:, NUMBERS["S"]] = 1
    facts = fresh.facts.assign(spacegroup=[225 if row % 2 else 62 for row in range(60)])
    alike = dataclasses.replace(fresh, facts=facts, composition=composition)
    plain = rank([alike], model, labelled=False, config=QUICK.rank)
    frame = rank([alike], model, labelled=False, config=QUICK.rank.model_copy(update={"per_prototype": 3}))
    assert set(frame["prototype"]) == {"AB2-225", "AB2-62", "AB3-225", "AB3-62"}
    top = frame.head(12)
    assert (top["held_back"] == "").all()
    assert (frame["held_back"].iloc[12:] == "prototype").all()
    for name, rows in top.groupby("prototype"):  # the best three of each
        assert rows["id"].tolist() == plain.loc[plain["prototype"] == name, "id"].head(3).tolist()


def test_unknown_elements_and_objectives_are_refused() -> None:
    for wrong in ({"exclude_elements": ["Xx"]}, {"require_elements": ["li"]}, {"objective": "median"}):
        with pytest.raises(ConfigError):
            read_config(None, {"rank": wrong})
