"""Crystals of a ranking, read again: the right one of its source, under the ids of earlier versions too."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path
from typing import IO

import pytest
from made_crystals import rocksalt

from screening.config import Config
from screening.crystals import Crystal
from screening.sources import archives, zips
from screening.sources.listing import iter_items
from screening.sources.lookup import Missing, Wanted, find_crystals

LIMITS = Config().input


def test_a_block_whose_name_begins_like_another_is_not_taken_for_it(tmp_path: Path) -> None:
    """An id is compared whole: two#ab is not two#a."""
    file = tmp_path / "two.cif"
    file.write_text(
        rocksalt(anion="Cl").replace("data_", "data_a\n#", 1) + rocksalt(anion="Br").replace("data_", "data_ab\n#", 1)
    )
    ids = {item.id for item in iter_items([str(file)], LIMITS)}
    assert ids == {"two#a", "two#ab"}
    for id, formula in (("two#a", "LiCl"), ("two#ab", "LiBr")):
        found = find_crystals([Wanted(id, str(file), formula)], LIMITS)[id]
        assert isinstance(found, Crystal)
        assert (found.id, found.formula) == (id, formula)


@pytest.mark.parametrize("id", ["one", "one#x", "one~2", "one#x~3"])
def test_the_only_crystal_beside_publication_blocks_is_found_under_both_names(tmp_path: Path, id: str) -> None:
    file = tmp_path / "one.cif"
    file.write_text("data_global\n_journal_year 2020\n" + rocksalt().replace("data_", "data_x\n#", 1))
    found = find_crystals([Wanted(id, str(file), "LiCl")], LIMITS)[id]
    assert isinstance(found, Crystal), found


def test_another_name_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "one.cif"
    file.write_text(rocksalt())
    assert isinstance(find_crystals([Wanted("other", str(file), "LiCl")], LIMITS)["other"], Missing)


@pytest.mark.parametrize("name", ["plain.cif", "left\u202eright.cif", "bell\x07.cif", r"number\u202e.cif"])
def test_a_file_of_an_odd_name_is_found_by_its_cleaned_source(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(rocksalt())
    (item,) = iter_items([str(tmp_path)], LIMITS)
    assert item.source.isprintable()
    for source in (item.source, str(tmp_path / name)):
        found = find_crystals([Wanted(item.id, source, "LiCl")], LIMITS)[item.id]
        assert isinstance(found, Crystal), found


def test_of_an_archive_only_what_is_wanted_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the name: one with ``::``, a copy of another's id, entries of a file of many."""
    path = tmp_path / "a.zip"
    texts = {"x.cif": "Cl", "sub/x.cif": "Br", "odd::name.cif": "I", "y.cif": "F"}
    with zipfile.ZipFile(path, "w") as file:
        for name, anion in texts.items():
            file.writestr(name, rocksalt(anion=anion))
        file.writestr("many.csv", 'material_id,cif\nm1,"' + rocksalt(anion="Cl") + '"\n')
    listed = {item.id: item for item in iter_items([str(path)], LIMITS)}
    assert {"x", "x~2", "odd::name", "y", "m1"} <= listed.keys()
    opened: list[str] = []

    def read(stream: IO[bytes], member: zips.Member) -> bytes:
        opened.append(member.name)
        return zips.read_member(stream, member)

    monkeypatch.setattr(archives, "read_member", read)
    wanted = [("x~2", "LiBr", "sub/x.cif"), ("odd::name", "LiI", "odd::name.cif"), ("m1", "LiCl", "many.csv")]
    found = find_crystals([Wanted(id, listed[id].source, formula) for id, formula, _ in wanted], LIMITS)
    assert {id: one.formula for id, one in found.items() if isinstance(one, Crystal)} == {
        id: formula for id, formula, _ in wanted
    }
    assert set(opened) == {name for _, _, name in wanted}


def test_a_tar_is_read_past_what_is_not_wanted(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        for name, data in (("bad.cif", b"\xff" * 100), ("x.cif", rocksalt().encode())):
            header = tarfile.TarInfo(name)
            header.size = len(data)
            file.addfile(header, io.BytesIO(data))
    source = f"{path}::x.cif"
    assert isinstance(find_crystals([Wanted("x", source, "LiCl")], LIMITS)["x"], Crystal)
    assert isinstance(find_crystals([Wanted("z", f"{path}::z.cif", "LiCl")], LIMITS)["z"], Missing)


def test_members_of_odd_names_are_found_in_a_zip_too(tmp_path: Path) -> None:
    """Only what a plain name rules out is passed over by its name."""
    file = tmp_path / "many\u202e.zip"
    names = ["plain.cif", "ab::c.cif", "left\u202eright.cif", "bell\x07.cif", "d\u00e9j\u00e0.cif", "=1.cif"]
    names.append(r"number\u202e.cif")
    with zipfile.ZipFile(file, "w") as archive:
        for place, name in enumerate(names):
            archive.writestr(name, rocksalt(anion="Cl" if place % 2 else "Br"))
            archive.writestr(f"other-{place}.cif", rocksalt(anion="I"))
    items = [item for item in iter_items([str(file)], LIMITS) if "other-" not in item.source]
    assert len(items) == len(names)
    wanted = [Wanted(item.id, item.source, "LiCl" if place % 2 else "LiBr") for place, item in enumerate(items)]
    found = find_crystals(wanted, LIMITS)
    assert [type(found[one.id]) for one in wanted] == [Crystal] * len(names)
    for one in wanted:
        alone = find_crystals([one], LIMITS)[one.id]
        assert isinstance(alone, Crystal)
        assert alone.formula == one.formula
