"""Plots show what the tables say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_run import HOSTILE, make_explanation

from screening.report import plots, svg
from screening.report.plots import write_explanation_plots
from screening.report.score_plots import calibration_plot, learning_plot


def test_score_plots_show_what_the_tables_say() -> None:
    folds = pd.DataFrame({"id": [str(k) for k in range(40)], "is_bound": False, "measured": np.arange(40.0)})
    folds["curves"] = folds["measured"] + 1.0
    plot = str(calibration_plot(folds, "curves"))
    assert "predicted 3.00, measured 2.00 ± 0.71" in plot  # 0 to 4: standard deviation 1.58 over the root of 5
    assert plot.count("<circle") == 8
    assert str(calibration_plot(folds.head(9), "curves")) == ""
    curve = [{"n_training": 50.0, "mae": 2.0, "mae_spread": 0.1}, {"n_training": 200.0, "mae": 1.5}]
    assert "50 crystals: 2.00" in str(learning_plot(curve))
    assert str(learning_plot(curve[:1])) == ""


def test_explanation_plots_are_files_of_their_own(run_dir: Path, tmp_path: Path) -> None:
    from xml.etree import ElementTree

    folder = tmp_path / "explanation"
    make_explanation(folder, ["a", HOSTILE])
    write_explanation_plots(folder)
    first = {name: (folder / name).read_bytes() for name in ("kinds.svg", "beeswarm.svg")}
    write_explanation_plots(folder)
    assert first == {name: (folder / name).read_bytes() for name in first}
    space = "{http://www.w3.org/2000/svg}"
    bars = ElementTree.fromstring(first["kinds.svg"]).findall(f"{space}rect")
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert widths[0] / widths[1] == pytest.approx(2.0, abs=0.01)  # 0.4 against 0.2, from zero
    assert [bar.attrib["class"] for bar in bars] == ["up", "down", "mixed", "up"]
    dots = ElementTree.fromstring(first["beeswarm.svg"]).findall(f"{space}circle[{space}title]")
    assert len(dots) == 8
    assert any(HOSTILE in (dot[0].text or "") for dot in dots)


def test_scatter_marks_bounds_and_averages_repeats(run_dir: Path) -> None:
    folds = pd.DataFrame(
        {
            "id": ["a", "a", "b", "c"],
            "formula": "Li",
            "is_bound": [False, False, True, False],
            "measured": [-4.0, -4.0, -10.0, -2.0],
            "curves": [-3.0, -5.0, -8.0, -2.0],
        }
    )
    plot = str(plots.scatter_plot(folds, "curves"))
    assert plot.count('class="bound"><title>') == 1
    assert "measured -4.00, predicted -4.00" in plot
    assert "3 labelled crystals, 1 of them upper bounds" in plot


def test_ticks_are_round_and_within() -> None:
    assert svg.ticks(-9.3, -1.2) == [-8.0, -6.0, -4.0, -2.0]
    assert [round(t, 10) for t in svg.ticks(0.0, 0.41)] == [0.0, 0.1, 0.2, 0.3, 0.4]


def test_quantile_steps_follow_rank_not_size() -> None:
    steps = plots.quantile_steps(np.array([1.0, 2.0, 3.0, 4.0, 1e9, np.nan]))
    assert steps.tolist() == [0, 1, 2, 3, 4, 2]
    assert plots.quantile_steps(np.array([5.0, 5.0])).tolist() == [2, 2]


def test_names_that_no_xml_file_may_hold_still_make_a_plot(tmp_path: Path) -> None:
    from xml.etree import ElementTree

    folder = tmp_path / "explanation"
    make_explanation(folder, ["a\x01b", "\u05d0\u05d1", "\N{GRINNING FACE}", "]]>"])
    write_explanation_plots(folder)
    drawn = "".join(ElementTree.fromstring((folder / "beeswarm.svg").read_bytes()).itertext())
    assert "a\N{REPLACEMENT CHARACTER}b: " in drawn
    assert "\u05d0\u05d1: " in drawn
    assert "\N{GRINNING FACE}: " in drawn
    assert "]]>: " in drawn
