"""The architecture page: its tables are those of the code, its order is the one that is held, what it names exists."""

from __future__ import annotations

import ast
import importlib.util
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "pyproject.toml").exists())
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
BEHAVIOURS = re.findall(r"`(screening[\w.]*:\w+)`", PAGE)


def _pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_pages_here", ROOT / "scripts" / "docs_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = _pages()


@pytest.mark.parametrize(("path", "name", "made"), PAGES.PARTS, ids=[name for _, name, _ in PAGES.PARTS])
def test_a_table_is_made_from_the_code(path, name, made):
    page = path.read_text(encoding="utf-8")
    assert page == PAGES.with_part(page, name, made()), "run: python scripts/docs_pages.py"


def test_every_module_is_in_the_table() -> None:
    package = ROOT / "screening"
    table = set(re.findall(r"^\| \**`([\w./]+)`\** \|", PAGES.module_table(), re.M))
    rooms = {f"{path.parent.relative_to(package)}/" for path in package.glob("*/__init__.py")}
    modules = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    doors = {f"{room}__init__.py" for room in rooms}
    assert table == (modules | rooms) - doors - {"__init__.py", "__main__.py"}


def test_every_module_says_what_it_does() -> None:
    for row in PAGES.module_table().splitlines()[2:]:
        words = row.split(" | ")[1].removesuffix(" |")
        assert len(words) > 15, row
        assert not re.search(r"\b(?:TODO|FIXME)\b", words)


def test_the_order_is_the_one_that_is_held() -> None:
    layers = next((ROOT / "tests").rglob("test_layers.py")).read_text(encoding="utf-8")
    held = next(
        ast.literal_eval(node.value)
        for node in ast.parse(layers).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ORDER"
    )
    named = [[room for room in level if not room.startswith("_")] for level in held]
    assert PAGES.import_order() == [level for level in named if level]


def test_behaviours_are_named() -> None:
    table = PAGE.split("things a user sees")[1].split("\n## ")[0]
    assert len(re.findall(r"^\| [^-|]", table, re.M)) == 12  # with the head
    assert all(":" in row for row in table.splitlines() if row.startswith("| ") and "what is seen" not in row)


@pytest.mark.parametrize("named", BEHAVIOURS)
def test_what_a_behaviour_names_exists(named: str) -> None:
    module, _, name = named.partition(":")
    assert callable(getattr(import_module(module), name))
