"""What is handed out when: every shard once, bytes bounded, the costly ones first; answers do not depend on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import SMALL, arrays
from hypothesis import given, settings
from hypothesis import strategies as st
from made_crystals import write_set

from screening.cluster.dispatch import Window
from screening.cluster.featurize_all import featurize_all
from screening.cluster.progress import Progress
from screening.config import read_config
from screening.runs.verify import verify
from screening.sources import Shard


def shard(index: int, size: int) -> Shard:
    return Shard(index=index, count=1, inputs="", size=size, packed=b"")


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 60), st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_window_laws(sizes: list[int], most: int, ahead: int, seed: int) -> None:
    import random

    rng = random.Random(seed)
    read = []

    def work():
        for index, size in enumerate(sizes):
            read.append(index)
            yield shard(index, size)

    window = Window(work(), most_bytes=most)
    flying: list[Shard] = []
    seen: list[int] = []
    while len(seen) < len(sizes):
        flying.extend(window.take(max(0, ahead - len(flying)), ahead=ahead))
        held = sum(sizes[index] for index in read) - sum(sizes[index] for index in seen)
        # All that was read and is not done: within the bound but for the last one read.
        assert held - (sizes[read[-1]] if read else 0) < most
        assert len(read) - len(seen) <= 2 * ahead
        assert flying, "nothing in flight though work is left"
        back = flying.pop(rng.randrange(len(flying)))
        window.done(back)
        seen.append(back.index)
    assert sorted(seen) == list(range(len(sizes)))
    assert not list(window.take(3, ahead=ahead))


def test_the_costliest_of_the_window_goes_first_and_equal_ones_in_order() -> None:
    window = Window(iter([shard(index, size) for index, size in enumerate([1, 5, 3, 5, 9, 2])]), most_bytes=10**6)
    assert [one.index for one in window.take(4, ahead=4)] == [1, 4, 3, 2]
    assert [one.index for one in window.take(4, ahead=4)] == [5, 0]


def test_a_shard_beyond_the_bound_goes_alone() -> None:
    window = Window(iter([shard(index, 100) for index in range(3)]), most_bytes=10)
    first = list(window.take(3, ahead=3))
    assert [one.index for one in first] == [0]
    assert list(window.take(3, ahead=3)) == []
    window.done(first[0])
    assert [one.index for one in window.take(3, ahead=3)] == [1]


@pytest.mark.filterwarnings("error")
def test_large_texts_are_carried_without_a_warning_and_the_rows_are_the_same(tmp_path: Path, scheduler: str) -> None:
    """Comments blow files up to 8 MB: a shard is above the 10 MB at which Dask warns, and goes alone with 1 MiB."""
    write_set(tmp_path / "crystals", labelled=6, candidates=6)
    files = sorted((tmp_path / "crystals").iterdir())
    for place, file in enumerate(files):
        if place % 4 == 1:
            file.write_bytes(file.read_bytes() + b"\n" + b"# nothing but a comment\n" * 350_000)
    (tmp_path / "small.toml").write_text(SMALL)
    for name, bound in (("wide", 256), ("tight", 1)):
        config = read_config(tmp_path / "small.toml", {"cluster": {"bytes_in_flight": bound, "scheduler": scheduler}})
        featurize_all([str(tmp_path / "crystals")], config=config, out=tmp_path / f"{name}.zarr", progress=Progress())
    assert arrays(tmp_path / "wide.zarr") == arrays(tmp_path / "tight.zarr")
    assert verify(tmp_path / "tight.zarr") == []
