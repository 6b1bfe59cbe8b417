"""Many crystals at once against one by one: the same bits, whatever stands beside a crystal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cif_blocks import LIMITS, block
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.config import CloudConfig, InputLimits
from screening.crystals.batch import CrystalBatch
from screening.crystals.cells import crystals_of
from screening.crystals.cif import Unit, crystal_of, read_unit
from screening.crystals.clouds import channel_batches, channel_clouds, channel_members
from screening.crystals.crystal import Crystal
from screening.errors import Code, RejectionError
from screening.sources import iter_items

CONFIG = CloudConfig()
ARRAYS = ("lattices", "offsets", "positions", "numbers", "occupancies", "site_idx", "charges", "n_sites")
HEXAGONAL = (9, 9, 7, 90, 90, 120)
CUBE = (6, 6, 6, 90, 90, 90)
# What the kernel is sure of, and what it is not: thirds, copies, a site that is too full, contacts, two formulas.
CASES = (
    block("Li1 Li .3300 .6700 .1 1\nCl1 Cl 0 0 .5 1", cell=HEXAGONAL, group="P 3"),
    block("Li1 Li .33 .67 .1 1\nCl1 Cl 0 0 .5 1", cell=HEXAGONAL, group="P 3"),
    block("Li1 Li .33 .67 .1 .5\nNa1 Na .33 .67 .1 .5\nCl1 Cl 0 0 .5 1", cell=HEXAGONAL, group="P 3"),
    block("Li1 Li 0 0 0 1\nLi1 Li 1 0 0 1\nCl1 Cl .5 .5 .5 1", cell=CUBE),
    block("Li1 Li 0 0 0 .8\nNa1 Na 0 0 0 .8\nCl1 Cl .5 .5 .5 1", cell=CUBE),
    block("Li1 Li 0 0 0 1\nLi2 Li .1 0 0 1\nCl1 Cl .5 .5 .5 1", cell=CUBE),
    block("Li1 Li 0 0 0 1\nCl1 Cl .5 .5 .5 1", cell=CUBE, chemical_formula_sum="Li3 Cl"),
    block("Li1 Li 0 0 0 1\nCl1 Cl .5 .5 .5 1", cell=CUBE, chemical_formula_sum="Li Cl", cell_formula_units_Z=1),
    block("Li1 Li 0 0 0 1\nCl1 Cl .5 .5 .5 1", cell=CUBE, chemical_formula_sum="Li Cl", cell_formula_units_Z=4),
    block("Li1 Li 0 0 0 1\nO1 O .5 .5 .5 1\nH1 H ? ? ? 1", cell=CUBE, chemical_formula_sum="Li O H"),
    block("Na1 Na 0 0 0 1\nCl1 Cl .5 .5 .5 1", cell=CUBE),
    block("Li1 Li+ 0.02 0 0 0.25\nS1 S2- .5 .5 .5 1", cell=CUBE, group="P m -3 m"),
    block("OH1 OH 0 0 0 1\nLi1 Li .5 .5 .5 1", cell=CUBE),
)


def units_of(texts: list[bytes], limits: InputLimits = LIMITS) -> tuple[list[Unit], list[tuple[str, str]]]:
    units, names = [], []
    for number, text in enumerate(texts):
        try:
            units.append(read_unit(text, limits))
            names.append((f"{number}", f"{number}.cif"))
        except RejectionError:
            continue
    return units, names


def assert_same(one: CrystalBatch, other: CrystalBatch) -> None:
    assert list(one.names) == list(other.names)
    for name in ARRAYS:
        a, b = getattr(one, name), getattr(other, name)
        assert (name, a.dtype, a.shape, a.tobytes()) == (name, b.dtype, b.shape, b.tobytes())
    assert list(one.flags) == list(other.flags)
    assert list(one.spacegroups) == list(other.spacegroups)
    assert [dict(amounts) for amounts in one.unplaced] == [dict(amounts) for amounts in other.unplaced]


def check(texts: list[bytes]) -> CrystalBatch:
    """Compare all at once with one by one: crystals, refusals, clouds, facts; return the batch."""
    units, names = units_of(texts)
    singles: list[Crystal] = []
    wanted: dict[int, str] = {}
    for place, (unit, (id, source)) in enumerate(zip(units, names, strict=True)):
        try:
            singles.append(crystal_of(unit, id=id, source=source, limits=LIMITS))
        except RejectionError as error:
            wanted[place] = str(error)
    batch, refused = crystals_of(units, names, LIMITS)
    assert {place: str(error) for place, error in refused.items()} == wanted
    assert_same(batch, CrystalBatch.from_crystals(singles))
    check_clouds(batch, singles)
    assert batch.formulas() == [crystal.formula for crystal in singles]
    assert batch.volumes().tolist() == [crystal.volume for crystal in singles]
    assert [tuple(row) for row in batch.cell_parameters().tolist()] == [one.cell_parameters() for one in singles]
    return batch


def check_clouds(batch: CrystalBatch, singles: list[Crystal]) -> None:
    clouds, without = channel_batches(batch, CONFIG)
    used = [crystal for place, crystal in enumerate(singles) if place not in without]
    for place, error in without.items():
        with pytest.raises(RejectionError, match=error.detail):
            channel_clouds(singles[place], CONFIG)
    for number, crystal in enumerate(used):
        members = channel_members(crystal, CONFIG)
        for channel, cloud in channel_clouds(crystal, CONFIG).items():
            for of_batch, alone, of_members in zip(
                clouds[channel].cloud(number), cloud, members[channel][0], strict=True
            ):
                assert of_batch.tobytes() == alone.tobytes() == of_members.tobytes()


def test_cases_one_by_one_and_at_once() -> None:
    batch = check(list(CASES))
    assert {"near-special-position", "disordered", "listed-twice", "occupancy", "contact", "formula"} <= {
        flag for flags in batch.flags for flag in flags
    }
    assert [dict(amounts) for amounts in batch.unplaced if amounts] == [{1: 1.0}, {1: 1.0}]


@settings(max_examples=25, deadline=None)
@given(st.permutations(CASES), st.integers(1, len(CASES)))
def test_what_stands_beside_a_crystal_changes_nothing(cases: list[bytes], count: int) -> None:
    check(cases[:count])


def test_a_crystal_without_the_ion_is_told_by_its_place() -> None:
    units, names = units_of(list(CASES))
    batch, _ = crystals_of(units, names, LIMITS)
    clouds, without = channel_batches(batch, CONFIG)
    assert {place: error.code for place, error in without.items()} == {10: Code.NO_MOBILE_ION}
    assert len(clouds["mobile"]) == len(batch) - 1 == len(batch.without([10]))
    sodium, _ = channel_batches(batch, CloudConfig(mobile_ion="Na", channels=("anion", "mobile")))
    assert list(sodium) == ["anion", "mobile"]


def test_a_crystal_that_is_too_large_is_refused_alone() -> None:
    limits = InputLimits(max_sites=3)
    rows = "Li1 Li .1 .2 .3 1\nCl1 Cl .6 .7 .8 1"
    units, names = units_of([CASES[4], block(rows, cell=CUBE, group="P m -3 m"), CASES[4]], limits)
    batch, refused = crystals_of(units, names, limits)
    assert [name for name, _ in batch.names] == ["0", "2"]
    assert {place: error.code for place, error in refused.items() if isinstance(error, RejectionError)} == {
        1: Code.TOO_LARGE
    }
    with pytest.raises(RejectionError, match=str(refused[1])):
        crystal_of(units[1], id="1", source="1.cif", limits=limits)


def test_a_fault_of_the_program_is_kept_for_its_crystal(monkeypatch: pytest.MonkeyPatch) -> None:
    units, names = units_of([CASES[0], CASES[5], CASES[0]])
    monkeypatch.setattr("screening.crystals.cells.crystal_of", lambda *_, **__: 1 // 0)
    batch, refused = crystals_of(units, names, LIMITS)
    assert [name for name, _ in batch.names] == ["0", "2"]
    assert isinstance(refused[1], ZeroDivisionError)


def test_parts_and_joins_of_batches() -> None:
    units, names = units_of(list(CASES))
    batch, _ = crystals_of(units, names, LIMITS)
    for cut in range(len(batch) + 1):
        assert_same(CrystalBatch.joined([batch.part(0, cut), batch.part(cut, len(batch))]), batch)
    assert batch.without([]) is batch
    assert_same(batch.without([1, 0]), batch.part(2, len(batch)))
    assert len(CrystalBatch.from_crystals([])) == 0


def test_broken_amounts_are_summed_as_of_one_crystal() -> None:
    rng = np.random.default_rng(5)
    units, names = units_of([CASES[0]])
    crystal = crystal_of(units[0], id="x", source="x", limits=LIMITS)
    many = [
        replace(
            crystal,
            positions=rng.random((count, 3)),
            numbers=rng.choice([3, 8], count).astype(np.uint8),
            occupancies=rng.choice([0.1, 1 / 3, 1.0], count),
            site_idx=np.arange(count),
            charges=np.full(count, np.nan),
        )
        for count in (1, 7, 8, 9, 130, 300)
    ]
    assert CrystalBatch.from_crystals(many).formulas() == [one.formula for one in many]
    assert names == [("0", "0.cif")]


def test_real_crystals_one_by_one_and_at_once(shared_data: Path) -> None:
    folders = [shared_data / "obelix-train" / "cifs", shared_data.parent / "field-cases"]
    texts = [item.text for item in iter_items(list(map(str, folders)), LIMITS) if item.rejection is None]
    batch = check(texts)
    assert len(batch) > 270


@pytest.mark.slow
def test_computed_crystals_one_by_one_and_at_once(shared_data: Path) -> None:
    items = iter_items([str(shared_data / "mp-li" / "mp-li.tar.xz")], LIMITS)
    texts = [item.text for number, item in enumerate(items) if number % 10 == 0]
    assert len(check(texts)) > 1400
