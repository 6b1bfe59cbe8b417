"""Structures, holes, curves and reasons on the page are those of the crystals."""

from __future__ import annotations

import base64
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_crystals import random_crystal, rocksalt
from made_run import COLUMNS, CURVES, RADII, features, make_run
from page_parts import Page, details_of

from screening.config import Config, FeatureSettings
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal
from screening.errors import InputError
from screening.learn.load import load_model
from screening.report import curves as packing
from screening.report import details as details_module
from screening.report import structures
from screening.report.details import Details
from screening.report.page import write_report
from screening.report.squeeze import squeezed
from screening.report.structures import ANION, MOBILE, OTHER, p1_cif
from screening.runs.read import read_ranking
from screening.runs.record import read_record
from screening.sources.lookup import Missing, Wanted, find_crystals


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


def unsqueezed(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text)))
    return found


def bars_of(detail: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the bars of a candidate, none of one that is missing, without their surfaces."""
    channels = detail["structure"]["channels"] if "structure" in detail else []
    return [{name: part for name, part in bar.items() if name != "surface"} for one in channels for bar in one["bars"]]


def test_squeezed_details_are_those_of_each(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = read_ranking(run_dir / "ranking.csv")
    wanted = [Wanted(*map(str, row)) for row in frame[["id", "source", "formula"]].to_numpy()]
    details = Details(run_dir, read_record(run_dir / "run.json"))
    assert details.squeezed_of(wanted) == [squeezed(one) for one in details.of(wanted)]
    assert details.squeezed_of([]) == []
    whole = [squeezed(one) for one in details.of(wanted)]
    monkeypatch.setattr(details_module, "SURFACED", 4)
    few = details.squeezed_of(wanted)
    assert few[:4] == whole[:4]
    assert few[4:] != whole[4:]
    assert [bars_of(unsqueezed(one)) for one in few] == [bars_of(unsqueezed(one)) for one in whole]
    assert details.of([]) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_crystal_written_in_p1_is_read_back(seed: int) -> None:
    first = read_cif(random_crystal(seed).encode(), id="a b/<x>", source="", limits=Config().input)
    again = read_cif(p1_cif(first).encode(), id="b", source="", limits=Config().input)
    assert again.formula == first.formula
    np.testing.assert_allclose(again.positions, first.positions, atol=1e-6)
    np.testing.assert_allclose(
        np.abs(again.lattice @ again.lattice.T), np.abs(first.lattice @ first.lattice.T), rtol=1e-6
    )


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
