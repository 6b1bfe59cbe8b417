"""One row a compound, marks, and the caution of chances: in the page's data, and in what is exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_run import MARKS, family, make_run, with_compounds

from screening.learn import family_caution
from screening.report.export import export_candidates
from screening.report.page import write_report


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_compounds(make_run(tmp_path_factory.mktemp("compounds") / "run"))


def data_of(page: str) -> dict[str, Any]:
    text = page.split('id="data">', 1)[1].split("</script>", 1)[0]
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_page_holds_the_polymorphs_of_those_it_shows(run: Path) -> None:
    page = write_report(run, top=5).read_text(encoding="utf-8")
    data = data_of(page)
    names = [column["name"] for column in data["columns"]]
    ids = [row[names.index("id")] for row in data["rows"]]
    assert data["first"] == 5
    assert len(ids) == 7
    assert [row[names.index("polymorph_of")] for row in data["rows"][5:]] == [ids[3]] * 2
    told = " ".join(page.split())
    assert "2 (a better entry of the same compound stands for it), 1 (no O, S, Se" in told
    assert data["caution"] in told
    assert write_report(run, top=1000).read_text(encoding="utf-8").count('"mode":"embedded"') == 1
    assert len(data_of((run / "report.html").read_text(encoding="utf-8"))["rows"]) == 12  # none twice


def test_marks_polymorphs_and_the_caution_are_exported(run: Path, tmp_path: Path) -> None:
    export_candidates(run, tmp_path / "a.md", top=4)
    text = (tmp_path / "a.md").read_text(encoding="utf-8")
    assert "Fe, Mn may take up or give off electrons" in text
    assert "all sites of the mobile ion are full" in text
    assert "compounds of Cd are classed as toxic" in text
    assert "2 more entries of the compound" in text
    assert "garnet (38) were predicted no better than by the mean" in text.replace("\\", "")
    assert "held back: polymorph 2, anion 1" in text
    export_candidates(run, tmp_path / "a.csv", top=1)
    assert MARKS in (tmp_path / "a.csv").read_text(encoding="utf-8")


def test_the_caution_is_told_where_the_mean_is_not_beaten() -> None:
    assert family_caution({}) == ""
    assert family_caution(family(beaten=True, worse=False)) == ""
    assert "garnet (38)" in family_caution(family(beaten=True, worse=True))
    assert "LGPS" not in family_caution(family(beaten=True, worse=True))
    assert "no better than the mean" in family_caution(family(beaten=False, worse=True))
