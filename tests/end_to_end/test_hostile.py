"""Hundreds of files, bad ones mixed with good: every input is a row, every refusal has a code, the good are untouched.

tests/support/hostile.py makes them. What holds: no crash, no hang, bounded memory, nothing written outside, no
internal error.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hostile
import numpy as np
import pytest
from hostile_kinds import GOOD, READ
from paths import ROOT

from screening.config import Config
from screening.errors import Code
from screening.features.shard import featurize
from screening.sources.blocks import Item
from screening.sources.listing import iter_items
from screening.spreadsheet import seen
from screening.store.read import read_rejections, read_table
from screening.store.tables import REJECTED, STRINGS

# Short radii: the reader is under test, not the homology.
QUICK = {"homology": {"r_max": {"mobile": 4.0, "anion": 4.0, "cation": 4.0, "framework": 4.0, "all": 3.0}}}
CONFIG = Config.model_validate(QUICK)
LIMIT_S = 20.0  # of processor time for one file, so that a busy machine fails nothing; the slowest takes about 2 s
# What one pass may add to the memory of the process, bytes: a file of 20 MB, parsed, several times. Measured: 50 MB.
GROWTH = 600_000_000
SEED = 20
CODE, DETAIL = STRINGS.index("code"), STRINGS.index("detail")


@pytest.fixture(scope="module")
def n_files(request: pytest.FixtureRequest) -> int:
    """All 71 kinds in four files and more each; of the kinds that are made by chance a slow run sees more."""
    return 1000 if request.config.getoption("--slow") else 400


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, n_files: int) -> Path:
    """The folder of hostile files, alone in a folder with a file that must stay as it is."""
    root = tmp_path_factory.mktemp("hostile")
    (root / "escaped.cif").write_text("untouched")
    hostile.write(root / "crystals", seed=SEED, n=n_files)
    return root


def tree(root: Path) -> dict[str, tuple[int, int]]:
    """Return every path below a folder with its size and time of change."""
    found = {}
    for parent, folders, files in os.walk(root):
        for name in (*folders, *files):
            status = (Path(parent) / name).lstat()
            found[os.path.join(parent, name)] = (status.st_size, status.st_mtime_ns)  # noqa: PTH118 - odd names
    return found


def kind_of(source: str) -> str:
    """Return the kind of hostile file that a source was made as."""
    match = re.search(r"/crystals/([a-z0-9-]+?)-\d{5}", source)
    assert match is not None, source
    return match[1]


def timed(items: Iterator[Item]) -> Iterator[tuple[Item, float]]:
    """Yield each item with the time that it took to come."""
    while True:
        started = time.process_time()
        item = next(items, None)
        if item is None:
            return
        yield item, time.process_time() - started


@pytest.fixture(scope="module")
def rows(made: Path) -> list[tuple[Item, str, str, np.ndarray, float]]:
    """Item, code, detail, features and seconds of every input, each featurized by itself."""
    before = tree(made)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = []
    for item, waited in timed(iter_items([str(made / "crystals")], CONFIG.input)):
        started = time.process_time()
        result = featurize([item], CONFIG)
        seconds = waited + time.process_time() - started
        code = str(result.strings[0, CODE]) if result.numbers[0, 0] == REJECTED else READ
        slim = Item(id=item.id, source=item.source, text=item.text[:0])
        found.append((slim, code, str(result.strings[0, DETAIL]), result.features[0], seconds))
    assert tree(made) == before
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024 < GROWTH
    return found


def test_there_are_enough_kinds_and_files(tmp_path: Path) -> None:
    """Nothing but the seed decides what is made."""
    counts = hostile.write(tmp_path / "crystals", seed=SEED, n=120)
    again = hostile.write(tmp_path / "again", seed=SEED, n=120)
    assert counts == again
    assert sum(counts.values()) == 120
    assert len(hostile.KINDS) >= 30
    assert min(counts.values()) >= 1  # 71 kinds in 120 files
    first, second = (
        {
            path.name: path.read_bytes()
            for path in sorted((tmp_path / name).iterdir())
            if path.suffix == ".cif" and path.is_file() and not path.is_symlink() and path.stat().st_size < 10**6
        }
        for name in ("crystals", "again")
    )
    assert len(first) > 70
    assert first == second


def test_every_refusal_has_a_code_of_its_kind_and_a_sentence(rows: list) -> None:
    unexpected = []
    for item, code, detail, _, _ in rows:
        kind = kind_of(item.source)
        allowed = {READ} if kind == GOOD else hostile.KINDS[kind].codes
        if code not in allowed:
            unexpected.append((item.source, code, detail))
        if code != READ:
            assert code in {known.value for known in Code}
            assert 5 < len(detail) <= 300, item.source
            assert detail.isprintable(), item.source
    assert unexpected == []
    assert Code.INTERNAL.value not in {code for _, code, _, _, _ in rows}


def test_every_file_is_a_row_and_every_id_is_one_of_a_kind(rows: list, made: Path, n_files: int) -> None:
    ids = [item.id for item, *_ in rows]
    assert len(set(ids)) == len(ids)
    assert all(item.id.isprintable() and 0 < len(item.id) < 600 for item, *_ in rows)
    sources = {item.source.split("::")[0] for item, *_ in rows}
    for path in sorted((made / "crystals").iterdir()):
        if path.is_dir():  # of folders, what is in them; a link to one is not followed
            continue
        source = seen(path.as_posix())
        assert source in sources, source
    counts = Counter(kind_of(item.source) for item, *_ in rows)
    assert counts[GOOD] == n_files // 5
    assert set(hostile.KINDS) <= set(counts)


def test_no_file_takes_long(rows: list) -> None:
    seconds, slowest = max((seconds, item.source) for item, *_, seconds in rows)
    assert seconds < LIMIT_S, slowest


def test_good_crystals_are_the_same_without_the_bad_ones(rows: list, made: Path) -> None:
    items = [item for item in iter_items([str(made / "crystals")], CONFIG.input) if item.id.startswith("good-")]
    alone = featurize(items, CONFIG)
    beside = {item.id: features for item, *_, features, _ in rows}
    for item, features in zip(items, alone.features, strict=True):
        assert features.tobytes() == beside[item.id].tobytes(), item.id


@pytest.mark.slow
def test_the_whole_folder_through_the_command(made: Path, tmp_path: Path, n_files: int) -> None:
    """Shards of good and bad ones together, workers with a limit of memory, default radii; then the good ones alone."""
    config = tmp_path / "config.toml"
    config.write_text("[cluster]\nworkers = 2\nmemory = 4.0\n[store]\nshard_rows = 32\n")
    before = tree(made)
    good = tmp_path / "good"
    good.mkdir()
    for path in sorted((made / "crystals").glob("good-*.cif")):
        (good / path.name).write_bytes(path.read_bytes())
    said = featurized(made / "crystals", tmp_path / "all.zarr", config)
    match = re.search(r"(\d+) found = (\d+) featurized \+ (\d+) rejected", said)
    assert match is not None, said
    n_found, n_done, n_rejected = map(int, match.groups())
    assert n_found == n_done + n_rejected == sum(1 for _ in iter_items([str(made / "crystals")], Config().input))
    rejections = read_rejections(tmp_path / "all.zarr")
    assert len(rejections) == n_rejected
    assert {row.code for row in rejections}.isdisjoint({Code.INTERNAL, Code.WORKER_KILLED, Code.TIME_LIMIT})
    assert all(row.code.value in hostile.KINDS[kind_of(row.source)].codes for row in rejections)
    assert all(5 < len(row.detail) <= 300 and row.detail.isprintable() for row in rejections)
    assert tree(made) == before
    assert (made / "escaped.cif").read_text() == "untouched"
    # The largest of all processes that have ended, workers among them. Measured: 0.5 GiB.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < 1.5 * 2**30
    featurized(good, tmp_path / "good.zarr", config)
    alone, beside = read_table(tmp_path / "good.zarr"), read_table(tmp_path / "all.zarr")
    places = {id: place for place, id in enumerate(beside.ids)}
    assert len(alone.ids) == n_files // 5
    for place, id in enumerate(alone.ids):
        assert alone.features[place].tobytes() == beside.features[places[id]].tobytes(), id


def featurized(crystals: Path, out: Path, config: Path) -> str:
    """Run the command; return what it says."""
    words = [sys.executable, "-m", "screening", "featurize", str(crystals), "--out", str(out), "--config", str(config)]
    done = subprocess.run([*words, "--device", "cpu", "--quiet"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done.stdout


def test_the_table_of_codes_is_complete() -> None:
    page = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    table = page.partition("## What is refused")[2].partition("\n## ")[0]
    listed = re.findall(r"(?m)^\| `([a-z-]+)` \|", table)
    assert listed == [code.value for code in Code]
