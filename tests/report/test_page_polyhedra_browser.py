"""Coordination polyhedra in a real browser: hulls as SciPy finds them, and faces that a switch draws."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_browser import CHROMIUM, axe_finds, choose
from scipy.spatial import ConvexHull

pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")
HULL = "points => screeningPage.polyhedra.hull(points)"
AROUND = """([lattice, sites]) => [...screeningPage.polyhedra.coordination(sites.map(([z, role, at]) =>
    ({ parts: [[z, 1]], role, at })), lattice).values()].map(({ corners, faces }) => [corners.length, faces])"""
A = 5.13  # Å, of LiCl


def volume(points: np.ndarray, faces: list[list[int]]) -> float:
    """The volume that faces enclose, from their fans of triangles seen from the middle, each as it lies."""
    middle = points.mean(axis=0)
    fans = [(face[0], face[k], face[k + 1]) for face in faces for k in range(1, len(face) - 1)]
    return sum(abs(np.linalg.det(points[list(fan)] - middle)) / 6 for fan in fans)


def test_hulls_are_those_of_scipy(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    rng = np.random.default_rng(5)
    for n in [4, 5, 6, 8, 9, 12, 16] * 4:
        points = rng.normal(size=(n, 3)) * 2
        faces = page.evaluate(HULL, points.tolist())
        exact = ConvexHull(points)
        assert {frozenset(face) for face in faces} == {frozenset(face) for face in exact.simplices.tolist()}
        assert volume(points, faces) == pytest.approx(exact.volume, rel=1e-9)


@pytest.mark.parametrize(
    ("points", "corners"),
    [
        ([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], [3] * 4),
        ([[2, 0, 0], [-2, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 2], [0, 0, -2]], [3] * 8),
        ([list(one) for one in product([-1.3, 1.3], repeat=3)], [4] * 6),
        ([[2, 0, 0], [-1, 1.7, 0], [-1, -1.7, 0]], [3]),  # flat: as around boron and carbon
        ([[2, 0, 0], [0, 2, 0], [-2, 0, 0], [0, -2, 0]], [4]),
        ([[2, 0, 0], [1, 0, 0], [-2, 0, 0]], []),  # a line
        ([[0, 0, 0], [1, 0, 0]], []),
    ],
    ids=["tetrahedron", "octahedron", "cube", "triangle", "square", "line", "pair"],
)
def test_known_hulls(report: Path, visit: Callable[..., Any], points: list[list[float]], corners: list[int]) -> None:
    page = visit(report)
    tilt = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turned = np.array(points) @ tilt + [3, -1, 7]
    faces = page.evaluate(HULL, turned.tolist())
    assert sorted(len(face) for face in faces) == corners
    if len(corners) > 2:
        assert volume(turned, faces) == pytest.approx(ConvexHull(turned).volume, rel=1e-9)
        # Neighbours in a face share an edge with one other face: it is a closed surface of ordered polygons.
        edges = [frozenset((face[k - 1], face[k])) for face in faces for k in range(len(face))]
        assert all(edges.count(edge) == 2 for edge in edges)


def test_anions_beyond_the_cell_are_corners_too(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    cell = (A * np.eye(3)).tolist()
    faces: list[list[float]] = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    salt: list[Any] = [[3, 0, at] for at in faces]
    salt += [[17, 1, [x + 0.5, y, z]] for x, y, z in faces]
    found = page.evaluate(AROUND, [cell, salt])
    assert [(n, len(shape)) for n, shape in found] == [(6, 8)] * 4  # octahedra of the mobile ion: there is no other
    phosphate: list[Any] = [[15, 2, [0, 0, 0]], [3, 0, [0.5, 0.5, 0.5]]]
    phosphate += [[8, 1, [0.15 * s, 0.15 * t, 0.15 * s * t]] for s, t in product([1, -1], repeat=2)]
    found = page.evaluate(AROUND, [(6 * np.eye(3)).tolist(), phosphate])
    assert [(n, len(shape)) for n, shape in found] == [(4, 4)]  # of phosphorus alone


def test_a_switch_draws_them(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    choose(page, 5)
    canvas = page.locator("canvas.structure")
    before = canvas.evaluate("c => c.toDataURL()")
    switch = page.locator("#detail label:has-text('polyhedra') input")
    assert not switch.is_checked()
    switch.check()
    assert canvas.evaluate("c => c.toDataURL()") != before or page.locator("#detail label:has-text('none:')").count()
    switch.uncheck()
    assert canvas.evaluate("c => c.toDataURL()") == before
    drawn = page.evaluate(
        """() => { const { structure: { Structure }, vectors: { less } } = screeningPage;
        const box = document.createElement("div");
        document.body.append(box);
        const atoms = [[15, 0, 2, 0.5, 0.5, 0.5, 1], [3, 5, 0, 0.1, 0.1, 0.1, 1]];
        [[1, 1], [1, -1], [-1, 1], [-1, -1]].forEach(([s, t], k) =>
          atoms.push([8, k + 1, 1, 0.5 + 0.15 * s, 0.5 + 0.15 * t, 0.5 + 0.15 * s * t, 1]));
        const view = new Structure(box, { lattice: [[6, 0, 0], [0, 6, 0], [0, 0, 6]], atoms }, "x");
        const ink = () => { const { data } = view.canvas.getContext("2d")
            .getImageData(0, 0, view.canvas.width, view.canvas.height);
          let n = 0; for (let k = 3; k < data.length; k += 4) n += data[k] > 40; return n; };
        const plain = ink();
        const labels = [...box.querySelectorAll("label")];
        labels.find((one) => one.textContent.includes("polyhedra")).querySelector("input").click();
        const found = [view.faces.length, view.faces.every((face) => face.points.length === 3), ink() > plain + 300];
        view.repeat = 3; view.rebuild();
        found.push(view.faces.length);
        box.remove();
        return found; }"""
    )
    assert drawn == [4, True, True, 108]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), pytest.param(390, "dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_where_they_are_drawn(report: Path, browser: Any, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    page.goto(report.as_uri())
    page.wait_for_selector("#detail .waterfall", state="attached")
    choose(page, 5)
    page.locator("#detail label:has-text('polyhedra') input").check()
    found, kept = axe_finds(page)
    assert found == {}
    assert kept > 15
    context.close()
