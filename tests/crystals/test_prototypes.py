"""Prototypes: known labels, one label for every way to write a crystal, and what is called unknown."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from screening.config import InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.crystal import Crystal
from screening.crystals.prototypes import MOST_SITES, UNKNOWN, prototype


def made(group: str, lattice: Lattice, *sites: tuple[object, tuple[float, float, float]]) -> Crystal:
    """The crystal of a space group; a site holds an element, or shares of some."""
    lines = [f"data_x\n_space_group_name_H-M_alt '{group}'"]
    lines += [f"_cell_length_{name} {length}" for name, length in zip("abc", lattice.abc, strict=True)]
    lines += [
        f"_cell_angle_{name} {angle}" for name, angle in zip(("alpha", "beta", "gamma"), lattice.angles, strict=True)
    ]
    names = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
    lines += ["loop_", *(f"_atom_site_{name}" for name in names)]
    for place, (held, position) in enumerate(sites):
        for symbol, share in held.items() if isinstance(held, dict) else [(held, 1.0)]:
            lines.append(f"{symbol}{place} {symbol} {' '.join(f'{x:.6f}' for x in position)} {share}")
    return read_cif("\n".join(lines).encode(), id="x", source="x", limits=InputLimits())


def rocksalt(a: str = "Li", b: str = "Cl") -> Crystal:
    return made("F m -3 m", Lattice.cubic(5.1), (a, (0, 0, 0)), (b, (0.5, 0.5, 0.5)))


def antiperovskite() -> Crystal:
    return made("P m -3 m", Lattice.cubic(3.9), ("O", (0, 0, 0)), ("Cl", (0.5, 0.5, 0.5)), ("Li", (0.5, 0, 0)))


def garnet(tantalum: float) -> Crystal:
    """Sublattices of a garnet, lithium half there."""
    mixed = {"Zr": 2 - tantalum, "Ta": tantalum} if tantalum < 1 else {"Zr": 1.0}
    mixed = {symbol: amount / sum(mixed.values()) for symbol, amount in mixed.items()}
    whole = made(
        "I 41/a c d", Lattice.tetragonal(13.1, 12.7), ("La", (0, 0.25, 0.125)), (mixed, (0, 0, 0)),
        ({"Li": (7 - tantalum) / 14}, (0, 0.25, 0.375)),
    )  # fmt: skip
    return Crystal.from_pymatgen(whole.to_pymatgen().get_primitive_structure())


def halide() -> Crystal:
    return made(
        "C 1 2/m 1", Lattice.monoclinic(6.41, 11.07, 6.38, 109.8), ("In", (0, 0, 0)), ("Li", (0, 0.336, 0.5)),
        ("Li", (0, 0, 0.5)), ("Cl", (0.246, 0.16, 0.24)), ("Cl", (0.25, 0, 0.765)),
    )  # fmt: skip


SPINEL = made("F d -3 m:2", Lattice.cubic(8.2), ("Li", (0.125,) * 3), ("Mn", (0.5,) * 3), ("O", (0.2632,) * 3))
NITRIDE = made(
    "P 6/m m m", Lattice.hexagonal(3.65, 3.87), ("N", (0, 0, 0)), ("Li", (1 / 3, 2 / 3, 0)), ("Li", (0, 0, 0.5))
)
LAYERED = made("R -3 m:H", Lattice.hexagonal(2.82, 14.05), ("Li", (0, 0, 0.5)), ("Co", (0, 0, 0)), ("O", (0, 0, 0.26)))


@pytest.mark.parametrize(
    ("crystal", "label"),
    [
        (rocksalt(), "AB_cF8_225_a_b"),
        (antiperovskite(), "ABC3_cP5_221_a_b_c"),
        (Crystal.from_pymatgen(SPINEL.to_pymatgen().get_primitive_structure()), "AB2C4_cF56_227_a_d_e"),
        (NITRIDE, "AB3_hP4_191_a_bc"),
        (LAYERED, "ABC2_hR4_166_a_b_c"),
        (halide(), "AB3C6_mC20_12_c_ag_ij"),  # indium on a and lithium on c and h, from another origin
    ],
)
def test_labels_of_known_structures(crystal: Crystal, label: str) -> None:
    assert prototype(crystal) == label


def test_elements_and_sizes_do_not_count() -> None:
    assert prototype(rocksalt("Mg", "O")) == prototype(rocksalt()) == prototype(rocksalt("Cl", "Li"))
    wide = dataclasses.replace(antiperovskite(), lattice=1.2 * antiperovskite().lattice)
    assert prototype(wide) == prototype(antiperovskite())
    assert prototype(rocksalt()) != prototype(made("P m -3 m", Lattice.cubic(4), ("Cs", (0, 0, 0)), ("Cl", (0.5,) * 3)))


@given(
    st.sampled_from([rocksalt, antiperovskite, halide, lambda: garnet(0.5)]),
    st.sampled_from([np.diag([2, 1, 1]), np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]]), np.diag([1, 1, -1]), np.eye(3)]),
    st.tuples(*[st.floats(0, 1, exclude_max=True)] * 3),
    st.integers(0, 1000),
)
@settings(max_examples=10, deadline=None)
def test_every_way_to_write_a_crystal_has_one_label(make, cell, shift, seed) -> None:
    crystal = make()
    structure = crystal.to_pymatgen()
    structure.make_supercell(cell.astype(int).tolist())
    structure.translate_sites(list(range(len(structure))), shift)
    order = np.random.default_rng(seed).permutation(len(structure))
    again = Crystal.from_pymatgen(Structure.from_sites([structure[k] for k in order]))
    assert prototype(again) == prototype(crystal)


@pytest.mark.slow  # pymatgen takes seconds to load its library of prototypes
def test_labels_are_those_of_pymatgen() -> None:
    """Another program for the label, with another choice of species order; it counts rhombohedral cells thrice."""
    from pymatgen.analysis.prototypes import get_protostructure_label_from_spglib, get_prototype_from_protostructure

    rng = np.random.default_rng(0)
    for group, lattice in [
        ("P 1 21/c 1", Lattice.monoclinic(5, 6, 7, 100)), ("P n m a", Lattice.orthorhombic(5, 6, 8)),
        ("C m c e", Lattice.orthorhombic(7, 8, 9)), ("P 42/n m c:2", Lattice.tetragonal(8.7, 12.6)),
        ("P -3 m 1", Lattice.hexagonal(11, 6)), ("P m -3 n", Lattice.cubic(9.9)),
    ]:  # fmt: skip
        special = [(0, 0, 0), *(tuple(rng.uniform(0.05, 0.45, 3)) for _ in "PS"), (0, 0, rng.uniform(0.1, 0.4))]
        sites = list(zip(["Li", "P", "S", "O"], special, strict=True))
        crystal = made(group, lattice, *sites)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = get_protostructure_label_from_spglib(
                crystal.to_pymatgen(), raise_errors=True, init_symprec=0.01, fallback_symprec=None
            )
        assert told is not None
        assert prototype(crystal) == get_prototype_from_protostructure(told), group


def moved(crystal: Crystal, by: float) -> Crystal:
    """The crystal with every atom moved by `by` Å in a direction of its own."""
    way = np.random.default_rng(1).normal(size=crystal.positions.shape)
    way *= by / np.linalg.norm(way, axis=1, keepdims=True)
    return dataclasses.replace(crystal, positions=(crystal.positions + way @ np.linalg.inv(crystal.lattice)) % 1.0)


def test_what_is_written_with_errors_is_found_within_a_tenth_of_an_angstrom() -> None:
    for by in (0.001, 0.02):
        assert prototype(moved(halide(), by)) == prototype(halide())
    assert "_aP" in prototype(moved(halide(), 0.6))  # P 1 is found there, not failed to


def test_a_disordered_crystal_is_taken_by_its_average() -> None:
    labels = {prototype(garnet(tantalum)) for tantalum in (0.2, 0.5)}
    assert len(labels) == 1
    assert labels.pop().split("_")[2] == "134"
    whole = made("F m -3 m", Lattice.cubic(5.1), ({"Li": 0.8, "Na": 0.2}, (0, 0, 0)), ("Cl", (0.5, 0.5, 0.5)))
    assert prototype(whole) == "AB_cF8_225_a_b"
    ordered = rocksalt().to_pymatgen()
    ordered.replace(0, {"Li": 0.5})  # one of four lithium sites is half empty: no image of the others
    assert prototype(Crystal.from_pymatgen(ordered)).split("_")[2] == "221"


def test_a_failure_is_unknown_and_never_p_1() -> None:
    twice = rocksalt()
    positions = twice.positions.copy()
    positions[1] = positions[0]
    assert prototype(dataclasses.replace(twice, positions=positions)) == UNKNOWN
    many = rocksalt().to_pymatgen() * (6, 6, 5)
    assert len(many) > MOST_SITES
    assert prototype(Crystal.from_pymatgen(many)) == UNKNOWN
