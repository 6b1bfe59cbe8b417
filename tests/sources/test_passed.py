"""Files that are no crystals are counted by suffix; what this program wrote itself is never walked into."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from command import SMALL, screening
from made_crystals import rocksalt, write_set

from screening.config import InputLimits
from screening.errors import Code
from screening.sources import Item, Passed, iter_items

LIMITS = InputLimits()


def items(path: Path, passed: Passed | None = None) -> list[Item]:
    return list(iter_items([str(path)], LIMITS, passed))


def told(found: list[Item]) -> dict[str, str]:
    """Return id and, where it is refused, code and detail."""
    return {
        item.id: f"{item.rejection.code.value}: {item.rejection.detail}" if item.rejection else "read" for item in found
    }


@pytest.fixture
def mixed(tmp_path: Path) -> dict[str, bytes]:
    """Files of many kinds: two of them are CIF under another name."""
    return {
        "a.cif": rocksalt().encode(),
        "b.cif.txt": b"# a comment first\n\n" + rocksalt(anion="F").encode(),
        "c.md": rocksalt(anion="I").encode(),
        "notes/one.PDF": b"%PDF-1.4",
        "notes/two.pdf": b"%PDF-1.4",
        "readme.txt": b"data_ is how a block of CIF begins\n",
        "package.json": b'{"name": "x", "version": 1}',
        "labels.csv": b"id,conductivity\na,1e-3\n",
        ".DS_Store": b"\0\1",
        "Makefile": b"all:\n",
        "code.cpp": b"int main() {}\n",  # a suffix that no table names
        "d.unheard": rocksalt(anion="Br").encode(),
    }


EXPECTED = {
    "a": "read",
    "b": "read",
    "c": "read",
    "d": "read",
    "(passed over: .*)": "passed-over: 1 hidden file or folder: passed over, no crystal by name and content",
    "(passed over: (no suffix))": "passed-over: 1 file (no suffix): passed over, no crystal by name and content",
    "(passed over: .cpp)": "passed-over: 1 file .cpp: passed over, no crystal by name and content",
    "(passed over: .csv)": "passed-over: 1 file .csv: passed over, no crystal by name and content",
    "(passed over: .json)": "passed-over: 1 file .json: passed over, no crystal by name and content",
    "(passed over: .pdf)": "passed-over: 2 files .pdf: passed over, no crystal by name and content",
    "(passed over: .txt)": "passed-over: 1 file .txt: passed over, no crystal by name and content",
}


def test_files_of_a_folder_are_read_by_content_or_counted(tmp_path: Path, mixed: dict[str, bytes]) -> None:
    for name, data in mixed.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    assert told(items(tmp_path)) == EXPECTED


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_so_are_the_members_of_an_archive(tmp_path: Path, mixed: dict[str, bytes], suffix: str) -> None:
    if suffix == ".zip":
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for name, data in mixed.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(tmp_path / "x.tar", "w") as members:
            for name, data in mixed.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                members.addfile(info, io.BytesIO(data))
    assert told(items(tmp_path / f"x{suffix}")) == EXPECTED


@pytest.mark.parametrize("name", ["in.zip", "in.tar.gz", "in.TXZ"])
def test_an_archive_in_an_archive_is_a_row_of_its_own(tmp_path: Path, name: str) -> None:
    """It may hold crystals, so it is not counted among files that are none."""
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.writestr(name, b"PK\x03\x04 and more")
    (only,) = items(tmp_path / "out.zip")
    assert only.rejection is not None
    assert only.rejection.code is Code.UNREADABLE
    assert "an archive inside an archive" in only.rejection.detail


def test_a_file_that_was_named_gets_a_row_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("id,conductivity\na,1e-3\n")
    (only,) = items(tmp_path / "labels.csv")
    assert only.rejection is not None
    assert (only.id, only.rejection.code) == ("labels", Code.NO_STRUCTURE)


def test_suffixes_without_end_are_a_bounded_number_of_rows(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for index in range(400):
            archive.writestr(f"x/.{index}", b"")
            archive.writestr(f"x/y.{index}.json", b"{}")
    passed = Passed()
    assert len(items(tmp_path / "many.zip", passed)) <= 202
    assert sum(passed.counts.values()) == 800


def test_hidden_folders_are_counted_and_not_walked_into(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.cif").write_text(rocksalt())
    assert list(told(items(tmp_path))) == ["(passed over: .*)"]


def test_stores_and_runs_in_an_input_folder_are_not_walked_into(scheduler: str, tmp_path: Path) -> None:
    """A second run into the folder of its own crystals found its own chunks as crystals."""
    crystals = tmp_path / "crystals"
    (crystals / "deep").mkdir(parents=True)
    (crystals / "a.cif").write_text(rocksalt())
    (crystals / "deep" / "b.cif").write_text(rocksalt(anion="F"))
    for out in ("F.zarr", "deep/G.zarr", "store"):
        done = screening("featurize", crystals, "--out", crystals / out, "--scheduler", scheduler, "-q")
        assert done.stdout.startswith("2 found = 2 featurized + 0 rejected"), done.stdout
    passed = Passed()
    assert list(told(items(crystals, passed))) == ["a", "b"]
    assert len(passed.outputs) >= 3
    made = crystals / "RUN"
    (made / "features.zarr").mkdir(parents=True)
    (made / "run.json").write_text("{}")
    (made / "x.cif").write_text(rocksalt())
    assert list(told(items(crystals))) == ["a", "b"]
    # A RUN that is itself the folder of the crystals: what it wrote is left out, the crystals are not.
    for name in ("run.json", "run.log", "ranking.csv", "report.html", "rejected.csv"):
        (crystals / name).write_text("{}")
    (crystals / "model").mkdir()
    (crystals / "model" / "model.json").write_text("{}")
    (crystals / "features.zarr").mkdir()
    assert list(told(items(crystals))) == ["a", "b"]


def test_featurize_leaves_the_refused_beside_its_store(scheduler: str, tmp_path: Path) -> None:
    crystals = tmp_path / "crystals"
    crystals.mkdir()
    (crystals / "a.cif").write_text(rocksalt())
    (crystals / "bad.cif").write_text("data_x\n_cell_length_a 1\n")
    (crystals / "notes.pdf").write_bytes(b"%PDF")
    done = screening("featurize", crystals, "--out", tmp_path / "F.zarr", "--scheduler", scheduler, "-q")
    assert "3 found = 1 featurized + 2 rejected" in done.stdout
    assert "1 file .pdf: passed over" in done.stdout
    lines = (tmp_path / "rejected.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["id", "bad", "(passed over: .pdf)"]
    screening("featurize", crystals, "--out", tmp_path / "G.zarr", "--scheduler", scheduler, "-q")
    assert (tmp_path / "G-rejected.csv").read_text().splitlines() == lines


def test_an_empty_ranking_ends_with_a_status_and_the_reason(scheduler: str, tmp_path: Path) -> None:
    labels = write_set(tmp_path / "crystals", labelled=24, candidates=0)
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "RUN").mkdir()
    (tmp_path / "RUN" / "mine.txt").write_text("kept")
    run, config = tmp_path / "RUN", tmp_path / "small.toml"
    command = ("run", tmp_path / "crystals", "--labels", labels, "--out", run, "-c", config)
    done = screening(*command, "--scheduler", scheduler, check=1)
    assert "the ranking is empty: all 24 crystals" in done.stderr
    assert "--rank-labelled" in done.stderr
    assert "holds other things, which stay: mine.txt" in done.stderr
    assert "1 file .csv: passed over" in done.stdout
    assert json.loads((tmp_path / "RUN" / "run.json").read_text())["passed_over"]
    again = screening(
        "rank",
        "--features",
        tmp_path / "RUN" / "features.zarr",
        "--model",
        tmp_path / "RUN" / "model",
        "--out",
        tmp_path / "r.csv",
        check=1,
    )
    assert "the ranking is empty" in again.stderr
