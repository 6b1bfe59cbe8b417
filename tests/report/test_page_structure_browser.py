"""Structures of the page in a browser: holes lit up, rings drawn, keys, and what is printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_browser import CHROMIUM, choose

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")


pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")


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
