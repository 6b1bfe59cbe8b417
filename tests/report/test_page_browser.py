"""The page in a real browser: it asks for nothing, and does what a reader asks of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_run import HOSTILE, ODD_FILE, make_run
from page_browser import CHROMIUM, axe_finds, choose, until

from screening.report.page import write_report

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")


pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")


def test_a_row_leads_to_its_source_and_to_the_measurement_of_its_nearest(
    tmp_path: Path, visit: Callable[..., Any]
) -> None:
    run = make_run(tmp_path / "run")
    page = visit(write_report(run, top=1000))
    links = "[...document.querySelectorAll('#table a')].map(a => a.href)"
    assert "https://doi.org/10.1021/jacs.8b10282" in page.evaluate(links)
    assert "private <b>note</b>" in page.evaluate(
        "[...document.querySelectorAll('#table .where')].map(e => e.textContent)"
    )
    chosen = page.locator("#detail .id").first.text_content()
    # A link of a row is a link: it chooses nothing, and no page is asked for before it is opened.
    page.evaluate(
        "() => { const link = document.querySelectorAll('#table tbody tr')[4].querySelector('a');"
        "link.onclick = (event) => event.preventDefault(); }"
    )
    page.locator("#table tbody tr").nth(4).locator("a").click()
    assert page.locator("#detail .id").first.text_content() == chosen
    made = """id => { const td = document.createElement("td");
        const { core: { data, place }, list: { views } } = screeningPage;
        views.find((view) => view.name === "formula").fill(td, { at: 0, cells: data.rows[0].with(place.id, id) });
        return [...td.querySelectorAll("a")].map((a) => a.href); }"""
    assert page.evaluate(made, "mp-985592") == ["https://next-gen.materialsproject.org/materials/mp-985592"]
    assert page.evaluate(made, HOSTILE) == []


def test_reasons_are_told_in_words_with_what_is_usual(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 5)
    lines = page.locator("#detail .waterfall li").all_inner_texts()
    assert lines[0].startswith("mean prediction of the model")
    assert lines[0].endswith("S/cm")
    assert lines[-1].startswith("the model's prediction")
    assert any("between" in line and "Å" in line and "training median" in line for line in lines[1:-1])
    words = "reason => screeningPage.reasons.reasonWords(reason)"
    kinds = page.evaluate("screeningPage.core.data.kinds.map((kind) => [kind.channel, kind.curve, kind.from])")
    layers = kinds.index(["Li", "rank2", 3])
    assert page.evaluate(words, [layers, layers + 1, 0.6, 0.25, 0]) == {
        "text": "lithium forms layers between 3 and 5\N{NO-BREAK SPACE}Å",
        "values": "here 25 %, training median 0 %",
    }
    assert page.evaluate(words, [layers, layers, -0.6, 0, None]) == {
        "text": "lithium forms no layers between 3 and 4\N{NO-BREAK SPACE}Å",
        "values": "here 0 %, training median not known",
    }
    density = next(place for place, kind in enumerate(kinds) if kind[1] == "number_density")
    assert page.evaluate(words, [density, density, 0.1, 0.0021, 0.03]) == {
        "text": "sites of lithium per volume",
        "values": "here 0.0021 per Å³, training median 0.03 per Å³",
    }


def test_curves_stand_beside_any_known_conductor(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 5)
    page.wait_for_selector("#detail svg.curve .near")
    compare = page.locator("#detail [aria-label=Curves] select").first
    assert compare.input_value() == ""
    path = "document.querySelector('#detail .charts .near').getAttribute('d')"
    nearest = page.evaluate(path)
    other = compare.locator("option").nth(2).get_attribute("value")
    compare.select_option(other)
    until(page, f"{path} !== {nearest!r}")
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    choose(page, 6)  # it stays beside the one that was chosen
    page.wait_for_selector("#detail svg.curve .near")
    assert page.locator("#detail [aria-label=Curves] select").first.input_value() == other


def test_hostile_names_stay_text(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 4)
    assert "<img src=x onerror=alert(3)>" in page.locator("#detail .id").first.text_content()
    assert ODD_FILE.split("\u202e")[0] in page.locator("#detail dl").text_content()
    assert page.locator("img, #detail script, iframe, object").count() == 0
    names = "#table .id, #table .formula, #detail bdi"
    bidi = page.evaluate(f"[...document.querySelectorAll('{names}')].map(e => getComputedStyle(e).unicodeBidi)")
    assert set(bidi) == {"isolate"}
    links = page.evaluate("[...document.querySelectorAll('#detail a:not(.back), #table a')].map(a => a.href)")
    assert all(address.startswith("https://doi.org/10.") for address in links)


def test_links_are_made_of_known_forms_alone(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    made = """text => { const p = document.createElement("p"); screeningPage.core.publication(p, text);
        return p.querySelector("a")?.href ?? null; }"""
    assert page.evaluate(made, "10.1021/jacs.8b10282") == "https://doi.org/10.1021/jacs.8b10282"
    assert page.evaluate(made, "https://doi.org/10.1016/x(1)#a?b") == "https://doi.org/10.1016/x(1)%23a%3Fb"
    for text in (
        "javascript:alert(1)",
        "private <b>note</b>",
        "10.1/x",
        "http://evil.example/10.1021/x",
        "",
        "10.1021/ x",
    ):
        assert page.evaluate(made, text) is None
    named = "id => screeningPage.core.sourceLink(id)?.[0] ?? null"
    assert page.evaluate(named, "mp-985592") == "https://next-gen.materialsproject.org/materials/mp-985592"
    assert page.evaluate(named, "1000041") == "https://www.crystallography.net/cod/1000041.html"
    for id in ("mp-985592/../x", "javascript:1000041", "mp-", "12345678", "0000041", HOSTILE):
        assert page.evaluate(named, id) is None


def test_formulas_are_written_as_python_writes_them(report: Path, visit: Callable[..., Any]) -> None:
    from screening.report.text import formula

    page = visit(report)
    for text in ("Li1.3Al0.3Ti1.7(PO4)3", "Li10Ge(PS6)2", "<b>2</b>", "Li", ""):
        written = page.evaluate("text => screeningPage.core.formula(document.createElement('p'), text).innerHTML", text)
        assert written == str(formula(text))


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1440, "light"),
        (390, "dark"),
        pytest.param(1440, "dark", marks=pytest.mark.slow),
        pytest.param(390, "light", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_nothing_but_what_is_minor(report: Path, browser: Any, width: int, scheme: str) -> None:
    # By its debugger the page is let run a script that its policy would refuse.
    context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    page.goto(report.as_uri())
    page.wait_for_selector("#detail .waterfall", state="attached")
    choose(page, 5)
    page.locator("#detail .bars").select_option(index=0)
    if width == 390:
        page.click("#sheet-close")
    page.evaluate("for (const box of document.querySelectorAll('details')) box.open = true")
    page.click("#add")
    found, kept = axe_finds(page)
    assert found == {}
    assert kept > 20
    context.close()


@pytest.mark.parametrize("width", [390, 800, 1440])
def test_nothing_sticks_out_sideways_and_curves_keep_their_size(
    report: Path, visit: Callable[..., Any], width: int
) -> None:
    page = visit(report, width=width)
    choose(page, 5)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Text keeps its size only where a drawing unit is a pixel.
    scale = "(s => s.getBoundingClientRect().width / s.viewBox.baseVal.width)(document.querySelector('.charts svg'))"
    until(page, f"Math.abs({scale} - 1) < 0.05")
    page.set_viewport_size({"width": 1100, "height": 800})
    until(page, f"Math.abs({scale} - 1) < 0.05")


def test_the_page_prints(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    page.emulate_media(media="print")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.querySelector('#detail h4')).color") == "rgb(91, 102, 117)"
    assert page.is_hidden(".controls")
    assert page.is_visible("#table")
    assert page.is_visible(".charts text.tick >> nth=0")
    assert not page.is_visible("#table td.tick >> nth=0")
    assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).maxHeight") == "none"


def test_without_scripts_the_first_rows_are_there(report: Path, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("noscript tr").count() == 13
    context.close()
