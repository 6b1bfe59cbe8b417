"""No block of twelve equal lines stands in two modules."""

from __future__ import annotations

import ast
from collections import defaultdict

import pytest
from paths import ROOT

LINES = 12


def code_lines(text: str) -> list[tuple[int, str]]:
    """Return the lines with their numbers, bare of indentation; blank ones, comments and imports are left out."""
    passed_over = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    bare = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, line) for number, line in bare if line and line[0] != "#" and number not in passed_over]


def repeated(texts: dict[str, str]) -> list[str]:
    """Return where blocks of `LINES` equal lines begin that stand in two modules."""
    places: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for name, text in texts.items():
        lines = code_lines(text)
        for begin in range(len(lines) - LINES + 1):
            block = tuple(line for _, line in lines[begin : begin + LINES])
            places[block].setdefault(name, lines[begin][0])
    return [
        " ~ ".join(f"{name}:{line}" for name, line in sorted(found.items()))
        for found in places.values()
        if len(found) > 1
    ]


@pytest.mark.parametrize("folder", ["screening", "scripts", "tests"])
def test_no_block_stands_in_two_modules(folder: str) -> None:
    paths = (ROOT / folder).rglob("*.py")
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}
    assert repeated(texts) == []


def test_a_repeated_block_is_seen() -> None:
    block = "".join(f"x{number} = {number}\n" for number in range(LINES))
    assert repeated({"a.py": f"import os\n{block}", "b.py": f"def f():\n    pass\n{block}"}) == ["a.py:2 ~ b.py:3"]
    assert repeated({"a.py": block, "b.py": block.replace("x5", "y5")}) == []
