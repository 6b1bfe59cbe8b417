"""The page: true to its files, complete in one file, and deaf to what hostile files tell it to do."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from screening.config import Config
from screening.errors import Code, InputError
from screening.learn.cells import plain_cell
from screening.report import curves as packing
from screening.report import plots, svg, text, write_explanation_plots, write_report
from screening.report.run import find_rows, model_scores, read_ranking
from screening.report.words import CODES, kind_words
from screening.store import FEATURIZED, NUMBERS, REJECTED, FeatureStore, ShardRows

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
RADII = [round(0.5 * k, 2) for k in range(1, 13)]
CURVES = ["beta0", "beta1", "beta2", "rank0", "rank1", "rank2", "rank3"]
COLUMNS = [f"{c}/{k}/{r:.2f}" for c in ("Li", "anion") for k in CURVES for r in RADII] + ["Li/number_density"]
FORMULAS = ["Li6PS5Cl", "Li10Ge(PS6)2", "Li7La3Zr2O12", "Li3YCl6", "Li2S", "Li1.3Al0.3Ti1.7(PO4)3", "LiCoO2", "Li3N"]
RANKING = [
    "rank",
    "id",
    "source",
    "formula",
    "prediction",
    "lower",
    "upper",
    "conductivity",
    "distance",
    "in_domain",
    "nearest",
    "nearest_formula",
    "nearest_measured",
    "measured",
    "disordered",
    "radius_cut",
    "radioactive",
    "toxic",
    "scarce",
    "elements_unseen",
]


def features(n: int) -> np.ndarray:
    """Curves that fall and rise smoothly, each crystal shifted against the others; the first ends early."""
    rng = np.random.default_rng(1)
    values = np.empty((n, len(COLUMNS)), dtype=np.float32)
    for row in range(n):
        shift = 2.0 + 2.0 * rng.random()
        for place, name in enumerate(COLUMNS):
            parts = name.split("/")
            radius = float(parts[2]) if len(parts) == 3 else 1.0
            rising = parts[1] in ("rank3",)
            values[row, place] = 1 / (1 + np.exp((-1 if rising else 1) * 3 * (radius - shift)))
            if row == 0 and radius > 4.0:
                values[row, place] = np.nan
    return values


def make_run(
    run: Path, *, n: int = 24, n_training: int = 12, n_rejected: int = 5, columns: list[str] | None = None
) -> Path:
    """Write a RUN folder as the stages before the report would: crystals 0 .. n_training - 1 are labelled."""
    columns = columns or COLUMNS
    run.mkdir(parents=True)
    rng = np.random.default_rng(0)
    ids = [f"c{i:04d}" for i in range(n)]
    formulas = [FORMULAS[i % len(FORMULAS)] for i in range(n)]
    ids[n_training] = HOSTILE
    formulas[n_training] = "Li2<b>S</b>{{7*7}}"
    ids[n_training + 1] = '=HYPERLINK("http://evil.example";"x")'
    values = features(n) if columns is COLUMNS else rng.random((n, len(columns))).astype(np.float32)
    make_store(run / "features.zarr", ids=ids, formulas=formulas, values=values, n_rejected=n_rejected, columns=columns)
    make_ranking(run / "ranking.csv", ids=ids, formulas=formulas, n_training=n_training)
    rejected = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(n_rejected)],
            "source": "a.tar.gz::x.cif",
            "code": [("no-cell", "not-cif")[i % 2] for i in range(n_rejected)],
            "detail": [f"line {i} <i>says</i> nothing" for i in range(n_rejected)],
        }
    )
    rejected.to_csv(run / "rejected.csv", index=False)
    make_model(run / "model", ids=ids[:n_training], formulas=formulas, values=values, columns=columns)
    make_explanation(run / "explanation", ids[:n_training])
    config = Config(seed=7)
    record = {
        "status": "finished",
        "version": "0.1.0",
        "versions": {"screening": "0.1.0", "python": "3.11.0"},
        "crystals": ["candidates.zip", HOSTILE],
        "labels": "labels.csv",
        "engine": "periodic",
        "seed": 7,
        "inputs_sha256": "ab" * 32,
        "counts": {
            "found": n + n_rejected,
            "featurized": n,
            "rejected": n_rejected,
            "labelled": n_training,
            "candidates": n - n_training,
            "ranked": n - n_training,
            "radius_cut": 1,
        },
        "rejected_by_code": {"no-cell": 3},
        "seconds": {"featurize": 1.25},
        "config": config.model_dump(mode="json"),
    }
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return run


def make_store(
    path: Path, *, ids: list[str], formulas: list[str], values: np.ndarray, n_rejected: int, columns: list[str]
) -> None:
    header = {"config": {}, "features_hash": "00", "engine": "periodic", "shard_rows": 256, "versions": {}}
    store = FeatureStore.create(path, columns=columns, channels=["Li"], header=header)
    total = len(ids) + n_rejected
    for shard, begin in enumerate(range(0, total, 256)):
        rows = range(begin, min(begin + 256, total))
        numbers = np.full((len(rows), len(NUMBERS) + 1), 10.0)
        strings = np.full((len(rows), 6), "", dtype=object)
        data = np.full((len(rows), len(columns)), np.nan, dtype=np.float32)
        for place, row in enumerate(rows):
            if row < len(ids):
                numbers[place, 0] = FEATURIZED
                strings[place, :3] = [ids[row], f"folder/{row}.cif", formulas[row]]
                data[place] = values[row]
            else:
                numbers[place, 0] = REJECTED
                strings[place, 4:] = ["no-cell", "x"]
        store.reserve((shard + 1) * 256)
        composition = np.zeros((len(rows), 119), dtype=np.float32)
        part = ShardRows(features=data, composition=composition, numbers=numbers, strings=strings, seconds=0.0)
        store.commit(store.write_shard(shard, part, inputs=""))
    store.finish(total)


def make_ranking(path: Path, *, ids: list[str], formulas: list[str], n_training: int) -> None:
    rows = []
    for rank, row in enumerate(range(n_training, len(ids)), start=1):
        prediction = -2.0 - 0.2 * rank % 7 if rank < 50 else -5.0
        id = ids[row]
        rows.append(
            {
                "rank": rank,
                "id": f"'{id}" if id[0] in "=+-@\t" else id,
                "source": f"folder/{row}.cif",
                "formula": formulas[row],
                "prediction": round(prediction, 4),
                "lower": round(prediction - 1.1, 4),
                "upper": round(prediction + 0.9, 4),
                "conductivity": 10**prediction,
                "distance": round(0.3 + 0.1 * rank, 3),
                "in_domain": 0.3 + 0.1 * rank <= 1,
                "nearest": ids[rank % n_training],
                "nearest_formula": formulas[rank % n_training],
                "nearest_measured": -3.4,
                "measured": "",
                "disordered": rank % 3 == 0,
                "radius_cut": rank == 2,
                "radioactive": False,
                "toxic": rank % 5 == 0,
                "scarce": rank % 4 == 0,
                "elements_unseen": "Xe;Kr" if rank == 3 else "",
            }
        )
    pd.DataFrame(rows, columns=RANKING).to_csv(path, index=False)


def make_model(path: Path, *, ids: list[str], formulas: list[str], values: np.ndarray, columns: list[str]) -> None:
    path.mkdir()
    rng = np.random.default_rng(3)
    measured = np.linspace(-9, -2, len(ids))
    facts = {
        "id": ids,
        "log_sigma": measured,
        "is_bound": [i == 0 for i in range(len(ids))],
        "group": range(len(ids)),
        "formula": formulas[: len(ids)],
        "publication": "p",
    }
    frame = pd.DataFrame(facts)
    curves = pd.DataFrame(values[: len(ids)], columns=columns)
    pd.concat([frame, curves], axis=1).to_parquet(path / "training.parquet")
    folds = [
        {
            "repeat": repeat,
            "fold": i % 5,
            "id": id,
            "formula": formulas[i],
            "is_bound": i == 0,
            "measured": measured[i],
            "curves": measured[i] + rng.normal(),
            "conventional": -5.0,
            "dummy": -5.0,
            "nearest": -4.0,
        }
        for repeat in range(2)
        for i, id in enumerate(ids)
    ]
    pd.DataFrame(folds).to_csv(path / "folds.csv", index=False)
    one = {"r2": 0.61, "r2_fold_spread": 0.08, "mae": 0.97, "mae_fold_spread": 0.1, "spearman": 0.8, "bounds_held": 0.5}
    grouped = {"dummy": {**one, "r2": -0.013, "spearman": None}, "nearest": one, "conventional": one, "curves": one}
    scores = {"n_used": len(ids), "splits": {"grouped": grouped, "random": {"curves": one}}}
    (path / "scores.json").write_text(
        json.dumps({**scores, "interval": {"level": 0.8, "coverage": 0.79}}), encoding="utf-8"
    )
    (path / "model.json").write_text("{}", encoding="utf-8")


def make_explanation(path: Path, ids: list[str]) -> None:
    path.mkdir()
    rng = np.random.default_rng(2)
    names = [
        ("Li", "beta1", 2.0, 4.0),
        ("anion", "beta2", 3.0, 5.0),
        ("Li", "rank3", 2.0, 3.0),
        ("Li", "number_density", "", ""),
    ]
    kinds = [
        {
            "kind": f"{c}/{k}/{a:g}-{b:g}" if a else f"{c}/{k}",
            "channel": c,
            "curve": k,
            "radius_from": a,
            "radius_to": b,
            "mean_abs_shap": 0.4 / (i + 1),
            "share": 0.48 / (i + 1),
            "direction": (1, -1, 0, 1)[i],
        }
        for i, (c, k, a, b) in enumerate(names)
    ]
    pd.DataFrame(kinds).to_csv(path / "kinds.csv", index=False)
    swarm = [
        {"kind": kind["kind"], "id": id, "shap": rng.normal() * kind["mean_abs_shap"], "value": rng.random()}
        for kind in kinds
        for id in ids
    ]
    pd.DataFrame(swarm).to_csv(path / "beeswarm.csv", index=False)


class Page(HTMLParser):
    """Tags with attributes, and the text of each script by its type."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._script = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = tag == "script"
        if self._script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._script = False

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts[-1] += data
        else:
            self.words.append(data)


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
    assert "url(" not in source
    assert "@import" not in source
    assert [name for _, a in page.tags for name in a if name.startswith("on")] == []


def test_hostile_text_stays_text(source: str) -> None:
    page = Page(source)
    assert len(page.scripts) == 2
    assert source.count("</script>") == 2
    assert not any(tag in ("img", "b") and "onerror" in a for tag, a in page.tags)
    assert "Li2<b>" not in source
    assert "{{7*7}}" in source.replace("<sub>", "").replace("</sub>", "")
    assert "line 0 &lt;i&gt;says" in source
    data = json.loads(page.scripts[0])
    assert data["rows"][0][1] == HOSTILE
    assert data["rows"][1][1].startswith("=HYPERLINK")
    assert "<" not in page.scripts[0]


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


def test_rows_carry_values_flags_and_domain(source: str) -> None:
    body = source[source.index('<table id="table">') :]
    rows = re.findall(r"<tr data-i=.*?</tr>", body, re.DOTALL)
    assert len(rows) == 12
    assert "6.3 × 10⁻³" in rows[0]  # 10**-2.2
    assert "5.0 × 10⁻⁴ to 5.0 × 10⁻²" in rows[0]
    assert ">radius cut back<" in rows[1]
    assert ">disordered<" in rows[2]
    assert ">not in training: Xe, Kr<" in rows[2]
    assert [("out of domain" in row, 'class="outside"' in row) for row in rows] == [
        (r > 7, r > 7) for r in range(1, 13)
    ]
    # c0000 is an upper bound; it is the nearest of the last row alone
    assert ["&lt; 4.0 × 10⁻⁴" in row for row in rows] == [False] * 11 + [True]
    assert "Li<sub>3</sub><wbr>N" in source
    assert 'aria-sort="ascending"' in body


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
    assert write_report(run_dir, top=1000).read_text(encoding="utf-8") == source
    other = make_run(tmp_path / "run")
    page = write_report(other, top=4).read_text(encoding="utf-8")
    assert page.count("<tr data-i=") == 4
    assert "The first 4 of 12 candidates" in " ".join(page.split())
    assert write_report(other, top=1000).read_text(encoding="utf-8") == source


def unpacked(packed: list[Any]) -> np.ndarray:
    maximum, coded = packed
    steps = np.frombuffer(base64.b64decode(coded), dtype="<u2")
    return np.where(steps == packing.MISSING, np.nan, steps / packing.STEPS * maximum)


def test_curves_on_the_page_are_those_of_the_store(run_dir: Path, source: str) -> None:
    data = json.loads(Page(source).scripts[0])
    values = features(24)
    assert [(c["channel"], c["kind"]) for c in data["curves"]] == [
        (channel, curve[:-1]) for channel in ("Li", "anion") for curve in CURVES
    ]
    assert data["curves"][0]["radii"] == RADII
    for row, packed in enumerate(data["of"]):
        for place, curve in enumerate(packed):
            expected = values[12 + row, place * len(RADII) : (place + 1) * len(RADII)]
            np.testing.assert_allclose(unpacked(curve), expected, rtol=1e-5, atol=2e-5)
    first = unpacked(data["nearest"]["c0000"][0])
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
    assert text.unguarded("'=a") == "=a"
    assert text.unguarded("'a") == "'a"


@given(st.text(alphabet="=+-@\t\r'a", max_size=4).filter(lambda cell: not cell.startswith("'")))
def test_reading_undoes_the_guard_of_writing(cell: str) -> None:
    assert text.unguarded(plain_cell(cell)) == cell


@settings(deadline=None, max_examples=60)
@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_embedded_json_is_the_value_and_holds_no_tag(value: Any) -> None:
    shown = str(text.embedded_json(value))
    assert json.loads(shown) == value
    assert not set(shown) & set("<>&")


def test_numbers() -> None:
    cases = {-0.513: "−0.51", -0.001: "0.00", 2.0: "2.00", float("nan"): "–", float("inf"): "∞"}
    assert {text.number(value) for value in cases} == set(cases.values())


def test_kinds_in_words() -> None:
    assert kind_words(channel="Li", curve="beta1", radius_from="3.0", radius_to="4.0") == "Li β₁ rings, 3–4 Å"
    assert kind_words(channel="Li", curve="mean_occupancy", radius_from="", radius_to="") == "Li mean occupancy"


def test_an_infinite_distance_is_shown_and_sorted_as_one(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    ranking.loc[0, "distance"] = "inf"
    ranking.to_csv(run / "ranking.csv", index=False)
    page = write_report(run, top=10).read_text(encoding="utf-8")
    assert '<td class="num wide">∞</td>' in page
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
        find_rows(run / "features.zarr", ["nobody"])
    ranking = (run / "ranking.csv").read_text(encoding="utf-8")
    (run / "ranking.csv").write_text(ranking.replace("distance", "farness", 1), encoding="utf-8")
    with pytest.raises(InputError, match="lacks the column distance"):
        write_report(run, top=10)
    (run / "ranking.csv").write_text(ranking.replace("-2.2,", "maybe,", 1), encoding="utf-8")
    with pytest.raises(InputError, match="row 1: prediction cannot be 'maybe'"):
        write_report(run, top=10)
    (run / "ranking.csv").unlink()
    with pytest.raises(InputError, match="needs a finished run"):
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


def test_a_ranking_in_parquet_makes_the_same_page(tmp_path: Path, source: str) -> None:
    run = make_run(tmp_path / "run")
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
    assert page.count("<tr data-i=") == 0


@pytest.mark.slow
def test_a_thousand_candidates_stay_below_15_megabytes(tmp_path: Path) -> None:
    from screening.vectorize import columns

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
    assert "90 %</td>" in source
    assert "held back: elements that were excluded, or one that was required is missing" in source
    assert "held back: more atoms than asked for" in source
    assert "at most -0.10 in 3 shuffles: nothing leaks between folds" in source
    assert "1.23 from 198 crystals" in source
    assert "2.2 × chance in the first 1 %" in source
    assert "10.0 to 31.0 %" in source
    assert "1 to 14" in source
    assert "<b>odd" not in source
    data = json.loads(next(text for text in Page(source).scripts if text.startswith("{")))
    # Cells that a file named are text in the CSV made by the page, and so guarded against spreadsheets.
    assert {"held_back", "same_as_labelled", "id"} <= set(data["text"])
    assert not {"chance", "rank", "prediction", "in_domain"} & set(data["text"])
    scores["y_randomisation"]["r2_highest"] = 0.4
    (run / "model" / "scores.json").write_text(json.dumps(scores))
    assert "distrust the scores" in write_report(run, top=100).read_text(encoding="utf-8")


def test_runs_of_earlier_versions_have_neither(source: str) -> None:
    assert "held back" not in source
    assert "How stable this order is" not in source
    data = json.loads(next(text for text in Page(source).scripts if text.startswith("{")))
    place = data["columns"].index("chance")
    assert {row[place] for row in data["rows"]} == {None}
