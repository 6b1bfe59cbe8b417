"""Structures as people hold them in Python: pymatgen, ASE, CIF text, paths, generators, tables."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from finished import Finished
from made_crystals import random_crystal, rocksalt
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

import screening
from screening import BettiTransformer
from screening.crystals import Crystal, as_crystal, as_crystals
from screening.errors import Code, InputError, Rejection, RejectionError
from screening.homology import periodic_barcodes


@pytest.fixture(scope="module")
def structure() -> Structure:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Structure.from_str(random_crystal(3), fmt="cif")


@pytest.fixture
def held(structure: Structure, tmp_path: Path) -> dict[str, Any]:
    """One crystal in every form."""
    (tmp_path / "x.cif").write_text(random_crystal(3))
    structure.to(filename=str(tmp_path / "x.json"))
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.write(tmp_path / "x.xsf", format="xsf")
    atoms.write(tmp_path / "POSCAR", format="vasp")
    return {
        "pymatgen": structure, "ASE": atoms, "text": random_crystal(3), "path": tmp_path / "x.cif",
        "path as text": str(tmp_path / "x.cif"), "json": tmp_path / "x.json", "xsf": tmp_path / "x.xsf",
        "POSCAR": tmp_path / "POSCAR", "Crystal": as_crystal(random_crystal(3)),
    }  # fmt: skip


def test_every_form_is_the_same_crystal(held: dict[str, Any]) -> None:
    formulas = {name: as_crystal(one).formula for name, one in held.items()}
    assert set(formulas.values()) == {"Li5PO3"}, formulas


def test_the_transformer_takes_them_all(held: dict[str, Any]) -> None:
    transformer = BettiTransformer(channels=("mobile", "anion")).fit([])
    rows = transformer.transform(list(held.values()))
    np.testing.assert_allclose(rows, np.broadcast_to(rows[0], rows.shape), rtol=1e-5, atol=1e-6)


def test_a_generator_and_a_table_work(structure: Structure) -> None:
    def generated() -> Iterator[Structure]:
        yield from [structure, structure]

    transformer = BettiTransformer(channels=("mobile",))
    wanted = transformer.fit_transform([structure, structure])
    np.testing.assert_array_equal(transformer.fit_transform(generated()), wanted)
    table = pd.DataFrame({"name": ["a", "b"], "structure": [structure, structure]})
    np.testing.assert_array_equal(transformer.fit_transform(table), wanted)
    np.testing.assert_array_equal(transformer.fit_transform(table["structure"]), wanted)
    with pytest.raises(InputError, match="give the column itself"):
        transformer.fit_transform(pd.DataFrame({"a": [structure], "b": [1]}))


def test_what_cannot_be_used_is_a_row_or_an_error(structure: Structure, tmp_path: Path) -> None:
    bad = [structure, "data_x\n_cell_length_a 1\n", tmp_path / "none.cif"]
    found = list(as_crystals(bad))
    assert isinstance(found[0], Crystal)
    assert [one.code for one in found[1:] if isinstance(one, Rejection)] == [Code.NO_ATOMS, Code.UNREADABLE]
    transformer = BettiTransformer(channels=("mobile",), on_error="nan").fit([])
    rows = transformer.transform(bad)
    assert np.isnan(rows[1:]).all()
    assert not np.isnan(rows[0]).all()
    assert set(transformer.rejections(bad)) == {1, 2}
    for wrong, says in (
        ([1], r"X\[0\]: int is none of these"),
        (structure, "a list of structures"),
        ("x.cif", "a list"),
    ):
        with pytest.raises(InputError, match=says):
            list(as_crystals(wrong))
    with pytest.raises(RejectionError, match="no-cell"):
        as_crystal(Atoms("LiF"))


def test_bars_have_default_radii_channels_and_a_short_form(structure: Structure, held: dict[str, Any]) -> None:
    everything = periodic_barcodes(structure)
    assert everything.r_cut == 5.0
    assert repr(everything).startswith(f"<PeriodicBarcode of {len(structure)} points up to 5 Å: ")
    assert "rings" in repr(everything)
    assert len(repr(everything)) < 120
    same = periodic_barcodes(structure, r_max=5.0)
    np.testing.assert_array_equal(everything.bars[0], same.bars[0])
    lithium = periodic_barcodes(structure, channel="mobile")
    assert (lithium.n_points, lithium.r_cut) == (5, 8.0)
    for name in ("ASE", "text", "path"):
        other = periodic_barcodes(held[name], channel="mobile")
        np.testing.assert_allclose(other.bars[1], lithium.bars[1], atol=2e-4)
    with pytest.raises(InputError, match="no channel"):
        periodic_barcodes(structure, channel="sodium")


def test_a_model_predicts_structures(finished_run: Finished, held: dict[str, Any]) -> None:
    run = screening.load(finished_run.run)
    given = [*held.values(), "data_x\n", rocksalt(anion="Cl").replace("Li", "Na")]
    table = screening.predict(run, given)
    assert len(table) == len(given)
    n_same = len(held)
    np.testing.assert_allclose(table["prediction"][:n_same], table["prediction"][0], atol=1e-6)
    assert (table["lower"][:n_same] <= table["prediction"][:n_same]).all()
    assert table["formula"][0] == "Li5PO3"
    assert table["rejected"].str.split(":").str[0].tolist() == [""] * n_same + ["no-atoms", "no-mobile-ion"]
    assert table["prediction"][n_same:].isna().all()
    pd.testing.assert_frame_equal(run.model.predict(given), table)
    pd.testing.assert_frame_equal(screening.predict(finished_run.run, iter(given)), table)
    pd.testing.assert_frame_equal(screening.predict(finished_run.run / "model", given), table)
    assert screening.predict(run, []).empty
    assert "<table" in run._repr_html_()


def test_predictions_are_those_of_the_ranking(finished_run: Finished) -> None:
    run = screening.load(finished_run.run)
    first = run.ranking.head(5)
    structures = [run.candidate(id).crystal for id in first["id"]]
    table = screening.predict(run, structures)
    np.testing.assert_allclose(table["prediction"], first["prediction"], rtol=1e-5)
    np.testing.assert_allclose(table["distance"], first["distance"], rtol=1e-4)
    assert table["nearest"].tolist() == first["nearest"].tolist()
    assert table["in_domain"].astype(bool).tolist() == first["in_domain"].tolist()
