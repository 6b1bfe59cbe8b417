"""The plot over the list in a real browser: what it draws, its rectangle and keys, and that the page paints at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_run import make_run
from page_browser import CHROMIUM, choose, until
from page_rows import change_rows

from screening.report.page import write_report

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")
RANKS = "[...document.querySelectorAll('#table tbody tr')].map(tr => tr.cells[1].textContent)"
DRAWN = "document.getElementById('plot-words').textContent !== ''"
# Where points of a column pair stand in the canvas, in pixels of the page: told by the axes that the plot states.
PLACES = """() => { const { core: { data, place }, axes: { spanOf } } = screeningPage;
    const { width: W, height: H } = document.getElementById("plot").getBoundingClientRect();
    const x = data.rows.map((row) => Number(row[place.distance])), y = data.rows.map((row) => row[place.prediction]);
    const [a, b] = [spanOf(x), spanOf(y)];
    return x.map((one, k) => [58 + (one - a[0]) / (a[1] - a[0]) * (W - 70),
      H - 34 - (y[k] - b[0]) / (b[1] - b[0]) * (H - 44)]); }"""


# When the plot is told to be drawn, in milliseconds since the page was asked for.
WHEN_DRAWN = """new MutationObserver(() => {
    if (!window.plotted && document.getElementById("plot-words")?.textContent) window.plotted = performance.now();
  }).observe(document, { childList: true, characterData: true, subtree: true });"""


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.locator("#plot").scroll_into_view_if_needed()
    box = page.locator("#plot").bounding_box()
    page.mouse.move(box["x"] + start[0], box["y"] + start[1])
    page.mouse.down()
    page.mouse.move(box["x"] + (start[0] + end[0]) / 2, box["y"] + (start[1] + end[1]) / 2)
    page.mouse.move(box["x"] + end[0], box["y"] + end[1])
    page.mouse.up()


def test_a_rectangle_limits_the_list_and_stands_in_the_address(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    until(page, DRAWN)
    assert page.text_content("#plot-words").startswith(
        "12 candidates; novelty (1 = edge of the domain) from 0.4 to 1.5"
    )
    places = page.evaluate(PLACES)
    wanted = [2, 3, 4]  # ranks 3 to 5: novelty rises and σ falls with the rank
    (x0, y0), (x1, y1) = places[wanted[0]], places[wanted[-1]]
    drag(page, (x0 - 8, y0 - 8), (x1 + 8, y1 + 8))
    until(page, f"JSON.stringify({RANKS}) === JSON.stringify(['3', '4', '5'])")
    assert "3 within the limits, which the list shows" in page.text_content("#plot-words")
    assert page.text_content("#plot-words").startswith("12 candidates")  # points outside are still drawn
    limits = page.evaluate("[...document.querySelectorAll('#plot-axes input')].map((one) => Number(one.value))")
    assert limits[0] <= 0.6 <= limits[1]
    assert limits[2] <= -3.0 <= limits[3]
    fragment = page.evaluate("location.hash")
    assert fragment.count("if=distance") == 2
    assert fragment.count("if=prediction") == 2

    other = visit(report, fragment=fragment)
    until(other, f"JSON.stringify({RANKS}) === JSON.stringify(['3', '4', '5'])")
    until(other, "document.getElementById('plot-words').textContent.includes('3 within the limits')")
    given = "[...document.querySelectorAll('#plot-axes input')].map((one) => Number(one.value))"
    until(other, f"JSON.stringify({given}) === JSON.stringify({limits})")
    other.click("#plot-axes button:text-is('No limits')")
    until(other, f"{RANKS}.length === 12")
    assert "if=" not in other.evaluate("location.hash")
    assert other.is_disabled("#plot-axes button:text-is('No limits')")


def test_limits_are_set_by_numbers_and_columns_by_selects(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    until(page, DRAWN)
    page.fill("#plot-axes input >> nth=1", "0.65")
    page.keyboard.press("Tab")
    until(page, f"JSON.stringify({RANKS}) === JSON.stringify(['1', '2', '3'])")
    page.locator("#plot-axes select").first.select_option("rank")
    until(page, "document.getElementById('plot-words').textContent.startsWith('3 candidates; rank from 1 to 3')")
    assert "plot=rank%2Cprediction" in page.evaluate("location.hash")
    assert page.text_content("#plot-fold summary") == "Plot: Predicted σ (S/cm) against rank"
    page.click("#clear")
    until(page, "document.getElementById('plot-words').textContent.startsWith('12 candidates; rank from 1 to 12')")
    other = visit(report, fragment=page.evaluate("location.hash"))
    until(other, "document.getElementById('plot-words').textContent.startsWith('12 candidates; rank from 1 to 12')")
    lost = visit(report, fragment="#?plot=formula,prediction")
    assert "the plot of formula, prediction" in lost.text_content("#linked")


def test_keys_walk_from_point_to_point_and_open_one(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    until(page, DRAWN)
    choose(page, 5)
    page.focus("#plot")
    page.keyboard.press("ArrowRight")  # the next further away from training: rank 6
    said = page.text_content("#plot-told")
    assert said.endswith(": Novelty (1 = edge of the domain) 0.9, Predicted σ (S/cm) 6.3 × 10⁻⁴")
    page.keyboard.press("ArrowUp")  # back to rank 5, which has the next higher σ
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.evaluate("screeningPage.state.state.openId") == page.evaluate("screeningPage.core.data.rows[3][1]")
    page.keyboard.press("End")
    assert "Novelty (1 = edge of the domain) 1.5" in page.text_content("#plot-told")
    page.keyboard.press("Home")
    assert "Novelty (1 = edge of the domain) 0.4" in page.text_content("#plot-told")
    page.keyboard.press("Escape")
    assert page.text_content("#plot-told") == ""
    words = page.get_attribute("#plot", "aria-describedby")
    assert page.text_content(f"#{words}")


def test_a_click_opens_the_point_under_it_and_ink_stands_where_points_are(
    report: Path, visit: Callable[..., Any]
) -> None:
    page = visit(report)
    until(page, DRAWN)
    places = page.evaluate(PLACES)
    canvas = page.locator("#plot")
    canvas.click(position={"x": places[6][0], "y": places[6][1]})
    assert page.evaluate("screeningPage.state.state.openId") == page.evaluate("screeningPage.core.data.rows[6][1]")
    blue = """(c, [x, y]) => { const ratio = devicePixelRatio, g = c.getContext("2d");
        const [left, top] = [x, y].map((one) => Math.round((one - 4) * ratio));
        const { data: d } = g.getImageData(left, top, 8 * ratio, 8 * ratio);
        let n = 0; for (let k = 0; k < d.length; k += 4) n += d[k + 3] > 150 && Math.abs(d[k] - d[k + 2]) > 60;
        return n; }"""
    page.mouse.move(2, 2)
    coloured = [canvas.evaluate(blue, place) for place in places]
    assert min(coloured) >= 5, coloured
    assert canvas.evaluate(blue, [places[0][0] + 40, places[0][1] + 40]) == 0


@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.slow)])
def test_a_thousand_points_do_not_hold_the_first_paint_up(tmp_path: Path, browser: Any, scheme: str) -> None:
    run = make_run(tmp_path / "run", n=24)

    def many(rows: list[dict[str, Any]], data: dict[str, Any]) -> None:
        shown = list(rows)
        for k in range(1000 - len(rows)):
            row = shown[k % len(shown)]
            rows.append({**row, "rank": len(rows) + 1, "id": f"x{k}", "distance": 0.3 + 0.002 * k})
        data["first"] = data["n"] = 1000

    page_file = change_rows(write_report(run, top=1000), many)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.add_init_script(WHEN_DRAWN)
    page.goto(page_file.as_uri())
    until(page, DRAWN)
    assert page.text_content("#plot-words").startswith("1\u202f000 candidates")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    # However busy the machine is: the page is painted first, with its list, and then the plot is drawn.
    assert painted < page.evaluate("window.plotted")
    times = page.evaluate(
        """() => Array.from({ length: 20 }, () => { const begin = performance.now();
        screeningPage.scatter.draw(); return performance.now() - begin; })"""
    )
    context.close()
    assert min(times) < 50  # of 20: some milliseconds where nothing else runs


def test_the_plot_is_folded_on_a_phone_and_stays_as_it_was_left(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report, width=390, height=844)
    assert page.get_attribute("#plot-fold", "open") is None
    page.click("#plot-fold summary")
    until(page, DRAWN)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.wait_for_timeout(300)  # what a page keeps reaches the next one a moment later
    page.reload()
    page.wait_for_selector("#detail .waterfall", state="attached")
    until(page, DRAWN)
    assert page.get_attribute("#plot-fold", "open") == ""
