"""The page in a real browser: its state in the address, and what the details of a candidate offer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_browser import CHROMIUM, choose, until

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")
RANKS = "[...document.querySelectorAll('#table tbody tr')].map(tr => tr.cells[1].textContent)"
HASH = "location.hash"


def test_a_link_brings_back_what_was_seen(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    assert page.evaluate(HASH) == ""  # a page opened without a state writes none
    entries = page.evaluate("history.length")
    choose(page, 3)
    assert page.evaluate(HASH) == "#?open=c0014"
    page.fill("#search", "c00")
    page.click("#element-filter summary")
    page.click("[data-symbol=Xe]")
    page.click("[data-symbol=Xe]")
    page.click("#hide-filter summary")
    page.check(".hide[value=outside]")
    page.click("summary:has-text('Thresholds')")
    page.click("#add")
    page.select_option(".condition select >> nth=0", "distance")
    page.select_option(".condition select >> nth=1", "<=")
    page.fill(".condition input", "0.9")
    page.click("[data-key=distance] button")
    page.click("[data-key=distance] button")
    choose(page, 3)
    until(page, "location.hash.includes('sort=-distance')")
    fragment = page.evaluate(HASH)
    assert page.evaluate("history.length") == entries
    ranks = page.evaluate(RANKS)
    assert 1 < len(ranks) < 12

    other = visit(report, fragment=fragment)
    until(other, f"JSON.stringify({RANKS}) === JSON.stringify({ranks})")
    assert other.locator("#detail .id").first.text_content() == "c0014 · rank 3"
    assert other.locator("#table tr.chosen td").nth(1).text_content() == "3"
    assert other.input_value("#search") == "c00"
    assert other.text_content("#elements-summary") == "without Xe"
    assert other.text_content("#hide-summary") == "out of domain"
    assert other.input_value(".condition input") == "0.9"
    assert other.get_attribute("[data-key=distance]", "aria-sort") == "descending"
    assert other.evaluate(HASH) == fragment
    assert other.is_hidden("#linked")


def test_a_link_pasted_into_an_open_page_is_followed(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.evaluate("() => { location.hash = '#?search=c0021'; }")
    until(page, "document.querySelectorAll('#table tbody tr').length === 1")
    page.click("#clear")
    choose(page, 2)
    page.evaluate("() => { location.hash = '#scores'; }")
    assert page.input_value("#search") == ""
    assert len(page.evaluate(RANKS)) == 12  # a place on the page is no state


def test_what_a_link_asks_for_and_the_page_lacks_is_told(report: Path, visit: Callable[..., Any]) -> None:
    fragment = "#?with=P,Qq&hide=%3Cb%3E&if=nothing:has:x&if=distance:has:1&sort=toString&from=-7&open=c0014"
    page = visit(report, fragment=fragment)
    page.wait_for_selector("#linked:not([hidden])")
    told = page.text_content("#linked")
    assert told.endswith("Qq; <b>; nothing:has:x; distance:has:1; the order by toString.")
    assert page.locator("#linked b").count() == 0
    assert page.text_content("#elements-summary") == "with P"
    assert page.locator("#detail .id").first.text_content() == "c0014 · rank 3"
    page.evaluate("() => { location.hash = '#?open=gone'; }")
    until(page, "document.getElementById('detail').textContent.startsWith('The candidate of this link')")
    assert page.text_content("#linked").endswith("the candidate gone.")
    assert len(page.evaluate(RANKS)) == 12
