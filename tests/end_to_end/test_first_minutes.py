"""What a user is told in the first minute, and what is joined, kept and found again afterwards."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from command import SMALL, Done, screening
from made_crystals import random_crystal, rocksalt, write_set
from pymatgen.core import Structure

from screening.errors import ModelError
from screening.learn import precheck, read_labels
from screening.sources import iter_items


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 24 labelled CIF files, 6 candidates as pymatgen entries, and a RUN made from the folder itself."""
    folder = tmp_path_factory.mktemp("made")
    write_set(folder / "crystals", labelled=24, candidates=0)
    entries = []
    for seed in range(40, 46):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pymatgen's, on CIF without operations
            structure = Structure.from_str(random_crystal(seed), fmt="cif").as_dict()
        entries.append({"material_id": f"mp-{seed}", "e_above_hull": (seed - 40) / 10, "structure": structure})
    (folder / "candidates.json").write_text(json.dumps(entries))
    rows = ["id,band_gap,comment", "mp-40,1.5,good", "mp-41,0.2,bad", "mp-42,,", "mp-999,3,", "mp-998,3,"]
    (folder / "p.csv").write_text("\n".join(rows))
    conditions = 'hold_back = ["e_above_hull > 0.35", "band_gap < 0.5"]\nhold_back_flags = []\ntop = 4\n'
    (folder / "small.toml").write_text(f"{SMALL}\n[rank]\n{conditions}")
    here = Path.cwd()
    os.chdir(folder)
    try:
        done = run_in(folder)
    finally:
        os.chdir(here)
    (folder / "stdout.txt").write_text(done.stdout)
    (folder / "stderr.txt").write_text(done.stderr)
    return folder


def run_in(folder: Path) -> Done:
    """Run with paths relative to the folder."""
    return screening(
        "run", "crystals", "candidates.json", "--labels", "crystals/labels.csv", "--properties", "p.csv",
        "-c", "small.toml", "--out", "RUN", "--workers", "1",
    )  # fmt: skip


def test_properties_are_columns_and_hold_back(made: Path) -> None:
    ranking = pd.read_csv(made / "RUN" / "ranking.csv").set_index("id")
    assert ranking["e_above_hull"].to_dict() == {f"mp-{seed}": (seed - 40) / 10 for seed in range(40, 46)}
    assert ranking.loc["mp-40", "band_gap"] == 1.5
    assert ranking.loc["mp-41", "comment"] == "bad"
    held = ranking["held_back"].fillna("")
    assert held["mp-44"] == held["mp-45"] == "e_above_hull > 0.35"
    assert held["mp-41"] == "band_gap < 0.5"
    assert set(ranking.index[:3]) == {"mp-40", "mp-42", "mp-43"}
    told = (made / "stdout.txt").read_text()
    assert "properties: e_above_hull, band_gap, comment" in told
    assert "2 of 5 ids of the properties match no crystal: mp-998, mp-999" in told
    said = " ".join((made / "stderr.txt").read_text().split())
    assert "hold_back 'band_gap < 0.5': 1 crystals; 4 without a value" in said
    page = (made / "RUN" / "report.html").read_text()
    assert '"e_above_hull"' in page
    record = json.loads((made / "RUN" / "run.json").read_text())
    assert record["properties"]["columns"] == ["e_above_hull", "band_gap", "comment"]


def test_the_page_written_anew_keeps_the_top_of_the_run(made: Path) -> None:
    assert (made / "RUN" / "report.html").read_text().count('"mp-4') >= 4
    before = (made / "RUN" / "report.html").read_bytes()
    screening("report", made / "RUN")
    assert (made / "RUN" / "report.html").read_bytes() == before


def test_ranking_again_joins_the_same(made: Path, tmp_path: Path) -> None:
    run = made / "RUN"
    done = screening(
        "rank", "--features", run / "features.zarr", "--model", run / "model", "--properties", made / "p.csv",
        "-c", made / "small.toml", "--out", tmp_path / "again.csv",
    )  # fmt: skip
    assert (tmp_path / "again.csv").read_bytes() == (run / "ranking.csv").read_bytes()
    assert "match no crystal" in done.stderr


def test_crystals_are_found_again_from_any_folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run was given relative paths, in another folder than this."""
    monkeypatch.chdir(tmp_path)
    screening("export", made / "RUN", "--out", tmp_path / "list.zip")
    names = zipfile.ZipFile(tmp_path / "list.zip").namelist()
    assert sorted(names) == [
        "mp-40.cif",
        "mp-41.cif",
        "mp-42.cif",
        "mp-43.cif",
        "mp-44.cif",
        "mp-45.cif",
        "shortlist.csv",
    ]
    import screening as package

    assert package.load(made / "RUN").candidate("mp-40").structure is not None


def test_where_they_are_gone_it_is_said_and_the_status_tells(made: Path, tmp_path: Path) -> None:
    moved = made / "candidates.json"
    moved.rename(made / "elsewhere.json")
    try:
        done = screening("export", made / "RUN", "--out", tmp_path / "list.zip", check=1)
        assert "6 of 6 structures are not in" in done.stderr
        assert "missing.txt" in zipfile.ZipFile(tmp_path / "list.zip").namelist()
        done = screening("report", made / "RUN", check=1)
        assert "1 files that candidates came from are not there" in " ".join(done.stderr.split())
    finally:
        (made / "elsewhere.json").rename(moved)
        screening("report", made / "RUN")


def test_the_same_command_gives_the_same_ranking(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)
    before = (made / "RUN" / "ranking.csv").read_bytes()
    done = run_in(made)
    assert (made / "RUN" / "ranking.csv").read_bytes() == before
    assert "31 found = 30 featurized + 1 rejected (passed-over 1)" in done.stdout


# Told before anything is featurized


def small_set(folder: Path, *, count: int = 24) -> Path:
    return write_set(folder / "crystals", labelled=count, candidates=2)


def refused(folder: Path, labels: Path, *more: str) -> str:
    """Return what a run says that ends before a store is made."""
    done = screening("run", folder / "crystals", "--labels", labels, "--out", folder / "RUN", *more, check=1)
    assert not (folder / "RUN" / "features.zarr").exists()
    return " ".join(done.stderr.split())


def test_another_ion_than_that_of_the_labels(tmp_path: Path) -> None:
    labels = small_set(tmp_path)
    assert "24 of 24 labelled crystals hold no Na" in refused(tmp_path, labels, "--ion", "Na")


def test_too_few_labels(tmp_path: Path) -> None:
    labels = small_set(tmp_path, count=5)
    assert "the labels hold 4 measured values, at least 10 are needed" in refused(tmp_path, labels)


def test_labels_of_other_crystals(tmp_path: Path) -> None:
    labels = small_set(tmp_path)
    labels.write_text(labels.read_text().replace("\nc", "\nother-"))
    told = refused(tmp_path, labels)
    assert "0 of 24 labels are crystals of the given paths" in told
    assert "the labels name other-000, other-001, other-002, the crystals are named c000, c001, c002" in told


def test_labelled_crystals_that_cannot_be_read(tmp_path: Path) -> None:
    labels = small_set(tmp_path)
    for path in (tmp_path / "crystals").glob("c0*.cif"):
        path.write_text(path.read_text().replace("_cell_length_a", "_cell_length_x"))
    assert "24 of 24 labelled crystals are refused (no-cell)" in refused(tmp_path, labels)


def test_a_condition_that_is_none(tmp_path: Path) -> None:
    labels = small_set(tmp_path)
    (tmp_path / "bad.toml").write_text('[rank]\nhold_back = ["e_above_hull is low"]\n')
    assert "is not 'name op number'" in refused(tmp_path, labels, "-c", str(tmp_path / "bad.toml"))


def test_a_table_of_properties_without_ids(tmp_path: Path) -> None:
    labels = small_set(tmp_path)
    (tmp_path / "p.csv").write_text("x,e\n1,2\n")
    assert "no id column" in refused(tmp_path, labels, "--properties", str(tmp_path / "p.csv"))


def test_a_few_labels_without_a_crystal_are_said_and_do_not_stop(tmp_path: Path) -> None:
    labels = small_set(tmp_path)
    labels.write_text(labels.read_text() + "gone,1e-3,10.1/z\n")
    (tmp_path / "crystals" / "c000.cif").write_text("data_x\n")
    from screening.config import Config

    said: list[str] = []
    items = iter_items([str(tmp_path / "crystals")], Config().input)
    precheck.check_match(items, read_labels(labels), Config(), say=said.append)
    assert said == [
        "1 of 25 labels are no crystal of the given paths: gone",
        "1 of 24 labelled crystals are refused (no-atoms)",
    ]


def test_a_listing_without_end_is_looked_at_for_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from screening.config import Config
    from screening.sources import Item

    labels = read_labels(small_set(tmp_path))

    def endless():
        number = 0
        while True:
            number += 1
            yield Item(id=f"x{number}", source="x", text=rocksalt().encode())

    monkeypatch.setattr(precheck, "LONGEST_LOOK", 0.2)
    precheck.check_match(endless(), labels, Config())
    with pytest.raises(ModelError, match="0 of 24"):
        precheck.check_match(iter([]), labels, Config())
