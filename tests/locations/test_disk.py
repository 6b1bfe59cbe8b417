"""Files are written whole, under names that nobody can guess, and nothing that is not ours is touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from made_run import make_run
from made_store import COLUMNS, HEADER, filled

from screening.data.members import write_members
from screening.errors import InputError, StoreError
from screening.locations.disk import PARTIAL, Disk, beside, new_folder, replaced, write_whole
from screening.report.export import export_candidates
from screening.report.page import write_report
from screening.runs.record import read_record, write_record
from screening.store.export import export_features
from screening.store.store import FeatureStore

Write = Callable[[Path], object]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_names_cannot_be_guessed_and_are_never_too_long(tmp_path: Path) -> None:
    target = tmp_path / ("ä" * 127)  # 254 bytes
    names = {beside(target).name for _ in range(100)}
    assert len(names) == 100
    assert all(len(os.fsencode(name)) <= 255 and name.endswith(PARTIAL) for name in names)
    write_whole(target, b"text")
    assert target.read_bytes() == b"text"
    assert names_in(tmp_path) == {target.name}


@pytest.mark.parametrize("planted", ["file", "link", "folder"])
def test_what_is_there_is_never_written_to(tmp_path: Path, planted: str) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    name = tmp_path / "x"
    if planted == "file":
        name.write_text("precious")
    elif planted == "link":
        name.symlink_to(other)
    else:
        name.mkdir()
    for make in (lambda: Disk().write_new(name, b"mine"), lambda: Disk().make_folder(name)):
        with pytest.raises(FileExistsError):
            make()
    if planted == "link":
        with pytest.raises(OSError, match="symbolic"):
            Disk().append(name, b"mine")
    assert other.read_text() == "precious"


def test_a_replaced_link_leaves_what_it_led_to(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("precious")
    (tmp_path / "x").symlink_to(tmp_path / "other")
    write_whole(tmp_path / "x", b"mine")
    assert (tmp_path / "x").read_bytes() == b"mine"
    assert (tmp_path / "other").read_text() == "precious"


def test_an_error_leaves_the_old_and_no_leftover(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    target.write_text("old")

    def half(path: Path) -> None:
        path.write_text("half")
        raise KeyError

    with pytest.raises(KeyError), replaced(target) as new:
        half(new)
    assert new.suffix == ".csv"
    with pytest.raises(KeyError), new_folder(tmp_path / "f") as folder:
        half(folder / "a")
    assert names_in(tmp_path) == {"x.csv"}
    assert target.read_text() == "old"
    with replaced(target) as new:
        new.write_text("new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_folder_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "precious").write_text("x")
    with pytest.raises(OSError, match="not empty"), new_folder(tmp_path / "f"):
        pass
    assert names_in(tmp_path) == {"f"}
    assert names_in(tmp_path / "f") == {"precious"}


def members(path: Path) -> None:
    write_members(path, [("a.cif", b"data_a")])


def a_store(path: Path) -> None:
    FeatureStore.create(path, columns=COLUMNS, channels=["Li"], header=HEADER)


@pytest.mark.parametrize("sibling", ["{}.new", ".{}.part", "{}.tmp", "{}.partial"])
@pytest.mark.parametrize(
    ("name", "write"),
    [("s.zarr", a_store), ("made", members), ("made.zip", members), ("made.tar.gz", members)],
    ids=["store", "folder", "zip", "tar"],
)
def test_folders_beside_it_that_look_like_leftovers_stay(tmp_path: Path, name: str, write: Write, sibling: str) -> None:
    precious = tmp_path / sibling.format(name)
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    write(tmp_path / name)
    assert names_in(tmp_path) == {name, precious.name}
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_what_a_run_writes_leaves_its_neighbours(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    filled(tmp_path / "s")
    targets = [run / "report.html", run / "run.json", tmp_path / "a.csv", tmp_path / "f.parquet"]
    planted = [path.with_name(f"{path.name}.new") for path in targets] + [run / "run.new", run / "report.html.new"]
    for path in planted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("precious")
    write_report(run, top=5)
    write_record(run / "run.json", read_record(run / "run.json"))
    export_candidates(run, tmp_path / "a.csv")
    export_features(tmp_path / "s", tmp_path / "f.parquet")
    assert all(path.read_text() == "precious" for path in planted)
    assert all(path.is_file() for path in targets)
    assert not list(tmp_path.rglob(f"*{PARTIAL}*"))


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    store = filled(tmp_path / "s")
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "s" / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link"), store.locked():
        pass
    (tmp_path / "s" / "lock").unlink()
    (tmp_path / "s" / "lock").symlink_to(tmp_path / "not-there")
    with pytest.raises(StoreError, match="symbolic link"), store.locked():
        pass
    assert not (tmp_path / "not-there").exists()


def test_members_are_refused_where_there_is_something(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "x").write_text("precious")
    with pytest.raises(InputError, match="is no empty folder"):
        members(tmp_path / "made")
    (tmp_path / "empty").mkdir()
    members(tmp_path / "empty")
    assert names_in(tmp_path / "empty") == {"a.cif"}
