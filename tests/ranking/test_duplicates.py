"""The same crystal met again: against the plain definition, on real crystals written anew, and never by accident."""

from __future__ import annotations

import dataclasses
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rewritten import BASES, CRYSTALS, rewritten
from synthetic import QUICK, labels, table

from screening.config import Config
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal
from screening.elements import NUMBERS, SYMBOLS
from screening.features import distance_columns
from screening.features.curves import columns
from screening.features.shard import featurize
from screening.learn.model import Model
from screening.learn.train import train
from screening.ranking import batches, duplicates
from screening.ranking.batches import StoredTables
from screening.ranking.duplicates import (
    LabelledCrystals,
    equal_features,
    fractions_of,
    same_structure,
    sketch,
    suspected,
)
from screening.ranking.rank import confirming, rank
from screening.report.structures import p1_cif
from screening.sources.blocks import Item
from screening.sources.lookup import Wanted
from screening.store.read import iter_tables
from screening.store.store import FeatureStore
from screening.store.tables import FeatureTable

CONFIG = Config()


@pytest.fixture(scope="module")
def known() -> FeatureTable:
    return table(40, seed=0)


@pytest.fixture(scope="module")
def model(known: FeatureTable) -> Model:
    return train(known, labels(known, 40, seed=1), QUICK)


def chosen(whole: FeatureTable, rows: np.ndarray, ids: list[str] | None = None) -> FeatureTable:
    return dataclasses.replace(
        whole,
        ids=whole.ids[rows] if ids is None else np.array(ids, dtype=object),
        features=whole.features[rows].copy(),
        facts=whole.facts.iloc[rows].reset_index(drop=True),
        composition=whole.composition[rows].copy(),
    )


def shards(whole: FeatureTable, size: int) -> list[FeatureTable]:
    return [chosen(whole, np.arange(begin, min(begin + size, len(whole)))) for begin in range(0, len(whole), size)]


def variants(seed: int, n: int) -> FeatureTable:
    """Copies of a few crystals in other cells, with float noise, or just beyond a tolerance in one respect."""
    rng = np.random.default_rng(seed)
    origin = rng.integers(0, 4, n)
    ids = [f"v{k}" for k in rng.permutation(n)]
    found = chosen(table(4, seed=seed % 3, prefix="o"), origin, ids)
    cells = rng.integers(1, 4, n)
    found.composition[:] *= cells[:, None]
    volume = found.facts["volume"].to_numpy() * cells
    found.features[:] += rng.uniform(-1e-6, 1e-6, found.features.shape)
    for row, change in enumerate(rng.integers(0, 9, n)):
        column = rng.integers(0, found.features.shape[1])
        if change == 0:
            found.features[row, column] += 2e-4
        elif change == 1:
            found.features[row, column] = np.nan
        elif change == 2:
            volume[row] *= 1 + 4e-5
        elif change == 3:
            found.composition[row, NUMBERS["Li"]] *= 1.01
        elif change == 4:
            found.composition[row, NUMBERS["Xe"]] = 1e-3
    found.facts["volume"] = volume
    return found


def plainly(whole: FeatureTable) -> dict[str, str]:
    """What stands for each crystal, by the definition: id after id, each compared to all that stand for themselves."""
    amounts = whole.composition.astype(np.float64)
    fractions = amounts / amounts.sum(axis=1, keepdims=True)
    volume = whole.facts["volume"].to_numpy() / amounts.sum(axis=1)
    stands: dict[str, str] = {}
    firsts: list[int] = []
    for row in sorted(range(len(whole)), key=lambda row: str(whole.ids[row])):
        for other in firsts:
            if (
                ((fractions[row] > 0) == (fractions[other] > 0)).all()
                and np.abs(fractions[row] - fractions[other]).max() <= 1e-4
                and abs(np.log(volume[row] / volume[other])) <= np.log1p(1e-5)
                and np.allclose(whole.features[row], whole.features[other], rtol=0, atol=1e-5, equal_nan=True)
            ):
                stands[whole.ids[row]] = whole.ids[other]
                break
        else:
            firsts.append(row)
            stands[whole.ids[row]] = whole.ids[row]
    return stands


def stands_for(frame: pd.DataFrame) -> dict[str, str]:
    return {str(id): str(first or id) for id, first in zip(frame["id"], frame["duplicate_of"], strict=True)}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_duplicates_are_those_of_the_definition(model: Model, seed: int, n: int, size: int) -> None:
    whole = variants(seed, n)
    frame = rank(shards(whole, size), model, labelled=False, config=QUICK.rank)
    assert stands_for(frame) == plainly(whole)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))
def test_order_shards_and_sizes_of_reading_do_not_matter(
    model: Model, seed: int, read: int, size: int, batch: int
) -> None:
    whole = variants(seed, 30)
    expected = rank([whole], model, labelled=False, config=QUICK.rank)
    shuffled = chosen(whole, np.random.default_rng(seed).permutation(30))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "READ_ROWS", read)
        patch.setattr(batches, "BATCH", batch)
        again = rank(shards(shuffled, size), model, labelled=False, config=QUICK.rank)
    pd.testing.assert_frame_equal(again, expected, check_exact=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_buckets_part_no_two_that_are_equal(seed: int, n: int) -> None:
    """Values on a fine ladder: a chain of neighbours has no rounding edge to fall over."""
    rng = np.random.default_rng(seed)
    signatures = np.zeros(n, dtype=duplicates._FIELDS)
    signatures["volume"] = rng.integers(0, 8, n) * 0.7e-5
    signatures["sketch"] = rng.integers(0, 3, (n, duplicates.N_SKETCH)) * 0.9e-5
    signatures["missing"] = rng.integers(0, 2, n)
    found, bucket = suspected(signatures)
    bucket_of = dict(zip(found.tolist(), bucket.tolist(), strict=True))
    for i in range(n):
        for j in range(i):
            one, other = signatures[i], signatures[j]
            if (
                one["missing"] == other["missing"]
                and abs(one["volume"] - other["volume"]) <= np.log1p(1e-5)
                and (np.abs(one["sketch"] - other["sketch"]) <= 1e-5).all()
            ):
                assert i in bucket_of
                assert bucket_of[i] == bucket_of[j]
    assert all(count > 1 for count in np.bincount(bucket)[np.unique(bucket)])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 11))
def test_sketches_move_no_more_than_features(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(5, width)).astype(np.float32) * 10
    features[rng.random(features.shape) < 0.3] = np.nan
    moved = (features.astype(np.float64) + rng.choice([-1e-5, 1e-5], features.shape)).astype(np.float32)
    gap = np.abs(moved.astype(np.float64) - features).max(initial=0, where=~np.isnan(features))
    assert np.abs(sketch(moved) - sketch(features)).max() <= gap + 1e-12
    parts = [features[:, k::4] for k in range(4)]
    means = [[np.mean(row[~np.isnan(row)], dtype=float) if (~np.isnan(row)).any() else 0 for row in p] for p in parts]
    np.testing.assert_allclose(sketch(features).T, means, atol=1e-12)


def test_only_suspects_are_read_again(model: Model) -> None:
    class Counted(list[FeatureTable]):
        read: list[int]

        def __getitem__(self, index):
            self.read.append(index)
            return super().__getitem__(index)

    whole = table(40, seed=3, prefix="f")
    both = chosen(whole, np.array([*range(40), 33]), [*map(str, whole.ids), "copy"])
    tables = Counted(shards(both, 10))
    tables.read = []
    frame = rank(tables, model, labelled=False, config=QUICK.rank)
    assert stands_for(frame) == {str(id): "copy" if id == "f33" else str(id) for id in both.ids}
    assert sorted(tables.read) == [3, 4]


def test_what_can_be_read_once_only_is_ranked_without_looking_for_duplicates(model: Model) -> None:
    whole = variants(7, 20)
    frame = rank(iter([whole]), model, labelled=False, config=QUICK.rank)
    assert frame["rank"].tolist() == list(range(1, 21))
    assert (frame["duplicate_of"] == "").all()
    assert frame["duplicates"].isna().all()


def test_confirm_has_the_last_word(model: Model) -> None:
    whole = table(3, seed=3, prefix="f")
    copies = chosen(whole, np.array([0, 0, 0, 0, 1]), ["a", "b", "c", "d", "e"])
    asked: list[tuple[str, str]] = []

    def confirm(left: str, right: str) -> bool:
        asked.append((left, right))
        return {left, right} in ({"a", "c"}, {"b", "d"})

    given: list[Wanted] = []

    def of(wanted: Sequence[Wanted]) -> Callable[[str, str], bool]:
        given.extend(wanted)
        return confirm

    frame = rank([copies], model, labelled=False, config=QUICK.rank, confirm=of)
    assert stands_for(frame) == {"a": "a", "b": "b", "c": "a", "d": "b", "e": "e"}
    assert [one.id for one in given] == ["a", "b", "c", "d"]  # what stands alone need not be read
    assert asked == [("a", "b"), ("a", "c"), ("a", "d"), ("b", "d")]


def test_the_groups_of_the_best_predictions_are_confirmed_first(model: Model) -> None:
    """Only so many crystals are read again: those that the list begins with."""
    copies = chosen(table(3, seed=3, prefix="f"), np.array([0, 0, 1, 1, 2, 2]), ["a", "b", "c", "d", "e", "f"])
    given: list[Wanted] = []

    def of(wanted: Sequence[Wanted]) -> Callable[[str, str], bool]:
        given.extend(wanted)
        return lambda left, right: True

    frame = rank([copies], model, labelled=False, config=QUICK.rank, confirm=of)
    assert frame["prediction"].nunique() == 3
    assert [one.id for one in given] == frame["id"].tolist()


def test_a_candidate_that_is_a_labelled_crystal_says_which(model: Model, known: FeatureTable) -> None:
    copies = chosen(known, np.array([4, 4, 5, 6, 7]), ["noisy", "moved", "other", "gap", "plain"])
    copies.features[0] += np.float32(2e-6)
    copies.features[1, 3] += np.float32(1e-3)
    copies.facts.loc[2, "formula"] = "LiX5O"
    copies.features[3, 0] = np.nan
    for tables in ([copies, known], [known, copies]):
        frame = rank(tables, model, labelled=False, config=QUICK.rank).set_index("id")
        assert frame["same_as_labelled"].to_dict() == {
            "noisy": "c4",
            "moved": "",
            "other": "",
            "gap": "",
            "plain": "c7",
        }
        assert (frame["duplicate_of"] == "").all()
    frame = rank([known, copies], model, labelled=True, config=QUICK.rank).set_index("id")
    assert len(frame) == frame["rank"].max() == 45  # a measurement is never listed under another entry
    assert frame["same_as_labelled"].to_dict() == dict.fromkeys(known.ids, "") | {
        "noisy": "c4", "moved": "", "other": "", "gap": "", "plain": "c7"
    }  # fmt: skip


def test_the_first_of_equal_labelled_crystals_is_named(model: Model) -> None:
    training = model.training
    rows = np.array([9, 3, 3, 9, 9])
    doubled = dataclasses.replace(
        training,
        ids=np.array(["a", "b", "c", "d", "e"], dtype=object),
        features=training.features[rows],
        formula=np.array(["Li2O", "Li0.5CoO2", "LiCo2O4", "Li2S", "Li2O"], dtype=object),
    )
    crystals = LabelledCrystals.of(doubled)
    formulas = np.array(["Li2O", "LiCo2O4", "Li4O2", "Li2S", "LiF"], dtype=object)
    assert crystals.same_as(training.features[[9, 3, 9, 9, 9]], formulas).tolist() == ["a", "b", "a", "d", ""]


def test_fractions_are_those_of_the_composition() -> None:
    for crystal in CRYSTALS.values():
        read = read_cif(crystal.to_cif().encode(), id="x", source="x", limits=CONFIG.input)
        amounts = np.array([read.composition().get(symbol, 0.0) for symbol in SYMBOLS])
        np.testing.assert_allclose(fractions_of(read.formula), amounts / amounts.sum(), atol=1e-3)


NAMES = ("as published", "2x1x1", "skewed", "skewed supercell")
REAL = sorted(CRYSTALS, key=lambda name: len(CRYSTALS[name].to_cif()))[:24:3]


def written_anew(id: str) -> dict[str, bytes]:
    crystal = read_cif(CRYSTALS[id].to_cif().encode(), id=id, source=id, limits=CONFIG.input)
    texts = {NAMES[0]: CRYSTALS[id].to_cif().encode()}
    return texts | {name: rewritten(crystal, np.array(BASES[name]), seed) for seed, name in enumerate(NAMES[1:])}


def stored(path: Path, texts: dict[str, bytes], *, size: int) -> Path:
    header = {"config": CONFIG.features_config(), "features_hash": "", "engine": "periodic", "versions": {}}
    labels_of = ["Li", *CONFIG.cloud.channels[1:]]
    store = FeatureStore.create(
        path,
        columns=columns(CONFIG),
        channels=labels_of,
        header=header | {"shard_rows": size},
        distances=distance_columns(CONFIG.cloud),
    )
    items = [Item(id=id, source=id, text=text) for id, text in texts.items()]
    for index, begin in enumerate(range(0, len(items), size)):
        store.reserve((index + 1) * size)
        rows = featurize(items[begin : begin + size], CONFIG)
        assert not any(rows.strings[:, 4]), rows.strings[:, 4:]
        store.commit(store.write_shard(index, rows, inputs=str(index)))
    store.finish(len(items))
    return path


def test_real_crystals_written_anew_are_one_entry(tmp_path: Path) -> None:
    texts = {f"{id}/{name}": text for id in REAL for name, text in written_anew(id).items()}
    path = stored(tmp_path / "s", texts, size=5)
    tables = StoredTables(path)
    assert len(tables) == -(-len(texts) // 5)
    assert [list(one.ids) for one in tables] == [list(one.ids) for one in iter_tables(path)]
    assert [list(one.ids) for one in tables[1:3]] == [list(tables[1].ids), list(tables[2].ids)]
    signatures = duplicates.Signatures()
    ids: list[str] = []
    for number, part in enumerate(tables):
        every = np.arange(len(part))
        batch = batches._part(part, every, number=number)
        signatures.add(duplicates.Signed.of(batch, alone=np.zeros(len(part), dtype=np.bool_)))
        ids += list(part.ids)
    first = duplicates.representatives(signatures.joined(), tables, ids=np.array(ids, dtype=object))
    for id, stands in zip(ids, first, strict=True):
        assert ids[stands] == min(other for other in ids if other.split("/")[0] == id.split("/")[0])


@pytest.mark.parametrize("id", REAL[::2])
def test_same_structure_knows_a_crystal_written_anew(id: str) -> None:
    texts = written_anew(id)
    crystals = [read_cif(text, id=name, source=name, limits=CONFIG.input) for name, text in texts.items()]
    for other in crystals[1:]:
        assert same_structure(crystals[0], other), other.id


def cell(lattice: np.ndarray, sites: list[tuple[str, float, float, float]], occupancy: float = 1.0) -> Crystal:
    return Crystal(
        id="x", source="x", lattice=lattice,
        positions=np.array([site[1:] for site in sites]),
        numbers=np.array([NUMBERS[site[0]] for site in sites], dtype=np.uint8),
        occupancies=np.array([occupancy if site[0] == "Li" else 1.0 for site in sites]),
        site_idx=np.arange(len(sites)), charges=np.full(len(sites), np.nan),
    )  # fmt: skip


CUBIC = np.eye(3)
FACES = [(0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5)]
ROCKSALT = cell(5.13 * CUBIC, [("Li", *p) for p in FACES] + [("Cl", p[0] + 0.5, p[1], p[2]) for p in FACES])
# Zinc blende at the volume of rock salt: formula and volume per atom are equal.
BLENDE = cell(5.13 * CUBIC, [("Li", *p) for p in FACES] + [("Cl", x + 0.25, y + 0.25, z + 0.25) for x, y, z in FACES])
SWAPPED = cell(5.13 * CUBIC, [("Cl", *p) for p in FACES] + [("Li", p[0] + 0.5, p[1], p[2]) for p in FACES])


def ordering(metals: str) -> Crystal:
    """Li, Co and Ni in planes of rock salt: one geometry, two orders of the metals along c."""
    symbols = {"L": "Li", "C": "Co", "N": "Ni"}
    lattice = np.diag([2.9, 2.9, 2.05 * len(metals)])
    sites = []
    for layer, metal in enumerate(metals):
        shift = 0.5 * (layer % 2)
        sites.append((symbols[metal], shift, shift, layer / len(metals)))
        sites.append(("O", 0.5 - shift, 0.5 - shift, layer / len(metals)))
    return cell(lattice, sites)


def test_same_structure_tells_polymorphs_and_orderings_apart() -> None:
    assert same_structure(ROCKSALT, SWAPPED)  # the two sites of rock salt are alike
    assert not same_structure(ROCKSALT, BLENDE)
    assert not same_structure(ROCKSALT, dataclasses.replace(ROCKSALT, lattice=5.3 * CUBIC))
    assert not same_structure(ROCKSALT, dataclasses.replace(ROCKSALT, occupancies=np.repeat([0.5, 1.0], 4)))
    turn = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    assert same_structure(ROCKSALT, dataclasses.replace(ROCKSALT, lattice=5.13 * turn))
    charged = dataclasses.replace(ROCKSALT, charges=np.repeat([1.0, -1.0], 4))
    assert same_structure(ROCKSALT, charged)
    # The features are blind to which of two cations sits where; this is not.
    assert same_structure(ordering("LCLNLCLN"), ordering("LNLCLNLC"))
    assert not same_structure(ordering("LCLNLCLN"), ordering("LCLCLNLN"))


def test_structures_of_the_files_decide_between_equal_features(model: Model, tmp_path: Path) -> None:
    """Features blind to an ordering take four files for one crystal; what is read again knows better."""
    crystals = {
        "a": ordering("LCLNLCLN"),
        "b": ordering("LNLCLNLC"),  # a, from another origin
        "c": ordering("LCLCLNLN"),  # another ordering
        "d": ordering("LCLCLNLN"),
        "gone": ordering("LCLNLCLN"),
    }
    copies = chosen(table(3, seed=3, prefix="f"), np.zeros(5, dtype=int), list(crystals))
    for row, (id, crystal) in enumerate(crystals.items()):
        file = tmp_path / f"{id}.cif"
        file.write_text(p1_cif(crystal))
        read = read_cif(file.read_bytes(), id=id, source=str(file), limits=CONFIG.input)
        copies.facts.loc[row, ["source", "formula"]] = [str(file), read.formula]
    (tmp_path / "gone.cif").unlink()

    confirm, counts = confirming(CONFIG)
    frame = rank([copies], model, labelled=False, config=QUICK.rank, confirm=confirm)
    assert stands_for(frame) == {"a": "a", "b": "a", "c": "c", "d": "c", "gone": "a"}
    assert counts == {"confirmed": 2, "refuted": 2, "unread": 1}

    few = CONFIG.model_copy(update={"rank": CONFIG.rank.model_copy(update={"confirm_duplicates": 2})})
    confirm, counts = confirming(few)
    frame = rank([copies], model, labelled=False, config=few.rank, confirm=confirm)
    assert stands_for(frame) == dict.fromkeys(crystals, "a")
    assert counts == {"confirmed": 1, "refuted": 0, "unread": 3}

    none = CONFIG.model_copy(update={"rank": CONFIG.rank.model_copy(update={"confirm_duplicates": 0})})
    assert confirming(none)[0] is None


POLYMORPHS = ("mp-1407206", "mp-675926", "mp-1372870", "mp-797419")  # LiBH4 twice, LiFePO4 twice: equal volumes


def test_pairs_of_the_materials_project(shared_data: Path, tmp_path: Path) -> None:
    """A pair that is one structure in two cells, and what must not match: orderings, polymorphs."""
    wanted = ("mp-774032", "mp-804341", "mp-768690", "mp-768746", "mp-768748", "mp-768872", *POLYMORPHS)
    texts: dict[str, bytes] = {}
    with tarfile.open(shared_data / "mp-li" / "mp-li.tar.xz") as archive:
        for member in archive:
            name = Path(member.name).stem
            if name in wanted:
                texts[name] = archive.extractfile(member).read()  # type: ignore[union-attr]
    crystals = {id: read_cif(text, id=id, source=id, limits=CONFIG.input) for id, text in texts.items()}
    assert same_structure(crystals["mp-774032"], crystals["mp-804341"])
    orderings = [id for id in wanted if id.startswith("mp-768")]
    assert not any(same_structure(crystals[a], crystals[b]) for a in orderings for b in orderings if a < b)
    for one, other in zip(POLYMORPHS[::2], POLYMORPHS[1::2], strict=True):
        assert crystals[one].formula == crystals[other].formula
        assert not same_structure(crystals[one], crystals[other])
    tables = StoredTables(stored(tmp_path / "s", texts, size=3))
    rows = {str(id): features for table in tables for id, features in zip(table.ids, table.features, strict=True)}
    assert all(equal_features(rows[orderings[0]], rows[id]) for id in orderings)  # their volumes tell them apart
    signatures = duplicates.Signatures()
    ids: list[str] = []
    for number, part in enumerate(tables):
        every = np.arange(len(part))
        batch = batches._part(part, every, number=number)
        signatures.add(duplicates.Signed.of(batch, alone=np.zeros(len(part), dtype=np.bool_)))
        ids += list(part.ids)
    first = duplicates.representatives(signatures.joined(), tables, ids=np.array(ids, dtype=object))
    found = {id: ids[stands] for id, stands in zip(ids, first, strict=True)}
    assert found == {id: "mp-774032" if id == "mp-804341" else id for id in texts}
