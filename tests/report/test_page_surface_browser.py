"""Cavities in a real browser: the closed surface around one, drawn where its bar says and told in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_browser import CHROMIUM, choose

from screening.config import Config
from screening.crystals.cif import read_cif

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")
# Of every cavity with a surface: [rank, channel, place in the list, birth, corners, faces, longest edge, open edges].
FOUND = """async () => { const { core: { data }, source: { source }, holes: { holeOf } } = screeningPage;
    const { vectors: { apply, less, plus } } = screeningPage;
    const found = [];
    for (let at = 0; at < data.rows.length; at++) {
      const { structure } = await source.detail({ at, cells: data.rows[at] });
      for (const { label, bars } of structure?.channels ?? []) bars.forEach((bar, k) => {
        if (!bar.surface) return;
        const view = { position: ([n, ...t]) => plus(structure.atoms[n].slice(3, 6), t), lattice: structure.lattice };
        const { shapes: [surface, closing] } = holeOf(view, bar, 0);
        const at3 = surface.corners.map((corner) => apply(corner.at, structure.lattice));
        const longest = Math.max(...surface.edges.map(([i, j]) => Math.hypot(...less(at3[i], at3[j]))));
        const sides = {};
        for (const face of surface.faces) face.forEach((i, n) => {
          const edge = [i, face[(n + 1) % 3]].sort((p, q) => p - q).join();
          sides[edge] = (sides[edge] ?? 0) + 1; });
        const open = Object.values(sides).filter((n) => n % 2).length;
        found.push([at + 1, label, k, bar.birth, surface.corners.length, surface.faces.length, longest, open,
          closing.kind, Object.keys(sides).length === surface.edges.length]); }); }
    return found; }"""
INK = """c => { const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height); let n = 0;
    for (let k = 0; k < data.length; k += 4) n += data[k + 3] > 20 && data[k] < 40 && data[k + 2] > 140; return n; }"""


def test_surfaces_are_closed_and_as_long_as_their_births(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    found = page.evaluate(FOUND)
    assert len(found) >= 3
    for _, _, _, birth, corners, faces, longest, open_edges, kind, same in found:
        assert corners >= 4
        assert faces >= 4
        assert longest == pytest.approx(birth, abs=5e-3)  # of sites that were merged the middle of atoms is drawn
        assert (open_edges, kind, same) == (0, "death", True)


@pytest.mark.parametrize("size", [pytest.param((1440, 900), marks=pytest.mark.slow), (390, 844)])
def test_a_surface_is_drawn_and_told(report: Path, visit: Callable[..., Any], size: tuple[int, int]) -> None:
    page = visit(report, width=size[0], height=size[1])
    rank, channel, place, birth, corners, faces, *_ = page.evaluate(FOUND)[0]
    choose(page, rank)
    page.wait_for_selector("canvas.structure")
    page.locator("#detail select").filter(has_text=" points").select_option(channel)
    for box in page.locator("#detail .species input").all():
        box.uncheck()
    canvas = page.locator("canvas.structure")
    bare = canvas.evaluate(INK)
    page.locator("#detail .bars").select_option(index=place)
    told = page.locator("#detail .part > .note[role=status]").last.text_content()
    kind = "" if channel == "all" else f"{channel} "
    assert f"{faces} triangles of {corners} " in told
    assert told.startswith("The surface encloses the cavity: ")
    assert f"the longest edge {birth:.2f} Å" in told
    assert kind in told or "all" in channel
    assert canvas.get_attribute("aria-label").endswith(f"Lit up: {told}")
    assert canvas.evaluate(INK) > bare + 500
    page.click("#detail button:has-text('Light off')")
    assert canvas.evaluate(INK) == bare


def test_atoms_of_a_hole_are_told_by_label_and_copy(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 5)
    page.wait_for_selector("canvas.structure")
    file = report.parent.parent / "crystals" / "c0016.cif"
    crystal = read_cif(file.read_bytes(), id="c0016", source="", limits=Config().input)
    page.locator("#detail .bars").select_option(index=0)
    told = page.locator("#detail .part > .note[role=status]").last.text_content()
    atoms = told.split("Atoms: ")[1].split(". Equal")[0].rstrip(".").split(" and ")[0].split(", ")
    assert len(atoms) >= 2
    assert {atom.split("+(")[0] for atom in atoms} <= set(crystal.atom_names())
    assert all(label in file.read_text() for label in (atom.split("#")[0].split("+(")[0] for atom in atoms))


def test_what_has_no_surface_says_why(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    told = """bar => screeningPage.holes.Holes.prototype.enclosure.call({ member: 0 }, bar, "Li ")"""
    assert page.evaluate(told, {"dim": 2, "surface": None}).startswith("No closed surface around it was found within")
    assert page.evaluate(told, {"dim": 2}).startswith("A closed surface is looked for around the most persistent")
