"""What stands beside a candidate in a real browser: properties joined by the user, both models, flags and barriers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_run import make_run
from page_browser import CHROMIUM, choose, until

from screening.energy import BarrierRow
from screening.report.page import write_report
from screening.runs import RunPaths, write_barriers

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")
RANKS = "[...document.querySelectorAll('#table tbody tr')].map(tr => tr.cells[1].textContent)"
HULL = "energy above hull (eV) <b>"
FACTS = """Object.fromEntries([...document.querySelectorAll("#detail .facts > div")]
    .map((one) => [one.querySelector("dt").textContent, one.querySelector("dd").textContent]))"""


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of candidates with properties, two models, a flag, and barriers of the fifth."""
    run = make_run(tmp_path_factory.mktemp("properties") / "run")
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    n = len(ranking)
    ranking["prediction_trees"] = [str(float(x) - 1) for x in ranking["prediction"]]
    ranking["prediction_composition"] = [str(float(x) + 0.1) for x in ranking["prediction"]]
    ranking["flags"] = ["contact" if row == 4 else "" for row in range(n)]
    ranking[HULL] = ["" if row == 2 else f"{0.01 * row:.2f}" for row in range(n)]
    ranking["made"] = ["True" if row % 2 else "False" for row in range(n)]
    ranking["note"] = ["<i>=1+1</i>" if row == 4 else "plain" for row in range(n)]
    ranking.to_csv(run / "ranking.csv", index=False)
    record = json.loads((run / "run.json").read_text())
    record["properties"] = {"columns": [HULL, "made", "note"]}
    (run / "run.json").write_text(json.dumps(record))
    low = ((0.2, 0.3, 0.4), (0.2, 0.3, 0.4))
    row = BarrierRow("c0016", "", str(ranking["formula"][4]), "", "", *low, "P +5, S -2", (30, 30, 30), (), 0)
    write_barriers(RunPaths(run), [row], settings={}, high=0.9)
    return write_report(run, top=1000)


def test_properties_are_columns_to_filter_and_sort_by(joined: Path, visit: Callable[..., Any]) -> None:
    page = visit(joined)
    page.click("summary:has-text('Thresholds')")
    page.click("#add")
    page.select_option(".condition select >> nth=0", HULL)
    page.select_option(".condition select >> nth=1", "<=")
    page.fill(".condition input", "0.035")
    until(page, f"JSON.stringify({RANKS}) === JSON.stringify(['1', '2', '4'])")  # the third has none
    page.select_option(".condition select >> nth=0", "made")
    until(page, f"JSON.stringify({RANKS}) === JSON.stringify(['2', '4', '6', '8', '10', '12'])")
    page.select_option(".condition select >> nth=0", "note")
    page.fill(".condition input", "<i>")
    until(page, f"JSON.stringify({RANKS}) === JSON.stringify(['5'])")
    assert page.locator("#table i, #detail .facts i").count() == 0
    fragment = page.evaluate("location.hash")
    other = visit(joined, fragment=fragment)
    until(other, f"JSON.stringify({RANKS}) === JSON.stringify(['5'])")

    other.click("#clear")
    other.click("summary:has-text('Columns shown')")
    other.check(f'#columns input[value="{HULL}"]')
    head = other.locator("#table th").filter(has_text=HULL).locator("button")
    head.click()
    head.click()
    ranks = other.evaluate(RANKS)
    assert ranks == ["12", "11", "10", "9", "8", "7", "6", "5", "4", "2", "1", "3"]  # empty cells last


def test_properties_are_plotted(joined: Path, visit: Callable[..., Any]) -> None:
    page = visit(joined)
    page.locator("#plot-axes select").first.select_option(HULL)
    until(page, "document.getElementById('plot-words').textContent.startsWith('11 candidates; 1 without a number')")
    other = visit(joined, fragment=page.evaluate("location.hash"))
    until(other, "document.getElementById('plot-words').textContent.startsWith('11 candidates; 1 without a number')")


def test_what_is_known_of_a_candidate_is_told_where_it_exists(joined: Path, visit: Callable[..., Any]) -> None:
    page = visit(joined)
    choose(page, 5)
    until(page, f"'cell' in {FACTS}")
    facts = page.evaluate(FACTS)
    assert (facts[HULL], facts["made"], facts["note"]) == ("0.04", "no", "<i>=1+1</i>")
    assert facts["LightGBM alone, which the reasons explain"] == "1.0 × 10⁻⁴ S/cm"
    assert facts["with composition"] == "1.3 × 10⁻³ S/cm"
    assert any("closer than atoms" in words for words in page.locator("#detail .badge.warn").all_text_contents())
    assert facts["bond-valence barrier, 1-D, 2-D, 3-D"] == "0.20, 0.30, 0.40 eV"
    choose(page, 3)
    until(page, f"'cell' in {FACTS}")
    facts = page.evaluate(FACTS)
    assert HULL not in facts  # empty
    assert facts["made"] == "no"
    assert "bond-valence barrier, 1-D, 2-D, 3-D" not in facts
    choose(page, 4)
    assert page.evaluate(FACTS)["made"] == "yes"


def test_a_page_without_them_tells_none(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 5)
    facts = page.evaluate(FACTS)
    assert {"with composition", "made", HULL} & set(facts) == set()
