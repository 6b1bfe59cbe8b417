"""Symmetry as files of the field state it: each kind in several spellings, read to the crystal that is meant."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
from cif_symmetry_texts import (
    CUBIC,
    HEXAGONAL,
    LICL,
    LICL_CELL,
    LICOO2,
    LICOO2_CELL,
    LIFEPO4,
    LIFEPO4_CELL,
    LIMITS,
    ORTHORHOMBIC,
    PNMA,
    SPINEL,
    SPINEL_1,
    SPINEL_ATOMS,
    SPINEL_CELL,
    block,
    loop,
    read,
    refusal,
    symmetry,
)

from screening.crystals.symmetry import Symmetry, readings

MAGNETIC = (
    ("_space_group_symop_magn_operation.xyz", "_space_group_symop_magn_centering.xyz"),
    ("_space_group_symop.magn_operation_xyz", "_space_group_symop.magn_centering_xyz"),
    ("_space_group_symop_magn_operation_xyz", "_space_group_symop_magn_centering_xyz"),
    ("_space_group_symop_magn.operation_xyz", "_space_group_symop_magn.centering_xyz"),
)


@pytest.mark.parametrize(("operation", "centring"), MAGNETIC)
def test_magnetic_operations_are_taken_without_time_reversal(operation: str, centring: str) -> None:
    parent = "_parent_space_group.name_H-M_alt 'P n m a'\n_space_group_magn.number_BNS 62.445\n"
    signs = ("+1", "-1", "1", " -1", "+1", "-1", "1", "-1")
    listed = loop(operation, tuple(f"{triplet},{sign}" for triplet, sign in zip(PNMA, signs, strict=True)))
    crystal = read(parent + listed + loop(centring, ("x,y,z,+1",)), LIFEPO4, ORTHORHOMBIC)
    assert (crystal.composition(), crystal.n_sites, crystal.spacegroup, crystal.flags) == (LIFEPO4_CELL, 28, 62, ())


@pytest.mark.parametrize(("operation", "centring"), MAGNETIC)
@pytest.mark.parametrize("anti", ["+1", "-1"])
def test_the_magnetic_centring_is_multiplied_in(operation: str, centring: str, anti: str) -> None:
    whole = gemmi.find_spacegroup_by_name("F d -3 m:2").operations()
    centres = ("x,y,z,+1", *(f"{c},{anti}" for c in ("x,y+1/2,z+1/2", "x+1/2,y,z+1/2", "x+1/2,y+1/2,z")))
    listed = loop(operation, tuple(f"{op.triplet()},+1" for op in whole.sym_ops)) + loop(centring, centres)
    crystal = read(listed, SPINEL, SPINEL_CELL)
    assert (crystal.composition(), crystal.n_sites, crystal.spacegroup) == (SPINEL_ATOMS, 56, 227)


def test_a_grey_group_lists_every_operation_twice() -> None:
    whole = [op.triplet() for op in gemmi.find_spacegroup_by_name("F m -3 m").operations()]
    listed = tuple(f"{triplet},{sign}" for triplet in whole for sign in ("+1", "-1"))
    assert len(listed) == 384
    crystal = read(loop("_space_group_symop_magn_operation.xyz", listed), LICL, CUBIC)
    assert (crystal.composition(), crystal.spacegroup) == (LICL_CELL, 225)


def test_a_list_of_the_parent_beside_the_magnetic_one_is_flagged() -> None:
    lines = loop("_symmetry_equiv_pos_as_xyz", PNMA)
    lines += loop("_space_group_symop_magn_operation.xyz", ("x,y,z,+1", "-x,-y,-z,-1"))
    found = list(readings(block(lines), LIMITS))
    assert [len(reading.rotations) for reading in found] == [2, 8]
    assert all(set(reading.flags) == {"group"} for reading in found)


@pytest.mark.parametrize(
    "lines",
    [
        '_space_group_magn.name_BNS "P n m a\'"',
        "_space_group_magn.number_BNS 62.445",
        '_space_group_magn_name_OG "P n m a\'"',
        "_parent_space_group.name_H-M_alt 'P n m a'",
    ],
)
def test_a_magnetic_group_by_name_alone_is_refused_by_that_name(lines: str) -> None:
    value = lines.split(" ", 1)[1].strip("'\"")
    assert value[:6] in refusal(lines)


SUPERSPACE = tuple(
    f"{triplet.replace('x', 'x1').replace('y', 'x2').replace('z', 'x3')},{'x4' if place % 2 else '-x4+1/2'}"
    for place, triplet in enumerate(PNMA)
)


@pytest.mark.parametrize(
    "lines",
    [
        loop("_space_group_symop_ssg_operation_algebraic", SUPERSPACE),
        loop("_space_group_symop_ssg_operation.algebraic", SUPERSPACE),
        loop("_space_group_symop_magn_ssg_operation.algebraic", tuple(f"{text},-1" for text in SUPERSPACE)),
        loop("_space_group_symop.magn_ssg_operation_algebraic", tuple(f"{text},+1" for text in SUPERSPACE)),
        loop("_symmetry_ssg_equiv_pos_as_xyz", tuple(f"{text},x5" for text in SUPERSPACE)),
        loop("_symmetry_equiv_pos_as_xyz", tuple(f"{triplet},t" for triplet in PNMA)),
        loop("_space_group_symop_operation_xyz", SUPERSPACE),
    ],
)
def test_superspace_operations_give_the_average_structure(lines: str) -> None:
    stated = "_space_group_ssg_name 'Pnma(00g)000'\n_cell_modulation_dimension 1\n"
    assert symmetry(stated + lines).source == "superspace"
    crystal = read(stated + lines, LIFEPO4, ORTHORHOMBIC)
    assert (crystal.composition(), crystal.n_sites, crystal.spacegroup) == (LIFEPO4_CELL, 28, 62)


@pytest.mark.parametrize(
    "lines",
    [
        "_space_group_ssg_name 'Pnma(00g)000'",
        "_space_group_ssg_name_WJJ 'P:Pnma:s-1'",
        "_space_group_name_H-M_alt 'P n m a (0 0 g) 0 s 0'",
        "_symmetry_space_group_name_H-M 'Immm(α00)000'",
        loop("_space_group_symop_ssg_operation_algebraic", ("x1,x2,x3,x4", "-x1,x2+x4,x3,x4")),
    ],
)
def test_a_modulated_structure_is_refused_as_such_where_its_average_is_not_known(lines: str) -> None:
    assert "modulated" in refusal(lines)


@pytest.mark.parametrize(
    "tag",
    [
        "_space_group_name_H-M_ref",
        "_space_group.name_H-M_ref",
        "_space_group_name_H-M_full",
        "_space_group.name_H-M_full",
        "_space_group.name_H_M_ref",
        "_space_group_name_H_M_alt",
        "_symmetry_space_group_name_H_M",
        "_space_group_name_HM",
        "_symmetry_space_group_name",
        "_space_group_name_Hermann_Mauguin",
    ],
)
@pytest.mark.parametrize("name", ["R -3 m", "R -3 2/m", "R-3m", "R -3 m :H"])
def test_a_name_under_any_tag_is_read(tag: str, name: str) -> None:
    crystal = read(f"{tag} '{name}'", LICOO2, HEXAGONAL)
    assert (crystal.composition(), crystal.n_sites, crystal.spacegroup, crystal.flags) == (LICOO2_CELL, 12, 166, ())


@pytest.mark.parametrize(
    "lines",
    [
        "_space_group_name_Schoenflies 'D3d^5'",
        "_space_group.name_Schoenflies D3d.5",
        "_symmetry_space_group_name_Schoenflies 'D_3d^5'",
        "_space_group_name_Schoenflies 'D_{3d}^{5}'",
    ],
)
def test_schoenflies_symbols(lines: str) -> None:
    assert read(lines, LICOO2, HEXAGONAL).composition() == LICOO2_CELL


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("_space_group_name_Schoenflies Oh", "Oh"),
        ("_space_group_name_H-M_ref 'Q 9 9'", "Q 9 9"),
        ("_space_group_name_H-M_full 'X y z'", "X y z"),
        ("_space_group.point_group_H-M 'm -3 m'", "m -3 m"),
        ("_space_group_name_Hall 'Q 9'", "Q 9"),
        ("_space_group_IT_number 0", "0"),
        ("_symmetry_space_group_name_H-M 'B 1 21/c 1'\n_space_group_IT_number 14", "B 1 21/c 1"),
    ],
)
def test_what_is_stated_and_not_understood_is_refused_by_name(lines: str, named: str) -> None:
    assert named in refusal(lines)


@pytest.mark.parametrize("null", ["?", ".", "?\n?\n."])
@pytest.mark.parametrize("first", ["_space_group_symop_operation_xyz", "_space_group_symop_magn_operation.xyz"])
def test_a_first_tag_without_a_value_hides_no_other(null: str, first: str) -> None:
    lines = f"loop_\n{first}\n{null}\n" + loop("_symmetry_equiv_pos_as_xyz", PNMA)
    lines += "_space_group_name_Hall ?\n_space_group_name_H-M_alt .\n_symmetry_space_group_name_H-M 'P n m a'\n"
    crystal = read(lines, LIFEPO4, ORTHORHOMBIC)
    assert (crystal.composition(), crystal.n_sites, crystal.flags) == (LIFEPO4_CELL, 28, ())


@pytest.mark.parametrize(
    "lines",
    [
        "_space_group_name_H-M_alt 'F d -3 m'\n_space_group_IT_coordinate_system_code 2",
        "_space_group.name_H-M_alt 'Fd-3m'\n_space_group.IT_coordinate_system_code '2'",
        "_space_group_IT_number 227\n_space_group_IT_coordinate_system_code 2",
        "_symmetry_space_group_name_H-M 'F 41/d -3 2/m (origin choice 2)'",
        "_symmetry_space_group_name_H-M 'F d -3 m (origin 2)'",
        "_symmetry_space_group_name_H-M 'Fd-3m, O2'",
        "_symmetry_space_group_name_H-M 'F d -3 m, second origin choice'",
        "_symmetry_space_group_name_H-M 'F d -3 m (origin at centre -3m)'",
        "_symmetry_space_group_name_H-M 'Fd\\bar{3}m [origin choice: 2]'",
        "_symmetry_space_group_name_H-M 'F d -3 m :2'",
        "_symmetry_space_group_name_H-M 'F d -3 m (2)'",
        "_symmetry_space_group_name_H-M 'Fd3m Z'",
        "_space_group_name_H-M_ref 'F d -3 m'",
    ],
)
def test_the_origin_is_read_from_codes_and_words(lines: str) -> None:
    crystal = read(lines, SPINEL, SPINEL_CELL)
    assert (crystal.composition(), crystal.n_sites, crystal.spacegroup) == (SPINEL_ATOMS, 56, 227)


@pytest.mark.parametrize("words", ["origin choice 1", "origin 1", "O1", "first origin", "S"])
def test_the_first_origin_in_words(words: str) -> None:
    crystal = read(f"_symmetry_space_group_name_H-M 'F d -3 m ({words})'", SPINEL_1, SPINEL_CELL)
    assert crystal.composition() == SPINEL_ATOMS


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        ("b1", "P 1 21/c 1", "P 1 21/c 1"),
        ("b2", "P 1 21/c 1", "P 1 21/n 1"),
        ("b3", "P 1 21/c 1", "P 1 21/a 1"),
        ("c1", "P 1 21/c 1", "P 1 1 21/a"),
        ("a2", "P 1 21/c 1", "P 21/n 1 1"),
        ("abc", "P n m a", "P n m a"),
        ("cab", "P n m a", "P b n m"),
        ("-cba", "P n m a", "P c m n"),
        ("2ba-c", "P b a n", "P b a n:2"),
        ("1abc", "P n n n", "P n n n:1"),
        ("h", "R -3 m", "R -3 m:H"),
        ("r", "R -3 m", "R -3 m:R"),
        ("origin choice 2", "F d d d", "F d d d:2"),
        ("hexagonal axes", "R 3 c", "R 3 c:H"),
    ],
)
@pytest.mark.parametrize("tag", ["_space_group_IT_coordinate_system_code", "_space_group.IT_coordinate_system_code"])
def test_coordinate_system_codes(code: str, name: str, expected: str, tag: str) -> None:
    found = symmetry(f"_space_group_name_H-M_ref '{name}'\n{tag} '{code}'")
    right = [op.wrap().triplet() for op in gemmi.find_spacegroup_by_name(expected).operations()]
    assert _triplets(found) == set(right)


def _triplets(found: Symmetry) -> set[str]:
    result = set()
    for rotation, translation in zip(found.rotations, found.translations, strict=True):
        op = gemmi.Op("x,y,z")
        op.rot = (rotation.astype(int) * op.DEN).tolist()
        op.tran = np.rint(translation * op.DEN).astype(int).tolist()
        result.add(op.wrap().triplet())
    return result


@pytest.mark.parametrize("end", [",+1 mx,my,mz", ",-1,-mx+my,my,mz", ",mx,my,mz", ", 1"])
def test_what_becomes_of_the_moment_is_left_out(end: str) -> None:
    found = symmetry(loop("_space_group_symop_magn_operation.xyz", tuple(f"{triplet}{end}" for triplet in PNMA)))
    assert (found.number, found.source) == (62, "operations")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("P2(1)/c", "P 1 21/c 1"),
        ("P2_1/n", "P 1 21/n 1"),
        ("P 21/c", "P 1 21/c 1"),
        ("P2₁/c", "P 1 21/c 1"),
        ("P2~1~/c", "P 1 21/c 1"),
        ("$P2_{1}/c$", "P 1 21/c 1"),
        ("P2<sub>1</sub>/c", "P 1 21/c 1"),
        ("P 1 21/c 1 (unique axis b, cell choice 2)", "P 1 21/n 1"),
        ("P 21/c (No. 14)", "P 1 21/c 1"),
        ("P n m a (62)", "P n m a"),
        ("P 21/n 21/m 21/a", "P n m a"),
        ("F 4/m -3 2/m", "F m -3 m"),
        ("F4/m-32/m", "F m -3 m"),
        ("Fm3m", "F m -3 m"),
        ("Fm3̅m", "F m -3 m"),
        ("Fm\\bar{3}m", "F m -3 m"),
        ("P 6(3)/m 2/m 2/c", "P 63/m m c"),
        ("I 41/a -3 2/d", "I a -3 d"),
        ("P 4/n 21/m 2/m :2", "P 4/n m m:2"),
        ("R -3 2/m (hexagonal axes)", "R -3 m:H"),
        ("R -3 m (rhombohedral axes)", "R -3 m:R"),
        ("C m c e", "C m c a"),
        ("I 4(1)/a m d :1", "I 41/a m d:1"),
    ],
)
def test_spellings_of_names(written: str, expected: str) -> None:
    found = symmetry(f"_symmetry_space_group_name_H-M '{written}'")
    right = {op.wrap().triplet() for op in gemmi.find_spacegroup_by_name(expected).operations()}
    assert _triplets(found) == right
    assert not found.flags


@pytest.mark.parametrize(
    ("lines", "source"),
    [
        (loop("_symmetry_equiv_pos_as_xyz", PNMA), "operations"),
        ("_space_group_name_Hall '-P 2ac 2n'", "hall"),
        ("_symmetry_space_group_name_H-M 'P n m a'", "name"),
        ("_space_group_IT_number 62", "number"),
        (loop("_space_group_symop_ssg_operation_algebraic", SUPERSPACE), "superspace"),
        ("", "none"),
        ("_symmetry_cell_setting orthorhombic\n_space_group_crystal_system ?", "none"),
    ],
)
def test_the_source_of_the_symmetry_is_told(lines: str, source: str) -> None:
    found = symmetry(lines)
    assert found.source == source
    assert ("no-symmetry-stated" in found.flags) is (source == "none")
