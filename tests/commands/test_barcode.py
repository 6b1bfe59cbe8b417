"""The picture of one crystal."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_crystals import rocksalt

from screening.commands.barcode import draw, sublattices
from screening.config import Config
from screening.crystals.cif import read_cif
from screening.errors import InputError


def test_sublattices_of_rocksalt_hold_what_the_lattice_says() -> None:
    """Li in LiCl is fcc, neighbours at a / sqrt 2 = 3.635 Å: a component dies where it becomes endless."""
    config = Config()
    crystal = read_cif(rocksalt().encode(), id="LiCl", source="LiCl.cif", limits=config.input)
    drawn = sublattices(crystal, config)
    assert set(drawn) == {"Li", "anion", "framework", "all"}  # no other cation
    lithium = drawn["Li"]
    assert lithium.bars[0].tolist() == [[0.0, pytest.approx(5.14 / 2**0.5, abs=1e-4)]]
    assert lithium.betti[0][:36].tolist() == [1.0] * 36
    assert lithium.betti[0][36:].max() == 0.0
    assert lithium.ranks[3][36:].tolist() == [1.0] * 44


@pytest.mark.parametrize("suffix", [".svg", ".png", ".html"])
def test_same_crystal_same_bytes_and_escaped(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "a<b>&$x$.cif"
    path.write_text(rocksalt())
    config = Config.model_validate({"cloud": {"channels": ["mobile", "anion"]}})
    for name in ("one", "two"):
        draw(str(path), tmp_path / f"{name}{suffix}", config)
    data = (tmp_path / f"one{suffix}").read_bytes()
    assert data == (tmp_path / f"two{suffix}").read_bytes()
    assert len(data) > 5000
    assert b"<b>" not in data


def test_mistakes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.cif"
    path.write_text(rocksalt())
    with pytest.raises(InputError, match=r"\.svg"):
        draw(str(path), tmp_path / "x.bmp", Config())
    path.write_text("data_x\n")
    with pytest.raises(InputError, match="no-atoms"):
        draw(str(path), tmp_path / "x.svg", Config())
