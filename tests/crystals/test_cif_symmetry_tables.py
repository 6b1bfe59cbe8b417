"""Every setting of every group, written in each way of the field, against gemmi's operations and spglib's names."""

from __future__ import annotations

import re
import warnings
from typing import Any

import gemmi
import numpy as np
import pytest
from spglib import get_spacegroup_type

from screening.config import InputLimits
from screening.crystals.settings import number_of_schoenflies, settings_of_name
from screening.crystals.symmetry import Symmetry, readings

LIMITS = InputLimits()
SETTINGS = list(gemmi.spacegroup_table())
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # spglib announces another way to tell errors
    SPGLIB = [get_spacegroup_type(number) for number in range(1, 531)]


def block(lines: str, *, gamma: float = 90) -> gemmi.cif.Block:
    return gemmi.cif.read_string(f"data_x\n_cell_angle_alpha 90\n_cell_angle_gamma {gamma}\n{lines}\n")[0]


def operations(symmetry: Symmetry) -> frozenset[bytes]:
    steps = np.rint(symmetry.translations * gemmi.Op.DEN).astype(int) % gemmi.Op.DEN
    return frozenset(r.astype(int).tobytes() + t.tobytes() for r, t in zip(symmetry.rotations, steps, strict=True))


def of_tables(group: gemmi.SpaceGroup) -> frozenset[bytes]:
    found = list(group.operations())
    rotations = np.array([op.rot for op in found]) // gemmi.Op.DEN
    translations = np.array([op.wrap().tran for op in found]) / gemmi.Op.DEN
    return operations(Symmetry(rotations, translations, 0, {}))


def loop(group: gemmi.SpaceGroup, tag: str = "_symmetry_equiv_pos_as_xyz", end: str = "") -> str:
    return f"loop_\n{tag}\n" + "".join(f"'{op.triplet()}{end}'\n" for op in group.operations())


def ways_to_write(group: gemmi.SpaceGroup) -> list[str]:
    """Return names of the setting: with blanks and without, screw axes as 2_1 and 2(1), capitals."""
    screw = re.compile(r"(?<=[ /])([2346])([1-5])(?=[ /]|\Z)")
    names = [group.hm, group.hm.replace(" ", ""), group.hm.upper()]
    names += [
        screw.sub(r"\1_\2", group.hm),
        screw.sub(r"\1(\2)", group.hm),
        screw.sub(r"\1(\2)", group.hm).replace(" ", ""),
    ]
    setting = f":{group.ext}" if group.ext != "\0" else ""
    return list(dict.fromkeys(name + setting for name in names))


@pytest.mark.parametrize("group", SETTINGS, ids=lambda g: f"{g.number}-{g.xhm()}-{g.qualifier}")
def test_every_setting_by_operations_hall_and_name(group: gemmi.SpaceGroup) -> None:
    right = of_tables(group)
    written = [loop(group), loop(group, "_space_group_symop_magn_operation.xyz", ",+1")]
    written += [f"_space_group_name_Hall '{group.hall}'", f"_space_group_name_Hall '{group.hall.replace(' ', '_')}'"]
    written += [f"_symmetry_space_group_name_H-M '{name}'" for name in ways_to_write(group)]
    for lines in written:
        (first, *others) = readings(block(lines), LIMITS)
        assert operations(first) == right, lines
        assert first.number in (group.number, 0)
        assert not first.flags
        if not lines.startswith("_symmetry_space_group_name_H-M"):
            assert not others


@pytest.mark.parametrize("number", range(1, 231))
def test_every_group_by_its_number(number: int) -> None:
    """The first reading is a setting of the group; every setting of the tables is among the readings."""
    found = [operations(reading) for reading in readings(block(f"_space_group_IT_number {number}"), LIMITS)]
    settings = {of_tables(group) for group in SETTINGS if group.number == number}
    assert found[0] in settings
    assert set(found) == settings


@pytest.mark.parametrize("kind", SPGLIB, ids=lambda kind: f"{kind.number}-{kind.choice}-{kind.international_full}")
def test_full_and_schoenflies_symbols_of_spglib(kind: Any) -> None:
    for name in (kind.international_full, kind.international_full.replace(" ", "")):
        found = settings_of_name(name)
        assert {group.number for group in found} == {kind.number}, name
        if kind.choice in ("1", "2"):
            assert kind.choice in {group.ext for group in found}
    assert number_of_schoenflies(kind.schoenflies) == kind.number
    point, place = kind.schoenflies.split("^")
    for symbol in (f"{point}.{place}", f"{point[0]}_{point[1:]}^{place}", f"{point[0]}_{{{point[1:]}}}^{{{place}}}"):
        assert number_of_schoenflies(symbol) == kind.number, symbol


@pytest.mark.parametrize(
    "group", [g for g in SETTINGS if g.qualifier or g.ext != "\0"], ids=lambda g: f"{g.number}-{g.xhm()}"
)
def test_every_coordinate_system_code(group: gemmi.SpaceGroup) -> None:
    """The name of the type and the code of the setting, as the dictionary has them."""
    ext = "" if group.ext == "\0" else group.ext.lower()
    reference = next(g for g in SETTINGS if g.number == group.number and g.is_reference_setting())
    code = f"{ext}{group.qualifier}"
    lines = f"_space_group_name_H-M_ref '{reference.hm}'\n_space_group_IT_coordinate_system_code {code}"
    found = [operations(reading) for reading in readings(block(lines), LIMITS)]
    assert of_tables(group) in found
    same_code = {
        of_tables(g) for g in SETTINGS if (g.number, g.qualifier, g.ext) == (group.number, group.qualifier, group.ext)
    }
    assert found[0] in same_code, code


@pytest.mark.parametrize("group", SETTINGS[::7], ids=lambda g: f"{g.number}-{g.xhm()}")
def test_lists_without_centring_or_with_the_identity_alone_are_completed(group: gemmi.SpaceGroup) -> None:
    """The Hall symbol says which setting it is, so that nothing is left open."""
    stated = f"_space_group_name_Hall '{group.hall}'\n_space_group_IT_number {group.number}\n"
    whole = group.operations()
    for listed in (["x,y,z"], [op.triplet() for op in whole.sym_ops]):
        if len(listed) == len(list(whole)):
            continue
        lines = stated + "loop_\n_space_group_symop_operation_xyz\n" + "".join(f"'{triplet}'\n" for triplet in listed)
        first = next(readings(block(lines), LIMITS))
        assert operations(first) == of_tables(group)
        assert set(first.flags) == {"group"}


@pytest.mark.parametrize(
    "group", [g for g in SETTINGS[::5] if len(list(g.operations())) >= 8], ids=lambda g: f"{g.number}-{g.xhm()}"
)
def test_one_mistyped_operation_does_not_change_the_group(group: gemmi.SpaceGroup) -> None:
    """It is named in the flag, or the list is still a group and is told from the stated one by the flag."""
    triplets = [op.triplet() for op in group.operations()]
    rng = np.random.default_rng(group.number)
    place = int(rng.integers(1, len(triplets)))
    op = gemmi.Op(triplets[place])
    op.tran = [op.tran[0] + 6, op.tran[1], op.tran[2]]
    triplets[place] = op.wrap().triplet()
    stated = f"_space_group_name_Hall '{group.hall}'\n_space_group_name_H-M_alt '{group.xhm()}'\n"
    stated += f"_space_group_IT_number {group.number}\n"
    lines = stated + "loop_\n_space_group_symop_operation_xyz\n" + "".join(f"'{triplet}'\n" for triplet in triplets)
    first = next(readings(block(lines), LIMITS))
    assert "group" in first.flags
    assert operations(first) == of_tables(group)
    assert triplets[place] in first.flags["group"]
