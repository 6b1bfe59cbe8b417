"""Printing in a real browser: the shortlist with its structures, a page each, counted in the PDF that is made."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_run import MARKS, make_run, with_compounds
from page_browser import CHROMIUM, axe_finds, choose, until
from page_rows import change_rows

from screening.report.page import write_report

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page(?![a-zA-Z])", pdf))


def images_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Subtype\s*/Image", pdf))


def tick(page: Any, ranks: range) -> None:
    for rank in ranks:
        page.locator("#table tbody tr").nth(rank - 1).locator("input").check()
    until(page, f"document.querySelectorAll('#prints article').length === {len(ranks)}")


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page whose candidates have everything that takes room."""
    run = with_compounds(make_run(tmp_path_factory.mktemp("prints") / "run"))

    def longer(rows: list[dict[str, Any]], data: dict[str, Any]) -> None:
        for row in rows:
            row |= {"marks": MARKS, "held_back": "anion;charge", "in_domain": False, "duplicates": 3}
            row |= {"prediction_trees": row["prediction"] - 1, "source": "a/very/long/folder/" * 12}

    return change_rows(write_report(run, top=1000), longer)


@pytest.mark.parametrize(
    ("scheme", "paper"),
    [
        ("light", "A4"),
        ("dark", "Letter"),
        pytest.param("light", "Letter", marks=pytest.mark.slow),
        pytest.param("dark", "A4", marks=pytest.mark.slow),
    ],
)
def test_the_shortlist_prints_with_structures_on_a_page_each(
    crowded: Path, visit: Callable[..., Any], scheme: str, paper: str
) -> None:
    page = visit(crowded)
    page.emulate_media(color_scheme=scheme)
    assert images_of(page.pdf(format=paper)) <= pages_of(page.pdf(format=paper)) * 3
    tick(page, range(4, 9))
    pdf = page.pdf(format=paper)
    assert pages_of(pdf) == 5
    assert images_of(pdf) >= 5  # a picture of each structure
    page.emulate_media(media="print", color_scheme=scheme)
    assert page.is_hidden("#table")
    assert page.is_hidden("h1")
    names = page.locator("#prints h2").all_text_contents()
    assert names == page.evaluate("screeningPage.core.data.rows.slice(3, 8).map((row) => row[3])")
    assert page.locator("#prints canvas.structure[role=img]").count() == 5
    assert page.locator("#prints .waterfall").count() == 5
    assert page.evaluate("getComputedStyle(document.querySelector('#prints h2')).color") == "rgb(28, 36, 48)"


def test_the_printed_structures_are_drawn_in_dark_ink(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.emulate_media(color_scheme="dark")
    tick(page, range(5, 7))
    dark, light = page.evaluate(
        """() => { const canvas = document.querySelector("#prints canvas.structure");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const found = [0, 0]; // of the lines of the cell: ink of a light page, of a dark one
        for (let k = 0; k < data.length; k += 4) {
          const grey = Math.max(...data.slice(k, k + 3)) - Math.min(...data.slice(k, k + 3)) < 24;
          found[0] += grey && data[k + 3] > 100 && data[k] < 70;
          found[1] += grey && data[k + 3] > 100 && data[k] > 220 && data[k] < 236; }
        return found; }"""
    )
    assert dark > 500
    assert light < dark / 4


def test_a_candidate_taken_off_is_not_printed(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    tick(page, range(3, 6))
    assert "No structure to show. " in page.locator("#prints article").first.text_content()
    page.locator("#table tbody tr").nth(2).locator("input").uncheck()
    until(page, "document.querySelectorAll('#prints article').length === 2")
    assert pages_of(page.pdf(format="A4")) == 2
    page.reload()  # the shortlist is kept, and so is what is printed
    until(page, "document.querySelectorAll('#prints article').length === 2")


def test_the_button_makes_the_pages_and_asks_the_browser_to_print(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.evaluate(
        "() => { window.print = () => { window.printed = document.querySelectorAll('#prints article').length; }; }"
    )
    page.click("summary:has-text('Shortlist')")
    assert page.is_disabled("#list-print")
    choose(page, 5)
    page.check("#detail .tick-open")
    page.click("#list-print")
    until(page, "window.printed === 1")


def test_a_phone_prints_the_shortlist_too(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report, width=390, height=844)
    tick(page, range(5, 8))
    assert pages_of(page.pdf(format="A4")) == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_more_than_are_printed_is_told(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.evaluate("() => { for (let k = 0; k < 3; k++) screeningPage.shortlist.shortlist.tick(`gone${k}`, true); }")
    page.locator("#table tbody tr").nth(4).locator("input").check()
    until(page, "document.querySelectorAll('#prints article').length === 1")
    assert page.locator("#prints .left-out").text_content() == (
        "1 of 4 on the shortlist are printed: at most 100, and those of this page."
    )


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), pytest.param(390, "dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_on_the_pages_to_print(crowded: Path, browser: Any, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    page.goto(crowded.as_uri())
    page.wait_for_selector("#detail .waterfall", state="attached")
    tick(page, range(1, 4))
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(media="print", color_scheme=scheme)
    assert page.locator("#prints article").first.is_visible()
    found, kept = axe_finds(page)
    assert found == {}
    assert kept > 5
    context.close()
