"""The series of a RUN's candidates are read as they were written, and what is damaged is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_run import make_run
from made_series import write_series_table

from screening.errors import InputError
from screening.report.series import series_shown
from screening.runs import ranking_path, read_ranking, read_series, series_file


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("series") / "run")


def candidate(run: Path, rank: int = 3) -> tuple[str, str]:
    row = read_ranking(ranking_path(run)).set_index("rank").loc[rank]
    return str(row["id"]), str(row["formula"])


def test_series_are_read_as_written(run: Path) -> None:
    write_series_table(run)
    id, formula = candidate(run)
    frame = read_series(run, id, formula)
    assert frame is not None
    assert frame["x"].tolist() == [0.0, 0.05, 0.05, 0.1, 0.1]
    first, second = series_shown(frame)
    assert (first["dopant"], first["x"], first["delta"]) == ("Si4+", [0.0, 0.05, 0.1], [0.0, 0.2, 0.4])
    assert first["whole"] is True
    assert second["lower"] == [0.0, None, None]
    assert second["composition"] == [0.0, None, None]


def test_a_crystal_that_changed_or_has_none_has_no_series(run: Path) -> None:
    write_series_table(run)
    id, _ = candidate(run)
    assert read_series(run, id, "Li2S") is None
    assert read_series(run, *candidate(run, 4)) is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"delta": "inf"}, "delta holds what is no number"),
        ({"x": "much"}, "x holds what is no number"),
        ({"delta": ""}, "no x or no difference"),
        ({"new_sites": "perhaps"}, "neither true nor false"),
    ],
)
def test_a_damaged_table_is_refused(run: Path, changes: dict[str, str], says: str) -> None:
    write_series_table(run, changes=changes)
    with pytest.raises(InputError, match=says):
        read_series(run, *candidate(run))


def test_a_table_without_a_column_is_refused(run: Path) -> None:
    path = write_series_table(run)
    path.write_text("id,x\na,0\n")
    with pytest.raises(InputError, match="lacks the column"):
        read_series(run, *candidate(run))


@pytest.mark.parametrize("id", ["mp-1", "../../etc/passwd", "a/b\x00c", "x" * 10_000, "ü"])
def test_every_id_has_a_file_of_its_own_inside_the_folder(id: str) -> None:
    name = series_file(id)
    assert Path(name).name == name
    assert len(name) == 20
    assert series_file(id + "x") != name
