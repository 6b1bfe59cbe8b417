"""The CIF reader against pymatgen and gemmi, and its rejections by code."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screening.config import InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal
from screening.crystals.symmetry import read_symmetry
from screening.errors import Code, RejectionError

LIMITS = InputLimits()
CELL = """data_x
_cell_length_a {a}
_cell_length_b {b}
_cell_length_c {c}
_cell_angle_alpha {alpha}
_cell_angle_beta {beta}
_cell_angle_gamma {gamma}
"""
CUBIC = {"a": 5, "b": 5, "c": 5, "alpha": 90, "beta": 90, "gamma": 90}
ATOMS = """loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""


def cif(atoms: str, *, symmetry: str = "", cell: Mapping[str, object] | None = None, header: str = ATOMS) -> bytes:
    return (CELL.format(**{**CUBIC, **(cell or {})}) + symmetry + header + atoms).encode()


def read(text: bytes, limits: InputLimits = LIMITS) -> Crystal:
    return read_cif(text, id="x", source="x.cif", limits=limits)


def code_of(text: bytes, limits: InputLimits = LIMITS) -> Code:
    with pytest.raises(RejectionError) as caught:
        read(text, limits)
    assert len(caught.value.detail) > 5
    return caught.value.code


ROCKSALT = "_symmetry_space_group_name_H-M 'F m -3 m'\n"
LICL = "Li Li 0 0 0 1\nCl Cl 0.5 0.5 0.5 1\n"


def test_rocksalt_from_its_symbol() -> None:
    crystal = read(cif(LICL, symmetry=ROCKSALT))
    assert crystal.composition() == {"Li": 4.0, "Cl": 4.0}
    assert crystal.formula == "LiCl"
    assert (crystal.n_sites, crystal.spacegroup, crystal.flags) == (8, 225, ())
    assert crystal.volume == pytest.approx(125.0)


@pytest.mark.parametrize("group", [gemmi.find_spacegroup_by_number(n) for n in range(1, 231)], ids=lambda g: g.xhm())
def test_every_group_places_general_and_special_positions(group: gemmi.SpaceGroup) -> None:
    """Orbit lengths against a plain loop over gemmi's operations; rhombohedral groups on hexagonal axes."""
    cell = {"tetragonal": (7, 7, 9, 90, 90, 90), "cubic": (8, 8, 8, 90, 90, 90), "hexagonal": (7, 7, 9, 90, 90, 120)}
    shape = cell.get(group.crystal_system_str(), (7, 8, 9, 90, 90, 90))
    if group.crystal_system_str() == "trigonal":
        shape = cell["hexagonal"]
    numbers = dict(zip(("a", "b", "c", "alpha", "beta", "gamma"), shape, strict=True))
    places = [(0.137, 0.291, 0.413), (0.0, 0.0, 0.0), (0.3333, 0.6667, 0.25), (0.25, 0.25, 0.25), (0.5, 0.137, 0.0)]
    atoms = "".join(
        f"A{i} {s} {x} {y} {z} 1\n"
        for i, (s, (x, y, z)) in enumerate(zip(("Li", "O", "S", "P", "Cl"), places, strict=True))
    )
    listed = "loop_\n_symmetry_equiv_pos_as_xyz\n" + "".join(f"'{op.triplet()}'\n" for op in group.operations())
    crystal = read(cif(atoms, symmetry=listed, cell=numbers))
    assert crystal.spacegroup == group.number
    for symbol, place in zip((3, 8, 16, 15, 17), places, strict=True):
        images: list[np.ndarray] = []
        for op in group.operations():
            image = np.array(
                op.apply_to_xyz([round(v * 24) / 24 if abs(v * 24 - round(v * 24)) < 0.01 else v for v in place])
            )
            if not any(np.abs((image - other) - np.round(image - other)).max() < 1e-6 for other in images):
                images.append(image)
        found = crystal.positions[crystal.numbers == symbol]
        assert len(found) == len(images), (symbol, place)
        for image in images:
            shift = found - image
            assert np.abs(shift - np.round(shift)).max(axis=1).min() < 1e-3


def test_rounded_thirds_sit_on_their_axis_exactly() -> None:
    symmetry = "_symmetry_space_group_name_H-M 'P 3'\n"
    crystal = read(cif("Li Li 0.333 0.667 0.1 1\n", symmetry=symmetry, cell={"a": 9, "b": 9, "c": 7, "gamma": 120}))
    assert crystal.n_sites == 1
    np.testing.assert_allclose(crystal.positions[0], [1 / 3, 2 / 3, 0.1], atol=1e-12)


def test_a_stated_multiplicity_keeps_a_split_site_split() -> None:
    header = ATOMS.replace("_atom_site_occupancy", "_atom_site_symmetry_multiplicity\n_atom_site_occupancy")
    symmetry = "_symmetry_space_group_name_H-M 'P m m m'\n"
    near = 0.004  # 0.02 Å beside the mirror
    assert read(cif(f"Li Li {near} 0.2 0.3 8 0.5\n", symmetry=symmetry, header=header)).n_sites == 8
    assert read(cif(f"Li Li {near} 0.2 0.3 4 0.5\n", symmetry=symmetry, header=header)).n_sites == 4


def test_mixed_and_partial_sites_ions_and_isotopes() -> None:
    crystal = read(cif("Li1 Li+ 0 0 0 0.75\nNa1 Na1+ 0 0 0 .25\nO1 O2- 0.5(2) 0.5 0.5 ?\nD1 D 0.25 0 0 .\n"))
    assert crystal.n_sites == 3
    assert crystal.site_idx.tolist() == [0, 0, 1, 2]
    assert crystal.composition() == {"H": 1.0, "Li": 0.75, "O": 1.0, "Na": 0.25}
    assert crystal.charges.tolist()[:3] == [1.0, 1.0, -2.0]
    assert math.isnan(crystal.charges[3])
    assert crystal.flags == ("disordered", "no-symmetry-stated")


def test_labels_name_elements_where_no_type_is_given() -> None:
    header = ATOMS.replace("_atom_site_type_symbol\n", "")
    assert read(cif("Li1A 0 0 0 1\nOw2 0.5 0 0 1\nCL1 0 0.5 0 1\n", header=header)).composition() == {
        "Li": 1,
        "O": 1,
        "Cl": 1,
    }


@pytest.mark.parametrize("label", ["Dum1", "VAC1", "CN1"])
def test_a_label_of_no_atom_is_no_element(label: str) -> None:
    header = ATOMS.replace("_atom_site_type_symbol\n", "")
    with pytest.raises(RejectionError) as raised:
        read(cif(f"Li1 0 0 0 1\n{label} 0.5 0 0 1\n", header=header))
    assert raised.value.code is Code.BAD_ELEMENT


@pytest.mark.parametrize(("symbol", "charge"), [("Li+", 1), ("Fe3+", 3), ("S-2", -2), ("V+4.5", 4.5), ("O1.5-", -1.5)])
def test_charges_of_type_symbols(symbol: str, charge: float) -> None:
    assert read(cif(f"A {symbol} 0 0 0 1\n")).charges.tolist() == [charge]


def test_a_type_symbol_ends_where_the_text_ends() -> None:
    with pytest.raises(RejectionError) as raised:
        read(cif("A Li.+ 0 0 0 1\n", header=ATOMS.replace("_atom_site_label\n", "_atom_site_other\n")))
    assert raised.value.code is Code.BAD_ELEMENT


@pytest.mark.parametrize("multiplicity", ["0", "-4", "1000", "2.5", "many"])
def test_an_impossible_multiplicity_says_nothing(multiplicity: str) -> None:
    header = ATOMS.replace("_atom_site_occupancy", "_atom_site_symmetry_multiplicity\n_atom_site_occupancy")
    symmetry = "_symmetry_space_group_name_H-M 'P m m m'\n"
    assert read(cif(f"Li Li 0.1 0.2 0.3 {multiplicity} 1\n", symmetry=symmetry, header=header)).n_sites == 8


@pytest.mark.parametrize(
    ("name", "cell", "sites"),
    [
        ("F d -3 m Z", {}, 16),  # origin 2: 16c at 0 0 0
        ("F d -3 m S", {}, 8),  # origin 1: 8a at 0 0 0
        ("Fd-3m:2", {}, 16),
        ("R -3 m H", {"a": 4, "b": 4, "c": 14, "gamma": 120}, 3),
        ("R -3 m R", {"a": 5, "b": 5, "c": 5, "alpha": 60, "beta": 60, "gamma": 60}, 1),
        ("R -3 m", {"a": 5, "b": 5, "c": 5, "alpha": 60, "beta": 60, "gamma": 60}, 1),
    ],
)
def test_settings_named_as_databases_name_them(name: str, cell: dict[str, float], sites: int) -> None:
    crystal = read(cif("Li Li 0 0 0 1\n", symmetry=f"_symmetry_space_group_name_H-M '{name}'\n", cell=cell))
    assert crystal.n_sites == sites


def test_a_number_alone_takes_its_axes_from_the_cell() -> None:
    rhombohedral = {"a": 5, "b": 5, "c": 5, "alpha": 60, "beta": 60, "gamma": 60}
    hexagonal = {"a": 4, "b": 4, "c": 14, "gamma": 120}
    number = "_symmetry_Int_Tables_number 166\n"
    assert read(cif("Li Li 0 0 0 1\n", symmetry=number, cell=rhombohedral)).n_sites == 1
    assert read(cif("Li Li 0 0 0 1\n", symmetry=number, cell=hexagonal)).n_sites == 3


@pytest.mark.parametrize(
    ("stated", "contradicts", "sites"),
    [
        ("_symmetry_Int_Tables_number 1\n", False, 1),
        ("_symmetry_Int_Tables_number 225\n", True, 1),  # 192 atoms have no room in the cell
        ("_symmetry_Int_Tables_number nonsense\n", True, 1),
        ("_symmetry_space_group_name_H-M 'P -1'\n", True, 2),  # the identity alone is no list of that group
        ("_symmetry_space_group_name_H-M 'P 1'\n", False, 1),
        ("_symmetry_space_group_name_H-M 'no such group'\n", False, 1),
    ],
)
def test_what_is_stated_beside_listed_operations(stated: str, *, contradicts: bool, sites: int) -> None:
    listed = "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n"
    crystal = read(cif("Li Li 0.1 0.2 0.3 1\n", symmetry=stated + listed))
    assert crystal.n_sites == sites
    assert ("group" in crystal.flags) is contradicts


def test_atoms_without_coordinates_stay_in_the_composition() -> None:
    crystal = read(cif("Li Li 0 0 0 1\nH1 H ? ? ? 1\n"))
    assert crystal.composition() == {"H": 1.0, "Li": 1.0}
    assert crystal.n_sites == 1
    assert set(crystal.flags) == {"atoms-without-coordinates", "multiplicity-unknown", "no-symmetry-stated"}


def test_cartesian_coordinates() -> None:
    header = ATOMS.replace("fract", "Cartn")
    crystal = read(cif("Li Li 1 2 3 1\n", header=header, cell={"b": 6, "gamma": 75}))
    np.testing.assert_allclose(crystal.positions @ crystal.lattice, [[1, 2, 3]], atol=1e-12)


def test_dotted_tags_crlf_bom_and_latin1() -> None:
    text = cif(LICL).decode().replace("_cell_", "_cell.").replace("_atom_site_", "_atom_site.")
    text = text.replace("data_x\n", "data_x\n_publ_author 'Müller'\n").replace("\n", "\r\n")
    for data in (text.encode("latin-1"), b"\xef\xbb\xbf" + text.encode()):
        assert read(data).composition() == {"Li": 1.0, "Cl": 1.0}


def test_listed_operations_win_over_a_contradicting_number() -> None:
    symmetry = "_symmetry_Int_Tables_number 225\nloop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'-x,-y,-z'\n"
    crystal = read(cif("Li Li 0.1 0.2 0.3 1\n", symmetry=symmetry))
    assert (crystal.n_sites, crystal.spacegroup) == (2, 2)
    assert "group" in crystal.flags
    assert "no-symmetry-stated" in read(cif(LICL)).flags


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", Code.EMPTY),
        (b"  \n\t", Code.EMPTY),
        (b"\x7fELF\0\0\1", Code.NOT_CIF),
        (b"hello world", Code.NOT_CIF),
        (cif(LICL)[:-3] + b"0.5 'open", Code.NOT_CIF),
        (cif("Li Li 0 0\n"), Code.NOT_CIF),
        (cif(""), Code.NO_ATOMS),
        (b"data_x\n_journal_name Nature\n", Code.NO_ATOMS),
        (b"data_x\n" + ATOMS.encode() + LICL.encode(), Code.NO_CELL),
        (CELL.format(**CUBIC).encode(), Code.NO_ATOMS),
        (cif("Li Li ? ? ? 1\n"), Code.NO_ATOMS),
        (cif(LICL, cell={"a": "?"}), Code.NO_CELL),
        (cif(LICL, cell={"a": -5}), Code.BAD_CELL),
        (cif(LICL, cell={"a": "abc"}), Code.BAD_CELL),
        (cif(LICL, cell={"a": 1e9}), Code.BAD_CELL),
        (cif(LICL, cell={"alpha": 10, "beta": 10, "gamma": 150}), Code.BAD_CELL),
        (cif("Li Li 0 x 0 1\n"), Code.BAD_SITE),
        (cif("Li Li 0 ? 0 1\n"), Code.BAD_SITE),
        (cif("Li Li 0 1e300 0 1\n"), Code.BAD_SITE),
        (cif("Li Li 0 0 0 -0.5\n"), Code.BAD_SITE),
        (cif("Li Li 0 0 0 7\n"), Code.BAD_SITE),
        (cif("Xx Xx 0 0 0 1\n"), Code.BAD_ELEMENT),
        (cif(LICL, symmetry="_symmetry_space_group_name_H-M 'no such group'\n"), Code.BAD_SYMMETRY),
        (cif(LICL, symmetry="_symmetry_Int_Tables_number 231\n"), Code.BAD_SYMMETRY),
        (cif(LICL, symmetry="loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'y,z,x'\n"), Code.BAD_SYMMETRY),
        (cif(LICL, symmetry="loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,q'\n"), Code.BAD_SYMMETRY),
        (cif(LICL, symmetry=ROCKSALT, cell={"b": 6.5}), Code.BAD_SYMMETRY),
    ],
)
def test_rejections_have_stable_codes(text: bytes, code: Code) -> None:
    assert code_of(text) == code


NEEDLE = {"a": 0.02, "b": 0.02, "c": 9999}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        # Each of these once took minutes, hours, or a number that nobody meant.
        (cif(LICL, symmetry=f"_symmetry_space_group_name_H-M 'P{' ' * 20_000}X'\n"), Code.BAD_SYMMETRY),
        (cif(f"Li Li{'9' * 200_000}x 0 0 0 1\n"), Code.BAD_ELEMENT),
        (cif(LICL, cell=NEEDLE), Code.BAD_CELL),
        (cif(LICL, cell={"gamma": 0.5}), Code.BAD_CELL),
        (cif("".join(f"Li Li {n / 1000} {n * n % 997 / 997} 0.5 1\n" for n in range(1000))), Code.BAD_CELL),
        (cif("Li Li+ 0 0 0 1\nCl Cl" + "9" * 30 + "- 0.5 0 0 1\n"), Code.BAD_ELEMENT),
        (cif(LICL) + b"loop_\n_atom_type_symbol\n_atom_type_oxidation_number\nLi 999\n", Code.BAD_ELEMENT),
        (cif("Li Li 0 0 0 1e-300\n"), Code.BAD_SITE),
        (cif(LICL, symmetry="_space_group_name_Hall 'P 1 (99999999999999999999 0 0)'\n"), Code.BAD_SYMMETRY),
    ],
    ids=["long-name", "long-symbol", "needle", "skew", "dense", "charge", "charge-table", "occupancy", "hall"],
)
def test_what_no_crystal_has_is_refused_at_once(text: bytes, code: Code) -> None:
    started = time.perf_counter()
    assert code_of(text) == code
    assert time.perf_counter() - started < 5.0


@pytest.mark.parametrize(
    "listed",
    [
        ("x,y,z", "x+1/3,y,z"),
        ("x,y,z", "x+1/2,y,z", "x,y+1/2,z"),
        ("x,y,z", "x,x,x"),
        ("-x,-y,-z",),
        ("x,y,z", "0,0,0"),
    ],
)
def test_operations_that_are_not_closed_are_no_group(listed: tuple[str, ...]) -> None:
    """Centring vectors too: a list without the third of three thirds made half of the atoms."""
    loop = "loop_\n_symmetry_equiv_pos_as_xyz\n" + "".join(f"'{operation}'\n" for operation in listed)
    assert code_of(cif(LICL, symmetry=loop)) == Code.BAD_SYMMETRY


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 230), st.integers(0, 2**32 - 1))
def test_closure_against_plain_products(number: int, seed: int) -> None:
    """A group with operations left out, or one exchanged, against gemmi's products one by one."""
    rng = np.random.default_rng(seed)
    listed = [op.wrap() for op in gemmi.find_spacegroup_by_number(number).operations()]
    for _ in range(rng.integers(3)):
        other = list(gemmi.find_spacegroup_by_number(int(rng.integers(1, 195))).operations())
        place = int(rng.integers(len(listed)))
        listed[place : place + 1] = [other[rng.integers(len(other))].wrap()] * int(rng.integers(2))
        if not listed:
            listed = [gemmi.Op("x,y,z")]
    triplets = {op.triplet() for op in listed}
    closed = all((a * b).wrap().triplet() in triplets for a in listed for b in listed)
    loop = "loop_\n_symmetry_equiv_pos_as_xyz\n" + "".join(f"'{triplet}'\n" for triplet in triplets)
    block = gemmi.cif.read_string("data_x\n" + loop)[0]
    if closed:
        assert len(read_symmetry(block, LIMITS).rotations) == len(triplets)
        return
    with pytest.raises(RejectionError) as caught:
        read_symmetry(block, LIMITS)
    assert caught.value.code is Code.BAD_SYMMETRY


def test_many_blocks_on_one_line_are_counted_not_compared() -> None:
    started = time.perf_counter()
    assert code_of(b" ".join(b"data_%d _x 1" % n for n in range(100_000))) == Code.NOT_CIF
    assert time.perf_counter() - started < 3.0


@pytest.mark.parametrize("operation", ["x+99999999999999999999,y,z", "h,k,l", "x,y,é", "x,y,z+1/99999", "x" * 10**6])
def test_an_operation_that_only_overflows_into_sense_is_refused(operation: str) -> None:
    listed = f"loop_\n_symmetry_equiv_pos_as_xyz\n'{operation}'\n"
    assert code_of(cif(LICL, symmetry=listed)) == Code.BAD_SYMMETRY


def test_a_skew_cell_of_ordinary_atoms_is_read() -> None:
    assert read(cif(LICL, cell={"a": 100, "b": 100, "c": 9, "gamma": 3})).n_sites == 2
    assert read(cif(LICL, cell={"a": 9000, "b": 9000, "c": 9000, "alpha": 1, "beta": 1, "gamma": 1})).n_sites == 2


@pytest.mark.parametrize("label", ["L" * 10**6, "Li\x85\u202e", "Li;\u2028"])
def test_a_detail_is_one_short_printable_line(label: str) -> None:
    with pytest.raises(RejectionError) as caught:
        read(cif(f"'{label}' Li 0 0 what 1\n"))
    assert len(caught.value.detail) < 200
    assert caught.value.detail.isprintable()


@pytest.mark.parametrize(
    "symmetry",
    ["loop_\n_symmetry_equiv_pos_as_xyz\n'-y\x0c/2,y,z'\n", "_space_group_name_Hall 'P\x0c9'\n"],
    ids=["operation", "hall"],
)
def test_a_detail_about_symmetry_is_one_too(symmetry: str) -> None:
    """Found by fuzzing: what gemmi quotes may hold a form feed."""
    with pytest.raises(RejectionError) as caught:
        read(cif(LICL, symmetry=symmetry))
    assert caught.value.detail.isprintable()


def test_limits() -> None:
    assert code_of(cif(LICL), InputLimits(max_file_bytes=10)) == Code.TOO_LARGE
    assert code_of(cif(LICL, symmetry=ROCKSALT), InputLimits(max_sites=7)) == Code.TOO_LARGE
    many = "loop_\n_symmetry_equiv_pos_as_xyz\n" + "'x,y,z'\n" * 193
    assert code_of(cif(LICL, symmetry=many)) == Code.TOO_LARGE


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_pymatgen_round_trip(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crystal = read(
        cif(
            "Li Li 0.1 0.2 0.3 0.5\nNa Na 0.1 0.2 0.3 0.25\nO O 0.6 0.7 0.2 1\n",
            cell={"a": 4 + rng.random(), "alpha": 80 + 20 * rng.random()},
        )
    )
    again = Crystal.from_pymatgen(crystal.to_pymatgen())
    np.testing.assert_allclose(again.lattice, crystal.lattice)
    assert again.composition() == pytest.approx(crystal.composition())
    assert again.n_sites == crystal.n_sites
    np.testing.assert_allclose(np.sort(again.positions, axis=0), np.sort(crystal.positions, axis=0), atol=1e-12)


@pytest.mark.slow
def test_real_crystals_have_pymatgens_composition(shared_data: Path) -> None:
    """Total composition within 1 % of pymatgen's on all 254 files; no exception is needed."""
    from pymatgen.io.cif import CifParser

    differing = []
    for path in sorted((shared_data / "obelix-train" / "cifs").glob("*.cif")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = CifParser(path, occupancy_tolerance=100).parse_structures(primitive=False)[0]
        theirs = structure.composition.get_el_amt_dict()
        crystal = read(path.read_bytes())
        if crystal.composition() != pytest.approx(theirs, rel=0.01):
            differing.append(path.stem)
        assert crystal.volume == pytest.approx(structure.volume, rel=1e-6)
    assert differing == []
