"""The list of the page in a browser: sorted, searched, filtered, passed by keys and thumbs, and kept as a shortlist."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_run import HOSTILE, make_run, with_compounds
from page_browser import CHROMIUM, choose, until

from screening.config import Config
from screening.crystals.cif import read_cif
from screening.crystals.families import FAMILIES, families
from screening.report.page import write_report
from screening.report.structures import p1_cif

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")


pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")


RANKS = "[...document.querySelectorAll('#table tbody tr')].map(tr => tr.cells[1].textContent)"


FORMULAS = "[...new Set([...document.querySelectorAll('#table .open .formula')].map(e => e.textContent))]"


def test_rows_are_sorted_searched_and_filtered(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    assert page.locator("#detail .id").first.text_content() == f"{HOSTILE} · rank 1"
    page.click("[data-key=distance] button")
    assert page.get_attribute("[data-key=distance]", "aria-sort") == "ascending"
    page.click("[data-key=distance] button")
    assert page.get_attribute("[data-key=distance]", "aria-sort") == "descending"
    assert page.get_attribute("[data-key=rank]", "aria-sort") == "none"
    assert page.evaluate(RANKS) == [str(rank) for rank in range(12, 0, -1)]
    page.click("[data-key=rank] button")

    page.fill("#search", "c0021")
    until(page, "document.querySelectorAll('#table tbody tr').length === 1")
    page.fill("#search", "no such crystal")
    page.wait_for_selector("#none:not([hidden])")
    page.click("#clear")
    assert len(page.evaluate(RANKS)) == 12

    page.click("#hide-filter summary")
    page.check(".hide[value=outside]")
    assert page.text_content("#hide-summary") == "out of domain"
    assert page.evaluate(RANKS) == [str(rank) for rank in range(1, 8)]
    assert page.text_content("#shown") == "7 of 12 candidates"
    page.uncheck(".hide[value=outside]")
    page.check(".hide[value=scarce]")
    assert "4" not in page.evaluate(RANKS)


def test_elements_are_asked_for_and_forbidden(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.click("#element-filter summary")
    page.click("[data-symbol=P]")
    page.click("[data-symbol=S]")
    assert page.get_attribute("[data-symbol=S]", "aria-label") == "S, must be in it"
    found = page.evaluate(FORMULAS)
    assert found
    assert all("P" in formula and "S" in formula.replace("Se", "") for formula in found)
    page.click("[data-symbol=Li]")
    page.click("[data-symbol=Li]")
    assert page.get_attribute("[data-symbol=Li]", "aria-label") == "Li, must not be in it"
    assert page.text_content("#elements-summary") == "with P S, without Li"
    assert page.is_visible("#none")
    page.click("[data-symbol=Li]")
    assert page.evaluate(FORMULAS) == found
    page.focus("[data-symbol=Li]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.get_attribute("[data-symbol=Be]", "aria-label") == "Be, must be in it"


def test_families_are_any_of_the_ticked_ones(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.click("#family-filter summary")
    offered = page.evaluate("[...document.querySelectorAll('.family')].map(box => box.value)")
    assert offered == sorted(offered, key=FAMILIES.index)
    page.check(".family[value=sulfide]")
    sulfides = page.evaluate(FORMULAS)
    assert sulfides
    assert all("sulfide" in families(one) for one in sulfides)
    page.check(".family[value=oxide]")
    assert page.text_content("#families-summary") == "oxide, sulfide"
    both = page.evaluate(FORMULAS)
    assert set(both) > set(sulfides)
    assert all({"sulfide", "oxide"} & set(families(one)) for one in both)
    page.click("#clear")
    assert len(page.evaluate(RANKS)) == 12
    assert page.text_content("#families-summary") == "any"


def test_a_conductivity_is_asked_for_and_told_as_one(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.click("summary:has-text('Thresholds')")
    page.click("#add")
    assert page.input_value(".condition select >> nth=0") == "conductivity"
    page.fill(".condition input", "3e-3")
    assert page.evaluate(RANKS) == ["1", "2"]
    page.click("summary:has-text('Columns shown')")
    page.check("#columns input[value=conductivity]")
    heads = page.evaluate("[...document.querySelectorAll('#table th')].map(th => th.dataset.key)")
    assert (
        page.locator("#table tbody tr >> nth=0").locator("td").nth(heads.index("conductivity")).text_content()
        == "6.3 × 10⁻³"
    )


@pytest.mark.parametrize("rows", [0, 1])
def test_a_page_of_few_candidates(tmp_path: Path, browser: Any, rows: int) -> None:
    run = make_run(tmp_path / "run", n_rejected=0)
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    ranking.head(rows).to_csv(run / "ranking.csv", index=False)
    context = browser.new_context()
    page = context.new_page()
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(write_report(run, top=10).as_uri())
    until(page, "document.getElementById('shown').textContent !== ''")
    if rows:
        page.wait_for_selector("#detail .waterfall")
        assert page.text_content("h1").startswith("1 crystal ranked")
        assert page.text_content("#shown") == "1 of 1 candidate"
    else:
        assert page.text_content("#none") == "This run ranked no candidate."
        assert page.is_visible("#none")
        assert page.is_hidden("#family-filter")
        assert page.text_content("#detail").startswith("A candidate that is chosen")
    context.close()
    assert told == []


def test_entries_of_one_crystal_are_one_row_found_by_any_of_their_ids(
    tmp_path: Path, visit: Callable[..., Any]
) -> None:
    run = make_run(tmp_path / "run")
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    ranking["duplicates"] = ["2" if row == 2 else "0" for row in range(len(ranking))]
    ranking.to_csv(run / "ranking.csv", index=False)
    pd.DataFrame({"id": ["mp-77", "'=twin"], "duplicate_of": "c0014"}).to_csv(run / "duplicates.csv", index=False)
    page = visit(write_report(run, top=1000))
    page.fill("#search", "MP-77")
    until(page, "document.querySelectorAll('#table tbody tr').length === 1")
    assert page.evaluate(RANKS) == ["3"]
    assert "2 more entries of the same crystal" in page.text_content("#table .badges")
    choose(page, 3)
    assert "same crystal also asmp-77, =twin" in page.text_content("#detail .facts")


def test_a_page_of_the_first_rows_says_so(tmp_path: Path, visit: Callable[..., Any]) -> None:
    page = visit(write_report(make_run(tmp_path / "run"), top=5))
    assert page.text_content("#shown") == "5 of the first 5 candidates"


def test_the_list_begins_on_the_first_screen(report: Path, visit: Callable[..., Any]) -> None:
    for width in (1440, 390):
        page = visit(report, width=width)
        assert page.evaluate("document.querySelector('#table tbody tr').getBoundingClientRect().top") < 860


def test_thresholds_and_columns(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.click("summary:has-text('Thresholds')")
    page.click("#add")
    page.select_option(".condition select >> nth=0", "distance")
    page.select_option(".condition select >> nth=1", "<=")
    page.fill(".condition input", "0.65")
    assert page.evaluate(RANKS) == ["1", "2", "3"]
    page.select_option(".condition select >> nth=0", "disordered")
    assert page.evaluate(RANKS) == ["3", "6", "9", "12"]
    page.click(".condition button")
    assert len(page.evaluate(RANKS)) == 12
    page.click("summary:has-text('Columns shown')")
    page.check("#columns input[value=source]")
    page.uncheck("#columns input[value=distance]")
    heads = page.evaluate("[...document.querySelectorAll('#table th')].map(th => th.dataset.key)")
    assert "source" in heads
    assert "distance" not in heads
    page.reload()
    page.wait_for_selector("#detail .waterfall")
    assert page.evaluate("[...document.querySelectorAll('#table th')].map(th => th.dataset.key)") == heads


def test_empty_cells_stand_last_in_either_direction(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.click("summary:has-text('Columns shown')")
    page.check("#columns input[value=elements_unseen]")
    for state in ("ascending", "descending"):
        page.click("[data-key=elements_unseen] button")
        assert page.get_attribute("[data-key=elements_unseen]", "aria-sort") == state
        assert page.evaluate(RANKS) == ["3", "1", "2", *map(str, range(4, 13))]


def test_the_shortlist_is_kept_and_exported(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    for rank in (2, 4, 5):
        page.locator("#table tbody tr").nth(rank - 1).locator("input").check()
    choose(page, 3)
    page.check("#detail .tick-open")
    page.reload()
    page.wait_for_selector("#detail .waterfall")
    page.click("summary:has-text('Shortlist')")
    assert page.text_content("#ticked") == "4 on the shortlist"
    page.check("#only")
    assert page.evaluate(RANKS) == ["2", "3", "4", "5"]
    page.fill("#search", "nothing fits")  # an export of the shortlist is of all of it
    with page.expect_download() as download:
        page.click("#list-csv")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert [row["rank"] for row in rows] == ["2", "3", "4", "5"]
    assert rows[0]["id"].startswith("'=HYPERLINK")
    assert float(rows[0]["prediction"]) == -2.4
    with page.expect_download() as download:
        page.click("#list-cif")
    with zipfile.ZipFile(download.value.path()) as bundle:
        assert bundle.testzip() is None
        names = bundle.namelist()
        contents = {name: bundle.read(name) for name in names}
    assert names[0] == "shortlist.csv"
    assert names[-1] == "missing.txt"
    assert contents["missing.txt"].count(b"\n") == 2
    assert all("/" not in name and "<" not in name for name in names)
    file = report.parent.parent / "crystals" / "c0016.cif"
    crystal = read_cif(file.read_bytes(), id="c0016", source="", limits=Config().input)
    assert contents["c0016.cif"].decode() == p1_cif(crystal)  # the script writes what Python writes
    page.click("#list-clear")
    assert page.text_content("#ticked") == "0 on the shortlist"


def test_keys_open_rows(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.focus("#table button.open >> nth=0")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("#detail .id").first.text_content() == "c0014 · rank 3"
    assert page.evaluate("document.activeElement.closest('tr').cells[1].textContent") == "3"
    assert page.locator("[aria-current]").count() == 1
    page.wait_for_selector("#detail output")
    page.locator("#detail input[type=range]").evaluate("e => { e.value = 4; e.dispatchEvent(new Event('input')); }")
    assert page.text_content("#detail output") == "4.00 Å"


def test_keys_and_thumbs_pass_the_list(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    assert page.is_hidden("#detail .back")
    page.focus(".skip.here")
    box = page.locator(".skip.here").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "detail"
    tablet = visit(report, width=800)
    tablet.locator("#detail .waterfall").scroll_into_view_if_needed()
    tablet.click("#detail .back")
    until(tablet, "Math.abs(document.getElementById('list').getBoundingClientRect().top) < 2")
    assert tablet.url.endswith("report.html#list")


def test_polymorphs_are_opened_from_their_compound_and_lead_back(visit: Callable[..., Any], tmp_path: Path) -> None:
    """Of a list cut to its first five, the polymorphs of these can be opened; marks are told in sentences."""
    page = visit(write_report(with_compounds(make_run(tmp_path / "run")), top=5))
    assert page.inner_text("#shown") == "7 of 7: the first 5 candidates and 2 polymorphs of these"
    assert "Fe, Mn may take up or give off electrons" in page.inner_text("#detail dl")
    assert "redox-active Fe, Mn" in page.inner_text("#detail .badges")
    assert "garnet (38)" in page.inner_text("#detail .caution")
    page.locator("#table tbody tr button.open").nth(3).click()
    compound = page.inner_text("#detail .id").split(" ")[0]
    until(page, "document.querySelectorAll('#detail button.polymorph').length === 2")
    assert "AB_cF8_225_a_b" in page.inner_text("#detail dl")
    assert "2 more polymorphs" in page.inner_text("#detail .badges")
    other = page.locator("#detail button.polymorph").nth(1)
    name = other.inner_text()
    other.focus()
    page.keyboard.press("Enter")
    until(page, f"document.querySelector('#detail .id').textContent.startsWith({name!r})")
    until(page, "document.querySelectorAll('#detail button.polymorph').length === 1")
    page.locator("#detail button.polymorph").click()
    until(page, f"document.querySelector('#detail .id').textContent.startsWith({compound!r})")
    page.get_by_role("button", name="List all of it").click()
    until(page, "document.querySelector('#shown').textContent.startsWith('5 of')")
