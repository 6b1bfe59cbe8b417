"""The page: true to its files, complete in one file, and deaf to what hostile files tell it to do."""

from __future__ import annotations

import base64
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_crystals import random_crystal, rocksalt
from made_run import COLUMNS, CURVES, HOSTILE, RADII, RANKING, features, make_explanation, make_ranking, make_run
from page_parts import Page, details_of

from screening.config import Config, FeatureSettings
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal
from screening.errors import Code, InputError
from screening.learn.load import load_model
from screening.ranking.columns import kind_of
from screening.ranking.kinds import kind_words, kinds_of, reason_words
from screening.report import curves as packing
from screening.report import plots, structures, svg, text
from screening.report.details import Details
from screening.report.page import write_report
from screening.report.plots import write_explanation_plots
from screening.report.reasons import joined
from screening.report.score_plots import calibration_plot, learning_plot
from screening.report.structures import ANION, MOBILE, OTHER, p1_cif
from screening.report.words import CODES
from screening.runs.read import model_scores, read_ranking
from screening.runs.record import read_record
from screening.sources.lookup import Missing, Wanted, find_crystals
from screening.spreadsheet import plain_cell, unguarded


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="module")
def source(run_dir: Path) -> str:
    path = write_report(run_dir, top=1000)
    assert path == run_dir / "report.html"
    return path.read_text(encoding="utf-8")


def test_the_page_is_one_file_that_loads_nothing(source: str) -> None:
    page = Page(source)
    loading = [(tag, a) for tag, a in page.tags if tag in ("link", "img", "iframe", "object", "embed", "base", "use")]
    assert loading == []
    assert [a for _, a in page.tags if "src" in a or "srcset" in a or "xlink:href" in a or "style" in a] == []
    links = [a["href"] for tag, a in page.tags if "href" in a]
    assert all(link and (link.startswith("#") or link.startswith("https://doi.org/")) for link in links)
    # What a click may open is written by the script, and only for ids and DOIs of known form.
    assert set(re.findall(r"https?://[a-z0-9.-]+", page.scripts[1])) == {
        "https://next-gen.materialsproject.org",
        "https://www.crystallography.net",
        "https://doi.org",
    }
    assert "url(" not in source
    assert "@import" not in source
    assert [name for _, a in page.tags for name in a if name.startswith("on")] == []


def test_hostile_text_stays_text(source: str) -> None:
    page = Page(source)
    assert len(page.scripts) == 3
    assert source.count("</script>") == 3
    assert not any(tag in ("img", "b") and "onerror" in a for tag, a in page.tags)
    assert "Li2<b>" not in source
    assert "{{7*7}}" in source.replace("<sub>", "").replace("</sub>", "")
    assert "line 0 &lt;i&gt;says" in source
    data = json.loads(page.scripts[0])
    assert data["rows"][0][1] == HOSTILE
    assert data["rows"][1][1].startswith("=HYPERLINK")
    assert "<" not in page.scripts[0] + page.scripts[2]


def test_the_policy_allows_exactly_the_scripts_and_styles_of_the_file(source: str) -> None:
    page = Page(source)
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    import hashlib

    def hashed(content: str) -> str:
        return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()

    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
    assert style
    assert f"script-src 'sha256-{hashed(page.scripts[1])}'" in policy
    assert f"style-src 'sha256-{hashed(style.group(1))}'" in policy


def test_the_page_says_what_was_run(source: str) -> None:
    words = " ".join(" ".join(Page(source).words).split())
    assert "29 crystals were found: 24 could be described and 5 were rejected" in words
    assert "12 with a measured conductivity trained the model; 12 are ranked" in words
    assert "seed" in words
    assert "periodic" in words
    assert "ab" * 32 in words
    assert "All 5 rejected inputs" in words
    assert "80 %" in words
    assert f"Crystals read from candidates.zip , {HOSTILE}" in words
    assert "measured conductivities from labels.csv" in words
    assert "OBELiX" in words
    assert "held 79 %" in words
    assert "12 crystals ranked by predicted lithium-ion conductivity" in words
    assert "typical error 1.0 powers of ten guessing the mean: 1.0" in words
    assert "order, Spearman's ρ 0.80" in words
    assert "80 % interval held 79 % of crystals left out" in words
    assert "featurize 1.2 s" in words
    assert "described 19 crystals per second" in words


def test_rows_are_those_of_the_ranking(source: str) -> None:
    data = json.loads(Page(source).scripts[0])
    names = [column["name"] for column in data["columns"]]
    assert names == [*RANKING, "family"]
    kinds = {column["name"]: column["kind"] for column in data["columns"]}
    assert {name for name, kind in kinds.items() if kind == "flag"} == {
        "in_domain", "disordered", "radius_cut", "radioactive", "toxic", "scarce",
    }  # fmt: skip
    assert kinds["nearest"] == kinds["elements_unseen"] == "text"
    rows = [dict(zip(names, row, strict=True)) for row in data["rows"]]
    assert len(rows) == 12
    assert (rows[0]["prediction"], rows[0]["lower"], rows[0]["upper"]) == (-2.2, -3.3, -1.3)
    assert [row["rank"] for row in rows] == list(range(1, 13))
    assert [row["in_domain"] for row in rows] == [rank <= 7 for rank in range(1, 13)]
    assert rows[0]["measured"] is None
    assert [row["radius_cut"] for row in rows] == [rank == 2 for rank in range(1, 13)]
    # c0000 is an upper bound; it is the nearest of the last row alone
    assert [data["known"][row["nearest"]][2] for row in rows] == [False] * 11 + [True]
    assert data["known"]["c0004"][3] == "10.1021/jacs.8b10282"
    assert "Li<sub>2</sub><wbr>" not in source[: source.index("<noscript>")]
    assert "6.3 × 10⁻³ (5.0 × 10⁻⁴ to 5.0 × 10⁻²)" in source[source.index("<noscript>") :]


def test_structures_holes_and_reasons_are_those_of_the_crystals(run_dir: Path, source: str) -> None:
    page = Page(source)
    data, details = json.loads(page.scripts[0]), details_of(page)["of"]
    there = [row for row, one in enumerate(details) if "structure" in one]
    assert there == [3, 4, 5, 6, 7, 8]
    assert "folder/12.cif: no such file" in details[0]["missing"]
    model = load_model(run_dir / "model")
    shap, expected = model.contributions(features(24)[12:])
    for row, one in enumerate(details):
        found = one["reasons"]
        assert found["expected"] == pytest.approx(expected, abs=1e-4)
        told = [value for _, _, value, _, _ in found["kinds"]]
        total = found["expected"] + found["higher"][1] + found["lower"][1] + sum(told)
        assert total == pytest.approx(shap[row].sum() + expected, abs=2e-3)
        assert found["higher"][1] >= 0 >= found["lower"][1]
        assert [abs(value) for value in told] == sorted(map(abs, told), reverse=True)
        first, last, value, here, typical = found["kinds"][0]
        kinds = data["kinds"][first : last + 1]
        assert len({(kind["channel"], kind["curve"]) for kind in kinds}) == 1
        own = [k for k, name in enumerate(COLUMNS) if any(in_kind(name, kind) for kind in kinds)]
        assert value == pytest.approx(shap[row, own].sum(), abs=1e-4)
        assert here == pytest.approx(np.nanmean(features(24)[12 + row, own]), rel=1e-3)
        usual = [np.nanmean(known[own]) for known in features(24)[:12] if np.isfinite(known[own]).any()]
        assert typical == pytest.approx(np.median(usual), rel=1e-3)
    file = run_dir.parent / "crystals" / "c0016.cif"
    crystal = read_cif(file.read_bytes(), id="c0016", source=str(file), limits=Config().input)
    drawn = details[4]["structure"]
    assert [atom[0] for atom in drawn["atoms"]] == crystal.numbers.tolist()
    np.testing.assert_allclose([atom[3:6] for atom in drawn["atoms"]], crystal.positions, atol=1e-6)
    assert {atom[0]: atom[2] for atom in drawn["atoms"]} == {3: MOBILE, 15: OTHER, 16: ANION}
    check_holes(drawn)


def in_kind(column: str, kind: dict[str, Any]) -> bool:
    parts = column.split("/")
    if parts[:2] != [kind["channel"], kind["curve"]]:
        return False
    return kind["from"] is None or kind["from"] < float(parts[2]) <= kind["to"]


def check_holes(drawn: dict[str, Any]) -> None:
    """Each simplex is as long as its bar says, between atoms of its channel, by distances taken anew."""
    lattice = np.array(drawn["lattice"])
    place = lambda atom: (np.array(drawn["atoms"][atom[0]][3:6]) + atom[1:]) @ lattice  # noqa: E731
    n_bars = 0
    for channel in drawn["channels"]:
        for bar in channel["bars"]:
            for birth, death, _ in bar["members"]:
                for corners, length in ((birth, bar["birth"]), (death, bar["death"])):
                    if not corners:
                        assert bar["death"] is None
                        continue
                    points = [np.mean([place(atom) for atom in corner], axis=0) for corner in corners]
                    if bar["dim"] == 1 and corners is birth:  # the ring, closed by the birth edge
                        assert len(points) > 2
                        steps = [np.linalg.norm(points[k] - points[k - 1]) for k in range(len(points))]
                        assert max(steps) == pytest.approx(steps[0], abs=2e-4)
                        points = [points[-1], points[0]]
                    else:
                        assert len(corners) == bar["dim"] + (1 if corners is birth else 2)
                    longest = max(np.linalg.norm(p - q) for p in points for q in points)
                    # Split sites that were merged are weighed by occupancy there and evenly here.
                    assert longest == pytest.approx(length, abs=2e-4)
                    n_bars += 1
    assert n_bars > 20


def test_a_source_that_changed_or_went_is_told(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    files = tmp_path / "crystals"
    (files / "c0016.cif").write_text(rocksalt(anion="I"), encoding="utf-8")
    (files / "c0017.cif").write_text("nothing", encoding="utf-8")
    (files / "c0018.cif").unlink()
    details = details_of(Page(write_report(run, top=8).read_text(encoding="utf-8")))["of"]
    assert details[4]["missing"] == "Its source has changed since: it holds LiI now."
    assert "Its source cannot be read" in details[5]["missing"]
    assert "no such file" in details[6]["missing"]
    assert "structure" in details[7]


def test_copies_of_an_id_in_one_source_are_found(tmp_path: Path) -> None:
    files = {"a.cif": rocksalt(anion="Cl"), "sub/a.cif": rocksalt(anion="Br")}
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    inside = f"{tmp_path}/two.zip::"
    wanted = [Wanted("a~7", f"{inside}a.cif", "LiCl"), Wanted("a~2", f"{inside}sub/a.cif", "LiBr")]
    found = find_crystals([*wanted, Wanted("b", f"{inside}b.cif", "Li")], Config().input)
    assert [getattr(found[one.id], "formula", "") for one in wanted] == ["LiCl", "LiBr"]
    assert found["b"] == Missing("Its source no longer contains it.")


def test_one_block_of_several_is_found(tmp_path: Path) -> None:
    file = tmp_path / "two.cif"
    file.write_text(rocksalt(anion="Cl") + rocksalt(anion="Br"), encoding="utf-8")
    wanted = [Wanted(f"two#Li{anion}", str(file), f"Li{anion}") for anion in ("Br", "Cl")]
    found = find_crystals(wanted, Config().input)
    assert [getattr(found[one.id], "formula", found[one.id]) for one in wanted] == ["LiBr", "LiCl"]


def test_many_structures_are_those_computed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """In processes, in parts; a crystal that is missing keeps its place and its reason."""
    monkeypatch.setattr(structures, "PART", 2)
    monkeypatch.setattr(structures, "cores", lambda: 2)
    config = Config()
    found: list[Crystal | Missing] = [
        read_cif(rocksalt(anion=anion).encode(), id=anion, source="", limits=config.input)
        for anion in ("F", "Cl", "Br", "I")
    ]
    found.insert(2, Missing("Its source no longer contains it."))
    settings = FeatureSettings()
    together = structures.all_shown(found, settings)
    assert together == [structures.shown(one, settings) for one in found]
    assert [next(iter(one)) for one in together] == ["structure", "structure", "missing", "structure", "structure"]


@pytest.mark.parametrize("seed", range(4))
def test_a_crystal_written_in_p1_is_read_back(seed: int) -> None:
    first = read_cif(random_crystal(seed).encode(), id="a b/<x>", source="", limits=Config().input)
    again = read_cif(p1_cif(first).encode(), id="b", source="", limits=Config().input)
    assert again.formula == first.formula
    np.testing.assert_allclose(again.positions, first.positions, atol=1e-6)
    np.testing.assert_allclose(
        np.abs(again.lattice @ again.lattice.T), np.abs(first.lattice @ first.lattice.T), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("id", ["1", "2"], "text"),
        ("band_gap", ["1.5", ""], "number"),
        ("band_gap", ["1.5", "wide"], "text"),
        ("stable", ["True", "False", ""], "flag"),
        ("note", ["", ""], "text"),
        ("chance", ["", ""], "number"),
        ("in_domain", [True, False], "flag"),
        ("same_as_labelled", ["001", "002"], "text"),
    ],
)
def test_kinds_of_columns(name: str, cells: list[Any], kind: str) -> None:
    assert kind_of(name, pd.Series(cells, dtype=object)) == kind


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


def test_scores_stand_with_their_spread(source: str) -> None:
    table = source[source.index('aria-label="Scores"') :]
    names = re.findall(r'<th scope="row">(.*?)</th>', table[: table.index("</table>")])
    assert names[:4] == [
        "curves (this model)",
        "conventional descriptors",
        "nearest neighbour",
        "dummy (mean of training)",
    ]
    assert '0.61 <span class="spread">± 0.08</span>' in table
    assert "−0.01" in table


def test_same_files_give_the_same_bytes_and_top_cuts(run_dir: Path, source: str, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(run_dir, other)
    page = write_report(other, top=4).read_text(encoding="utf-8")
    assert len(json.loads(Page(page).scripts[0])["rows"]) == len(details_of(Page(page))["of"]) == 4
    assert "The first 4 of 12 candidates" in " ".join(page.split())
    assert write_report(other, top=1000).read_text(encoding="utf-8") == source


def unpacked(packed: list[Any]) -> np.ndarray:
    maximum, coded = packed
    steps = np.frombuffer(base64.b64decode(coded), dtype="<u2")
    return np.where(steps == packing.MISSING, np.nan, steps / packing.STEPS * maximum)


def test_curves_on_the_page_are_those_of_the_store(run_dir: Path, source: str) -> None:
    data, details = json.loads(Page(source).scripts[0]), details_of(Page(source))
    values = features(24)
    assert [(c["channel"], c["kind"]) for c in data["curves"]] == [
        (channel, curve[:-1]) for channel in ("Li", "anion") for curve in CURVES
    ]
    assert data["curves"][0]["radii"] == RADII
    for row, one in enumerate(details["of"]):
        for place, curve in enumerate(one["curves"]):
            expected = values[12 + row, place * len(RADII) : (place + 1) * len(RADII)]
            np.testing.assert_allclose(unpacked(curve), expected, rtol=1e-5, atol=2e-5)
    first = unpacked(details["known"]["c0000"][0])
    assert np.isnan(first[np.array(RADII) > 4]).all()
    low = np.array([np.nanpercentile(values[:12, k], 10) for k in range(len(RADII))])
    np.testing.assert_allclose(unpacked(data["band"][0]["low"]), low, rtol=1e-5, atol=2e-5)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.floats(0, 1e6, width=32), st.just(float("nan"))), min_size=1, max_size=30))
@example([1.401298464324817e-45])  # so small that a tolerance of its own kind would be zero
def test_packing_loses_less_than_a_pixel(values: list[float]) -> None:
    stored = np.array(values, dtype=np.float32)
    back = unpacked(packing.pack(stored))
    array = stored.astype(np.float64)
    np.testing.assert_array_equal(np.isnan(back), np.isnan(array))
    top = np.nanmax(array) if np.isfinite(array).any() else 0.0
    np.testing.assert_allclose(back, array, rtol=1e-5, atol=1e-5 * top)


@pytest.mark.parametrize("value", [-0.5, np.inf])
def test_a_curve_that_counts_nothing_possible_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="negative or infinite"):
        packing.pack(np.array([1.0, value]))


def test_a_fine_curve_is_thinned_and_other_columns_are_left_out() -> None:
    columns = [f"Li/beta1/{0.01 * k:.2f}" for k in range(1, 801)] + ["Li/hist1/3.0-4.0/0.0-1.0", "Li/number_density"]
    (curve,) = packing.find_curves(columns)
    assert len(curve.radii) == 100
    assert curve.radii[1] == pytest.approx(0.09)
    assert [columns[k] for k in curve.columns[:2]] == ["Li/beta1/0.01", "Li/beta1/0.09"]


@pytest.mark.parametrize(
    ("log10", "words"),
    [
        (-3.4949, "3.2 × 10⁻⁴"),
        (0.0, "1.0 × 10⁰"),
        (-2.0001, "1.0 × 10⁻²"),
        (-12.0, "1.0 × 10⁻¹²"),
        (1.3, "2.0 × 10¹"),
        (float("nan"), ""),
    ],
)
def test_powers_of_ten(log10: float, words: str) -> None:
    assert text.power(log10) == words


@pytest.mark.parametrize(
    ("formula", "html"),
    [
        ("Li10Ge(PS6)2", "Li<sub>10</sub><wbr>Ge(PS<sub>6</sub>)<sub>2</sub>"),
        ("Li1.3Al0.3", "Li<sub>1.3</sub><wbr>Al<sub>0.3</sub>"),
        ("<b>2</b>", "&lt;b&gt;2&lt;/b&gt;"),
        ("", ""),
    ],
)
def test_formulas(formula: str, html: str) -> None:
    assert str(text.formula(formula)) == html


def test_elements_and_guards() -> None:
    assert text.elements("Li10Ge(PS6)2") == ["Li", "Ge", "P", "S"]
    assert unguarded("'=a") == "=a"
    assert unguarded("'a") == "'a"


@given(st.text(alphabet="=+-@\t\r'a", max_size=4).filter(lambda cell: not cell.startswith("'")))
def test_reading_undoes_the_guard_of_writing(cell: str) -> None:
    assert unguarded(plain_cell(cell)) == cell


@settings(deadline=None, max_examples=60)
@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_embedded_json_is_the_value_and_holds_no_tag(value: Any) -> None:
    shown = str(text.embedded_json(value))
    assert json.loads(shown) == value
    assert not set(shown) & set("<>&")


def test_numbers() -> None:
    cases = {-0.513: "−0.51", -0.001: "0.00", 2.0: "2.00", float("nan"): "–", float("inf"): "∞"}
    assert {text.number(value) for value in cases} == set(cases.values())


@pytest.mark.parametrize(
    ("channel", "curve", "words"),
    [
        ("Li", "rank2", ("lithium forms layers", "lithium forms no layers")),
        ("anion", "rank3", ("the anions form a 3-D framework", "the anions form no 3-D framework")),
        ("framework", "rank0", ("the framework stays in finite clusters", "the framework forms no finite clusters")),
        ("Rb", "beta1", ("rings (β₁) of Rb", "no rings (β₁) of Rb")),
        ("Li", "odd", ("odd of lithium", "odd of lithium")),
    ],
)
def test_reasons_in_words(channel: str, curve: str, words: tuple[str, str]) -> None:
    assert reason_words(channel, curve) == words


def test_neighbouring_bands_that_push_the_same_way_are_one_reason() -> None:
    kinds = kinds_of(
        [f"Li/{c}/{r:.2f}" for c in ("beta1", "rank2") for r in (1.5, 2.5, 3.5, 4.5)] + ["Li/number_density"]
    )
    found = joined(kinds, np.array([0.1, 0.2, -0.1, -0.1, -0.2, 0.0, -0.3, -0.1, -0.5]))
    assert [(first, last, round(value, 6)) for first, last, value in found] == [
        (0, 1, 0.3),
        (2, 3, -0.2),  # ends with its curve
        (4, 4, -0.2),  # a band that does nothing parts those beside it
        (6, 7, -0.4),
        (8, 8, -0.5),
    ]


def test_a_threshold_is_a_power_of_ten() -> None:
    assert [text.level(value) for value in (-4.0, -3.5, 0.0)] == ["10⁻⁴", "3.2 × 10⁻⁴", "10⁰"]


def test_kinds_in_words() -> None:
    assert kind_words(channel="Li", curve="beta1", radius_from="3.0", radius_to="4.0") == "Li rings (β₁), 3–4 Å"
    assert kind_words(channel="Li", curve="mean_occupancy", radius_from="", radius_to="") == "Li mean occupancy"


def test_an_infinite_distance_is_shown_and_sorted_as_one(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    ranking.loc[0, "distance"] = "inf"
    ranking.to_csv(run / "ranking.csv", index=False)
    page = write_report(run, top=10).read_text(encoding="utf-8")
    assert json.loads(Page(page).scripts[0])["rows"][0][RANKING.index("distance")] == "Infinity"


def test_every_rejection_code_has_words() -> None:
    assert set(CODES) == set(Code)


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


def test_both_layouts_of_scores_are_read() -> None:
    nested = {"models": {"curves": {"r2": {"mean": 0.5, "spread": 0.1}}}}
    flat = {"splits": {"grouped": {"curves": {"r2": 0.5, "r2_fold_spread": 0.1}}}}
    for scores in (nested, flat):
        (score,) = model_scores(scores)["grouped"]
        assert score.r2 == (0.5, 0.1)
        assert np.isnan(score.mae[0])


def test_what_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(InputError, match=r"not in .*features\.zarr"):
        Details(run, read_record(run / "run.json")).of([Wanted("nobody", "x.cif", "Li")])
    ranking = (run / "ranking.csv").read_text(encoding="utf-8")
    (run / "ranking.csv").write_text(ranking.replace("distance", "farness", 1), encoding="utf-8")
    with pytest.raises(InputError, match="lacks the column distance"):
        write_report(run, top=10)
    (run / "ranking.csv").write_text(ranking.replace("-2.2,", "maybe,", 1), encoding="utf-8")
    with pytest.raises(InputError, match="row 1: prediction cannot be 'maybe'"):
        write_report(run, top=10)
    (run / "ranking.csv").unlink()
    with pytest.raises(InputError, match="run `screening run` to the end first"):
        write_report(run, top=10)
    assert not (run / "report.html").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda record: record["counts"].update(found=30), "30 found is not 24 featurized . 5 rejected"),
        (lambda record: record["counts"].update(found=30, rejected=6), "counts 6 rejected, rejected.csv 5"),
        (lambda record: record["counts"].pop("labelled"), "lacks counts.labelled"),
        (lambda record: record.pop("versions"), "lacks versions"),
    ],
)
def test_a_record_that_does_not_close_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], complaint: str
) -> None:
    run = make_run(tmp_path / "run")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    change(record)
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        write_report(run, top=10)
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("top", [0, -1])
def test_a_report_of_nothing_is_refused(run_dir: Path, top: int) -> None:
    with pytest.raises(InputError, match="at least 1 candidate"):
        write_report(run_dir, top=top)


def test_a_ranking_in_parquet_makes_the_same_page(run_dir: Path, tmp_path: Path, source: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(run_dir, run)
    frame = read_ranking(run / "ranking.csv")
    frame.to_parquet(run / "ranking.parquet", index=False)
    (run / "ranking.csv").unlink()
    assert write_report(run, top=1000).read_text(encoding="utf-8") == source
    assert "the rest stand in ranking.parquet" in " ".join(write_report(run, top=3).read_text(encoding="utf-8").split())


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


def test_ids_are_names_even_if_they_look_like_numbers(tmp_path: Path) -> None:
    make_ranking(tmp_path / "r.csv", ids=["001", "NA", "1e5", "=x"], formulas=["NaN"] * 4, n_training=1)
    frame = read_ranking(tmp_path / "r.csv")
    assert frame["id"].tolist() == ["NA", "1e5", "=x"]
    assert frame["formula"].tolist() == ["NaN"] * 3


def test_an_empty_ranking_and_no_rejects_still_make_a_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", n_rejected=0)
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    ranking.head(0).to_csv(run / "ranking.csv", index=False)
    page = write_report(run, top=10).read_text(encoding="utf-8")
    assert "Nothing was rejected" in page
    assert "<title>Screening report: 0 crystals" in page
    assert "0 crystals ranked by predicted" in page
    assert json.loads(Page(page).scripts[0])["rows"] == []


@pytest.mark.slow
def test_a_thousand_candidates_stay_below_15_megabytes(tmp_path: Path) -> None:
    from screening.features.curves import columns

    run = make_run(tmp_path / "run", n=1060, n_training=60, n_rejected=300, columns=columns(Config()))
    assert write_report(run, top=1000).stat().st_size < 15_000_000


def test_chances_reasons_for_holding_back_checks_and_stability_are_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path / "RUN")
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    ranking["chance"] = [f"{0.9 - 0.01 * row:.2f}" for row in range(len(ranking))]
    ranking["held_back"] = ["elements;size" if row == 1 else "" for row in range(len(ranking))]
    ranking["same_as_labelled"] = "'=1+1"
    ranking.to_csv(run / "ranking.csv", index=False)
    scores = json.loads((run / "model" / "scores.json").read_text())
    scores["y_randomisation"] = {"split": "grouped", "repeats": 3, "r2": -0.2, "r2_highest": -0.1, "mae": 2.5}
    scores["learning_curve"] = [{"share": 1.0, "n_training": 198.0, "mae": 1.23}]
    early = {"threshold": -4.0, "n": 220, "n_good": 97, "ef_1": 2.2, "ef_5": 2.1, "ef_10": 2.0, "bedroc": 0.91}
    scores["splits"]["grouped"]["curves"]["screening"] = [early]
    (run / "model" / "scores.json").write_text(json.dumps(scores))
    kinds = {"scope": "kind", "share": 0.2, "share_low": 0.1, "share_high": 0.31, "rank_low": 1, "rank_high": 14}
    pd.DataFrame(
        [{**kinds, "name": "Li/rank3/2-3"}, {**kinds, "name": "<b>odd"}, {**kinds, "scope": "cluster", "name": "c"}]
    ).to_csv(run / "explanation" / "stability.csv", index=False)
    source = write_report(run, top=100).read_text(encoding="utf-8")
    assert "at most −0.10 in 3 shuffles: nothing leaks between folds" in source
    assert "1.23 from 198 crystals" in source
    assert "2.2 × chance in the first 1 %" in source
    assert "Good conductors (10⁻⁴ S/cm or more, 97 of 220)" in source
    assert "10.0 to 31.0 %" in source
    assert "1 to 14" in source
    assert "<b>odd" not in source
    data = json.loads(next(text for text in Page(source).scripts if text.startswith("{")))
    # Cells that a file named are text in the CSV made by the page, and so guarded against spreadsheets.
    text_columns = {column["name"] for column in data["columns"] if column["kind"] == "text"}
    assert {"held_back", "same_as_labelled", "id"} <= text_columns
    assert not {"chance", "rank", "prediction", "in_domain"} & text_columns
    places = {column["name"]: place for place, column in enumerate(data["columns"])}
    assert data["rows"][0][places["chance"]] == 0.9
    assert data["rows"][1][places["held_back"]] == "elements;size"
    assert data["rows"][1][places["same_as_labelled"]] == "=1+1"
    scores["y_randomisation"]["r2_highest"] = 0.4
    (run / "model" / "scores.json").write_text(json.dumps(scores))
    assert "distrust the scores" in write_report(run, top=100).read_text(encoding="utf-8")


def test_runs_of_earlier_versions_have_neither(source: str) -> None:
    assert "How stable this order is" not in source
    data = json.loads(Page(source).scripts[0])
    assert not {"chance", "held_back"} & {column["name"] for column in data["columns"]}
