"""Bond-valence barriers on the page in a browser: in list and detail, with their pathways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_run import HOSTILE, make_run
from page_browser import CHROMIUM, axe_finds, choose

from screening.energy import BarrierRow
from screening.report.page import write_report
from screening.runs import RunPaths, write_barriers

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")


pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")


RANKS = "[...document.querySelectorAll('#table tbody tr')].map(tr => tr.cells[1].textContent)"


HIGH = BarrierRow(
    "c0016",
    "",
    "",
    "",
    "",
    (1.303, 1.304, 1.554),
    (1.403, 1.404, 1.654),
    "P +5, S -2",
    (30, 30, 30),
    ((1, 0.3, [0.1, 0.1, 0.1, 0.5, 0.4, 0.5, 0.9, 0.5, 0.5]), (3, 1.6, [0.1, 0.1, 0.1, 0.2, 0.6, -0.4])),
    3,
)


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a RUN of which the second stage looked at the candidates of ranks 5 and 6."""
    run = make_run(tmp_path_factory.mktemp("staged") / "run")
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False).set_index("id")
    formulas = ranking["formula"]
    without = BarrierRow("c0017", "", "", "no-parameters", f"there are none beside {HOSTILE}")
    rows = [row._replace(formula=formulas[row.id]) for row in (HIGH, without)]
    write_barriers(RunPaths(run), rows, settings={}, high=0.9)
    return write_report(run, top=1000)


def test_barriers_stand_in_list_and_detail(staged: Path, visit: Callable[..., Any]) -> None:
    page = visit(staged)
    heads = page.evaluate("[...document.querySelectorAll('#table th')].map(th => th.dataset.key)")
    cells = page.locator("#table tbody tr").nth(4).locator("td")
    assert cells.nth(heads.index("E1D")).text_content() == "1.30"
    assert page.locator("#table tbody tr").nth(5).locator("td").nth(heads.index("E1D")).text_content() == "–"
    assert "high bond-valence barrier" in page.locator("#table tbody tr").nth(4).locator(".badges").text_content()
    page.click("[data-key=E1D] button")
    assert page.evaluate(RANKS)[0] == "5"
    page.click("summary:has-text('Columns shown')")
    assert page.is_checked("#columns input[value=E1D]")
    page.check("#columns input[value=E3D_minimum]")
    heads = page.evaluate("[...document.querySelectorAll('#table th')].map(th => th.dataset.key)")
    assert page.locator("#table tbody tr").nth(0).locator("td").nth(heads.index("E3D_minimum")).text_content() == "1.65"
    choose(page, 5)
    facts = page.locator("#detail .facts").inner_text()
    assert "1.30, 1.30, 1.55 eV" in facts
    assert "1.40, 1.40, 1.65 eV" in facts
    assert "P +5, S −2" in facts
    choose(page, 6)
    facts = page.locator("#detail .facts").inner_text()
    assert f"none: no parameters (there are none beside {HOSTILE})" in facts
    assert page.locator("#detail .pathway").count() == 0
    choose(page, 7)
    assert "bond-valence" not in page.locator("#detail .facts").inner_text()


def test_the_pathway_is_drawn_at_each_barrier(staged: Path, visit: Callable[..., Any]) -> None:
    page = visit(staged)
    choose(page, 5)
    canvas = page.locator("canvas.structure")
    pink = """c => { const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
        let n = 0; for (let k = 0; k < data.length; k += 4) n += data[k] > 140 && data[k + 1] < 80 && data[k + 2] > 80;
        return n; }"""
    before = canvas.evaluate("c => c.toDataURL()")
    assert canvas.evaluate(pink) == 0
    level = page.locator("#detail .pathway select")
    assert level.locator("option").all_text_contents() == ["not drawn", "1-D, 2-D: 1.30 eV", "3-D: 1.55 eV"]
    level.select_option(index=1)
    first = canvas.evaluate(pink)
    assert first > 50
    told = page.locator("#detail .pathway + .note")
    assert told.text_content().startswith("Drawn: 1 of the passes")
    assert "3 ways over higher passes are not drawn" in told.text_content()
    assert canvas.get_attribute("aria-label").endswith(f"Pathway: {told.text_content()}")
    level.select_option(index=2)
    assert canvas.evaluate(pink) > first
    page.select_option("#detail .bar:has(button) select", "2")
    assert canvas.evaluate(pink) > first
    page.select_option("#detail .bar:has(button) select", "1")
    page.locator("#detail .bars").select_option(index=0)  # a hole beside it: both are told
    assert "Pathway: " in canvas.get_attribute("aria-label")
    assert "Lit up: " in canvas.get_attribute("aria-label")
    page.click("#detail button:has-text('Light off')")
    level.select_option("0")
    assert canvas.evaluate("c => c.toDataURL()") == before
    assert "Pathway" not in canvas.get_attribute("aria-label")
    drawn = page.evaluate(
        "screeningPage.barriers.segments([[1, 0.1, [0, 0, 0, 1, 1, 1]], [2, 0.2, [0, 0, 0, 2, 2, 2]]], 1)"
    )
    assert drawn == [[[0, 0, 0], [1, 1, 1]]]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), pytest.param(390, "light", marks=pytest.mark.slow)])
def test_axe_finds_nothing_in_barriers(staged: Path, browser: Any, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    page.goto(staged.as_uri())
    page.wait_for_selector("#detail .waterfall", state="attached")
    choose(page, 5)
    page.locator("#detail .pathway select").select_option(index=1)
    found, _ = axe_finds(page)
    width_there = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert width_there <= width
    assert found == {}
