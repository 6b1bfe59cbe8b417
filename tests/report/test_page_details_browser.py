"""The page in a real browser: its state in the address, and what the details of a candidate offer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_run import make_run
from made_series import write_series_table
from page_browser import CHROMIUM, choose, until

from screening.config import Config
from screening.crystals.cif import read_cif
from screening.report.page import write_report
from screening.report.structures import p1_cif

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
    page.evaluate("() => { location.hash = '#?from=100000'; }")  # of a longer list: its first page is shown
    until(page, "document.querySelectorAll('#table tbody tr').length === 12")
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


def test_the_open_crystal_is_saved_as_cif(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 5)
    id = page.locator("#detail .id bdi").text_content()
    with page.expect_download() as download:
        page.click("#detail button:text-is('CIF of this crystal')")
    assert download.value.suggested_filename == f"{id}.cif"
    file = report.parent.parent / "crystals" / f"{id}.cif"
    crystal = read_cif(file.read_bytes(), id=id, source="", limits=Config().input)
    assert Path(download.value.path()).read_text(encoding="utf-8") == p1_cif(crystal)
    lost = page.evaluate(
        "screeningPage.source.source.structures(screeningPage.core.data.rows.map((cells, at) => ({ cells, at })))"
        ".then((found) => found.findIndex((one) => !one.structure) + 1)"
    )
    choose(page, lost)
    assert page.locator("#detail .missing").count() == 1
    assert page.locator("#detail button:text-is('CIF of this crystal')").count() == 0


def test_the_formula_is_copied_or_selected(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page, 3)
    formula = page.evaluate("document.querySelector('#detail h3').textContent")
    page.click("#detail button:text-is('Copy formula')")
    until(page, "document.querySelector('#detail .copied').textContent !== ''")
    assert page.text_content("#detail .copied") == f"Copied: {formula}"
    assert page.evaluate("navigator.clipboard.readText()") == formula
    choose(page, 5)
    formula = page.evaluate("document.querySelector('#detail h3').textContent")
    page.evaluate("() => Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.click("#detail button:text-is('Copy formula')")
    until(page, "document.querySelector('#detail .copied').textContent.includes('selected')")
    assert page.evaluate("getSelection().toString()") == formula


def test_reasons_without_contrast_are_summed_and_no_single_one_is_said(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    kinds = page.evaluate("screeningPage.core.data.kinds.map((kind) => [kind.channel, kind.curve, kind.from])")
    layers = kinds.index(["Li", "rank2", 3])
    draw = """found => { const box = document.createElement("div");
        screeningPage.reasons.drawReasons(box, found, null);
        const told = (css) => [...box.querySelectorAll(css)].map((one) => one.textContent);
        return [told(".why").slice(1, -1), told(".step-row .num"), told(".no-single"), told(".end .num")]; }"""
    alike = [layers, layers, -0.4, 1, 0.9999]
    found = {"expected": -5, "kinds": [[layers, layers, 0.5, 1, 0], alike], "higher": [3, 0.05], "lower": [0, 0]}
    whys, values, none, ends = page.evaluate(draw, found)
    assert [why.split(" here")[0].rstrip() for why in whys[1:]] == [
        "3 weaker reasons that raise it",
        "1 reason that lowers it: as in the training median",
    ]
    assert "training median 0 %" in whys[0]
    assert values == ["+0.50", "+0.05", "−0.40"]
    assert none == []
    assert ends == ["1.0 × 10⁻⁵ S/cm", "1.4 × 10⁻⁵ S/cm"]  # 10 ** (-5 + 0.15): nothing is missing from the sum
    _, _, none, _ = page.evaluate(draw, found | {"kinds": [[layers, layers, 0.4, 1, 0], alike]})
    assert none == ["No single reason: what is only summed here (0.45) outweighs the reasons named (0.40)."]
    unknown = [layers, layers, -0.4, None, None]
    whys, *_ = page.evaluate(draw, found | {"kinds": [unknown]})
    assert "here not known, training median not known" in whys[0]  # what is not known is not said to be alike


def test_elements_have_the_colours_of_jmol(report: Path, visit: Callable[..., Any]) -> None:
    colors = pytest.importorskip("ase.data.colors", reason="no ASE here: its table of the colours is the oracle")
    page = visit(report)
    given = ["#" + "".join(f"{round(255 * part):02x}" for part in rgb) for rgb in colors.jmol_colors[1:]]
    assert page.evaluate("Array.from({ length: 109 }, (_, k) => screeningPage.colours.colourOf(k + 1))") == given


def test_the_legend_shows_elements_as_they_are_drawn_in_either_scheme(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 5)
    page.wait_for_selector("#detail .swatch")
    # The width in pixels across the middle, and the darkest of its outermost pixels.
    swatches = """() => [...document.querySelectorAll("#detail .species label")].map((label) => {
        const canvas = label.querySelector("canvas");
        const n = canvas.width, row = canvas.getContext("2d").getImageData(0, n / 2, n, 1).data;
        const solid = Array.from({ length: n }, (_, k) => k).filter((k) => row[4 * k + 3] > 128);
        const rim = Math.min(...solid.slice(0, 4).map((k) => (row[4 * k] + row[4 * k + 1] + row[4 * k + 2]) / 3));
        const radius = Number(/[\\d.]+/.exec(label.title)[0]);
        return { symbol: label.textContent.trim(), wide: solid.length, rim, radius };
    })"""
    light = page.evaluate(swatches)
    assert "Li" in [one["symbol"] for one in light]
    by_radius = sorted(light, key=lambda one: one["radius"])
    assert [one["wide"] for one in by_radius] == sorted(one["wide"] for one in light)
    assert by_radius[0]["wide"] < by_radius[-1]["wide"]
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    dark = page.evaluate(swatches)
    brighter = [other["rim"] - one["rim"] for one, other in zip(light, dark, strict=True)]
    assert min(brighter) > 60, brighter
    assert [one["wide"] for one in dark] == [one["wide"] for one in light]


def test_series_of_a_candidate_are_drawn(tmp_path: Path, visit: Callable[..., Any]) -> None:
    """One curve at a time, told in words; what a table holds is text, whatever it looks like."""
    run = make_run(tmp_path / "run")
    write_series_table(run)
    page = visit(write_report(run, top=1000))
    choose(page, 3)
    box = page.locator("section[aria-label=Series]")
    assert box.locator("select option").all_text_contents() == ["Si4+ on P(4)", "<b>Cl1-</b> on S(0)"]
    drawn = box.locator("svg[role=img]")
    assert "at x = 0.1 +0.40, interval −0.60 to +1.40, by composition +0.20" in drawn.get_attribute("aria-label")
    assert drawn.locator("path.mine").get_attribute("d").count("L") == 2
    assert drawn.locator("path.band").count() == 1
    assert "Charge balanced by interstitials." in box.inner_text()
    assert "curves count a site whole" in box.inner_text()
    box.locator("select").select_option("1")
    assert "Charge balanced by vacancies." in box.inner_text()
    assert box.locator("b").count() == 0
    assert drawn.locator("path.band").count() == 0  # no interval was known
    assert drawn.bounding_box()["width"] <= box.bounding_box()["width"]
    choose(page, 4)
    assert page.locator("section[aria-label=Series]").count() == 0
