"""Shards: every input once, the same wherever they are listed, and errors that come over from the listing process."""

from __future__ import annotations

import json
import os
import random
import signal
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_crystals import write_set

import screening.sources.apart
from screening.config import Config
from screening.errors import Code, InputError, Rejection, StoreError
from screening.host import Child
from screening.sources import Item, ListedApart, ListedHere, iter_items, unpacked
from screening.sources.shards import Shard, groups_of, inputs_digest

LIMITS = Config().input
texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)
items = st.builds(
    Item,
    id=texts,
    source=texts,
    text=st.binary(max_size=60),
    block=st.none() | texts,
    rejection=st.none() | st.builds(Rejection, id=texts, source=texts, code=st.sampled_from(Code), detail=texts),
    format=st.sampled_from(["cif", "mson"]),
    properties=st.dictionaries(texts, st.floats(allow_nan=False), max_size=2),
)


@given(st.lists(items, max_size=12), st.integers(1, 5))
def test_shards_hold_every_input_once_and_say_what_they_hold(given_items: list[Item], size: int) -> None:
    shards = [Shard.of(index, group) for index, group in enumerate(groups_of(iter(given_items), size))]
    assert [shard.index for shard in shards] == list(range(len(shards)))
    assert all(shard.count == size for shard in shards[:-1])
    assert [item for shard in shards for item in unpacked(shard.packed)] == given_items
    for shard in shards:
        held = unpacked(shard.packed)
        assert shard.count == len(held) > 0
        assert shard.inputs == inputs_digest(held)
        assert shard.size == sum(len(item.text) for item in held)
        assert shard.properties == tuple((item.id, dict(item.properties)) for item in held if item.properties)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return a folder of crystals, of entries with numbers, of what is no crystal, and of an output of this program."""
    folder = tmp_path_factory.mktemp("mixed")
    write_set(folder / "crystals", labelled=5, candidates=6)
    (folder / "crystals" / "notes.pdf").write_bytes(b"%PDF")
    lattice = {"matrix": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]}
    sites = [{"species": [{"element": "Li", "occu": 1}], "abc": [0, 0, 0], "label": "Li"}]
    entry = {"@module": "pymatgen.core.structure", "@class": "Structure", "lattice": lattice, "sites": sites}
    told = [{"material_id": f"m-{k}", "e_above_hull": k / 8, "structure": entry} for k in range(3)]
    (folder / "entries.json").write_text(json.dumps(told))
    return [str(folder / "crystals"), str(folder / "entries.json")]


def test_listed_apart_is_what_is_listed_here(mixed: list[str]) -> None:
    here, apart = ListedHere(mixed, LIMITS), ListedApart(mixed, LIMITS)
    wanted = list(here.shards(4))
    assert list(apart.shards(4)) == wanted
    apart.close()
    assert [item for shard in wanted for item in unpacked(shard.packed)] == list(iter_items(mixed, LIMITS))
    assert any(shard.properties for shard in wanted)
    assert apart.passed == here.passed
    assert apart.passed.counts


@pytest.mark.parametrize("kind", [ListedHere, ListedApart])
def test_a_path_that_does_not_exist_is_told_before_anything_starts(kind: type, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        kind([str(tmp_path / "nowhere")], LIMITS)


BROKEN = """
from screening.errors import InputError
from screening.sources import lister

class Broken:
    def __init__(self, crystals, limits): pass
    def groups(self, size):
        print("a library says something")
        raise {error}("it went wrong")
        yield

lister.ListedHere = Broken
lister.main()
"""


@pytest.mark.parametrize(
    ("error", "wanted", "message"),
    [
        ("InputError", InputError, r"^it went wrong$"),
        (
            "KeyError",
            StoreError,
            r"ended with status 1: .*KeyError: 'it went wrong'; the same command goes on from here$",
        ),
    ],
)
def test_an_error_of_the_listing_process_comes_over(
    error: str, wanted: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setattr(screening.sources.apart, "Child", lambda _: Child(("-c", BROKEN.format(error=error))))
    with closing(ListedApart([str(tmp_path)], LIMITS)) as listed, pytest.raises(wanted, match=message):
        list(listed.shards(2))


FAILS_AT_FIRST = """
from screening.sources import lister
send = lister._send_shard

def fails(index, group, output):
    if index == 0:
        raise MemoryError("no room")
    send(index, group, output)

lister._send_shard = fails
lister.main()
"""


def test_a_shard_that_cannot_be_packed_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many come after it."""
    for number in range(30):
        (tmp_path / f"{number:02}.cif").write_text("data_x\n")
    monkeypatch.setattr(screening.sources.apart, "Child", lambda _: Child(("-c", FAILS_AT_FIRST)))
    listed = ListedApart([str(tmp_path)], LIMITS)
    with pytest.raises(StoreError, match="MemoryError: no room"):
        list(listed.shards(1))
    listed.close()


def test_a_listing_process_that_is_killed_is_told(tmp_path: Path) -> None:
    """More is to be listed than a pipe holds, so that it cannot have ended before."""
    for number in range(30):
        (tmp_path / f"{number:02}.cif").write_text("data_x\n# " + random.Random(number).randbytes(20_000).hex())
    with closing(ListedApart([str(tmp_path)], LIMITS)) as listed:
        shards = listed.shards(1)
        next(shards)
        os.kill(listed.pid, signal.SIGKILL)
        with pytest.raises(StoreError, match=r"lists crystals was ended by SIGKILL.*goes on from here"):
            list(shards)


def test_closing_ends_the_process(mixed: list[str]) -> None:
    listed = ListedApart(mixed, LIMITS)
    next(listed.shards(1))
    pid = listed.pid
    listed.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    listed.close()
