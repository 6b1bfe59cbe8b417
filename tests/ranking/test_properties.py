"""What geometry cannot know, joined by id: columns, conditions that hold back, ids that match nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic import QUICK, table

from screening.config import RankConfig, parsed_conditions
from screening.errors import InputError
from screening.learn.model import Model
from screening.ranking import Properties, properties, rank, read_property_table, sentences, summary, write_ranking
from screening.ranking.columns import COLUMNS
from screening.ranking.properties import held_back
from screening.runs import read_ranking
from screening.store.tables import FeatureTable

EMPTY = pd.DataFrame(index=pd.Index([], name="id", dtype=object))


def given(**columns: list[Any]) -> pd.DataFrame:
    ids = columns.pop("id")
    return pd.DataFrame(columns, index=pd.Index(ids, name="id", dtype=object))


@pytest.mark.parametrize(
    "text",
    [
        "e > 1",
        "e>1",
        " e  >= -1.5e-3 ",
        "a b < .5 and c = 1 and d != 0",
        "e == 2.",
        "e_above_hull > 0.1 and band_gap < 2",
    ],
)
def test_conditions_are_parsed(text: str) -> None:
    RankConfig(hold_back=(text,))
    assert all(part.name.strip() == part.name for part in parsed_conditions(text))


@pytest.mark.parametrize(
    "text",
    ["", "e", "e >", "> 1", "e > x", "e > 1 or f < 2", "__import__('os').system('x')", "e > 1; f < 2", "e > 1 and",
     "e > nan", "e > 0x10", "1 < e < 2"],
)  # fmt: skip
def test_nothing_else_is_a_condition(text: str) -> None:
    with pytest.raises(ValueError, match="name op number"):
        RankConfig(hold_back=(text,))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("e > 1", [False, False, True, False]), ("e >= 1", [False, True, True, False]),
        ("e < 1", [True, False, False, False]), ("e <= 1", [True, True, False, False]),
        ("e = 1", [False, True, False, False]), ("e != 1", [True, False, True, False]),
        ("e > 0 and f < 15", [False, True, False, False]), ("e > 0 and g > 1", None),
    ],
)  # fmt: skip
def test_a_missing_value_holds_nothing_back_and_is_counted(text: str, wanted: list[bool] | None) -> None:
    frame = pd.DataFrame({"id": list("abcd"), "e": [0.0, 1.0, 2.0, np.nan], "f": [0.0, 10.0, 20.0, 30.0]})
    told, (done,) = held_back(frame, [text])
    if wanted is None:
        assert not done.known
        assert "no crystal has such a property" in done.sentence()
        assert (told == "").all()
        return
    assert (told != "").tolist() == wanted
    assert (done.held, done.missing) == (sum(wanted), 1)
    assert "1 without a value" in done.sentence()


def test_a_table_is_read_and_joined(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    lines = (
        "material_id,e_above_hull,note,known in ICSD,rank,=cmd",
        "c1,0.05,x,True,7,1",
        "c2,,y,False,8,2",
        "zz,1,,,9,3",
    )
    path.write_text("\n".join(lines))
    found = properties(EMPTY, read_property_table(path))
    assert found.names() == ("e_above_hull", "note", "known in ICSD", "property:rank", "property:=cmd")
    frame = found.joined(pd.DataFrame({"id": ["c2", "c0", "c1"]}))
    np.testing.assert_array_equal(frame["e_above_hull"], [np.nan, np.nan, 0.05])
    assert frame["note"].tolist() == ["y", "", "x"]
    np.testing.assert_array_equal(frame["known in ICSD"], [0.0, np.nan, 1.0])
    told = summary(found, ["c0", "c1", "c2"])
    assert (told["unmatched"], told["examples"]) == (1, ["zz"])
    assert sentences(told)[1] == "1 of 3 ids of the properties match no crystal: zz"
    frame.to_parquet(tmp_path / "p.parquet")
    again = read_property_table(tmp_path / "p.parquet")
    np.testing.assert_array_equal(again["e_above_hull"], [np.nan, np.nan, 0.05])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x,e\na,1\n", "no id column.*'x', 'e'"), ("id,e\na,1\na,2\n", "row 3: id 'a' appears twice, as in row 2"),
        ("id,e\n,1\n", "row 2: the id is empty"), ("id,e\na,1,2\n", "row 2: 3 fields"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_joined_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        read_property_table(tmp_path / "p.csv")


def test_what_a_table_gives_counts_before_what_entries_carried() -> None:
    carried = given(id=["a", "b"], e=[1.0, 2.0], g=[5.0, 6.0])
    found = properties(carried, given(id=["b", "c"], e=[np.nan, 9.0], h=["x", "y"]))
    assert found.frame.loc["a", "e"] == 1.0
    assert found.frame.loc["b", "e"] == 2.0
    assert found.frame.loc["c", "e"] == 9.0
    assert found.given == {"b", "c"}
    with pytest.raises(InputError, match="more than 100"):
        properties(pd.DataFrame({f"p{n}": [1.0] for n in range(101)}, index=["a"]), None)


def test_a_ranking_holds_back_by_properties(planted_table: FeatureTable, planted_model: Model, tmp_path: Path) -> None:
    tables = [planted_table]
    plain = rank(tables, planted_model, labelled=False, config=QUICK.rank)
    best, second = plain["id"].iloc[0], plain["id"].iloc[1]
    said: list[str] = []
    found = Properties(given(id=[best, second], e_above_hull=[0.5, 0.01], note=["=SUM(A1)", "fine"]))
    config = QUICK.rank.model_copy(update={"hold_back": ("e_above_hull > 0.1", "distance > 1e9")})
    frame = rank(tables, planted_model, labelled=False, config=config, properties=found, say=said.append)
    assert list(frame.columns) == [*COLUMNS, "e_above_hull", "note"]
    assert frame["id"].iloc[0] == second
    assert frame["id"].iloc[-1] == best
    assert frame["held_back"].iloc[-1] == "e_above_hull > 0.1"
    assert len(frame) == len(plain)
    assert said == [
        f"hold_back 'e_above_hull > 0.1': 1 crystals; {len(plain) - 2} without a value are not held back by it",
        "hold_back 'distance > 1e9': 0 crystals",
    ]
    write_ranking(frame, tmp_path / "ranking.csv")
    text = (tmp_path / "ranking.csv").read_text()
    assert "'=SUM(A1)" in text
    again = read_ranking(tmp_path / "ranking.csv")
    assert again["note"].iloc[-1] == "=SUM(A1)"


def test_rankings_without_properties_are_as_before(planted_table: FeatureTable, planted_model: Model) -> None:
    plain = rank([planted_table], planted_model, labelled=False, config=QUICK.rank)
    empty = rank([planted_table], planted_model, labelled=False, config=QUICK.rank, properties=Properties(EMPTY))
    pd.testing.assert_frame_equal(plain, empty)
    assert list(plain.columns) == list(COLUMNS)
    assert len(table(3, seed=0).ids) == 3
