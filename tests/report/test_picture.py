"""The small picture of a crystal: the page's colours and first view, every species to be seen, the same bytes again."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from made_crystals import random_crystal
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from screening.config import Config, FeatureSettings
from screening.crystals import Crystal
from screening.crystals.cif import read_cif
from screening.report import picture as drawn_by
from screening.report.picture import SIDE, first_view, picture, species_colours
from screening.report.structures import atoms

SETTINGS = FeatureSettings()
SCRIPT = Path(drawn_by.__file__).parent / "templates" / "structure.js"


def crystal(seed: int = 3) -> Crystal:
    return read_cif(random_crystal(seed).encode(), id="x", source="", limits=Config().input)


def test_colours_and_view_are_those_of_the_page() -> None:
    script = SCRIPT.read_text(encoding="utf-8")
    asked = {1: "#ffffff", 3: "#cc80ff", 8: "#ff0d0d", 16: "#ffff30", 109: "#eb0026", 110: "#b0b0b0"}
    assert species_colours([[number] for number in asked]) == asked
    assert 'this.view = multiply(turn("y", 0.5), turn("x", 0.3));' in script
    view = first_view()
    np.testing.assert_allclose(view @ view.T, np.eye(3), atol=1e-15)
    assert np.linalg.det(view) == pytest.approx(1.0)
    np.testing.assert_allclose(np.array([0.0, 1.0, 0.0]) @ view, [0, np.cos(0.3), np.sin(0.3)], atol=1e-15)
    np.testing.assert_allclose((np.array([1.0, 0.0, 0.0]) @ view)[0], np.cos(0.5), atol=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_every_species_is_seen_and_the_bytes_come_again(seed: int) -> None:
    settings = SETTINGS
    found = crystal(seed)
    data = picture(found, settings)
    assert data is not None
    assert data == picture(found, settings)
    pixels = imread(io.BytesIO(data))
    assert pixels.shape[:2] == (SIDE, SIDE)
    for colour in species_colours(atoms(found, settings)["atoms"]).values():
        near = np.abs(pixels[..., :3] - to_rgb(colour)).max(axis=2) < 0.01
        assert near.sum() > 10


def test_a_cell_of_too_many_sites_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_by, "SITES_DRAWN", 1)
    assert picture(crystal(), SETTINGS) is None
