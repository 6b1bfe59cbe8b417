"""What a CIF states of its symmetry more than once: which statement is taken, completed or flagged."""

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
    cif,
    loop,
    read,
    refusal,
    symmetry,
)

from screening.crystals import read_cif
from screening.crystals.symmetry import Symmetry, choose_symmetry, readings
from screening.errors import Code, RejectionError

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
