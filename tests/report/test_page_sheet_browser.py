"""The details in a real browser: a sheet on a phone, and a structure that stays in view while its holes are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_browser import CHROMIUM, axe_finds, choose, until

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")
PHONE = {"width": 390, "height": 844}
SEEN = """() => { const box = document.querySelector("canvas.structure").getBoundingClientRect();
    const panel = document.getElementById("detail").getBoundingClientRect();
    return Math.min(box.bottom, panel.bottom, innerHeight) - Math.max(box.top, panel.top, 0) >= box.height - 2; }"""


# Scrolls the panel of details alone, until the lower end of a node is at its own.
READ = """css => { const panel = document.getElementById("detail");
    panel.scrollIntoView({ block: "start", behavior: "instant" });
    const node = [...document.querySelectorAll(css)].at(-1);
    const end = Math.min(panel.getBoundingClientRect().bottom, innerHeight) - 4;
    panel.scrollTop += node.getBoundingClientRect().bottom - end; }"""


def test_on_a_phone_the_details_are_a_sheet_over_the_list(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report, **PHONE)
    assert page.is_hidden("#detail")  # nothing opens by itself
    page.evaluate("document.querySelector('#table tbody').rows[4].scrollIntoView({ block: 'center' })")
    page.wait_for_timeout(500)
    where = page.evaluate("[scrollY, document.getElementById('list').scrollTop]")
    choose(page, 5)
    assert page.evaluate("document.querySelector('dialog').matches(':modal')")
    assert page.get_attribute("#sheet", "aria-label") == "Chosen crystal"
    assert page.locator("#sheet #detail .id").first.text_content().endswith("rank 5")
    assert page.evaluate("document.activeElement.id") == "sheet-close"
    for _ in range(40):  # the focus goes round within the sheet, or to the browser itself
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    assert page.is_hidden("#detail")
    assert page.evaluate("document.activeElement.closest('tr').cells[1].textContent") == "5"
    assert page.evaluate("[scrollY, document.getElementById('list').scrollTop]") == where
    assert page.evaluate("location.hash") == "#?open=" + page.evaluate("screeningPage.core.data.rows[4][1]")
    choose(page, 6)
    page.click("#sheet-close")
    assert page.is_hidden("#detail")
    choose(page, 5)
    page.mouse.click(200, 10)  # beside the sheet
    assert page.is_hidden("#detail")


def test_a_link_to_a_candidate_opens_its_sheet(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report, **PHONE, fragment="#?open=c0016")
    page.wait_for_selector("#sheet[open] .waterfall")
    assert page.locator("#detail .id").first.text_content() == "c0016 · rank 5"


def test_a_wider_window_takes_the_details_back_beside_the_list(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report, **PHONE)
    choose(page, 5)
    page.locator("#detail .bars").select_option(index=0)
    page.set_viewport_size({"width": 1200, "height": 800})
    until(page, "!document.querySelector('#sheet #detail')")
    assert page.is_visible("#detail .waterfall")
    assert page.evaluate("document.getElementById('sheet').open") is False
    assert page.locator("#detail .bar-mark.lit").count() == 1  # the same node: what was lit up stays so
    choose(page, 6)
    assert page.evaluate("document.getElementById('sheet').open") is False


@pytest.mark.parametrize("size", [{"width": 1440, "height": 900}, PHONE], ids=["laptop", "phone"])
def test_the_structure_stays_in_view_while_reasons_and_holes_are_read(
    report: Path, visit: Callable[..., Any], size: dict[str, int]
) -> None:
    page = visit(report, **size)
    choose(page, 5)
    page.wait_for_selector("canvas.structure")
    for css in ("#detail .bars", "#detail .waterfall li"):
        page.evaluate(READ, css)
        until(page, f"({SEEN})()")
    assert page.evaluate(  # and does not lie over what is read
        """() => { const read = [...document.querySelectorAll("#detail .waterfall li")].at(-1).getBoundingClientRect();
        return read.top >= document.querySelector("canvas.structure").getBoundingClientRect().bottom - 1; }"""
    )
    page.evaluate(READ, "#detail .waterfall button")
    page.locator("#detail .waterfall button").last.click()
    assert page.locator("#detail .bar-mark.lit").count() == 1
    until(page, f"({SEEN})()")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_show_it_brings_the_structure_back_into_view(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report, width=1440, height=900)
    choose(page, 5)
    page.wait_for_selector("canvas.structure")
    page.evaluate("document.getElementById('detail').scrollTop = 0")
    page.evaluate("document.querySelector('#detail').style.maxHeight = '200px'")  # so low that it lies below
    assert not page.evaluate(SEEN)
    page.evaluate("document.querySelector('#detail .waterfall button').click()")
    until(page, "document.querySelector('canvas.structure').getBoundingClientRect().top < 320")


@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.slow)])
def test_axe_finds_nothing_in_the_sheet(report: Path, browser: Any, scheme: str) -> None:
    context = browser.new_context(viewport=PHONE, bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    page.goto(report.as_uri())
    page.wait_for_selector("#detail .waterfall", state="attached")
    choose(page, 5)
    page.locator("#detail .bars").select_option(index=0)
    found, kept = axe_finds(page)
    assert found == {}
    assert kept > 15
    context.close()
