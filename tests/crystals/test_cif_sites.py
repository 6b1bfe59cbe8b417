"""Special positions, images and copies of atoms, and the laws that hold for them."""

from __future__ import annotations

import itertools

import gemmi
import numpy as np
import pytest
from cif_blocks import block, images, read
from hypothesis import example, given, settings
from hypothesis import strategies as st

from screening.crystals.sites import COPY_TOLERANCE, FULL_TOLERANCE, SPECIAL_TOLERANCE

HEXAGONAL = (9, 9, 7, 90, 90, 120)
LI3N = (6.03, 6.03, 6.03, 90, 90, 120)
MULTIPLICITY = "label type_symbol fract_x fract_y fract_z symmetry_multiplicity occupancy"
ANTIPEROVSKITE = (3.907, 3.907, 3.907, 90, 90, 90)


def counts(text: bytes) -> tuple[dict[str, float], int]:
    crystal = read(text)
    return crystal.composition(), crystal.n_sites


@pytest.mark.parametrize("x", ["0.33", "0.34", ".333", "0.3300", "1/3", "0.33(1)", "0.33333333"])
@pytest.mark.parametrize("y", ["0.67", "0.66", "0.6700", "2/3"])
def test_thirds_with_few_decimals_are_thirds(x: str, y: str) -> None:
    crystal = read(block(f"Li1 Li {x} {y} .1 1\nCl1 Cl 0 0 .5 1", cell=HEXAGONAL, group="P 3"))
    assert (crystal.composition(), crystal.n_sites) == ({"Li": 1, "Cl": 1}, 2)
    np.testing.assert_allclose(crystal.positions[0, :2], [1 / 3, 2 / 3], atol=1e-12)
    assert "contact" not in crystal.flags


@pytest.mark.parametrize("z", ["0.12", "0.13", "0.125", ".1250"])
def test_eighths_with_two_decimals_are_eighths(z: str) -> None:
    """8a of F d -3 m, origin 2: eight atoms, the images of a general place beside it would be 32 or more."""
    rows = f"Li1 Li {z} {z} {z} 1\nMn1 Mn .5 .5 .5 1\nO1 O .2627 .2627 .2627 1"
    assert counts(block(rows, cell=(8.25, 8.25, 8.25, 90, 90, 90), group="F d -3 m :2")) == (
        {"Li": 8, "Mn": 16, "O": 32}, 56,
    )  # fmt: skip


def test_li3n_with_two_decimals() -> None:
    rows = "Li1 Li .33 .67 .58 1\nLi2 Li 0 0 .25 1\nN1 N .33 .67 .25 1"
    crystal = read(block(rows, cell=LI3N, group="P 63/m m c", chemical_formula_sum="Li3 N"))
    assert (crystal.composition(), crystal.n_sites, crystal.flags) == ({"Li": 6, "N": 2}, 8, ())


@pytest.mark.parametrize("multiplicity", [1, 3])
def test_thirds_stay_one_site_whatever_the_multiplicity(multiplicity: int) -> None:
    """3 is the order of the site symmetry, as SHELX-97 wrote it: no contradiction."""
    rows = f"Li1 Li .33 .67 .1 {multiplicity} 1\nCl1 Cl 0 0 .5 {multiplicity} 1"
    crystal = read(block(rows, columns=MULTIPLICITY, cell=HEXAGONAL, group="P 3"))
    assert (crystal.n_sites, crystal.flags) == (2, ())


@pytest.mark.parametrize(("x", "y", "order"), [("0.3333", "0.6667", 6), ("0.333", "0.667", 6), ("1/3", "2/3", 2)])
def test_a_site_is_never_split_below_rounding(x: str, y: str, order: int) -> None:
    rows = f"Li1 Li {x} {y} 0 {order} 1\nI1 I {x} {y} .375 2 1"
    crystal = read(block(rows, columns=MULTIPLICITY, cell=(4, 4, 6.5, 90, 90, 120), group="P 63 m c",
                         chemical_formula_sum="Li I", cell_formula_units_Z=2))  # fmt: skip
    assert (crystal.composition(), crystal.n_sites, crystal.flags) == ({"Li": 2, "I": 2}, 4, ())


@pytest.mark.parametrize("occupancy", [0.5, 0.51, 0.2])
@pytest.mark.parametrize("offset", [0.01, 0.03, SPECIAL_TOLERANCE - 0.004, 0.3])
def test_partial_sites_beside_a_mirror_keep_their_count(occupancy: float, offset: float) -> None:
    """Images that have room side by side are two halves of one atom, however near the mirror."""
    x = f"{offset / 2 / 10:.6f}"
    crystal = read(block(f"Li1 Li {x} .2123 .3123 {occupancy}", cell=(10, 11, 12, 90, 90, 90), group="P m m m"))
    assert crystal.n_sites == 8
    assert "contact" not in crystal.flags


@pytest.mark.parametrize(
    ("occupancy", "offset", "sites"),
    [
        (0.52, SPECIAL_TOLERANCE - 0.002, 4),  # two images would fill 1.04 of a place
        (0.52, SPECIAL_TOLERANCE + 0.002, 8),
        (1.0, SPECIAL_TOLERANCE - 0.002, 4),
        (1.0, SPECIAL_TOLERANCE + 0.002, 8),
    ],
)
def test_the_tolerance_of_special_positions_from_both_sides(occupancy: float, offset: float, sites: int) -> None:
    x = f"{offset / 2 / 10:.6f}"
    crystal = read(block(f"Li1 Li {x} .2123 .3123 {occupancy}", cell=(10, 11, 12, 90, 90, 90), group="P m m m"))
    assert crystal.n_sites == sites
    assert ("contact" in crystal.flags) is (sites == 8)


@pytest.mark.parametrize(("length", "sites"), [(10, 2), (49, 2), (51, 6)])
def test_rounding_explains_at_most_the_full_tolerance(length: float, sites: int) -> None:
    """The images of (0.33, 0.67) are a hundredth of the cell's length apart."""
    assert (0.01 * length < FULL_TOLERANCE) is (sites == 2)
    rows = "Li1 Li .33 .67 .1 1\nCl1 Cl .33 .67 .6 1"
    crystal = read(block(rows, cell=(length, length, 30, 90, 90, 120), group="P 3"))
    assert crystal.n_sites == sites
    assert ("contact" in crystal.flags) is (sites == 6)


def test_mixed_site_with_two_decimals_counts_as_full() -> None:
    rows = "Li1 Li .3300 .6700 .1 .5\nNa1 Na .3300 .6700 .1 .5"
    assert counts(block(rows, cell=HEXAGONAL, group="P 3")) == ({"Li": 0.5, "Na": 0.5}, 1)


def test_a_stated_multiplicity_decides_about_partial_sites() -> None:
    cell = (10, 11, 12, 90, 90, 90)
    for stated, sites in ((8, 8), (4, 4)):
        rows = f"Li1 Li .002 .2 .3 {stated} .5"
        assert read(block(rows, columns=MULTIPLICITY, cell=cell, group="P m m m")).n_sites == sites


def test_the_formula_decides_where_occupancies_do_not() -> None:
    """Half an atom 0.02 Å from a mirror: on it or beside it."""
    for formula, sites in (("Li1 O1", 4), ("Li2 O1", 8)):
        text = block("Li1 Li .001 .2123 .3123 .5\nO1 O 0 .7 .7 .5", cell=(10, 11, 12, 90, 90, 90), group="P m m m",
                     chemical_formula_sum=formula)  # fmt: skip
        crystal = read(text)
        assert "formula" not in crystal.flags
        assert (crystal.numbers == 3).sum() == sites


ALL_ATOMS = {
    "antiperovskite": ("P m -3 m", ANTIPEROVSKITE, [("Li", (0, 0.5, 0.5)), ("O", (0.5, 0.5, 0.5)), ("Cl", (0, 0, 0))]),
    "rocksalt": ("F m -3 m", (5.14, 5.14, 5.14, 90, 90, 90), [("Li", (0, 0, 0)), ("Cl", (0.5, 0.5, 0.5))]),
    "general": ("P 21/c", (7, 8, 9, 90, 100, 90), [("Li", (0.11, 0.22, 0.33)), ("O", (0.41, 0.62, 0.23))]),
    "nitride": ("P 6/m m m", (3.65, 3.65, 3.87, 90, 90, 120),
                [("Li", (1 / 3, 2 / 3, 0)), ("Li", (0, 0, 0.5)), ("N", (0, 0, 0))]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ALL_ATOMS)
@pytest.mark.parametrize("decimals", [6, 3])
@pytest.mark.parametrize("occupancy", [1.0, 0.6, 0.2])
def test_all_atoms_listed_beside_the_operations(kind: str, decimals: int, occupancy: float) -> None:
    group, cell, atoms = ALL_ATOMS[kind]
    places = [(symbol, place) for symbol, at in atoms for place in images(group, at)]
    rows = "\n".join(
        f"{symbol}{n} {symbol} {' '.join(f'{value:.{decimals}f}' for value in place)} {occupancy}"
        for n, (symbol, place) in enumerate(places)
    )
    crystal = read(block(rows, cell=cell, group=group))
    assert crystal.n_sites == len(places)
    assert sum(crystal.composition().values()) == pytest.approx(occupancy * len(places))
    assert "occupancy" not in crystal.flags
    assert "listed-twice" in crystal.flags or len(places) == len(atoms)


@pytest.mark.parametrize("label", ["own", "same"])
@pytest.mark.parametrize("occupancy", [1.0, 0.5])
def test_copies_on_cell_faces(label: str, occupancy: float) -> None:
    atoms = [
        ("Li", (0, 0.5, 0.5)),
        ("Li", (0.5, 0, 0.5)),
        ("Li", (0.5, 0.5, 0)),
        ("O", (0.5, 0.5, 0.5)),
        ("Cl", (0, 0, 0)),
    ]
    rows, n = [], 0
    for k, (symbol, place) in enumerate(atoms):
        for copy in itertools.product(*[(v, v + 1) if v == 0 else (v,) for v in place]):
            n += 1
            rows.append(f"{symbol}{k if label == 'same' else n} {symbol} {' '.join(map(str, copy))} {occupancy}")
    assert len(rows) == 15
    crystal = read(block("\n".join(rows), cell=ANTIPEROVSKITE))
    assert crystal.composition() == {"Li": 3 * occupancy, "O": occupancy, "Cl": occupancy}
    assert crystal.n_sites == 5
    assert "listed-twice" in crystal.flags


@pytest.mark.parametrize("offset", [0.0, 0.0004, COPY_TOLERANCE - 0.001])
def test_the_same_full_atom_twice_is_one(offset: float) -> None:
    rows = f"Li1 Li .1 .2 .3 1\nLi2 Li {0.1 + offset / 10:.6f} .2 .3 1\nO1 O .5 .5 .5 1"
    crystal = read(block(rows, cell=(10, 10, 10, 90, 90, 90)))
    assert (crystal.composition(), crystal.n_sites) == ({"Li": 1, "O": 1}, 2)
    np.testing.assert_allclose(crystal.positions[0], [0.1 + offset / 20, 0.2, 0.3], atol=1e-6)
    assert "contact" not in crystal.flags


def test_two_full_atoms_beyond_the_tolerance_of_copies_stay_two_with_a_flag() -> None:
    rows = f"Li1 Li .1 .2 .3 1\nLi2 Li {0.1 + (COPY_TOLERANCE + 0.001) / 10:.6f} .2 .3 1"
    crystal = read(block(rows, cell=(10, 10, 10, 90, 90, 90)))
    assert crystal.n_sites == 2
    assert "contact" in crystal.flags


def test_what_shares_a_place_is_no_copy() -> None:
    """Two ions of one element, two halves under two labels, and two elements."""
    for rows in ("Fe1 Fe2+ 0 0 0 .5\nFe2 Fe3+ 0 0 0 .5", "Li1 Li 0 0 0 .5\nLi2 Li 0 0 0 .5"):
        assert sum(read(block(rows)).composition().values()) == 1.0
    both = read(block("Li1 Li 0 0 0 1\nNa1 Na 0 0 0 1"))
    assert both.composition() == {"Li": 1, "Na": 1}
    assert "occupancy" in both.flags


def test_halves_of_a_split_site_across_a_face_are_no_copies() -> None:
    crystal = read(block("Li1 Li .001 .2 .3 .5\nLi2 Li .999 .2 .3 .5", cell=(10, 10, 10, 90, 90, 90)))
    assert (crystal.composition(), crystal.n_sites) == ({"Li": 1}, 2)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_halves_at_one_place_and_a_copy_of_one_of_them_are_two_halves_in_any_order(order: tuple[int, ...]) -> None:
    """Two labels share a place; the third row is one of them, listed again a cell further."""
    rows = ("Li1 Li 0 .002 .002 .5", "Li2 Li 0 .002 .002 .5", "Li1b Li 0 .002 1.002 .5")
    crystal = read(block("\n".join(rows[k] for k in order), cell=(7, 7, 9, 90, 90, 90)))
    assert crystal.composition() == {"Li": 1.0}


def as_set(crystal) -> list[tuple[object, ...]]:
    return sorted(
        (int(n), round(float(o), 9), *(round(float(v) % 1.0, 6) % 1.0 for v in p))
        for n, o, p in zip(crystal.numbers, crystal.occupancies, crystal.positions, strict=True)
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
@example(65534)
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    """Neither of atoms beside elements of symmetry nor of copies."""
    rng = np.random.default_rng(seed)
    group = ("P m m m", "P 3", "P -1", "P 4/n m m", "I m m m")[seed % 5]
    cell = HEXAGONAL if group == "P 3" else (7, 7, 9, 90, 90, 90)
    rows = []
    for n in range(int(rng.integers(2, 6))):
        symbol, occupancy = ("Li", "O", "Na")[rng.integers(3)], (1.0, 0.5, 0.6)[rng.integers(3)]
        place = rng.choice([0.0, 0.5, 0.33, 0.67, 0.002, 0.2], 3)
        rows.append(f"{symbol}{n} {symbol} {' '.join(map(str, place))} {occupancy}")
        if rng.random() < 0.5:
            moved = [f"{value + rng.integers(2) + rng.choice([0, 0.00004]):.5f}" for value in place]
            rows.append(f"{symbol}{n}b {symbol} {' '.join(moved)} {occupancy}")
    base = read(block("\n".join(rows), cell=cell, group=group))
    other = read(block("\n".join(rows[k] for k in rng.permutation(len(rows))), cell=cell, group=group))
    assert as_set(base) == as_set(other)
    assert base.flags == other.flags


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_another_cell_changes_no_composition(seed: int) -> None:
    """All atoms in P 1, in the cell and in a doubled one, listed once or with their copies on the faces."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 6, (4, 3)) / 6
    places = np.unique(places, axis=0)
    occupancy = float(rng.choice([1.0, 0.7]))
    symbols = [("Li", "O", "P", "S")[k] for k in range(len(places))]
    doubled = []
    for symbol, place in zip(symbols, places, strict=True):
        for cell in (0, 1):
            x, y, z = (place[0] + cell) / 2, place[1], place[2]
            doubled.append((symbol, (x, y, z)))
            doubled += [(symbol, (x + 1, y, z))] if x == 0 else []
            doubled += [(symbol, (x, y + 1, z))] if y == 0 else []

    def rows(atoms) -> str:
        return "\n".join(f"A{n} {s} {' '.join(f'{v:.6f}' for v in p)} {occupancy}" for n, (s, p) in enumerate(atoms))

    small = read(block(rows(zip(symbols, places, strict=True)), cell=(12, 12, 12, 90, 90, 90)))
    large = read(block(rows(doubled), cell=(24, 12, 12, 90, 90, 90)))
    assert large.n_sites == 2 * small.n_sites
    assert large.composition() == pytest.approx({k: 2 * v for k, v in small.composition().items()})


@pytest.mark.parametrize("number", range(143, 231, 3))
def test_two_decimals_give_the_images_of_exact_places(number: int) -> None:
    """Orbit lengths of special places typed with two decimals, against gemmi's of the exact ones."""
    group = gemmi.find_spacegroup_by_number(number)
    hexagonal = group.crystal_system_str() in {"trigonal", "hexagonal"}
    cell = (9, 9, 9, 90, 90, 120) if hexagonal else (9, 9, 9, 90, 90, 90)
    for place in ((1 / 3, 2 / 3, 0.25), (0.125, 0.125, 0.125), (0.25, 0.25, 0.25), (0.5, 0, 0.25)):
        if not hexagonal and place[0] == 1 / 3:
            continue
        rows = f"Li1 Li {' '.join(f'{value:.2f}' for value in place)} 1"
        assert read(block(rows, cell=cell, group=group.xhm())).n_sites == len(images(group.xhm(), place)), place
