"""The syntax that CIF files of the field have, and what is said of files that are something else."""

from __future__ import annotations

import gzip
import io
import math
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import gemmi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.config import InputLimits
from screening.crystals import Crystal, read_cif
from screening.crystals.cif2 import DEEPEST, as_cif1
from screening.crystals.document import parsed, parsed_text
from screening.crystals.syntax import number
from screening.errors import Code, RejectionError
from screening.sources import iter_items

LIMITS = InputLimits()
CELL = {"length_a": 5, "length_b": 6, "length_c": 7, "angle_alpha": 90, "angle_beta": 90, "angle_gamma": 90}
COLUMNS = (
    "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
)
ATOMS = "Li1 Li 0 0 0\nCl1 Cl .5 .5 .5\n"
LICL = {"Li": 1.0, "Cl": 1.0}


def cif(lines: str = "", *, name: str = "data_x", atoms: str = ATOMS, without: tuple[str, ...] = ()) -> str:
    cell = "".join(f"_cell_{tag} {value}\n" for tag, value in CELL.items() if tag not in without)
    return f"{name}\n{cell}_symmetry_space_group_name_H-M 'P 1'\n{lines}{COLUMNS}{atoms}"


def read(text: str | bytes) -> Crystal:
    data = text.encode() if isinstance(text, str) else text
    return read_cif(data, id="x", source="x.cif", limits=LIMITS)


def refusal(text: str | bytes, code: Code = Code.NOT_CIF) -> str:
    with pytest.raises(RejectionError) as caught:
        read(text)
    assert caught.value.code is code
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) <= 200
    return caught.value.detail


# Tags that stand twice


@pytest.mark.parametrize(
    "lines",
    [
        "_chemical_formula_sum 'Li Cl'\n_chemical_formula_sum ''\n",
        "_chemical_formula_sum 'Li Cl'\n_chemical_formula_sum 'Cl Li'\n",
        "_journal_year 1999\n_journal_year 2000\n",
        "_cell_volume 210\n_cell_volume 211\n",
        "_cell_measurement_temperature 293\n_Cell_Measurement_Temperature 100\n",
        "loop_\n_publ_author_name\n'A B'\nloop_\n_publ_author_name\n'C D'\n",
        "loop_\n_atom_site_aniso_label\n_atom_site_aniso_label\nLi1 Li1\n",
        "loop_\n_citation_id\n1\n2\n_citation_id 3\n",
    ],
)
def test_a_tag_twice_that_no_atom_needs(lines: str) -> None:
    crystal = read(cif(lines))
    assert (crystal.composition(), crystal.n_sites, crystal.flags) == (LICL, 2, ())


@pytest.mark.parametrize("again", ["5", "5.0", "5.00(3)", "'5'", "?", "."])
def test_a_needed_tag_twice_with_one_value(again: str) -> None:
    for lines in (f"_cell_length_a {again}\n", f"_CELL_LENGTH_A {again}\n"):
        assert read(cif(lines)).lattice[0, 0] == 5.0
    first = cif().replace("data_x\n", f"data_x\n_cell_length_a {again}\n")
    assert read(first).lattice[0, 0] == 5.0


@pytest.mark.parametrize(
    ("lines", "tag"),
    [
        ("_cell_length_a 9\n", "_cell_length_a"),
        ("_symmetry_space_group_name_H-M 'F m -3 m'\n", "_symmetry_space_group_name_H-M"),
        ("loop_\n_atom_site_label\n_atom_site_fract_x\nLi9 0.3\n", "_atom_site_label"),
        ("loop_\n_atom_site_occupancy\n_atom_site_occupancy\n1 0.5\n", "_atom_site_occupancy"),
        ("_cell_angle_beta 95\n", "_cell_angle_beta"),
    ],
)
def test_a_needed_tag_twice_with_two_values_is_named(lines: str, tag: str) -> None:
    detail = refusal(cif(lines))
    assert tag in detail
    assert "twice" in detail


@pytest.mark.parametrize("lines", ["_journal_year\n_journal_volume 3\n", "_cell_volume\n"])
def test_a_tag_without_a_value_is_named(lines: str) -> None:
    assert f"{lines.split(maxsplit=1)[0]} has no value" in refusal(cif(lines))


# Names of blocks


@pytest.mark.parametrize(
    "name",
    [
        "data_Li Cl (1)",
        "data_LiCl at 300 K",
        "data_LiFePO₄",
        "data_β-LiCl mit Müller",
        "data_Li Cl   ",
        "DATA_Li Cl",
        "data_Li Cl # a comment",
        "data_",
        "data_a'b c\"d",
    ],
)
def test_names_of_blocks(name: str) -> None:
    assert read(cif(name=name)).composition() == LICL
    assert read(cif(name=f"# made by hand\n\n{name}").replace("\n", "\r\n")).composition() == LICL


def test_a_name_with_blanks_among_several_blocks(tmp_path: Path) -> None:
    text = cif(name="data_first one") + "_publ_section\n;\ndata_not a block\n;\n" + cif(name="data_zweite Größe")
    (tmp_path / "x.cif").write_text(text, encoding="utf-8")
    found = list(iter_items([str(tmp_path)], LIMITS))
    assert [item.id for item in found] == ["x#first_one", "x#zweite_Gr__e"]
    assert all(read(item.text).composition() == LICL for item in found)


# CIF 2.0

CIF2 = "#\\#CIF_2.0\n"


@pytest.mark.parametrize(
    "lines",
    [
        "_note '''it's\na text'''\n_list [1 2 3]\n_t {'a':1}\n",
        '_note """a "quoted" text"""\n_list [[1 2] [3 [4 5]] []]\n',
        "_empty {}\n_map {'a':[1 2] 'b':{'c':'d'}}\n",
        "_note\n;\na [ text { field '''\n;\n",
        "_list ['a b' \"c\" '''d''' \n;\nfield\n;\n e]\n",
        "loop_\n_m.id\n_m.matrix\n1 [1 0 0]\n2 [0 1 0] # a comment ]\n",
        "_name 'Müller'\n_q \"it's\"\n",
        "_both '''it's \"so\"'''\n",
    ],
)
def test_cif_2(lines: str) -> None:
    for header in (CIF2, "\ufeff" + CIF2, CIF2.replace("\n", "\r\n")):
        assert read(header + cif(lines)).composition() == LICL
    dotted = (CIF2 + cif(lines)).replace("_cell_", "_cell.").replace("_atom_site_", "_atom_site.")
    assert read(dotted).composition() == LICL


def test_cif_2_without_its_header() -> None:
    assert read(cif("_note '''it's\na text'''\n_list [1 2 3]\n")).composition() == LICL


@pytest.mark.parametrize("lines", ["_list [1 2\n", "_list 1 2]\n", "_note '''open\n", "_t {'a':1\n", "_x 'open\n"])
def test_damaged_cif_2_is_refused_as_such(lines: str) -> None:
    assert "CIF 2.0" in refusal(CIF2 + cif(lines))


def test_lists_within_lists_without_end_are_refused_at_once() -> None:
    assert "CIF 2.0" in refusal(CIF2 + cif(f"_list {'[' * 100_000}\n"))
    assert read(CIF2 + cif(f"_list {'[' * DEEPEST}{']' * DEEPEST}\n")).composition() == LICL


_VALUES = st.recursive(
    st.text("ab '\"_;[]{}:#\n0", max_size=8).filter(lambda text: "'''" not in text and not text.endswith("'")),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


def _written(value: str | list) -> str:
    return f"'''{value}'''" if isinstance(value, str) else f"[{' '.join(map(_written, value))}]"


@given(st.lists(_VALUES, min_size=1, max_size=4))
def test_any_values_of_cif_2_leave_one_value_a_tag(values: list) -> None:
    """Text comes back as it was but for a line that begins with a semicolon, which CIF 1.1 cannot hold."""
    text = CIF2 + "data_x\n" + "".join(f"_t{place} {_written(value)}\n" for place, value in enumerate(values))
    block = gemmi.cif.read_string(as_cif1(text))[0]
    for place, value in enumerate(values):
        found = block.find_value(f"_t{place}")
        assert found is not None
        if isinstance(value, str):
            assert gemmi.cif.as_string(found) == value.replace("\n;", "\n ;")


# Angles, numbers


@pytest.mark.parametrize(
    "without", [("angle_gamma",), ("angle_alpha", "angle_beta"), ("angle_alpha", "angle_beta", "angle_gamma")]
)
def test_a_missing_angle_is_a_right_one(without: tuple[str, ...]) -> None:
    text = cif(without=without)
    assert (read(text).lattice == read(cif()).lattice).all()
    stated = "".join(f"_cell_{tag} .\n" for tag in without)
    assert (read(cif(stated, without=without)).lattice == read(cif()).lattice).all()


def test_an_unknown_angle_or_a_missing_length_is_refused() -> None:
    assert "_cell_angle_beta is unknown" in refusal(cif("_cell_angle_beta ?\n", without=("angle_beta",)), Code.NO_CELL)
    assert "_cell_length_b" in refusal(cif(without=("length_b",)), Code.NO_CELL)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/3", 1 / 3),
        ("-2/3", -2 / 3),
        ("+1/2", 0.5),
        ("'1/3'", 1 / 3),
        (" 1 / 4 ", 0.25),
        ("0.5", 0.5),
        ("0.5(2)", 0.5),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    "text", [None, "?", ".", "", "x", "1/0", "1/", "/3", "1/2/3", "1/3x", "0,5", "1e999/2", "99999/3"]
)
def test_what_is_no_number(text: str | None) -> None:
    assert math.isnan(number(text))


@given(st.integers(-999, 999), st.integers(1, 999))
def test_any_fraction(above: int, below: int) -> None:
    assert number(f"{above}/{below}") == above / below


def test_fractions_as_coordinates() -> None:
    crystal = read(cif(atoms="Li1 Li 1/3 2/3 1/4\nCl1 Cl -1/3 +1/2 0.5\n"))
    assert crystal.positions[0].tolist() == [1 / 3, 2 / 3, 0.25]


# What else a file may be

POSCAR = "LiCl\n1.0\n 5.0 0.0 0.0\n 0.0 5.0 0.0\n 0.0 0.0 5.0\nLi Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"
PDB = "CRYST1    5.000    5.000    5.000  90.00  90.00  90.00\nATOM      1  LI   LI  A   1       0.0     0.0     0.0\n"


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.cif", cif())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (POSCAR, "VASP POSCAR"),
        (POSCAR.replace("1.0\n", "-125.0\n", 1), "VASP POSCAR"),
        ("\n" + POSCAR[5:], "VASP POSCAR"),
        (POSCAR.replace("\n", "\r\n"), "VASP POSCAR"),
        ('2\nLattice="5 0 0 0 5 0 0 0 5"\nLi 0.0 0.0 0.0\nCl 2.5 2.5 2.5\n', "XYZ"),
        ("1\n\nLi 0 0 0\n", "XYZ"),
        ('{"@module": "pymatgen.core.structure"}', "JSON"),
        ('[\n  {"id": 1}]', "JSON"),
        ("<!DOCTYPE html>\n<html><body>404</body></html>", "HTML"),
        ("\n<html>\n", "HTML"),
        ("<?xml version='1.0'?>\n<cml/>", "XML"),
        ("<cml><atom/></cml>", "XML"),
        (PDB, "PDB"),
        ("TITL LiCl\nCELL 0.71073 5 5 5 90 90 90\nSFAC LI CL\n", "SHELX"),
        ("id,formula,sigma\nx,LiCl,1e-5\n", "table"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
        ("&CONTROL\n calculation='scf'\n/\nATOMIC_POSITIONS crystal\n", "Quantum ESPRESSO"),
        ("lattice_vector 5 0 0\natom 0 0 0 Li\n", "FHI-aims"),
        ("CRYSTAL\nPRIMVEC\n5 0 0\n0 5 0\n0 0 5\n", "XSF"),
        (gzip.compress(b"data_x", mtime=0), "gzip"),
        (zipped(), "ZIP"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"\x89PNG\r\n\x1a\n\0\0", "PNG"),
        ("data_x\n_a 1\n".encode("utf-16"), "UTF-16"),
        ("data_x\n_a 1\n".encode("utf-16-be"), "UTF-16"),
        ("_cell_length_a 5\n", "data_NAME"),
        ("hello world\n", "hello world"),
    ],
)
def test_a_file_of_another_kind_is_called_by_its_name(data: str | bytes, words: str) -> None:
    assert words in refusal(data)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("_symmetry_cell_setting F m -3 m\n", "stands in quotes"),
        ("_note 'open\n", "not closed"),
        ("_note\n;open\n", "not closed"),
        ("loop_\n_a\n_b\n1 2 3\n", "number of its columns"),
        ("stray\n", "stray"),
    ],
)
def test_a_slip_in_the_syntax_is_told_with_its_line(lines: str, words: str) -> None:
    detail = refusal(cif(lines))
    assert words in detail
    assert "line " in detail


def test_a_long_or_hostile_line_is_shown_in_part() -> None:
    detail = refusal("data_x\n_a b \x1b[31m" + "c" * 10**6)
    assert len(detail) <= 200


def outcome(parse: Callable[[], object]) -> RejectionError | None:
    try:
        parse()
    except RejectionError as error:
        return error
    return None


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    refused = outcome(lambda: parsed(data))
    if refused is not None:
        assert refused.code in (Code.NOT_CIF, Code.EMPTY)
        assert refused.detail.isprintable()
        assert 5 < len(refused.detail) <= 200


@given(st.text("data_xloop;\n '\"[]{}#:1", max_size=60))
def test_any_text_like_cif_is_parsed_or_refused(text: str) -> None:
    for start in ("", CIF2):
        whole = start + text
        refused = outcome(lambda: parsed_text(whole))  # noqa: B023 - called at once
        if refused is not None:
            assert refused.code is Code.NOT_CIF
            assert refused.detail.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "data_" + " " * 10**6 + "x\n_a",
        "\n" * 10**6 + "x",
        "data_x y\n" * 10**5 + "]",
        CIF2 + "data_x\n" + "\n;x" * 10**5,
        CIF2 + "data_x\n_a " + "'" * (10**5 + 1),
        CIF2 + "data_x\n_a " + "['" * 10**5,
        "data_x\n_a " + " [" * 10**5,
        "_a" + "\r" * 10**6,
        "1" * 10**6,
        "{" * 10**6,
    ],
    ids=["blanks", "lines", "names", "fields", "quotes", "lists", "brackets", "returns", "digits", "braces"],
)
def test_hostile_text_is_refused_in_time_that_grows_with_its_length(text: str) -> None:
    started = time.process_time()
    assert outcome(lambda: parsed_text(text)) is not None
    assert time.process_time() - started < 3.0


# One crystal among other blocks

PUBLICATION = "data_global\n_journal_name_full 'J. Test'\n_publ_author_name 'A B'\n"
PATTERN = "data_pattern\nloop_\n_pd_meas_2theta_scan\n_pd_meas_counts_total\n10 5\n11 6\n"


@pytest.mark.parametrize(
    "text",
    [
        PUBLICATION + cif(),
        cif() + PATTERN,
        PUBLICATION + cif(name="data_I") + PATTERN,
        PUBLICATION + PATTERN + cif(name="data_II"),
        PUBLICATION + cif().replace("_atom_site_", "_atom_site.").replace("_cell_", "_cell."),
        PUBLICATION + cif(name="data_Li Cl"),
    ],
)
def test_one_crystal_among_publication_blocks_keeps_the_name_of_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "paper.cif").write_text(text)
    (item,) = iter_items([str(tmp_path)], LIMITS)
    assert (item.id, item.rejection) == ("paper", None)
    assert read(item.text).composition() == LICL


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (cif(name="data_a") + cif(name="data_b"), ["p#a", "p#b"]),
        (PUBLICATION + cif(name="data_a") + cif(name="data_b"), ["p#global", "p#a", "p#b"]),
        (cif(name="data_a") + "data_b\n_cell_length_a 5\n", ["p#a", "p#b"]),
        (PUBLICATION + PATTERN, ["p#global", "p#pattern"]),
        (PUBLICATION, ["p"]),
    ],
)
def test_no_block_that_may_be_a_crystal_is_lost(tmp_path: Path, text: str, ids: list[str]) -> None:
    (tmp_path / "p.cif").write_text(text)
    assert [item.id for item in iter_items([str(tmp_path)], LIMITS)] == ids
