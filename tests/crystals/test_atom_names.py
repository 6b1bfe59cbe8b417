"""Names of atoms for a person: the file's labels and symmetry copies, never a number that only looks like a label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from made_crystals import rocksalt

from screening.config import InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal

CELL = """data_x
_cell_length_a 5
_cell_length_b 5
_cell_length_c 7
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P -1'
loop_
_space_group_symop_operation_xyz
x,y,z
-x,-y,-z
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""


def named(*rows: str) -> Crystal:
    return read_cif((CELL + "\n".join(rows) + "\n").encode(), id="x", source="x", limits=InputLimits())


def test_labels_with_their_symmetry_copies() -> None:
    crystal = named("Li7 Li 0.1 0.2 0.3 1", "S1 S 0 0 0 1", "O2A O 0.3 0.3 0.1 0.5")
    assert crystal.atom_names() == ["Li7#1", "Li7#2", "S1", "O2A#1", "O2A#2"]
    # A copy stands where the operation puts it: the second is the inverse of the first.
    first, second = crystal.positions[:2]
    np.testing.assert_allclose((first + second) % 1, 0, atol=1e-9)


def test_a_label_of_two_elements_or_of_another_says_which() -> None:
    crystal = named("M1 Fe 0 0 0 0.5", "M1 Co 0 0 0 0.5", "X Li 0.1 0.2 0.3 1")
    assert sorted(crystal.atom_names()) == ["M1(Co)", "M1(Fe)", "X(Li)#1", "X(Li)#2"]
    same = named("Li Li 0 0 0 1", "Li Li 0.5 0.5 0.5 1", "O O 0.2 0.2 0.2 1")
    assert same.atom_names() == ["Li#1", "Li#2", "O#1", "O#2"]


def test_what_is_no_plain_word_is_not_told() -> None:
    crystal = named("'\x1b[31mLi' Li 0 0 0 1", "<b>S</b> S 0.5 0.5 0.5 1", f"{'O' * 40} O 0.5 0 0 1")
    assert crystal.atom_names() == ["Li[1]", "S[2]", "O[3]"]


def test_crystals_without_labels_are_named_by_rows() -> None:
    crystal = replace(named("Li1 Li 0 0 0 1", "S1 S 0.5 0.5 0.5 1"), labels=())
    assert crystal.atom_names() == ["Li[1]", "S[2]"]
    longer = replace(crystal, labels=("Li1",))  # of another number of rows: they name nothing
    assert longer.atom_names() == ["Li[1]", "S[2]"]


def test_no_two_names_are_alike() -> None:
    salt = read_cif(rocksalt().encode(), id="x", source="x", limits=InputLimits())
    names = salt.atom_names()
    assert len(set(names)) == salt.n_atoms
    assert {name.split("#")[0] for name in names} == {"Li1", "X1(Cl)"}
