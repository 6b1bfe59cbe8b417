"""The page in a real browser: it asks for nothing, and does what a reader asks of it."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_run import HOSTILE, ODD_FILE, make_run, with_compounds
from page_browser import CHROMIUM, axe_finds, choose, until

from screening.config import Config
from screening.crystals.cif import read_cif
from screening.crystals.families import FAMILIES, families
from screening.energy import BarrierRow
from screening.report.page import write_report
from screening.report.structures import p1_cif
from screening.runs import RunPaths, write_barriers

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


def test_a_hole_is_lit_up_in_the_structure(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 5)
    canvas = page.locator("canvas.structure")
    ink = """c => { const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
        let n = 0; for (let k = 3; k < data.length; k += 4) n += data[k] > 0; return n; }"""
    assert canvas.evaluate(ink) > 2000
    before = canvas.evaluate("c => c.toDataURL()")
    options = page.locator("#detail .bars option")
    assert options.count() > 3
    options_text = options.all_text_contents()
    ring = next(place for place, words in enumerate(options_text) if words.startswith("ring"))
    page.locator("#detail .bars").select_option(index=ring)
    lit = canvas.evaluate("c => c.toDataURL()")
    assert lit != before
    words = page.locator("#detail .part .note[role=status]").text_content()
    assert words.startswith("The edge that closes this ring is drawn thick (")
    assert options_text[ring].split()[1].split("–")[0] in words
    assert page.locator("#detail .bar-mark.lit").count() == 1
    # What is lit up is what was computed: birth edge and death triangle of that bar, as long as it says.
    lengths = page.evaluate(
        """() => { const { core: { data }, source: { source }, holes: { pairs } } = screeningPage;
        const { apply, less, plus } = screeningPage.vectors;
        const row = data.rows[4]; return source.detail({ at: 4, cells: row }).then(({ structure }) => {
        const place = ([k, ...t]) => structure.atoms[k].slice(3, 6).map((x, i) => x + t[i]);
        const at = (corner) => apply(corner.map(place).reduce(plus).map((x) => x / corner.length), structure.lattice);
        return structure.channels[0].bars.map((bar) => {
          const points = bar.members[0][0].map(at);
          const ends = bar.dim === 1 ? [points.at(-1), points[0]] : points; // of a ring, the edge that closes it
          const lengths = pairs(ends.length).map(([i, j]) => Math.hypot(...less(ends[i], ends[j])));
          return [bar.birth, Math.max(0, ...lengths)]; }); }); }"""
    )
    assert all(abs(birth - length) < 2e-4 for birth, length in lengths)
    page.click("#detail button:has-text('Light off')")
    assert canvas.evaluate("c => c.toDataURL()") == before
    page.locator("#detail .bar-mark >> nth=0").dispatch_event("click")
    assert canvas.evaluate("c => c.toDataURL()") != before
    page.locator("#detail .waterfall button >> nth=0").click()
    assert page.locator("#detail .bar-mark.lit").count() == 1


def test_the_ring_is_drawn_and_told(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 5)
    for box in page.locator("#detail .species input").all():
        box.uncheck()
    page.locator("#detail .part .bar label:has-text('cell') input").uncheck()
    canvas = page.locator("canvas.structure")
    told = page.locator("#detail .part .note[role=status]")
    blue = """c => { const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height); let n = 0;
        for (let k = 0; k < data.length; k += 4) n += data[k + 3] > 200 && data[k] < 40 && data[k + 2] > 140;
        return n; }"""
    words = page.locator("#detail .bars option").all_text_contents()
    page.locator("#detail .bars").select_option(
        index=next(k for k, text in enumerate(words) if text.startswith("ring"))
    )
    sites = int(told.text_content().split("a ring of ")[1].split()[0])
    assert sites >= 3
    assert f"a ring of {sites} Li sites" in told.text_content()
    assert canvas.get_attribute("aria-label").endswith(f"Lit up: {told.text_content()}")
    # As many lines as corners: one less between neighbours, and the thick one.
    shapes = page.evaluate(
        """() => { const { core: { data }, source: { source }, holes: { holeOf } } = screeningPage;
        const { plus } = screeningPage.vectors;
        const row = data.rows[4]; return source.detail({ at: 4, cells: row }).then(({ structure }) => {
        const bar = structure.channels[0].bars.find((one) => one.dim === 1);
        const view = { position: ([k, ...t]) => plus(structure.atoms[k].slice(3, 6), t), lattice: structure.lattice };
        const counted = ({ kind, corners, edges }) => [kind, corners.length, edges.length];
        return holeOf(view, bar, 0).shapes.map(counted); }); }"""
    )
    assert shapes[:2] == [["ring", sites, sites - 1], ["birth", 2, 1]]
    assert canvas.evaluate(blue) > 100
    cavity = next((k for k, text in enumerate(words) if text.startswith("cavity")), None)
    if cavity is not None:
        page.locator("#detail .bars").select_option(index=cavity)
        assert "surface" in told.text_content()
    page.click("#detail button:has-text('Light off')")
    assert "Lit up" not in canvas.get_attribute("aria-label")


def test_a_ring_that_was_not_found_is_told(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    told = page.evaluate(
        """() => { const edge = [[[0, 0, 0, 0]], [[1, 0, 0, 0]]];
        const bar = { dim: 1, birth: 2, death: null, n: 1, members: [[edge, [], [0, 0, 0]]] };
        return screeningPage.holes.Holes.prototype.outline.call({ member: 0, channel: { label: "Li" } }, bar); }"""
    )
    assert told == "The line around it is not available: the search for it was given up."


def test_edges_of_both_simplices_are_drawn(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 5)
    for box in page.locator("#detail .species input").all():
        box.uncheck()
    page.locator("#detail .part .bar label:has-text('cell') input").uncheck()
    count = """c => { const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height); const n = [0, 0];
        for (let k = 0; k < data.length; k += 4) if (data[k + 3] > 200) {
          n[0] += data[k] < 40 && data[k + 2] > 140; n[1] += data[k] > 180 && data[k + 2] < 60; }
        return n; }"""
    canvas = page.locator("canvas.structure")
    assert canvas.evaluate(count) == [0, 0]
    words = page.locator("#detail .bars option").all_text_contents()
    page.locator("#detail .bars").select_option(
        index=next(k for k, text in enumerate(words) if text.startswith("ring") and "open" not in text)
    )
    blue, orange = canvas.evaluate(count)
    assert blue > 50  # the edge that closes the ring
    assert orange > 50  # the triangle that fills it


def test_empty_cells_stand_last_in_either_direction(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.click("summary:has-text('Columns shown')")
    page.check("#columns input[value=elements_unseen]")
    for state in ("ascending", "descending"):
        page.click("[data-key=elements_unseen] button")
        assert page.get_attribute("[data-key=elements_unseen]", "aria-sort") == state
        assert page.evaluate(RANKS) == ["3", "1", "2", *map(str, range(4, 13))]


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


def test_the_structure_obeys_keys_and_boxes(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 5)
    canvas = page.locator("canvas.structure")
    look = lambda: canvas.evaluate("c => c.toDataURL()")  # noqa: E731
    canvas.focus()
    seen = [look()]
    for key in ("ArrowLeft", "ArrowUp", "+", "-", "-"):
        page.keyboard.press(key)
        seen.append(look())
    assert len(set(seen[:4])) == 4
    page.keyboard.press("0")
    assert look() == seen[0]
    page.locator("#detail .species input >> nth=0").uncheck()
    assert look() != seen[0]
    page.locator("#detail .species input >> nth=0").check()
    page.locator("#detail select").filter(has_text="2 × 2 × 2").select_option("2")
    assert look() != seen[0]


def test_a_candidate_whose_file_is_gone_says_so(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 3)
    assert "folder/14.cif: no such file" in page.locator("#detail .missing").text_content()
    assert page.locator("#detail svg.curve").count() == 7
    assert page.locator("#detail canvas.structure").count() == 0


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


def test_formulas_are_written_as_python_writes_them(report: Path, visit: Callable[..., Any]) -> None:
    from screening.report.text import formula

    page = visit(report)
    for text in ("Li1.3Al0.3Ti1.7(PO4)3", "Li10Ge(PS6)2", "<b>2</b>", "Li", ""):
        written = page.evaluate("text => screeningPage.core.formula(document.createElement('p'), text).innerHTML", text)
        assert written == str(formula(text))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
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


LIGHT_INK = """() => {
  const canvas = document.querySelector("canvas.structure");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let k = 0; k < data.length; k += 4) {
    found += data[k] > 220 && data[k] < 235 && data[k + 1] > 225 && data[k + 2] > 235 && data[k + 3] > 250;
  }
  return found;
}"""


def test_the_structure_prints_in_dark_ink_from_a_dark_screen(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.emulate_media(media="screen", color_scheme="dark")
    choose(page, 5)
    on_screen = page.evaluate(LIGHT_INK)
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_timeout(200)
    assert on_screen > 20
    assert page.evaluate(LIGHT_INK) < on_screen / 10
    assert page.is_hidden("#detail p.idle")


def test_without_scripts_the_first_rows_are_there(report: Path, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("noscript tr").count() == 13
    context.close()


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


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
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
