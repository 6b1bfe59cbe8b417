"""Symmetry as files of the field state it: each kind in several spellings, read to the crystal that is meant."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

from screening.config import InputLimits
from screening.crystals import Crystal, read_cif
from screening.crystals.symmetry import Symmetry, choose_symmetry, read_symmetry, readings
from screening.errors import Code, RejectionError

LIMITS = InputLimits()
ORTHORHOMBIC = (10.329, 6.0065, 4.6908, 90, 90, 90)
HEXAGONAL = (2.8156, 2.8156, 14.0542, 90, 90, 120)
SPINEL_CELL = (8.2476, 8.2476, 8.2476, 90, 90, 90)
CUBIC = (5, 5, 5, 90, 90, 90)
PNMA = (
    "x,y,z",
    "-x+1/2,-y,z+1/2",
    "-x,y+1/2,-z",
    "x+1/2,-y+1/2,-z+1/2",
    "-x,-y,-z",
    "x+1/2,y,-z+1/2",
    "x,-y+1/2,z",
    "-x+1/2,y+1/2,z+1/2",
)
LIFEPO4 = (
    "Li1 Li 0 0 0 1\nFe1 Fe 0.28222 0.25 0.97472 1\nP1 P 0.09486 0.25 0.41820 1\nO1 O 0.09678 0.25 0.74279 1\n"
    "O2 O 0.45710 0.25 0.20602 1\nO3 O 0.16558 0.04646 0.28478 1\n"
)
LIFEPO4_CELL = {"Li": 4, "Fe": 4, "P": 4, "O": 16}
LICOO2 = "Li1 Li 0 0 0.5 1\nCo1 Co 0 0 0 1\nO1 O 0 0 0.2395 1\n"
LICOO2_CELL = {"Li": 3, "Co": 3, "O": 6}
SPINEL = "Li1 Li 0.125 0.125 0.125 1\nMn1 Mn 0.5 0.5 0.5 1\nO1 O 0.2632 0.2632 0.2632 1\n"
SPINEL_1 = "Li1 Li 0 0 0 1\nMn1 Mn 0.625 0.625 0.625 1\nO1 O 0.3882 0.3882 0.3882 1\n"
SPINEL_ATOMS = {"Li": 8, "Mn": 16, "O": 32}
LICL = "Li1 Li 0 0 0 1\nCl1 Cl .5 .5 .5 1\n"
LICL_CELL = {"Li": 4, "Cl": 4}


def cif(lines: str, atoms: str, cell: tuple[float, ...]) -> bytes:
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    head = "data_x\n" + "".join(f"_cell_{name} {value}\n" for name, value in zip(names, cell, strict=True))
    columns = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
    header = "".join(f"_atom_site_{name}\n" for name in columns)
    return f"{head}{lines}\nloop_\n{header}{atoms}".encode()


def read(lines: str, atoms: str, cell: tuple[float, ...]) -> Crystal:
    return read_cif(cif(lines, atoms, cell), id="x", source="x.cif", limits=LIMITS)


def refusal(lines: str, atoms: str = LICL, cell: tuple[float, ...] = CUBIC) -> str:
    with pytest.raises(RejectionError) as caught:
        read(lines, atoms, cell)
    assert caught.value.code is Code.BAD_SYMMETRY
    assert caught.value.detail.isprintable()
    return caught.value.detail


def loop(tag: str, values: tuple[str, ...]) -> str:
    return f"loop_\n{tag}\n" + "".join(f"'{value}'\n" for value in values)


def block(lines: str) -> gemmi.cif.Block:
    return gemmi.cif.read_string(f"data_x\n{lines}\n")[0]


def symmetry(lines: str) -> Symmetry:
    return read_symmetry(block(lines), LIMITS)


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


STATED = "_chemical_formula_sum '{}'\n_cell_formula_units_Z {}\n"


@pytest.mark.parametrize(
    "name",
    [
        "_symmetry_space_group_name_H-M 'F d -3 m'",
        "_space_group_name_H-M_alt 'F 41/d -3 2/m'",
        "_space_group_IT_number 227",
        "_space_group_name_Schoenflies 'Oh^7'",
    ],
)
@pytest.mark.parametrize("atoms", [SPINEL, SPINEL_1], ids=["origin 2", "origin 1"])
def test_the_formula_tells_the_origin_that_is_not_stated(name: str, atoms: str) -> None:
    crystal = read(STATED.format("Li Mn2 O4", 8) + name, atoms, SPINEL_CELL)
    assert (crystal.composition(), crystal.spacegroup, crystal.flags) == (SPINEL_ATOMS, 227, ())


def test_z_alone_tells_the_axes() -> None:
    cell = (3, 3, 3, 90, 90, 90)  # the metric leaves both kinds of axes open only where angles are all right
    found = [len(reading.rotations) for reading in readings(block("_space_group_IT_number 166"), LIMITS)]
    assert found == [12, 36]
    assert read("_space_group_IT_number 166", "Li1 Li 0 0 0 1\n", cell).n_sites == 1


@pytest.mark.parametrize("gamma", [95, 110])
def test_the_unique_axis_follows_the_cell(gamma: float) -> None:
    for lines in ("_symmetry_space_group_name_H-M 'P 21'", "_space_group_IT_number 4"):
        crystal = read(lines, "Li1 Li 0.1 0.2 0.3 1\n", (5, 6, 7, 90, 90, gamma))
        shift = np.diff(crystal.positions, axis=0)[0]
        assert abs(abs(shift[2]) - 0.5) < 1e-9


R3M = tuple(op.triplet() for op in gemmi.find_spacegroup_by_name("R -3 m:H").operations().sym_ops)


@pytest.mark.parametrize("listed", [R3M, ("x,y,z",), ("x, y, z",)], ids=["no centring", "identity", "identity, blanks"])
@pytest.mark.parametrize(
    "stated",
    [
        "_symmetry_space_group_name_H-M 'R -3 m'",
        "_space_group_name_Hall '-R 3 2\"'\n_space_group_IT_number 166",
        "_space_group_name_H-M_alt 'R -3 m :H'\n_symmetry_Int_Tables_number 166",
        "_space_group_IT_number 166",
    ],
)
def test_a_list_short_of_the_stated_group_is_completed_and_flagged(stated: str, listed: tuple[str, ...]) -> None:
    crystal = read(f"{stated}\n" + loop("_symmetry_equiv_pos_as_xyz", listed), LICOO2, HEXAGONAL)
    assert (crystal.composition(), crystal.n_sites, crystal.spacegroup) == (LICOO2_CELL, 12, 166)
    assert "group" in crystal.flags


def test_a_glide_whose_square_is_a_centring_is_completed_too() -> None:
    """Without the centring of F d -3 m the list is not even closed."""
    listed = tuple(op.triplet() for op in gemmi.find_spacegroup_by_name("F d -3 m:2").operations().sym_ops)
    lines = "_symmetry_space_group_name_H-M 'F d -3 m'\n" + loop("_symmetry_equiv_pos_as_xyz", listed)
    crystal = read(lines, SPINEL, SPINEL_CELL)
    assert crystal.composition() == SPINEL_ATOMS
    assert "group" in crystal.flags


def test_the_identity_beside_all_atoms_of_the_cell_is_taken_at_its_word() -> None:
    atoms = "".join(
        f"{s}{n} {s} {x} {y} {z} 1\n"
        for s, at in (("Li", 0), ("Cl", 0.5))
        for n, (x, y, z) in enumerate([(at, 0, 0), (at + 0.5, 0.5, 0), (at + 0.5, 0, 0.5), (at, 0.5, 0.5)])
    )
    lines = "_symmetry_space_group_name_H-M 'F m -3 m'\n" + loop("_symmetry_equiv_pos_as_xyz", ("x,y,z",))
    crystal = read(lines, atoms, CUBIC)
    assert (crystal.composition(), crystal.n_sites) == (LICL_CELL, 8)
    np.testing.assert_allclose(crystal.positions[1], [0.5, 0.5, 0])


def test_the_formula_decides_between_the_list_and_the_stated_group() -> None:
    lines = "_symmetry_space_group_name_H-M 'F m -3 m'\n" + loop("_symmetry_equiv_pos_as_xyz", ("x,y,z",))
    atoms = "Li1 Li 0 0 0 1\nCl1 Cl 0.52 .5 .5 1\n"
    assert read(STATED.format("Li Cl", 1) + lines, atoms, CUBIC).n_sites == 2
    assert read(STATED.format("Li Cl", 4) + lines, LICL, CUBIC).n_sites == 8


@pytest.mark.parametrize("stated", ["_symmetry_space_group_name_H-M 'P 63 m c'", "_space_group_IT_number 186"])
def test_a_list_that_lacks_only_the_identity_is_whole(stated: str) -> None:
    listed = tuple(op.triplet() for op in gemmi.find_spacegroup_by_name("P 63 m c").operations())[1:]
    lines = f"{stated}\n" + loop("_symmetry_equiv_pos_as_xyz", listed)
    crystal = read(lines, "Li1 Li 0.3333 0.6667 0 1\nI1 I 0.3333 0.6667 0.375 1\n", (4, 4, 6.5, 90, 90, 120))
    assert (crystal.composition(), crystal.spacegroup, crystal.flags) == ({"Li": 2, "I": 2}, 186, ())
    assert "identity" in refusal(loop("_symmetry_equiv_pos_as_xyz", listed))


AGREED = "_space_group_name_Hall '-P 2ac 2n'\n_space_group_name_H-M_alt 'P n m a'\n_space_group_IT_number 62\n"


@pytest.mark.parametrize(
    ("place", "mistyped"),
    [(3, "x+1/2,-y+1/2,-z"), (6, "x,-y+1/4,z"), (1, "-x+1/2,y,z+1/2"), (7, "-x+1/2,y+1/2,z+1/3"), (2, "-x,y+1/2,z")],
)
def test_a_mistyped_operation_is_named(place: int, mistyped: str) -> None:
    listed = (*PNMA[:place], mistyped, *PNMA[place + 1 :])
    lines = loop("_symmetry_equiv_pos_as_xyz", listed)
    found = symmetry(AGREED + lines)
    assert (found.number, len(found.rotations), found.source) == (62, 8, "hall")
    assert gemmi.Op(mistyped).triplet() in found.flags["group"]
    crystal = read(AGREED + lines, LIFEPO4, ORTHORHOMBIC)
    assert crystal.composition() == LIFEPO4_CELL
    assert "group" in crystal.flags
    assert "is not listed" in refusal(lines, LIFEPO4, ORTHORHOMBIC)


def test_a_mistyped_operation_that_leaves_a_group_is_flagged() -> None:
    """Two operations are a group whatever the shift of a screw axis; the Hall symbol says which shift."""
    stated = "_space_group_name_Hall 'P 2yb'\n_space_group_name_H-M_alt 'P 21'\n_space_group_IT_number 4\n"
    assert not symmetry(stated + loop("_symmetry_equiv_pos_as_xyz", ("x,y,z", "-x,y+1/2,-z"))).flags
    shifted = symmetry(stated + loop("_symmetry_equiv_pos_as_xyz", ("x,y,z", "-x+1/2,y+1/2,-z")))
    assert set(shifted.flags) == {"group"}


@pytest.mark.parametrize(
    ("hall", "others", "expected"),
    [
        ("P 1", "_symmetry_space_group_name_H-M 'F m -3 m'", 225),
        ("P 1", "_space_group_IT_number 225", 225),
        ("-F 4 2 3", "_symmetry_space_group_name_H-M 'P 1'", 225),
        ("-P 4 2 3", "_symmetry_space_group_name_H-M 'F m -3 m'\n_space_group_IT_number 225", 225),
        ("-F 4 2 3", "_space_group_IT_number 221", 225),
    ],
)
def test_a_hall_symbol_of_another_group_is_flagged(hall: str, others: str, expected: int) -> None:
    crystal = read(f"_space_group_name_Hall '{hall}'\n{others}", LICL, CUBIC)
    assert (crystal.spacegroup, crystal.composition()) == (expected, LICL_CELL)
    assert "hall" in crystal.flags


def test_a_hall_symbol_of_another_origin_is_flagged() -> None:
    stated = "_symmetry_space_group_name_H-M 'F d -3 m :2'\n"
    assert set(symmetry(stated + "_space_group_name_Hall 'F 4d 2 3 -1d'").flags) == {"hall"}
    assert not symmetry(stated + "_space_group_name_Hall '-F 4vw 2vw 3'").flags


def test_the_name_of_another_number_is_flagged() -> None:
    found = symmetry("_symmetry_space_group_name_H-M 'P n m a'\n_space_group_IT_number 225")
    assert (found.number, set(found.flags)) == (62, {"group"})


@pytest.mark.parametrize("first", [0, 1])
def test_two_names_of_different_groups_are_flagged(first: int) -> None:
    tags = ("_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M")
    found = symmetry(f"{tags[first]} 'P 1'\n{tags[1 - first]} 'F m -3 m'")
    assert (found.number, set(found.flags)) == (225, {"group"})


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


def test_a_missing_angle_is_named_where_the_cell_contradicts_the_group() -> None:
    text = cif("_symmetry_space_group_name_H-M 'R -3 m'", LICOO2, HEXAGONAL).replace(b"_cell_angle_gamma 120\n", b"")
    with pytest.raises(RejectionError) as caught:
        read_cif(text, id="x", source="x.cif", limits=LIMITS)
    assert caught.value.code is Code.BAD_SYMMETRY
    assert "_cell_angle_gamma not stated" in caught.value.detail


def test_the_question_is_put_only_where_readings_differ() -> None:
    asked: list[Symmetry] = []

    def fits(reading: Symmetry) -> bool:
        asked.append(reading)
        return len(asked) == 2

    atoms = {"lattice": np.eye(3) * 5.0, "positions": np.zeros((1, 3)), "numbers": np.array([3])}
    choose_symmetry(block("_symmetry_space_group_name_H-M 'P n m a'"), LIMITS, fits=fits, **atoms)
    assert asked == []
    chosen = choose_symmetry(block("_symmetry_space_group_name_H-M 'F d -3 m'"), LIMITS, fits=fits, **atoms)
    assert chosen is asked[1]
