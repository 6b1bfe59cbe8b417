"""Crystals of a ranking, read again: the right one of its source, under the ids of earlier versions too."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_crystals import rocksalt

from screening.config import Config
from screening.crystals import Crystal
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
