"""The list in a real browser: rows of at most two lines, fifteen of them on a laptop screen, nothing broken inside."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_run import MARKS, make_run, with_compounds
from page_browser import CHROMIUM, choose
from page_rows import change_rows

from screening.report.page import write_report

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")
LONG_DOI = "10.1021/acs.chemmater.5b04082.s001.supplementary-information-of-the-article"
LONG_FORMULA = "Li7.25La2.875Zr1.3125Ta0.1875Nb0.125Al0.25Ga0.0625O11.9375F0.0625" * 2
# Lines of text in a cell: tops of its boxes that are more than a superscript apart.
LINES = """() => [...document.querySelectorAll("#table tbody tr")].map((tr) => Math.max(...[...tr.cells].map((td) => {
    const tops = [];
    const walk = document.createTreeWalker(td, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      if (walk.currentNode.parentElement.closest(".sr, sub")) continue;
      const range = document.createRange();
      range.selectNodeContents(walk.currentNode);
      for (const box of range.getClientRects()) {
        const seen = box.top < td.getBoundingClientRect().bottom - 2;
        if (seen && box.width > 0 && !tops.some((top) => Math.abs(top - box.top) < 8)) tops.push(box.top);
      }
    }
    return tops.length; })))"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of many candidates with everything that makes a row long."""
    run = with_compounds(make_run(tmp_path_factory.mktemp("rows") / "run", n=72))

    def longer(rows: list[dict[str, Any]], data: dict[str, Any]) -> None:
        rows[5] |= {
            "formula": LONG_FORMULA,
            "nearest_formula": LONG_FORMULA,
            "id": "a-very-long-name-of-a-crystal-" * 5,
        }
        rows[6]["id"] = "mp-1190809"
        for row in rows[5:9]:
            row |= {"marks": MARKS, "held_back": "anion;charge", "in_domain": False, "duplicates": 3}
        for entry in data["known"].values():
            entry[3] = LONG_DOI

    return change_rows(write_report(run, top=1000), longer)


@pytest.mark.parametrize("width", [1440, 390])
def test_the_columns_shown_at_first_fit_with_barriers_too(
    full: Path, tmp_path: Path, visit: Callable[..., Any], width: int
) -> None:
    def with_barriers(rows: list[dict[str, Any]], data: dict[str, Any]) -> None:
        data["columns"].append({"name": "E1D", "kind": "number", "label": "barrier, 1-D (eV)"})
        for row in rows:
            row["E1D"] = 0.31

    for page_file in (full, change_rows(Path(shutil.copy(full, tmp_path / "report.html")), with_barriers)):
        page = visit(page_file, width=width, height=844)
        wide, room = page.evaluate(
            "[document.getElementById('table').offsetWidth, document.getElementById('list').clientWidth]"
        )
        assert wide <= room + 1
        assert set(page.evaluate(LINES)) == {2}


def test_what_is_said_of_the_list_is_folded_on_a_phone_alone(full: Path, visit: Callable[..., Any]) -> None:
    page = visit(full)
    assert page.is_visible("#caution")
    assert page.is_hidden("#about summary")
    phone = visit(full, width=390, height=844)
    assert phone.is_hidden("#caution")
    phone.click("#about summary")
    assert phone.is_visible("#caution")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844)])
def test_rows_have_two_lines_at_most(full: Path, visit: Callable[..., Any], width: int, height: int) -> None:
    page = visit(full, width=width, height=height)
    lines = page.evaluate(LINES)
    assert len(lines) == 60
    assert set(lines) == {2}
    heights = page.evaluate("[...document.querySelectorAll('#table tbody tr')].map((tr) => tr.offsetHeight)")
    assert max(heights) <= 46
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_laptop_screen_holds_fifteen_rows(full: Path, visit: Callable[..., Any]) -> None:
    page = visit(full)
    page.evaluate("document.getElementById('list').scrollIntoView()")
    page.wait_for_timeout(600)
    seen = """() => { const list = document.getElementById("list").getBoundingClientRect();
        const head = document.querySelector("#table thead").getBoundingClientRect().bottom;
        return [...document.querySelectorAll("#table tbody tr")].map((tr) => tr.getBoundingClientRect())
          .filter((box) => box.top >= head - 1 && box.bottom <= Math.min(innerHeight, list.bottom)).length; }"""
    assert page.evaluate(seen) >= 15


def test_what_a_row_cuts_is_whole_in_its_title_and_in_the_details(full: Path, visit: Callable[..., Any]) -> None:
    page = visit(full)
    row = page.locator("#table tbody tr").nth(5)
    assert row.locator("button.open").get_attribute("title") == LONG_FORMULA
    assert row.locator("button.open").text_content() == LONG_FORMULA
    more = row.locator(".badge.more")
    shown = row.locator(".badge").first.text_content()
    assert shown.startswith(("out of domain", "held back"))
    counted = more.get_attribute("title").split("; ")
    assert more.text_content() == f"+{len(counted)}: {'; '.join(counted)}"
    choose(page, 6)
    badges = page.locator("#detail .badges .badge").all_text_contents()
    assert sorted(badges) == sorted([shown, *counted])
    assert page.locator("#detail .badge.more").count() == 0
    assert page.evaluate("document.querySelector('#detail h3').textContent") == LONG_FORMULA


@pytest.mark.parametrize("width", [1440, 390])
def test_dois_never_break_inside(full: Path, visit: Callable[..., Any], width: int) -> None:
    page = visit(full, width=width)
    choose(page, 6)
    boxes = """[...document.querySelectorAll("#table a.doi, #detail a.doi")].filter((a) => a.offsetParent)
        .map((a) => { const range = document.createRange(); range.selectNodeContents(a);
          return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size; })"""
    found = page.evaluate(boxes)
    assert len(found) >= (61 if width == 1440 else 1)
    assert set(found) == {1}
    assert page.locator("#detail a.doi").first.text_content() == LONG_DOI
    assert page.evaluate("document.documentElement.scrollWidth") <= width
